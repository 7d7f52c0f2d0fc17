"""The comparison of a run, and the dry run that ends there: what would be done, with nothing written."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyseek.indexer.diff import Deed, Kind, settle
from anyseek.indexer.hashing import hashed
from anyseek.indexer.ignore import exclusions
from anyseek.indexer.known_content import needs_hash
from anyseek.indexer.options import IndexOptions, StopCall
from anyseek.indexer.reporter import Reporter
from anyseek.indexer.run_state import Known
from anyseek.indexer.spool import Item, Spool
from anyseek.indexer.survey import Plan, is_content, survey

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog, Snapshot


def examine(
    snapshot: Snapshot,
    known: Known,
    wanted: Iterable[int],
    options: IndexOptions,
    reporter: Reporter,
    spool: Spool,
    stop: StopCall,
) -> Plan:
    """The wanted roots against the catalog. Raises UsageError for a pattern without meaning."""
    numbers = set(wanted)
    records = (record for record in snapshot.files() if record.root in numbers)
    rules = exclusions(options.exclude)
    trust = known.trust_in(options)
    return survey(records, known.roots, numbers, rules, trust, spool, reporter.scanned, stop)


def rehearse(
    catalog: Catalog,
    known: Known,
    requested: Sequence[Path],
    options: IndexOptions,
    reporter: Reporter,
    spool: Spool,
    stop: StopCall,
) -> Plan:
    """The plan, told path by path and counted in its tally. Only files that may have moved are opened, to be
    hashed. New files count whatever is in them: whether they are media shows when they are read."""
    numbers = itertools.count(max(known.roots, default=-1) + 1)

    def add(folder: Path) -> int:
        number = next(numbers)
        known.roots[number] = folder
        return number

    wanted = known.wanted(requested, add)
    with catalog.read() as snapshot:
        plan = examine(snapshot, known, wanted, options, reporter, spool, stop)
        _Rehearsal(snapshot, plan, known.roots, reporter, options.n_workers(), stop).tell()
    return plan


@dataclass(slots=True)
class _Rehearsal:
    snapshot: Snapshot
    plan: Plan
    roots: dict[int, Path]
    reporter: Reporter
    n_threads: int
    stop: StopCall

    def tell(self) -> None:
        """Every path with something to do; the tally on the way."""
        known = self._recognised()
        for item in itertools.takewhile(lambda item: not self.stop(), self.plan.spool):
            self._tell_item(item, known.get(item.number))
        for file_id in self.plan.gone:
            if (record := self.snapshot.file(file_id)) and is_content(record):
                self.reporter.planned("gone", self.snapshot.absolute_path(record))
        for root, why in self.plan.lost.items():
            self.reporter.planned(why, os.fspath(self.roots[root]))

    def _recognised(self) -> dict[int, bytes]:
        """Hashes by item number, of files that are somewhere in the catalog; b"" for the unchanged ones."""
        known: dict[int, bytes] = {}
        candidates = (item for item in self.plan.spool if needs_hash(self.plan, item))
        for item, seen, content_hash in hashed(candidates, self.roots, self.n_threads, self.stop):
            record = self.snapshot.file_at(seen.root, seen.path)
            if record is not None and record.content_hash == content_hash:
                known[item.number] = b""
                self.plan.free.discard(record.file_id)
            elif self.snapshot.files_with_hash(content_hash):
                known[item.number] = content_hash
        return known

    def _tell_item(self, item: Item, content_hash: bytes | None) -> None:
        tally = self.plan.tally
        if content_hash == b"":
            tally.unchanged += 1
            return
        if content_hash and self._takes_over(item, content_hash):
            what = "moved"
            tally.moved += 1
        elif item.kind is Kind.NEW:
            what = "new"
            tally.new += 1
        else:
            what = "retry" if item.kind is Kind.RETRY else "changed"
            tally.changed += 1
        self.reporter.planned(what, os.path.join(self.roots[item.seen.root], item.seen.path))

    def _takes_over(self, item: Item, content_hash: bytes) -> bool:
        """Whether the file is one that lay elsewhere."""
        plan = self.plan
        twins = self.snapshot.files_with_hash(content_hash)
        deed, twin = settle(item.seen, twins, plan.free.__contains__)
        if deed is not Deed.MOVE or twin is None:
            return False
        plan.free.discard(twin.file_id)
        plan.tally.gone -= plan.gone.pop(twin.file_id, None) is not None
        return True
