"""Tags at their bounds: what can be given can be asked for, saved and brought back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from indexes import new_index

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.tag_records import read_lines
from anyseek.catalog.tags import LONGEST_TAG, Tags, tag
from anyseek.contracts import Filter
from anyseek.errors import UsageError
from anyseek.filters import Comparison, Expression, parse


def names_with(catalog: Catalog, where: Expression) -> list[int]:
    with catalog.read() as snapshot:
        rows = snapshot.allowed_rows(1, Filter(where=where))
    assert rows is not None
    return [int(row) for row in rows]


def imported(lines: tuple[bytes, ...], folder: Path) -> tuple[Tags, int, int]:
    """Into a new index of the same files: its tags, the files that got some, and the lines."""
    catalog, _ = new_index(folder, 3)
    report = Tags(catalog).import_lines(read_lines(io.BytesIO(b"".join(lines))))
    return Tags(catalog), report.files, report.lines


def test_a_tag_is_as_long_as_filters_take_it(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    longest = "夏" * LONGEST_TAG
    with catalog:
        assert tag(catalog, [tmp_path / "a1"], longest) == 1
        assert names_with(catalog, parse(f'tag = "{longest}"')) == [1]
        with pytest.raises(UsageError, match="at most 200 letters, and this one has 201"):
            tag(catalog, [tmp_path / "a1"], longest + "夏")
        assert list(Tags(catalog).counts()) == [longest]


def test_a_longer_tag_of_an_import_is_kept_and_can_be_taken_away(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path / "one", 2)
    line = b'{"path": "%s", "tags": ["%s"]}' % (bytes(tmp_path / "one" / "a1"), b"x" * 2_000_000)
    with catalog:
        assert Tags(catalog).import_lines(read_lines(io.BytesIO(line))).files == 1
        lines = Tags(catalog).saved().lines
        again, n_files, _ = imported(lines, tmp_path / "two")
        assert n_files == 1
        assert again.counts() == {"x" * 2_000_000: 1}
        assert tag(catalog, [tmp_path / "one" / "a1"], "x" * 2_000_000, remove=True) == 1


@pytest.mark.parametrize(("n_tags", "n_lines"), [(12, 1), (45_000, 3)])
def test_a_file_of_very_many_tags_is_saved_and_brought_back(
    tmp_path: Path, n_tags: int, n_lines: int
) -> None:
    catalog, _ = new_index(tmp_path / "one", 3)
    with catalog:
        with catalog.begin() as writer:
            writer.database.run_many(
                "INSERT INTO tags VALUES (?1, 2, ?1)",
                ((f"夏 number {n} of very many",) for n in range(n_tags)),
            )
        tag(catalog, [tmp_path / "one" / "a0"], "mine")
        before = Tags(catalog).counts()
        lines = Tags(catalog).saved().lines
    assert len(lines) == n_lines + 1
    assert max(map(len, lines)) < 1 << 20
    again, n_files, n_read = imported(lines, tmp_path / "two")
    assert (n_files, n_read) == (2, n_lines + 1)
    assert again.counts() == before


@pytest.mark.parametrize("typed", ["夏　休み", " 夏 \t 休み ", "夏\u2003休み", "夏 休み"])
def test_a_tag_is_found_by_the_words_with_which_it_was_given(tmp_path: Path, typed: str) -> None:
    """Of spaces it keeps one plain one, and so does what asks for it."""
    catalog, _ = new_index(tmp_path, 3)
    with catalog:
        tag(catalog, [tmp_path / "a1"], typed)
        assert names_with(catalog, Comparison("tag", "=", typed)) == [1]
        assert names_with(catalog, parse(f'tag = "{typed}"')) == [1]
        assert names_with(catalog, parse(f'tag != "{typed}"')) == [0, 2]
        assert names_with(catalog, parse(f'tag = "{typed}" or tag = other')) == [1]
        pattern = typed.replace("休", "*").replace("み", "")
        assert names_with(catalog, parse(f'tag ~ "{pattern}"')) == [1]
