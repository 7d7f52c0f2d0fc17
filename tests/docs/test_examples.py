"""The programs of examples/ run on the demo's samples and give the right answers, by public names alone."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import running
from waiting import BRAKE_S

import anyseek

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCUMENTED = (
    ROOT / "docs/python.md",
    ROOT / "docs/searching.md",
    ROOT / "docs/adapters.md",
    ROOT / "README.md",
)


@pytest.fixture(scope="module")
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples of the demo, indexed."""
    import generate

    home = tmp_path_factory.mktemp("examples")
    generate.workplace(home, request.config.cache.mkdir("samples"), quick=True)
    return home / "demo/samples"


def command(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]


def run(name: str, *arguments: str | Path, stdin: str = "") -> str:
    """What a program prints."""
    ran = subprocess.run(
        command(name, *arguments), input=stdin, capture_output=True, text=True, check=False, timeout=BRAKE_S
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.thorough
def test_search(samples: Path, tmp_path: Path) -> None:
    lines = run("search.py", samples, "waves", "at", "the", "beach").splitlines()
    assert len(lines) == 6
    assert lines[0].endswith("pictures/sea/beach.jpg")
    (tmp_path / "note.txt").write_text("A folder without pictures.")
    assert run("search.py", tmp_path, "waves") == ""
    assert (tmp_path / ".anyseek").is_dir()


def test_retrieval_backend(samples: Path) -> None:
    requests = [
        {"query": "a dog is barking", "to": "audio", "k": 1},
        {"query": "church bells", "to": "audio", "k": 3, "where": "duration < 15s"},
        {"query": "rain", "to": "smell"},
        {"query": "rain"},
    ]
    answers = run("retrieval_backend.py", samples, stdin="\n".join(map(json.dumps, requests)))
    dog, bells, smell, rain = map(json.loads, answers.splitlines())
    assert dog["hits"][0]["path"].endswith("recordings/animals/dog.wav")
    assert len(bells["hits"]) == 3
    assert not any("a-walk-on-sunday" in hit["path"] for hit in bells["hits"])  # of 40 seconds
    assert smell["error"] == "usage"
    assert len(rain["hits"]) > 10


@pytest.mark.thorough
def test_watch_and_reindex(tmp_path: Path) -> None:
    (tmp_path / "first.txt").write_text("The first note.")
    anyseek.create(tmp_path).close()
    with running(command("watch_and_reindex.py", tmp_path), stderr=None) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("1 new, 0 changed, 0 gone")
        (tmp_path / "second.txt").write_text("The second note.")
        assert program.stdout.readline().startswith("1 new, 0 changed, 0 gone, 1 as before")
        program.send_signal(signal.SIGINT)
        assert program.wait(BRAKE_S) == 0


def test_evaluate(samples: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("waves at the beach\tpictures/sea/beach.jpg\nwaves at the beach\tnotes/travel/alps.md\n")
    lines = run("evaluate.py", samples, pairs).splitlines()
    assert [line.split()[:2] for line in lines] == [[f"recall@{k}", "0.500"] for k in (1, 5, 10)]


def test_evaluate_refuses_a_file_without_queries(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("\n")
    done = subprocess.run(
        command("evaluate.py", samples, tmp_path / "pairs.tsv"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no query with its answers in ")


@pytest.mark.thorough
def test_http_client(samples: Path) -> None:
    beach = samples / "pictures/sea/beach.jpg"
    lines = run("http_client.py", samples, "waves at the beach", beach).splitlines()
    assert len(lines) == 6
    assert lines[0].endswith("pictures/sea/beach.jpg")
    assert all("recordings/" in line for line in lines[3:])


@pytest.mark.thorough
def test_langchain_retriever(samples: Path) -> None:
    question = "what to take along for climbing in the snow"
    prompt = run("langchain_retriever.py", samples, question)
    assert prompt.splitlines()[-1] == f"Question: {question}"
    assert "notes/travel/alps.md: " in prompt


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_keep_to_what_is_documented(path: Path) -> None:
    """Of `anyseek` only public names are used, and of an index only methods that the pages show."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCUMENTED)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("anyseek"):
            assert str(node.module).startswith("anyseek.adapters.")
            assert f"from {node.module} import" in pages
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "anyseek":
                assert node.attr in anyseek.__all__
            elif node.value.id == "index":
                assert f"index.{node.attr}(" in pages or f"letters.{node.attr}(" in pages


def test_every_example_is_tested_and_on_its_page() -> None:
    page = (ROOT / "docs/examples.md").read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert f"test_{path.stem}" in globals()
        assert f"examples/{path.name}" in page
