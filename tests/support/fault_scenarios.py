"""Commands that change an index, each with the index that it begins with and the one that it leaves undisturbed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from faults import CHANGES, NO_FAULT, Fault, Outcome, Program
from indexes import contents

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.embedders.mini.card_writer import write_card
from anyseek.embedders.mini.towers import WEIGHTS
from anyseek.errors import IndexNotFound

State = dict[str, tuple[object, ...]]
"""What an index holds of each file: vectors, facts, tags. Two of another model differ in the vectors."""

_HERE = ("--index", "lib/.anyseek")
LEFT_OVERS = (".part", ".new", ".next", ".aside", "-journal")
LEFT_BY_A_FAULT = {"lock-left", "log-left", "half-indexed", "unused-files"}


class Near:
    """Vectors that equal others but for rounding: a text's depends in its last bits on those embedded with it."""

    def __init__(self, rows: list[bytes]) -> None:
        self._rows = np.array([np.frombuffer(row, "<f2") for row in rows], np.float32)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Near):
            return NotImplemented
        same_shape = self._rows.shape == other._rows.shape
        return same_shape and (self._rows.size == 0 or float(np.abs(self._rows - other._rows).max()) < 1e-3)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Scenario:
    """arguments: of the command under test, run beside the folder `lib`. prepare: makes what it begins with."""

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Stage], None]


@dataclass
class Stage:
    """A folder `lib` with an index that is put back before each case."""

    program: Program
    place: Path
    scenario: Scenario
    before: State | None = field(init=False, default=None)
    after: State = field(init=False, default_factory=dict)
    names: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.lib.mkdir(parents=True)
        self.scenario.prepare(self)
        self._keep()
        self.before = state(self.index)
        done = self.run()
        assert done.code == 0, done
        self.after, self.names = state(self.index) or {}, self._names()
        assert self.after, "an undisturbed run leaves something"
        assert check(self.index) == []

    @property
    def lib(self) -> Path:
        """The indexed folder."""
        return self.place / "lib"

    @property
    def index(self) -> Path:
        """The index in it."""
        return self.lib / ".anyseek"

    def anyseek(self, *arguments: str) -> None:
        """A command that has to succeed."""
        done = self.program.run(arguments, self.place, self.index)
        assert done.code == 0, done

    def write(self, **texts: str) -> None:
        """Texts, by name without `.txt`."""
        for name, text in texts.items():
            (self.lib / f"{name}.txt").write_text(text + "\n")

    def run(self, fault: Fault = NO_FAULT, log: str = "") -> Outcome:
        """The command under test, upon the index as it is."""
        return self.program.run(self.scenario.arguments, self.place, self.index, fault, log)

    def reset(self) -> None:
        """Let the index be as before the command."""
        for path in self.lib.glob(".anyseek*"):
            shutil.rmtree(path)
        if self._kept.exists():
            shutil.copytree(self._kept, self.index)

    def n_steps(self, kinds: int = CHANGES) -> int:
        """How many operations of these kinds an undisturbed run makes."""
        self.reset()
        return self.run(Fault(kinds=kinds)).steps

    @property
    def _kept(self) -> Path:
        return self.place / "kept"

    def _keep(self) -> None:
        if self.index.exists():
            shutil.copytree(self.index, self._kept)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.lib.iterdir())

    # ------------------------------------------------------------ what must hold after a fault

    def verify_intact(self, where: str) -> None:
        """What was committed before is there; each file as it was before or as it will be after."""
        found, old = state(self.index), self.before
        if found is None:
            assert old is None, f"an index that was there cannot be found: {where}"
            return
        for path in {*found, *(old or {}), *self.after}:
            allowed = [(old or {}).get(path), self.after.get(path)]
            assert found.get(path) in allowed, f"{path} is neither as before nor as after: {where}"
        codes = {finding.code for finding in check(self.index)}
        assert codes <= LEFT_BY_A_FAULT, f"{codes}: {where}"

    def verify_same_command_succeeds(self, where: str) -> None:
        """Run without a fault, it ends as an undisturbed run does."""
        done = self.run()
        if self.is_done_already(done):
            return
        where = f"the same command after {where}: {done}"
        assert done.code == 0, where
        assert state(self.index) == self.after, where
        assert {finding.code for finding in check(self.index)} <= {"unused-files"}, where
        assert self._names() == self.names, where
        left = [path.name for path in self.lib.rglob("*") if path.name.endswith(LEFT_OVERS)]
        assert left == [], where

    def is_done_already(self, done: Outcome) -> bool:
        """A reindex that was cut off after the last step says that nothing is left to do."""
        return done.code == 2 and "was already made by" in done.err and state(self.index) == self.after


def state(index: Path) -> State | None:
    """None where there is no index."""
    try:
        catalog = Catalog.open(index)
    except IndexNotFound:
        return None
    with catalog, catalog.read() as snapshot:
        vectors = contents(snapshot)
        rows = snapshot.database.rows("SELECT file_id, tag FROM tags ORDER BY tag")
        tags: dict[int, list[str]] = {}
        for file_id, tag in rows:
            tags.setdefault(file_id, []).append(tag)
        return {
            record.path: (
                Near(vectors.get(record.path, [])),
                record.size,
                record.mtime_ns,
                record.content_hash,
                record.modality,
                record.state,
                record.problem,
                tuple(tags.get(record.file_id, ())),
            )
            for record in snapshot.files()
        }


# ---------------------------------------------------------------- the scenarios


def _some_texts(stage: Stage) -> None:
    stage.write(a="rain on a roof", b="wind in the trees", c="a red car", e="a dog that barks")


def _changed_library(stage: Stage) -> None:
    _some_texts(stage)
    stage.anyseek("index", "lib", "-q")
    stage.anyseek("tag", "pets", "lib/e.txt", *_HERE)
    stage.anyseek("tag", "kept", "lib/a.txt", *_HERE)
    stage.write(b="a choir sings", d="birds in the morning")
    (stage.lib / "c.txt").unlink()
    (stage.lib / "e.txt").rename(stage.lib / "f.txt")


def _with_gaps(stage: Stage) -> None:
    _changed_library(stage)
    stage.anyseek("index", "lib", "-q")


def _with_another_model(stage: Stage) -> None:
    _with_gaps(stage)
    weights = stage.place / "weights"
    shutil.copytree(WEIGHTS / "mini", weights)
    (weights / "depth.onnx").unlink()
    write_card(weights)


def _with_store(stage: Stage) -> None:
    _with_gaps(stage)
    stage.anyseek("store", "set", "faiss", *_HERE)


def _with_vectors_to_import(stage: Stage) -> None:
    _some_texts(stage)
    stage.anyseek("index", "lib", "-q")
    stage.anyseek("export", "vectors.npy", *_HERE)
    shutil.rmtree(stage.index)
    texts = {path.name: path.rename(stage.place / path.name) for path in stage.lib.glob("[bc].txt")}
    stage.anyseek("index", "lib", "-q")
    for name, path in texts.items():
        path.rename(stage.lib / name)


def _with_something_to_repair(stage: Stage) -> None:
    _with_gaps(stage)
    (stage.index / "vectors" / "1.7.f16").write_bytes(bytes(768))
    holder = '{"pid": %d, "host": "gone", "since": 1.0, "command": "anyseek index"}'
    (stage.index / "lock").write_text(holder % (os.getpid() + 1))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("creation", ("index", "lib"), _some_texts),
        Scenario("update", ("index", "lib"), _changed_library),
        Scenario("compact", ("compact", *_HERE), _with_gaps),
        Scenario("reindex", ("reindex", "--model", "mini:weights", *_HERE), _with_another_model),
        Scenario("store-set", ("store", "set", "faiss", *_HERE), _with_gaps),
        Scenario("store-refresh", ("store", "refresh", "--anew", *_HERE), _with_store),
        Scenario("import", ("import", "vectors.npy", *_HERE), _with_vectors_to_import),
        Scenario("tag", ("tag", "new", "lib/a.txt", "lib/d.txt", *_HERE), _with_gaps),
        Scenario("repair", ("doctor", "lib", "--repair"), _with_something_to_repair),
    )
}
