"""Days on which crypto markets fell, as facts: date, asset, return, source.

``close`` is the day's close over the previous close, ``low`` its lowest price over the previous
close, both minus one, rounded to four digits. Days are UTC. An asset that did not trade on a day
has no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from ballast.errors import UsageError
from ballast.market.prices import Bar

__all__ = ["CRASHES", "CrashDay", "crash_bars", "crash_dates", "crash_day", "returns_on"]

_SOURCE = "Yahoo Finance, {symbol}-USD, daily"
_PRICE_DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class CrashDay:
    """One asset on one day. Returns are parts: -0.3717 is a fall of 37.17%."""

    day: date
    symbol: str
    close: Decimal
    low: Decimal

    @property
    def source(self) -> str:
        """Where the return was read."""
        return _SOURCE.format(symbol=self.symbol)


#: date, asset, return to the close, return to the low.
_FACTS = """
2018-01-16 BTC -0.1685 -0.2623
2018-01-16 ETH -0.1844 -0.3223
2020-03-12 BTC -0.3717 -0.3857
2020-03-12 ETH -0.4235 -0.4293
2021-05-19 BTC -0.1377 -0.2850
2021-05-19 ETH -0.2720 -0.4224
2021-05-19 SOL -0.3721 -0.4736
2022-05-11 BTC -0.0673 -0.0919
2022-05-11 ETH -0.1158 -0.1385
2022-05-11 SOL -0.2480 -0.3409
2022-06-13 BTC -0.1597 -0.1727
2022-06-13 ETH -0.1665 -0.1822
2022-06-13 SOL -0.0830 -0.1497
2022-11-09 BTC -0.1435 -0.1542
2022-11-09 ETH -0.1746 -0.1872
2022-11-09 SOL -0.4228 -0.4822
2024-08-05 BTC -0.0710 -0.1548
2024-08-05 ETH -0.1002 -0.2099
2024-08-05 SOL -0.0593 -0.1988
"""


def _read(facts: str) -> tuple[CrashDay, ...]:
    rows = (line.split() for line in facts.split("\n") if line)
    return tuple(
        CrashDay(date.fromisoformat(day), symbol, Decimal(close), Decimal(low)) for day, symbol, close, low in rows
    )


CRASHES: tuple[CrashDay, ...] = _read(_FACTS)


def crash_dates() -> tuple[date, ...]:
    """The days of the table, in order."""
    return tuple(day for day, _ in groupby(CRASHES, key=lambda crash: crash.day))


def crash_day(day: str | date) -> dict[str, CrashDay]:
    """What each asset did on a day; ``UsageError`` names the known days."""
    found = {crash.symbol: crash for crash in CRASHES if str(crash.day) == str(day)}
    if not found:
        known = ", ".join(map(str, crash_dates()))
        raise UsageError(f"crash day {day}: not in the table; there are {known}")
    return found


def returns_on(day: str | date) -> dict[str, Decimal]:
    """Return to the close by symbol, as parts; errors as ``crash_day``."""
    return {symbol: crash.close for symbol, crash in crash_day(day).items()}


def crash_bars(
    days: Sequence[str | date], start: Mapping[str, Decimal], *, calm_days: int = 0
) -> dict[str, tuple[Bar, ...]]:
    """Bars of crash days one after the other, from the prices ``start``, each after ``calm_days``
    days without a move.

    A day opens at the close before it; its high is its open, unless the table says that it rose.
    An asset that the table does not have on a day stands still. The bars' days count from the
    first crash on; they are labels, nothing was traded between them at these prices.
    """
    prices = dict(start)
    found: dict[str, list[Bar]] = {symbol: [] for symbol in start}
    for day in days:
        facts = crash_day(day)
        for symbol, price in prices.items():
            label = next(iter(facts.values())).day
            for _ in range(calm_days):
                found[symbol].append(_bar_of(label, symbol, price, price, price))
            crash = facts.get(symbol)
            close = low = price
            if crash is not None:
                close = _rounded(price * (1 + crash.close))
                low = min(close, _rounded(price * (1 + crash.low)))
            found[symbol].append(_bar_of(label, symbol, price, low, close))
            prices[symbol] = close
    return {symbol: tuple(bars) for symbol, bars in found.items()}


def _bar_of(day: date, symbol: str, opened: Decimal, low: Decimal, close: Decimal) -> Bar:
    return Bar(
        day=day,
        symbol=symbol,
        open=opened,
        high=max(opened, close),
        low=low,
        close=close,
        volume=Decimal(0),
    )


def _rounded(price: Decimal) -> Decimal:
    return max(price.quantize(_PRICE_DIGITS), _PRICE_DIGITS)
