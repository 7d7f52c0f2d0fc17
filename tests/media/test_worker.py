"""Real worker processes that hang, die, eat memory and talk; real files that vanish and grow."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import media_files
import numpy as np
import pytest
import soundfile
from media_preparers import Act, Keep, NotPicklable
from waiting import BRAKE_S, is_dead, wait_until

from anyseek.contracts import DecodeHint, Limits, Modality, Span, Unit
from anyseek.errors import AnyseekError, MediaError, UsageError
from anyseek.media.limits import STAGES, stage_of
from anyseek.media.worker import DecodePool, FileFacts, PreparedFile

LIMIT_S = 2.0
"""For files that never end. Whatever else is decoded has time without end, so that no busy machine fails a test."""

KEEP = {
    Modality.TEXT: Keep(),
    Modality.IMAGE: Keep(DecodeHint(min_side=8)),
    Modality.AUDIO: Keep(DecodeHint(rate_hz=8_000, window_s=1, hop_s=1)),
    Modality.DEPTH: Keep(),
    Modality.VIDEO: Keep(),
    Modality.THERMAL: Keep(),
    Modality.IMU: Keep(),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(KEEP, 2, segments_per_task=4) as pool:
        yield pool


@pytest.fixture(scope="module")
def actors() -> Iterator[DecodePool]:
    """A pool whose workers do what the text of a file says."""
    with DecodePool({Modality.TEXT: Act()}, 2, Limits(max_seconds=BRAKE_S), 200 << 20) as pool:
        yield pool


NUMBERS = itertools.count()


def script(folder: Path, words: str) -> str:
    path = folder / f"{words.split()[0]}-{next(NUMBERS)}.txt"
    path.write_text(words)
    return str(path)


class Waiting:
    """A file whose decoding waits until it is let go on."""

    def __init__(self, pool: DecodePool, folder: Path) -> None:
        number = next(NUMBERS)
        self._at_work, self._go_on = folder / f"at-work-{number}", folder / f"go-on-{number}"
        self.path = script(folder, f"wait {self._at_work} {self._go_on}")
        self.future = pool.submit(self.path)

    def is_at_work(self) -> bool:
        return self._at_work.exists()

    def go_on(self) -> None:
        self._go_on.touch()


def reason_of(future: Future[PreparedFile]) -> str:
    error = future.exception(timeout=BRAKE_S)
    assert isinstance(error, MediaError), error
    assert error.reason in STAGES
    assert error.message.endswith(".")
    assert error.hint
    return error.reason


def test_every_format_comes_back_prepared(pool: DecodePool, files: dict[str, Path]) -> None:
    futures = {name: pool.submit(str(path)) for name, path in files.items()}
    for name, future in futures.items():
        done, path = future.result(BRAKE_S), files[name]
        assert done.modality == media_files.modality_of(name), name
        assert done.content_hash == hashlib.sha256(path.read_bytes()).digest()[:16]
        found = path.stat()
        assert done.seen == FileFacts(found.st_size, found.st_mtime_ns, found.st_ino)
        assert done.first == 0
        assert not done.has_more
        assert len(done.segments) == (3 if done.modality is Modality.AUDIO else 1), name
    (text,) = futures["a.txt"].result().segments
    assert (text.data, text.span) == (media_files.STORY, Span(0, len(media_files.STORY), Unit.CHARACTERS))
    assert futures["a.png"].result().segments[0].data.shape == (48, 64, 3)


def test_a_long_recording_is_several_tasks(pool: DecodePool, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", media_files.tone(9.5, rate_hz=8_000), 8_000)
    path, first, spans, hashes = str(tmp_path / "x.wav"), 0, [], []
    while True:
        done = pool.submit(path, first=first).result(BRAKE_S)
        assert done.first == first
        spans += [(s.span.start, s.span.end) for s in done.segments]
        hashes.append(done.content_hash)
        if not done.has_more:
            break
        first += len(done.segments)
    assert spans == [(float(at), min(at + 1.0, 9.5)) for at in range(10)]
    assert [len(digest) for digest in hashes] == [16, 0, 0]
    assert pool.submit(path, first=99).result(BRAKE_S).segments == ()


def test_what_is_not_media_and_what_has_no_preparer(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "code.py").write_text("print()")
    with DecodePool({Modality.TEXT: Keep()}) as pool:
        assert pool.submit(str(tmp_path / "code.py")).result(BRAKE_S).modality is None
        done = pool.submit(str(files["a.png"])).result(BRAKE_S)
        assert (done.modality, done.segments, done.content_hash) == (Modality.IMAGE, (), b"")
        assert not done.is_supported


def test_a_file_as_another_modality(pool: DecodePool, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "anything.bin").write_bytes(b"\0\1\2")
    as_picture = pool.submit(str(files["d.png"]), modality=Modality.IMAGE).result(BRAKE_S)
    assert as_picture.segments[0].data.dtype == np.uint8
    assert reason_of(pool.submit(str(files["a.wav"]), modality=Modality.IMAGE)) == "wrong-modality"
    assert reason_of(pool.submit(str(tmp_path / "anything.bin"), modality=Modality.IMAGE)) == "wrong-modality"


def test_a_modality_without_a_reader_is_no_hindrance(files: dict[str, Path]) -> None:
    with DecodePool({Modality.THERMAL: Keep(), Modality.TEXT: Keep()}) as pool:
        assert pool.submit(str(files["a.txt"])).result(BRAKE_S).segments


def test_depth_unit_overrides(files: dict[str, Path]) -> None:
    with DecodePool(KEEP, depth_unit=0.002) as pool:
        (segment,) = pool.submit(str(files["d.png"])).result(BRAKE_S).segments
    np.testing.assert_allclose(segment.data[1:], media_files.slope()[1:] * 2, atol=0.002)


def test_a_segment_is_found_again_by_its_span(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "video.mkv"
    media_files.write_video(path, np.arange(240), 10, sound=media_files.tone(23.5))
    for modality, starts in ((Modality.IMAGE, (0, 10, 20)), (Modality.AUDIO, (0, 1, 7, 22))):
        for start in starts:
            span = Span(start, start + 1, Unit.SECONDS)
            (segment,) = pool.submit(str(path), modality=modality, span=span).result(BRAKE_S).segments
            assert (segment.modality, segment.span.start) == (modality, start)
    within = pool.submit(str(path), modality=Modality.IMAGE, span=Span(14, 15, Unit.SECONDS)).result(BRAKE_S)
    assert within.segments[0].span.start == 10  # no window begins there: the one that covers it
    assert (
        not pool.submit(str(path), modality=Modality.IMAGE, span=Span(99, 100, Unit.SECONDS))
        .result(BRAKE_S)
        .segments
    )
    whole = pool.submit(str(path), modality=Modality.IMAGE, span=Span()).result(BRAKE_S)
    assert len(whole.segments) == 3


def test_costly_segments_come_a_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "video.mkv"
    media_files.write_video(path, np.arange(50), 1)
    with DecodePool({Modality.VIDEO: Keep(), Modality.IMAGE: Keep()}) as pool:
        done = pool.submit(str(path)).result(BRAKE_S)
        assert [segment.modality for segment in done.segments] == [Modality.VIDEO] * 3
        assert done.has_more
        assert not pool.submit(str(path), modality=Modality.IMAGE).result(BRAKE_S).has_more


# ---------------------------------------------------------------- workers that misbehave


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("kill", "killed"),
        ("crash", "killed"),
        ("exit", "killed"),
        ("raise", "prepare-failed"),
        ("eat", "out-of-memory"),
        ("nibble", "out-of-memory"),
        ("unpicklable", "unexpected"),
    ],
)
def test_a_bad_file_costs_itself_and_no_other(
    actors: DecodePool, tmp_path: Path, word: str, reason: str
) -> None:
    neighbour = Waiting(actors, tmp_path)  # in the other worker, from before till after
    bad = actors.submit(script(tmp_path, word))
    others = [actors.submit(script(tmp_path, f"fine {n}")) for n in range(6)]
    assert reason_of(bad) == reason
    neighbour.go_on()
    for future in (neighbour.future, *others):
        assert future.result(BRAKE_S).segments


@pytest.mark.thorough
@pytest.mark.parametrize("word", ["hang", "spin"])
def test_a_decoder_without_end_is_stopped(tmp_path: Path, word: str) -> None:
    with DecodePool({Modality.TEXT: Act()}, 1, Limits(max_seconds=LIMIT_S)) as pool:
        future = pool.submit(script(tmp_path, word))
        assert reason_of(future) == "timeout"
        assert f"{LIMIT_S:g} s" in str(future.exception())
        new_pid = pool.submit(script(tmp_path, "pid"))
        # On a very busy machine even this takes longer than the limit; then it is told so.
        assert new_pid.exception(BRAKE_S) is None or reason_of(new_pid) == "timeout"


def test_a_worker_killed_from_outside_costs_one_file(tmp_path: Path) -> None:
    with DecodePool({Modality.TEXT: Act()}, 1, Limits(max_seconds=BRAKE_S)) as pool:
        pid = pool.submit(script(tmp_path, "pid")).result(BRAKE_S).segments[0].data
        waiting = Waiting(pool, tmp_path)
        others = [pool.submit(script(tmp_path, "pid")) for _ in range(3)]
        wait_until(waiting.is_at_work, "the worker")
        os.kill(pid, signal.SIGKILL)
        assert reason_of(waiting.future) == "killed"
        assert "SIGKILL" in str(waiting.future.exception())
        pids = {other.result(BRAKE_S).segments[0].data for other in others}
        assert len(pids) == 1
        assert pid not in pids
        idle = pids.pop()
        os.kill(idle, signal.SIGKILL)  # no file is to blame
        wait_until(lambda: is_dead(idle), "the end of the worker")
        assert pool.submit(script(tmp_path, "pid")).result(BRAKE_S).segments


def test_decoders_may_talk_but_nobody_hears_them(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(
        b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + np.random.default_rng(1).bytes(30_000)
    )
    code = (
        "import sys; sys.path[:0] = sys.argv[1:2]\n"
        "from media_preparers import Act, Keep\n"
        "from anyseek.contracts import Modality\n"
        "from anyseek.media.worker import DecodePool\n"
        "with DecodePool({Modality.TEXT: Act(), Modality.AUDIO: Keep()}) as pool:\n"
        "    print([pool.submit(path).exception() is None for path in sys.argv[2:]])\n"
    )
    support = str(Path(__file__).parent / "support")
    paths = [script(tmp_path, "chat"), str(tmp_path / "x.mp3")]
    # A plain script without a __main__ guard, from stdin: workers do not run it again.
    ran = subprocess.run(
        [sys.executable, "-", support, *paths], input=code, capture_output=True, text=True, timeout=BRAKE_S
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("[True, False]\n", "", 0)


def test_workers_ignore_ctrl_c_and_die_with_their_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time; sys.path[:0] = sys.argv[1:2]\n"
        "from media_preparers import Act\n"
        "from anyseek.contracts import Modality\n"
        "from anyseek.media.worker import DecodePool\n"
        "pool = DecodePool({Modality.TEXT: Act()})\n"
        "print(pool.submit(sys.argv[2]).result().segments[0].data, flush=True)\n"
        "signal.signal(signal.SIGINT, lambda *_: print('caught', flush=True))\n"
        "os.killpg(0, signal.SIGINT)\n"
        "print(pool.submit(sys.argv[2]).result().segments[0].data, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    support = str(Path(__file__).parent / "support")
    command = [sys.executable, "-c", code, support, script(tmp_path, "pid")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=BRAKE_S, process_group=0)
    before, caught, after = ran.stdout.split()
    assert caught == "caught"
    assert before == after
    wait_until(lambda: is_dead(int(before)), "the end of the worker")


# ---------------------------------------------------------------- files that misbehave


def test_pipes_and_missing_files_reach_the_caller_as_reasons(pool: DecodePool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert reason_of(pool.submit(str(tmp_path / "pipe.wav"))) == "not-a-file"
    assert reason_of(pool.submit(str(tmp_path / "gone.wav"))) == "vanished"


def test_a_file_that_vanished_while_it_waited(actors: DecodePool, tmp_path: Path) -> None:
    busy = [Waiting(actors, tmp_path) for _ in range(2)]
    path = script(tmp_path, "fine")
    future = actors.submit(path)
    os.unlink(path)
    for other in busy:
        other.go_on()
    assert reason_of(future) == "vanished"
    assert all(other.future.result(BRAKE_S) for other in busy)


def test_a_file_that_changes_while_it_is_read(actors: DecodePool, tmp_path: Path) -> None:
    waiting = Waiting(actors, tmp_path)
    wait_until(waiting.is_at_work, "the preparer")
    with Path(waiting.path).open("a") as file:
        file.write("\n")
    waiting.go_on()
    assert reason_of(waiting.future) == "changed-while-read"
    again = actors.submit(waiting.path).result(BRAKE_S)
    assert again.seen.size == os.stat(waiting.path).st_size


def test_a_growing_file_never_gives_a_wrong_hash(pool: DecodePool, tmp_path: Path) -> None:
    path, done = tmp_path / "log.txt", threading.Event()
    path.write_text("A line of a log. \n")

    def grow() -> None:
        with path.open("a") as file:
            while not done.is_set():
                file.write("A line of a log. \n" * 50)
                file.flush()
                time.sleep(0.001)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        outcomes = [pool.submit(str(path)) for _ in range(40)]
        for future in outcomes:
            error = future.exception(BRAKE_S)
            if error is None:
                result = future.result()
                assert (
                    result.content_hash == hashlib.sha256(path.read_bytes()[: result.seen.size]).digest()[:16]
                )
            else:
                assert isinstance(error, MediaError)
                assert error.reason == "changed-while-read"
    finally:
        done.set()
        writer.join()


def test_limits_reach_the_workers(files: dict[str, Path]) -> None:
    with DecodePool(KEEP, limits=Limits(max_bytes=100, max_pixels=10)) as pool:
        assert reason_of(pool.submit(str(files["a.wav"]))) == "too-large"
    with DecodePool(KEEP, limits=Limits(max_pixels=10)) as pool:
        assert reason_of(pool.submit(str(files["a.png"]))) == "too-many-pixels"


def test_undecodable_names(pool: DecodePool, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.txt")
    Path(path).write_text("A fox.")
    assert pool.submit(path).result(BRAKE_S).segments[0].data == "A fox."
    Path(path).write_text(" ")
    assert reason_of(pool.submit(path)) == "empty"


# ---------------------------------------------------------------- the pool itself


@pytest.mark.thorough
@pytest.mark.own_process
def test_close_cancels_what_is_left_and_leaves_nothing_behind(tmp_path: Path) -> None:
    threads = threading.active_count()
    handles = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with DecodePool({Modality.TEXT: Act()}, 2) as pool:
            pids = [pool.submit(script(tmp_path, "pid")).result(BRAKE_S).segments[0].data]
            left = [Waiting(pool, tmp_path) for _ in range(6)]
            wait_until(lambda: any(one.is_at_work() for one in left), "a worker")  # noqa: B023
        for one in left:
            with pytest.raises(CancelledError):
                one.future.result(0)
        pool.close()
        with pytest.raises(RuntimeError):
            pool.submit("x")
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == handles


@pytest.mark.thorough
@pytest.mark.own_process
def test_workers_start_only_when_there_is_work(tmp_path: Path) -> None:
    threads = threading.active_count()
    with DecodePool({Modality.TEXT: Act()}, 8) as pool:
        assert threading.active_count() == threads
        for _ in range(3):
            pool.submit(script(tmp_path, "pid")).result(BRAKE_S)
        assert threading.active_count() == threads + 1


def test_preparers_that_cannot_reach_a_worker_are_refused(tmp_path: Path) -> None:
    with DecodePool({Modality.TEXT: NotPicklable()}) as pool:
        error = pool.submit(script(tmp_path, "fine")).exception(BRAKE_S)
    assert isinstance(error, UsageError)
    assert "stays here" in error.message
    Own = type("Own", (Keep,), {"__module__": "__main__"})
    with pytest.raises(UsageError, match="Own"):
        DecodePool({Modality.TEXT: Own()})
    Lost = type("Lost", (Keep,), {"__module__": "media_preparers"})
    import media_preparers

    media_preparers.Lost = Lost  # type: ignore[attr-defined]  # known here, not in a fresh process
    with DecodePool({Modality.TEXT: Lost()}) as pool:
        error = pool.submit(script(tmp_path, "fine")).exception(BRAKE_S)
    assert isinstance(error, AnyseekError)
    assert not isinstance(error, MediaError)
    assert "Lost" in error.message


def test_every_reason_has_a_stage() -> None:
    assert stage_of(MediaError("x", "pickled")) == "sniff"
    sources = "".join(p.read_text() for p in (Path(__file__).parents[2] / "media").glob("*.py"))
    import re

    raised = set(re.findall(r'\n\s+"([a-z]+(?:-[a-z]+)*)",\n', sources)) & set(STAGES)
    assert len(raised) > 10
    assert all(reason in sources for reason in STAGES)


def test_the_parent_loads_no_decoder() -> None:
    heavy = {"numpy", "PIL", "soundfile", "soxr", "av", "selectolax", "charset_normalizer"}
    code = f"import sys, anyseek.media.worker; print({heavy} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=BRAKE_S, check=True
    )
    assert ran.stdout == "set()\n"


def test_results_are_the_same_in_any_order(pool: DecodePool, files: dict[str, Path]) -> None:
    def outcome(name: str) -> Any:
        return pool.submit(str(files[name])).result(BRAKE_S).segments

    for name in ("a.jpg", "a.mp3", "a.ogg", "d.exr"):
        once, again = outcome(name), outcome(name)
        for one, other in zip(once, again, strict=True):
            np.testing.assert_array_equal(one.data, other.data)
