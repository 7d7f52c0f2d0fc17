"""The rule for those who choose nothing, from the measurements in docs/stores.md: exact search up to EXACT_NUMBERS
numbers, which is fast enough and needs nothing; past that a FAISS index where FAISS is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyseek.stores.exact_backend import ExactBackend, ExactOptions, is_large
from anyseek.stores.faiss_backend import FaissBackend, FaissOptions

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.stores.backend import StoreBackend

AutoOptions = FaissOptions
"""What is chosen for the day when the index is large."""


def backend_for(space: SpaceRecord, options: AutoOptions) -> StoreBackend[Any]:
    """What answers for a space of this size."""
    from anyseek.stores import faiss_file

    if is_large(space) and faiss_file.is_installed():
        return FaissBackend(options)
    return ExactBackend(ExactOptions(options.device))
