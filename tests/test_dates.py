"""Dates in filters end on the local clock, also where a day has 23 or 25 hours, or is not there at all.

The time zone is a process's own, so each zone is asked in a process of its own; what is right comes from zoneinfo.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from anyseek.filters import period

_PROGRAM = """
import json, sys
from anyseek.filters import period
print(json.dumps([period(value) for value in json.loads(sys.argv[1])]))
"""


def periods(zone: str, values: list[str]) -> list[tuple[float, float]]:
    """[from, until) in seconds."""
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(values)],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    return [(low / 1e9, high / 1e9) for low, high in json.loads(ran.stdout)]


# Zone, value, from, until: both with the offset to UTC of that moment.
ROWS = [
    ("Europe/Berlin", "2023-03-26", "2023-03-26T00:00+01:00", "2023-03-27T00:00+02:00"),
    ("Europe/Berlin", "2023-10-29", "2023-10-29T00:00+02:00", "2023-10-30T00:00+01:00"),
    ("Europe/Berlin", "2023-03", "2023-03-01T00:00+01:00", "2023-04-01T00:00+02:00"),
    ("Europe/Berlin", "2023-10", "2023-10-01T00:00+02:00", "2023-11-01T00:00+01:00"),
    ("Europe/Berlin", "1980", "1980-01-01T00:00+01:00", "1981-01-01T00:00+01:00"),
    ("Europe/Berlin", "2023-10-29T02:59", "2023-10-29T02:59+02:00", "2023-10-29T02:00+01:00"),
    ("Europe/Berlin", "2023-03-26T01:59", "2023-03-26T01:59+01:00", "2023-03-26T03:00+02:00"),
    ("Europe/Berlin", "2023-03-26T02:30", "2023-03-26T03:00+02:00", "2023-03-26T03:00+02:00"),
    ("America/New_York", "2024-11-03", "2024-11-03T00:00-04:00", "2024-11-04T00:00-05:00"),
    ("America/New_York", "2024-03-10", "2024-03-10T00:00-05:00", "2024-03-11T00:00-04:00"),
    ("America/Sao_Paulo", "2018-11-03", "2018-11-03T00:00-03:00", "2018-11-04T01:00-02:00"),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"),
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T00:00-02:00", "2018-02-18T00:00-03:00"),
    ("America/Havana", "2023-11-05", "2023-11-05T00:00-04:00", "2023-11-06T00:00-05:00"),
    ("Asia/Beirut", "2023-03-26", "2023-03-26T01:00+03:00", "2023-03-27T00:00+03:00"),
    ("Australia/Lord_Howe", "2023-04-02", "2023-04-02T00:00+11:00", "2023-04-03T00:00+10:30"),
    ("Pacific/Apia", "2011-12-29", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00"),
    ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00+14:00", "2011-12-31T00:00+14:00"),
    ("Pacific/Apia", "2011-12", "2011-12-01T00:00-10:00", "2012-01-01T00:00+14:00"),
]


@pytest.mark.parametrize("zone", sorted({row[0] for row in ROWS}))
def test_periods_around_a_change_of_clocks(zone: str) -> None:
    rows = [row for row in ROWS if row[0] == zone]
    expected = [tuple(datetime.fromisoformat(moment).timestamp() for moment in row[2:]) for row in rows]
    assert periods(zone, [row[1] for row in rows]) == expected


@pytest.mark.parametrize("zone", ["Europe/London", "America/Santiago", "Asia/Tehran", "Africa/Casablanca"])
def test_the_days_of_a_year_follow_each_other_and_make_its_months(zone: str) -> None:
    here = ZoneInfo(zone)
    days = [datetime(2021, 1, 1).toordinal() + i for i in range(366)]
    names = [datetime.fromordinal(day).strftime("%Y-%m-%d") for day in days]
    months = [f"2021-{month:02}" for month in range(1, 13)]
    *found, year = periods(zone, [*names, *months, "2021"])
    of_days, of_months = found[:366], found[366:]
    for name, (low, _) in zip(names, of_days, strict=True):
        assert low == datetime.fromisoformat(name).replace(tzinfo=here).timestamp()
    assert all(one[1] == following[0] for one, following in pairwise(of_days))
    assert all(one[1] == following[0] for one, following in pairwise(of_months))
    assert year == (of_days[0][0], of_days[365][0]) == (of_months[0][0], of_months[-1][1])


def test_the_first_and_the_last_year_have_their_periods() -> None:
    for value in ("0001", "0001-01-01", "9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59"):
        low, high = period(value)
        assert -(2**63) < low <= high < 2**63


@pytest.mark.parametrize(
    "value", ["2023-13", "2023-02-29", "23", "2023-01-01T24:00", "2023-1-1T1", "0000", "x"]
)
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="A date is"):
        period(value)
