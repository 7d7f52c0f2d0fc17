"""Patterns: git's syntax, git's precedence, and files that cannot be believed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from anyseek.errors import UsageError
from anyseek.indexer.ignore import Rules, exclusions
from anyseek.indexer.scan import Unread, scan


def test_no_patterns_name_nothing() -> None:
    assert not exclusions([]).names("anything")
    assert not Rules().names("any/thing/")


def test_the_nearest_file_decides_and_exclude_stands_above(tmp_path: Path) -> None:
    (tmp_path / "outer").write_text("*.jpg\n!a.jpg\n")
    (tmp_path / "inner").write_text("!b.jpg\na.jpg\n")
    rules = exclusions(["c.jpg"]).with_file("", os.fsencode(tmp_path / "outer"))
    inner = rules.with_file("sub/", os.fsencode(tmp_path / "inner"))
    assert [inner.names(f"sub/{name}.jpg") for name in "abcd"] == [True, False, True, True]
    assert [rules.names(f"{name}.jpg") for name in "abcd"] == [False, True, True, True]
    assert not inner.names("sub/c.png")


@pytest.mark.parametrize(
    "pattern", ["*.tmp", "/top", "a/**/z", "**/cache/", "dir/", "[ab]?", "!kept.tmp", "#no", "\\#yes"]
)
def test_as_git_does(tmp_path: Path, pattern: str) -> None:
    paths = "x.tmp kept.tmp top sub/top a/z a/b/c/z cache/f s/cache/f dir/f sub/dir a1 c1 #yes #no".split()
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / path).exists():
            (tmp_path / path).write_text("")
    lines = f"*.tmp\n{pattern}\n" if pattern.startswith("!") else f"{pattern}\n"
    (tmp_path / ".anyseekignore").write_text(lines)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(lines)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    expected = {path for path in listed.split("\0") if path and not path.startswith(".")}
    assert {item.path for item in scan(0, str(tmp_path))} == expected


def test_a_pattern_without_meaning_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--exclude"):
        exclusions(["!"])
    (tmp_path / ".anyseekignore").write_text("fine\n!\n")
    with pytest.raises(UsageError, match="anyseekignore"):
        list(scan(0, str(tmp_path)))


def test_an_ignore_file_that_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "picture").write_text("")
    os.mkfifo(tmp_path / ".anyseekignore")
    assert [item.path for item in scan(0, str(tmp_path))] == ["picture"]


def test_windows_line_ends_a_byte_order_mark_and_undecodable_patterns(tmp_path: Path) -> None:
    (tmp_path / ".anyseekignore").write_bytes(b"\xef\xbb\xbfa\r\n\xff*\r\n")
    for name in (b"a", b"b", b"\xffz"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("")
    assert [item.path for item in scan(0, str(tmp_path))] == ["b"]


def test_an_ignore_file_that_cannot_be_read_leaves_its_folder_unjudged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "picture").write_text("")
    (tmp_path / "sub" / ".anyseekignore").write_text("picture")

    def refuse(rules: Rules, folder: str, path: bytes) -> Rules:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Rules, "with_file", refuse)
    assert list(scan(0, str(tmp_path))) == [Unread(0, "sub/", "Permission denied")]
