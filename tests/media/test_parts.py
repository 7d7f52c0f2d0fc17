"""A file of many parts is read once, by one worker, whatever happens to others in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import media_files
import numpy as np
import pytest
import soundfile
from media_preparers import Act, Keep, Who
from waiting import BRAKE_S, is_dead, wait_until

from anyseek.contracts import DecodeHint, Limits, Modality, Preparer, Span
from anyseek.errors import MediaError
from anyseek.media import child, decode
from anyseek.media.child import PreparedFile, Setting, Task
from anyseek.media.job_board import JobBoard
from anyseek.media.readers import texts
from anyseek.media.readings import Readings
from anyseek.media.source import FileFacts, Source
from anyseek.media.worker import DecodePool
from anyseek.opening import AnyFile, FileBelow

PASSAGES = [f"Line {n:03}." for n in range(40)]
HINT = DecodeHint(passage_chars=10, rate_hz=8_000, window_s=1, hop_s=1, min_side=8)


def setting(most: int = 4, **more: Preparer) -> Setting:
    preparers = {Modality.TEXT: Keep(HINT), Modality.AUDIO: Keep(HINT), Modality.IMAGE: Keep(HINT)}
    return Setting(preparers, Limits(), 1 << 30, most, None, 4, 3600.0)


def parts(file: AnyFile, readings: Readings, modality: Modality | None = None) -> Iterator[PreparedFile]:
    first, has_more = 0, True
    while has_more:
        done = child._outcome(Task(file, first, modality), setting(), readings)
        assert isinstance(done, PreparedFile), done
        yield done
        first, has_more = first + len(done.segments), done.has_more


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "long.txt"
    path.write_text("\n".join(PASSAGES))
    return path


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of texts, each time that one is read from its beginning."""
    names: list[str] = []
    original = texts.decoded_text

    def counted(data: bytes, name: str, is_html: bool = False) -> str:
        names.append(name)
        return original(data, name, is_html)

    monkeypatch.setattr(texts, "decoded_text", counted)
    return names


def test_a_text_of_many_parts_is_decoded_once(text: Path, decoded: list[str]) -> None:
    done = list(parts(FileBelow(str(text.parent), text.name), Readings(4)))
    assert [segment.data for one in done for segment in one.segments] == PASSAGES
    assert [len(one.segments) for one in done] == [4] * 10
    assert [len(one.content_hash) for one in done] == [16] + [0] * 9
    assert decoded == ["long.txt"]


def test_without_room_for_it_each_part_is_read_from_the_beginning(text: Path, decoded: list[str]) -> None:
    done = list(parts(str(text), Readings(0)))
    assert [segment.data for one in done for segment in one.segments] == PASSAGES
    assert len(decoded) == 10


def test_several_files_take_turns(tmp_path: Path, decoded: list[str]) -> None:
    readings = Readings(3)
    for n in range(3):
        (tmp_path / f"{n}.txt").write_text("\n".join(PASSAGES))
    turns = [parts(str(tmp_path / f"{n}.txt"), readings) for n in range(3)]
    for together in zip(*turns, strict=True):
        assert len({tuple(segment.data for segment in done.segments) for done in together}) == 1
    assert sorted(decoded) == ["0.txt", "1.txt", "2.txt"]


@pytest.mark.parametrize("kind", ["replaced", "written", "gone"])
def test_a_file_that_is_another_by_now_is_not_read_on(text: Path, decoded: list[str], kind: str) -> None:
    readings = Readings(4)
    going_on = parts(str(text), readings)
    opening = next(going_on)
    if kind == "gone":
        text.unlink()
        error = child._outcome(Task(str(text), 4), setting(), readings)
        assert isinstance(error, MediaError)
        assert error.reason == "vanished"
        return
    if kind == "replaced":
        text.with_name("new").write_text("\n".join(PASSAGES))
        text.with_name("new").rename(text)
    else:
        text.write_text("\n".join(PASSAGES) + "\nmore")
    assert next(going_on).seen != opening.seen, "by which the caller sees it"
    assert len(decoded) == 2


def test_a_recording_read_on_is_the_one_read_at_once(tmp_path: Path) -> None:
    """And its caption, which is read between two parts, does not move the place where the next one begins."""
    samples = media_files.tone(19.5, rate_hz=44_100)
    soundfile.write(tmp_path / "x.flac", samples, 44_100)
    done = list(parts(str(tmp_path / "x.flac"), Readings(4)))
    pieces = [segment for one in done for segment in one.segments]
    whole = list(decode(str(tmp_path / "x.flac"), Modality.AUDIO, HINT))
    assert [piece.span for piece in pieces] == [segment.span for segment in whole]
    for piece, segment in zip(pieces, whole, strict=True):
        assert np.array_equal(piece.data, segment.data)


def test_a_film_read_on_is_the_one_read_at_once(tmp_path: Path) -> None:
    media_files.write_video(tmp_path / "x.mkv", np.arange(80), 1)
    at_once, by_parts = Readings(0), Readings(4)
    one = [segment for done in parts(str(tmp_path / "x.mkv"), at_once) for segment in done.segments]
    other = [segment for done in parts(str(tmp_path / "x.mkv"), by_parts) for segment in done.segments]
    assert [segment.span for segment in one] == [segment.span for segment in other]
    assert len(one) == 8
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(left.data, right.data)


@pytest.mark.thorough
@pytest.mark.own_process
def test_readings_leave_nothing_open(text: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    readings = Readings(2)
    for n in range(5):
        copy = text.with_name(f"{n}.txt")
        copy.write_bytes(text.read_bytes())
        next(parts(str(copy), readings))
    assert len(os.listdir("/proc/self/fd")) == before + 2
    assert readings.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not readings.close()


# ---------------------------------------------------------------- who reads on


def test_parts_of_a_file_are_read_by_one_worker_and_a_killed_one_is_replaced(text: Path) -> None:
    other_text = text.with_name("other.txt")
    other_text.write_bytes(text.read_bytes())
    with DecodePool({Modality.TEXT: Who()}, 2, segments_per_task=4) as pool:
        words: list[str] = []
        workers: list[int] = []
        first, has_more = 0, True
        while has_more:
            others = [pool.submit(str(other_text)) for _ in range(3)]
            done = pool.submit(str(text), first=first).result(BRAKE_S)
            assert all(other.result(BRAKE_S).segments[0].data[1] == PASSAGES[0] for other in others)
            words += [segment.data[1] for segment in done.segments]
            workers.append(done.segments[0].data[0])
            if len(words) == 20:
                os.kill(workers[-1], signal.SIGKILL)
                wait_until(lambda: is_dead(workers[-1]), "the end of the worker")
            first, has_more = first + len(done.segments), done.has_more
    assert words == PASSAGES
    assert len(set(workers[:5])) == len(set(workers[5:])) == 1
    assert workers[0] != workers[5]


def test_a_file_has_a_limit_of_its_own_for_all_its_parts(text: Path) -> None:
    text.write_text("hang")
    with DecodePool({Modality.TEXT: Act()}, max_file_seconds=0.5) as pool:
        error = pool.submit(str(text)).exception(BRAKE_S)
    assert isinstance(error, MediaError)
    assert error.reason == "timeout"
    assert "as a whole" in error.message


def test_the_board_hands_a_part_to_who_had_the_one_before_with_the_time_it_took() -> None:
    board = JobBoard()

    def put(file: str, first: int = 0) -> None:
        board.put(Task(file, first), Future())

    put("a")
    job = board.take(0)
    assert job is not None
    assert job.spent_s == 0
    done = PreparedFile(Modality.TEXT, b"", (), 0, True, FileFacts(0, 0, 0))
    board.left_at(0, job, done, 7.5)
    put("b")
    put("a")
    put("c")
    other, own = board.take(1), board.take(0)
    assert other is not None
    assert own is not None
    assert (other.task.file, other.spent_s) == ("b", 0)
    assert (own.task.file, own.spent_s) == ("a", 7.5)
    assert [left.task.file for left in board.close()] == ["c"]
    assert board.take(0) is None


def test_a_span_of_a_file_is_not_read_on(text: Path) -> None:
    readings = Readings(4)
    done = child._outcome(Task(str(text), span=Span(0, 9)), setting(), readings)
    assert isinstance(done, PreparedFile)
    assert not readings.close()


def test_what_is_swapped_is_not_decoded(text: Path) -> None:
    with Source.open(str(text)) as source:
        seen = source.facts
    text.with_name("new").write_text("A secret of another length.")
    text.with_name("new").rename(text)
    error = child._outcome(Task(str(text), seen=seen), setting(), Readings(4))
    assert isinstance(error, MediaError)
    assert error.reason == "changed-while-read"
