"""Marks, funding and profits, worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ballast.risk.perpetual import Hot, accrue, claim_of, cost, mark, profit
from ballast.units import WAD
from tests.offchain.risk.build import PREMIUM, market

INDEX = 3_000 * WAD
PERIOD = PREMIUM.funding_period


def test_mark__premium__index_times_one_plus_it_on_the_price_quantum() -> None:
    assert mark(INDEX, 2_000_000) == 3_006 * WAD
    assert mark(INDEX, -2_000_000) == 2_994 * WAD
    assert mark(123_456_789, 0) == 123_000_000


def test_accrue__no_time_or_no_premium__as_stored() -> None:
    stored = market(funding=5, premium=7, updated_at=50)
    assert accrue(stored, INDEX, PREMIUM, 50) == Hot(5, 0, 0, 7)
    quiet = market(funding=5, loss_long=3, updated_at=50)
    assert accrue(quiet, INDEX, None, 9_999) == Hot(5, 3, 0, 0)


@pytest.mark.parametrize("premium", [3_000_000, -3_000_000])
def test_accrue__whole_period__half_the_premium_is_paid_and_it_is_gone(premium: int) -> None:
    hot = accrue(market(premium=premium), INDEX, PREMIUM, PERIOD)
    # the premium falls linearly to zero over the period, so its average is half of it
    assert hot.funding * 10**6 == 3_000 * WAD * premium // 10**9 // 2
    assert hot.premium == 0
    assert accrue(market(premium=premium), INDEX, PREMIUM, 10 * PERIOD) == hot


def test_accrue__part_of_the_period__integral_of_the_falling_premium_towards_zero() -> None:
    elapsed, premium = 1_234, -1_999_999
    hot = accrue(market(premium=premium, funding=11), INDEX, PREMIUM, elapsed)
    integral = Fraction(premium * elapsed * (2 * PERIOD - elapsed), 2 * PERIOD)
    exact = Fraction(integral.__trunc__() * INDEX, PERIOD * 10**9 * 10**6)
    assert hot.funding == 11 + exact.__trunc__()
    assert hot.premium == Fraction(premium * (PERIOD - elapsed), PERIOD).__trunc__()


def test_accrue__premium_above_the_hourly_cap__paid_at_the_cap() -> None:
    terms = type(PREMIUM)(**{**_fields(), "funding_cap": 1_000})
    cap = 1_000 * PERIOD // 3_600
    capped = accrue(market(premium=3_000_000), INDEX, terms, PERIOD)
    assert capped.funding == accrue(market(premium=cap), INDEX, PREMIUM, PERIOD).funding


def _fields() -> dict[str, int]:
    return {name: getattr(PREMIUM, name) for name in PREMIUM.__slots__}


def test_profit__long_and_short__mark_less_the_costs_of_the_side() -> None:
    hot = Hot(funding=2 * 10**12, loss_long=10**12, loss_short=4 * 10**12, premium=0)
    assert cost(hot, 1) == 3 * WAD
    assert cost(hot, -1) == -2 * WAD
    assert profit(hot, 2 * WAD, -5_900 * WAD, 3_000 * WAD) == 2 * (3_000 - 3) * WAD - 5_900 * WAD
    assert profit(hot, -2 * WAD, 5_900 * WAD, 3_000 * WAD) == 5_900 * WAD - 2 * 3_002 * WAD


def test_claim_of__haircut_index__rounded_down() -> None:
    assert claim_of(WAD // 3, 10) == 3
    assert claim_of(WAD, 10) == 10
