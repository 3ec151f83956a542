"""SPAN's grid: published arrays, and books worked out by hand."""

from __future__ import annotations

from math import erf, log, sqrt
from typing import Any

import numpy as np
import pytest

from ballast.risk.float_book import Balance, Book, Expiry
from ballast.risk.span import ROWS, WEIGHTS, Ranges, profits, scan_risk
from tests.support.published import published

RANGES = Ranges(price=0.15, vol_up=0.4, vol_down=0.25)
MONTH = 30 * 86_400


def call(forward: float, strike: float, vol: float, years: float) -> float:
    deviation = vol * sqrt(years)
    d1 = log(forward / strike) / deviation + deviation / 2
    return forward * (1 + erf(d1 / sqrt(2))) / 2 - strike * (1 + erf((d1 - deviation) / sqrt(2))) / 2


def expiry(*options: tuple[float, float, bool, float], forward: float = 3_000.0, **more: Any) -> Expiry:
    """Options as (strike, vol, call, size)."""
    strikes, vols, calls, sizes = (np.array(column) for column in zip(*options, strict=True))
    return Expiry(MONTH, forward, strikes.astype(float), vols, calls, sizes.astype(float), **more)


@pytest.fixture(scope="module")
def covered_write() -> dict[str, Any]:
    return dict(published("margin")["span_covered_write"])


def test_scan_risk__published_covered_write__is_its_loss_and_scenario(covered_write: dict[str, Any]) -> None:
    """As printed the arrays are profits, extremes weighted already: scan risk is the largest of the negated sum."""
    rows = np.add(covered_write["long_future_risk_array"], covered_write["short_call_risk_array"])
    assert scan_risk(rows) == (covered_write["scan_risk"], covered_write["worst_scenario_1_based"] - 1)


def test_profits__long_future__is_the_published_array(covered_write: dict[str, Any]) -> None:
    """Its range is 10,000; printed to the next ten."""
    book = Book(spot=100_000, linears=((1.0, 100_000),))
    found = profits(book, Ranges(0.1, 0.1, 0.1)) * WEIGHTS
    assert found == pytest.approx(covered_write["long_future_risk_array"], abs=5)


def test_grid__rows__are_sixteen_in_spans_order() -> None:
    assert len(ROWS) == len(set(ROWS)) == len(WEIGHTS) == 16
    assert ROWS[:3] == ("0 of the range, vol up", "0 of the range, vol down", "+0.333 of the range, vol up")
    assert ROWS[12:] == (
        "-1 of the range, vol up",
        "-1 of the range, vol down",
        "+2 of the range, vol unmoved",
        "-2 of the range, vol unmoved",
    )
    assert WEIGHTS[13:] == (1, 0.35, 0.35)


def test_profits__option__is_repriced_at_the_moved_forward_and_volatility() -> None:
    book = Book(spot=3_000, expiries=(expiry((3_300.0, 0.6, True, -2.0), (2_700.0, 0.7, False, 1.5), forward=3_050.0),))
    years = 30 / 365

    def worth(forward: float, factor: float) -> float:
        put = call(forward, 2_700, 0.7 * factor, years) - forward + 2_700
        return -2 * call(forward, 3_300, 0.6 * factor, years) + 1.5 * put

    found = profits(book, RANGES)
    for row, (move, factor) in {0: (0, 1.4), 1: (0, 0.75), 7: (0.1, 0.75), 12: (-0.15, 1.4), 14: (0.3, 1)}.items():
        assert found[row] == pytest.approx(worth(3_050 * (1 + move), factor) - worth(3_050, 1), abs=1e-9), row


def test_profits__hedged_book__nets_within_the_underlying() -> None:
    short_future = Book(spot=3_000, linears=((-10.0, 3_000),), balances=(Balance(30_000.0),))
    assert profits(short_future, RANGES) == pytest.approx([0] * 16)
    assert scan_risk(profits(short_future, RANGES)) == (0.0, None)
    alone = Book(spot=3_000, linears=((-10.0, 3_000),))
    assert scan_risk(profits(alone, RANGES) * WEIGHTS) == (pytest.approx(0.15 * 30_000), 10)


def test_scan_risk__far_out_of_the_money_short__is_the_extreme_row() -> None:
    """Worth next to nothing within the range, it loses beyond: what the two rows at 35% are for."""
    book = Book(spot=3_000, expiries=(expiry((3_900.0, 0.2, True, -10.0)),))
    loss, row = scan_risk(profits(book, RANGES) * WEIGHTS)
    assert row == 14
    assert loss == pytest.approx(0.35 * 10 * (call(3_900, 3_900, 0.2, 30 / 365) - call(3_000, 3_900, 0.2, 30 / 365)))


def test_value__a_fall_of_all_and_more__is_that_of_no_price() -> None:
    """Twice a range of half the price and beyond: a put is worth its strike, a call nothing."""
    puts = expiry((3_000.0, 0.5, False, 2.0), (3_000.0, 0.5, True, 1.0))
    for move in (-1.0, -1.5):
        assert puts.value(move) == pytest.approx(6_000)
