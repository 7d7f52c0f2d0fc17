"""A file of the index over HTTP: as what it may be shown, in ranges, and whether a client has it already."""

from __future__ import annotations

import codecs
import errno
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from anyseek.errors import IndexNotFound
from anyseek.opening import FileBelow, NotRegular, open_file
from anyseek.system_errors import as_anyseek

INLINE = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".apng": "image/apng",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".weba": "audio/webm",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".mkv": "video/x-matroska",
}
"""What a browser may show or play itself: kinds that cannot hold a script, by the last suffix of the name. Whatever is
not here is saved as a file, but for texts, which are shown as plain text."""

_PLAYER_POLICY = "sandbox allow-same-origin; default-src 'none'; media-src 'self'; frame-ancestors 'none'"
"""For the page that a browser makes around a sound or a video, which asks for it a second time. Scripts stay off."""

_CHUNK = 256 << 10
_HEAD = 64 << 10
# No file by that way: absent, behind a link, or by no name that a scan gives.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """media_type: of the answer. is_inline: whether a browser may show it; else it is saved."""

    media_type: str
    is_inline: bool


def kind_of(name: str, head: bytes, *, is_text: bool) -> Kind:
    """name: of the file. head: its first bytes. is_text: whether it is searched as a text."""
    if is_text:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:  # of another encoding, which the browser knows better than we
            return Kind("text/plain", True)
        return Kind("text/plain; charset=utf-8", True)
    media_type = INLINE.get(os.path.splitext(name)[1].lower())
    return Kind(media_type or "application/octet-stream", media_type is not None)


def content(file_below: FileBelow, request: Headers, *, is_text: bool) -> Response:
    """The answer with the file, a range of it, or 304.

    Raises IndexNotFound for what is no longer a file there; ReadOnlyIndex, DiskFailed, SystemRefused where it cannot be
    opened.
    """
    file, name = _opened(file_below), os.path.basename(file_below.path)
    try:
        facts = os.fstat(file.fileno())
        tag = f'"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}"'
        kind = kind_of(name, os.pread(file.fileno(), _HEAD, 0), is_text=is_text)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
        if is_unchanged(request, tag):
            file.close()
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = kind.media_type
        if kind.media_type.startswith(("audio/", "video/")):
            headers["Content-Security-Policy"] = _PLAYER_POLICY
        headers["Content-Disposition"] = _disposition(name, kind.is_inline)
        span = _range(request, tag, facts.st_size)
        if span is None:
            headers["Content-Length"] = str(facts.st_size)
            return _FilePart(file, 0, facts.st_size, 200, headers)
        start, end = span
        if start >= end:
            file.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{facts.st_size}"})
        headers["Content-Length"] = str(end - start)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{facts.st_size}"
        return _FilePart(file, start, end, 206, headers)
    except BaseException:
        file.close()
        raise


def is_unchanged(request: Headers, tag: str) -> bool:
    """Whether the client says that it holds what has this entity tag (If-None-Match)."""
    given = [one.strip().removeprefix("W/") for one in request.get("if-none-match", "").split(",")]
    return "*" in given or tag in given


class _FilePart(StreamingResponse):
    """Bytes of an open file, which is closed at the end, however it comes."""

    def __init__(self, file: BinaryIO, start: int, end: int, status: int, headers: dict[str, str]) -> None:
        super().__init__(self._parts(file, start, end), status, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    @staticmethod
    async def _parts(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            part = await to_thread.run_sync(os.pread, file.fileno(), min(_CHUNK, end - start), start)
            if not part:
                return  # it became shorter meanwhile: the connection ends early, so that the client notices
            start += len(part)
            yield part


def _opened(file: FileBelow) -> BinaryIO:
    try:
        return os.fdopen(open_file(file), "rb", buffering=0)
    except ValueError as error:
        raise _gone() from error
    except OSError as error:
        if isinstance(error, NotRegular) or error.errno in _NOT_THERE:
            raise _gone() from error
        raise as_anyseek(error, "the file") from error


def _gone() -> IndexNotFound:
    return IndexNotFound("The file is no longer where it was indexed.", "Index again.")


def _disposition(name: str, is_inline: bool) -> str:
    """Of RFC 6266, with the name as of RFC 8187, which has UTF-8 alone: other bytes are replaced."""
    shown = "inline" if is_inline else "attachment"
    return f"{shown}; filename*=UTF-8''{quote(os.fsencode(name).decode('utf-8', 'replace'), safe='')}"


def _range(request: Headers, tag: str, size: int) -> tuple[int, int] | None:
    """The first byte that is wanted and the one after the last, equal where there are none; None for all.

    Several ranges at once are not offered: the whole file is a right answer to them too.
    """
    match = _RANGE.fullmatch(request.get("range", ""))
    if match is None or request.get("if-range", tag) != tag:
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    start = min(int(first), size)
    return start, max(start, min(int(last) + 1, size) if last else size)
