"""The bank's arithmetic with each rounding turned round, and what that takes. Branches: ``test_bank_guards.tree``."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from tests.contracts.ledger.bank import ACCRUE, CREDIT, DEBIT, LENDER, MIN_INDEX, OTHERS, WAD, WRITE_OFF, Bank, run
from tests.contracts.ledger.tools import YEAR, deploy, reverts
from tests.support.mutants import Mutant

pytestmark = pytest.mark.ballast(check=False)

BANKS = "contracts/ledger/Banks.sol"
INTEREST = "contracts/ledger/Interest.sol"
ROUNDED_WRONG = Mutant(
    "every rounding of a bank favours the actor",
    "BanksHarness",
    "tests/contracts/ledger/sol/BanksHarness.sol",
    passages=(
        (
            BANKS,
            "uint256(shares) : Rounding.mulDivUp(amount, WAD, depositIndex)",
            "uint256(shares) : amount * WAD / depositIndex",
        ),
        (
            BANKS,
            "uint256 minted = Rounding.mulDivUp(amount, WAD, borrowIndex)",
            "uint256 minted = amount * WAD / borrowIndex",
        ),
        (
            BANKS,
            "Rounding.mulDivDown(amount, WAD, borrowIndex);\n            bank.borrowShares",
            "Rounding.mulDivUp(amount, WAD, borrowIndex);\n            bank.borrowShares",
        ),
        (
            BANKS,
            "uint256 minted = Rounding.mulDivDown(amount, WAD, depositIndex)",
            "uint256 minted = Rounding.mulDivUp(amount, WAD, depositIndex)",
        ),
        (INTEREST, "E6 - bank.reserveFactor, deposits * E6", "E6, borrows * E6"),
        (BANKS, "uint256 kept = Rounding.mulDivUp(shares, MIN_DEPOSIT_INDEX, WAD)", "uint256 kept = 0"),
    ),
)
#: An index of five thirds: a unit is 0.6 of a share.
ODD = 5 * WAD // 3


@pytest.fixture
def wrong(chain: LocalChain) -> Contract:
    return deploy(chain, ROUNDED_WRONG.build())


def gained(harness: Contract, bank: Bank, shares: int, kind: int) -> int:
    """Balance plus what was taken out, less what was brought, over ten calls of one unit."""
    ops = [(kind, LENDER, 1, 0)] * 10
    steps, _ = run(harness, bank, {LENDER: shares, OTHERS: 0}, ops)
    moved = -10 if kind == CREDIT else 10
    return steps[-1].balance_after - steps[0].balance_before + moved


CASES = {
    "withdrawals": (Bank(deposit_index=ODD, deposit_shares=10**6, held=10**7), 10**6, DEBIT),
    "loans": (Bank(borrow_index=ODD, deposit_shares=10**6, held=10**7), 0, DEBIT),
    "repayments": (
        Bank(borrow_index=ODD, borrow_shares=10**6, deposit_shares=10**7, held=10**8),
        -(10**6),
        CREDIT,
    ),
    "deposits": (Bank(deposit_index=ODD, held=10**7), 0, CREDIT),
}


@pytest.mark.parametrize("case", list(CASES))
def test_rounding__as_it_is__ten_units_never_gain(banks: Contract, case: str) -> None:
    assert gained(banks, *CASES[case]) <= 0


@pytest.mark.parametrize("case", list(CASES))
def test_rounding__turned_round__ten_units_gain(wrong: Contract, case: str) -> None:
    assert gained(wrong, *CASES[case]) > 0


def year_of_interest(harness: Contract) -> int:
    """What a bank owes beyond what it owns, in 1e-18 of a unit, when half of it was lent for a year."""
    bank = Bank(deposit_shares=10**24, borrow_shares=5 * 10**23).solvent(0)
    steps, _ = run(harness, bank, {}, [(ACCRUE, 0, 0, 0), (ACCRUE, 0, 0, YEAR)])
    return -steps[-1].later.surplus


def test_interest__depositors_earn_what_debts_pay__bank_owns_what_it_owes(banks: Contract) -> None:
    assert year_of_interest(banks) <= 0


def test_interest__depositors_earn_the_borrow_rate__last_ones_cannot_leave(wrong: Contract) -> None:
    assert year_of_interest(wrong) > 10**22 * WAD


TOTAL_LOSS = Bank(deposit_shares=10**24, borrow_shares=10**24)


def test_deposit_index__kept_above_zero__bank_takes_deposits_again(banks: Contract) -> None:
    ops = [(WRITE_OFF, LENDER, 10**24, 0), (CREDIT, OTHERS, 10**18, 0)]
    steps, _ = run(banks, TOTAL_LOSS, {LENDER: -(10**24), OTHERS: 0}, ops)
    assert steps[0].later.deposit_index == MIN_INDEX
    assert steps[1].balance_after == 10**18


def test_deposit_index__falls_to_zero__bank_is_dead(wrong: Contract) -> None:
    ops = [(WRITE_OFF, LENDER, 10**24, 0), (CREDIT, OTHERS, 10**18, 0)]
    with reverts("Panic", code=0x12):
        run(wrong, TOTAL_LOSS, {LENDER: -(10**24), OTHERS: 0}, ops)
