"""What an `Index` tells and keeps about its files, beside searching them. Part of api.py."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.contracts import Modality, ModelCard, Segment

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, SpaceRecord
    from anyseek.catalog.check import Finding
    from anyseek.library.duplicates import Group
    from anyseek.library.exchange import Moved
    from anyseek.library.map import By
    from anyseek.library.overview import Status
    from anyseek.search.ask import AnyPath, Example
    from anyseek.stores.manager import StoreControl


class Keeping:
    """The half of an Index that needs no model."""

    _catalog: Catalog

    @property
    def folder(self) -> Path:
        """Where the index itself lies."""
        return self._catalog.folder

    @property
    def model(self) -> ModelCard:
        """The card of the model that the vectors were made with."""
        raise NotImplementedError

    @property
    def store(self) -> StoreControl:
        """Which store answers searches, and how to change it."""
        raise NotImplementedError

    def _space(self, snapshot: Snapshot) -> SpaceRecord:
        raise NotImplementedError

    def roots(self) -> list[Path]:
        """The folders that it covers."""
        with self._catalog.read() as snapshot:
            return list(snapshot.roots().values())

    def status(self, *, look: bool = True) -> Status:
        """What the index holds. look: compare it with the files on disk too (one stat each)."""
        from anyseek.library.overview import overview

        return overview(self._catalog, look=look)

    def duplicates(self, near: float = 0.97) -> list[Group]:
        """Groups of files with the same bytes, then of files whose vectors have at least this cosine (below 1)."""
        from anyseek.library import duplicates

        with self._catalog.read() as snapshot:
            found = duplicates.identical(snapshot)
            return found + (duplicates.near(snapshot, self._space(snapshot), near) if near < 1 else [])

    @property
    def depth_unit(self) -> float | None:
        """Metres that a raw unit of depth stands for, as the index was told; None for each format's own."""
        with self._catalog.read() as snapshot:
            unit: float | None = snapshot.settings().get("depth_unit")
            return unit

    def modality_of(self, path: AnyPath) -> Modality | None:
        """As what an indexed file is searched; None for one that is not."""
        with self._catalog.read() as snapshot:
            record = snapshot.locate(os.path.abspath(path))
            segments = snapshot.segments_of_file(record.file_id) if record and record.problem is None else []
            return segments[0].modality if segments else None

    def segment(self, segment_id: int) -> tuple[Segment, str] | None:
        """A searchable segment by its number, with its file's absolute path; None when there is none."""
        with self._catalog.read() as snapshot:
            return snapshot.segment_by_id(segment_id)

    def examples(self, like: Iterable[str], unlike: Iterable[str] = ()) -> list[Example]:
        """For `ask`: hits that are wanted and that are not, numbers of segments or paths. Raises QueryFileError."""
        from anyseek.search.ask import examples

        with self._catalog.read() as snapshot:
            return examples(snapshot, self._space(snapshot), like, unlike)

    def written(self, segment_id: int) -> str:
        """The words of a segment: the whole passage of a text, a caption of anything else; "" where there are none."""
        with self._catalog.read() as snapshot:
            return snapshot.written(segment_id)

    def tag(self, name: str, *paths: AnyPath, remove: bool = False) -> int:
        """Tag indexed files and folders of them; how many files changed. Raises UsageError, QueryFileError."""
        from anyseek.catalog.tags import tag

        return tag(self._catalog, paths, name, remove=remove)

    def tags(self) -> dict[str, int]:
        """How many files have each tag."""
        from anyseek.catalog.tags import counts

        with self._catalog.read() as snapshot:
            return counts(snapshot)

    def map(self, target: Path, by: By = "modality") -> int:
        """Draw the library in two dimensions; how many segments are on it. Raises UsageError."""
        from anyseek.library.map import draw

        with self._catalog.read() as snapshot:
            return draw(snapshot, self._space(snapshot), target, by)

    def export(self, target: Path) -> Moved:
        """Every searchable vector to a .parquet or .npy file. Raises what stores.exchange.export raises."""
        from anyseek.library import exchange

        with self._catalog.read() as snapshot:
            return exchange.export(snapshot, self._space(snapshot), target)

    def bring(self, source: Path) -> Moved:
        """Vectors made elsewhere, in. Raises what stores.exchange.bring raises."""
        from anyseek.library import exchange

        moved = exchange.bring(self._catalog, source, self.model)
        self.store.refresh()
        return moved

    def doctor(self, *, mend: bool = False) -> list[Finding]:
        """What is wrong with the index, worst first; [] when it is healthy. mend: put right what safely can
        be, and return what is wrong still. `anyseek.check` takes an index that cannot be opened as well.

        Raises with `mend`: IndexLocked, ReadOnlyIndex, DiskFull.
        """
        from anyseek.library.doctor import examined

        return examined(self.folder, mend_it=mend)
