"""What is swapped between the scan and the reading is neither read nor quoted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_files
from folders import Indexed

from anyseek.indexer import content_match, scan
from anyseek.indexer.ignore import IGNORE_NAME

SECRET = "red secret of somebody else"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of the root."""
    (tmp_path / "outside").mkdir()
    return sample_files.text(tmp_path / "outside" / "notes.txt", SECRET)


@pytest.fixture
def notes(made: Indexed) -> Path:
    (made.folder / "sub").mkdir()
    sample_files.text(made.folder / "other.txt", "green")
    return sample_files.text(made.folder / "sub" / "notes.txt", "blue")


def words_of(made: Indexed) -> list[str]:
    with made.catalog.read() as snapshot:
        segments = [one for file in snapshot.files() for one in snapshot.segments_of_file(file.file_id)]
        return [snapshot.text_of(one.segment_id) + one.excerpt for one in segments]


def to_link(notes: Path, secret: Path) -> None:
    notes.unlink()
    notes.symlink_to(secret)


def folder_to_link(notes: Path, secret: Path) -> None:
    notes.parent.rename(notes.parent.with_name("away"))
    notes.parent.symlink_to(secret.parent)


def to_hard_link(notes: Path, secret: Path) -> None:
    notes.unlink()
    os.link(secret, notes)


SWAPS = [to_link, folder_to_link, to_hard_link]


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("was_indexed", [False, True])
def test_a_text_swapped_after_the_scan_is_not_read(
    made: Indexed,
    notes: Path,
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: Callable[[Path, Path], None],
    was_indexed: bool,
) -> None:
    if was_indexed:
        made.run()
        notes.write_text("blue blue")

    def match(*arguments: object) -> None:
        content_match.match_content(*arguments)  # type: ignore[arg-type]
        swap(notes, secret)

    with monkeypatch.context() as patch:
        patch.setattr("anyseek.indexer.run.match_content", match)
        report = made.run()
    assert report.skipped == {"changed-while-read": 1}
    assert not any("secret" in words for words in words_of(made))
    assert "other.txt" in made.searchable
    made.run()
    if swap is to_hard_link:  # which is a file of this folder like any other
        assert made.searchable.keys() == {"other.txt", "sub/notes.txt"}
    else:
        assert "sub/notes.txt" not in made.records
        assert not any("secret" in words for words in words_of(made))


@pytest.mark.parametrize("swap", SWAPS)
def test_a_file_swapped_before_its_hash_is_looked_at_is_not_read(
    made: Indexed,
    notes: Path,
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: Callable[[Path, Path], None],
) -> None:
    made.run()
    notes.write_text("bluf")
    is_swapped = False

    def hashed(*arguments: object) -> object:
        nonlocal is_swapped
        if not is_swapped:
            swap(notes, secret)
            is_swapped = True
        return original(*arguments)  # type: ignore[arg-type]

    original = content_match.hashed
    monkeypatch.setattr(content_match, "hashed", hashed)
    assert made.run().skipped == {"changed-while-read": 1}
    assert is_swapped
    assert not any("secret" in words for words in words_of(made))


def test_a_folder_swapped_during_the_scan_is_not_looked_into(
    made: Indexed, notes: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = scan.open_folder

    def racing(root: str, path: str) -> int:
        if path == "sub/" and not notes.parent.is_symlink():
            folder_to_link(notes, secret)
        return original(root, path)

    monkeypatch.setattr(scan, "open_folder", racing)
    items = list(scan.scan(0, str(made.folder)))
    assert [item.path for item in items] == ["other.txt", "sub/"]
    assert isinstance(items[1], scan.Unread)


def test_an_ignore_file_that_is_a_link_is_none(made: Indexed, notes: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("*.txt\n")
    (made.folder / IGNORE_NAME).symlink_to(tmp_path / "rules")
    assert made.run().embedded == 2
