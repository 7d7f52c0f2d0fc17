"""A file of the index as the body of an answer: opened once, below its root, and read from that descriptor alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastapi.responses import FileResponse

from anyseek.errors import IndexNotFound
from anyseek.opening import FileBelow, open_file

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class OpenedFileResponse(FileResponse):
    """Ranges and all, as FileResponse; what takes the file's place meanwhile is not sent."""

    def __init__(self, file: FileBelow, media_type: str | None = None, disposition: str = "inline") -> None:
        """media_type: None to go by the name. Raises IndexNotFound when the file, or what it was, is not there."""
        try:
            self._opened = os.fdopen(open_file(file), "rb", buffering=0)
        except (OSError, ValueError) as error:
            raise IndexNotFound("The file is no longer where it was indexed.", "Index again.") from error
        super().__init__(
            f"/dev/fd/{self._opened.fileno()}",
            media_type=media_type,
            # RFC 8187 has UTF-8 alone for names.
            filename=os.fsencode(os.path.basename(file.path)).decode("utf-8", "replace"),
            stat_result=os.fstat(self._opened.fileno()),
            content_disposition_type=disposition,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opened:
            await super().__call__(scope, receive, send)
