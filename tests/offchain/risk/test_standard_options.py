"""The STANDARD charge of options, worked out by hand, and its one rounding."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.risk.arrays import PRICE_UNIT, Record, Series
from ballast.risk.portfolio import Factors, Holdings, Rows, evaluate
from ballast.risk.standard_options import OptionRates, option_charge, option_value, short_charge
from ballast.units import E6, WAD

RATES = OptionRates(maintenance=90_000, initial=150_000)
SPOT = 3_000 * WAD
LOT = WAD // 100
SERIES = 2 << 14 | 100
PLAIN = Factors(E6, E6, 0, 0, 0, 2**32 - 1, 2**32 - 1, 0)


def series(mark: int = 100 * PRICE_UNIT, strike: int = 3_100 * PRICE_UNIT) -> Series:
    """One strike whose call is worth ``mark``; the spot has not moved."""
    record = Record(strike, mark, 400_000_000, 0, 0, 1, (0,) * 20)
    return Series(SPOT, 3_050 * WAD, 0, 1, 1, 0, 86_400, 10**7, LOT, E6, (record,))


@pytest.mark.parametrize(
    ("put", "strike", "maintenance", "initial"),
    [
        (False, 3_000, 270, 450),  # at the money: the whole rate
        (False, 2_000, 270, 450),  # in the money: nothing is out of it
        (False, 3_100, 170, 350),  # less what it is out of the money
        (False, 3_135, 135, 315),  # where the two are equal
        (False, 3_300, 135, 225),  # no less than half the rate
        (False, 9_000, 135, 225),
        (True, 3_000, 270, 450),
        (True, 4_000, 270, 450),
        (True, 2_900, 170, 350),
        (True, 1_000, 135, 225),
    ],
)
def test_option_charge__short__is_the_rate_less_what_is_out_of_the_money(
    put: bool, strike: int, maintenance: int, initial: int
) -> None:
    charge = option_charge(-5 * WAD, put, strike * WAD, SPOT, -10 * WAD, RATES)
    assert charge == (10 * maintenance * WAD, 10 * initial * WAD)
    assert charge._fields == ("maintenance", "initial")


def test_option_charge__long__is_its_value_and_never_less_than_nothing() -> None:
    assert option_charge(7, False, 3_000 * WAD, SPOT, 10 * WAD, RATES) == (7, 7)
    assert option_charge(-7, True, 1 * WAD, SPOT, 10 * WAD, RATES) == (0, 0)


@given(
    put=st.booleans(),
    strike=st.integers(1, 10**24),
    index=st.integers(1, 10**24),
    units=st.integers(1, 10**26),
    rate=st.integers(1, E6 - 1),
)
def test_short_charge__any__is_the_exact_one_rounded_up_once(
    put: bool, strike: int, index: int, units: int, rate: int
) -> None:
    part = Fraction(rate, E6)
    otm = max(index - strike, 0) if put else max(strike - index, 0)
    exact = max(part * index - otm, part * index / 2) * units / WAD
    assert short_charge(put, strike, index, units, rate) == ceil(exact)


@pytest.mark.parametrize("put", [False, True])
@pytest.mark.parametrize("lots", [-700, -1, 1, 333])
@pytest.mark.parametrize("index", [SPOT, SPOT + WAD // 7, SPOT - 30 * WAD, 2 * SPOT])
@pytest.mark.parametrize("mark", [100 * PRICE_UNIT, 7])
def test_option_value__of_one_position__is_the_equity_that_portfolio_gives_it(
    put: bool, lots: int, index: int, mark: int
) -> None:
    arrays = series(mark)
    rows = Rows(1, 1, (WAD,) * 16, (2,), ((WAD,) * 16,), (None,))
    held = Holdings(cash=-WAD, options=((SERIES, 0, put, lots),), indices={2: index})
    equity = evaluate(held, rows, {SERIES: arrays}, PLAIN, {}, {}, 0, 0).equity
    assert option_value(arrays, 0, put, lots, index) == equity + WAD


def test_option_value__spot_unmoved__is_lots_times_lot_times_mark() -> None:
    arrays = series()
    assert option_value(arrays, 0, False, 200, SPOT) == 2 * 100 * WAD
    assert option_value(arrays, 0, True, 200, SPOT) == 2 * (100 + 3_100 - 3_050) * WAD - 2 * PRICE_UNIT
    assert option_value(arrays, 0, False, -200, SPOT) == -2 * 100 * WAD - 2 * 4 * PRICE_UNIT
