"""Exact search as a store: nothing to build, nothing to lose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.stores.backend import State, StoreBackend
from anyseek.stores.backend_options import StoreOptions, option

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import VectorStore

EXACT_NUMBERS = 40_000_000
"""Rows times dimensions up to which exact search is fast enough: 80 MB of float16, some 100,000 vectors of 384 numbers,
scanned in 20 ms."""


@dataclass(frozen=True)
class ExactOptions(StoreOptions):
    """device: where vectors are searched; without a GPU, "gpu" means the processor too."""

    device: str = option("cpu", "Where vectors are searched.", choices=("cpu", "gpu"), metavar="cpu|gpu")


class ExactBackend(StoreBackend[ExactOptions]):
    """Every allowed row is scored, on the processor or on GPUs."""

    options_type = ExactOptions
    is_exact = True
    deadline_s = None

    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore | None:
        """None where there is no GPU to search on: then the registry's exact store answers. Raises MissingExtra."""
        from anyseek.stores import faiss_file

        if self.options.device == "gpu" and faiss_file.is_installed():
            from anyseek.stores import faiss_gpu

            return faiss_gpu.open_on_gpus(snapshot, space, None)
        return None

    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        """All rows; with a remark where an approximate search would be faster and is not installed."""
        from anyseek.stores import faiss_file

        remark = ""
        if is_large(space) and not faiss_file.is_installed():
            remark = 'searches would be faster with FAISS: pip install "anyseek[faiss]"'
        name = f"exact{on_device(self.options.device)}"
        return State(name, space.rows, space.rows, remark=remark)


def is_large(space: SpaceRecord) -> bool:
    """Whether exact search is no longer fast enough."""
    return space.rows * space.card.dim > EXACT_NUMBERS


def on_device(device: str) -> str:
    """What is added to the name of a store that may search on GPUs."""
    return ", on GPUs where there are any" if device == "gpu" else ""
