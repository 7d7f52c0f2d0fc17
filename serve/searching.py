"""From a request to a search: words, uploaded files, and hits that are liked or not."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Modality
from anyseek.errors import DiskFull, QueryFileError
from anyseek.search.query import Term, checked

if TYPE_CHECKING:
    from anyseek.contracts import Hit
    from anyseek.search.results import Results
    from anyseek.serve.app import Asked
    from anyseek.serve.service import Served

MOST_UPLOAD = 64 << 20
UPLOAD_S = 120.0
"""How long a file may take to come."""


def ask(served: Served, asked: Asked, file: Path | None = None) -> Results:
    """Raises UsageError, QueryFileError, ModalityNotSupported."""
    from anyseek.search.ask import UNLIKE, scope

    terms = []
    if asked.words.strip():
        terms.append(Term("words", asked.words, Modality.TEXT))
    if file is not None:
        terms.append(Term("file", os.fspath(file), None))
    if asked.without.strip():
        terms.append(Term("words", asked.without, Modality.TEXT, -1.0))
    wanted = scope(
        asked.to or None,
        asked.offset + asked.k,
        None,
        asked.segments,
        asked.where,
        asked.merge,
        asked.min_match,
        fold=asked.fold,
    )
    examples = [(number, 1.0) for number in asked.like] + [(number, -UNLIKE) for number in asked.unlike]
    with served.turns.taken(), served.index() as index:
        checked(terms, has_examples=bool(asked.like))
        found = index.ask(terms, wanted, examples)
    if asked.offset:
        found = replace(found, hits=tuple(hit for hit in found.hits if hit.rank > asked.offset))
    return found if file is None else replace(found, query=found.query.replace(os.fspath(file), "given"))


def answer(served: Served, asked: Asked, file: Path | None) -> bytes:
    """`ask`, `shown`, as JSON."""
    return json.dumps(shown(ask(served, asked, file)), ensure_ascii=False).encode()


def shown(found: Results) -> dict[str, Any]:
    """Results as JSON."""
    return {
        "query": found.query,
        "targets": found.targets,
        "missing": found.missing,
        "nothing_like_it": found.is_nothing_like_it,
        "hits": [hit_shown(hit) for hit in found],
    }


def hit_shown(hit: Hit) -> dict[str, Any]:
    """A hit with the addresses of what can be seen and heard of it."""
    return {
        **asdict(hit),
        "path": shown_path(hit.path),
        "alike": [shown_path(path) for path in hit.alike],
        "preview": f"/segments/{hit.segment_id}/preview",
        "content": f"/segments/{hit.segment_id}/content",
    }


def shown_path(path: str) -> str:
    """A path as JSON can hold it: bytes that are no UTF-8 as backslash escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


class Upload:
    """A file that comes in parts, in a folder of its own that is gone at the end."""

    def __enter__(self) -> Upload:
        with _room():
            self._folder = tempfile.TemporaryDirectory(prefix="anyseek-")
            self._path = Path(self._folder.name) / "upload"
            self._file = self._path.open("wb")
        self._n = 0
        return self

    def add(self, part: bytes) -> None:
        """Raises QueryFileError when it grows too large."""
        self._n += len(part)
        if self._n > MOST_UPLOAD:
            raise QueryFileError(f"The file has more than {MOST_UPLOAD >> 20} MB.", "Send a part of it.")
        with _room():
            self._file.write(part)

    def finished(self) -> Path:
        """Raises QueryFileError for an empty one."""
        with _room():
            self._file.flush()
        if not self._n:
            raise QueryFileError("The file is empty.", "Send it as the body of the request.")
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written was told already
            self._file.close()
        self._folder.cleanup()


@contextmanager
def _room() -> Iterator[None]:
    """Raises DiskFull for what the file system has no room for, or will not do."""
    try:
        yield
    except OSError as error:
        raise DiskFull(
            f"The server could not keep the file: {error.strerror or error}.",
            "Make room, or set TMPDIR there.",
        ) from error
