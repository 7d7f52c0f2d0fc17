"""FAISS as a store: when its file (faiss_file.py) is built, extended, tuned, and searched (faiss_store.py, or
faiss_gpu.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from anyseek.errors import UsageError
from anyseek.stores.backend import State, StoreBackend, SyncRequest
from anyseek.stores.backend_options import option, recall_option
from anyseek.stores.exact_backend import ExactBackend, ExactOptions, on_device

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.contracts import VectorStore
    from anyseek.stores.faiss_file import Description

# A file is extended when so many rows lie behind it (they are searched exactly until then), and built again when the
# index has outgrown the cells that it was divided into.
LATE_ROWS, LATE_SHARE, OUTGROWN = 20_000, 0.1, 2.0

_MISSING = "the FAISS file is missing or not to be trusted; to build it again: anyseek index"


@dataclass(frozen=True)
class FaissOptions(ExactOptions):
    """kind: an inverted file or a graph. recall: promised, of the true best ten."""

    kind: Literal["ivf", "hnsw"] = option(
        "ivf", "A FAISS index of cells (ivf) or a graph (hnsw).", choices=("ivf", "hnsw"), metavar="ivf|hnsw"
    )
    recall: float = recall_option()

    def check(self) -> None:
        """Raises UsageError for a graph on a GPU."""
        if self.device == "gpu" and self.kind == "hnsw":
            raise UsageError("A graph (hnsw) is not searched on a GPU.", "Exact search and --kind ivf are.")


class FaissBackend(StoreBackend[FaissOptions]):
    """An approximate index with a promise of recall, in a file beside the catalog."""

    options_type = FaissOptions
    deadline_s = None

    def require(self) -> None:
        """Raises MissingExtra without FAISS."""
        from anyseek.stores import faiss_file

        faiss_file.faiss_module()

    def open(self, snapshot: Snapshot, space: SpaceRecord) -> VectorStore | None:
        """None without a file that can be trusted. Raises MissingExtra, and what FAISS raises."""
        from anyseek.stores import faiss_file

        faiss_file.faiss_module()
        description = self._trusted(snapshot, space)
        if description is None:
            return None
        if self.options.device == "gpu":
            from anyseek.stores import faiss_gpu

            on_gpus = faiss_gpu.open_on_gpus(snapshot, space, description)
            if on_gpus is not None:
                return on_gpus
        from anyseek.stores.faiss_store import FaissStore

        return FaissStore.open(snapshot, space, description)

    def state(self, snapshot: Snapshot, space: SpaceRecord) -> State:
        """With the recall that was measured; exact search's where there is no file, or no FAISS."""
        from anyseek.stores import faiss_file

        promised = self.options.recall
        description = self._trusted(snapshot, space)
        if description is None or not faiss_file.is_installed():
            exactly = self._exact().state(snapshot, space)
            return exactly if exactly.remark or not space.rows else replace(exactly, remark=_MISSING)
        remark = ""
        if description.recall < promised:
            remark = f"the promise of {promised:g} does not hold: the worst pair has {description.recall:g}"
        name = f"faiss {description.kind}{on_device(self.options.device)}"
        recall = {modality: tuned.recall for modality, tuned in description.tuned.items()}
        return State(name, description.rows, space.rows, promised, recall, remark)

    def sync(self, snapshot: Snapshot, space: SpaceRecord, request: SyncRequest) -> None:
        """Build, extend or tune the file, whichever is needed; what is new in it is measured."""
        from anyseek.stores import faiss_file
        from anyseek.stores.tuning import tuned

        if not space.rows:
            self.remove(snapshot.folder, space)
            return
        old = None if request.rebuild else self._usable(snapshot, space)
        new = self._updated(snapshot, space, old, request)
        if new is old and new.target == self.options.recall:
            faiss_file.tidy(snapshot.folder, space.space_id, new)
            return
        request.progress("measuring its recall")
        texts = request.texts() if request.texts else None
        index = faiss_file.open_file(snapshot.folder, new)
        new = tuned(snapshot, space, new, index, self.options.recall, texts)
        if request.texts is None:
            new = replace(new, target=0.0)  # measured again by the next sync, with words
        faiss_file.write_description(snapshot.folder, space.space_id, new)

    def check(self, snapshot: Snapshot, space: SpaceRecord) -> str:
        """Holds the file against its checksum, and against the rows that it was made of."""
        from anyseek.stores import faiss_file

        folder, description = snapshot.folder, faiss_file.read_description(snapshot.folder, space)
        if description is None:
            return ""
        if not faiss_file.is_whole(folder, description, thorough=True):
            return f"The FAISS file of {space.card.name} is damaged; searches go without it."
        if not faiss_file.is_of(snapshot.vectors(space.space_id), description):
            return f"The FAISS file of {space.card.name} was made of other vectors; searches go without it."
        return ""

    def remove(self, folder: Path, space: SpaceRecord) -> None:
        """Deletes the file and its description."""
        from anyseek.stores import faiss_file

        faiss_file.remove(folder, space.space_id)

    def _exact(self) -> ExactBackend:
        return ExactBackend(ExactOptions(self.options.device))

    def _trusted(self, snapshot: Snapshot, space: SpaceRecord) -> Description | None:
        """What describes the file, if it is what was written, of these vectors."""
        from anyseek.stores import faiss_file

        description = faiss_file.read_description(snapshot.folder, space)
        if description is None or not faiss_file.is_whole(snapshot.folder, description):
            return None
        return description if faiss_file.is_of(snapshot.vectors(space.space_id), description) else None

    def _usable(self, snapshot: Snapshot, space: SpaceRecord) -> Description | None:
        """What describes the file, if it can be extended."""
        old = self._trusted(snapshot, space)
        if old is None or old.kind != self.options.kind:
            return None
        return None if space.rows > OUTGROWN * old.trained_on else old

    def _updated(
        self, snapshot: Snapshot, space: SpaceRecord, old: Description | None, request: SyncRequest
    ) -> Description:
        """The description of a file with all rows but a few late ones: `old` itself where nothing had to be done."""
        from anyseek.stores import faiss_file

        vectors = snapshot.vectors(space.space_id)
        if old is None:
            request.progress(f"building a FAISS index of {space.rows:,} vectors")
            return faiss_file.build(snapshot.folder, space, vectors, self.options.kind, cells_for(space.rows))
        n_late = space.rows - old.rows
        if n_late > max(LATE_ROWS, LATE_SHARE * old.rows):
            request.progress(f"adding {n_late:,} vectors to the FAISS index")
            return faiss_file.extend(snapshot.folder, space, vectors, old)
        return old


def cells_for(n_rows: int) -> int:
    """About a square root of the rows, as a power of two: 256 for 50,000 rows, 1,024 for a million; 40 rows a cell at
    least, as k-means wants (faiss/Clustering.h: min_points_per_centroid 39)."""
    return max(1, min(n_rows // 40, 1 << round(n_rows.bit_length() / 2)))
