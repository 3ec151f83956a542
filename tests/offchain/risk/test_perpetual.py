"""Marks, funding and profits, worked out by hand."""

from __future__ import annotations

import math

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
def test_accrue__one_period__premium_falls_by_e_and_the_loss_is_funding(premium: int) -> None:
    hot = accrue(market(premium=premium, funding=11), INDEX, PREMIUM, PERIOD)
    assert hot.premium == int(premium / math.e)
    assert hot.funding - 11 == 3_000 * (premium - hot.premium) * WAD // 10**9 // 10**6


def test_accrue__in_many_steps__the_same_but_for_rounding() -> None:
    at_once = accrue(market(premium=3_000_000), INDEX, PREMIUM, PERIOD)
    step, steps = market(premium=3_000_000), 60
    for i in range(1, steps + 1):
        hot = accrue(step, INDEX, PREMIUM, i * PERIOD // steps)
        step = market(funding=hot.funding, premium=hot.premium, updated_at=i * PERIOD // steps)
    assert 0 <= at_once.premium - step.premium <= steps
    assert step.funding == 3_000 * (3_000_000 - step.premium) * WAD // 10**9 // 10**6


def test_accrue__long_after__nothing_is_left_and_all_of_it_was_paid() -> None:
    hot = accrue(market(premium=-3_000_000), INDEX, PREMIUM, 60 * PERIOD)
    assert hot.premium == 0
    assert hot.funding * 10**6 == -9 * WAD


def test_accrue__premium_without_a_period__division_by_zero_as_the_contract_panics() -> None:
    with pytest.raises(ZeroDivisionError):
        accrue(market(premium=1), INDEX, None, 5)


def test_profit__long_and_short__mark_less_the_costs_of_the_side() -> None:
    hot = Hot(funding=2 * 10**12, loss_long=10**12, loss_short=4 * 10**12, premium=0)
    assert cost(hot, 1) == 3 * WAD
    assert cost(hot, -1) == -2 * WAD
    assert profit(hot, 2 * WAD, -5_900 * WAD, 3_000 * WAD) == 2 * (3_000 - 3) * WAD - 5_900 * WAD
    assert profit(hot, -2 * WAD, 5_900 * WAD, 3_000 * WAD) == 5_900 * WAD - 2 * 3_002 * WAD


def test_claim_of__haircut_index__rounded_down() -> None:
    assert claim_of(WAD // 3, 10) == 3
    assert claim_of(WAD, 10) == 10
