"""Closes of assets with histories of different lengths."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.panel import Panel
from ballast.market.prices import COLUMNS, Bar, read_histories

FIRST = date(2024, 1, 1)


def bars(*closes: str, start: int = 0) -> list[Bar]:
    return [
        Bar(FIRST + timedelta(start + i), "X", *(Decimal(close),) * 4, Decimal(1)) for i, close in enumerate(closes)
    ]


PANEL = Panel.of({"OLD": bars("100", "110", "99", "99"), "NEW": bars("10", "20", start=2)})


def test_of__a_younger_asset__is_nan_until_it_trades() -> None:
    assert PANEL.days.tolist() == [FIRST + timedelta(i) for i in range(4)]
    assert PANEL.closes[:, 0].tolist() == [100, 110, 99, 99]
    assert np.isnan(PANEL.closes[:2, 1]).all()
    assert PANEL.closes[2:, 1].tolist() == [10, 20]


def test_returns__each_asset__from_its_second_day() -> None:
    returns = PANEL.returns()
    assert returns.days.tolist() == [FIRST + timedelta(i) for i in range(1, 4)]
    assert returns.column("OLD") == pytest.approx([np.log(1.1), np.log(0.9), 0])
    assert returns.complete.tolist() == [False, False, True]
    assert returns.first_day("NEW") == FIRST + timedelta(3)


def test_of__some_assets__days_without_any_are_left_out() -> None:
    returns = PANEL.returns().of(["NEW"])
    assert returns.days.tolist() == [FIRST + timedelta(3)]
    assert returns.values == pytest.approx(np.array([[np.log(2)]]))
    assert PANEL.returns().until(FIRST + timedelta(2)).values.shape == (2, 2)


def test_of__a_gap__is_named() -> None:
    with pytest.raises(UsageError, match="X: 2024-01-03 follows 2024-01-01; give every day once"):
        Panel.of({"X": [*bars("1"), *bars("2", start=2)]})


@pytest.mark.parametrize("close", ["0", "-1", "NaN"])
def test_of__no_price__is_named(close: str) -> None:
    wrong = bars("1", "2")
    wrong[1] = replace(wrong[1], close=Decimal(close))
    with pytest.raises(UsageError, match=f"X: 2024-01-02: close {close}; give a price above 0"):
        Panel.of({"X": wrong})


def test_of__no_bars__is_named() -> None:
    with pytest.raises(UsageError, match="no bars of Y"):
        Panel.of({"X": bars("1"), "Y": []})


def test_column__unknown_asset__is_named() -> None:
    with pytest.raises(UsageError, match="no SOL; there are OLD, NEW"):
        PANEL.returns().column("SOL")
    with pytest.raises(UsageError, match="NEW has none in these days"):
        PANEL.returns().until(FIRST + timedelta(1)).first_day("NEW")


def test_read_histories__assets_of_different_ages__are_whole(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    rows = [f"2024-01-0{i},BTC,1,1,1,1,1" for i in (1, 2, 3)] + [f"2024-01-0{i},SOL,2,2,2,2,1" for i in (2, 3)]
    path.write_text("\n".join([",".join(COLUMNS), *rows]))
    assert {name: len(found) for name, found in read_histories(path).items()} == {"BTC": 3, "SOL": 2}
    assert list(read_histories(path, ["SOL"])) == ["SOL"]
    with pytest.raises(UsageError, match="no rows of ETH; there are BTC"):
        read_histories(path, ["BTC", "ETH"])
