"""The registry: names, cards, third parties' models, and what it costs to ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import sample_files
from ran import ANYSEEK

from anyseek import plugins
from anyseek.embedders import registry
from anyseek.embedders.fingerprint import fingerprint
from anyseek.errors import ModelNotFound

ROOT = Path(__file__).resolve().parents[2]


def test_built_in_models_are_those_that_the_package_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared == registry.BUILT_IN


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelNotFound) as caught:
        registry.load("imagebnd")
    assert "imagebnd" in caught.value.message
    assert "mini" in caught.value.hint


def test_a_card_is_the_same_before_and_after_loading() -> None:
    (card,) = [card for card in registry.cards() if card.name == "mini"]
    assert card == registry.load("mini").card


def test_asking_for_a_card_loads_no_library() -> None:
    code = "import sys; from anyseek.embedders import registry; registry.entry('mini'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "onnxruntime", "PIL"} & set(run.stdout.split())


def test_a_third_partys_package_brings_a_model(tmp_path: Path) -> None:
    """A real distribution on the path, found through its metadata; a broken one beside it hides nothing."""
    (tmp_path / "words_model.py").write_text(
        "from fakes import WordEmbedder\n"
        "from anyseek.embedders.registry import Entry\n"
        "def entry():\n    return Entry(WordEmbedder().card, WordEmbedder)\n"
    )
    for name, target in (("words", "words_model:entry"), ("broken", "no_such_module:entry")):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[{registry.MODELS}]\n{name} = {target}\n")
    code = (
        "from anyseek.embedders import registry; from anyseek.contracts import Modality\n"
        "print([c.name for c in registry.cards()], registry.load('words').embed(Modality.TEXT, ['red']).argmax())"
    )
    path = f"{tmp_path}:{ROOT / 'tests' / 'support'}"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    names = [
        "imagebind",
        "mini",
        "mini-languages",
        "mini-open",
        "pe-av-base",
        "pe-av-large",
        "pe-av-small",
        "words",
    ]
    assert run.stdout.strip() == f"{names} 0"
    assert "broken" in run.stderr


FAMILY = """
from dataclasses import dataclass
from fakes import WordEmbedder
from anyseek.embedders.registry import Entry

@dataclass
class Judge:
    name: str
    modalities = ()

    def preparer(self, modality): raise NotImplementedError

    def scores(self, words, modality, prepared): raise NotImplementedError

def entry(name):
    model = WordEmbedder(name=name, version=name.partition(":")[2])
    return Entry(model.card, lambda: model)
"""


@pytest.mark.thorough
def test_a_packages_family_indexes_and_searches_by_the_real_command(tmp_path: Path) -> None:
    """`--model toy:thing`: the prefix is the package's, the rest is for its function; the index remembers the name."""
    package, media = tmp_path / "package", tmp_path / "media"
    info = package / "toy_family-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "toy_family.py").write_text(FAMILY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.FAMILIES}]\ntoy = toy_family:entry\n[{registry.RERANKERS}]\ntoy = toy_family:Judge\n"
    )
    media.mkdir()
    for colour in ("red", "green", "blue"):
        sample_files.picture(media / f"{colour}.png", colour)
    path = os.pathsep.join([str(package), str(ROOT / "tests" / "support")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}

    def run(*command: str) -> str:
        ran = subprocess.run(command, cwd=media, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run(str(ANYSEEK), "index", ".", "--model", "toy:thing", "--workers", "1", "--quiet")
    for colour in ("red", "green", "blue"):
        lines = map(json.loads, run(str(ANYSEEK), "search", "--words", colour, "--json").splitlines())
        first = next(line for line in lines if line["type"] == "hit")
        assert (first["path"], first["model"]) == (str(media / f"{colour}.png"), "toy:thing")
    code = "from anyseek.embedders import registry; print(registry.reranker('toy:judge').name)"
    assert run(sys.executable, "-c", code) == "toy:judge\n"


def test_only_an_unknown_prefix_costs_the_metadata_of_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(plugins, "declared", lambda group: asked.append(group) or ())
    assert registry.entry("mini").card.name == "mini"
    with pytest.raises(ModelNotFound, match="nowhere"):
        registry.entry("mini:nowhere")
    assert asked == []
    with pytest.raises(ModelNotFound, match="toy:thing"):
        registry.entry("toy:thing")
    assert registry.FAMILIES in asked


def test_a_fingerprint_changes_with_every_part(tmp_path: Path) -> None:
    weights = tmp_path / "w.bin"
    weights.write_bytes(b"1")
    first = fingerprint("m", [1, "x"], [weights])
    assert first == fingerprint("m", [1, "x"], [weights])
    assert first.startswith("m-")
    others = {
        fingerprint("m", [2, "x"], [weights]),
        fingerprint("m", [1], [weights]),
        fingerprint("n", [1, "x"], [weights]),
    }
    weights.write_bytes(b"2")
    others.add(fingerprint("m", [1, "x"], [weights]))
    assert first not in others
    assert len(others) == 4


ODD_MODELS = """
print("a line that is no JSON")
from fakes import WordEmbedder
from anyseek.embedders.registry import Entry

def nothing(name=""): return None
def fails(name=""): raise RuntimeError("out of luck")
def leaves(name=""): raise SystemExit(7)
def unloaded(name=""): return Entry(WordEmbedder().card, lambda: None)
"""


def test_a_package_that_makes_no_model_costs_a_sentence(tmp_path: Path) -> None:
    points = [
        f"[{group}]\n" + "".join(f"x{one} = odd_models:{one}\n" for one in ("nothing", "fails", "leaves"))
        for group in (registry.MODELS, registry.FAMILIES, registry.RERANKERS)
    ]
    points.append(
        f"[{registry.MODELS}]\nxunloaded = odd_models:unloaded\nxsyntax = odd_syntax:entry\nxexit = odd_exit:entry\n"
    )
    (tmp_path / "odd_models.py").write_text(ODD_MODELS)
    (tmp_path / "odd_syntax.py").write_text("def (:")
    (tmp_path / "odd_exit.py").write_text("raise SystemExit(7)")
    for number, text in enumerate(points):
        info = tmp_path / f"odd{number}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: odd{number}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(text)
    paths = [str(tmp_path), str(ROOT / "tests/support")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ANYSEEK), *arguments], env=environment, capture_output=True, text=True, check=False
        )

    listed = run("models", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {"mini", "words"} <= {json.loads(line)["name"] for line in listed.stdout.splitlines()}
    assert "a line that is no JSON" in listed.stderr
    code = (
        "import sys\nfrom anyseek.embedders import registry; from anyseek.errors import ModelNotFound\n"
        "for make in (registry.load, registry.reranker):\n"
        "    for name in sys.argv[1:]:\n"
        "        try: make(name); print('made', name)\n"
        "        except ModelNotFound as error: print(error)\n"
    )
    names = [
        "xnothing",
        "xfails",
        "xleaves",
        "xunloaded",
        "xsyntax",
        "xexit",
        "xnothing:a",
        "xfails:a",
        "xleaves:a",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "The model xnothing cannot be used (its function returned NoneType).",
        "The model xfails cannot be used (RuntimeError: out of luck).",
        "The model xleaves cannot be used (SystemExit: 7).",
        "The model xunloaded cannot be used (its function returned NoneType).",
        "The model xsyntax cannot be loaded (SyntaxError: invalid syntax (odd_syntax.py, line 1)).",
        "The model xexit cannot be loaded (SystemExit: 7).",
        "The family of models xnothing cannot be used (its function returned NoneType).",
        "The family of models xfails cannot be used (RuntimeError: out of luck).",
        "The family of models xleaves cannot be used (SystemExit: 7).",
        *(f"There is no reranker called {name!r}." for name in names[:6]),
        "The reranker xnothing cannot be used (its function returned NoneType).",
        "The reranker xfails cannot be used (RuntimeError: out of luck).",
        "The reranker xleaves cannot be used (SystemExit: 7).",
    ]
