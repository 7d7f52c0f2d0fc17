"""Preparers for tests of the pool: workers import them by name."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anyseek.contracts import DecodeHint


@dataclass(frozen=True)
class Keep:
    """Hands the decoded data on."""

    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Any:
        return data


@dataclass(frozen=True)
class Act:
    """Does what a text's first word says: a decoder that misbehaves, to order."""

    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Any:
        word = str(data).split()[0]
        if word == "hang":
            time.sleep(3600)
        elif word == "spin":
            while True:
                pass
        elif word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "crash":
            ctypes.string_at(0)
        elif word == "exit":
            os._exit(7)
        elif word == "raise":
            raise KeyError("no such thing")
        elif word == "eat":
            return np.ones((1 << 36,), np.uint8).sum()
        elif word == "nibble":
            held = []
            while True:
                held.append(np.ones((1 << 24,), np.uint8))
        elif word == "unpicklable":
            return lambda: None
        elif word == "chat":
            os.write(2, b"libfoo: warning: chatter\n")
            os.write(1, b"libfoo: more chatter\n")
        elif word == "pid":
            return os.getpid()
        elif word == "wait":  # "wait X Y": makes the file X, and goes on when Y is there
            at_work, go_on = map(Path, str(data).split()[1:])
            at_work.touch()
            while not go_on.exists():
                time.sleep(0.01)
        return data


@dataclass(frozen=True)
class Who:
    """The process that prepared a passage, and the passage."""

    hint: DecodeHint = DecodeHint(passage_chars=10)

    def __call__(self, data: Any) -> tuple[int, str]:
        return os.getpid(), str(data)


@dataclass(frozen=True)
class NotPicklable:
    """Cannot reach a worker."""

    hint: DecodeHint = DecodeHint()

    def __call__(self, data: Any) -> Any:
        return data

    def __reduce__(self) -> Any:
        raise TypeError("this one stays here")
