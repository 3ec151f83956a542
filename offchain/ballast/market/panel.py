"""Daily closes of several assets as one array, from the first day of the oldest to the last day of any.

An asset that did not trade yet, or no more, has NaN on that day: a panel is unbalanced where its assets' histories are,
and whoever computes with it says what becomes of those days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ballast.errors import UsageError
from ballast.market.prices import Bar
from ballast.market.svi_fit import Floats

__all__ = ["Panel", "Returns"]

Days: TypeAlias = NDArray[np.datetime64]


@dataclass(frozen=True)
class Returns:
    """Logarithmic returns of each day over the day before: ``values`` (T, n), NaN where an asset has none; ``days``
    (T,) as ``datetime64[D]``; ``symbols`` n."""

    symbols: tuple[str, ...]
    days: Days
    values: Floats

    def column(self, symbol: str) -> Floats:
        """One asset's, shape (T,); ``UsageError`` names those that there are."""
        return np.asarray(self.values[:, self.place(symbol)])

    def place(self, symbol: str) -> int:
        if symbol not in self.symbols:
            raise UsageError(f"returns: no {symbol}; there are {', '.join(self.symbols)}")
        return self.symbols.index(symbol)

    def of(self, symbols: Sequence[str]) -> Returns:
        """These assets', in this order; days on which none of them has a return are left out."""
        values = self.values[:, [self.place(symbol) for symbol in symbols]]
        known = np.isfinite(values).any(axis=1)
        return Returns(tuple(symbols), self.days[known], values[known])

    def until(self, day: date) -> Returns:
        """Up to and with a day."""
        inside = self.days <= np.datetime64(day)
        return Returns(self.symbols, self.days[inside], self.values[inside])

    def beside(self, symbol: str, days: Days, values: Floats) -> Returns:
        """With one more asset, NaN on days that it has no return on; its other days are left out."""
        if symbol in self.symbols:
            raise UsageError(f"returns: {symbol} is there already")
        column = np.full((len(self.days), 1), np.nan)
        places = np.searchsorted(self.days, days)
        inside = (places < len(self.days)) & (self.days[np.minimum(places, len(self.days) - 1)] == days)
        column[places[inside], 0] = values[inside]
        return Returns((*self.symbols, symbol), self.days, np.hstack((self.values, column)))

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Days on which every asset has a return, shape (T,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    def first_day(self, symbol: str) -> date:
        """Of an asset's first return."""
        known = np.flatnonzero(np.isfinite(self.column(symbol)))
        if not len(known):
            raise UsageError(f"returns: {symbol} has none in these days")
        return date.fromisoformat(str(self.days[known[0]]))


@dataclass(frozen=True)
class Panel:
    """``closes`` (T, n) in USD, NaN where an asset did not trade; ``days`` (T,) without a gap."""

    symbols: tuple[str, ...]
    days: Days
    closes: Floats

    @classmethod
    def of(cls, bars: Mapping[str, Sequence[Bar]]) -> Panel:
        """From each asset's bars, days in a row. ``UsageError`` names the asset, day and value of the first that is
        not so."""
        if not bars or not all(bars.values()):
            missing = next((symbol for symbol, found in bars.items() if not found), "any asset")
            raise UsageError(f"panel: no bars of {missing}; give at least one day")
        first = min(found[0].day for found in bars.values())
        last = max(found[-1].day for found in bars.values())
        size = (last - first).days + 1
        closes = np.full((size, len(bars)), np.nan)
        for column, (symbol, found) in enumerate(bars.items()):
            expected = found[0].day
            for bar in found:
                if bar.day != expected:
                    raise UsageError(
                        f"panel: {symbol}: {bar.day} follows {expected - timedelta(1)}; give every day once"
                    )
                price = float(bar.close)
                if not (np.isfinite(price) and price > 0):
                    raise UsageError(f"panel: {symbol}: {bar.day}: close {bar.close}; give a price above 0")
                closes[(bar.day - first).days, column] = price
                expected += timedelta(1)
        return cls(tuple(bars), np.datetime64(first) + np.arange(size), closes)

    def returns(self) -> Returns:
        """The day's return of each asset, from its second day on."""
        return Returns(self.symbols, self.days[1:], np.diff(np.log(self.closes), axis=0))
