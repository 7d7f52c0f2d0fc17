"""Anyseek: semantic search over folders of mixed media, from any modality to any other."""

__version__ = "0.1.0"
