"""What is done with a whole index: status, duplicates, map, evaluation, classification, exchange, repair."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.options import NEAR, AnyPath, path_text

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, SpaceRecord
    from anyseek.catalog.findings import Finding
    from anyseek.contracts import ModelCard
    from anyseek.library.duplicates import Group
    from anyseek.library.exchange import Moved
    from anyseek.library.map import By

LOG = logging.getLogger(__name__)


class Library:
    """`Index.library`: an index as a whole. No method needs the model."""

    def __init__(
        self, catalog: Catalog, space: Callable[[Snapshot], SpaceRecord], after_import: Callable[[], str]
    ) -> None:
        """space: finds the space of the index's model in a snapshot. after_import: brings the store up to date; what it
        returns is logged."""
        self._catalog, self._space, self._after_import = catalog, space, after_import

    def duplicates(self, near: float = NEAR) -> list[Group]:
        """Groups of files with the same bytes, then of files whose vectors have at least this cosine (below 1)."""
        from anyseek.library import duplicates

        with self._catalog.read() as snapshot:
            identical = duplicates.identical(snapshot)
            return identical + (duplicates.near(snapshot, self._space(snapshot), near) if near < 1 else [])

    def map(self, target: AnyPath, by: By = "modality") -> int:
        """Draw every segment as a dot, near ones alike; how many segments are on it. Raises UsageError, OSError."""
        from anyseek.library.map import draw

        with self._catalog.read() as snapshot:
            return draw(snapshot, self._space(snapshot), Path(path_text(target)), by)

    def export(self, target: AnyPath) -> Moved:
        """Every searchable vector to a .parquet or .npy file. Raises what library.exchange.export raises."""
        from anyseek.library import exchange

        with self._catalog.read() as snapshot:
            return exchange.export(snapshot, self._space(snapshot), Path(path_text(target)))

    def import_(self, source: AnyPath) -> Moved:
        """Vectors made elsewhere, into this index. Raises what library.exchange.import_ raises."""
        from anyseek.library import exchange

        moved = exchange.import_(self._catalog, Path(path_text(source)), self._model)
        if remark := self._after_import():
            LOG.warning("%s", remark)
        return moved

    def check(self, *, repair: bool = False) -> list[Finding]:
        """What is wrong with the index, worst first; [] when it is healthy. repair: put right what safely can be, and
        return what is wrong still. `anyseek.check` takes an index that cannot be opened as well.

        Raises with `repair`: IndexLocked, ReadOnlyIndex, DiskFull.
        """
        from anyseek.library.doctor import check_all

        return check_all(self._catalog.folder, repair=repair)

    def proposal(self, words: Sequence[str] = ()) -> str:
        """A sentence that proposes the model of many languages where the indexed texts, or the words of a query, are
        not English and the index is of `mini`; "" where they are, and after the first time that there was one."""
        from anyseek.library import foreign_texts

        if words:
            return foreign_texts.propose_by_query(self._catalog, words)
        return foreign_texts.propose_by_texts(self._catalog)

    @property
    def _model(self) -> ModelCard:
        with self._catalog.read() as snapshot:
            return self._space(snapshot).card
