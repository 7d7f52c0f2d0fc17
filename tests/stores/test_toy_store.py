"""The store of docs/extend-store.md, installed as a package would be: command line, Python, HTTP, doctor, the suite."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder
from ran import ANYSEEK, Ran
from toy_package import CODE, POINTS, SUITE, install
from vector_store_suite import VectorStoreSuite

import anyseek
from anyseek.catalog.catalog import Snapshot
from anyseek.contracts import VectorStore
from anyseek.errors import UsageError
from anyseek.stores.registry import Choice

SUPPORT = Path(__file__).resolve().parents[1] / "support"

MODEL = """
from anyseek.embedders.registry import Entry
from fakes import WordEmbedder

def entry():
    return Entry(WordEmbedder().card, WordEmbedder)
"""

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's package."""
    return install(tmp_path_factory.mktemp("toy"), "toy_store", CODE, POINTS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with the model `words`."""
    points = "[anyseek.embedders]\nwords = toy_word_model:entry\n"
    return install(tmp_path_factory.mktemp("model"), "toy_word_model", MODEL, points)


@pytest.fixture
def installed(package: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both packages, in this process."""
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.syspath_prepend(str(model))


@pytest.fixture
def media(tmp_path: Path, installed: None) -> Path:
    """Files of four modalities with their index."""
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
    return folder


@pytest.fixture
def run(package: Path, model: Path, media: Path) -> Run:
    """The real command in the media's folder."""

    def run(*arguments: str, packages: tuple[Path, ...] = (package, model, SUPPORT)) -> Ran:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, packages))}
        command = [str(ANYSEEK), *arguments]
        done = subprocess.run(
            command, cwd=media, env=environment, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


SEARCH = ("search", "green", "--to", "image,audio", "-k", "2", "--paths")


def test_on_the_command_line(run: Run, media: Path, model: Path) -> None:
    before = run(*SEARCH)
    assert before.code == 0
    assert len(before.out.split()) == 4
    ran = run("store", "set", "toy", "--option", "candidates=3")
    assert (ran.code, ran.out) == (0, "toy, 15 of 15 vectors\n"), ran.err
    assert "rounding 15 vectors" in ran.err
    assert run("store", "show").out == ran.out
    assert run(*SEARCH) == before
    assert [path.name for path in (media / ".anyseek/stores/toy").iterdir()] == ["1.0.npy"]

    # Without its package, searches are exact, and say so.
    bare = (model, SUPPORT)
    ran = run(*SEARCH, packages=bare)
    assert (ran.code, ran.out) == (0, before.out)
    assert ran.err.startswith(
        "The store toy is not installed. The search was exact instead. Install its package"
    )
    assert "The store toy is not installed" in run("store", "show", packages=bare).out

    assert run("store", "set", "exact").out.startswith("exact")
    assert not (media / ".anyseek/stores/toy").exists()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--option", "candidates=0"], "candidates takes a whole number of at least 1, not 0."),
        (["--option", "candidates=many"], "candidates takes a whole number of at least 1, not 'many'."),
        (["--option", "width=3"], "The store toy has no option width."),
        (["--kind", "ivf"], "The store toy has no --kind."),
    ],
)
def test_options_are_checked_by_its_record(run: Run, arguments: list[str], message: str) -> None:
    ran = run("store", "set", "toy", *arguments)
    assert ran.code == UsageError.exit_code
    assert message in ran.err
    assert run("store", "show").out.startswith("exact")


@pytest.mark.thorough
def test_damage_is_found_and_repaired(run: Run, media: Path) -> None:
    run("store", "set", "toy")
    before = run(*SEARCH)
    (media / ".anyseek/stores/toy/1.0.npy").write_bytes(b"\x93NUMPY, not really")
    ran = run(*SEARCH)
    assert (ran.code, ran.out) == (0, before.out)
    assert ran.err.startswith(
        "The store toy has no usable files for this index. The search was exact instead."
    )
    ran = run("doctor")
    assert ran.code == 14
    assert ran.out.startswith("store-damaged: The file of the store toy is damaged")
    assert run("doctor", "--repair").code == 0
    assert run("store", "show").out == "toy, 15 of 15 vectors\n"
    assert run(*SEARCH) == before
    assert run("doctor").out == "The index is healthy.\n"


def test_in_python_and_what_comes_later_is_found(media: Path) -> None:
    with anyseek.open(media) as index:
        index.store.set("toy", candidates=2)
        hits = index.search("green", to="image", k=1)
        assert [Path(hit.path).name for hit in hits] == ["green.png"]
        (media / "pictures/green.png").rename(media / "pictures/moved.png")
        sample_files.picture(media / "pictures/olive.png", "blue")
        index.add(workers=1)
        state = index.store.state()
        assert state is not None
        assert (state.name, state.rows) == ("toy", state.of)
        hits = index.search("green", to="image", k=1)
        assert [Path(hit.path).name for hit in hits] == ["moved.png"]
        with pytest.raises(UsageError):
            index.store.promise(0.9)


def test_an_index_is_made_anew_beside_what_it_left(media: Path) -> None:
    with anyseek.open(media) as index:
        index.store.set(Choice("toy"))
    for path in (media / ".anyseek").glob("catalog.sqlite*"):
        path.unlink()
    assert [finding.code for finding in anyseek.check(media)] == ["catalog-gone"]
    assert anyseek.check(media, repair=True) == []
    with anyseek.open(media, model=WordEmbedder()) as index:
        index.add(media, workers=1)
        index.store.set(Choice("toy"))
        assert [Path(hit.path).name for hit in index.search("green", to="image", k=1)] == ["green.png"]


def test_over_http(media: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from starlette.testclient import TestClient

    from anyseek.serve.app import make_app
    from anyseek.serve.guard import Guard

    with anyseek.open(media) as index:
        index.store.set(Choice("toy"))
    app = make_app(media / ".anyseek", guard=Guard())
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/search", json={"words": "green", "to": "image", "k": 1}).json()
        assert [Path(hit["path"]).name for hit in answer["hits"]] == ["green.png"]
        assert answer["remarks"] == []
        assert client.get("/status").json()["store"]["name"] == "toy"
        (media / ".anyseek/stores/toy/1.0.npy").write_bytes(b"\x93NUMPY, not really")
        damaged = client.post("/search", json={"words": "green", "to": "image", "k": 1}).json()
        assert damaged["hits"] == answer["hits"]
        (remark,) = damaged["remarks"]
        assert remark.startswith("The store toy has no usable files for this index.")


class TestToy(VectorStoreSuite):
    """The suite, by the class of the page."""

    @pytest.fixture(autouse=True)
    def package_is_installed(self, installed: None) -> None:
        pass

    def open_store(self, snapshot: Snapshot, space_id: int) -> VectorStore:
        names: dict[str, type[VectorStoreSuite]] = {}
        exec(SUITE, names)
        store = names["TestToy"]().open_store(snapshot, space_id)
        assert type(store).__name__ == "ToyStore"
        return store
