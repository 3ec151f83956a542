"""A column of evenly spaced times from a CSV, such as funding rates every eight hours.

What is wrong with a row ends the reading; what is only missing, twice, late or without a zone is told of and never
mended in silence: ``Series.findings`` says what was found, and nothing is filled in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats

__all__ = ["DAY", "Series", "daily_sums", "read_series"]

Times: TypeAlias = NDArray[np.int64]

DAY = 86_400
#: Of the spacing: a time so far from where it belongs is only late.
_LATE = 0.01


@dataclass(frozen=True)
class Series:
    """``times`` (T,) in Unix seconds, ascending, multiples of ``every``; ``values`` (T,)."""

    times: Times
    values: Floats
    every: int
    findings: tuple[str, ...]


def read_series(path: str | Path, column: str, *, every: int, time_column: str = "timestamp") -> Series:
    """One column. ``UsageError`` names file, line and column of the first row whose time or number is none, that comes
    before the one above, that is not a multiple of ``every`` seconds, or that says something else of the same time."""
    path = Path(path)
    times: list[int] = []
    values: list[float] = []
    late = naive = twice = 0
    for line, text, cell in _cells(path, time_column, column):
        time, zoned = _time(path, line, time_column, text)
        value = _value(path, line, column, cell)
        naive += not zoned
        place = round(time / every) * every
        if abs(time - place) > _LATE * every:
            raise UsageError(f"{path}:{line}: {time_column}: {text} is not a multiple of {every} seconds")
        late += time != place
        if times and place < times[-1]:
            raise UsageError(f"{path}:{line}: {time_column}: {text} comes before the row above; sort them by time")
        if times and place == times[-1]:
            if value != values[-1]:
                raise UsageError(
                    f"{path}:{line}: {column}: {cell} at the time of the row above, which says {values[-1]}"
                )
            twice += 1
            continue
        times.append(place)
        values.append(value)
    if not times:
        raise UsageError(f"{path}: no rows; give at least one")
    found = np.array(times, dtype=np.int64)
    findings = [
        *([f"{naive:,} times have no zone and are taken as UTC"] if naive else []),
        *([f"{late:,} times are up to {_LATE:.0%} of {every} s late and are taken as on time"] if late else []),
        *([f"{twice:,} rows say what the row above says and are left out"] if twice else []),
        *_gaps(found, every),
    ]
    return Series(found, np.array(values), every, tuple(f"{path}: {words}" for words in findings))


def daily_sums(series: Series) -> tuple[NDArray[np.datetime64], Floats, tuple[str, ...]]:
    """Sums over each day from 0:00, exclusive, to 24:00, inclusive: what was paid between two daily closes. Days (D,),
    sums (D,), and findings: a day without all of its payments is left out."""
    whole = DAY // series.every
    days = (series.times - 1) // DAY
    known, places, counts = np.unique(days, return_inverse=True, return_counts=True)
    sums = np.zeros(len(known))
    np.add.at(sums, places, series.values)
    full = counts == whole
    missing = known[~full]
    inner = [day for day in missing if known[0] < day < known[-1]]
    findings = [f"{_day(day)}: {int(counts[known == day][0])} of {whole} payments; left out" for day in inner]
    return known[full].astype("datetime64[D]"), sums[full], tuple(findings)


def _cells(path: Path, time_column: str, column: str) -> Iterator[tuple[int, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for name in (time_column, column):
                if name not in (reader.fieldnames or ()):
                    raise UsageError(f"{path}: no column {name}; there are {', '.join(reader.fieldnames or ('none',))}")
            for row in reader:
                yield reader.line_num, row[time_column] or "", row[column] or ""
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give a CSV with {time_column} and {column}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give a CSV") from None


def _time(path: Path, line: int, column: str, text: str) -> tuple[float, bool]:
    """Unix seconds, and whether the text has a zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{path}:{line}: {column}: {text!r} is no time; write 2026-03-27T08:00:00+00:00") from None
    zoned = found.tzinfo is not None
    return (found if zoned else found.replace(tzinfo=UTC)).timestamp(), zoned


def _value(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{path}:{line}: {column}: {text!r} is no number") from None
    if not isfinite(value):
        raise UsageError(f"{path}:{line}: {column}: {text} is not finite; take the row out")
    return value


def _gaps(times: Times, every: int) -> list[str]:
    steps = np.diff(times)
    return [
        f"no rows between {_moment(times[place])} and {_moment(times[place + 1])}"
        for place in np.flatnonzero(steps != every)
    ]


def _moment(time: np.int64) -> str:
    return f"{datetime.fromtimestamp(int(time), UTC):%Y-%m-%d %H:%M}"


def _day(day: np.int64) -> str:
    return f"{datetime.fromtimestamp(int(day) * DAY, UTC):%Y-%m-%d}"
