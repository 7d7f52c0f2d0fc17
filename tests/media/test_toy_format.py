"""The format of docs/extend-format.md, installed as a package would be, in every place where a file can turn up."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recipes
import sample_files
from fakes import WordEmbedder
from PIL import Image
from ran import ANYSEEK, Ran, objects

import anyseek
from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.errors import MediaError
from anyseek.media import decode, formats, sniff

COLOURS = ("red", "green", "blue")


def install(folder: Path, name: str, code: str, points: str) -> Path:
    """A package, as pip would have installed it, on a path of its own."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recipes.install("extend-format.md", "albums", tmp_path_factory.mktemp("package"))


def album(path: Path, *colours: str, seconds: int = 5) -> Path:
    """A picture of each colour with its time, and then, at the same time, its name as a text."""
    with path.open("wb") as file:
        file.write(b"ALBUM1\n")
        for number, colour in enumerate(colours):
            entry = {"start": number * seconds, "end": (number + 1) * seconds}
            pixels = np.full((16, 24, 3), sample_files.COLOURS[colour], np.uint8).tobytes()
            words = f"a thing that is {colour}".encode()
            for more, data in (({"width": 24, "height": 16}, pixels), ({}, words)):
                file.write(json.dumps({**entry, **more, "bytes": len(data)}).encode() + b"\n" + data)
    return path


def forget() -> None:
    formats.all_formats.cache_clear()
    formats.by_suffix.cache_clear()


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is there in this process, whose workers get its path."""
    monkeypatch.syspath_prepend(str(package))
    forget()
    yield
    forget()


# ---------------------------------------------------------------- the command line


@pytest.fixture
def run(package: Path, tmp_path: Path) -> Any:
    """The real command in a folder with two albums, a picture and a text."""
    media = tmp_path / "media"
    media.mkdir()
    album(media / "tour.album", "red", "green", "blue")
    album(media / "sea.album", "blue", seconds=9)
    sample_files.picture(media / "green.png", "green")

    def anyseek_(*arguments: str | Path) -> Ran:
        ran = subprocess.run(
            [str(ANYSEEK), *map(str, arguments)],
            cwd=media,
            env={**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return anyseek_


@pytest.mark.thorough
def test_the_command_line_indexes_and_searches_it(run: Any, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "wrong.album").write_bytes(b"\x93 not an album")
    (media / "cut.album").write_bytes((media / "sea.album").read_bytes()[:200])
    ran = run("index", ".", "--workers", "1", "--json")
    assert ran.code == 3, ran.err
    assert "wrong.album is named as album, but its content is not album." in ran.out
    assert "cut.album is cut short." in ran.out
    status = run("status", "--json")
    assert json.loads(status.out)["files"] == {"image": 3}
    assert json.loads(status.out)["segments"] == {"image": 5, "text": 4}

    def first(*arguments: str) -> tuple[str, str, float, float]:
        ran = run("search", *arguments, "--json", "-k", "1")
        assert ran.code == 0, ran.err
        (hit,) = objects(ran.out)
        return Path(hit["path"]).name, hit["modality"], hit["span"]["start"], hit["span"]["end"]

    assert first("--words", "a thing that is green", "--to", "text") == ("tour.album", "text", 5, 10)
    query = sample_files.picture(tmp_path / "query.png", "red")
    assert first(str(query), "--to", "image") == ("tour.album", "image", 0, 5)
    asked = album(tmp_path / "query.album", "red")
    assert first(str(asked), "--to", "image") == ("tour.album", "image", 0, 5)
    assert first("--text", str(asked), "--to", "text") == ("tour.album", "text", 0, 5)
    assert first("--image", str(asked), "--to", "image") == ("tour.album", "image", 0, 5)
    assert run("search", "nothing.album").code == 40


def test_a_cold_search_with_words_does_not_look_for_packages(package: Path, tmp_path: Path) -> None:
    sample_files.text(tmp_path / "red.txt", "something red")
    code = (
        "import importlib.metadata, sys\n"
        "from anyseek.cli import main\n"
        "def entry_points(**group): raise SystemExit(f'looked for {group}')\n"
        "importlib.metadata.entry_points = entry_points\n"
        f"assert main(['search', 'something red', '--index', {str(tmp_path / '.anyseek')!r}]) == 0\n"
        "assert 'albums' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(package)}
    subprocess.run([str(ANYSEEK), "index", "-q", str(tmp_path)], env=environment, check=True)
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


# ---------------------------------------------------------------- Python


@pytest.mark.usefixtures("installed")
def test_python_indexes_and_searches_it(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    path = album(folder / "tour.album", *COLOURS * 20)  # more segments than one task returns
    assert sniff(str(path)) is Modality.IMAGE
    with anyseek.create(folder, model=WordEmbedder()) as index:
        assert index.add(workers=1).segments == 120
        assert index.add(workers=1).unchanged == 1
        hit = index.search("blue", to="image", k=1)[0]
        assert (Path(hit.path).name, hit.span.end - hit.span.start) == ("tour.album", 5)
        assert hit.span.start % 15 == 10
        assert index.search("green", to="text", k=1)[0].excerpt == "a thing that is green"
        asked = album(tmp_path / "query.album", "red")
        assert index.search(image=asked, to="image", k=1)[0].span.start % 15 == 0
        assert index.search(text=asked, to="image", k=1)[0].span.start % 15 == 0
        assert index.library.check() == []


@pytest.mark.usefixtures("installed")
def test_a_model_that_supports_nothing_in_it_skips_it(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    album(folder / "tour.album", "red")
    with anyseek.create(folder, model=WordEmbedder(modalities=(Modality.AUDIO,))) as index:
        assert index.add(workers=1).skipped == {"no-tower": 1}
    with anyseek.create(
        folder, index=tmp_path / "texts", model=WordEmbedder(modalities=(Modality.TEXT,))
    ) as index:
        assert index.add(workers=1).segments == 1


@pytest.mark.usefixtures("installed")
def test_it_is_taken_as_what_it_contains_and_as_nothing_else(tmp_path: Path) -> None:
    from anyseek.contracts import DecodeHint

    path = str(album(tmp_path / "tour.album", *COLOURS))
    assert [segment.data for segment in decode(path, Modality.TEXT, DecodeHint(), 1, 1)] == [
        "a thing that is green"
    ]
    assert len(list(decode(path, Modality.IMAGE, DecodeHint()))) == 3
    with pytest.raises(MediaError) as caught:
        list(decode(path, Modality.AUDIO, DecodeHint()))
    assert caught.value.reason == "wrong-modality"


# ---------------------------------------------------------------- HTTP


@pytest.mark.usefixtures("installed")
def test_http_searches_it_and_shows_each_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    from anyseek.serve.app import make_app
    from anyseek.serve.guard import Guard

    monkeypatch.setattr(registry, "load", lambda name, *_: WordEmbedder())
    folder = tmp_path / "media"
    folder.mkdir()
    path = album(folder / "tour.album", "red", "red", "green", "blue")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
    app = make_app(folder / ".anyseek", guard=Guard())
    with TestClient(app, base_url="http://localhost") as client:
        for colour, start in (("green", 10), ("blue", 15)):
            query = {"words": colour, "to": "image", "segments": True}
            hit = client.get("/search", params=query).json()["hits"][0]
            assert (hit["path"], hit["span"]["start"]) == (str(path), start)
            preview = client.get(hit["preview"])
            assert preview.headers["content-type"] == "image/jpeg"
            pixel = np.asarray(Image.open(io.BytesIO(preview.content)))[8, 12]
            assert int(pixel.argmax()) == COLOURS.index(colour)
        text = client.get("/search", params={"words": "blue", "to": "text", "segments": True}).json()["hits"][
            0
        ]
        assert (text["excerpt"], text["span"]["start"]) == ("a thing that is blue", 15)
        assert client.get(f"/segments/{text['segment_id']}/preview").status_code == 204
        asked = album(tmp_path / "query.album", "blue").read_bytes()
        query = {"to": "image", "segments": True}
        found = client.post("/search/file", params=query, content=asked).json()["hits"]
        assert found[0]["span"]["start"] == 15


# ---------------------------------------------------------------- packages that are broken


@pytest.mark.parametrize(
    "code",
    [
        "import no_such_module\n",
        "def formats(): raise KeyError('x')\n",
        "def formats(): return 'a format'\n",
        "def formats():\n    import albums, dataclasses\n"
        "    return dataclasses.replace(albums.formats(), suffixes=('ALBUM',))\n",
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_package_that_cannot_be_loaded_is_logged_and_left_out(
    tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = "[anyseek.formats]\nbroken = broken_formats:formats\n"
    monkeypatch.syspath_prepend(str(install(tmp_path / "broken", "broken_formats", code, points)))
    monkeypatch.delitem(sys.modules, "broken_formats", raising=False)
    forget()
    with caplog.at_level(logging.WARNING):
        assert sniff(str(album(tmp_path / "tour.album", "red"))) is Modality.IMAGE
        assert sniff(str(sample_files.picture(tmp_path / "red.png", "red"))) is Modality.IMAGE
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("The format broken cannot be used (")


@pytest.mark.usefixtures("installed")
def test_a_format_that_fails_costs_its_own_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = (
        "from anyseek.contracts import Modality\n"
        "from anyseek.media.format import Format\n"
        "def fail(head): raise KeyError('x')\n"
        "def formats():\n"
        "    raising = Format(name='a', modality=Modality.TEXT, suffixes=(), reader='no:thing', matches=fail)\n"
        "    unread = Format(name='b', modality=Modality.TEXT, suffixes=('.b',), reader='no_such_module:read')\n"
        "    return raising, unread\n"
    )
    points = "[anyseek.formats]\nfailing = failing_formats:formats\n"
    monkeypatch.syspath_prepend(str(install(tmp_path / "failing", "failing_formats", code, points)))
    forget()
    folder = tmp_path / "media"
    folder.mkdir()
    album(folder / "tour.album", "red")
    sample_files.picture(folder / "red.png", "red")
    (folder / "x.b").write_text("words")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        report = index.add(workers=1)
        (problem,) = index.status().problems
    assert report.embedded == 2
    assert report.skipped == {"missing-reader": 1}
    assert problem.reason.endswith(". To read it: Install the package of the format again.")
    with caplog.at_level(logging.WARNING):
        assert sniff(str(folder / "red.png")) is Modality.IMAGE
        assert sniff(str(folder / "tour.album")) is Modality.IMAGE
    assert [record.getMessage() for record in caplog.records] == ["The format a cannot recognise its files."]


BAD_SEGMENTS = """
import numpy as np
from anyseek.contracts import SegmentData, Modality, Span, Unit
from anyseek.media.format import Format

SEGMENTS = {
    "nan": (Span(float("nan"), float("inf"), Unit.SECONDS), "words", "words"),
    "backwards": (Span(5.0, -3.0, Unit.SECONDS), "words", "words"),
    "unit": (Span(0.0, 1.0, "s"), "words", "words"),
    "nothing": (Span(), None, ""),
    "bytes": (Span(), b"words", ""),
    "excerpt": (Span(), "words", 5),
    "surrogate": (Span(), "a\\ud800b", ""),
    "numpy": (Span(np.float32(1), np.int64(2), Unit.SECONDS), "a thing that is red", "red"),
}

def read(source, file_type, hints, first=0, count=None):
    name = source.name.partition(".")[0]
    if name == "text":
        yield "words"
    elif name == "modality":
        yield SegmentData(Modality.AUDIO, Span(), np.zeros(16000, np.float32))
    else:
        yield SegmentData(Modality.TEXT, *SEGMENTS[name])

def caption(source, file_type):
    return [5, "a caption", None]

def formats():
    return Format(
        name="bad", modality=Modality.TEXT, suffixes=(".bad",), reader="bad_segments:read",
        caption="bad_segments:caption",
    )
"""


@pytest.mark.usefixtures("installed")
def test_a_segment_that_is_not_as_it_should_be_costs_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = "[anyseek.formats]\nbad = bad_segments:formats\n"
    monkeypatch.syspath_prepend(str(install(tmp_path / "bad", "bad_segments", BAD_SEGMENTS, points)))
    forget()
    folder = tmp_path / "media"
    folder.mkdir()
    bad = ("nan", "backwards", "unit", "nothing", "bytes", "excerpt", "surrogate", "text", "modality")
    for name in (*bad, "numpy"):
        (folder / f"{name}.bad").write_text("x")
    sample_files.picture(folder / "red.png", "red")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        report = index.add(workers=1)
        assert (report.embedded, report.skipped) == (2, {"broken": len(bad)})
        hit = index.search("red", to="text", k=1)[0]
        assert (Path(hit.path).name, hit.span.start, hit.span.end) == ("numpy.bad", 1, 2)
        assert index.search("caption", to="text", by="words")[0].has_words
