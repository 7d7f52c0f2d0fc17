"""Standard input, output and error as a program can use them, whatever its caller closed or which encoding it has."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TextIO


class _Closed(io.RawIOBase):
    """Where standard output should be: what is written there is an error, and not lost in silence."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def prepare() -> None:
    """Names that the encoding lacks are escaped rather than fatal; closed streams are what they should be."""
    _keep_numbers()
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed()), "utf-8", write_through=True)
    if sys.stderr is None:
        sys.stderr = _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_closed() -> bool:
    """Whether standard output was closed; afterwards nothing is tried again at the end of the program."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Closed):
        return False
    sys.stdout = _nowhere()
    return True


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # for as long as the program runs


def _keep_numbers() -> None:
    """A file that is opened later must not get the number of a closed stream: whoever writes to that would hit it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
