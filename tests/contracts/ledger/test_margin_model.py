"""``setMarginModel``. Branches: ``test_margin_model.tree``."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from tests.contracts.ledger.tools import HOUR, calls_of, compiled, deploy, logged, reverts

pytestmark = pytest.mark.ballast(check=False)


@pytest.fixture
def two_models(chain: LocalChain, house: Contract, engine: Contract) -> None:
    """An engine whose model 1 asks for three times as much is set."""
    made = deploy(chain, compiled("TwoModelEngine"), engine.address)
    chain.send(house.functions.setEngine(made.address), chain.governor)


def choose(chain: LocalChain, owner: Trader, model: int) -> object:
    return chain.send(chain.protocol.house.functions.setMarginModel(owner.account, model), owner.address)


def test_setMarginModel__account_out_of_range__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    with reverts("Ledger_AccountOutOfRange"):
        chain.send(house.functions.setMarginModel(3, 1), stranger.address)


def test_setMarginModel__by_stranger__reverts(
    chain: LocalChain, house: Contract, depositor: Trader, stranger: Trader
) -> None:
    with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
        chain.send(house.functions.setMarginModel(depositor.account, 1), stranger.address)


def test_setMarginModel__same__reverts(chain: LocalChain, depositor: Trader) -> None:
    with reverts("Ledger_ModelUnchanged", model=0):
        choose(chain, depositor, 0)


@pytest.mark.parametrize("model", [3, 255])
def test_setMarginModel__unknown__reverts(chain: LocalChain, depositor: Trader, stranger: Trader, model: int) -> None:
    for owner in (depositor, stranger):
        with reverts("Margin_UnknownModel", model=model):
            choose(chain, owner, model)


def test_setMarginModel__margin_holds__is_set(
    chain: LocalChain, house: Contract, lender: Trader, depositor: Trader, two_models: None
) -> None:
    depositor.withdraw("USDC", 6_000)
    before = depositor.health
    receipt = choose(chain, depositor, 1)
    after = depositor.health
    assert (after.initial, after.maintenance) == (3 * before.initial, 3 * before.maintenance)
    assert house.functions.accountOf(depositor.account).call()[2] == 1
    assert logged(house, "MarginModelSet", receipt) == [{"account": depositor.account, "model": 1}]


def test_setMarginModel__margin_does_not_hold_under_it__reverts(
    chain: LocalChain, lender: Trader, depositor: Trader, two_models: None
) -> None:
    depositor.withdraw("USDC", 14_000)
    with reverts("Ledger_BelowInitialMargin", account=depositor.account):
        choose(chain, depositor, 1)


def test_setMarginModel__mended_later_in_the_batch__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader, two_models: None
) -> None:
    depositor.withdraw("USDC", 14_000)
    chain.approve(depositor.address, "USDC")
    calls = calls_of(
        house.functions.setMarginModel(depositor.account, 1),
        house.functions.deposit(depositor.account, usdc.address, 13_000 * 10**6),
    )
    with reverts("Ledger_BelowInitialMargin", account=depositor.account):
        chain.send(house.functions.batch(calls), depositor.address)
    chain.send(house.functions.batch(calls[::-1]), depositor.address)


def test_setMarginModel__there_and_back_in_a_batch__leaves_no_trace_of_the_check(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader, two_models: None
) -> None:
    """The milder model of the end is what the end is checked by."""
    choose(chain, depositor, 1)
    calls = calls_of(
        house.functions.setMarginModel(depositor.account, 0),
        house.functions.withdraw(depositor.account, usdc.address, 20_000 * 10**6, depositor.address),
    )
    chain.send(house.functions.batch(calls), depositor.address)
    with reverts("Ledger_BelowInitialMargin", account=depositor.account):
        choose(chain, depositor, 1)


def test_setMarginModel__to_a_milder_one_when_weak__passes(
    chain: LocalChain, house: Contract, market: Market, lender: Trader, depositor: Trader, two_models: None
) -> None:
    choose(chain, depositor, 1)
    depositor.withdraw("USDC", 12_000)
    market.set_price("ETH", 2_700)
    assert depositor.health.equity < depositor.health.initial
    choose(chain, depositor, 0)
    assert depositor.health.equity > depositor.health.initial


def test_setMarginModel__dead_feeds__reverts(chain: LocalChain, depositor: Trader, two_models: None) -> None:
    chain.warp(48 * HOUR)
    with reverts("Oracle_Stale"):
        choose(chain, depositor, 1)
