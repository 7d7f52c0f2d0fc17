"""Any sentence-transformers model as `st:NAME`, a hub name or a folder: text, image and audio as far as it has them."""
