"""A second modality of text, installed as a package would be: what holds for texts holds for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ran import ANYSEEK, Ran, objects

CODE = """
import numpy as np
from anyseek.contracts import SegmentData, DecodeHint, Modality, ModelCard, Span, Unit
from anyseek.embedders.registry import Entry
from anyseek.media.format import Format
from anyseek.modalities import ModalityInfo, register

def modality():
    return ModalityInfo(name="poem", unit=Unit.CHARACTERS, query_help="A poem.", shown_as="text", is_text=True)

POEM = register(modality())

def read(source, file_type, hints, first=0, count=None):
    words = source.rewound().read().decode()
    half = words.index("\\n\\n")
    spans = [(0, half), (half + 2, len(words))]
    for start, end in spans[first : None if count is None else first + count]:
        # The excerpt is not what is searched: all of the passage is.
        yield SegmentData(POEM, Span(start, end, Unit.CHARACTERS), words[start:end], words[start : start + 3])

def formats():
    return [
        Format(name=name, modality=POEM, suffixes=(suffix,), reader="poems:read")
        for name, suffix in (("poem", ".poem"), ("song", ".song"))
    ]

class Prepare:
    hint = DecodeHint()
    def __call__(self, data):
        assert isinstance(data, str)
        return np.array([data.count(letter) for letter in "etaoin"], np.float32)

class Reader:
    card = ModelCard("reader", "reader-1", 6, (Modality.TEXT, POEM), "MIT", "yes", 0, "https://example.org")
    def preparer(self, modality):
        return Prepare()
    def embed(self, modality, prepared, *, role="document", target=None):
        rows = np.stack(prepared) + np.float32(1e-3)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

def entry():
    return Entry(Reader.card, Reader)

class Judge:
    modalities = (POEM,)
    def preparer(self, modality):
        return Prepare()
    def scores(self, words, modality, prepared):
        return np.array([-one.sum() for one in prepared], np.float32)

def judge(name):
    return Judge()
"""

POINTS = """[anyseek.modalities]
poem = poems:modality
[anyseek.formats]
poem = poems:formats
[anyseek.embedders]
reader = poems:entry
[anyseek.rerankers]
poems = poems:judge
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The real command in a folder of two indexed poems, one of them under two suffixes."""
    package, folder = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("poems")
    info = package / "poems-1.0.dist-info"
    info.mkdir()
    (package / "poems.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: poems\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "error"}

    def anyseek(*arguments: str) -> Ran:
        ran = subprocess.run(
            [str(ANYSEEK), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    (folder / "sea.poem").write_text(
        "The waves are grey.\n\nA heron stands in the reeds, and it does not move."
    )
    (folder / "sea.song").write_bytes((folder / "sea.poem").read_bytes())
    (folder / "wood.poem").write_text("Leaves.\n\nNothing but leaves.")
    ran = anyseek("index", ".", "--model", "reader", "--workers", "1", "--json")
    assert ran.code == 0, ran.err
    # The suffix decides how a text is read, so equal content under another one is read by itself.
    assert objects(ran.out)[-1]["embedded"] == 3
    return anyseek


def places(ran: Ran) -> list[tuple[str, float]]:
    assert ran.code == 0, ran.err
    return [
        (Path(hit["path"]).name, hit["span"]["start"]) for hit in objects(ran.out) if hit["type"] == "hit"
    ]


def test_all_of_its_words_are_searched(run: object) -> None:
    assert callable(run)
    found = run("search", '"heron stands"', "--by", "words", "--to", "poem", "--json")
    assert sorted(places(found)) == [("sea.poem", 21), ("sea.song", 21)]


def test_a_reranker_reads_its_passages(run: object) -> None:
    """The judge prefers few letters, and has them of the catalog's passages."""
    assert callable(run)
    found = run("search", "leaves", "--to", "poem", "--rerank", "poems:judge", "--json", "-k", "1")
    assert places(found) == [("wood.poem", 0)]


def test_a_file_of_it_is_a_query(run: object) -> None:
    assert callable(run)
    assert (
        places(run("search", "--poem", "wood.poem", "--to", "poem", "--json", "-k", "1"))[0][0] == "wood.poem"
    )
