"""Motion: an accelerometer and a gyroscope over time, resampled to even steps and cut in windows.

A table has a column of time and six named columns, `ax, ay, az` and `gx, gy, gz` or longer words for the same
(`Accelerometer X`, `gyro_z`). An array is (N, 7) with the time first, or (N, 6) with the rate in the name of its
file, as in `walk_100hz_imu.npy`. Units that a column's name gives in brackets, (g) and (deg/s), are turned
into m/s2 and rad/s, which plain numbers are taken for. Times are seconds, or ms, us, ns where the name or the
size of the steps says so.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span, Unit
from anyseek.errors import MediaError
from anyseek.media import arrays
from anyseek.media.format import FileType
from anyseek.media.limits import check_bytes, damaged, missing_reader
from anyseek.media.peek import MOTION, column_key
from anyseek.media.segments import n_windows
from anyseek.media.source import Source

MOST_BYTES = 512 << 20
STANDARD_GRAVITY = 9.80665
"""m/s2. Source: ISO 80000-3."""

_MOST_TITLE = 200  # characters of a column's name that are looked at
_LONGEST_S = 7 * 24 * 3600.0
_AXES = [("a", "x"), ("a", "y"), ("a", "z"), ("g", "x"), ("g", "y"), ("g", "z")]
_TIME = re.compile(r"(?:t|time|timestamp|elapsed|epoch|seconds)(?P<unit>s|ms|us|ns)?")
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*hz", re.I)

Numbers = npt.NDArray[np.float64]


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """A segment per window: float32 (6, N) at hint.imu_hz, acceleration in m/s2, then rotation in rad/s.

    Raises MediaError; no-rate when nothing tells the times.
    """
    hint = hints[Modality.IMU]
    check_bytes(source.name, source.facts.size, hint.limits, MOST_BYTES)
    seconds, values = _READERS[file_type.format.library](source, hint)
    even = resampled(seconds, values, hint.imu_hz, source.name)
    window, hop = round(hint.window_s * hint.imu_hz), round(hint.hop_s * hint.imu_hz)
    n = n_windows(even.shape[1], window, hop)
    for number in range(first, n if count is None else min(n, first + count)):
        piece = even[:, number * hop :][:, :window]
        start = number * hop / hint.imu_hz
        span = Span(start, start + piece.shape[1] / hint.imu_hz, Unit.SECONDS)
        yield SegmentData(Modality.IMU, span, piece.copy())


def resampled(
    seconds: Numbers, values: Numbers, rate_hz: int, name: str = "The data"
) -> npt.NDArray[np.float32]:
    """(N,) times and (N, 6) values -> float32 (6, M) at even steps from the first time on, by straight lines
    between the samples. Rows with what is not a number are left out. Raises MediaError."""
    whole = np.isfinite(seconds) & np.isfinite(values).all(axis=1)
    seconds, values = seconds[whole], values[whole]
    order = np.argsort(seconds, kind="stable")
    seconds, values = seconds[order] - (seconds.min() if len(seconds) else 0), values[order]
    if len(seconds) < 2 or seconds[-1] <= 0:
        raise MediaError(f"{name} contains fewer than two samples.", "empty", "Replace or delete the file.")
    if seconds[-1] > _LONGEST_S:
        raise MediaError(
            f"{name} would last {seconds[-1] / 86400:,.0f} days.",
            "unsupported",
            "Check the unit of its times: t_s, t_ms, t_us or t_ns as the column's name.",
        )
    steps = np.arange(int(seconds[-1] * rate_hz + 1e-6) + 1) / rate_hz
    return np.stack([np.interp(steps, seconds, channel) for channel in values.T]).astype(np.float32)


def _named(columns: Mapping[str, Any], name: str) -> tuple[Numbers, Numbers]:
    """Times (N,) in seconds and values (N, 6), from columns by their names."""
    axes: dict[tuple[str, str], Numbers] = {}
    seconds: Numbers | None = None
    for whole_title, numbers in columns.items():
        title = whole_title[:_MOST_TITLE]
        key = column_key(title)
        if sensor := MOTION.fullmatch(key):
            kind = "a" if sensor["sensor"].startswith("a") else "g"
            axes.setdefault((kind, sensor["axis"]), np.asarray(numbers, np.float64) * _scale(title, kind))
        elif seconds is None and (clock := _TIME.fullmatch(key)):
            in_brackets = re.search(r"[\[(]\s*(s|ms|us|ns)\s*[\])]", title.lower())
            unit = clock["unit"] or (in_brackets[1] if in_brackets else None)
            seconds = _seconds(np.asarray(numbers, np.float64), unit)
    missing = [kind + axis for kind, axis in _AXES if (kind, axis) not in axes]
    if missing:
        there = ", ".join(title[:40] for title in list(columns)[:12])
        raise MediaError(
            f"{name} lacks the columns {', '.join(missing)}; it has {there}.",
            "wrong-modality",
            "Motion has six columns: ax, ay, az, gx, gy, gz.",
        )
    values = np.stack([axes[axis] for axis in _AXES], axis=1)
    return _timed(seconds, len(values), name), values


def _scale(title: str, kind: str) -> float:
    unit = re.search(r"[\[(](.*?)[\])]", title.lower())
    symbol = unit[1].strip() if unit else ""
    if kind == "a":
        return STANDARD_GRAVITY if symbol == "g" else 1.0
    return float(np.pi / 180) if symbol.startswith(("deg", "dps", "°")) else 1.0


def _seconds(numbers: Numbers, unit: str | None) -> Numbers:
    """Without a unit the steps tell: sensors run at 2 to 2,000 samples a second."""
    if unit is None:
        step = float(np.nanmedian(np.abs(np.diff(numbers)))) if len(numbers) > 1 else 0.0
        unit = "s" if step < 0.5 else "ms" if step < 500 else "us" if step < 500_000 else "ns"
    return (numbers - np.nanmin(numbers)) * _UNITS[unit] if len(numbers) else numbers


def _timed(seconds: Numbers | None, n: int, name: str) -> Numbers:
    if seconds is not None:
        return seconds
    rate = _RATE.search(name)
    if rate is None or float(rate[1]) <= 0:
        raise MediaError(
            f"{name} has no time column, so its sample rate is unknown.",
            "no-rate",
            "Add a column t in seconds, or name the rate in the file's name: walk_100hz_imu.csv",
        )
    return np.arange(n) / float(rate[1])


# ---------------------------------------------------------------- files to columns


def _read_csv(source: Source, hint: DecodeHint) -> tuple[Numbers, Numbers]:
    text = source.rewound().read().decode("utf-8-sig", "replace")
    try:
        titles, *rows = csv.reader(text.splitlines(), delimiter=_delimiter(text), quoting=csv.QUOTE_NONE)
    except csv.Error as error:
        raise damaged(source.name, "CSV", error) from error
    numbers = [[_number(cell) for cell in row] for row in rows if len(row) == len(titles)]
    if not numbers:
        raise MediaError(
            f"{source.name} has no rows below its column names.", "empty", "Replace or delete the file."
        )
    table = np.asarray(numbers, np.float64)
    return _named({title: table[:, at] for at, title in enumerate(titles)}, source.name)


def _delimiter(text: str) -> str:
    line = text.split("\n", 1)[0]
    return max(",;\t", key=line.count)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _read_npy(source: Source, hint: DecodeHint) -> tuple[Numbers, Numbers]:
    array = arrays.load_npy(source, hint.limits).astype(np.float64)
    if array.shape[0] in (6, 7) and array.shape[1] not in (6, 7):
        array = array.T
    if array.shape[1] == 7:
        return _seconds(array[:, 0], None), array[:, 1:]
    if array.shape[1] == 6:
        return _timed(None, len(array), source.name), array
    raise MediaError(
        f"{source.name} contains an array of {array.shape[0]} x {array.shape[1]}, which is not motion data.",
        "wrong-modality",
        "Motion is (N, 7): time, acceleration in x, y, z, rotation in x, y, z.",
    )


def _read_parquet(source: Source, hint: DecodeHint) -> tuple[Numbers, Numbers]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing_reader(source.name, "a Parquet table", "parquet", "pyarrow") from error
    try:
        table = pq.read_table(source.rewound())
        columns = {
            name: table[name].to_numpy().astype(np.float64)
            for name in table.column_names
            if pa.types.is_floating(table[name].type) or pa.types.is_integer(table[name].type)
        }
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(source.name, "Parquet", error) from error
    return _named(columns, source.name)


_READERS = {"csv": _read_csv, "npy": _read_npy, "parquet": _read_parquet}
