"""Any sentence-transformers model, `st:NAME` (hub name or folder): text, images, audio, video as far as it has them."""
