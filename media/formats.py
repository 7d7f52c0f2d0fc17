"""The table of formats: the built-in rows, and those that installed packages declare.

A package declares a format under the entry-point group `anyseek.formats`: a name, and a function without arguments that
returns one `Format` or a tuple of them (docs/extend-format.md). Its formats are tried first, so that they may be
more specific than the built-in ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from anyseek.media.builtin_formats import FORMATS, HTML, PLAIN_TEXT
from anyseek.media.format import FileType, Format, Reader
from anyseek.plugins import Group

__all__ = [
    "FORMATS",
    "HTML",
    "PLAIN_TEXT",
    "FileType",
    "Format",
    "Reader",
    "all_formats",
    "by_suffix",
    "is_media_name",
]

PACKAGES = Group("anyseek.formats", "format")
LOG = logging.getLogger(__name__)


@cache
def all_formats() -> tuple[Format, ...]:
    """Every row, in the order in which they are tried. The packages' metadata is read once a process."""
    return (*_plugins(), *FORMATS)


@cache
def by_suffix() -> Mapping[str, Format]:
    """Which format a name claims; suffixes in lower case, with their dot."""
    return {suffix: row for row in reversed(all_formats()) for suffix in row.suffixes}


def is_media_name(suffix: str) -> bool:
    """Whether a name with this suffix claims a format. Packages are looked at for what no built-in format claims."""
    return any(suffix in row.suffixes for row in FORMATS) or suffix in by_suffix()


def _plugins() -> Iterable[Format]:
    return (row for rows in PACKAGES.each(_rows) for row in rows)


def _rows(make: Callable[[], Format | Iterable[Format]]) -> list[Format]:
    made = make()
    return [_checked(row) for row in ((made,) if isinstance(made, Format) else made)]


def _checked(row: object) -> Format:
    """A package's row; what its functions raise costs the format, not every file that is looked at."""
    if not isinstance(row, Format):
        raise TypeError(f"{row!r} is not a Format")
    if any(suffix != suffix.lower() or not suffix.startswith(".") for suffix in row.suffixes):
        raise ValueError(f"suffixes are lower case and start with a dot, not {row.suffixes}")
    return replace(row, matches=_Guarded(row))


@dataclass(slots=True)
class _Guarded:
    """`Format.matches` of a package; once it has raised, nothing matches any more."""

    row: Format
    is_broken: bool = False

    def __call__(self, head: bytes) -> bool:
        if self.is_broken:
            return False
        try:
            return bool(self.row.matches(head))
        except Exception:
            LOG.warning("The format %s cannot recognise its files.", self.row.name, exc_info=True)
            self.is_broken = True
            return False
