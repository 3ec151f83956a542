"""Interest: who the roundings favour, and the width of the slot."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ballast.risk.interest import INDEX_MAX, amount_of, indices
from ballast.units import WAD
from tests.offchain.risk.build import bank

RATE = 10**17


def test_indices__no_time_passed__as_stored() -> None:
    stored = bank(deposit_index=3, borrow_index=5, deposit_rate=7, borrow_rate=9, updated_at=100)
    assert indices(stored, 100) == (3, 5)


def test_indices__time_passed__simple_interest_deposits_down_debts_up() -> None:
    stored = bank(
        deposit_index=WAD + 1,
        borrow_index=WAD + 1,
        deposit_rate=317_097_919,
        borrow_rate=317_097_919,
        updated_at=0,
    )
    seconds = 365 * 86_400
    exact = (WAD + 1) * (1 + Fraction(317_097_919 * seconds, RATE))
    deposit, borrow = indices(stored, seconds)
    assert deposit == exact.__floor__()
    assert borrow == exact.__ceil__() == deposit + 1


def test_indices__debts_beyond_72_bits__both_stop_there() -> None:
    stored = bank(deposit_index=5 * WAD, borrow_index=INDEX_MAX, deposit_rate=9, borrow_rate=9)
    assert indices(stored, 10**9) == (5 * WAD, INDEX_MAX)


def test_indices__deposits_beyond_72_bits__clamped_alone() -> None:
    stored = bank(deposit_index=INDEX_MAX, borrow_index=WAD, deposit_rate=9, borrow_rate=0)
    assert indices(stored, 10**9) == (INDEX_MAX, WAD)


def test_indices__clock_beyond_32_bits__wraps_as_the_contract_casts() -> None:
    stored = bank(borrow_rate=10**6, updated_at=5)
    assert indices(stored, 2**32 + 105) == indices(stored, 105)
    with pytest.raises(OverflowError):
        indices(stored, 2**32 + 4)


@pytest.mark.parametrize(
    ("shares", "amount"),
    [(0, 0), (10, 15), (11, 16), (-10, -20), (-11, -22), (1, 1), (-1, -2)],
)
def test_amount_of__odd_shares__deposit_down_and_debt_away_from_zero(shares: int, amount: int) -> None:
    assert amount_of(shares, 15 * WAD // 10, 2 * WAD - 1) == amount
