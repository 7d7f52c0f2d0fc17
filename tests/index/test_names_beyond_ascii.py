"""Names, folders and tags in filters: letter case and composition do not matter, in any script, on either side."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import WordEmbedder

import anyseek
from anyseek.catalog import codec
from anyseek.errors import UsageError


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


FILES = (
    "ÉTÉ.txt",
    "ТЕСТ.txt",
    "ÜBUNG/a.TXT",
    nfd("Größe.txt"),
    "ΌΣΟΣ.md",
    nfd("Ordner Ä/b.txt"),
    "plain.txt",
)
UNDECODABLE = os.fsdecode(b"caf\xe9.txt")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    folder = tmp_path_factory.mktemp("names") / nfd("Bücher")
    for number, name in enumerate((*FILES, UNDECODABLE)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"red {number}")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        made.tags.add("Été", folder / "ÉTÉ.txt")
        made.tags.add(nfd("Straße"), folder / "ТЕСТ.txt")
        yield made


def found(index: anyseek.Index, **how: object) -> set[str]:
    (root,) = index.roots()
    return {os.path.relpath(hit.path, root) for hit in index.search("red", k=20, **how)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('name = "été.txt"', FILES[0]),
        (f'name = "{nfd("ÉTÉ.txt")}"', FILES[0]),
        ('name = "тест.txt"', FILES[1]),
        ('path = "übung/A.txt"', FILES[2]),
        ('folder = "übung"', FILES[2]),
        (f'folder = "{nfd("Übung")}"', FILES[2]),
        ('folder in (nowhere, "ordner ä")', FILES[5]),
        ('name = "größe.txt"', FILES[3]),
        ('name in (x, "GRÖSSE.TXT")', FILES[3]),
        ('name ~ "grö*"', FILES[3]),
        ('name ~ "gr[äöü]sse.*"', FILES[3]),
        ('path ~ "*ä/b.*"', FILES[5]),
        ("name = όσος.md", FILES[4]),
        ("type = MD", FILES[4]),
        ("tag = été", FILES[0]),
        (f"tag = {nfd('ÉTÉ')}", FILES[0]),
        ("tag in (x, STRASSE)", FILES[1]),
        ("tag ~ 'stra*'", FILES[1]),
        (f'name = "{UNDECODABLE}"', UNDECODABLE),
    ],
)
def test_a_filter_finds_it_however_it_is_spelled(index: anyseek.Index, where: str, expected: str) -> None:
    assert found(index, where=where) == {expected}


@pytest.mark.parametrize("where", ['name = "ete.txt"', "tag = ete", 'folder = "ubung"', 'name ~ "e?t?.txt"'])
def test_another_letter_is_another_name(index: anyseek.Index, where: str) -> None:
    assert found(index, where=where) == set()


@pytest.mark.parametrize("folder", ["ÜBUNG", "übung", nfd("Übung")])
def test_the_folder_to_search_below(index: anyseek.Index, folder: str) -> None:
    (root,) = index.roots()
    assert found(index, in_=root / folder) == {FILES[2]}
    assert found(index, where=f'folder = "{root / folder}"') == {FILES[2]}
    assert len(found(index, in_=root.parent / "BÜCHER")) == len(FILES) + 1


def test_a_condition_on_folders_elsewhere_does_not_look_at_the_disk(
    index: anyseek.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = codec.is_on_disk

    def is_on_disk(path: str) -> bool:
        looked.append(path)
        return real(path)

    monkeypatch.setattr(codec, "is_on_disk", is_on_disk)
    (root,) = index.roots()
    for folder in ("/etc", "/nowhere", str(root.parent / "beside")):
        assert found(index, where=f'folder = "{folder}"') == set()
    assert looked == []
    found(index, where=f'folder = "{root / "empty"}"')
    assert set(looked) == {str(root / "empty")}


def test_a_folder_that_is_there_byte_for_byte_is_that_one(tmp_path: Path) -> None:
    for name in ("Foo/a.txt", "foo/b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("red")
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        assert found(index, in_=tmp_path / "Foo") == {"Foo/a.txt"}
        assert found(index, in_=tmp_path / "foo") == {"foo/b.txt"}
        assert found(index, in_=tmp_path / "FOO") == {"Foo/a.txt", "foo/b.txt"}
    (tmp_path / "FOO").mkdir()
    (tmp_path / "Foo").rename(tmp_path / "elsewhere")  # as a drive that is unplugged
    with anyseek.open(index=tmp_path / ".anyseek", model=WordEmbedder()) as index:
        assert found(index, in_=tmp_path / "FOO") == set()
        assert found(index, in_=tmp_path / "Foo") == {"Foo/a.txt"}
        with pytest.raises(UsageError, match="no folder"):
            found(index, in_=tmp_path / "bar")
        with pytest.raises(UsageError, match="outside"):
            found(index, in_="/nowhere")
