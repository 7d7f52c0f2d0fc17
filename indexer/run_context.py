"""What all parts of one run share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseek.contracts import Embedder, SeenFile
from anyseek.opening import FileBelow

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.indexer.options import IndexOptions, StopCall
    from anyseek.indexer.reporter import Reporter
    from anyseek.indexer.run_state import RunState


@dataclass(frozen=True, slots=True, eq=False)
class RunContext:
    """One run. started_s: by the monotonic clock. started_ns: by the clock that stamps files."""

    catalog: Catalog
    embedder: Embedder
    options: IndexOptions
    state: RunState
    reporter: Reporter
    stop: StopCall
    started_s: float
    started_ns: int

    def path_of(self, seen: SeenFile) -> str:
        """The absolute path."""
        return os.path.join(self.state.roots[seen.root], seen.path)

    def file_of(self, seen: SeenFile) -> FileBelow:
        """To be opened."""
        return FileBelow(os.fspath(self.state.roots[seen.root]), seen.path)
