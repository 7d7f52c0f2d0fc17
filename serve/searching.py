"""From a request to the JSON of its answer; files that are uploaded for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from anyseek import modalities
from anyseek.errors import AnyseekError, QueryFileError
from anyseek.printable import json_path
from anyseek.system_errors import as_anyseek

if TYPE_CHECKING:
    from anyseek.contracts import Hit
    from anyseek.index import Index
    from anyseek.search.results import Results
    from anyseek.serve.requests import SearchBody
    from anyseek.serve.service import Service


def search(service: Service, request: SearchBody, file: Path | None = None) -> dict[str, Any]:
    """The answer as JSON values. Raises UsageError, QueryFileError, ModalityNotSupported."""
    path = None if file is None else os.fspath(file)
    options, query = request.options(), request.query(path)
    with service.limit.acquired(), service.index() as index:
        results = index.answer(query, options)
        if path is not None:
            results = replace(results, query=results.query.replace(path, "given"))
        return results_record(results, index)


def search_json(service: Service, request: SearchBody, file: Path | None) -> bytes:
    """`search` as the body of an answer."""
    return msgspec.json.encode(search(service, request, file), enc_hook=str)


def results_record(results: Results, index: Index) -> dict[str, Any]:
    """Results of this index as JSON values."""
    versions = index.versions({hit.file_id for hit in results})
    return {
        "query": results.query,
        "targets": results.targets,
        "missing": results.missing,
        "nothing_like_it": results.is_nothing_like_it,
        "unmeasured": results.unmeasured,
        "why_unmeasured": results.why_unmeasured,
        "remarks": [json_path(remark) for remark in results.remarks],
        "hits": [hit_record(hit, versions.get(hit.file_id, "")) for hit in results],
    }


def hit_record(hit: Hit, version: str) -> dict[str, Any]:
    """A hit with the addresses of what can be seen and heard of it, which lead to this version of its file only."""
    return {
        **{
            field.name: getattr(hit, field.name) for field in fields(hit)
        },  # asdict copies all, ten times as slowly
        "span": asdict(hit.span),
        "path": json_path(hit.path),
        "alike": [json_path(path) for path in hit.alike],
        "shown_as": modalities.info(hit.modality).shown_as,
        "preview": f"/segments/{hit.segment_id}/preview?v={version}",
        "content": f"/segments/{hit.segment_id}/content?v={version}",
    }


UPLOADED = "the uploaded file"
"""What a client's file is called in messages: the client knows no path of it here."""

WRITTEN_AT_ONCE = 1 << 20
"""Bytes of an upload that are gathered in memory; a packet is far less than a disk likes to be given."""


class Upload:
    """A file that comes in parts, in a folder of its own that is removed at the end. Errors inside name it UPLOADED."""

    def __enter__(self) -> Upload:
        with _disk_errors():
            self._folder = tempfile.TemporaryDirectory(prefix="anyseek-")
            self._path = Path(self._folder.name) / UPLOADED  # which is what decoders call it
        self._waiting = bytearray()
        return self

    def add(self, part: bytes) -> bool:
        """Whether so much is waiting that it should be written."""
        self._waiting += part
        return len(self._waiting) >= WRITTEN_AT_ONCE

    def write(self) -> None:
        """Put what is waiting on the disk. Raises DiskFull, ReadOnlyIndex, DiskFailed, SystemRefused."""
        # Not kept open: many slow uploads would take the descriptors that others need.
        with _disk_errors(), self._path.open("ab") as file:
            file.write(self._waiting)
        self._waiting.clear()

    def finish(self) -> Path:
        """The whole file. Raises QueryFileError for an empty one, and what `write` raises."""
        self.write()
        if not self._path.stat().st_size:
            raise QueryFileError("The file is empty.", "Send it as the body of the request.")
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AnyseekError):
            for path in (os.fspath(self._path), os.path.realpath(self._path)):
                error.message = error.message.replace(path, UPLOADED)
            error.message = error.message[:1].upper() + error.message[1:]
        self._folder.cleanup()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Errors of the system leave as Anyseek's own."""
    try:
        yield
    except OSError as error:
        error.filename = None  # a name that no client knows
        raise as_anyseek(error, "the upload (a temporary file in TMPDIR)") from error
