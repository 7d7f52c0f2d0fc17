"""The fields of the filter language: with which signs each is compared, and what its values mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from anyseek.errors import UsageError
from anyseek.folding import folded
from anyseek.modalities import Modality
from anyseek.printable import short_repr

MOST_CHARACTERS = 4096
"""Of one value. No path is longer, and SQLite refuses patterns that are much longer."""

EXAMPLE = "For example: type in (jpg, png) and date >= 2023-06 and size < 5MB"

_LARGEST = (1 << 63) - 1  # of SQLite's integers


class Field(NamedTuple):
    """signs: that it can be compared with, != aside. read: what a value means; raises ValueError with what it takes."""

    signs: str
    read: Callable[[str], object]


_MOST_BYTES = 1 << 62
_MOST_DIGITS = 30  # Python reads no whole number of thousands
_SIZE = re.compile(r"(?P<n>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[kmgt]?i?b)?", re.I)
_SIZES = {"": 1, "b": 1, **{f"{p}b": 1000**i for i, p in enumerate("kmgt", 1)}}
_SIZES |= {f"{p}ib": 1024**i for i, p in enumerate("kmgt", 1)}
_DURATION = re.compile(r"(?P<n>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>s|sec|min|m|h)?", re.I)
_DURATIONS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_CLOCK = re.compile(r"(?:([0-9]+):(?=[0-5]?[0-9]:))?([0-9]{1,2}):([0-5][0-9](?:\.[0-9]+)?)")
_N = "([0-9]{1,2})"
_DATE = re.compile(f"([0-9]{{4}})(?:-{_N}(?:-{_N}(?:[T ]{_N}:{_N}(?::{_N})?)?)?)?")
_SECOND = 1_000_000_000
_CLASS = re.compile(
    r"\[(?P<but>[!^]?+)(?P<inner>\]?+[^\]]*+)(?P<end>\]?)"
)  # a "]" that comes first is one of them
_RANGE = re.compile(r"(.)-(.)", re.S)


def size_in_bytes(value: str) -> int:
    """What "3.5MB" means; at most what SQLite can count."""
    match = _SIZE.fullmatch(value)
    unit = (match["unit"] or "").lower() if match else None
    if match is None or unit not in _SIZES:
        raise ValueError("A size is 500kB, 3.5MB, 2GiB, or bytes.")
    whole, _, decimals = match["n"].partition(".")
    if len(whole := whole.lstrip("0")) > _MOST_DIGITS:
        return _MOST_BYTES
    decimals = decimals[:_MOST_DIGITS]  # of a terabyte, less than a byte is left
    # No float: 2.01 kB are 2,010 bytes, and not a little less.
    n_bytes: int = int(f"0{whole}{decimals}") * _SIZES[unit] // 10 ** len(decimals)
    return min(n_bytes, _MOST_BYTES)


def seconds(value: str) -> float:
    """What "1.5min" or "1:30" means."""
    if clock := _CLOCK.fullmatch(value):
        number = 3600 * float(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3])
    elif match := _DURATION.fullmatch(value):
        number = float(match["n"]) * _DURATIONS[(match["unit"] or "").lower()]
    else:
        raise ValueError("A duration is 90s, 1.5min, 2h or 1:30.")
    return min(number, 1e300)


def period(value: str) -> tuple[int, int]:
    """[from, until) in Unix nanoseconds of a date in local time, as far as 64 bits go.

    Years, months and days end where the next one begins on the local clock, however long they are there. Hours that
    the clocks skip have no time in them; of an hour that comes twice, a minute is that of the first.
    """
    match = _DATE.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        given = [int(part) for part in match.groups() if part is not None]
        start = datetime(*[*given, 1, 1][: max(3, len(given))])  # type: ignore[arg-type]
    except ValueError:
        raise ValueError("A date is 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30.") from None
    low = _instant(start)
    if len(given) > 3:
        exists = _on_clock(low) == start.replace(tzinfo=None)
        length = (1 if len(given) > 5 else 60) if exists else 0
        return low, _within_64_bits(low + length * _SECOND)
    return low, _instant(_next(start, len(given)))


def _next(start: datetime, n_parts: int) -> datetime | None:
    """The beginning of the following year, month or day; None after the last that there is."""
    try:
        if n_parts == 1:
            return start.replace(year=start.year + 1)
        if n_parts == 2:
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return start + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _instant(plain: datetime | None) -> int:
    """Unix nanoseconds of a time on the local clock; of one that it skips, when it goes on."""
    if plain is None:
        return _LARGEST
    try:
        first, second = (int(plain.replace(fold=fold).timestamp()) for fold in (0, 1))
    except (ValueError, OverflowError):  # the year 1 east of Greenwich
        return -_LARGEST if plain.year < 1970 else _LARGEST
    if second < first:  # skipped: with the offset before it is late, with the one after it is early
        while second + 1 < first:
            middle = (first + second) // 2
            first, second = (middle, second) if _on_clock(middle * _SECOND) > plain else (first, middle)
    return _within_64_bits(first * _SECOND)


def _on_clock(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // _SECOND)


def _within_64_bits(instant: int) -> int:
    return max(-_LARGEST, min(instant, _LARGEST))


def pattern(value: str) -> str:
    """A pattern as SQLite's GLOB reads it, folded. Raises ValueError for brackets that let nothing through."""

    def checked(match: re.Match[str]) -> str:
        falling = any(low > high for low, high in _RANGE.findall(match["inner"].removeprefix("]")))
        if falling or not match["end"]:
            raise ValueError(
                "In a pattern brackets are closed and ranges rise: [a-z], [!0-9]; a [ itself is [[]."
            )
        return f"[{match['but'] and '^'}{match['inner']}]"

    return _CLASS.sub(checked, folded(value))


def modality(value: str) -> Modality:
    """The modality of that name, in any letter case."""
    try:
        return Modality(value.lower())
    except ValueError:
        raise ValueError(f"Choose among: {', '.join(sorted(Modality))}.") from None


_EQUAL, _ALIKE, _ORDERED = "=", "= ~", "= < <= > >="

FIELDS: dict[str, Field] = {
    "modality": Field(_EQUAL, modality),
    "folder": Field(_EQUAL, str),
    "path": Field(_ALIKE, str),
    "name": Field(_ALIKE, str),
    "type": Field(_EQUAL, str),
    "date": Field(_ORDERED, period),
    "size": Field(_ORDERED, size_in_bytes),
    "duration": Field(_ORDERED, seconds),
    "tag": Field(_ALIKE, str),
}


def check(name: str, sign: str, value: str) -> None:
    """Raises UsageError for what no filter can ask."""
    if name not in FIELDS:
        raise UsageError(
            f"A filter has no field {short_repr(name)}.", f"Its fields: {', '.join(FIELDS)}. {EXAMPLE}"
        )
    signs = FIELDS[name].signs.split()
    if sign not in (*signs, "!="):
        raise UsageError(
            f"A filter cannot compare {name} by {short_repr(sign)}.",
            f"It compares {name} by {' '.join(signs)} !=",
        )
    if len(value) > MOST_CHARACTERS:
        raise UsageError(
            f"A value of {name} in a filter has at most {MOST_CHARACTERS:,} characters.", EXAMPLE
        )
    # JSON of SQLite ends there, so that another value would be compared; folders are compared as bytes.
    if "\0" in value and name != "folder":
        raise UsageError(f"{short_repr(value)} has a NUL character, which no {name} has.", EXAMPLE)
    try:
        FIELDS[name].read(value)
        if sign == "~":
            pattern(value)
    except ValueError as error:
        raise UsageError(
            f"{short_repr(value)} is not a {name} that a filter understands.", str(error)
        ) from error
