"""From a request to the JSON of its answer; files that are uploaded for it."""

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

from anyseek import modalities
from anyseek.errors import DiskFull, QueryFileError
from anyseek.printable import json_path

if TYPE_CHECKING:
    from anyseek.contracts import Hit
    from anyseek.search.results import Results
    from anyseek.serve.requests import SearchBody
    from anyseek.serve.service import Service

MOST_UPLOAD = 64 << 20
UPLOAD_S = 120.0
"""How long a file may take to come."""


def search(service: Service, request: SearchBody, file: Path | None = None) -> Results:
    """Raises UsageError, QueryFileError, ModalityNotSupported."""
    path = None if file is None else os.fspath(file)
    options, query = request.options(), request.query(path)
    with service.limit.acquired(), service.index() as index:
        results = index.answer(query, options)
    return results if path is None else replace(results, query=results.query.replace(path, "given"))


def search_json(service: Service, request: SearchBody, file: Path | None) -> bytes:
    """`search` as the body of an answer."""
    return json.dumps(results_record(search(service, request, file)), ensure_ascii=False).encode()


def results_record(results: Results) -> dict[str, Any]:
    """Results as JSON values."""
    return {
        "query": results.query,
        "targets": results.targets,
        "missing": results.missing,
        "nothing_like_it": results.is_nothing_like_it,
        "remarks": [json_path(remark) for remark in results.remarks],
        "hits": [hit_record(hit) for hit in results],
    }


def hit_record(hit: Hit) -> dict[str, Any]:
    """A hit with the addresses of what can be seen and heard of it."""
    return {
        **asdict(hit),
        "path": json_path(hit.path),
        "alike": [json_path(path) for path in hit.alike],
        "shown_as": modalities.info(hit.modality).shown_as,
        "preview": f"/segments/{hit.segment_id}/preview",
        "content": f"/segments/{hit.segment_id}/content",
    }


class Upload:
    """A file that comes in parts, in a folder of its own that is removed at the end."""

    def __enter__(self) -> Upload:
        with _disk_errors():
            self._folder = tempfile.TemporaryDirectory(prefix="anyseek-")
            self._path = Path(self._folder.name) / "upload"
            self._file = self._path.open("wb")
        self._n_bytes = 0
        return self

    def add(self, part: bytes) -> None:
        """Raises QueryFileError when it grows too large."""
        self._n_bytes += len(part)
        if self._n_bytes > MOST_UPLOAD:
            raise QueryFileError(f"The file has more than {MOST_UPLOAD >> 20} MB.", "Send a part of it.")
        with _disk_errors():
            self._file.write(part)

    def finish(self) -> Path:
        """The whole file. Raises QueryFileError for an empty one."""
        with _disk_errors():
            self._file.flush()
        if not self._n_bytes:
            raise QueryFileError("The file is empty.", "Send it as the body of the request.")
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written was reported already
            self._file.close()
        self._folder.cleanup()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raises DiskFull for what the file system has no room for, or will not do."""
    try:
        yield
    except OSError as error:
        raise DiskFull(
            f"The server could not keep the file: {error.strerror or error}.",
            "Make room, or set TMPDIR there.",
        ) from error
