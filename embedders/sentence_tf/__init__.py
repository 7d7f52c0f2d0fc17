"""Any sentence-transformers model as `st:NAME`, a hub name or a folder: text, images, audio, video as far as it has them."""
