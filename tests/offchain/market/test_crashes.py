from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ballast.errors import UsageError
from ballast.market import CRASHES, crash_bars, crash_dates, crash_day, walk

START = {"BTC": Decimal(60000), "ETH": Decimal(3000), "SOL": Decimal(150)}


def test_crashes__table__one_row_per_day_and_asset_each_a_fall() -> None:
    keys = [(crash.day, crash.symbol) for crash in CRASHES]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)
    for crash in CRASHES:
        assert -1 < crash.low <= crash.close < 0
        assert crash.symbol in crash.source


def test_crash_day__known_facts() -> None:
    found = crash_day("2020-03-12")
    assert found["BTC"].close == Decimal("-0.3717")
    assert found["ETH"].close == Decimal("-0.4235")
    assert "SOL" not in found, "SOL did not trade before April 2020"
    assert crash_day(date(2022, 11, 9))["SOL"].close == Decimal("-0.4228")


def test_crash_day__unknown_day__names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="2020-03-12, 2021-05-19"):
        crash_day("2020-03-13")


def test_crash_bars__days_in_a_row__returns_chain_from_the_start() -> None:
    bars = crash_bars(["2020-03-12", "2022-11-09"], START, calm_days=1)
    closes = {symbol: [bar.close for bar in rows] for symbol, rows in bars.items()}
    assert closes["ETH"][:2] == [3000, 3000 * (1 - Decimal("0.4235"))]
    assert closes["ETH"][3] == (closes["ETH"][1] * (1 - Decimal("0.1746"))).quantize(Decimal("1e-8"))
    assert closes["SOL"] == [150, 150, 150, 150 * (1 - Decimal("0.4228"))]
    assert bars["BTC"][1].low == 60000 * (1 - Decimal("0.3857"))


@pytest.mark.parametrize("day", crash_dates())
def test_crash_bars__every_day__can_be_walked(day: date) -> None:
    path = walk(crash_bars([day], START), 24)
    assert path.start == START
