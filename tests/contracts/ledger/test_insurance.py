"""``fundInsurance``. Branches: ``test_insurance.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import DAY, fund, logged, reverts

pytestmark = pytest.mark.ballast(check=False)


def test_fundInsurance__zero__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    with reverts("Ledger_ZeroAmount"):
        chain.send(house.functions.fundInsurance(0), stranger.address)


@pytest.mark.ballast(check=True)
def test_fundInsurance__by_anybody__counts_as_insurance_alone(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    deposits, borrows, reserves, _ = house.functions.totals(usdc.address).call()
    fund(chain, usdc, stranger, 500)
    chain.send(house.functions.fundInsurance(200), stranger.address)
    receipt = chain.send(house.functions.fundInsurance(300), stranger.address)
    assert house.functions.totals(usdc.address).call() == [deposits, borrows, reserves, 500]
    assert logged(house, "InsuranceSet", receipt) == [{"insurance": 500}]
    assert logged(house, "InsuranceFunded", receipt) == [{"from": stranger.address, "amount": 300}]
    assert house.functions.balanceOf(stranger.account, usdc.address).call() == 0


def test_fundInsurance__bears_no_interest_and_moves_no_rate(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"ETH": 300}, name="borrower")
    borrower.withdraw("USDC", 500_000)
    rates = house.functions.bankOf(usdc.address).call()[0][5:7]
    chain.fund_insurance(1_000_000)
    assert house.functions.bankOf(usdc.address).call()[0][5:7] == rates
    chain.warp(90 * DAY, refresh=True)
    borrower.deposit("USDC", 1)
    assert house.functions.totals(usdc.address).call()[3] == 10**12
