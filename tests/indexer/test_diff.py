"""The comparison, against an obvious model of it: dictionaries instead of two streams side by side."""

from __future__ import annotations

import os
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from anyseek.contracts import FileRecord, FileState, Modality, Problem, SeenFile
from anyseek.indexer.diff import Kind, Resolution, Trust, compare, reads_alike, resolve
from anyseek.indexer.plan import Plan
from anyseek.indexer.scan import Unread
from anyseek.indexer.spool import Spool

NOW = 1000
RECORD = FileRecord(1, 0, "a.txt", 5, 10, 7, b"hash", Modality.TEXT, FileState.OK)
SEEN = SeenFile(0, "a.txt", 5, 10, 7)
BROKEN = Problem("broken", "decode", "a.txt is broken.")
TRUST = Trust({0: NOW, 1: NOW})


def kind(record: FileRecord, seen: SeenFile, trust: Trust = TRUST) -> Kind:
    (change,) = compare([record], [seen], trust)
    assert (change.record, change.seen) == (record, seen)
    return change.kind


def test_what_the_facts_say() -> None:
    assert kind(RECORD, SEEN) is Kind.UNCHANGED
    assert kind(RECORD, replace(SEEN, size=6)) is Kind.CHANGED
    assert kind(RECORD, replace(SEEN, mtime_ns=11)) is Kind.UNSURE
    assert kind(RECORD, replace(SEEN, inode=8)) is Kind.UNSURE
    assert kind(replace(RECORD, state=FileState.MISSING), SEEN) is Kind.RETURNED


def test_a_file_as_young_as_the_last_run_is_not_trusted() -> None:
    young = replace(RECORD, mtime_ns=NOW), replace(SEEN, mtime_ns=NOW)
    assert kind(*young) is Kind.UNSURE
    assert kind(*young, Trust({0: NOW + 1})) is Kind.UNCHANGED
    assert kind(RECORD, SEEN, Trust({})) is Kind.UNSURE  # of a root without a finished run nothing is


def test_problems_are_tried_again_when_the_file_changes_or_on_request() -> None:
    failed = replace(RECORD, state=FileState.FAILED, problem=BROKEN, content_hash=b"")
    assert kind(failed, SEEN) is Kind.UNCHANGED
    assert kind(failed, replace(SEEN, mtime_ns=11)) is Kind.CHANGED
    assert kind(failed, SEEN, replace(TRUST, retry_failed=True)) is Kind.RETRY
    assert kind(replace(failed, problem=replace(BROKEN, code="unreadable")), SEEN) is Kind.RETRY
    assert kind(RECORD, SEEN, replace(TRUST, reread={Modality.TEXT})) is Kind.RETRY


def yes(_: FileRecord, __: SeenFile) -> bool:
    return True


def no(_: FileRecord, __: SeenFile) -> bool:
    return False


def test_a_record_stays_at_a_place_where_something_is_unless_its_own_file_went() -> None:
    elsewhere = replace(RECORD, path="b.txt")
    other_inode = replace(elsewhere, inode=SEEN.inode + 1)
    with Spool() as spool:
        plan = Plan(spool, frozenset())
        assert not plan.may_move(elsewhere, SEEN), "its place holds its content"
        plan.set_free(elsewhere)
        assert plan.may_move(elsewhere, SEEN)
        assert not plan.may_move(other_inode, SEEN)
        plan.gone[elsewhere.file_id] = elsewhere.root
        assert plan.may_move(other_inode, SEEN)


def test_a_record_of_a_root_that_may_come_back_leaves_it_for_its_very_file_only() -> None:
    for has_gone in (False, True):
        with Spool() as spool:
            plan = Plan(spool, frozenset())
            plan.away[RECORD.root] = has_gone
            assert plan.may_move(RECORD, replace(SEEN, path="b.txt"))
            for fact in ("inode", "mtime_ns"):
                assert plan.may_move(RECORD, replace(SEEN, **{fact: 1})) is has_gone
            plan.move_unsettled(RECORD, replace(SEEN, path="b.txt"))
            assert not plan.may_move(RECORD, SEEN), "it moves once"


def test_the_very_file_takes_over_its_record_then_one_of_the_same_name() -> None:
    very = replace(RECORD, path="old/c.txt")
    named = replace(RECORD, file_id=2, path="old/a.txt", inode=8)
    other = replace(RECORD, file_id=3, path="old/b.txt", inode=9)
    assert resolve(SEEN, [other, named, very], yes) == (Resolution.MOVE, very)
    assert resolve(SEEN, [other, named], yes) == (Resolution.MOVE, named)


def test_settling_by_hash() -> None:
    one, two = replace(RECORD, path="old/a.txt"), replace(RECORD, file_id=2, path="b.txt")
    assert resolve(SEEN, [], yes) == (Resolution.READ, None)
    assert resolve(SEEN, [one, two], no) == (Resolution.COPY, one)
    assert resolve(SEEN, [one, two], lambda record, _: record is two) == (Resolution.MOVE, two)


def test_a_name_that_changes_the_reading_is_read_again() -> None:
    as_cues = replace(RECORD, path="a.srt")
    assert resolve(SEEN, [as_cues], yes) == (Resolution.READ, None)
    assert reads_alike("x/one.PNG", "two.png")
    assert not reads_alike("one.png", "one_depth.png")
    assert not reads_alike("one", "one.txt")


# ---------------------------------------------------------------- random trees

paths = st.builds(
    "/".join, st.lists(st.sampled_from(["a", "b", "a.", "a0", "\udcff", "é"]), min_size=1, max_size=3)
)
places = st.tuples(st.sampled_from([0, 1]), paths)
facts = st.tuples(st.sampled_from([5, 6]), st.sampled_from([10, NOW]), st.sampled_from([7, 8]))
states = st.sampled_from([FileState.OK, FileState.MISSING, FileState.FAILED])


def _files_only(found: dict[tuple[int, str], object]) -> bool:
    """No path is both a file and a folder."""
    return not any(
        root == other_root and other.startswith(f"{path}/")
        for root, path in found
        for other_root, other in found
    )


def in_order(places: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return sorted(places, key=lambda place: (place[0], os.fsencode(place[1])))


@given(
    st.dictionaries(places, st.tuples(facts, states), max_size=12),
    st.dictionaries(places, facts, max_size=12).filter(_files_only),
    st.sets(places, max_size=3),
)
def test_against_the_model(
    known: dict[tuple[int, str], tuple[tuple[int, int, int], FileState]],
    found: dict[tuple[int, str], tuple[int, int, int]],
    closed: set[tuple[int, str]],
) -> None:
    closed = {place for place in closed if place not in found}
    hidden = {
        place
        for place in {*known, *found}
        if any(place[0] == root and place[1].startswith(f"{folder}/") for root, folder in closed)
    }
    # What lies in a closed folder is not seen, closed folders neither.
    found = {place: what for place, what in found.items() if place not in hidden}
    closed = {
        (root, folder)
        for root, folder in closed
        if not any(root == r and folder.startswith(f"{f}/") for r, f in closed)
    }
    records = [
        FileRecord(
            number,
            *place,
            *known[place][0],
            b"hash",
            Modality.TEXT,
            known[place][1],
            BROKEN if known[place][1] is FileState.FAILED else None,
        )
        for number, place in enumerate(in_order(list(known)))
    ]
    walk: dict[tuple[int, str], SeenFile | Unread] = {
        place: SeenFile(*place, *what) for place, what in found.items()
    }
    walk |= {(root, f"{folder}/"): Unread(root, f"{folder}/", "closed") for root, folder in closed}

    expected = {}
    for place in {*known, *found}:
        if place in hidden:
            expected[place] = Kind.MISSING
        elif place not in found:
            expected[place] = Kind.GONE
        elif place not in known:
            expected[place] = Kind.NEW
        elif known[place][0] != found[place]:
            same_size = known[place][0][0] == found[place][0]
            expected[place] = Kind.UNSURE if same_size else Kind.CHANGED
        elif found[place][1] >= NOW:
            expected[place] = Kind.UNSURE
        else:
            was_missing = known[place][1] is FileState.MISSING
            expected[place] = Kind.RETURNED if was_missing else Kind.UNCHANGED

    changes = list(compare(records, [walk[place] for place in in_order(list(walk))], TRUST))
    told = [(change.record or change.seen, change.kind) for change in changes]
    assert {(item.root, item.path): kind for item, kind in told if item} == expected
    assert len(told) == len(expected)
