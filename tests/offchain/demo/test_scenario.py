from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ballast.demo import from_crashes, from_prices
from ballast.demo.setting import listed_prices, params_for
from ballast.errors import UsageError
from ballast.market import Bar, PricePath, PriceTable, walk

START = {"BTC": Decimal(60000), "ETH": Decimal(3000), "SOL": Decimal(150)}


def _table(days: int, *symbols: str) -> PriceTable:
    first = date(2020, 3, 1)
    bars = {
        symbol: tuple(Bar(first + timedelta(day), symbol, *map(Decimal, (10, 12, 8, 9, 1))) for day in range(days))
        for symbol in symbols
    }
    return PriceTable(bars, first, first + timedelta(days - 1), {"SOL": "no rows"}, ("BNB",))


def _path(*prices: str, symbol: str = "ETH") -> PricePath:
    opened, high, low, close = map(Decimal, prices)
    return walk({symbol: [Bar(date(2020, 3, 12), symbol, opened, high, low, close, Decimal(1))]}, 4)


def test_from_crashes__default__at_least_fifty_accounts_and_more_before_each_crash() -> None:
    scenario = from_crashes(START)
    assert scenario.openings[0] >= 50
    crashes = list(scenario.marks)
    assert [scenario.marks[n] for n in crashes] == ["12 Mar 2020", "19 May 2021", "13 Jun 2022", "9 Nov 2022"]
    assert sorted(scenario.openings) == [0, *crashes[1:]]
    assert scenario.path.start == START


def test_from_crashes__fast__fewer_points_and_still_fifty_accounts() -> None:
    fast = from_crashes(START, fast=True)
    assert fast.accounts >= 50
    assert len(fast.path.points) < len(from_crashes(START).path.points) / 2


def test_from_crashes__days_between__keep_the_price_long_enough_for_the_slow_price() -> None:
    scenario = from_crashes(START)
    mark = sorted(scenario.marks)[1]
    point = scenario.path.points[mark]
    calm = [p for p in scenario.path.points if p.seconds >= point.seconds - 2 * 86_400 and p.seconds < point.seconds]
    assert len(calm) == 8
    assert {p.prices["ETH"] for p in calm} == {point.prices["ETH"]}


def test_from_prices__more_days__fewer_points_a_day() -> None:
    points = {days: len(from_prices(_table(days, "ETH")).path.points) for days in (1, 20, 365)}
    assert points == {1: 24, 20: 240, 365: 4 * 365}
    assert len(from_prices(_table(20, "ETH"), fast=True).path.points) == 80


def test_from_prices__assets_left_out_or_ignored__said_so() -> None:
    assert from_prices(_table(2, "ETH")).notices == (
        "SOL: left out, no rows",
        "BNB: not listed here, ignored",
    )


def test_params_for__path__lists_its_coins_only_and_starts_at_its_prices() -> None:
    params = params_for(_path("200", "210", "100", "120"))
    assert [(asset.symbol, asset.feed.price) for asset in params.assets] == [("USDC", 1), ("ETH", 200)]


@pytest.mark.parametrize(
    "prices", [("200", "210", "0.05", "120"), ("200", "10000001", "100", "120"), ("0.1", "1", "0.1", "1")]
)
def test_params_for__price_outside_the_feed__refused(prices: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="outside its feed's bounds"):
        params_for(_path(*prices))


def test_listed_prices__no_quote_token() -> None:
    assert set(listed_prices()) == {"BTC", "ETH", "SOL"}
