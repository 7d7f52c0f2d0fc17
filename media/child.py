"""The worker process: takes tasks from its pipe, decodes and prepares, sends results back. See worker.py."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from anyseek.contracts import DecodeHint, Limits, Modality, Preparer, SegmentData, Span
from anyseek.errors import AnyseekError, MediaError
from anyseek.media.captions import caption
from anyseek.media.decoding import segment_at
from anyseek.media.formats import FileType, all_formats
from anyseek.media.limits import check_bytes, one_line, out_of_memory
from anyseek.media.readings import Reading, Readings
from anyseek.media.sniffing import identify, identify_as
from anyseek.media.source import FileFacts, Source
from anyseek.modalities import info
from anyseek.opening import AnyFile
from anyseek.plugins import resolve
from anyseek.printable import printable

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """The outcome of a task.

    modality: of the file; None for what is not searched. is_supported: whether there is a preparer for something in it.
    segments: prepared for the model; those of a container have modalities of their own. caption: what the file says
    about itself in words, in its first part. first: the number of the first segment. has_more: there are segments after
    these; submit again with first + len(segments).

    content_hash: 16 bytes, of the whole file; empty when nothing was decoded, and in
    continuations (first > 0). seen: the file's facts when it was read; where those of a continuation differ from the
    first part's, the file is another one by now.
    """

    modality: Modality | None
    content_hash: bytes
    segments: tuple[SegmentData, ...]
    first: int
    has_more: bool
    seen: FileFacts
    caption: str = ""
    is_supported: bool = True


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work on one file: the arguments of `DecodePool.submit`."""

    file: AnyFile
    first: int = 0
    modality: Modality | None = None
    span: Span | None = None
    seen: FileFacts | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for all tasks of a worker, sent at its start."""

    preparers: Mapping[Modality, Preparer]
    limits: Limits
    memory_bytes: int
    segments_per_task: int
    depth_unit: float | None
    most_readings: int
    max_file_seconds: float

    def hints(self, file_type: FileType) -> dict[Modality, DecodeHint]:
        """Of the preparers for what is in such a file, under the caller's limits and unit."""
        hints = {}
        for modality in file_type.segment_modalities:
            if modality in self.preparers:
                hint = self.preparers[modality].hint
                unit = hint.depth_unit if self.depth_unit is None else self.depth_unit
                hints[modality] = replace(hint, limits=self.limits, depth_unit=unit)
        return hints

    def most_segments(self, file_type: FileType, modalities: Iterable[Modality]) -> int:
        """How many segments of these modalities one task may return: decoding some takes long."""
        costly = file_type.format.segments_per_task
        return min([self.segments_per_task, *(costly[one] for one in modalities if one in costly)])


def serve(pipe: Connection) -> None:
    """The worker's life: a Setting, answered by None or what is wrong; then tasks until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")  # nobody reads a worker's stderr; what matters comes back as a reason
    setting = _start(pipe)
    if setting is None:
        return
    readings = Readings(setting.most_readings)
    with contextlib.suppress(EOFError, OSError):  # the parent has gone, or wants no more
        while True:
            task: Task = pipe.recv()
            # The parent kills a worker that is late; should it have died itself, the alarm does.
            signal.alarm(int(setting.limits.max_seconds) + 30)
            _answer(pipe, task, _outcome(task, setting, readings))
            signal.alarm(0)


def _start(pipe: Connection) -> Setting | None:
    try:
        setting: Setting = pipe.recv()
        _import_readers(setting.preparers)
        _limit_memory(setting.memory_bytes)
    except EOFError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must learn why there is no worker
        pipe.send(f"{type(error).__name__}: {error}")
        return None
    pipe.send(None)
    return setting


def _import_readers(preparers: Mapping[Modality, Preparer]) -> None:
    """Before the limits: what importing takes counts neither as a file's memory nor as its time."""
    for row in all_formats():
        for modality, reader in {**row.taken_as, row.modality: row.reader}.items():
            if modality in preparers:
                try:
                    resolve(reader)
                except ImportError:  # its files get a reason of their own
                    LOG.warning("The reader %s cannot be imported.", reader, exc_info=True)


def _limit_memory(more_bytes: int) -> None:
    """At most `more_bytes` beyond what the started worker has; where the system cannot, no limit."""
    try:
        import resource

        now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + more_bytes, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer, not a file to keep
    except (ImportError, OSError, ValueError):
        return


def _answer(pipe: Connection, task: Task, outcome: PreparedFile | AnyseekError) -> None:
    try:
        pipe.send(outcome)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError, MemoryError) as error:
        pipe.send(_unexpected(task.file, "what was prepared cannot be sent", error))


def _outcome(task: Task, setting: Setting, readings: Readings) -> PreparedFile | AnyseekError:
    outcome = _attempt(task, setting, readings)
    is_full = isinstance(outcome, MediaError) and outcome.reason == "out-of-memory"
    if is_full and readings.close():  # it need not be this file that has filled the memory
        return _attempt(task, setting, readings)
    return outcome


def _attempt(task: Task, setting: Setting, readings: Readings) -> PreparedFile | AnyseekError:
    try:
        return _work(task, setting, readings)
    except AnyseekError as error:
        if isinstance(error, MediaError) and error.reason == "out-of-memory":
            return out_of_memory(_name(task.file), setting.memory_bytes)  # readers do not know the limit
        return error
    except MemoryError:
        return out_of_memory(_name(task.file), setting.memory_bytes)
    except Exception as error:  # noqa: BLE001 - one file must not cost the run; the reason says it was not foreseen
        return _unexpected(task.file, "decoding it went wrong in a way that was not foreseen", error)


def _work(task: Task, setting: Setting, readings: Readings) -> PreparedFile:
    reading = readings.resumed(task.file, task.modality, task.first) if task.span is None else None
    with ExitStack() as life:
        if reading is not None:
            life.callback(reading.close)
            done = _part(reading, task, setting)
        else:
            source = life.enter_context(Source.open(task.file))
            source.check_same(task.seen)
            file_type = identify(source) if task.modality is None else identify_as(source, task.modality)
            if file_type is None or not setting.hints(file_type):
                modality = file_type.modality if file_type else None
                done = PreparedFile(modality, b"", (), task.first, False, source.facts, is_supported=False)
            else:
                reading = Reading(source, life.pop_all(), file_type)
                life.callback(reading.close)
                done = _first_part(reading, task, setting)
        if reading is not None and done.has_more and task.span is None:
            life.pop_all()
            readings.keep(task.file, done.first + len(done.segments), reading)
    return done


def _first_part(reading: Reading, task: Task, setting: Setting) -> PreparedFile:
    """Of a file that was opened for this task: with its hash and its caption, when it begins at the beginning."""
    source, file_type = reading.source, reading.file_type
    check_bytes(source.name, source.facts.size, setting.limits)
    source.load()
    content_hash = source.digest() if task.first == 0 else b""
    # Before the reading starts: they share the stream.
    words = caption(source, file_type) if task.first == 0 else ""
    hints = setting.hints(file_type)
    if task.span is None:
        reading.start(hints, task.first)
        done = _part(reading, task, setting)
    else:
        segment = segment_at(source, file_type, hints, task.span)
        found = () if segment is None else (_prepared(source, segment, setting),)
        done = PreparedFile(file_type.modality, b"", found, task.first, False, source.facts)
    source.check_unchanged()
    return replace(done, content_hash=content_hash, caption=words)


def _part(reading: Reading, task: Task, setting: Setting) -> PreparedFile:
    source, file_type = reading.source, reading.file_type
    most = setting.most_segments(file_type, setting.hints(file_type))
    prepared = tuple(_prepared(source, segment, setting) for segment in reading.take(most))
    has_more = bool(prepared) and reading.has_more()
    source.check_unchanged()
    return PreparedFile(file_type.modality, b"", prepared, task.first, has_more, source.facts)


def _prepared(source: Source, segment: SegmentData, setting: Setting) -> SegmentData:
    text = segment.data if info(segment.modality).is_text else ""
    try:
        item = setting.preparers[segment.modality](segment.data)
    except (MediaError, MemoryError):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {one_line(error)}"
        raise MediaError(
            f"{source.name} could not be prepared for the model: {why}.",
            "prepare-failed",
            "Please report this with the file.",
        ) from error
    return replace(segment, data=item, text=text)


def _unexpected(file: AnyFile, what: str, error: BaseException) -> MediaError:
    return MediaError(
        f"{_name(file)}: {what}: {type(error).__name__}: {one_line(error)}.",
        "unexpected",
        "Please report this with the file.",
    )


def _name(file: AnyFile) -> str:
    return printable(os.path.basename(os.fspath(file)))
