"""Shares and units: who gains from rounding. Branches: ``test_banks.tree``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3.contract import Contract

from tests.contracts.ledger.bank import CREDIT, DEBIT, LENDER, OTHERS, WAD, Bank, Step, amounts, ceil_div, run, sharing
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(80)
positive = amounts.filter(bool)


def credited(bank: Bank, shares: int, amount: int) -> int:
    """Shares after a credit, by exact integers."""
    if shares < 0:
        debt = ceil_div(-shares * bank.borrow_index, WAD)
        shares += -shares if amount >= debt else amount * WAD // bank.borrow_index
        amount = max(0, amount - debt)
    return shares + amount * WAD // bank.deposit_index


def debited(bank: Bank, shares: int, amount: int) -> int:
    """Shares after a debit, by exact integers."""
    if shares > 0:
        balance = shares * bank.deposit_index // WAD
        shares -= shares if amount >= balance else ceil_div(amount * WAD, bank.deposit_index)
        amount = max(0, amount - balance)
    return shares - ceil_div(amount * WAD, bank.borrow_index)


@exact
@given(state=sharing(), amount=positive)
def test_credit__any_bank__adds_at_most_what_came_in(
    banks: Contract, state: tuple[Bank, dict[int, int]], amount: int
) -> None:
    bank, shares = state
    (step,), after = run(banks, bank, shares, [(CREDIT, LENDER, amount, 0)])
    assert step.shares == credited(bank, shares[LENDER], amount)
    gained = step.balance_after - step.balance_before
    assert gained <= amount
    assert gained >= amount - 2 - max(bank.deposit_index, bank.borrow_index) // WAD
    assert step.later.surplus >= step.before.surplus
    assert (after.deposit_shares, after.borrow_shares) == _sums(step.shares, shares[OTHERS])


@exact
@given(state=sharing(), amount=positive)
def test_debit__any_bank__takes_at_least_what_went_out(
    banks: Contract, state: tuple[Bank, dict[int, int]], amount: int
) -> None:
    bank, shares = state
    (step,), after = run(banks, bank, shares, [(DEBIT, LENDER, amount, 0)])
    assert step.shares == debited(bank, shares[LENDER], amount)
    lost = step.balance_before - step.balance_after
    assert lost >= amount
    assert lost <= amount + 3 + max(bank.deposit_index, bank.borrow_index) // WAD
    assert step.later.surplus >= step.before.surplus
    assert (after.deposit_shares, after.borrow_shares) == _sums(step.shares, shares[OTHERS])


@exact
@given(state=sharing())
def test_debit__of_the_whole_balance__leaves_no_share(banks: Contract, state: tuple[Bank, dict[int, int]]) -> None:
    bank, shares = state
    shares[LENDER] = abs(shares[LENDER]) + 1
    bank = _with(bank, shares)
    balance = shares[LENDER] * bank.deposit_index // WAD
    if balance == 0:
        return
    (step,), _ = run(banks, bank, shares, [(DEBIT, LENDER, balance, 0)])
    assert (step.shares, step.balance_after) == (0, 0)


@exact
@given(state=sharing())
def test_credit__of_the_whole_debt__leaves_no_share(banks: Contract, state: tuple[Bank, dict[int, int]]) -> None:
    bank, shares = state
    shares[LENDER] = -abs(shares[LENDER]) - 1
    bank = _with(bank, shares)
    debt = ceil_div(-shares[LENDER] * bank.borrow_index, WAD)
    (step,), _ = run(banks, bank, shares, [(CREDIT, LENDER, debt, 0)])
    assert (step.shares, step.balance_after) == (0, 0)


@settings(exact, max_examples=60)
@given(
    state=sharing(),
    ops=st.lists(
        st.tuples(st.sampled_from([CREDIT, DEBIT]), st.sampled_from([LENDER, OTHERS]), positive),
        min_size=2,
        max_size=12,
    ),
)
def test_repeated__any_order__never_gains(
    banks: Contract, state: tuple[Bank, dict[int, int]], ops: list[tuple[int, int, int]]
) -> None:
    """Attack 16: what the actors have plus what they took out never exceeds what they had and brought."""
    bank, shares = state
    steps, after = run(banks, bank, shares, [(kind, account, amount, 0) for kind, account, amount in ops])
    first = dict.fromkeys(shares)
    last = dict(first)
    brought = 0
    for step, (kind, account, amount) in zip(steps, ops, strict=True):
        if first[account] is None:
            first[account] = step.balance_before
        last[account] = step.balance_after
        brought += amount if kind == CREDIT else -amount
        assert step.later.surplus >= step.before.surplus
        assert step.later.reserves >= step.before.reserves
    gained = sum((last[a] or 0) - (first[a] or 0) for a in shares) - brought
    assert gained <= 0
    final = {account: _shares_after(steps, ops, account, shares[account]) for account in shares}
    assert (after.deposit_shares, after.borrow_shares) == _sums(*final.values())


def _shares_after(steps: list[Step], ops: list[tuple[int, int, int]], account: int, start: int) -> int:
    found = [step.shares for step, op in zip(steps, ops, strict=True) if op[1] == account]
    return found[-1] if found else start


def _sums(*shares: int) -> tuple[int, int]:
    return sum(s for s in shares if s > 0), -sum(s for s in shares if s < 0)


def _with(bank: Bank, shares: dict[int, int]) -> Bank:
    deposits, borrows = _sums(*shares.values())
    return replace(bank, deposit_shares=deposits, borrow_shares=borrows).solvent(2**120)
