"""What a demo replays: a price path, when accounts open on it, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ballast.market import (
    MIN_STEPS,
    PricePath,
    PricePoint,
    PriceTable,
    crash_bars,
    crash_day,
    walk,
)

__all__ = ["Scenario", "from_crashes", "from_prices"]

#: Days of the embedded table that the demo walks, and those of the fast one.
CRASH_DAYS = ("2020-03-12", "2021-05-19", "2022-06-13", "2022-11-09")
FAST_CRASH_DAYS = ("2020-03-12", "2022-11-09")
#: Days without a move before each crash, in which the slow prices come back to the prices.
CALM_DAYS = 2
_CRASH_STEPS, _FAST_CRASH_STEPS = 16, 8
_CALM_STEPS = 4
#: Points of a whole path of a user's prices, about, and the most of one day.
_POINTS, _FAST_POINTS = 240, 60
_DAY_STEPS, _FAST_DAY_STEPS = 24, 8
_ACCOUNTS, _FAST_ACCOUNTS = 64, 50
_LATER_ACCOUNTS, _FAST_LATER_ACCOUNTS = 20, 8


@dataclass(frozen=True)
class Scenario:
    """A path, and how many accounts open right before which of its points.

    ``notices`` are for the user, ``marks`` name points for the report's charts.
    """

    title: str
    path: PricePath
    openings: Mapping[int, int]
    notices: tuple[str, ...] = ()
    marks: Mapping[int, str] = field(default_factory=dict)

    @property
    def accounts(self) -> int:
        """Accounts that open in all, lenders and market makers not counted."""
        return sum(self.openings.values())


def from_prices(table: PriceTable, *, fast: bool = False, seed: int = 1) -> Scenario:
    """A user's daily bars, walked in about 240 points (60 when fast), 4 to 24 a day. All accounts
    open at the first."""
    points, most = (_FAST_POINTS, _FAST_DAY_STEPS) if fast else (_POINTS, _DAY_STEPS)
    steps = max(MIN_STEPS, min(most, points // table.days))
    return Scenario(
        title=f"{', '.join(table.bars)} from {table.first} to {table.last}",
        path=walk(table.bars, steps, seed=seed),
        openings={0: _FAST_ACCOUNTS if fast else _ACCOUNTS},
        notices=tuple(table.notices()),
    )


def from_crashes(start: Mapping[str, Decimal], *, fast: bool = False, seed: int = 1) -> Scenario:
    """Historical crash days one after the other from the prices ``start``. New accounts open before
    each, because the crash before it has closed many."""
    days = FAST_CRASH_DAYS if fast else CRASH_DAYS
    steps = _FAST_CRASH_STEPS if fast else _CRASH_STEPS
    later = _FAST_LATER_ACCOUNTS if fast else _LATER_ACCOUNTS
    whole = walk(crash_bars(days, start, calm_days=CALM_DAYS), steps, seed=seed)
    block = CALM_DAYS + 1
    kept: list[PricePoint] = []
    openings = {0: _FAST_ACCOUNTS if fast else _ACCOUNTS}
    marks: dict[int, str] = {}
    for number, point in enumerate(whole.points):
        crashing = point.day % block == CALM_DAYS
        if crashing and number % steps == 0:
            marks[len(kept)] = f"{point.label:%-d %b %Y}"
            if point.day > block:
                openings[len(kept)] = later
        if crashing or number % steps % (steps // _CALM_STEPS) == 0:
            kept.append(point)
    symbols = {symbol for day in days for symbol in crash_day(day)}
    return Scenario(
        title=f"{len(days)} historical crash days of {', '.join(s for s in start if s in symbols)}",
        path=PricePath(whole.symbols, tuple(kept)),
        openings=openings,
        marks=marks,
    )
