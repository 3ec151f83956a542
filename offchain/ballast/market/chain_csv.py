"""An exchange's option chain from a CSV: one row an option, volatilities as the exchange marks them.

Needs the columns ``timestamp``, ``instrument_name``, ``strike``, ``expiry_datetime``, ``implied_volatility`` (a part a
year), ``futures_price`` and ``index_price``, whose names begin with the underlying's (``BTC-26MAR27-100000-C``); others
are ignored.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from statistics import median

from ballast.chain.instruments import expiry_label
from ballast.errors import UsageError

__all__ = ["COLUMNS", "ChainExpiry", "OptionChain", "read_chain"]

COLUMNS = (
    "timestamp",
    "instrument_name",
    "strike",
    "expiry_datetime",
    "implied_volatility",
    "futures_price",
    "index_price",
)


@dataclass(frozen=True)
class ChainExpiry:
    """Quotes of one expiry: ``vols`` by strike, parts a year; a call's and a put's are one where both are there."""

    expiry: int
    forward: float
    vols: Mapping[float, float]


@dataclass(frozen=True)
class OptionChain:
    """``time`` in Unix seconds; index prices and expiries by underlying, expiries by label in order of time."""

    time: int
    index: Mapping[str, float]
    expiries: Mapping[str, Mapping[str, ChainExpiry]]


def read_chain(path: str | Path) -> OptionChain:
    """Reads a chain; ``UsageError`` names file, line and column of the first thing that is wrong."""
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(f"{path}: no column {missing[0]}; an option chain has {', '.join(COLUMNS)}")
            rows = [_row(path, reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give an option chain's CSV") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give an option chain's CSV") from None
    if not rows:
        raise UsageError(f"{path}: no options; give at least one row")
    return _chain(rows)


@dataclass(frozen=True)
class _Row:
    time: int
    underlying: str
    expiry: int
    strike: float
    vol: float
    forward: float
    index: float


def _row(path: Path, line: int, row: Mapping[str, str]) -> _Row:
    def number(column: str) -> float:
        text = row[column] or ""
        try:
            value = float(text)
        except ValueError:
            raise UsageError(f"{path}:{line}: {column}: {text!r} is no number") from None
        if not isfinite(value) or value <= 0:
            raise UsageError(f"{path}:{line}: {column}: is {text}; give more than 0")
        return value

    def time(column: str) -> int:
        text = row[column] or ""
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(f"{path}:{line}: {column}: {text!r} is no time; write 2026-03-27T08:00:00+00:00") from None
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())

    return _Row(
        time=time("timestamp"),
        underlying=(row["instrument_name"] or "").partition("-")[0],
        expiry=time("expiry_datetime"),
        strike=number("strike"),
        vol=number("implied_volatility"),
        forward=number("futures_price"),
        index=number("index_price"),
    )


def _chain(rows: list[_Row]) -> OptionChain:
    grouped: dict[str, dict[int, list[_Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        grouped[row.underlying][row.expiry].append(row)
    return OptionChain(
        time=max(row.time for row in rows),
        index={name: median(row.index for row in rows if row.underlying == name) for name in grouped},
        expiries={
            name: {expiry_label(expiry): _expiry(expiry, found) for expiry, found in sorted(expiries.items())}
            for name, expiries in grouped.items()
        },
    )


def _expiry(expiry: int, rows: list[_Row]) -> ChainExpiry:
    vols: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        vols[row.strike].append(row.vol)
    forward = median(row.forward for row in rows)
    return ChainExpiry(expiry, forward, {strike: median(found) for strike, found in sorted(vols.items())})
