"""Who bears a debt that nobody will pay. Branches: ``test_write_off.tree``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.bank import (
    LENDER,
    MIN_INDEX,
    WAD,
    WRITE_OFF,
    Bank,
    Step,
    amounts,
    banks_of,
    ceil_div,
    require_borne,
    run,
)
from tests.contracts.ledger.tools import logged
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(100)


@st.composite
def defaults(draw: st.DrawFn) -> tuple[Bank, int, int]:
    """A solvent bank, the debtor's shares, and an amount of its debt."""
    bank = draw(banks_of())
    shares = draw(amounts.filter(bool))
    bank = replace(bank, borrow_shares=bank.borrow_shares + shares)
    bank = bank.solvent(draw(st.one_of(st.just(0), st.integers(0, 2**97))))
    debt = ceil_div(shares * bank.borrow_index, WAD)
    return bank, shares, draw(st.one_of(st.just(debt), st.integers(1, debt)))


def written_off(banks: Contract, bank: Bank, shares: int, amount: int) -> tuple[Step, Bank]:
    (step,), after = run(banks, bank, {LENDER: -shares}, [(WRITE_OFF, LENDER, amount, 0)])
    return step, after


@exact
@given(case=defaults())
def test_writeOff__any_bank__parts_add_up(banks: Contract, case: tuple[Bank, int, int]) -> None:
    """I6: depositors, then reserves, then uncovered."""
    bank, shares, amount = case
    step, after = written_off(banks, bank, shares, amount)
    lost = require_borne(bank, step, after, amount, bank.deposit_shares)
    assert step.before.deposits - step.later.deposits == lost

    # the debt falls by the amount at most, and of the debtor alone
    owed = -step.balance_before
    assert owed - amount <= -step.balance_after <= owed - amount + bank.borrow_index // WAD + 1
    assert after.borrow_shares == bank.borrow_shares - (shares + step.shares)


@pytest.mark.parametrize(
    ("bank", "shares"),
    [
        # a second total loss in one second: deposits floored are below what must be kept, rounded up
        (Bank(deposit_index=MIN_INDEX, deposit_shares=10**20 + 5, borrow_shares=10**15), 10**15),
        # one share, after any loss
        (Bank(deposit_index=9 * WAD // 10, deposit_shares=1, borrow_shares=1_000), 1_000),
        (Bank(deposit_index=MIN_INDEX, deposit_shares=1, borrow_shares=1), 1),
        # nobody has deposited: the debt was lent out of reserves
        (Bank(borrow_shares=1_000), 1_000),
        # everything is lent
        (Bank(deposit_shares=10**24, borrow_shares=10**24), 10**24),
        (Bank(2 * WAD, 3 * WAD, deposit_shares=3 * 10**9, borrow_shares=2 * 10**9), 2 * 10**9),
    ],
)
def test_writeOff__deposits_at_the_smallest_index__or_all_lent__does_not_revert(
    banks: Contract, bank: Bank, shares: int
) -> None:
    bank = bank.solvent(0)
    debt = ceil_div(shares * bank.borrow_index, WAD)
    step, after = written_off(banks, bank, shares, debt)
    assert (step.shares, step.balance_after) == (0, 0)
    assert after.borrow_shares == 0
    # a loss is at most what was lent, so depositors and reserves have it, but for what an index keeps and rounding
    assert after.uncovered <= bank.deposit_shares // 10**9 + 3


def test_writeOff__index_at_its_smallest__deposits_stay_usable(banks: Contract) -> None:
    """After a total loss a new deposit buys shares at the smallest index, and keeps its value."""
    bank = Bank(deposit_shares=10**24, borrow_shares=10**24)
    step, after = written_off(banks, bank, 10**24, 10**24)
    assert step.later.deposit_index == MIN_INDEX
    steps, _ = run(banks, after, {}, [(0, LENDER, 10**18, 0), (1, LENDER, 10**18, 0)])
    assert steps[0].balance_after == 10**18
    assert (steps[1].shares, steps[1].balance_after) == (0, 0)


@pytest.mark.parametrize(
    ("amount", "from_deposits", "reserves"),
    [(90, 90, 60), (100, 100, 60), (101, 100, 59), (130, 100, 30), (160, 100, 0)],
)
def test_writeOff__more_than_deposits__reserves_bear_the_rest(
    banks: Contract, amount: int, from_deposits: int, reserves: int
) -> None:
    """100 deposited, 60 reserved, 160 lent; the index keeps a billionth of what is deposited."""
    unit = 10**9
    bank = Bank(deposit_shares=100 * unit, borrow_shares=160 * unit)
    (step,), _ = run(banks, bank, {LENDER: -160 * unit}, [(WRITE_OFF, LENDER, amount * unit, 0)])
    assert step.before.reserves == 60 * unit
    assert abs(step.from_deposits - from_deposits * unit) <= 100
    assert abs(step.later.reserves - reserves * unit) <= 102
    assert step.uncovered <= (102 if amount == 160 else 0)


def test_writeOff__several_depositors__bear_it_in_proportion(banks: Contract) -> None:
    bank = Bank(deposit_shares=1_000 * WAD, borrow_shares=500 * WAD).solvent(0)
    (step,), after = run(banks, bank, {LENDER: -500 * WAD}, [(WRITE_OFF, LENDER, 250 * WAD, 0)])
    assert step.from_deposits == 250 * WAD
    assert after.deposit_index == 3 * WAD // 4


# ---------------------------------------------------------------- on the live chain


@pytest.fixture
def crash(chain: LocalChain) -> Callable[[], None]:
    """ETH to half a dollar, each step of it accepted by the governor."""

    def fall() -> None:
        for price in ("700", "150", "35", "8", "2", "0.5"):
            chain.set_price("ETH", price)
            chain.reset_slow_price("ETH")

    return fall


@pytest.mark.ballast(check=True, skip=("I4",))
def test_liquidate__full_bank__is_closed_and_lenders_bear_it(
    chain: LocalChain,
    house: Contract,
    usdc: Contract,
    crash: Callable[[], None],
    make_account: Callable[..., Trader],
) -> None:
    first = make_account(collateral={"USDC": 60_000}, name="first lender")
    second = make_account(collateral={"USDC": 40_000}, name="second lender")
    other = make_account(collateral={"BTC": 2}, name="holder of BTC")
    borrower = make_account(collateral={"ETH": 200}, name="borrower")
    liquidator = make_account(collateral={"BTC": 10}, name="liquidator")
    borrower.withdraw("USDC", 100_000)
    crash()
    receipt = chain.liquidate(borrower.account, liquidator.account)
    house_events = chain.protocol.contract("Clearinghouse")
    (written,) = logged(house_events, "DebtWrittenOff", receipt)[-1:]
    assert written["token"] == 0
    assert house.functions.accountOf(borrower.account).call()[:2] == [0, 0]
    left = [float(owner.balance("USDC")) for owner in (first, second)]
    # the collateral was worth 100 of the 100,000
    assert left[0] == pytest.approx(60, rel=0.01)
    assert left[1] == pytest.approx(40, rel=0.01)
    assert other.balance("BTC") == 2
    _, _, reserves, _ = house.functions.totals(usdc.address).call()
    assert reserves >= 0


def test_liquidate__after_a_total_loss__new_lenders_lose_nothing(
    chain: LocalChain,
    house: Contract,
    crash: Callable[[], None],
    make_account: Callable[..., Trader],
) -> None:
    make_account(collateral={"USDC": 100_000}, name="first lender")
    borrower = make_account(collateral={"ETH": 200}, name="borrower")
    borrower.withdraw("USDC", 100_000)
    liquidator = make_account(collateral={"BTC": 10}, name="liquidator")
    crash()
    chain.liquidate(borrower.account, liquidator.account)
    late = make_account(collateral={"USDC": 30_000}, name="late lender")
    assert 0 <= 30_000 - late.balance("USDC") <= Decimal("0.000001")  # rounding
    late.withdraw("USDC", None)
    assert 0 <= 30_000 - late.wallet("USDC") <= Decimal("0.000001")
