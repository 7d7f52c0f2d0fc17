"""What transactions do to files, segments and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from indexes import card, contents, hash_of, new_index, put, seen, stored, unit_rows

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.contracts import FileState, Modality, Problem, Span
from anyseek.errors import UsageError
from anyseek.stores.exact import ExactStore

UNREAD = Problem("unreadable", "read", "permission denied")
BROKEN = Problem("broken", "decode", "not a picture")


def paths(catalog: Catalog) -> dict[str, list[bytes]]:
    """What can be found now; the index is healthy, too."""
    assert check(catalog.folder) == []
    with catalog.read() as snapshot:
        found = contents(snapshot)
        for space in snapshot.spaces():
            with ExactStore(snapshot, space.space_id) as store:
                _, rows = store.search(unit_rows(1, dim=space.card.dim), max(1, space.rows))
            assert (rows >= 0).sum() == space.live
    return found


def bytes_of(vectors: np.ndarray) -> list[bytes]:
    return [row.astype("<f2").tobytes() for row in vectors]


def test_new_content_at_a_known_place(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 2, segments=3)
    with catalog:
        with catalog.begin() as writer:
            assert put(writer, space, "a0", unit_rows(1, 9), Modality.AUDIO) == 1
        assert paths(catalog) == {"a0": bytes_of(unit_rows(1, 9)), "a1": bytes_of(unit_rows(3, 1))}
        with catalog.read() as snapshot:
            record = snapshot.file_at(0, "a0")
            assert record is not None
            assert record.modality is Modality.AUDIO


def test_an_exception_leaves_everything_as_it_was(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 2)
    before = paths(catalog)
    with catalog:
        with pytest.raises(RuntimeError), catalog.begin() as writer:  # noqa: PT012
            put(writer, space, "new", unit_rows(5))
            writer.delete([1])
            writer.ensure_space(card("other"))
            raise RuntimeError
        assert paths(catalog) == before
        with catalog.begin() as writer:
            put(writer, space, "next", unit_rows(1, 7))
        assert paths(catalog) == before | {"next": bytes_of(unit_rows(1, 7))}


def test_only_one_transaction_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from anyseek.catalog import database
    from anyseek.errors import IndexLocked

    monkeypatch.setattr(database, "BUSY_MS", 50)
    catalog, _ = new_index(tmp_path)
    with catalog, catalog.begin(), pytest.raises(IndexLocked):
        catalog.begin()


class TestPartialFiles:
    def test_seen_only_when_complete(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 1)
        before = paths(catalog)
        vectors = unit_rows(6, 3)
        with catalog:
            for i in range(0, 6, 2):
                with catalog.begin() as writer:
                    if i == 0:
                        number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=False)
                    parts = [(Span(j, j + 1), "") for j in (i, i + 1)]
                    writer.add_segments(number, space, Modality.AUDIO, parts, vectors[i : i + 2])
                with catalog.read() as snapshot:
                    assert contents(snapshot) == before
                    assert snapshot.file(number) is None
                    assert snapshot.file_at(0, "long") is None
                    assert snapshot.files_with_hash(b"h") == []
                    assert snapshot.segments_of_file(number) == []
                    assert sum(snapshot.counts().files_by_state.values()) == 1
                    assert snapshot.counts().segments_by_modality == {Modality.IMAGE: 1}
                    allowed = snapshot.allowed_rows(space)
                    assert allowed is not None
                    assert allowed.tolist() == [0]
            with catalog.begin() as writer:
                writer.complete_file(number)
            assert paths(catalog) == before | {"long": bytes_of(vectors)}

    def test_what_was_never_completed_is_forgotten_by_the_next_run(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 1)
        before = paths(catalog)
        with catalog:
            with catalog.begin() as writer:
                number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=False)
                writer.add_segments(number, space, Modality.AUDIO, [(Span(), "")], unit_rows(1))
            assert [finding.code for finding in check(catalog.folder)] == ["half-indexed"]
            with catalog.begin() as writer:
                writer.start_run("next")
            assert paths(catalog) == before
            with catalog.read() as snapshot:
                assert snapshot.spaces()[0].live == 1

    def test_begun_again_after_a_kill(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path)
        with catalog:
            for complete in (False, True):
                with catalog.begin() as writer:
                    number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=complete)
                    writer.add_segments(number, space, Modality.AUDIO, [(Span(), "")], unit_rows(1, complete))
            assert paths(catalog) == {"long": bytes_of(unit_rows(1, True))}

    def test_failing_half_way(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path)
        for content_hash in (b"h", b""):
            with catalog.begin() as writer:
                number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=False)
                writer.add_segments(number, space, Modality.AUDIO, [(Span(), "")], unit_rows(1))
            with catalog.begin() as writer:
                assert writer.put_failed(seen("long"), content_hash, Modality.AUDIO, BROKEN) == number
            assert paths(catalog) == {}
            with catalog.begin() as writer:
                assert not writer.restore(number, seen("long"))
        catalog.close()


class TestFailures:
    def test_broken_content_replaces_what_was_there(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 2)
        with catalog:
            with catalog.begin() as writer:
                assert writer.put_failed(seen("a0", size=7), b"new", Modality.IMAGE, BROKEN) == 1
                assert not writer.restore(1, seen("a0"))
            assert list(paths(catalog)) == ["a1"]
            with catalog.read() as snapshot:
                (record,) = snapshot.problems()
                assert (record.size, record.state, record.problem) == (7, FileState.FAILED, BROKEN)
                assert len(snapshot.rows_of_file(space, 1)) == 0
            with catalog.begin() as writer:
                assert put(writer, space, "a0", unit_rows(1, 5)) == 1
            assert paths(catalog)["a0"] == bytes_of(unit_rows(1, 5))
            with catalog.read() as snapshot:
                assert list(snapshot.problems()) == []

    def test_an_unreadable_file_comes_back_without_embedding(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 2)
        before = paths(catalog)
        with catalog:
            for _ in range(2):
                with catalog.begin() as writer:
                    assert writer.put_failed(seen("a0"), b"", None, UNREAD) == 1
            assert list(paths(catalog)) == ["a1"]
            with catalog.read() as snapshot:
                (record,) = snapshot.files_with_hash(hash_of("a0"))
                assert record.modality is Modality.IMAGE
                assert snapshot.spaces()[0].rows == 2
            with catalog.begin() as writer:
                assert writer.restore(1, seen("a0", mtime_ns=9))
            assert paths(catalog) == before
            with catalog.read() as snapshot:
                record = snapshot.file_at(0, "a0")  # type: ignore[assignment]
                assert (record.state, record.problem, record.mtime_ns) == (FileState.OK, None, 9)
                assert len(snapshot.rows_of_file(space, 1)) == 1

    def test_touch_does_not_heal(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path)
        with catalog:
            with catalog.begin() as writer:
                number = writer.put_failed(seen("bad"), b"h", Modality.IMAGE, BROKEN)
            with catalog.begin() as writer:
                writer.mark_missing([number])
            with catalog.begin() as writer:
                writer.touch(number, seen("bad", mtime_ns=5))
            with catalog.read() as snapshot:
                (record,) = snapshot.files()
                assert (record.state, record.problem, record.mtime_ns) == (FileState.FAILED, BROKEN, 5)


class TestMissing:
    def test_missing_files_stay_searchable(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 3)
        before = paths(catalog)
        with catalog:
            with catalog.begin() as writer:
                writer.put_failed(seen("bad"), b"h", Modality.IMAGE, BROKEN)
                writer.mark_root_missing(0)
            with catalog.read() as snapshot:
                assert {record.state for record in snapshot.files()} == {FileState.MISSING}
                assert [record.problem for record in snapshot.problems()] == [BROKEN]
            assert paths(catalog) == before
            with catalog.begin() as writer:
                writer.touch(1, seen("a0"))
                writer.mark_present([2, 4])
            with catalog.read() as snapshot:
                states = {record.path: record.state for record in snapshot.files()}
            ok, failed, missing = FileState.OK, FileState.FAILED, FileState.MISSING
            assert states == {"a0": ok, "a1": ok, "a2": missing, "bad": failed}
            assert paths(catalog) == before


class TestMovesAndCopies:
    def test_move(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 2)
        with catalog:
            with catalog.begin() as writer:
                writer.move(1, seen("sub/b", mtime_ns=4))
            assert paths(catalog) == {"sub/b": bytes_of(unit_rows(1, 0)), "a1": bytes_of(unit_rows(1, 1))}

    def test_moving_onto_a_known_file_deletes_that(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 3)
        with catalog:
            with catalog.begin() as writer:
                writer.move(1, seen("a1"))
            assert paths(catalog) == {"a1": bytes_of(unit_rows(1, 0)), "a2": bytes_of(unit_rows(1, 2))}

    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
    def test_three_files_change_names(self, tmp_path: Path, order: list[int]) -> None:
        catalog, _ = new_index(tmp_path, 3)
        with catalog:
            with catalog.begin() as writer:
                for i in order:
                    writer.move(i + 1, seen(f"a{(i + 1) % 3}"))
            assert paths(catalog) == {f"a{(i + 1) % 3}": bytes_of(unit_rows(1, i)) for i in range(3)}

    def test_moving_to_where_it_is(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 1)
        before = paths(catalog)
        with catalog:
            with catalog.begin() as writer:
                writer.move(1, seen("a0"))
            assert paths(catalog) == before

    def test_a_copy_is_a_file_of_its_own(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 1, segments=3)
        with catalog:
            with catalog.begin() as writer:
                other = writer.ensure_space(card("other", dim=4))
                parts = [(Span(float(i), float(i) + 1), f"other {i}") for i in range(3)]
                writer.add_segments(1, other, Modality.IMAGE, parts, unit_rows(3, 8, dim=4))
            with catalog.begin() as writer:
                number = writer.copy(1, seen("b"))
            found = paths(catalog)
            assert found["a0"] == found["b"]
            with catalog.read() as snapshot:
                assert [s.rows for s in snapshot.spaces()] == [6, 6]
                mine, theirs = snapshot.segments_of_file(1), snapshot.segments_of_file(number)
                assert [s.span for s in mine] == [s.span for s in theirs]
                assert [s.excerpt for s in mine] == [s.excerpt for s in theirs]
                assert not {s.segment_id for s in mine} & {s.segment_id for s in theirs}
            with catalog.begin() as writer:
                writer.delete([1])
            assert paths(catalog) == {"b": found["b"]}
            assert catalog.compact(space) == 3 * 32
            assert paths(catalog) == {"b": found["b"]}

    def test_copies_of_failures(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 1)
        with catalog:
            with catalog.begin() as writer:
                bad = writer.put_failed(seen("bad"), b"h", None, BROKEN)
                writer.put_failed(seen("a0"), b"", None, UNREAD)
                writer.copy(bad, seen("bad2"))
                writer.copy(1, seen("good"))  # the segments of an unreadable file are still right
                with pytest.raises(UsageError):
                    writer.copy(99, seen("x"))
            assert paths(catalog) == {"good": bytes_of(unit_rows(1, 0))}
            with catalog.read() as snapshot:
                assert [r.problem for r in snapshot.files_with_hash(b"h")] == [BROKEN, BROKEN]

    def test_copying_to_a_known_place(self, tmp_path: Path) -> None:
        catalog, _ = new_index(tmp_path, 2)
        with catalog:
            with catalog.begin() as writer:
                assert writer.copy(1, seen("a1")) == 2
            assert paths(catalog) == {f"a{i}": bytes_of(unit_rows(1, 0)) for i in range(2)}


def test_texts_belong_to_segments(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 1)
    with catalog, catalog.begin() as writer:
        parts, vectors = [(Span(), ""), (Span(), "")], unit_rows(2)
        for texts in (["one"], ["one", "two", "three"]):
            with pytest.raises(UsageError, match=f"2 segments came with {len(texts)} texts"):
                writer.add_segments(1, space, Modality.TEXT, parts, vectors, texts)
        writer.add_segments(1, space, Modality.TEXT, parts, vectors, ["one", "two"])


class TestSpaces:
    def test_side_by_side(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 2)
        with catalog:
            with catalog.begin() as writer:
                assert writer.ensure_space(card()) == space
                other = writer.ensure_space(card("other", dim=4))
                writer.add_segments(1, other, Modality.IMAGE, [(Span(), "")], unit_rows(1, dim=4))
            with catalog.read() as snapshot:
                assert [record.card.name for record in snapshot.spaces()] == ["toy", "other"]
                assert snapshot.space("other-1") == snapshot.spaces()[1]
                assert snapshot.space("toy-2") is None
                assert snapshot.vectors(other).shape == (1, 4)

    def test_second_space_of_hidden_files(self, tmp_path: Path) -> None:
        catalog, space = new_index(tmp_path, 1)
        with catalog:
            with catalog.begin() as writer:
                number = writer.put_file(seen("long"), b"h", Modality.AUDIO, complete=False)
                writer.add_segments(number, space, Modality.AUDIO, [(Span(), "")], unit_rows(1))
                other = writer.ensure_space(card("other", dim=4))
                for file_id in (1, number):
                    writer.add_segments(file_id, other, Modality.AUDIO, [(Span(), "")], unit_rows(1, dim=4))
            with catalog.read() as snapshot:
                assert [(record.rows, record.live) for record in snapshot.spaces()] == [(2, 1), (2, 1)]
            with catalog.begin() as writer:
                writer.complete_file(number)
            with catalog.read() as snapshot:
                assert [(record.rows, record.live) for record in snapshot.spaces()] == [(2, 2), (2, 2)]
            assert len(paths(catalog)["long"]) == 2


@pytest.mark.parametrize(
    "vectors",
    [
        unit_rows(2, dim=8),
        unit_rows(3),
        unit_rows(2) * 1.1,
        np.zeros((2, 16), np.float32),
        np.full((2, 16), np.nan, np.float32),
        np.full((2, 16), np.inf, np.float32),
        unit_rows(2)[0],
        np.ones((2, 16), np.int64),
    ],
)
def test_vectors_that_cannot_be(tmp_path: Path, vectors: np.ndarray) -> None:
    catalog, space = new_index(tmp_path, 1)
    before = paths(catalog)
    parts = [(Span(), ""), (Span(), "")]
    with catalog:
        with pytest.raises(UsageError), catalog.begin() as writer:  # noqa: PT012
            number = writer.put_file(seen("new"), b"h", Modality.IMAGE)
            writer.add_segments(number, space, Modality.IMAGE, parts, vectors)
        assert paths(catalog) == before


def test_strangers(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 1)
    with catalog, catalog.begin() as writer:
        with pytest.raises(UsageError):
            writer.add_segments(99, space, Modality.IMAGE, [(Span(), "")], unit_rows(1))
        with pytest.raises(UsageError):
            writer.add_segments(1, 99, Modality.IMAGE, [(Span(), "")], unit_rows(1))


def test_no_segment_at_all(tmp_path: Path) -> None:
    """It can be written; for doctor such a file lacks what it passes for."""
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            put(writer, space, "empty.txt", unit_rows(0), Modality.TEXT)
        assert [finding.code for finding in check(catalog.folder)] == ["files-without-segments"]


def test_surrogates_in_texts(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path)
    with catalog:
        with catalog.begin() as writer:
            writer.start_run("anyseek index \udcff")
            number = writer.put_file(seen("a"), b"h", Modality.TEXT)
            writer.add_segments(number, space, Modality.TEXT, [(Span(), "odd \ud800 \0 text")], unit_rows(1))
        with catalog.read() as snapshot:
            assert snapshot.segments_of_file(number)[0].excerpt == "odd \\ud800 \0 text"


def test_vectors_come_back_in_order(tmp_path: Path) -> None:
    catalog, space = new_index(tmp_path, 1, segments=50)
    with catalog, catalog.read() as snapshot:
        rows = np.array([7, 3, 3, 49])
        got = snapshot.vectors_at(space, rows)
        assert got.dtype == np.float32
        assert (got == stored(unit_rows(50, 0))[rows]).all()
        with pytest.raises(ValueError, match="read-only"):
            snapshot.vectors(space)[0, 0] = 1


def test_a_root_that_could_not_be_read_keeps_what_was_known_of_its_mount_points(tmp_path: Path) -> None:
    """Else what lay below them would count as gone when the mount folder is removed."""
    catalog, _ = new_index(tmp_path)
    with catalog:
        for folders, kept in (({b"usb": (5, True), b"usb/in": (6, False)}, ()), ({b"x": (7, False)}, [b""])):
            with catalog.begin() as writer:
                writer.set_folders(0, folders, kept)
        with catalog.read() as snapshot:
            assert snapshot.mount_points() == {(0, b"usb")}
            assert snapshot.inode_of_folder(0, b"usb/in") == 6
        with catalog.begin() as writer:
            writer.set_folders(0, {}, [b"us"])  # a folder beside it
        with catalog.read() as snapshot:
            assert snapshot.mount_points() == set()
