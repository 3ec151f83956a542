"""Daily bars walked intraday: a bar says four prices of a day, a path says when.

Each day is ``steps`` points, evenly apart. The first is the open, the last the close, and the low
and the high lie in between: on a day that fell (close below open, summed over the assets as
returns) the high comes first, on another the low. When the two come is drawn once a day for all
assets, because markets fall together: the first extreme in the first half of the day, the second
in the other, about a third of a day apart at least. Between those four the price goes straight,
plus a small wobble that never leaves [low, high].

Drawn from ``seed`` and the day's number only: the same bars and seed give the same path on every
machine. All arithmetic is decimal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random

from ballast.errors import UsageError
from ballast.market.prices import Bar

__all__ = ["MIN_STEPS", "PricePath", "PricePoint", "walk"]

#: Open, two extremes and close.
MIN_STEPS = 4
_DAY_SECONDS = 86_400
_DIGITS = Decimal("0.00000001")
#: Largest wobble, as a part of the distance between low and high.
_WOBBLE = Decimal("0.06")
_GRAIN = 10**6


@dataclass(frozen=True, slots=True)
class PricePoint:
    """Prices (USD, at most 8 digits) at one moment; ``day`` counts from 0, ``seconds`` from the
    first point. ``label`` is the bar's day."""

    day: int
    seconds: int
    label: date
    prices: Mapping[str, Decimal]

    @property
    def time(self) -> datetime:
        """The moment on the bar's own day, UTC."""
        start = datetime(self.label.year, self.label.month, self.label.day, tzinfo=UTC)
        return datetime.fromtimestamp(start.timestamp() + self.seconds % _DAY_SECONDS, UTC)


@dataclass(frozen=True)
class PricePath:
    """Points in order, at least one. ``symbols`` have a price in each of them."""

    symbols: tuple[str, ...]
    points: tuple[PricePoint, ...]

    @property
    def start(self) -> Mapping[str, Decimal]:
        """The first prices."""
        return self.points[0].prices

    @property
    def lowest(self) -> dict[str, Decimal]:
        return {symbol: min(point.prices[symbol] for point in self.points) for symbol in self.symbols}

    @property
    def highest(self) -> dict[str, Decimal]:
        return {symbol: max(point.prices[symbol] for point in self.points) for symbol in self.symbols}


def walk(bars: Mapping[str, Sequence[Bar]], steps: int, *, seed: int = 1) -> PricePath:
    """Walks bars (of equally many days for each symbol) in ``steps`` points a day.

    ``UsageError`` where ``steps`` is below 4 or above 1440, or the assets have not the same days.
    """
    if not MIN_STEPS <= steps <= 1440:
        raise UsageError(f"steps {steps}: a day is walked in 4 to 1440 steps")
    days = [tuple(bar.day for bar in rows) for rows in bars.values()]
    if not days or not days[0] or any(found != days[0] for found in days):
        raise UsageError("bars: every asset needs a bar on every day, and at least one")
    points: list[PricePoint] = []
    for number, label in enumerate(days[0]):
        today = {symbol: rows[number] for symbol, rows in bars.items()}
        points += _walk_day(today, number, label, steps, Random(seed * 1_000_003 + number))
    return PricePath(tuple(bars), tuple(points))


def _walk_day(bars: Mapping[str, Bar], number: int, label: date, steps: int, random: Random) -> list[PricePoint]:
    half, room = steps // 2, steps // 6
    early, late = random.randint(1, half - 1 - room), random.randint(half + room, steps - 2)
    falling = sum((bar.close / bar.open - 1 for bar in bars.values()), Decimal(0)) < 0
    lines = {}
    for symbol, bar in sorted(bars.items()):
        first, second = (bar.high, bar.low) if falling else (bar.low, bar.high)
        anchors = [(0, bar.open), (early, first), (late, second), (steps - 1, bar.close)]
        lines[symbol] = _line(anchors, bar, random)
    return [
        PricePoint(
            day=number,
            seconds=number * _DAY_SECONDS + step * _DAY_SECONDS // steps,
            label=label,
            prices={symbol: lines[symbol][step] for symbol in bars},
        )
        for step in range(steps)
    ]


def _reflected(price: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """A price just outside comes back by as much as it went out."""
    if price > high:
        return 2 * high - price
    return 2 * low - price if price < low else price


def _line(anchors: Sequence[tuple[int, Decimal]], bar: Bar, random: Random) -> list[Decimal]:
    """The anchors, and straight lines with a wobble between them."""
    prices = [anchors[0][1]]
    for (start, begin), (stop, end) in pairwise(anchors):
        for step in range(start + 1, stop):
            straight = begin + (end - begin) * (step - start) / (stop - start)
            drawn = Decimal(random.randint(-_GRAIN, _GRAIN)) / _GRAIN
            wobbled = straight + (bar.high - bar.low) * _WOBBLE * drawn
            prices.append(_reflected(wobbled, bar.low, bar.high))
        prices.append(end)
    return [max(price.quantize(_DIGITS), _DIGITS) for price in prices]
