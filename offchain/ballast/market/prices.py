"""Daily bars from a CSV, exact; a file that is not right is refused with its line and column.

The format: a header ``date,symbol,open,high,low,close,volume``, then one row per asset and day.
Dates are ISO days (UTC), prices USD, positive decimals. Each asset's rows are in order of date,
without a gap or a second row for a day; assets may follow each other or alternate. The rows of
assets that nobody asked for are counted as ignored and not read further.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from ballast.errors import UsageError

__all__ = ["COLUMNS", "Bar", "PriceTable", "parse_day", "read_histories", "read_prices"]

COLUMNS = ("date", "symbol", "open", "high", "low", "close", "volume")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
#: Above any price or volume of a day; it keeps exact arithmetic with them bounded.
_BOUND = Decimal(10) ** 30
_MAX_DIGITS = 40
_NEXT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One asset's day. Prices in USD, exact; low <= open, close <= high. ``line`` is the file's, 0
    where the bar is from no file."""

    day: date
    symbol: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    line: int = 0


@dataclass(frozen=True)
class PriceTable:
    """Bars by symbol, each a row of consecutive days, all from ``first`` to ``last``.

    ``left_out`` says of each asset that was asked for and has no price on some day of the window
    why it is left out; ``ignored`` are the file's other symbols.
    """

    bars: dict[str, tuple[Bar, ...]]
    first: date
    last: date
    left_out: dict[str, str]
    ignored: tuple[str, ...]

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def notices(self) -> list[str]:
        """What a user should know of what was not used, one line each."""
        found = [f"{symbol}: left out, {reason}" for symbol, reason in self.left_out.items()]
        if self.ignored:
            found.append(f"{', '.join(self.ignored)}: not listed here, ignored")
        return found


def parse_day(text: str, what: str = "date") -> date:
    """A day from ``YYYY-MM-DD``; ``UsageError`` names ``what`` otherwise."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} {text!r}: not a day; write it like 2020-03-12") from None


def read_prices(
    path: str | Path,
    symbols: Collection[str],
    *,
    first: date | None = None,
    last: date | None = None,
) -> PriceTable:
    """The bars of ``symbols`` from ``first`` to ``last`` (default: all that the file has).

    The rows of these symbols must be right in the whole file, not only inside the window. An
    asset without a row in the window, or whose rows begin after its first or end before its last
    day, is left out. ``UsageError`` (file, line and column; what is wrong; what would be right)
    where the file is not as described above, or no asset is left.
    """
    path = Path(path)
    if first is not None and last is not None and first > last:
        raise UsageError(f"window: begins {first}, after its end {last}; swap the two days")
    found, ignored = _found(path, symbols)
    return _cut(path, symbols, found, ignored, first, last)


def read_histories(path: str | Path, symbols: Collection[str] | None = None) -> dict[str, tuple[Bar, ...]]:
    """All bars of ``symbols`` (default: of every asset of the file), each from its own first to its own last day.
    ``UsageError`` as ``read_prices``, and where an asset that was asked for has no rows."""
    path = Path(path)
    found, _ = _found(path, symbols)
    missing = [symbol for symbol in symbols or () if symbol not in found]
    if missing:
        raise UsageError(f"{path}: no rows of {missing[0]}; there are {', '.join(sorted(found))}")
    return {symbol: tuple(found[symbol]) for symbol in symbols or found}


def _found(path: Path, symbols: Collection[str] | None) -> tuple[dict[str, list[Bar]], tuple[str, ...]]:
    """Bars by symbol, and the symbols that were not asked for; None asks for all."""
    found: dict[str, list[Bar]] = {}
    ignored: dict[str, None] = {}
    for line, row in _rows(path):
        symbol = row[1].strip()
        if not symbol:
            raise _bad(path, line, "symbol", "is empty; give the asset's symbol")
        if symbols is None or symbol in symbols:
            bar = _bar(path, line, symbol, row)
            _follow(path, found.setdefault(symbol, []), bar)
        else:
            ignored.setdefault(symbol)
    if not found:
        if symbols is None:
            raise UsageError(f"{path}: no rows; give a CSV of daily prices")
        listed = ", ".join(sorted(symbols))
        raise UsageError(f"{path}: no rows of a listed asset; there are {listed}")
    return found, tuple(ignored)


# ------------------------------------------------------------------ rows and cells


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells; the header is checked, empty lines are passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            names = tuple(name.strip() for name in header or ())
            if names != COLUMNS:
                shown = ",".join(names)[:80] if names else "nothing"
                raise UsageError(f"{path}: line 1: {shown}; the header must be {','.join(COLUMNS)}")
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(COLUMNS):
                    raise UsageError(
                        f"{path}: line {reader.line_num}: {len(row)} cells; give {len(COLUMNS)}: {','.join(COLUMNS)}"
                    )
                yield reader.line_num, row
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file; give a CSV in UTF-8") from None
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num}: {error}; give a plain CSV") from None
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give a CSV of daily prices") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a CSV") from None


def _bar(path: Path, line: int, symbol: str, row: list[str]) -> Bar:
    try:
        day = parse_day(row[0].strip())
    except UsageError:
        raise _bad(path, line, "date", f"{row[0]!r} is not a day; write it like 2020-03-12") from None
    prices = {}
    for name, cell in zip(COLUMNS[2:], row[2:], strict=True):
        value = _number(path, line, name, cell)
        if value < 0:
            raise _bad(path, line, name, f"{cell.strip()} is negative; give a positive number")
        if value == 0 and name != "volume":
            raise _bad(path, line, name, "is zero; give the price, or take the asset's rows out")
        prices[name] = value
    low, high = prices["low"], prices["high"]
    if high < low:
        raise _bad(path, line, "high", f"{high} is below the low {low}; are the two swapped?")
    for name in ("open", "close"):
        if not low <= prices[name] <= high:
            raise _bad(path, line, name, f"{prices[name]} is outside the day's low {low} to high {high}")
    return Bar(day, symbol, line=line, **prices)


def _number(path: Path, line: int, column: str, cell: str) -> Decimal:
    text = cell.strip()
    if not text:
        raise _bad(path, line, column, "is empty; give a number")
    if not _NUMBER.fullmatch(text) or len(text) > _MAX_DIGITS:
        raise _bad(path, line, column, f"{text[:30]!r} is not a number; write it like 4970.79")
    value = Decimal(text)
    if value >= _BOUND:
        raise _bad(path, line, column, f"{text[:30]} is too large; give USD")
    return value


def _follow(path: Path, bars: list[Bar], bar: Bar) -> None:
    """Appends a bar that is of the day after the last one's."""
    if bars:
        before = bars[-1]
        if bar.day == before.day:
            raise _bad(
                path,
                bar.line,
                "date",
                f"{bar.day} is there twice for {bar.symbol}, first on line {before.line}",
            )
        if bar.day < before.day:
            raise _bad(
                path,
                bar.line,
                "date",
                f"{bar.day} of {bar.symbol} comes after {before.day}; sort each asset's rows by date",
            )
        if bar.day != before.day + _NEXT:
            raise _bad(
                path,
                bar.line,
                "date",
                f"{bar.symbol} has no row for {before.day + _NEXT}, a gap after line {before.line}; give every day",
            )
    bars.append(bar)


def _bad(path: Path, line: int, column: str, words: str) -> UsageError:
    place = COLUMNS.index(column) + 1
    return UsageError(f"{path}: line {line}, column {place} ({column}): {words}")


# ------------------------------------------------------------------ window


def _cut(
    path: Path,
    symbols: Collection[str],
    found: dict[str, list[Bar]],
    ignored: tuple[str, ...],
    first: date | None,
    last: date | None,
) -> PriceTable:
    first = first or min(bars[0].day for bars in found.values())
    last = last or max(bars[-1].day for bars in found.values())
    if first > last:
        raise UsageError(f"{path}: window {first} to {last} is empty; the file ends before it")
    inside: dict[str, tuple[Bar, ...]] = {}
    left_out: dict[str, str] = {}
    for symbol in symbols:
        bars = tuple(bar for bar in found.get(symbol, []) if first <= bar.day <= last)
        reason = _missing(bars, found.get(symbol, []), first, last)
        if reason:
            left_out[symbol] = reason
        else:
            inside[symbol] = bars
    if not inside:
        spans = [f"{s} {bars[0].day} to {bars[-1].day}" for s, bars in found.items()]
        raise UsageError(
            f"{path}: no asset has prices on every day from {first} to {last}; the file has {', '.join(spans)}"
        )
    return PriceTable(inside, first, last, left_out, ignored)


def _missing(bars: tuple[Bar, ...], whole: list[Bar], first: date, last: date) -> str:
    """Why an asset has not got a price on every day of the window; "" where it has."""
    if not whole:
        return "it has no rows in the file"
    span = f"its rows run from {whole[0].day} to {whole[-1].day}"
    if not bars:
        return f"no rows from {first} to {last}: {span}"
    if bars[0].day > first or bars[-1].day < last:
        return f"rows for a part of {first} to {last} only: {span}"
    return ""
