"""What commands have in common, seen from outside: help, versions, a model that is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from fakes import WordEmbedder
from ran import Ran
from ran import objects as lines

import anyseek
from anyseek.catalog.catalog import Catalog
from anyseek.contracts import ModelCard

Run = Callable[..., Ran]


def test_models_lists_the_registered_ones(here: Run) -> None:
    records = {record["name"]: record for record in lines(here("models", "--json").out)}
    assert set(records["words"]) == {"type", *ModelCard.__slots__, "on_disk", "path"}
    assert (records["words"]["on_disk"], records["imagebind"]["on_disk"]) == (True, False)
    table = here("models").out.splitlines()
    assert table[0].split()[0] == "NAME"
    assert any(line.startswith("words ") for line in table)


COMMANDS = (
    "index",
    "search",
    "similar",
    "status",
    "doctor",
    "tag",
    "duplicates",
    "map",
    "eval",
    "watch",
    "forget",
    "classify",
    "reindex",
    "export",
    "import",
    "compact",
    "serve",
    "mcp",
    "models",
    "store",
    "bench",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, here: Run) -> None:
    ran = here(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"anyseek {command}" in ran.out.partition("Example")[2]
    assert here(command, "-h").out == ran.out


@pytest.mark.parametrize("group", [(), ("store",), ("bench",)])
def test_alone_a_group_prints_its_help(group: tuple[str, ...], here: Run) -> None:
    ran = here(*group)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == here(*group, "--help").out


def test_the_first_page_names_every_command_in_a_whole_sentence(here: Run) -> None:
    ran = here("--help")
    assert ran.code == 0
    assert here().out == ran.out
    listed = ran.out.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.strip()] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed if line.strip())


def test_version(here: Run) -> None:
    import anyseek

    assert here("--version").out == f"anyseek {anyseek.__version__}\n"


@pytest.mark.thorough
def test_an_index_is_moved_to_another_version_of_its_model(media: Path, shell: Run) -> None:
    newer = {"WORDS_VERSION": "2"}
    refused = shell("search", "green", cwd=media, **newer)
    assert refused.code == 12
    assert "anyseek reindex --model words" in refused.err
    (media / "pictures/red.png").unlink()
    moved = shell("reindex", "--model", "words", "--keep", "--workers", "1", cwd=media, **newer)
    assert moved.code == 0
    assert "The old one: .anyseek.words" in moved.out
    assert "pictures/red.png" in moved.err
    assert shell("search", "green", "--paths", cwd=media, **newer).code == 0


def test_reindex_by_itself_takes_the_model_of_the_same_name_as_it_is_here(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = here("reindex", cwd=media)
    assert (refused.code, "already made by words" in refused.err) == (2, True)
    monkeypatch.setenv("WORDS_VERSION", "2")
    moved = here("reindex", "--workers", "1")
    assert moved.code == 0
    assert moved.err.startswith("The index's own model, words, as it is here now")
    assert moved.out.endswith("The index is one of words now.\n")
    assert here("search", "green", "--paths").code == 0


def test_reindex_by_itself_names_the_model_that_is_not_here(tmp_path: Path, here: Run) -> None:
    media = sample_files.fill(tmp_path / "media")
    with anyseek.create(media, model=WordEmbedder(name="gone")) as index:
        index.add(workers=1)
    refused = here("reindex", cwd=media)
    assert refused.code == 20
    assert "no model called 'gone'" in refused.err
    Catalog.create(tmp_path / "empty", [media]).close()
    refused = here("reindex", "--index", tmp_path / "empty")
    assert (refused.code, "has no model yet" in refused.err) == (2, True)


def test_one_segment_of_one_file_is_said_as_such(here: Run, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    sample_files.text(tmp_path / "media/one.txt", "red")
    here("index", tmp_path / "media")
    vectors = tmp_path / "vectors.npy"
    assert here("export", vectors, cwd=tmp_path / "media").out == "1 segment of 1 file exported.\n"
    said = "0 segments of 0 files imported. 1 file indexed already is kept.\n"
    assert here("import", vectors, cwd=tmp_path / "media").out == said
