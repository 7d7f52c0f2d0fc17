"""Makes folders and their index agree: scan, compare, decode, embed, commit."""

from anyseek.indexer.forget import Forgotten, forget
from anyseek.indexer.options import IndexOptions, Progress
from anyseek.indexer.reindex import Reindexed, reindex
from anyseek.indexer.run import update

__all__ = ["Forgotten", "IndexOptions", "Progress", "Reindexed", "forget", "reindex", "update"]
