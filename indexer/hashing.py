"""The hash of a file's whole content, and the facts it had. Nothing is decoded: threads are safe enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from anyseek.contracts import SeenFile
from anyseek.errors import MediaError
from anyseek.media.source import FileFacts, Source
from anyseek.opening import FileBelow

if TYPE_CHECKING:
    from anyseek.indexer.file_task import FileTask
    from anyseek.indexer.run_context import RunContext

_AT_ONCE = 64


def hashed(run: RunContext, tasks: Iterable[FileTask]) -> Iterator[FileTask]:
    """Each task with its file's hash and the facts it had when it was read, in order, until the run is stopped.

    A file that cannot be read, or changes meanwhile, is left out: whoever decodes it will say why.
    """
    rest = iter(tasks)
    with ThreadPoolExecutor(run.options.n_workers(), "anyseek-hash") as threads:
        while (some := list(islice(rest, _AT_ONCE))) and not run.stop():
            files = [run.file_of(task.seen) for task in some]
            seen = [task.seen for task in some]
            for task, read in zip(some, threads.map(_hash, files, seen), strict=True):
                if read is not None:
                    facts, task.content_hash = read
                    task.set_facts(facts)
                    yield task


def _hash(file: FileBelow, seen: SeenFile) -> tuple[FileFacts, bytes] | None:
    try:
        with Source.open(file) as source:
            source.check_same(seen)
            content_hash = source.digest()
            source.check_unchanged()
            return source.facts, content_hash
    except MediaError:
        return None
