"""The fields of the filter language, each turned into SQL. Part of where.py."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from anyseek.contracts import Modality

_SIZE = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?i?b)?", re.I)
_SIZES = {"": 1, "b": 1, **{f"{p}b": 1000**i for i, p in enumerate("kmgt", 1)}}
_SIZES |= {f"{p}ib": 1024**i for i, p in enumerate("kmgt", 1)}
_DURATION = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>s|sec|min|m|h)?", re.I)
_DURATIONS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_ORDERS = ("<", "<=", ">", ">=")

_LENGTH = "(SELECT max(t.end) FROM segments t WHERE t.file_id = f.file_id AND t.unit = 's')"
_PATH = "lower(CAST(f.path AS TEXT))"


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over `f` (a file) and `e` (an embedding), with its values."""

    sql: str
    values: tuple[Any, ...] = ()


Below: TypeAlias = Callable[[str], Condition]
Field: TypeAlias = Callable[[str, str, Below], "Condition | None"]
"""A sign and a value to SQL; None for a sign that the field does not have. Raises ValueError with what it takes."""


def _modality(sign: str, value: str, below: Below) -> Condition | None:
    if sign != "=":
        return None
    known = {str(modality) for modality in Modality}
    if value.lower() not in known:
        raise ValueError(f"Choose among: {', '.join(sorted(known))}.")
    return Condition("e.modality = ?", (value.lower(),))


def _folder(sign: str, value: str, below: Below) -> Condition | None:
    if sign != "=":
        return None
    if os.path.isabs(value):
        return below(os.path.abspath(value))
    inner = os.path.normpath(value).strip("/").lower()
    if inner in (".", ""):
        return Condition("1")
    return Condition(f"({_PATH} LIKE ? ESCAPE '\\')", (_escaped(inner) + "/%",))


def _path(sign: str, value: str, below: Below) -> Condition | None:
    plain = value.removeprefix("./").lower()
    if sign == "~":
        return Condition(f"{_PATH} GLOB ?", (plain.replace("**/", "*").replace("**", "*"),))
    return Condition(f"{_PATH} = ?", (plain,)) if sign == "=" else None


def _name(sign: str, value: str, below: Below) -> Condition | None:
    plain = value.lower()
    if sign == "=":
        return Condition(f"({_PATH} = ? OR {_PATH} LIKE ? ESCAPE '\\')", (plain, "%/" + _escaped(plain)))
    if sign != "~":
        return None
    # GLOB's * passes over "/", so the pattern is held against what follows the last one.
    last = f"substr({_PATH}, length(rtrim({_PATH}, replace({_PATH}, '/', ''))) + 1)"
    return Condition(f"{last} GLOB ?", (plain,))


def _type(sign: str, value: str, below: Below) -> Condition | None:
    if sign != "=":
        return None
    return Condition(f"{_PATH} LIKE ? ESCAPE '\\'", ("%." + _escaped(value.lower().lstrip(".")),))


def _date(sign: str, value: str, below: Below) -> Condition | None:
    low, high = (int(moment.timestamp()) * 1_000_000_000 for moment in _period(value))
    tests: dict[str, tuple[str, tuple[int, ...]]] = {
        "=": ("(f.mtime_ns >= ? AND f.mtime_ns < ?)", (low, high)),
        "<": ("f.mtime_ns < ?", (low,)),
        "<=": ("f.mtime_ns < ?", (high,)),
        ">": ("f.mtime_ns >= ?", (high,)),
        ">=": ("f.mtime_ns >= ?", (low,)),
    }
    return Condition(*tests[sign]) if sign in tests else None


def _period(value: str) -> tuple[datetime, datetime]:
    """From and until, local time."""
    for form in _DATES:
        try:
            start = datetime.strptime(value.replace(" ", "T"), form).astimezone()
        except (ValueError, OverflowError):
            continue
        year, month = start.year, start.month
        if form == "%Y":
            return start, start.replace(year=year + 1)
        if form == "%Y-%m":
            return start, start.replace(year=year + month // 12, month=month % 12 + 1)
        step = {"%Y-%m-%d": 86_400, "%Y-%m-%dT%H:%M": 60}.get(form, 1)
        return start, datetime.fromtimestamp(start.timestamp() + step).astimezone()
    raise ValueError("A date is 2023, 2023-06, 2023-06-01 or 2023-06-01T12:30.")


def _size(sign: str, value: str, below: Below) -> Condition | None:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError("A size is 500kB, 3.5MB, 2GiB, or bytes.")
    return _ordered("f.size", sign, int(float(found["n"]) * _SIZES[(found["unit"] or "").lower()]))


def _duration(sign: str, value: str, below: Below) -> Condition | None:
    if clock := _CLOCK.fullmatch(value):
        seconds = 3600 * int(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3])
    elif found := _DURATION.fullmatch(value):
        seconds = float(found["n"]) * _DURATIONS[(found["unit"] or "").lower()]
    else:
        raise ValueError("A duration is 90s, 1.5min, 2h or 1:30.")
    return _ordered(_LENGTH, sign, seconds)


def _ordered(column: str, sign: str, value: float) -> Condition | None:
    return Condition(f"{column} {sign} ?", (value,)) if sign in (*_ORDERS, "=") else None


def _tag(sign: str, value: str, below: Below) -> Condition | None:
    if sign not in ("=", "~"):
        return None
    test = "g.tag = ?" if sign == "=" else "lower(g.tag) GLOB ?"
    value = value.lower() if sign == "~" else value
    return Condition(f"EXISTS (SELECT 1 FROM tags g WHERE g.file_id = f.file_id AND {test})", (value,))


def _escaped(value: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", value)


FIELDS: dict[str, Field] = {
    "modality": _modality,
    "folder": _folder,
    "path": _path,
    "name": _name,
    "type": _type,
    "date": _date,
    "size": _size,
    "duration": _duration,
    "tag": _tag,
}
