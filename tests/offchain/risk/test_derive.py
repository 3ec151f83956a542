"""Derive's portfolio margin: books worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, sqrt

import pytest

from ballast.risk.derive import BASIS, DERIVE, Vol, requirement
from ballast.risk.float_book import Balance, Book
from tests.offchain.risk.test_span import MONTH, call, expiry

YEARS = 30 / 365
PERP = Book(spot=3_000, linears=((10.0, 3_010.0),))


def test_scenarios__of_the_published_grid__are_thirty_three() -> None:
    found = [(round(one.spot, 4), one.vol, one.damping) for one in DERIVE.scenarios]
    assert len(found) == 33
    assert found[0] == (1.18, Vol.UP, 1)
    assert found[1:4] == [(1.135, vol, 1) for vol in (Vol.UP, Vol.NONE, Vol.DOWN)]
    assert found[10:13] == [(1.0, vol, 1) for vol in (Vol.UP, Vol.NONE, Vol.DOWN)]
    assert found[22:25] == [(0.82, Vol.UP, 1), (0.34, Vol.UP, 0.21), (0.67, Vol.UP, 0.42)]
    assert [one[0] for one in found[25:31]] == [1.5, 2, 3, 4, 5, 6]
    assert all(spot * damping == pytest.approx(0.1386 * spot / (spot - 1)) for spot, _, damping in found[25:31])
    assert found[31:] == [(1.0, Vol.LINEAR, 1), (1.0, Vol.ABS, 1)]
    assert len({one.name for one in DERIVE.scenarios} | {BASIS}) == 34


@pytest.mark.parametrize(("size", "row"), [(10.0, 22), (-10.0, 0)])
def test_requirement__perpetual__is_the_widest_row_and_its_contingency(size: float, row: int) -> None:
    found = requirement(replace(PERP, linears=((size, 3_010.0),)))
    loss, notional = 0.18 * 30_100, 30_000
    assert (found.loss, found.worst) == (pytest.approx(loss), row)
    assert found.maintenance == pytest.approx(0.8 * loss + 0.03 * notional)
    assert found.initial == pytest.approx(loss + 0.04 * notional)
    assert len(found.profits) == 34
    assert found.profits[-1] == 0, "no expiry, no basis"


def test_requirement__token_against_its_perpetual__leaves_haircut_and_contingency() -> None:
    hedged = replace(PERP, linears=((-10.0, 3_000.0),), balances=(Balance(30_000.0, True, 0.015, 0.005),))
    found = requirement(hedged)
    assert (found.loss, found.worst) == (0, None)
    assert found.maintenance == pytest.approx((0.03 + 0.015) * 30_000)
    assert found.initial == pytest.approx((0.04 + 0.02) * 30_000)
    owed = requirement(replace(hedged, linears=((10.0, 3_000.0),), balances=(Balance(-30_000.0, True, 0.015, 0.005),)))
    assert owed.contingencies["haircuts"] == 0
    assert owed.loss == 0


def test_requirement__depeg_and_doubt__are_charged_in_initial_alone() -> None:
    sure = requirement(PERP)
    low = requirement(replace(PERP, quote=0.94, confidence=0.5))
    assert low.maintenance == sure.maintenance
    assert low.initial_only["depeg"] == pytest.approx(4 * 0.05 * sure.loss)
    assert low.initial_only["confidence"] == pytest.approx(0.5 * 30_000)
    assert low.initial == pytest.approx(sure.initial + 0.2 * sure.loss + 15_000)
    assert requirement(replace(PERP, confidence=0.55)).initial == sure.initial, "0.55 is sure enough"
    option = Book(spot=3_000, confidence=0.9, expiries=(expiry((3_000.0, 0.6, True, -4.0), confidence=0.2),))
    assert requirement(option).initial_only["confidence"] == pytest.approx(0.8 * 4 * 3_000)


def test_requirement__long_option__loses_at_most_what_is_discounted_of_it() -> None:
    """Spot moves with volatility scaled by tenor; at 30 days the scale is 1."""
    book = Book(spot=3_000, expiries=(expiry((3_300.0, 0.6, True, 2.0)),))
    value = 2 * call(3_000, 3_300, 0.6, YEARS)
    discount = 0.98 * exp(-0.10 * YEARS)
    found = requirement(book)
    assert found.profits[0] == pytest.approx(2 * call(3_540, 3_300, 0.9, YEARS) * discount - value)
    assert found.profits[21] == pytest.approx(2 * call(0.865 * 3_000, 3_300, 0.6 * 0.7, YEARS) * discount - value)
    assert found.worst == 21
    assert found.profits[-1] == pytest.approx((0.5 + 2 * YEARS) * (2 * call(0.955 * 3_000, 3_300, 0.6, YEARS) - value))
    assert 0 < found.loss < value
    assert found.contingencies["short_option"] == 0


def test_requirement__short_option__is_not_discounted_and_has_its_contingency() -> None:
    book = Book(spot=3_000, expiries=(expiry((3_300.0, 0.3, True, -2.0)),))
    value = 2 * call(3_000, 3_300, 0.3, YEARS)
    found = requirement(book)
    up = 2 * call(3_540, 3_300, 0.45, YEARS)
    assert found.profits[0] == pytest.approx(value - up)
    # 0.2 would be 0.3 after the shock: no less than 0.4 counts
    quiet = requirement(Book(spot=3_000, expiries=(expiry((3_300.0, 0.2, True, -2.0)),)))
    assert quiet.profits[10] == pytest.approx(2 * (call(3_000, 3_300, 0.2, YEARS) - call(3_000, 3_300, 0.4, YEARS)))
    assert found.contingencies["short_option"] == pytest.approx(0.003 * 2 * 3_000)
    assert found.initial_only["short_option"] == pytest.approx(0.002 * 2 * 3_000)
    # the worst of a call sold out of the money is the sixfold price, at 0.02772
    assert (found.worst, found.loss) == (30, pytest.approx(0.02772 * (2 * call(18_000, 3_300, 0.45, YEARS) - value)))


def test_requirement__vol_shock__grows_below_thirty_days_and_shrinks_above() -> None:
    def up(seconds: int) -> float:
        one = replace(expiry((3_000.0, 0.6, True, -1.0)), seconds=seconds)
        years = seconds / 31_536_000
        shocked = -requirement(Book(spot=3_000, expiries=(one,))).profits[10] + call(3_000, 3_000, 0.6, years)
        # at the money a call is about 0.4 F vol sqrt(T): invert by bisection
        low, high = 0.1, 5.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if call(3_000, 3_000, middle, years) < shocked else (low, middle)
        return low / 0.6 - 1

    assert up(MONTH) == pytest.approx(0.5)
    assert up(MONTH // 10) == pytest.approx(0.5 * 10**0.3)
    assert up(3_600) == pytest.approx(0.5 * 30**0.3), "no shorter than a day"
    assert up(4 * MONTH) == pytest.approx(0.5 * 0.25**0.13)


@pytest.mark.parametrize(
    ("options", "naked"),
    [
        ([(3_000.0, 0.6, True, -3.0), (3_000.0, 0.6, False, 1.0)], 2),
        ([(3_000.0, 0.6, True, -3.0), (3_000.0, 0.6, False, -1.0)], 4),
        ([(3_000.0, 0.6, True, -3.0), (3_100.0, 0.6, True, 3.0)], 3),  # another strike does not cover
        ([(3_000.0, 0.6, True, 3.0), (3_000.0, 0.6, False, -1.0)], 0),
    ],
)
def test_requirement__naked_shorts__are_counted_by_strike(
    options: list[tuple[float, float, bool, float]], naked: float
) -> None:
    found = requirement(Book(spot=3_000, expiries=(expiry(*options),)))
    assert found.contingencies["short_option"] == pytest.approx(0.003 * naked * 3_000)


def test_requirement__skew_rows__turn_the_smile_and_count_as_a_loss() -> None:
    """k* = 4 sqrt(T) 0.6, cap = 0.25 - 0.1 sqrt(T); options at the money are left alone."""
    strike = 3_300.0
    one = expiry((strike, 0.6, True, -1.0))
    found = requirement(Book(spot=3_000, expiries=(one,)))
    root = sqrt(YEARS)
    cap = 0.25 - 0.1 * root
    factor = 1 + min(cap, log(strike / 3_000) * cap / (4 * root * 0.6))
    change = call(3_000, strike, 0.6 * factor, YEARS) - call(3_000, strike, 0.6, YEARS)
    assert found.profits[31] == pytest.approx(-change)
    assert found.profits[32] == pytest.approx(-change), "above the forward both are the same"
    put_side = requirement(Book(spot=3_000, expiries=(expiry((2_700.0, 0.6, True, -1.0)),)))
    lower = 1 + max(-cap, log(0.9) * cap / (4 * root * 0.6))
    wing = 1 + min(cap, -log(0.9) * cap / (4 * root * 0.6))
    now = call(3_000, 2_700, 0.6, YEARS)
    assert put_side.profits[31] == pytest.approx(-abs(call(3_000, 2_700, 0.6 * lower, YEARS) - now))
    assert put_side.profits[32] == pytest.approx(-abs(call(3_000, 2_700, 0.6 * wing, YEARS) - now))


def test_requirement__two_expiries__net_in_moves_but_not_in_the_skew() -> None:
    near, far = expiry((3_300.0, 0.6, True, -1.0)), replace(expiry((3_300.0, 0.6, True, 1.0)), seconds=4 * MONTH)
    both = requirement(Book(spot=3_000, expiries=(near, far)))
    alone = [requirement(Book(spot=3_000, expiries=(one,))) for one in (near, far)]
    for row in range(34):
        assert both.profits[row] == pytest.approx(sum(one.profits[row] for one in alone)), row
    assert both.loss < sum(one.loss for one in alone)
    assert both.profits[31] < 0
    assert all(one.profits[31] < 0 for one in alone), "each counts as a loss"
