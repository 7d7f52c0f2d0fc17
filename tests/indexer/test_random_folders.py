"""Random lives of a folder, on a real disk and in a real catalog, against an obvious model of the index.

Every file is a text that is read in this process, so that hundreds of runs take seconds.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

from fakes import WordEmbedder
from folders import Indexed, indexed
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anyseek.catalog.check import check
from anyseek.contracts import FileState, Modality
from anyseek.indexer import scan as scanning

NAMES = ["a", "b", "c", "x/a", "x/b", "x/y/a", "z/a", "z/b"]
WORDS = ["red", "green", "blue", "red green", "some word", "blue blue red"]
names = st.sampled_from(NAMES)
words = st.sampled_from(WORDS)


class Folder(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        from tempfile import mkdtemp

        self.base = Path(mkdtemp())
        self.context = indexed(self.base / "media", self.base / "index")
        self.made: Indexed = self.context.__enter__()
        self.closed: set[str] = set()
        self.known_words: set[str] = set()
        self.indexed_words: dict[str, str] = {}  # the model of the index: path -> words
        self.is_current = False
        self.listing = scanning._listing
        scanning._listing = self._listing

    def _listing(self, base: bytes, path: bytes) -> tuple[list[bytes], bool, bool]:
        below = os.path.relpath(os.fsdecode(base + path), self.made.folder)
        if below in self.closed:
            raise PermissionError(13, "Permission denied")
        return self.listing(base, path)

    @property
    def on_disk(self) -> dict[str, str]:
        root = self.made.folder
        return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}

    def _is_closed(self, path: str) -> bool:
        return any(path.startswith(f"{folder}/") for folder in self.closed)

    # ------------------------------------------------------------ a life

    @rule(name=names, text=words)
    def write(self, name: str, text: str) -> None:
        path = self.made.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.is_current = False

    @rule(name=names)
    def touch(self, name: str) -> None:
        if (path := self.made.folder / name).exists():
            path.touch()

    @rule(name=names)
    def delete(self, name: str) -> None:
        (self.made.folder / name).unlink(missing_ok=True)
        self.is_current = False

    @rule(one=names, other=names)
    def rename(self, one: str, other: str) -> None:
        source, target = self.made.folder / one, self.made.folder / other
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            self.is_current = False

    @rule(one=names, other=names)
    def swap(self, one: str, other: str) -> None:
        first, second, aside = (self.made.folder / name for name in (one, other, "aside"))
        if first.exists() and second.exists() and one != other:
            first.rename(aside)
            second.rename(first)
            aside.rename(second)
            self.is_current = False

    @rule(one=names, other=names)
    def copy(self, one: str, other: str) -> None:
        source, target = self.made.folder / one, self.made.folder / other
        if source.exists() and one != other:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)  # the same mtime as well
            self.is_current = False

    @rule(folder=st.sampled_from(["x", "x/y", "z"]))
    def close_or_open(self, folder: str) -> None:
        self.closed ^= {folder}
        self.is_current = False

    # ------------------------------------------------------------ and its index

    @rule()
    def run(self) -> None:
        disk, root = self.on_disk, self.made.folder
        before = dict(self.indexed_words)
        n_before = self.made.n_embedded
        if not any(root.iterdir()) and self.made.records:
            return  # that is an unplugged drive, see test_roots
        rehearsal = self.made.run(plain=True, dry_run=True)
        planned = Counter(what for what, _ in self.made.planned)
        assert self.made.read == []
        assert self.made.searchable == {path: [vector(text)] for path, text in before.items()}
        report = self.made.run(plain=True)
        for name in ("seen", "new", "changed", "moved", "gone", "unchanged", "skipped"):
            assert getattr(rehearsal, name) == getattr(report, name), f"{name} of the dry run"
        for name in ("new", "changed", "moved", "gone"):
            assert planned[name] == getattr(report, name), f"{name} as reported by path"
        closed = {
            path for path in (*disk, *before) if self._is_closed(path) and (root / path).parent.exists()
        }
        gone_folder = {
            path
            for path in before
            if not any((root / p).is_dir() and path.startswith(f"{p}/") for p in self.closed)
        }
        visible = {path: text for path, text in disk.items() if not self._is_closed(path)}
        kept = {path: text for path, text in before.items() if path in closed and path not in gone_folder}
        self.indexed_words = visible | kept
        needed = set(visible.values()) - set(before.values())
        assert self.made.n_embedded - n_before == len(needed), "equal content is embedded once"
        assert report.seen == len(visible)
        assert not report.interrupted
        self.is_current = True

    @precondition(lambda self: self.is_current)
    @rule()
    def run_again(self) -> None:
        if not any(self.made.folder.iterdir()) and self.made.records:
            return
        report = self.made.run(plain=True)
        assert (report.new, report.changed, report.moved, report.gone, report.embedded) == (0, 0, 0, 0, 0)
        assert report.unchanged == report.seen
        assert self.made.read == []

    @invariant()
    def index_is_the_model(self) -> None:
        if not hasattr(self, "made"):
            return
        assert self.made.searchable == {path: [vector(text)] for path, text in self.indexed_words.items()}

    def teardown(self) -> None:
        if not hasattr(self, "made"):
            return
        scanning._listing = self.listing
        states = {record.state for record in self.made.records.values()}
        assert states <= {FileState.OK, FileState.MISSING}
        self.context.__exit__(None, None, None)
        assert check(self.base / "index") == []
        shutil.rmtree(self.base)


def vector(text: str) -> bytes:
    return WordEmbedder().embed(Modality.TEXT, [text])[0].astype("<f2").tobytes()


Folder.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestFolder = Folder.TestCase
