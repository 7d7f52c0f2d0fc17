"""Any sequence of changes, beside a plain dict: the catalog holds the same, and a search finds the same."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from indexes import contents, new_index, seen, stored, unit_rows

from anyseek.catalog.catalog import Catalog, Writer
from anyseek.catalog.check import check
from anyseek.contracts import FileState, Filter, Modality, Problem, Span
from anyseek.stores.exact import ExactStore

UNREAD = Problem("unreadable", "read", "permission denied")
BROKEN = Problem("broken", "decode", "no picture")
PATHS = ["a", "a/b", "a/c", "b", "é\n", "z"]
MODALITIES = [Modality.IMAGE, Modality.AUDIO]

a_path = st.sampled_from(PATHS)
a_count = st.integers(1, 4)
a_seed = st.integers(0, 5)  # few, so that equal vectors meet
a_modality = st.sampled_from(MODALITIES)


@dataclass
class Model:
    """One file as it should be."""

    modality: Modality | None
    vectors: npt.NDArray[np.float32]
    problem: Problem | None = None
    is_missing: bool = False
    is_partial: bool = False
    is_hashed: bool = True  # False: its content was never read
    numbers: list[int] = field(default_factory=list)

    @property
    def is_searchable(self) -> bool:
        return self.problem is None and not self.is_partial


class CatalogMachine(RuleBasedStateMachine):
    @initialize()
    def make(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.catalog, self.space = new_index(self.place / "photos")
        self.model: dict[str, Model] = {}

    def teardown(self) -> None:
        self.catalog.close()
        assert [f.code for f in check(self.catalog.folder) if f.code != "half-indexed"] == []
        shutil.rmtree(self.place)

    def number(self, path: str) -> int:
        with self.catalog.read() as snapshot:
            record = snapshot.file_at(0, path)
            assert record is not None
            return record.file_id

    def known(self) -> list[str]:
        return [path for path, file in self.model.items() if not file.is_partial]

    def add(self, writer: Writer, number: int, modality: Modality, first: int, vectors: np.ndarray) -> None:
        parts = [(Span(i, i + 1), str(i)) for i in range(first, first + len(vectors))]
        writer.add_segments(number, self.space, modality, parts, vectors)

    # ------------------------------------------------------------ changes

    @rule(path=a_path, n=a_count, seed=a_seed, modality=a_modality)
    def put(self, path: str, n: int, seed: int, modality: Modality) -> None:
        with self.catalog.begin() as writer:
            number = writer.put_file(seen(path), path.encode(), modality)
            self.add(writer, number, modality, 0, unit_rows(n, seed))
        self.model[path] = Model(modality, unit_rows(n, seed))

    @rule(path=a_path, n=a_count, seed=a_seed, modality=a_modality)
    def put_and_roll_back(self, path: str, n: int, seed: int, modality: Modality) -> None:
        try:
            with self.catalog.begin() as writer:
                number = writer.put_file(seen(path), b"x", modality)
                self.add(writer, number, modality, 0, unit_rows(n, seed))
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass

    @rule(path=a_path, n=a_count, seed=a_seed, modality=a_modality)
    def begin_long_file(self, path: str, n: int, seed: int, modality: Modality) -> None:
        with self.catalog.begin() as writer:
            number = writer.put_file(seen(path), path.encode(), modality, complete=False)
            self.add(writer, number, modality, 0, unit_rows(n, seed))
        self.model[path] = Model(modality, unit_rows(n, seed), is_partial=True, numbers=[number])

    @precondition(lambda self: any(file.is_partial for file in self.model.values()))
    @rule(n=a_count, seed=a_seed, data=st.data())
    def complete_long_file(self, n: int, seed: int, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from([path for path, file in self.model.items() if file.is_partial]))
        file = self.model[path]
        assert file.modality is not None
        with self.catalog.begin() as writer:
            self.add(writer, file.numbers[0], file.modality, len(file.vectors), unit_rows(n, seed))
            writer.complete_file(file.numbers[0])
        file.vectors = np.concatenate([file.vectors, unit_rows(n, seed)])
        file.is_partial = False

    @rule(path=a_path, is_unread=st.booleans())
    def fail(self, path: str, is_unread: bool) -> None:
        problem = UNREAD if is_unread else BROKEN
        with self.catalog.begin() as writer:
            writer.put_failed(seen(path), b"" if is_unread else b"new", Modality.IMAGE, problem)
        before = self.model.get(path)
        if is_unread and before and not before.is_partial:
            before.problem, before.is_missing = problem, False
        else:
            self.model[path] = Model(Modality.IMAGE, unit_rows(0), problem, is_hashed=not is_unread)

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.known()))
        number = self.number(path)
        with self.catalog.begin() as writer:
            worked = writer.restore(number, seen(path))
        assert worked == bool(len(self.model[path].vectors))
        if worked:
            self.model[path].problem, self.model[path].is_missing = None, False

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        gone = data.draw(st.lists(st.sampled_from(self.known()), unique=True, max_size=3))
        numbers = [self.number(path) for path in gone]
        with self.catalog.begin() as writer:
            writer.delete(numbers)
        for path in gone:
            del self.model[path]

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def move_some(self, data: st.DataObject) -> None:
        """Several moves in one transaction, rings included; who is in the way and does not move is gone."""
        movers = data.draw(st.lists(st.sampled_from(self.known()), unique=True, min_size=1, max_size=4))
        targets = data.draw(st.permutations(PATHS))[: len(movers)]
        numbers = [self.number(path) for path in movers]
        with self.catalog.begin() as writer:
            for number, target in zip(numbers, targets, strict=True):
                writer.move(number, seen(target))
        moved = {target: self.model[path] for path, target in zip(movers, targets, strict=True)}
        for file in moved.values():
            file.is_missing = False
        stays = {
            path: file for path, file in self.model.items() if path not in movers and path not in targets
        }
        self.model = stays | moved

    @precondition(lambda self: self.known())
    @rule(goal=a_path, data=st.data())
    def copy(self, goal: str, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(self.known()))
        if source == goal:
            return
        number, file = self.number(source), self.model[source]
        with self.catalog.begin() as writer:
            writer.copy(number, seen(goal))
        problem = file.problem if not len(file.vectors) else None
        if not file.is_hashed and (there := self.model.get(goal)) and not there.is_partial:
            there.problem, there.is_missing = problem, False  # nothing is known of either
            return
        self.model[goal] = Model(file.modality, file.vectors, problem, is_hashed=file.is_hashed)

    @rule()
    def unplug(self) -> None:
        with self.catalog.begin() as writer:
            writer.mark_root_missing(0)
        for path in self.known():
            self.model[path].is_missing = True

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.known()))
        number = self.number(path)
        with self.catalog.begin() as writer:
            writer.touch(number, seen(path, mtime_ns=7))
        self.model[path].is_missing = False

    @rule()
    def start_run(self) -> None:
        with self.catalog.begin() as writer:
            writer.start_run("again")
        self.model = {path: file for path, file in self.model.items() if not file.is_partial}

    @rule()
    def compact(self) -> None:
        self.catalog.compact(self.space)
        with self.catalog.read() as snapshot:
            (space,) = snapshot.spaces()
            assert space.rows == sum(len(file.vectors) for file in self.model.values())

    @rule()
    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = Catalog.open(self.catalog.folder)

    # ------------------------------------------------------------ what has to hold

    @invariant()
    def same_files(self) -> None:
        with self.catalog.read() as snapshot:
            assert contents(snapshot) == {
                path: [row.astype("<f2").tobytes() for row in file.vectors]
                for path, file in self.model.items()
                if file.is_searchable
            }
            for record in snapshot.files():
                file = self.model[record.path]
                state = FileState.FAILED if file.problem else FileState.OK
                assert record.state is (FileState.MISSING if file.is_missing else state)
                assert record.problem == file.problem
                assert not file.is_partial
            assert {record.path for record in snapshot.files()} == set(self.known())

    @rule(
        seed=a_seed,
        k=st.integers(1, 30),
        modality=st.none() | a_modality,
        folder=st.sampled_from([None, "", "a", "b"]),
    )
    def search(self, seed: int, k: int, modality: Modality | None, folder: str | None) -> None:
        query = unit_rows(3, seed)[:1]
        wanted = Filter(
            frozenset([modality]) if modality else None,
            None if folder is None else str(self.place / "photos" / folder),
        )
        with self.catalog.read() as snapshot, ExactStore(snapshot, self.space) as store:
            scores, rows = store.search(query, k, snapshot.allowed_rows(self.space, wanted))
            n = int((rows[0] >= 0).sum())
            hits = snapshot.hits_for_rows(self.space, rows[0, :n])
        root = f"{self.place}/photos/"
        found = sorted(
            (-float(score), path.removeprefix(root), int(segment.span.start))
            for score, (segment, path) in zip(scores[0], hits, strict=False)
        )
        expected = sorted(
            (-float(np.float32(stored(row).astype(np.float64) @ query[0])), path, i)
            for path, file in self.model.items()
            if file.is_searchable
            and (modality is None or file.modality is modality)
            and (not folder or path == folder or path.startswith(folder + "/"))
            for i, row in enumerate(file.vectors)
        )
        assert len(found) == min(k, len(expected))
        np.testing.assert_allclose([f[0] for f in found], [e[0] for e in expected[: len(found)]], atol=1e-6)
        # Where scores tie at the end of the list, which of the equals is returned is the store's business.
        last = found[-1][0] - 1e-6 if found else 0.0
        assert {f[1:] for f in found if f[0] < last} == {e[1:] for e in expected if e[0] < last}
        assert {f[1:] for f in found} <= {e[1:] for e in expected}


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
