"""Who bears a loss that is no debt yet. Branches: ``test_compensate.tree``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from tests.contracts.ledger.bank import (
    COMPENSATE,
    LENDER,
    MIN_INDEX,
    WAD,
    Bank,
    Step,
    amounts,
    banks_of,
    require_borne,
    run,
)
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(100)


@st.composite
def losses(draw: st.DrawFn) -> tuple[Bank, int, int]:
    """A solvent bank, the account's shares (negative: its debt), and the loss."""
    bank = draw(banks_of())
    shares = draw(amounts) * draw(st.sampled_from((-1, 0, 1)))
    bank = replace(
        bank,
        deposit_shares=bank.deposit_shares + max(0, shares),
        borrow_shares=bank.borrow_shares + max(0, -shares),
    )
    return bank.solvent(draw(st.one_of(st.just(0), st.integers(0, 2**97)))), shares, draw(amounts)


def compensated(banks: Contract, bank: Bank, shares: int, amount: int) -> tuple[Step, Bank]:
    (step,), after = run(banks, bank, {LENDER: shares}, [(COMPENSATE, LENDER, amount, 0)])
    return step, after


@exact
@given(case=losses())
def test_compensate__any_bank__parts_add_up(banks: Contract, case: tuple[Bank, int, int]) -> None:
    """I6: the other depositors, then reserves, then uncovered; the account gets no more than the loss."""
    bank, shares, amount = case
    step, after = compensated(banks, bank, shares, amount)
    require_borne(bank, step, after, amount, bank.deposit_shares - max(0, shares))

    # to the unit, but for what shares are rounded down by
    gained = step.balance_after - step.balance_before
    unit = max(step.later.deposit_index, step.later.borrow_index) // WAD + 1
    assert amount - unit <= gained <= amount


def test_compensate__a_depositor__is_spared_what_others_bear(banks: Contract) -> None:
    bank = Bank(deposit_shares=1_000 * WAD).solvent(0)
    step, after = compensated(banks, bank, 600 * WAD, 100 * WAD)
    assert after.deposit_index == 3 * WAD // 4, "the others' 400 are 300"
    assert (step.from_deposits, step.balance_after) == (100 * WAD, 700 * WAD - 1)


def test_compensate__a_debtor__owes_less(banks: Contract) -> None:
    bank = Bank(deposit_shares=1_000 * WAD, borrow_shares=50 * WAD).solvent(0)
    step, after = compensated(banks, bank, -50 * WAD, 80 * WAD)
    assert (step.balance_before, step.balance_after) == (-50 * WAD, 30 * WAD - 1)
    assert after.borrow_shares == 0


@pytest.mark.parametrize(
    ("bank", "shares"),
    [
        (Bank(), 0),
        (Bank(deposit_shares=10**24), 10**24),
        (Bank(deposit_index=MIN_INDEX, deposit_shares=10**20 + 5), 5),
        (Bank(deposit_index=MIN_INDEX, deposit_shares=1), 0),
    ],
    ids=["nobody", "nobody else", "smallest index", "one share"],
)
def test_compensate__nobody_to_bear_it__is_uncovered(banks: Contract, bank: Bank, shares: int) -> None:
    bank = bank.solvent(0)
    step, _ = compensated(banks, bank, shares, 10**9)
    assert step.uncovered + step.from_deposits == 10**9
    assert step.from_deposits <= 1
    assert 10**9 - 1 <= step.balance_after - step.balance_before <= 10**9
