"""A debt-free account can always leave. Branches: ``test_leave.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from tests.contracts.ledger.tools import HOUR, WAD, calls_of, logged, reverts

pytestmark = pytest.mark.ballast(check=False)


def kill_feeds(chain: LocalChain) -> None:
    """Every answer is too old."""
    chain.warp(48 * HOUR)
    with reverts("Oracle_Stale"):
        chain.protocol.price("ETH")


@pytest.fixture
def winner(chain: LocalChain, market: Market, make_account: Callable[..., Trader]) -> Trader:
    """No debt, no position, 100,000 USDC and a claim of 2,000 on a market whose losers have not paid."""
    made = make_account(collateral={"USDC": 100_000}, name="winner")
    loser = make_account(collateral={"USDC": 100_000}, name="loser")
    successor = make_account(collateral={"USDC": 100_000}, name="successor")
    chain.fill(loser.account, made.account, "ETH-PERP", 10)
    market.set_price("ETH", 3_200)
    chain.fill(successor.account, made.account, "ETH-PERP", -10)
    perp = chain.protocol.instrument("ETH-PERP")
    assert chain.protocol.position(made.account, "ETH-PERP") == 0
    assert chain.protocol.house.functions.unsettledOf(made.account, perp).call() == 2_000 * WAD
    assert chain.protocol.balance(made.account, "USDC") > 0
    return made


def test_withdraw__dead_feeds_without_debt__leaves(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    kill_feeds(chain)
    depositor.withdraw("ETH", None)
    depositor.withdraw("USDC", None)
    assert (depositor.wallet("ETH"), depositor.wallet("USDC")) == (10, 1_000)


def test_withdraw__pause_without_debt__leaves(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    chain.send(house.functions.pause(chain.now() + HOUR), chain.governor)
    depositor.withdraw("ETH", None)
    assert depositor.wallet("ETH") == 10


def test_withdraw__deviating_without_debt__leaves(market: Market, depositor: Trader) -> None:
    market.set_price("ETH", 1_500)
    depositor.withdraw("ETH", 9)
    assert depositor.wallet("ETH") == 9


def test_withdraw__dead_feeds_with_a_claim__leaves(chain: LocalChain, winner: Trader) -> None:
    kill_feeds(chain)
    winner.withdraw("USDC", None)
    assert winner.wallet("USDC") > 99_900


def test_withdraw__pause_with_a_claim__leaves(chain: LocalChain, house: Contract, winner: Trader) -> None:
    chain.send(house.functions.pause(chain.now() + HOUR), chain.governor)
    winner.withdraw("USDC", None)
    assert winner.wallet("USDC") > 99_900


def test_withdraw__more_than_the_balance_against_a_claim_with_dead_feeds__reverts(
    chain: LocalChain, winner: Trader, lender: Trader
) -> None:
    kill_feeds(chain)
    with reverts("Oracle_Stale"):
        winner.withdraw("USDC", 101_000)


@pytest.mark.parametrize("why", ["debt", "position"])
def test_withdraw__dead_feeds_with_a_debt_or_position__reverts(
    chain: LocalChain, lender: Trader, depositor: Trader, why: str
) -> None:
    if why == "debt":
        depositor.withdraw("USDC", 1_001)
    else:
        depositor.trade("ETH-PERP", 1)
    kill_feeds(chain)
    with reverts("Oracle_Stale"):
        depositor.withdraw("ETH", 1)


def test_withdraw__free_again__clears_the_flag(
    chain: LocalChain, house: Contract, market: Market, lender: Trader, depositor: Trader
) -> None:
    depositor.withdraw("USDC", 24_500)
    market.set_price("ETH", 2_700)
    chain.send(house.functions.flag(depositor.account), chain.governor)
    assert house.functions.liquidationStateOf(depositor.account).call()[0] == chain.now()
    # paying in is no action that is checked
    depositor.deposit("USDC", 30_000)
    assert house.functions.liquidationStateOf(depositor.account).call()[0] != 0
    receipt = depositor.withdraw("USDC", 1)
    assert logged(house, "FlagCleared", receipt) == [{"account": depositor.account}]
    assert house.functions.liquidationStateOf(depositor.account).call()[0] == 0


def test_batch__free_at_the_end_with_dead_feeds__leaves(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader
) -> None:
    """A debt that a batch repays needs no price any more."""
    depositor.withdraw("USDC", 2_000)
    chain.mint("USDC", depositor.address, 10**10)
    kill_feeds(chain)
    weth = chain.protocol.token("ETH")
    calls = calls_of(
        house.functions.withdraw(depositor.account, weth.address, 10 * WAD, depositor.address),
        house.functions.deposit(depositor.account, usdc.address, 10**10),
    )
    chain.send(house.functions.batch(calls), depositor.address)
    assert depositor.wallet("ETH") == 10
