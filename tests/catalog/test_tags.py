"""Tags are people's own: they outlive the records of files, and can be saved and brought back."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from indexes import card, hash_of, new_index, put, seen, unit_rows

from anyseek.catalog.catalog import Catalog, Writer
from anyseek.catalog.tag_records import LONGEST_PATH, TagsImported, carry_over, read_lines
from anyseek.catalog.tags import Tags, tag
from anyseek.contracts import Modality, Problem, Span
from anyseek.errors import QueryFileError, UsageError
from anyseek.library.exchange_records import other_records

UNREAD = Problem("unreadable", "read", "permission denied")


def tagged(catalog: Catalog) -> dict[str, list[str]]:
    """path -> tags of the files that the index has."""
    with catalog.read() as snapshot:
        rows = snapshot.database.rows(
            "SELECT f.path, t.tag FROM files f JOIN tags t ON t.file_id = f.file_id ORDER BY f.path, t.folded"
        )
        found: dict[str, list[str]] = {}
        for path, name in rows:
            found.setdefault(os.fsdecode(path), []).append(name)
        return found


def delete(catalog: Catalog, *paths: str) -> None:
    with catalog.read() as snapshot:
        records = [snapshot.file_at(0, path) for path in paths]
    with catalog.begin() as writer:
        writer.delete([record.file_id for record in records if record])


def put_again(catalog: Catalog, path: str, content_hash: bytes) -> None:
    with catalog.begin() as writer:
        put(writer, 1, path, unit_rows(1, 7), content_hash=content_hash)


@pytest.mark.parametrize(
    ("path", "content_hash"),
    [("a0", hash_of("a0")), ("elsewhere/b", hash_of("a0")), ("a0", b"other content"), ("a0", b"")],
    ids=["the same", "content elsewhere", "place with other content", "place with unknown content"],
)
def test_tags_return_with_the_content_or_the_place_of_a_deleted_file(
    tmp_path: Path, path: str, content_hash: bytes
) -> None:
    catalog, _ = new_index(tmp_path, 2)
    with catalog:
        tag(catalog, [tmp_path / "a0"], "Holiday")
        tag(catalog, [tmp_path / "a1"], "other")
        delete(catalog, "a0", "a1")
        assert tagged(catalog) == {}
        put_again(catalog, path, content_hash)
        assert tagged(catalog) == {path: ["Holiday"]}


def test_two_copies_get_back_each_its_own_tags(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    with catalog:
        for name in ("a", "b"):
            put_again(catalog, name, b"same")
        tag(catalog, [tmp_path / "a"], "one")
        tag(catalog, [tmp_path / "b"], "two")
        before = tagged(catalog)
        with catalog.begin() as writer:
            writer.database.run("DELETE FROM files WHERE path = ?", [b"b"])  # whoever deletes it
        delete(catalog, "a")
        put_again(catalog, "b", b"same")
        assert tagged(catalog) == {"b": ["two"]}
        put_again(catalog, "a", b"same")
        assert before["a"] == ["one"]
        assert set(tagged(catalog)["a"]) >= {"one"}


def test_a_copy_that_stays_gets_the_tags_of_the_one_that_goes(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path)
    with catalog:
        for name in ("a", "b"):
            put_again(catalog, name, b"same")
        tag(catalog, [tmp_path / "a"], "one")
        delete(catalog, "a")
        assert tagged(catalog) == {"b": ["one"]}


def test_a_tag_that_was_taken_away_does_not_return(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    with catalog:
        for name in ("wrong", "right"):
            tag(catalog, [tmp_path / "a0"], name)
        delete(catalog, "a0")
        put_again(catalog, "a0", hash_of("a0"))
        assert tag(catalog, [tmp_path], "WRONG", remove=True) == 1
        delete(catalog, "a0")
        put_again(catalog, "a0", hash_of("a0"))
        put_again(catalog, "b", hash_of("a0"))
        assert tagged(catalog) == {"a0": ["right"], "b": ["right"]}


def _fail(writer: Writer, content_hash: bytes) -> None:
    writer.put_failed(seen("b"), content_hash, Modality.IMAGE, UNREAD)


@pytest.mark.parametrize(
    "change",
    [
        lambda writer: writer.delete([1]),
        lambda writer: writer.move(2, seen("b")),  # onto its place
        lambda writer: writer.put_failed(seen("b"), b"new", Modality.IMAGE, UNREAD),
    ],
    ids=["deleted", "displaced", "changed"],
)
def test_a_file_whose_content_is_not_known_keeps_its_tags_by_its_place(
    tmp_path: Path, change: Callable[[Writer], object]
) -> None:
    catalog, _ = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            _fail(writer, b"")
            put(writer, 1, "c", unit_rows(1, 3))
        tag(catalog, [tmp_path / "b"], "one")
        with catalog.begin() as writer:
            change(writer)
        with catalog.read() as snapshot:
            there = snapshot.file_at(0, "b")
        with catalog.begin() as writer:
            writer.delete([there.file_id] if there else [])
            _fail(writer, b"")
        assert tagged(catalog) == {"b": ["one"]}


def test_a_hash_that_is_dropped_is_remembered_for_the_tags(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    with catalog:
        tag(catalog, [tmp_path / "a0"], "one")
        with catalog.begin() as writer:
            writer.database.run("UPDATE files SET content_hash = x''")
        delete(catalog, "a0")
        put_again(catalog, "elsewhere", hash_of("a0"))
        assert tagged(catalog) == {"elsewhere": ["one"]}


def kept(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {record.path: record.tags for record in Tags(catalog).kept()}


@pytest.mark.parametrize("where", ["the file", "its folder"])
def test_a_tag_is_taken_away_from_a_file_that_is_gone(tmp_path: Path, where: str) -> None:
    catalog, _ = new_index(tmp_path)
    with catalog:
        for path in ("in/a", "in/b", "inner"):
            put_again(catalog, path, path.encode())
        tags = Tags(catalog)
        tags.add("Holiday", tmp_path)
        tags.add("other", tmp_path / "in/a")
        delete(catalog, "in/a", "inner")
        both = {str(tmp_path / "in/a"): ("Holiday", "other"), str(tmp_path / "inner"): ("Holiday",)}
        assert kept(catalog) == both
        path = tmp_path / "in" if where == "its folder" else tmp_path / "in/a"
        assert tags.remove("HOLIDAY", path) == (2 if where == "its folder" else 1)
        assert kept(catalog) == both | {str(tmp_path / "in/a"): ("other",)}
        put_again(catalog, "in/a", b"in/a")
        put_again(catalog, "inner", b"inner")
        assert tagged(catalog)["in/a"] == ["other"]
        assert tagged(catalog)["inner"] == ["Holiday"]
        assert kept(catalog) == {}, "they are back"


def test_a_path_of_which_nothing_is_known_has_no_tag_to_take_away(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    with catalog:
        tag(catalog, [tmp_path / "a0"], "x")
        delete(catalog, "a0")
        for remove, path in ((True, "a00"), (False, "a0")):
            with pytest.raises(QueryFileError, match="Nothing of"):
                tag(catalog, [tmp_path / path], "x", remove=remove)
        assert tag(catalog, [tmp_path / "a0"], "y", remove=True) == 0


def test_a_tag_that_is_taken_away_everywhere_does_not_return(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 2)
    with catalog:
        tags = Tags(catalog)
        tags.add("Holiday", tmp_path)
        tags.add("other", tmp_path)
        tags.import_lines([b'{"path": "", "hash": "abcd", "tags": ["holiday"]}'])
        delete(catalog, "a0")
        assert tags.remove_everywhere("holiday") == 3
        assert kept(catalog) == {str(tmp_path / "a0"): ("other",)}
        put_again(catalog, "a0", hash_of("a0"))
        put_again(catalog, "x", bytes.fromhex("abcd"))
        assert {name for names in tagged(catalog).values() for name in names} == {"other"}
        with pytest.raises(UsageError):
            tags.remove_everywhere(" ")


def test_tags_of_a_gone_file_are_named_where_its_folder_is_now(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    catalog, _ = new_index(folder, 1)
    with catalog:
        tag(catalog, [folder / "a0"], "x")
        delete(catalog, "a0")
    folder.rename(tmp_path / "moved")
    with Catalog.open(tmp_path / "moved" / catalog.folder.relative_to(folder)) as moved:
        assert kept(moved) == {str(tmp_path / "moved/a0"): ("x",)}
        assert Tags(moved).remove("x", tmp_path / "moved/a0") == 1
        assert kept(moved) == {}


def test_a_half_indexed_file_that_is_forgotten_loses_no_tags(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path, 1)
    with catalog:
        tag(catalog, [tmp_path / "a0"], "one")
        delete(catalog, "a0")
        with catalog.begin() as writer:
            writer.put_file(seen("a0"), hash_of("a0"), Modality.AUDIO, complete=False)
        with catalog.begin() as writer:
            writer.start_run("index")
        put_again(catalog, "a0", hash_of("a0"))
        assert tagged(catalog) == {"a0": ["one"]}


# ---------------------------------------------------------------- saved and brought back


NAMES = ["a", "dir/ä", os.fsdecode(b"b\xe9ach"), "line\nbreak"]


@pytest.fixture
def library(tmp_path: Path) -> Catalog:
    """Files with odd names, copies, a failed one, and tags that are kept."""
    catalog, space = new_index(tmp_path / "library")
    with catalog.begin() as writer:
        for name in NAMES:
            put(writer, space, name, unit_rows(1, len(name)))
        put(writer, space, "copy", unit_rows(1, 1), content_hash=b"a")
        put(writer, space, "gone", unit_rows(1, 1))
        _fail(writer, b"")
    folder = tmp_path / "library"
    tag(catalog, [folder], "Everything")
    tag(catalog, [folder / "copy"], "Kopie Ä")
    tag(catalog, [folder / "b"], "broken")
    tag(catalog, [folder / "gone"], "kept")
    delete(catalog, "gone")
    return catalog


def everything(catalog: Catalog) -> tuple[dict[str, list[str]], list[object]]:
    with catalog.read() as snapshot:
        return tagged(catalog), list(snapshot.database.rows("SELECT * FROM kept_tags"))


def test_what_is_saved_and_brought_back_is_what_was(library: Catalog, tmp_path: Path) -> None:
    before = everything(library)
    n_lines = Tags(library).export(tmp_path / "tags.jsonl")
    with library.begin() as writer:
        writer.database.run("DELETE FROM tags")
        writer.database.run("DELETE FROM kept_tags")
    done = Tags(library).import_(tmp_path / "tags.jsonl")
    assert everything(library) == before
    assert done == TagsImported(n_lines, files=6, kept=1)
    again = Tags(library).import_(tmp_path / "tags.jsonl")
    assert (again.files, everything(library)) == (0, before)
    library.close()


def test_another_index_gets_the_tags_by_content_then_by_place_and_keeps_the_rest(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path / "one", 1)
    lines = [
        {"path": "/elsewhere/x.jpg", "hash": hash_of("a0").hex(), "tags": ["by content"]},
        {"path": str(tmp_path / "one/a0"), "hash": "00", "tags": ["by place"]},
        {"path": str(tmp_path / "one/later"), "tags": ["place later"]},
        {"hash": "abcd", "tags": ["content later"]},
    ]
    text = b"\xef\xbb\xbf" + b"\n\n".join(json.dumps(line).encode() for line in lines)
    with catalog:
        done = Tags(catalog).import_lines(read_lines(io.BytesIO(text)))
        assert done == TagsImported(4, files=1, kept=2)
        assert tagged(catalog) == {"a0": ["by content", "by place"]}
        put_again(catalog, "later", b"1")
        put_again(catalog, "other", bytes.fromhex("abcd"))
        assert tagged(catalog) == {
            "a0": ["by content", "by place"],
            "later": ["place later"],
            "other": ["content later"],
        }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"tags": ["x"]}', "neither a path nor a hash"),
        (b'{"path": 3, "tags": ["x"]}', "a path that is not a text"),
        (b'{"path": "/%s", "tags": ["x"]}' % (b"x" * LONGEST_PATH), "a path of more than 4,096 bytes"),
        (b'{"path": "/x", "hash": [], "tags": ["x"]}', "not hexadecimal"),
        (b'{"path": "/x", "hash": false, "tags": ["x"]}', "not hexadecimal"),
        (b'{"path": "/x", "hash": 0, "tags": ["x"]}', "not hexadecimal"),
        (b'{"path": "/x", "path": "/y", "tags": ["x"]}', "the field 'path' twice"),
        (b'{"path": "/\\u0000", "tags": ["x"]}', "a path that is not a text"),
        (b'{"path": "/\\ud800", "tags": ["x"]}', "a path that no file can have"),
        (b'{"hash": "xyz", "tags": ["x"]}', "not hexadecimal"),
        (b'{"hash": 7, "tags": ["x"]}', "not hexadecimal"),
        (b'{"hash": "' + b"00" * 33 + b'", "tags": ["x"]}', "more than 64 digits"),
        (b'{"path": "/a"}', "no list of tags"),
        (b'{"path": "/a", "tags": "x"}', "no list of tags"),
        (b'{"path": "/a", "tags": []}', "no list of tags"),
        (b'{"path": "/a", "tags": ["x", " "]}', "an empty tag"),
        (b'{"path": "/a", "tags": ["x"], "size": 3}', "'size'"),
        (b'"' + b"x" * (1 << 24) + b'"', "more than 16,777,216 bytes"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(tmp_path: Path, line: bytes, message: str) -> None:
    catalog, _ = new_index(tmp_path / "one", 1)
    good = json.dumps({"hash": hash_of("a0").hex(), "tags": ["x"]}).encode()
    with catalog:
        (tmp_path / "tags.jsonl").write_bytes(good + b"\n" + line + b"\n" + good)
        with pytest.raises(UsageError, match=message) as caught:
            Tags(catalog).import_(tmp_path / "tags.jsonl")
        assert caught.value.message.startswith("Line 2 of ")
        assert everything(catalog) == ({}, [])


def test_files_that_cannot_be_read_or_written_are_a_sentence(tmp_path: Path) -> None:
    catalog, _ = new_index(tmp_path / "one", 1)
    with catalog:
        with pytest.raises(UsageError, match="cannot be read"):
            Tags(catalog).import_(tmp_path / "nothing")
        with pytest.raises(UsageError, match="cannot be written"):
            Tags(catalog).export(tmp_path / "nothing/tags.jsonl")


def test_a_new_index_gets_all_tags_of_the_old_one_kept_ones_too_and_no_others(
    library: Catalog, tmp_path: Path
) -> None:
    before = everything(library)
    with library.read() as snapshot:
        records = list(snapshot.files())
    with library, Catalog.create(tmp_path / "new", [tmp_path / "library"]) as new:
        with new.begin() as writer:
            space = writer.ensure_space(card())
            for record in reversed(records):
                put(writer, space, record.path, unit_rows(1, 1), content_hash=record.content_hash)
        tag(new, [tmp_path / "library"], "of an earlier try")
        carry_over(library, new)
        assert everything(new) == before


# ---------------------------------------------------------------- a run that was cut off


@pytest.fixture
def cut_off(tmp_path: Path) -> Catalog:
    """A tagged file that changed, and a run that was killed in the middle of it."""
    catalog, _ = new_index(tmp_path, 1)
    tag(catalog, [tmp_path / "a0"], "holiday")
    with catalog.begin() as writer:
        writer.put_file(seen("a0", size=9), b"new content", Modality.TEXT, complete=False)
    return catalog


def lines(catalog: Catalog) -> list[tuple[str, str, list[str]]]:
    found = [json.loads(line) for line in Tags(catalog).saved().lines]
    return [(line["path"], line["hash"], line["tags"]) for line in found]


def test_tags_of_a_file_that_a_run_was_cut_off_in_are_saved(cut_off: Catalog, tmp_path: Path) -> None:
    with cut_off:
        saved = lines(cut_off)
        assert saved == [(str(tmp_path / "a0"), b"new content".hex(), ["holiday"])]
        with cut_off.read() as snapshot:
            assert [one["kept_tags"]["tags"] for one in other_records(snapshot) if "kept_tags" in one] == [
                ["holiday"]
            ]
        with cut_off.begin() as writer:
            writer.start_run("index")  # which forgets what was not finished
        assert lines(cut_off) == saved


def test_tags_of_a_file_that_a_run_was_cut_off_in_come_along_to_another_index(
    cut_off: Catalog, tmp_path: Path
) -> None:
    with cut_off, Catalog.create(tmp_path / "new", [tmp_path]) as new:
        with new.begin() as writer:
            put(writer, writer.ensure_space(card()), "a0", unit_rows(1), content_hash=b"newer content")
        carry_over(cut_off, new)
        assert tagged(new) == {"a0": ["holiday"]}


@pytest.mark.parametrize("by", ["path", "hash"])
def test_tags_that_are_imported_for_a_file_that_is_just_being_indexed_are_its_own(
    tmp_path: Path, by: str
) -> None:
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            number = writer.put_file(seen("long.txt"), b"content", Modality.TEXT, complete=False)
        line = {"path": str(tmp_path / "long.txt")} if by == "path" else {"hash": b"content".hex()}
        Tags(catalog).import_lines([json.dumps(line | {"tags": ["holiday"]}).encode()])
        with catalog.begin() as writer:
            writer.add_segments(number, space, Modality.TEXT, [(Span(0, 1), "")], unit_rows(1))
            writer.complete_file(number)
        assert tagged(catalog) == {"long.txt": ["holiday"]}
