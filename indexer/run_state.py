"""What a run knows before it starts: the roots of the catalog, and what earlier runs left in its settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseek import modalities
from anyseek.catalog.failures import REPAIR
from anyseek.catalog.records import other_model
from anyseek.contracts import Embedder, Problem
from anyseek.errors import IndexDamaged
from anyseek.indexer.diff import TRANSIENT, Trust
from anyseek.indexer.drives import Drive, drive_of
from anyseek.indexer.options import IndexOptions, is_depth_unit
from anyseek.indexer.scan import Unread
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot, Writer

# The coarsest clock of a file system in use: FAT counts in steps of two seconds.
_TICK_NS = 2_000_000_000

# Settings of ours in the catalog.
_TRUSTED = "trusted_before_ns"  # by root
_UNIT = "depth_unit"
_UNREAD = "unread"
_DRIVES = "drives"  # by root

OF_RUNS = frozenset({_TRUSTED, _UNREAD, _DRIVES})
"""Settings that only mean something to the next run of the same index; all others are people's choices."""

_MOST_UNREAD = 1000
_HEXADECIMAL = re.compile("(?:[0-9a-f]{2})+")


@dataclass(slots=True)
class RunState:
    """roots: absolute folders by number. settings: of the catalog, as they were when the run began."""

    roots: dict[int, Path]
    settings: dict[str, Any]

    @staticmethod
    def read(catalog: Catalog, embedder: Embedder) -> RunState:
        """Raises OtherModel when another model made the index, IndexDamaged when a vector file is gone or cut off."""
        with catalog.read() as snapshot:
            cards = [space.card for space in snapshot.spaces()]
            if cards and embedder.card.fingerprint not in [card.fingerprint for card in cards]:
                raise other_model(catalog.folder, cards[0], embedder.card)
            snapshot.check_vector_files()
            return RunState(snapshot.roots(), read_settings(snapshot))

    # ------------------------------------------------------------ roots

    def select_roots(self, requested: Sequence[Path], add: Callable[[Path], int]) -> set[int]:
        """The numbers of the roots to look at; `add` makes those that are new. None requested: all roots."""
        if not requested:
            return set(self.roots)
        selected: set[int] = set()
        for path in requested:
            holding = [number for number, root in self.roots.items() if is_within(path, root)]
            inner = [number for number, root in self.roots.items() if is_within(root, path)]
            selected.update(inner)
            selected.add(max(holding, key=self._depth) if holding else add(path))
        return selected

    def _depth(self, number: int) -> int:
        return len(os.path.realpath(self.roots[number]))

    # ------------------------------------------------------------ what is believed of records

    def trust_in(self, options: IndexOptions) -> Trust:
        """What the comparison may take for granted."""
        has_new_unit = options.depth_unit not in (None, self.settings.get(_UNIT))
        if not has_new_unit:
            return Trust(self._trusted(), options.retry_failed)
        measured = frozenset(row.modality for row in modalities.table() if row.has_unit)
        return Trust(self._trusted(), options.retry_failed, measured, TRANSIENT | {"no-unit"})

    def depth_unit(self, options: IndexOptions) -> float | None:
        """Of the options, else of an earlier run: metres that a raw depth unit stands for."""
        return self.settings.get(_UNIT) if options.depth_unit is None else options.depth_unit

    def _trusted(self) -> dict[int, int]:
        return {int(root): int(ns) for root, ns in self.settings.get(_TRUSTED, {}).items()}

    def distrust(self, writer: Writer, roots: Iterable[int], started_ns: int) -> None:
        """At the start: of roots that no run has finished, what is younger than this run is not trusted.

        A run that is killed leaves this standing: of what it committed, the next one opens only the young files.
        """
        trusted = dict.fromkeys(roots, started_ns - _TICK_NS) | self._trusted()
        self._set_trusted(writer, trusted)

    def trust(self, writer: Writer, roots: Iterable[int], started_ns: int) -> None:
        """At the end: these roots were compared as they were at the start of the run."""
        trusted = self._trusted() | dict.fromkeys(roots, started_ns - _TICK_NS)
        self._set_trusted(writer, trusted)

    def _set_trusted(self, writer: Writer, trusted: dict[int, int]) -> None:
        self.settings[_TRUSTED] = {str(root): ns for root, ns in trusted.items()}
        writer.set_setting(_TRUSTED, self.settings[_TRUSTED])

    # ------------------------------------------------------------ the drives of the roots

    def drive(self, root: int) -> Drive | None:
        """The drive that a root lay on when it was last read; None where it is not known."""
        drive = self.settings.get(_DRIVES, {}).get(str(root))
        return drive and (drive[0], drive[1])

    def remember_drives(self, writer: Writer, roots: Iterable[int]) -> None:
        """At the end: the drives of roots that were read."""
        before = self.settings.get(_DRIVES, {})
        now = {str(root): list(drive) for root in roots if (drive := drive_of(self.roots[root]))}
        if before | now != before:
            self.settings[_DRIVES] = before | now
            writer.set_setting(_DRIVES, before | now)

    # ------------------------------------------------------------ what is not reported twice

    def unread(self) -> set[tuple[int, str]]:
        """(root, path) of what the runs before could not read either."""
        return {(place.root, place.path) for place in unread_places(self.settings)}

    def remember_unread(self, writer: Writer, unread: Sequence[Unread], roots: Set[int]) -> None:
        """At the end: what could not be read in these roots; of others the runs before stand."""
        others = [place for place in unread_places(self.settings) if place.root not in roots]
        stored = [
            [place.root, os.fsencode(place.path).hex(), place.reason]
            for place in (*others, *(one for one in unread if one.root in roots))
        ][:_MOST_UNREAD]
        if stored != self.settings.get(_UNREAD, []):
            self.settings[_UNREAD] = stored
            writer.set_setting(_UNREAD, stored or None)

    def remember_unit(self, writer: Writer, options: IndexOptions) -> None:
        """At the end: the unit that depth was read in."""
        if options.depth_unit is not None:
            writer.set_setting(_UNIT, options.depth_unit)


def unread_places(settings: dict[str, Any]) -> list[Unread]:
    """What no record of the catalog stands for: places that the last runs could not look into. [] where the setting is
    not what a run wrote."""
    stored = settings.get(_UNREAD, [])
    if not _is_unread(stored):
        return []
    return [
        Unread(root, os.fsdecode(bytes.fromhex(path)), reason[0] if reason else "")
        for root, path, *reason in stored
    ]


def unread_problem(path: str, place: Unread) -> Problem:
    """Why a place is skipped. path: the absolute one."""
    return Problem(
        "unreadable", "read", f"{printable(path)} cannot be read: {place.reason or 'no permission'}."
    )


def read_settings(snapshot: Snapshot) -> dict[str, Any]:
    """The catalog's settings. Raises IndexDamaged for one of ours that no run wrote."""
    settings = snapshot.settings()
    for name in wrong_settings(settings):
        raise IndexDamaged(
            f"The setting {name} in {printable(str(snapshot.folder))} is not what was stored.", REPAIR
        )
    return settings


def wrong_settings(settings: dict[str, Any]) -> list[str]:
    """Names of those of our settings that no run writes like this."""
    return [name for name, is_right in _RIGHT.items() if name in settings and not is_right(settings[name])]


def _is_trusted(value: Any) -> bool:
    return isinstance(value, dict) and all(
        root.isascii() and root.isdecimal() and type(ns) is int for root, ns in value.items()
    )


def _is_unread(value: Any) -> bool:
    """The reason is missing in what older versions wrote."""
    return isinstance(value, list) and all(
        isinstance(place, list)
        and list(map(type, place)) in ([int, str], [int, str, str])
        and _HEXADECIMAL.fullmatch(place[1] or "00")
        for place in value
    )


def _is_drives(value: Any) -> bool:
    return isinstance(value, dict) and all(
        root.isascii()
        and root.isdecimal()
        and isinstance(drive, list)
        and list(map(type, drive)) == [str, int]
        and _HEXADECIMAL.fullmatch(drive[0])
        for root, drive in value.items()
    )


_RIGHT: dict[str, Callable[[Any], bool]] = {
    _TRUSTED: _is_trusted,
    _UNIT: is_depth_unit,
    _UNREAD: _is_unread,
    _DRIVES: _is_drives,
}


def forget_root_settings(writer: Writer, settings: dict[str, Any], root: int) -> None:
    """Nothing that was known of a root may be taken for another one that gets its number."""
    for name in (_TRUSTED, _DRIVES):
        settings[name] = {
            number: value for number, value in settings.get(name, {}).items() if number != str(root)
        }
    settings[_UNREAD] = [place for place in settings.get(_UNREAD, []) if place[0] != root]
    for name in (_TRUSTED, _DRIVES, _UNREAD):
        writer.set_setting(name, settings[name] or None)


def hand_over_trust(writer: Writer, settings: dict[str, Any], root: int, outer: int) -> None:
    """The files of a root become those of another one: of both, only what is true of either is believed."""
    trusted = settings.get(_TRUSTED, {})
    before_ns = min(trusted.get(str(root), 0), trusted.get(str(outer), 0))
    settings[_TRUSTED] = trusted | {str(outer): before_ns}
    writer.set_setting(_TRUSTED, settings[_TRUSTED])


def is_within(path: Path, root: Path) -> bool:
    """Whether a path is a root or lies below it, by the folders that they mean."""
    inner, outer = os.path.realpath(path), os.path.realpath(root)
    return inner == outer or inner.startswith(os.path.join(outer, ""))
