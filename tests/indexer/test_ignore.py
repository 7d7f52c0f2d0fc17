"""Patterns: git's syntax, git's precedence, and files that cannot be believed."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from anyseek.errors import UsageError
from anyseek.indexer.ignore import IGNORE_NAME, MOST_PATTERNS, Rules, exclusions
from anyseek.indexer.patterns import BadPattern, Patterns
from anyseek.indexer.scan import Unread, scan
from anyseek.opening import FileBelow


def test_no_patterns_name_nothing() -> None:
    assert not exclusions([]).names("anything")
    assert not Rules().names("any/thing/")


def test_the_nearest_file_decides_and_exclude_stands_above(tmp_path: Path) -> None:
    (tmp_path / "outer").write_text("*.jpg\n!a.jpg\n")
    (tmp_path / "inner").write_text("!b.jpg\na.jpg\n")
    rules = exclusions(["c.jpg"]).with_file("", FileBelow(str(tmp_path), "outer"))
    inner = rules.with_file("sub/", FileBelow(str(tmp_path), "inner"))
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


ATOMS = (
    "a b ab * ** *** ? / / [a-b] [!a] [^a] []] [a] [b-] [--b] [[:alpha:]] [[:digit:]1] [[a] [\\]] \\a \\* \\[ - ] ! # ^"
    " **/ /** /**/"
).split()
TREE = (
    "f/a f/b f/ab f/ba f/aab f/a-b f/x] f/[a f/!a f/#a f/a^ f/A f/b1 f/abab a ab/a ab/ab/a ab/b/ab/a ab/b/ab/b b/a b/ab"
    " b/aab/b x]/a a-b a^ !a #a aba/b1 A b1"
).split()


def test_random_patterns_match_what_they_match_for_git(tmp_path: Path) -> None:
    """Folders with the same files and a .gitignore each, all listed by one call of git."""
    rng = random.Random(20)
    rules: dict[str, Patterns] = {}
    while len(rules) < 150:
        lines = [
            "".join(rng.choices([*ATOMS, " ", "\\ "], k=rng.randint(1, 5))) for _ in range(rng.randint(1, 3))
        ]
        if rng.random() < 0.4:
            lines[-1] = "!" + lines[-1]
        try:
            patterns = Patterns(lines)
        except BadPattern:
            continue
        folder = tmp_path / str(len(rules))
        for path in TREE:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        (folder / ".gitignore").write_text("\n".join(lines) + "\n")
        rules[folder.name] = patterns
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    expected = {path for path in listed.split("\0") if path and not path.endswith("/.gitignore")}
    kept = {
        f"{folder}/{path}"
        for folder, patterns in rules.items()
        for path in TREE
        if not any(patterns.verdict(part) for part in _with_folders(path))
    }
    assert kept == expected
    assert 0 < len(kept) < len(rules) * len(TREE)


def _with_folders(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[: n + 1]) + "/" for n in range(len(names) - 1)] + [path]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 20 + "b", "a" * 240),
        ("*a" * 2000 + "b", "a" * 255),
        ("[!b]*" * 800 + "b", "a" * 255),
        ("*" + "?" * 120 + "b*", "a" * 240),
        ("**/a/" * 500 + "b", "a/" * 2000 + "c"),
        ("/" + "*/" * 2000 + "b", "a/" * 2000 + "c"),
        ("**/*" + "*a" * 60 + "b/**/c", "a" * 200 + "/" + "a" * 200),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """Tried in every way they can be split, each of these takes years."""
    assert Patterns([pattern]).verdict(path) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[z-a]", "range z-a"),
        (b"*.[z-a]x", "range z-a"),
        (b"a[bc", "no ]"),
        (b"[", "no ]"),
        (b"[]", "no ]"),
        (b"[!", "no ]"),
        (b"[a-", "no ]"),
        (b"[[:word:]]", "class"),
        (b"a\\", "nothing follows"),
        (b"a\0b", "NUL"),
        (b"!", "nothing follows"),
        (b"a" * 5000, "more than 4,096"),
    ],
)
def test_a_pattern_that_is_not_valid_has_its_line_named(tmp_path: Path, line: bytes, why: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / IGNORE_NAME).write_bytes(b"# a comment\n*.tmp\n" + line + b"\n")
    with pytest.raises(UsageError, match=r"Line 3 of .*sub/\.anyseekignore") as error:
        list(scan(0, str(tmp_path)))
    assert why in error.value.message
    assert error.value.exit_code == 2
    with pytest.raises(UsageError, match="of --exclude"):
        exclusions([os.fsdecode(line)])


def test_a_file_of_patterns_has_a_bound(tmp_path: Path) -> None:
    (tmp_path / IGNORE_NAME).write_bytes(b"a" * (10 << 20))
    with pytest.raises(UsageError, match="larger than"):
        list(scan(0, str(tmp_path)))
    (tmp_path / IGNORE_NAME).write_bytes(b"a*\n" * (MOST_PATTERNS + 1))
    with pytest.raises(UsageError, match="more than 10,000 patterns"):
        list(scan(0, str(tmp_path)))
    (tmp_path / "sub").mkdir()
    (tmp_path / IGNORE_NAME).write_bytes(b"a*\n" * (MOST_PATTERNS // 2))
    (tmp_path / "sub" / IGNORE_NAME).write_bytes(b"a*\n" * (MOST_PATTERNS // 2))
    assert list(scan(0, str(tmp_path))) == []
    (tmp_path / "sub" / IGNORE_NAME).write_bytes(b"a*\n" * (MOST_PATTERNS // 2 + 1))
    with pytest.raises(UsageError, match="more than 10,000 patterns"):
        list(scan(0, str(tmp_path)))


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

    def refuse(rules: Rules, folder: str, file: FileBelow) -> Rules:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Rules, "with_file", refuse)
    assert list(scan(0, str(tmp_path))) == [Unread(0, "sub/", "Permission denied")]
