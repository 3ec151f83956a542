"""Rates, indices and reserves against exact fractions. Branches: ``test_interest.tree``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.bank import (
    ACCRUE,
    E6,
    INDEX_MAX,
    RATE_MAX,
    RATE_SCALE,
    WAD,
    Bank,
    banks_of,
    ceil_div,
    run,
    yearly,
)
from tests.contracts.ledger.tools import DAY, YEAR
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(80)
seconds = st.one_of(st.just(0), st.integers(1, 100), st.integers(0, 10 * YEAR))


def accrued(banks: Contract, bank: Bank, elapsed: int) -> tuple[int, int, int, int]:
    """Deposit and borrow index after ``elapsed`` seconds, and the rates from there on."""
    found = banks.functions.accrued(bank.values, elapsed).call()
    return (found[0], found[1], found[2], found[3])


# ---------------------------------------------------------------- rates


@pytest.mark.parametrize(
    ("percent", "rate"),
    [
        ("0", "0.02"),
        ("10", "0.028"),
        ("84.9999", "0.0879999"),
        ("85", "0.088"),
        ("85.0001", "0.0880009"),
        ("95", "0.178"),
        ("100", "0.223"),
        ("130", "0.223"),
    ],
)
def test_rates__parameters_of_the_local_network__are_the_published_curve(
    banks: Contract, percent: str, rate: str
) -> None:
    """2% + 8% u to 85%, then a slope of 90%."""
    bank = Bank(deposit_shares=10**24, borrow_shares=int(Fraction(percent) / 100 * 10**24)).solvent(10**24)
    per_second = accrued(banks, bank, 0)[3]
    wanted = Fraction(rate) * RATE_SCALE / YEAR
    assert 0 <= wanted - per_second < 10**6 * RATE_SCALE // YEAR // 10**6 * 2


@exact
@given(bank=banks_of())
@example(bank=Bank(borrow_shares=5).solvent(0))
@example(bank=Bank(deposit_shares=5).solvent(0))
def test_rates__any_curve__are_the_exact_one_rounded_down(banks: Contract, bank: Bank) -> None:
    _, _, deposit_rate, borrow_rate = accrued(banks, bank, 0)
    deposits = Fraction(bank.deposit_shares * bank.deposit_index, WAD)
    borrows = Fraction(bank.borrow_shares * bank.borrow_index, WAD)
    counted = bank.borrow_shares * bank.borrow_index // WAD  # a debt below a unit uses nothing
    use = Fraction(0) if counted == 0 else min(Fraction(1), borrows / deposits) if deposits else Fraction(1)
    wanted = yearly(bank, use) * RATE_SCALE / YEAR
    # use is floored to a millionth and of floored debts, each part of the rate to a millionth
    slope = max(bank.kink_slope, bank.max_slope)
    loss = (1 + Fraction(2, max(1, counted)) * E6) if deposits > borrows else 1
    tolerance = (Fraction(slope, E6) * loss + 2) * RATE_SCALE / E6 / YEAR + 1
    assert wanted - tolerance <= borrow_rate <= min(wanted, RATE_MAX)
    if deposits == 0 or counted == 0:
        assert deposit_rate == 0
        return
    paid = Fraction(borrow_rate) * borrows * (E6 - bank.reserve_factor) / E6
    assert deposit_rate * deposits <= paid
    most = min(Fraction(RATE_MAX), borrow_rate * counted * Fraction(E6 - bank.reserve_factor, E6) / (deposits + 1))
    assert deposit_rate > most - 1


# ---------------------------------------------------------------- indices


@exact
@given(
    bank=banks_of(),
    elapsed=seconds,
    deposit_rate=st.integers(0, RATE_MAX),
    borrow_rate=st.integers(0, RATE_MAX),
)
def test_indices__grow_linearly_and_never_fall(
    banks: Contract, bank: Bank, elapsed: int, deposit_rate: int, borrow_rate: int
) -> None:
    bank = replace(bank, deposit_rate=deposit_rate, borrow_rate=borrow_rate)
    deposit_index, borrow_index, _, _ = accrued(banks, bank, elapsed)
    grown = bank.borrow_index + ceil_div(bank.borrow_index * borrow_rate * elapsed, RATE_SCALE)
    assert borrow_index == min(grown, INDEX_MAX)
    if grown > INDEX_MAX:  # debts grow no further, so deposits do not
        assert deposit_index == bank.deposit_index
    else:
        wanted = bank.deposit_index + bank.deposit_index * deposit_rate * elapsed // RATE_SCALE
        assert deposit_index == min(wanted, INDEX_MAX)


def test_indices__borrow_index_at_its_bound__reserves_do_not_fall(banks: Contract) -> None:
    """Years of the highest rates: the debts stop growing, and deposits with them."""
    bank = Bank(borrow_index=INDEX_MAX - 5, deposit_shares=10**20, borrow_shares=9 * 10**16, max_slope=900_000).solvent(
        10**18
    )
    steps, _ = run(banks, bank, {}, [(ACCRUE, 0, 0, 0)] + [(ACCRUE, 0, 0, 10 * YEAR)] * 3)
    assert [step.later.borrow_index for step in steps[1:]] == [INDEX_MAX] * 3
    for step in steps:
        assert step.later.reserves >= step.before.reserves
        assert step.later.surplus >= step.before.surplus


# ---------------------------------------------------------------- reserves and rounding


@exact
@given(bank=banks_of(), pauses=st.lists(seconds, min_size=1, max_size=6))
def test_reserves__time_passes__never_fall(banks: Contract, bank: Bank, pauses: list[int]) -> None:
    """What the bank owns less what it owes never falls, to the last digit; its rounded figure by a unit at most."""
    steps, _ = run(banks, bank, {}, [(ACCRUE, 0, 0, 0), *((ACCRUE, 0, 0, pause) for pause in pauses)])
    for step in steps:
        assert step.later.surplus >= step.before.surplus >= 0
        assert step.later.reserves >= step.before.reserves - 1
        assert 0 <= step.later.reserves * WAD - step.later.surplus < 2 * WAD
        assert step.later.deposit_index >= step.before.deposit_index
        assert step.later.borrow_index >= step.before.borrow_index


#: Banks whose rounded reserves are zero, all having been sent, and one unit less a moment later.
COLLECTED = [
    (1_453_505_852_357_887_941, 1_983_774_029_888_936_473, 550_251_065_028, 279_633_699_357, 245_063_072_617, 2),
    (1_194_375_991_321_952_590, 1_261_640_940_153_910_484, 711_360_101_603, 537_037_516_342, 172_082_909_522, 1),
    (1_371_242_759_742_244_004, 1_546_220_791_647_843_678, 500_481_043_183, 60_102_463_676, 593_349_327_886, 1),
]


@pytest.mark.parametrize("numbers", COLLECTED)
def test_reserves__all_collected_and_time_passes__can_be_read(banks: Contract, numbers: tuple[int, ...]) -> None:
    deposit_index, borrow_index, deposit_shares, borrow_shares, held, elapsed = numbers
    bank = Bank(
        deposit_index=deposit_index,
        borrow_index=borrow_index,
        deposit_shares=deposit_shares,
        borrow_shares=borrow_shares,
        held=held,
        reserve_factor=0,
    )
    steps, _ = run(banks, bank, {}, [(ACCRUE, 0, 0, 0), (ACCRUE, 0, 0, elapsed)])
    assert steps[0].later.reserves == 0
    assert steps[1].later.reserves == 0


@exact
@given(
    shares=st.integers(-(2**127) + 1, 2**127 - 1),
    deposit_index=st.integers(1, INDEX_MAX),
    borrow_index=st.integers(1, INDEX_MAX),
)
def test_amountOf__deposit_is_rounded_down_and_debt_up(
    banks: Contract, shares: int, deposit_index: int, borrow_index: int
) -> None:
    # for both, that is the floor of the signed number
    wanted = shares * (deposit_index if shares >= 0 else borrow_index) // WAD
    assert banks.functions.amountOf(shares, deposit_index, borrow_index).call() == wanted


# ---------------------------------------------------------------- on the live bank


def test_live__each_change__sets_the_rates_of_the_new_use(
    chain: LocalChain, house: Contract, weth: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"USDC": 50_000_000}, name="borrower")
    for symbol_change, use in ((400, "0.4"), (450, "0.85"), (100, "0.95"), (50, "1")):
        borrower.withdraw("ETH", symbol_change)
        bank = house.functions.bankOf(weth.address).call()[0]
        wanted = yearly(Bank(), Fraction(use)) * RATE_SCALE / YEAR
        # seconds of interest move the use by less than a millionth
        assert abs(Fraction(bank[6]) / wanted - 1) < Fraction(1, 10**5)
        assert abs(Fraction(bank[5]) / (wanted * Fraction(use) * Fraction(4, 5)) - 1) < Fraction(1, 10**5)


@pytest.mark.ballast(check=True)
def test_live__a_year__debt_and_deposit_are_the_references(
    chain: LocalChain, house: Contract, weth: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"USDC": 50_000_000}, name="borrower")
    borrower.withdraw("ETH", 850)
    start = house.functions.bankOf(weth.address).call()[0]
    chain.advance(365 * DAY)
    elapsed = chain.now() - start[7]
    owed = -chain.protocol.balance(borrower.account, "ETH")
    owned = chain.protocol.balance(lender.account, "ETH")
    debt = Fraction(start[9] * start[4], WAD) * (1 + Fraction(start[6] * elapsed, RATE_SCALE))
    deposit = Fraction(start[8] * start[3], WAD) * (1 + Fraction(start[5] * elapsed, RATE_SCALE))
    assert 0 <= owed - debt < 2 + start[9] // WAD
    assert 0 <= deposit - owned < 2 + start[8] // WAD
    # 8.8% on 850 ETH, four fifths of it for who lent 1,000
    assert abs(owed - 850 * WAD * 1_088 // 1_000) < 10**15
    assert abs(owned - (1_000 * WAD + 850 * WAD * 88 // 1_000 * 4 // 5)) < 10**15


def test_live__nobody_owes__nobody_earns(chain: LocalChain, house: Contract, weth: Contract, lender: Trader) -> None:
    chain.warp(365 * DAY, refresh=True)
    assert chain.protocol.balance(lender.account, "ETH") == 1_000 * WAD
    lender.withdraw("ETH", None)
    assert house.functions.totals(weth.address).call() == [0, 0, 0, 0]
