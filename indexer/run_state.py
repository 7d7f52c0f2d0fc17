"""What the catalog tells a run before it starts: its roots, and what earlier runs left in its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek.catalog.records import other_model
from anyseek.contracts import Embedder, Modality
from anyseek.indexer.diff import PASSING, Trust
from anyseek.indexer.options import IndexOptions
from anyseek.indexer.scan import Unread
from anyseek.indexer.survey import Plan

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Writer

# The coarsest clock of a file system in use: FAT counts in steps of two seconds.
_TICK_NS = 2_000_000_000

# Settings of ours in the catalog.
_TRUSTED = "trusted_before_ns"  # by root
_UNIT = "depth_unit"
_UNREAD = "unread"

_MOST_UNREAD = 1000


@dataclass(slots=True)
class Known:
    """roots: absolute folders by number. settings: of the catalog, as they were when the run began."""

    roots: dict[int, Path]
    settings: dict[str, Any]

    @staticmethod
    def of(catalog: Catalog, embedder: Embedder) -> Known:
        """Raises OtherModel when another model made the index."""
        with catalog.read() as snapshot:
            cards = [space.card for space in snapshot.spaces()]
            if cards and embedder.card.fingerprint not in [card.fingerprint for card in cards]:
                raise other_model(catalog.folder, cards[0], embedder.card)
            return Known(snapshot.roots(), snapshot.settings())

    # ------------------------------------------------------------ roots

    def wanted(self, requested: Sequence[Path], add: Callable[[Path], int]) -> set[int]:
        """The numbers of the roots to be looked at; `add` makes those that are new."""
        if not requested:
            return set(self.roots)
        wanted: set[int] = set()
        for path in requested:
            holding = [number for number, root in self.roots.items() if _is_within(path, root)]
            inner = [number for number, root in self.roots.items() if _is_within(root, path)]
            wanted.update(inner)
            wanted.add(max(holding, key=self._depth) if holding else add(path))
        return wanted

    def _depth(self, number: int) -> int:
        return len(os.path.realpath(self.roots[number]))

    # ------------------------------------------------------------ what is believed of records

    def trust_in(self, options: IndexOptions) -> Trust:
        """What the comparison may take for granted."""
        kept = self.settings.get(_UNIT)
        has_new_unit = options.depth_unit is not None and options.depth_unit != kept
        if not has_new_unit:
            return Trust(self._trusted(), options.retry_failed)
        again = frozenset({Modality.DEPTH})
        return Trust(self._trusted(), options.retry_failed, again, PASSING | {"no-unit"})

    def depth_unit(self, options: IndexOptions) -> float | None:
        """As asked now, else as asked before."""
        return self.settings.get(_UNIT) if options.depth_unit is None else options.depth_unit

    def _trusted(self) -> dict[int, int]:
        return {int(root): int(ns) for root, ns in self.settings.get(_TRUSTED, {}).items()}

    def distrust(self, writer: Writer, wanted: Iterable[int], started_ns: int) -> None:
        """At the start: of roots that no run has finished, nothing from now on is trusted.

        A run that is killed leaves this standing, so that what it read is looked at by the next one.
        """
        trusted = dict.fromkeys(wanted, started_ns - _TICK_NS) | self._trusted()
        self._set_trusted(writer, trusted)

    def trust(self, writer: Writer, wanted: Iterable[int], started_ns: int) -> None:
        """At the end: these roots were compared as they were at the start of the run."""
        trusted = self._trusted() | dict.fromkeys(wanted, started_ns - _TICK_NS)
        self._set_trusted(writer, trusted)

    def _set_trusted(self, writer: Writer, trusted: dict[int, int]) -> None:
        self.settings[_TRUSTED] = {str(root): ns for root, ns in trusted.items()}
        writer.set_setting(_TRUSTED, self.settings[_TRUSTED])

    # ------------------------------------------------------------ what is not told twice

    def was_unread(self, place: Unread) -> bool:
        """Whether the last run could not read it either."""
        return [place.root, os.fsencode(place.path).hex()] in self.settings.get(_UNREAD, [])

    def remember(self, writer: Writer, plan: Plan, options: IndexOptions) -> None:
        """At the end: what could not be read, and the unit that depth was read in."""
        unread = [[place.root, os.fsencode(place.path).hex()] for place in plan.unread[:_MOST_UNREAD]]
        if unread != self.settings.get(_UNREAD, []):
            writer.set_setting(_UNREAD, unread or None)
        if options.depth_unit is not None:
            writer.set_setting(_UNIT, options.depth_unit)


def _is_within(path: Path, root: Path) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(root)
    return inner == outer or inner.startswith(os.path.join(outer, ""))
