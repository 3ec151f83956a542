"""Markets and tables for tests of risk arrays, in the contract's numbers and in the twin's."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from mpmath import erfc, mpf
from mpmath import log as ln
from mpmath import sqrt as root

from ballast.risk.arrays import Market, Moves
from ballast.risk.svi import Slice
from ballast.units import WAD

__all__ = ["DAY", "MOVE", "YEAR", "Column", "exact_call", "exact_profit", "random_column", "random_market"]

DAY = 86_400
YEAR = 365 * DAY
#: One unit of a move, 1e18.
MOVE = WAD // 8_000
E12 = 10**12


@dataclass(frozen=True)
class Column:
    """One underlying's moves: 1 + move in 1/8000; the floor is (up, down, volatility up, volatility down)."""

    spot: tuple[int, ...]
    vol: tuple[int, ...]
    floor: tuple[int, int, int, int] = (9_200, 6_800, 11_200, 6_000)
    term_power: int = 3_000

    @property
    def table(self) -> tuple[Any, ...]:
        """``IScenarioBook.Table`` of this column alone, its underlying 1."""
        rows = len(self.spot)
        names = [f"row {i}".encode().ljust(32, b"\0") for i in range(rows)]
        return 1, self.term_power, [1], [10_000] * rows, [self.spot], [self.vol], [self.floor], names

    def moves(self, remaining: int) -> Moves:
        up, down, vol_up, vol_down = self.floor
        spot = [one * MOVE for one in (up, up, down, down, *self.spot)]
        vol = [one * MOVE for one in (vol_up, vol_down, vol_up, vol_down, *self.vol)]
        return Moves.of(spot, vol, remaining, self.term_power * 10**14)


def random_column(source: random.Random, rows: int = 32) -> Column:
    """Moves over the table's whole range."""
    spot = (800, 56_000, *(int(8_000 * source.lognormvariate(0, 0.3)) for _ in range(rows - 2)))
    vol = (400, 56_000, *(int(8_000 * source.lognormvariate(0, 0.4)) for _ in range(rows - 2)))
    return Column(tuple(min(max(one, 800), 56_000) for one in spot), tuple(min(max(one, 400), 56_000) for one in vol))


def random_market(source: random.Random, remaining: int | None = None) -> Market:
    """A forward of 1e-3 to 1e6 USDC, an hour to three years, volatilities of 10% to 200% with a smile."""
    forward = int(10 ** source.uniform(-3, 6) * WAD)
    seconds = remaining if remaining is not None else int(3_600 * 26_280 ** source.random())
    years = seconds / YEAR
    base = source.uniform(0.1, 2.0) ** 2 * years
    slice_ = Slice(
        a=int(base * 0.8 * E12),
        b=int(base * source.uniform(0.1, 0.9) * E12),
        rho=int(source.uniform(-0.9, 0.9) * E12),
        m=int(source.uniform(-0.1, 0.1) * E12),
        sigma=int(source.uniform(0.05, 0.5) * E12),
    )
    lot = source.choice([10**13, 10**14, 10**15, 10**16, 10**18])
    signed = seconds + source.choice([0, 1, 600, 40_000])
    return Market(forward, int(forward * source.uniform(0.9, 1.1)), seconds, signed, lot, slice_)


def exact_call(forward: mpf, strike: mpf, deviation: mpf) -> mpf:
    """Black's formula at mpmath's working precision."""
    if deviation == 0:
        return max(forward - strike, mpf(0))
    d1 = ln(forward / strike) / deviation + deviation / 2
    return (forward * erfc(-d1 / root(mpf(2))) - strike * erfc((deviation - d1) / root(mpf(2)))) / 2


def exact_profit(market: Market, column: Column, row: int, strike: int) -> mpf:
    """P&L of a lot of calls in USDC, from the definition; ``row`` counts the floor's four rows first."""
    up, down, vol_up, vol_down = column.floor
    spot = (up, up, down, down, *column.spot)[row]
    vol = (vol_up, vol_down, vol_up, vol_down, *column.vol)[row]
    a, b, rho, m, sigma = (mpf(x) / E12 for x in vars(market.slice).values())
    forward, strike_, years = mpf(market.forward) / WAD, mpf(strike) / WAD, mpf(market.remaining) / YEAR
    k = ln(strike_ * WAD / market.signed_forward)
    w = a + b * (rho * (k - m) + root((k - m) ** 2 + sigma**2))
    signed_years = mpf(market.signed_remaining) / YEAR
    vol_now = min(max(root(max(w, mpf(0)) / signed_years), mpf("0.01")), mpf(5))
    days = mpf(market.remaining) / DAY
    term = (30 / max(days, mpf(1))) ** (mpf(column.term_power) / 10_000)
    vol_then = min(mpf(5), vol_now * max(mpf("0.05"), 1 + (mpf(vol) / 8_000 - 1) * term))
    then = exact_call(forward * spot / 8_000, strike_, vol_then * root(years))
    return (then - exact_call(forward, strike_, vol_now * root(years))) * market.lot / WAD
