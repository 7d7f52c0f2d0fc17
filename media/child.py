"""The worker process: takes tasks from its pipe, decodes and prepares, sends results back. See worker.py."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from anyseek.contracts import DecodeHint, Limits, Modality, Preparer, Span
from anyseek.errors import AnyseekError, MediaError
from anyseek.media.captions import caption
from anyseek.media.decoding import decode_parts
from anyseek.media.formats import READERS, WITHIN, Found, serves
from anyseek.media.limits import check_bytes, one_line
from anyseek.media.sniffing import identify
from anyseek.media.source import FileFacts, Source
from anyseek.printable import printable

FILMS_PER_TASK = 3


@dataclass(frozen=True, slots=True)
class PreparedSegment:
    """One segment, ready for the model: `item` is what the modality's preparer made of it; `words`, of a text, all of
    it."""

    modality: Modality
    span: Span
    excerpt: str
    item: Any
    words: str = ""


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """What a task found in a file.

    modality: of the file; None for what is not searched. segments: empty then, and when there is no preparer
    for anything in it; those of a film have modalities of their own. caption: what
    the file says about itself, in its first part. first: the number of the first segment.
    has_more: there are segments after these; submit again with first + len(segments). content_hash: 16 bytes, of the
    whole file; empty when nothing was decoded and no hash asked for, and in continuations (first > 0). seen: the
    file's facts when it was read; where those of a continuation differ from the first part's, the file is another one
    by now.
    """

    modality: Modality | None
    content_hash: bytes
    segments: tuple[PreparedSegment, ...]
    first: int
    has_more: bool
    seen: FileFacts
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work on one file: what `DecodePool.submit` was asked."""

    path: str
    first: int
    modality: Modality | None
    hash_only: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """What a worker is told once, at its start."""

    preparers: Mapping[Modality, Preparer]
    limits: Limits
    memory_bytes: int
    segments_per_task: int
    depth_unit: float | None

    def hints(self, modality: Modality) -> dict[Modality, DecodeHint]:
        """What the preparers ask of a file of this modality, under the caller's limits and unit."""
        hints = {}
        for kind in WITHIN.get(modality, (modality,)):
            if kind in self.preparers:
                hint = self.preparers[kind].hint
                unit = hint.depth_unit if self.depth_unit is None else self.depth_unit
                hints[kind] = replace(hint, limits=self.limits, depth_unit=unit)
        return hints

    def most(self, modality: Modality) -> int:
        """How many segments one task may hand out: decoding all frames of a window takes long."""
        is_film = modality is Modality.VIDEO and modality in self.preparers
        return min(self.segments_per_task, FILMS_PER_TASK) if is_film else self.segments_per_task


def serve(pipe: Connection) -> None:
    """The worker's life: a Setting, answered by None or what is wrong; then tasks until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")  # nobody reads a worker's stderr; what matters comes back as a reason
    setting = _start(pipe)
    if setting is None:
        return
    with contextlib.suppress(EOFError, OSError):  # the parent has gone, or wants no more
        while True:
            task: Task = pipe.recv()
            # The parent kills a worker that is late; should it have died itself, the alarm does.
            signal.alarm(int(setting.limits.max_seconds) + 30)
            _answer(pipe, task, _outcome(task, setting))
            signal.alarm(0)


def _start(pipe: Connection) -> Setting | None:
    try:
        setting: Setting = pipe.recv()
        for modality in setting.preparers.keys() & READERS.keys():
            import_module(READERS[modality])
        _limit_memory(setting.memory_bytes)
    except EOFError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must be told why there is no worker
        pipe.send(f"{type(error).__name__}: {error}")
        return None
    pipe.send(None)
    return setting


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
        pipe.send(_unexpected(task.path, "what was prepared cannot be sent", error))


def _outcome(task: Task, setting: Setting) -> PreparedFile | AnyseekError:
    try:
        with Source.open(task.path) as source:
            done = _work(source, task, setting)
            source.check_unchanged()
            return done
    except AnyseekError as error:
        return error
    except MemoryError:
        return _too_big(task.path)
    except Exception as error:  # noqa: BLE001 - one file must not cost the run; the reason says it was not foreseen
        return _unexpected(task.path, "decoding it went wrong in a way that was not foreseen", error)


def _work(source: Source, task: Task, setting: Setting) -> PreparedFile:
    if task.hash_only:
        source.load()
        return PreparedFile(task.modality, source.digest(), (), 0, False, source.facts)
    found = identify(source, task.modality)
    modality = task.modality or (found.modality if found else None)
    if modality is None or not serves(modality, setting.preparers):
        return PreparedFile(modality, b"", (), task.first, False, source.facts)
    check_bytes(source.name, source.facts.size, setting.limits)
    source.load()
    content_hash = source.digest() if task.first == 0 else b""
    segments, has_more = _segments(source, found, modality, task, setting)
    said = caption(source, found) if task.first == 0 and found is not None else ""
    return PreparedFile(modality, content_hash, segments, task.first, has_more, source.facts, said)


def _segments(
    source: Source, found: Found | None, modality: Modality, task: Task, setting: Setting
) -> tuple[tuple[PreparedSegment, ...], bool]:
    """At most segments_per_task of them, and whether there is one more."""
    most = setting.most(modality)
    decoded = decode_parts(source, modality, setting.hints(modality), task.first, most + 1, found)
    segments = []
    for segment in islice(decoded, most):
        words = segment.data if segment.modality is Modality.TEXT else ""
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
        segments.append(PreparedSegment(segment.modality, segment.span, segment.excerpt, item, words))
    return tuple(segments), next(decoded, None) is not None


def _too_big(path: str) -> MediaError:
    return MediaError(
        f"{_name(path)} needs more memory than a decoder may use.", "out-of-memory", "Make the file smaller."
    )


def _unexpected(path: str, what: str, error: BaseException) -> MediaError:
    return MediaError(
        f"{_name(path)}: {what}: {type(error).__name__}: {one_line(error)}.",
        "unexpected",
        "Please report this with the file.",
    )


def _name(path: str) -> str:
    return printable(os.path.basename(path))
