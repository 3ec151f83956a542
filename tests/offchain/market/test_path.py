from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.errors import UsageError
from ballast.market import Bar, walk


def _bar(opened: int, high: int, low: int, close: int, day: int = 0, symbol: str = "ETH") -> Bar:
    prices = [Decimal(value) / 100 for value in (opened, high, low, close)]
    return Bar(date(2020, 3, 12) + timedelta(day), symbol, *prices, Decimal(1))


@st.composite
def _bars(draw: st.DrawFn) -> list[Bar]:
    found = []
    for day in range(draw(st.integers(1, 3))):
        prices = sorted(draw(st.lists(st.integers(1, 10**9), min_size=4, max_size=4)))
        opened, close = draw(st.permutations(prices[1:3]))
        found.append(_bar(opened, prices[3], prices[0], close, day))
    return found


@given(bars=_bars(), steps=st.integers(4, 30), seed=st.integers(0, 9))
def test_walk__any_bars__each_day_opens_closes_and_touches_its_extremes(bars: list[Bar], steps: int, seed: int) -> None:
    path = walk({"ETH": bars}, steps, seed=seed)
    assert len(path.points) == steps * len(bars)
    for number, bar in enumerate(bars):
        day = [p.prices["ETH"] for p in path.points if p.day == number]
        assert (day[0], day[-1]) == (bar.open, bar.close)
        assert (min(day), max(day)) == (bar.low, bar.high)


def test_walk__day_that_fell__high_comes_before_low() -> None:
    path = walk({"ETH": [_bar(100, 110, 50, 60)]}, 12)
    prices = [point.prices["ETH"] for point in path.points]
    assert prices.index(Decimal("1.1")) < prices.index(Decimal("0.5"))


def test_walk__day_that_rose__low_comes_before_high() -> None:
    path = walk({"ETH": [_bar(60, 110, 50, 100)]}, 12)
    prices = [point.prices["ETH"] for point in path.points]
    assert prices.index(Decimal("0.5")) < prices.index(Decimal("1.1"))


def test_walk__two_assets__reach_their_extremes_at_the_same_time() -> None:
    bars = {"ETH": [_bar(100, 110, 50, 60)], "BTC": [_bar(900, 950, 500, 550, symbol="BTC")]}
    path = walk(bars, 24)
    lows = {s: [p.prices[s] for p in path.points].index(path.lowest[s]) for s in bars}
    assert lows["ETH"] == lows["BTC"]


def test_walk__same_seed__same_path_and_another_seed_another() -> None:
    bars = {"ETH": [_bar(100, 110, 50, 60), _bar(60, 90, 40, 70, 1)]}
    assert walk(bars, 12, seed=7) == walk(bars, 12, seed=7)
    assert walk(bars, 12, seed=7) != walk(bars, 12, seed=8)


def test_walk__more_days__do_not_change_the_first() -> None:
    first, second = _bar(100, 110, 50, 60), _bar(60, 90, 40, 70, 1)
    assert walk({"ETH": [first]}, 12).points == walk({"ETH": [first, second]}, 12).points[:12]


def test_walk__seconds__grow_evenly() -> None:
    path = walk({"ETH": [_bar(100, 110, 50, 60), _bar(60, 90, 40, 70, 1)]}, 6)
    assert [point.seconds for point in path.points] == [n * 4 * 3600 for n in range(12)]
    assert path.points[7].time.isoformat() == "2020-03-13T04:00:00+00:00"


@pytest.mark.parametrize("steps", [3, 0, -1, 1441])
def test_walk__steps_out_of_range__refused(steps: int) -> None:
    with pytest.raises(UsageError, match="4 to 1440"):
        walk({"ETH": [_bar(100, 110, 50, 60)]}, steps)


def test_walk__assets_of_different_days__refused() -> None:
    bars = {"ETH": [_bar(100, 110, 50, 60)], "BTC": [_bar(100, 110, 50, 60, 1)]}
    with pytest.raises(UsageError, match="every day"):
        walk(bars, 6)
