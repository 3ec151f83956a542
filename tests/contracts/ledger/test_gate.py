"""Re-entry, read-only too: nobody enters or looks while something is half done. Branches: ``test_gate.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.chain.local import ANY_STEP, LocalChain
from ballast.testing import Market, Trader
from ballast.units import account_id
from tests.contracts.ledger.tools import MAX, WAD, calls_of, deploy, encode, fund, list_token, reverts, selector

pytestmark = pytest.mark.ballast(check=False)

LOCKED = selector("Ledger_Locked()")
#: Views that no half-done change falsifies: they are of the router, of parameters, or of what is written once.
OPEN_VIEWS = {
    "authority",
    "filledOf",
    "hashOrder",
    "isCancelled",
    "isConsumingScheduledOp",
    "isQuoter",
    "liquidationConfig",
    "liquidationStateOf",
    "modules",
    "operatorOf",
    "pausedUntil",
    "premiumConfig",
    "priceOf",
    "tokenAt",
    "tokenCount",
}
#: Of the AccessManager alone.
NOT_OURS = {"setAuthority"}
#: Passes calls on to the risk arrays and touches nothing of the ledger: both states of an account are valued at the end
#: of a call, with the same arrays.
NO_ENTRY = {"refreshStrikes"}


def functions_of(house: Contract, *mutability: str) -> dict[str, bytes]:
    """Every function of the door, with arguments of zeros, which decode as empty."""
    return {
        entry["name"]: function_abi_to_4byte_selector(cast(Any, entry)) + bytes(32 * 64)
        for entry in house.abi
        if entry["type"] == "function" and entry["stateMutability"] in mutability
    }


@pytest.fixture
def hook(chain: LocalChain, depositor: Trader) -> Contract:
    """A token that calls back; 100 in the depositor's wallet, 100 in the account."""
    token = deploy(chain, "HookToken")
    list_token(chain, token)
    fund(chain, token, depositor, 200 * WAD)
    chain.send(chain.protocol.house.functions.deposit(depositor.account, token.address, 100 * WAD), depositor.address)
    return token


def called_back(
    chain: LocalChain, hook: Contract, data: bytes, outer: ContractFunction, sender: str
) -> tuple[bool, str]:
    """Runs ``outer``, in which the token calls the door with ``data``: whether that passed, and what it gave."""
    chain.send(hook.functions.setHook(chain.protocol.house.address, data), chain.governor)
    chain.send(outer, sender)
    return hook.functions.lastOk().call(), "0x" + hook.functions.lastResult().call().hex()


def test_hook__every_entry__is_locked(chain: LocalChain, house: Contract, hook: Contract, depositor: Trader) -> None:
    entries = functions_of(house, "nonpayable", "payable")
    assert {"deposit", "batch", "fill", "liquidate", "collect", "pause"} <= set(entries)
    outer = house.functions.deposit(depositor.account, hook.address, WAD)
    found = {
        name: called_back(chain, hook, data, outer, depositor.address)
        for name, data in entries.items()
        if name not in NOT_OURS | NO_ENTRY
    }
    assert found == dict.fromkeys(found, (False, LOCKED))


def test_hook__every_view_that_a_change_would_falsify__is_locked(
    chain: LocalChain, house: Contract, hook: Contract, depositor: Trader
) -> None:
    outer = house.functions.withdraw(depositor.account, hook.address, WAD, depositor.address)
    views = functions_of(house, "view")
    assert set(views) >= OPEN_VIEWS
    found = {name: called_back(chain, hook, data, outer, depositor.address) for name, data in views.items()}
    locked = {name for name, result in found.items() if result == (False, LOCKED)}
    assert locked == set(views) - OPEN_VIEWS


@pytest.mark.parametrize("outer", ["deposit", "withdraw", "collect", "batch", "nested"])
@pytest.mark.ballast(check=True)
def test_hook__re_enters__outer_call_goes_on(
    chain: LocalChain,
    house: Contract,
    hook: Contract,
    depositor: Trader,
    make_account: Callable[..., Trader],
    outer: str,
) -> None:
    if outer == "collect":  # interest, so that something is sent
        borrower = make_account(collateral={"USDC": 1_000_000}, name="borrower")
        chain.send(
            house.functions.withdraw(borrower.account, hook.address, 90 * WAD, borrower.address), borrower.address
        )
        chain.warp(360 * 86_400, refresh=True)
        fund(chain, hook, borrower, 200 * WAD)
        chain.send(house.functions.deposit(borrower.account, hook.address, 200 * WAD), borrower.address)
    bring = house.functions.deposit(depositor.account, hook.address, 10 * WAD)
    calls: dict[str, Any] = {
        "deposit": bring,
        "withdraw": house.functions.withdraw(depositor.account, hook.address, 10 * WAD, depositor.address),
        "collect": house.functions.collect(hook.address),
        "batch": house.functions.batch(calls_of(bring)),
        "nested": house.functions.batch(calls_of(house.functions.batch(calls_of(bring)))),
    }
    held = house.functions.bankOf(hook.address).call()[0][10]
    balance = hook.functions.balanceOf(house.address).call()
    # as an owner, the token would take its own deposit back
    inner = encode(house.functions.withdraw(account_id(hook.address, 0), hook.address, MAX, hook.address))
    assert called_back(chain, hook, inner, calls[outer], depositor.address) == (False, LOCKED)
    change = house.functions.bankOf(hook.address).call()[0][10] - held
    assert change == hook.functions.balanceOf(house.address).call() - balance
    assert change < 0 if outer == "collect" else change == (-10 * WAD if outer == "withdraw" else 10 * WAD)


def test_gate__after_a_call_or_a_revert__is_open(
    chain: LocalChain, house: Contract, hook: Contract, depositor: Trader
) -> None:
    chain.send(hook.functions.setHook(house.address, encode(house.functions.collect(hook.address))), chain.governor)
    depositor.deposit("USDC", 1)
    with reverts("Ledger_Illiquid"):
        chain.send(
            house.functions.withdraw(depositor.account, hook.address, 101 * WAD, depositor.address), depositor.address
        )
    depositor.deposit("USDC", 1)
    assert house.functions.health(depositor.account).call()[0] > 0


# ---------------------------------------------------------------- a liquidator's callback


@pytest.fixture
def insolvent(chain: LocalChain, market: Market, lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """Below maintenance margin: 10 ETH against 24,000 USDC at 2,800."""
    made = make_account(collateral={"ETH": 10}, name="borrower")
    made.withdraw("USDC", 23_900)
    market.set_price("ETH", 2_790)
    return made


@pytest.fixture
def liquidator(chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader) -> Contract:
    """A contract that runs calls in its callback, and owns 100,000 USDC in its first account."""
    made = deploy(chain, "CallbackLiquidator", stranger.address)
    fund(chain, usdc, stranger, 10**11)
    chain.send(house.functions.deposit(account_id(made.address, 0), usdc.address, 10**11), stranger.address)
    return made


def seize(chain: LocalChain, liquidator: Contract, victim: int, sender: Trader) -> None:
    house = chain.protocol.house
    step = (victim, account_id(liquidator.address, 0), WAD, 0, 2**255 - 1, ANY_STEP, b"\x01")
    chain.send(liquidator.functions.execute(house.address, encode(house.functions.liquidate(step))), sender.address)


@pytest.mark.ballast(check=True)
def test_callback__liquidator__sees_and_enters(
    chain: LocalChain, house: Contract, insolvent: Trader, liquidator: Contract, stranger: Trader
) -> None:
    own = account_id(liquidator.address, 0)
    weth = chain.protocol.token("ETH").address
    inside = [
        house.functions.health(own),
        house.functions.balanceOf(own, weth),
        house.functions.withdraw(own, weth, WAD // 2, stranger.address),
        house.functions.batch(calls_of(house.functions.withdraw(own, weth, WAD // 2, stranger.address))),
        house.functions.health(own),
    ]
    chain.send(liquidator.functions.plan([(house.address, encode(call)) for call in inside], True), stranger.address)
    seize(chain, liquidator, insolvent.account, stranger)
    assert [liquidator.functions.oks(i).call() for i in range(5)] == [True] * 5
    bought = int.from_bytes(liquidator.functions.results(1).call(), "big")
    assert bought == chain.protocol.balance(own, "ETH") + WAD > WAD


def test_callback__anybody_else__is_locked_out(
    chain: LocalChain, house: Contract, insolvent: Trader, liquidator: Contract, stranger: Trader
) -> None:
    other = deploy(chain, "ContractOwner", liquidator.address)
    own = account_id(liquidator.address, 0)
    refused = [
        house.functions.health(own),
        house.functions.totals(chain.protocol.token("ETH").address),
        house.functions.settle(own),
        house.functions.flag(insolvent.account),
        house.functions.setOperator(account_id(other.address, 0), stranger.address, 1),
    ]
    plan = [(other.address, encode(other.functions.execute(house.address, encode(call)))) for call in refused]
    chain.send(liquidator.functions.plan(plan, False), stranger.address)
    seize(chain, liquidator, insolvent.account, stranger)
    results = ["0x" + liquidator.functions.results(i).call().hex() for i in range(len(plan))]
    assert results == [LOCKED] * len(plan)


def test_callback__borrows_beyond_initial_margin__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, insolvent: Trader, liquidator: Contract, stranger: Trader
) -> None:
    """What the liquidator does inside is checked when the liquidation ends."""
    own = account_id(liquidator.address, 0)
    take = house.functions.withdraw(own, usdc.address, 200_000 * 10**6, stranger.address)
    chain.send(liquidator.functions.plan([(house.address, encode(take))], True), stranger.address)
    with reverts("Ledger_BelowInitialMargin", account=own):
        seize(chain, liquidator, insolvent.account, stranger)
