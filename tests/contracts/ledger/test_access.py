"""Roles of the AccessManager, and what they cannot close. Branches: ``test_access.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.testing import Trader
from tests.contracts.ledger.tools import DAY, HOUR, calls_of, encode, reverts

pytestmark = pytest.mark.ballast(check=False)

RESTRICTED = {
    "Clearinghouse": {
        "listToken",
        "setTokenConfig",
        "listMarket",
        "setMarketConfig",
        "setMarketStatus",
        "setPremiumConfig",
        "setLiquidationConfig",
        "setQuoter",
        "setRouter",
        "setEngine",
        "setFeeRecipients",
        "pause",
        "unpause",
    },
    "OracleRouter": {"setFeed", "setSequencer", "resetSlowPrice"},
    "SettlementOracle": {"setPriceByGovernor"},
    "MarginEngine": {
        "setTokenRates",
        "setInstrumentRates",
        "setMinimumMaintenance",
        "setFactors",
        "setContingency",
        "setHaircut",
    },
    "ScenarioBook": {"propose", "withdrawProposal", "setLimits", "setArrays"},
    "StrikeBook": {"openUnderlying", "listStrikes"},
    "SurfaceOracle": {"setSigner", "setThreshold", "setLimits"},
    "RiskArrays": {"setLimits"},
}
OPEN = {
    "Clearinghouse": {
        "deposit",
        "depositWithPermit",
        "withdraw",
        "transfer",
        "batch",
        "setOperator",
        "setOperatorBudget",
        "setMarginModel",
        "fundInsurance",
        "fill",
        "cancel",
        "settle",
        "refreshStrikes",
        "submitQuotes",
        "liquidate",
        "flag",
        "collect",
        "setAuthority",
    },
    "OracleRouter": {"sync", "setAuthority"},
    "SettlementOracle": {"settlePrice", "setAuthority"},
    "MarginEngine": {"setAuthority"},
    "ScenarioBook": {"activate", "setAuthority"},
    "StrikeBook": {"setAuthority"},
    "SurfaceOracle": {"submit", "setAuthority"},
    "RiskArrays": {"refresh", "refreshProposed", "setAuthority"},
}
DELAY = 2 * DAY


def changing(contract: Contract) -> dict[str, bytes]:
    """Call data with arguments of zeros for every function that changes something."""
    return {
        entry["name"]: function_abi_to_4byte_selector(cast(Any, entry)) + bytes(32 * 64)
        for entry in contract.abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }


def gate(chain: LocalChain, contract: Contract, data: bytes, caller: str) -> str:
    """The error a call ends with; empty where it passes."""
    try:
        chain.w3.eth.call({"from": cast(Any, caller), "to": contract.address, "data": cast(Any, data)})
    except ContractError as error:
        return error.name
    return ""


@pytest.mark.parametrize("name", list(RESTRICTED))
def test_restricted__by_stranger__is_refused(chain: LocalChain, stranger: Trader, name: str) -> None:
    contract = chain.protocol.contract(name)
    calls = changing(contract)
    # a new function must be put into one of the two lists
    assert set(calls) == RESTRICTED[name] | OPEN[name]
    refused = {
        function
        for function, data in calls.items()
        if gate(chain, contract, data, stranger.address) == "AccessManagedUnauthorized"
    }
    assert refused - {"setAuthority"} == RESTRICTED[name]


def test_roles__each_holder__passes_its_own_functions_only(
    chain: LocalChain, authority: Contract, make_account: Callable[..., Trader]
) -> None:
    roles = chain.params.access.roles
    for name, role in roles.items():
        holder = make_account(name=name)
        chain.send(authority.functions.grantRole(role.id, holder.address, 0), chain.governor)
        for target, restricted in RESTRICTED.items():
            contract = chain.protocol.contract(target)
            calls = changing(contract)
            passed = {
                function
                for function in restricted
                if gate(chain, contract, calls[function], holder.address) != "AccessManagedUnauthorized"
            }
            assert passed == set(role.functions.get(target, [])), (name, target)
    named = {
        target: {function for role in roles.values() for function in role.functions.get(target, [])}
        for target in RESTRICTED
    }
    assert named == RESTRICTED


# ---------------------------------------------------------------- delays


@pytest.fixture
def delayed(chain: LocalChain, authority: Contract, make_account: Callable[..., Trader]) -> Trader:
    """The governor's role, behind two days."""
    made = make_account(name="delayed governor")
    governor = chain.params.access.roles["governor"].id
    chain.send(authority.functions.grantRole(governor, made.address, DELAY), chain.governor)
    return made


def test_delayed__not_scheduled__reverts(
    chain: LocalChain, house: Contract, authority: Contract, delayed: Trader
) -> None:
    call = house.functions.setRouter(chain.protocol.router.address)
    operation = authority.functions.hashOperation(delayed.address, house.address, encode(call)).call()
    with reverts("AccessManagerNotScheduled") as found:
        chain.send(call, delayed.address)
    assert found.error is not None
    assert found.error.arguments["operationId"] == "0x" + operation.hex()


def test_delayed__in_its_time__passes_once(
    chain: LocalChain, house: Contract, authority: Contract, delayed: Trader
) -> None:
    call = house.functions.setFeeRecipients(delayed.address, delayed.address)
    chain.send(authority.functions.schedule(house.address, encode(call), 0), delayed.address)
    chain.advance(DELAY - HOUR)
    with reverts("AccessManagerNotReady"):
        chain.send(call, delayed.address)
    chain.advance(HOUR)
    chain.send(call, delayed.address)
    with reverts("AccessManagerNotScheduled"):
        chain.send(call, delayed.address)


def test_delayed__cancelled__reverts(chain: LocalChain, house: Contract, authority: Contract, delayed: Trader) -> None:
    call = house.functions.setRouter(chain.protocol.router.address)
    chain.send(authority.functions.schedule(house.address, encode(call), 0), delayed.address)
    chain.send(authority.functions.cancel(delayed.address, house.address, encode(call)), delayed.address)
    chain.advance(DELAY)
    with reverts("AccessManagerNotScheduled"):
        chain.send(call, delayed.address)


def test_delayed__in_a_batch__passes_in_its_time(
    chain: LocalChain, house: Contract, authority: Contract, delayed: Trader
) -> None:
    call = house.functions.setFeeRecipients(delayed.address, delayed.address)
    bundle = house.functions.batch(calls_of(call))
    with reverts("AccessManagerNotScheduled"):
        chain.send(bundle, delayed.address)
    chain.send(authority.functions.schedule(house.address, encode(call), 0), delayed.address)
    chain.advance(DELAY)
    chain.send(bundle, delayed.address)


def test_delayed__executed_by_the_manager__passes(
    chain: LocalChain, house: Contract, authority: Contract, delayed: Trader
) -> None:
    call = house.functions.setFeeRecipients(delayed.address, delayed.address)
    chain.send(authority.functions.schedule(house.address, encode(call), 0), delayed.address)
    chain.advance(DELAY)
    chain.send(authority.functions.execute(house.address, encode(call)), delayed.address)


# ---------------------------------------------------------------- what roles cannot do


def test_closed_by_admin__users_do_not_notice(
    chain: LocalChain, house: Contract, authority: Contract, lender: Trader, depositor: Trader
) -> None:
    chain.send(authority.functions.setTargetClosed(house.address, True), chain.governor)
    with reverts("AccessManagedUnauthorized", caller=chain.governor):
        chain.send(house.functions.unpause(), chain.governor)
    depositor.deposit("USDC", 1)
    depositor.withdraw("USDC", 2_000)
    depositor.trade("ETH-PERP", 1)
    depositor.trade("ETH-PERP", -1)
    depositor.settle()
    chain.send(house.functions.collect(chain.protocol.token("USDC").address), depositor.address)
    assert depositor.wallet("USDC") == 2_000


def test_user_function_given_to_a_role__stays_open(
    chain: LocalChain, house: Contract, authority: Contract, depositor: Trader
) -> None:
    """Nobody who holds the keys can shut users in."""
    functions = [encode(house.functions.withdraw(0, house.address, 0, house.address))[:4]]
    chain.send(authority.functions.setTargetFunctionRole(house.address, functions, 0), chain.governor)
    depositor.withdraw("ETH", None)
    assert depositor.wallet("ETH") == 10


def test_authority__only_the_manager__can_change_it(
    chain: LocalChain, house: Contract, authority: Contract, stranger: Trader
) -> None:
    for caller in (stranger.address, chain.governor):
        with reverts("AccessManagedUnauthorized", caller=caller):
            chain.send(house.functions.setAuthority(stranger.address), caller)
    with reverts("AccessManagerUnauthorizedAccount"):
        chain.send(authority.functions.updateAuthority(house.address, stranger.address), stranger.address)


def test_modules__called_directly__change_nothing_of_the_door(
    chain: LocalChain, house: Contract, depositor: Trader
) -> None:
    """They work on their own empty storage."""
    before = house.functions.health(depositor.account).call()
    (trading, options, settlement, liquidation, listing, _), *_ = house.functions.modules().call()
    calls = {
        trading: house.functions.cancel(depositor.account, 1),
        options: house.functions.flag(depositor.account),
        settlement: house.functions.settle(depositor.account),
        liquidation: house.functions.flag(depositor.account),
        listing: house.functions.unpause(),
    }
    for target, call in calls.items():
        gate(chain, chain.protocol.contract("Clearinghouse", target), encode(call), depositor.address)
    owner = chain.protocol.contract("Clearinghouse", listing)
    chain.send(owner.functions.pause(chain.now() + HOUR), chain.governor)
    assert house.functions.pausedUntil().call() == 0
    assert house.functions.health(depositor.account).call() == before


def test_fallback__every_function_that_it_answers__is_a_view() -> None:
    """What the door has no function of its own for goes to the module of views, with whatever calldata."""

    def functions(*names: str) -> dict[str, str]:
        entries = [e for name in names for e in artifact(name)["abi"] if e["type"] == "function"]
        return {function_abi_to_4byte_selector(entry).hex(): entry["stateMutability"] for entry in entries}

    own = functions("ILedger", "ITrading", "ISettling", "ILiquidation", "IListing")
    views = functions("LedgerViews")
    # every contract over the ledger's storage has these, the door too
    managed = views.keys() & functions("Trading").keys() & functions("LiquidationEngine").keys()
    own |= {selector: views[selector] for selector in managed}
    assert {views[selector] for selector in views.keys() - own.keys()} == {"view"}
    assert functions("IClearinghouse").keys() <= own.keys() | views.keys()
