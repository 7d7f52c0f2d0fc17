"""Where decoding stops, and the messages that say why: every reason that a MediaError of this package can have."""

from __future__ import annotations

from typing import Literal, TypeAlias

from anyseek.contracts import Limits
from anyseek.errors import MediaError

Stage: TypeAlias = Literal["sniff", "read", "decode", "prepare"]

STAGES: dict[str, Stage] = {
    # reason: the stage at which it shows. Reasons are stable: catalogs group problems by them.
    "not-a-file": "read",
    "vanished": "read",
    "unreadable": "read",
    "changed-while-read": "read",
    "too-large": "read",
    "mislabelled": "sniff",
    "pickled": "sniff",
    "wrong-modality": "sniff",
    "empty": "decode",
    "truncated": "decode",
    "broken": "decode",
    "unsupported": "decode",
    "encoding": "decode",
    "too-many-pixels": "decode",
    "missing-reader": "decode",
    "no-unit": "decode",
    "no-rate": "decode",
    "out-of-memory": "decode",
    "timeout": "decode",
    "killed": "decode",
    "unexpected": "decode",
    "prepare-failed": "prepare",
}
"""Which reasons there are, and the stage of the work at which each shows."""


def stage_of(error: MediaError) -> Stage:
    """The stage of the work that a problem belongs to."""
    return STAGES.get(error.reason, "decode")


def check_bytes(name: str, size_bytes: int, limits: Limits, most: int | None = None) -> None:
    """Raises MediaError too-large. `most`: a lower limit of the caller's own."""
    allowed = limits.max_bytes if most is None else min(most, limits.max_bytes)
    if size_bytes > allowed:
        raise MediaError(
            f"{name} has {size_bytes / 1e6:,.1f} MB, more than the limit of {allowed / 1e6:,.1f} MB.",
            "too-large",
            "Split or shrink the file, or raise the limit on bytes.",
        )


def check_pixels(name: str, width: int, height: int, limits: Limits) -> None:
    """Raises MediaError too-many-pixels; called with the header's figures, before anything is allocated."""
    if width * height > limits.max_pixels:
        raise MediaError(
            f"{name} claims {width:,} x {height:,} pixels ({width * height / 1e6:,.0f} million), "
            f"more than the limit of {limits.max_pixels / 1e6:,.0f} million.",
            "too-many-pixels",
            "Scale the picture down, or raise the limit on pixels.",
        )


def out_of_memory(name: str, memory_bytes: int) -> MediaError:
    """The error for a file whose decoding took more memory than a worker has."""
    return MediaError(
        f"{name} needs more than the {memory_bytes / 1e9:.1f} GB of memory that decoding one file may take.",
        "out-of-memory",
        "Make the file smaller.",
    )


class Unsound(ValueError):
    """What a reader of ours found wrong with a file, as the rest of a sentence."""


def damaged(name: str, format_name: str, why: object) -> MediaError:
    """The error for what could not be decoded.

    why: in our own words (text, Unsound); or a library's error, which few people understand: one short line of it is
    the error's detail.
    """
    is_ours = isinstance(why, (str, Unsound))
    line = one_line(why)
    return MediaError(
        f"{name} is a damaged {format_name} file: {line if is_ours and line else 'it cannot be decoded'}.",
        "broken",
        "Copy or download the file again.",
        "" if is_ours else line,
    )


def one_line(message: object) -> str:
    """A library's message as part of a sentence: one printable line, at most 150 characters."""
    plain = "".join(c if c.isprintable() else " " for c in str(message))
    return " ".join(plain.split())[:150].rstrip(" .")


def missing_reader(name: str, what: str, extra: str, package: str) -> MediaError:
    """The error for a format whose optional reader is not installed."""
    return MediaError(
        f"{name} is {what}, and its reader {package} is not installed.",
        "missing-reader",
        f'pip install "anyseek[{extra}]"',
    )
