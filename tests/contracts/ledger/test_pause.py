"""The guardian's pause. Branches: ``test_pause.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from tests.contracts.ledger.tools import DAY, HOUR, logged, reverts

pytestmark = pytest.mark.ballast(check=False)

GUARDIAN = 2


@pytest.fixture
def guardian(chain: LocalChain, authority: Contract, make_account: Callable[..., Trader]) -> Trader:
    """Holds the guardian's role and no other."""
    made = make_account(name="guardian")
    chain.send(authority.functions.grantRole(GUARDIAN, made.address, 0), chain.governor)
    return made


def test_pause__by_stranger__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    with reverts("AccessManagedUnauthorized", caller=stranger.address):
        chain.send(house.functions.pause(chain.now() + HOUR), stranger.address)


def test_pause__by_guardian__lasts_to_its_second(
    chain: LocalChain, house: Contract, guardian: Trader, lender: Trader, depositor: Trader
) -> None:
    until = chain.now() + HOUR
    receipt = chain.send(house.functions.pause(until), guardian.address)
    assert logged(house, "PausedUntil", receipt) == [{"until": until}]
    assert house.functions.pausedUntil().call() == until
    chain.rpc("evm_setNextBlockTimestamp", until - 1)
    with reverts("Ledger_RiskIncreased"):
        depositor.withdraw("USDC", 2_000)
    chain.rpc("evm_setNextBlockTimestamp", until)
    depositor.withdraw("USDC", 2_000)


@pytest.mark.parametrize(("beyond", "allowed"), [(0, True), (1, False), (100 * DAY, False)])
def test_pause__longer_than_72_hours__reverts(
    chain: LocalChain, house: Contract, guardian: Trader, beyond: int, allowed: bool
) -> None:
    at = chain.now() + 10
    bound = at + 72 * HOUR
    chain.rpc("evm_setNextBlockTimestamp", at)
    if allowed:
        chain.send(house.functions.pause(bound + beyond), guardian.address)
        assert house.functions.pausedUntil().call() == bound
    else:
        with reverts("Listing_PauseTooLong", until=bound + beyond, bound=bound):
            chain.send(house.functions.pause(bound + beyond), guardian.address)


@pytest.mark.parametrize("until", ["zero", "past", "now", "sooner"])
def test_pause__running__cannot_be_lifted_or_shortened_by_guardian(
    chain: LocalChain, house: Contract, guardian: Trader, until: str
) -> None:
    first = chain.now() + 10 * HOUR
    chain.send(house.functions.pause(first), guardian.address)
    values = {"zero": 0, "past": chain.now() - 1, "now": chain.now(), "sooner": first - 1}
    with reverts("Listing_PauseTooShort", until=values[until], bound=first):
        chain.send(house.functions.pause(values[until]), guardian.address)
    assert house.functions.pausedUntil().call() == first


def test_pause__over_already__reverts(chain: LocalChain, house: Contract, guardian: Trader) -> None:
    at = chain.now() + 10
    chain.rpc("evm_setNextBlockTimestamp", at)
    with reverts("Listing_PauseTooShort", until=at, bound=at + 1):
        chain.send(house.functions.pause(at), guardian.address)


def test_pause__running__can_be_extended(chain: LocalChain, house: Contract, guardian: Trader) -> None:
    first = chain.now() + HOUR
    for until in (first, first, first + 40 * HOUR):
        chain.send(house.functions.pause(until), guardian.address)
    assert house.functions.pausedUntil().call() == first + 40 * HOUR


def test_unpause__by_guardian__reverts(chain: LocalChain, house: Contract, guardian: Trader) -> None:
    chain.send(house.functions.pause(chain.now() + HOUR), guardian.address)
    with reverts("AccessManagedUnauthorized", caller=guardian.address):
        chain.send(house.functions.unpause(), guardian.address)


def test_unpause__by_governor__ends_it_at_once(
    chain: LocalChain, house: Contract, guardian: Trader, lender: Trader, depositor: Trader
) -> None:
    chain.send(house.functions.pause(chain.now() + HOUR), guardian.address)
    receipt = chain.send(house.functions.unpause(), chain.governor)
    assert logged(house, "PausedUntil", receipt) == [{"until": 0}]
    depositor.withdraw("USDC", 2_000)
    # and the guardian may pause again
    chain.send(house.functions.pause(chain.now() + HOUR), guardian.address)


@pytest.mark.ballast(check=True)
def test_paused__what_lowers_risk__goes_on(
    chain: LocalChain,
    house: Contract,
    guardian: Trader,
    market: Market,
    lender: Trader,
    depositor: Trader,
    make_account: Callable[..., Trader],
) -> None:
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    borrower.withdraw("USDC", 23_900)
    maker = make_account(collateral={"USDC": 1_000_000}, name="market maker two")
    trader = make_account(collateral={"USDC": 100_000}, name="trader")
    chain.fill(maker.account, trader.account, "ETH-PERP", 10)
    market.set_price("ETH", 2_790)
    chain.send(house.functions.pause(chain.now() + HOUR), guardian.address)

    depositor.deposit("USDC", 1)
    depositor.withdraw("ETH", None)
    borrower.deposit("USDC", 100)
    chain.fill(maker.account, trader.account, "ETH-PERP", -5)
    chain.settle(trader.account)
    chain.send(house.functions.flag(borrower.account), depositor.address)
    before = borrower.health.factor or 0
    chain.liquidate(borrower.account, maker.account)
    assert (borrower.health.factor or 0) > before
    chain.send(house.functions.collect(chain.protocol.token("USDC").address), depositor.address)
