"""Recordings and videos opened by PyAV, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyseek.media.format import FileType
from anyseek.media.limits import damaged, missing_reader
from anyseek.media.source import Source


@contextmanager
def opened(source: Source, file_type: FileType, kind: str) -> Iterator[Any]:
    """The file as an av.container.InputContainer. kind: as in "a video". What fails inside the block is a damaged file.

    Raises MediaError: missing-reader without PyAV, broken.
    """
    format_ = file_type.format
    try:
        import av
    except ImportError as error:
        raise missing_reader(source.name, f"{kind} in {format_.name}", "av", "av") from error
    try:
        # The recognised format only: FFmpeg would follow a playlist to other files and hosts.
        with av.open(source.rewound(), format=format_.library, metadata_errors="ignore") as container:
            yield container
    except (
        av.error.FFmpegError,
        AttributeError,
        ValueError,
        TypeError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise damaged(source.name, format_.name, error) from error
