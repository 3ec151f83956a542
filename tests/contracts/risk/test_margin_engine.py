"""The STANDARD requirement against an exact reference. Branches: ``test_margin_engine.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.instruments import PERPETUAL, instrument_id
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.testing import Market, Trader
from tests.contracts.ledger.tools import MAX, WAD, deploy, logged, reverts
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

E6 = 10**6
MINIMUM = 10 * WAD
#: Token and instrument rates of the local network: maintenance, initial.
TOKENS = {1: (150_000, 200_000), 2: (150_000, 200_000), 3: (250_000, 300_000)}
PERPS = {1: (50_000, 75_000), 2: (65_000, 100_000), 3: (100_000, 150_000)}

Leg = tuple[int, int]
Linear = tuple[int, int, int]

exact = examples(100)
wads = st.one_of(st.just(0), st.integers(-1_000, 1_000), st.integers(-(10**30), 10**30))


@pytest.fixture
def perps(chain: LocalChain, protocol: Protocol) -> dict[int, int]:
    """Asset by the number of its listed perpetual."""
    return {protocol.instrument(f"{symbol}-PERP"): i for i, symbol in enumerate(("BTC", "ETH", "SOL"), 1)}


def charge(value: int, rate: int) -> int:
    return -(-abs(value) * rate // E6)


def reference(
    cash: int, tokens: list[Leg], linears: list[Linear], rates: dict[int, Leg], minimum: int = MINIMUM
) -> tuple[int, int, int]:
    """Equity, initial and maintenance margin; ``rates`` of tokens by number and of instruments by theirs."""
    legs = [(value, rates[token]) for token, value in tokens]
    legs += [(notional, rates[instrument]) for instrument, notional, _ in linears if notional]
    equity = cash + sum(value for _, value in tokens) + sum(pnl for _, _, pnl in linears)
    maintenance = sum(charge(value, rate[0]) for value, rate in legs)
    initial = sum(charge(value, rate[1]) for value, rate in legs)
    if cash < 0 or any(value < 0 for _, value in tokens) or any(notional or pnl < 0 for _, notional, pnl in linears):
        maintenance = max(maintenance, minimum)
    else:
        initial, maintenance = min(initial, equity), min(maintenance, equity)
    profit = sum(pnl for _, _, pnl in linears if pnl > 0)  # losses count with the other equity
    other = max(0, equity - profit)
    return equity, max(initial, maintenance) + max(0, profit - other), maintenance


def required(engine: Contract, cash: int, tokens: list[Leg], linears: list[Linear], model: int = 0) -> tuple[int, ...]:
    legs = [(token << 8 | token, value) for token, value in tokens]
    *found, stale = engine.functions.requirement((model, cash, WAD, legs, linears, [])).call()
    assert stale == 0
    return tuple(found)


# ---------------------------------------------------------------- unknown


@pytest.mark.parametrize("model", [3, 255])
def test_requirement__unknown_model__reverts(engine: Contract, model: int) -> None:
    with reverts("Margin_UnknownModel", model=model):
        required(engine, WAD, [], [], model)


def test_requirement__token_without_rates__reverts(engine: Contract) -> None:
    for value in (0, 1, -1):
        with reverts("Margin_NoTokenRates", token=9):
            required(engine, WAD, [(9, value)], [])


def test_requirement__instrument_without_rates__reverts_but_a_claim_needs_none(engine: Contract) -> None:
    with reverts("Margin_NoInstrumentRates", instrument=instrument_id(PERPETUAL, 9)):
        required(engine, WAD, [], [(instrument_id(PERPETUAL, 9), 1, 0)])
    assert required(engine, WAD, [], [(1 << 31 | instrument_id(PERPETUAL, 9), 0, WAD)]) == (2 * WAD, 0, 0)


# ---------------------------------------------------------------- the reference


@exact
@given(data=st.data(), cash=wads)
def test_requirement__any_portfolio__is_the_references(
    engine: Contract, perps: dict[int, int], data: st.DataObject, cash: int
) -> None:
    tokens = data.draw(st.lists(st.tuples(st.sampled_from([1, 2, 3]), wads), max_size=4))
    linears = data.draw(st.lists(st.tuples(st.sampled_from(list(perps)), wads, wads), max_size=4))
    rates = TOKENS | {number: PERPS[asset] for number, asset in perps.items()}
    found = required(engine, cash, tokens, linears)
    assert found == reference(cash, tokens, linears, rates)
    assert found[1] >= found[2]


@pytest.mark.parametrize(
    ("cash", "tokens", "notionals", "owes"),
    [
        (5 * WAD, [], [], False),
        (0, [(2, WAD)], [], False),
        (-1, [], [], True),
        (WAD, [(2, -1)], [], True),
        (WAD, [], [1], True),
        (WAD, [], [-1], True),
        (WAD, [], [0], False),
    ],
)
def test_requirement__minimum__is_asked_of_who_owes_something(
    engine: Contract, perps: dict[int, int], cash: int, tokens: list[Leg], notionals: list[int], owes: bool
) -> None:
    number = next(iter(perps))
    _, initial, maintenance = required(engine, cash, tokens, [(number, notional, 0) for notional in notionals])
    assert (maintenance >= MINIMUM) is owes
    assert initial >= maintenance


def test_requirement__opposite_legs__are_not_netted(engine: Contract, perps: dict[int, int]) -> None:
    eth = next(number for number, asset in perps.items() if asset == 2)
    hedged = required(engine, 0, [(2, 1_000 * WAD)], [(eth, -1_000 * WAD, 0)])
    assert hedged == (1_000 * WAD, 300 * WAD, 215 * WAD)


def test_requirement__a_charge__is_rounded_up(engine: Contract) -> None:
    _, initial, maintenance = required(engine, 0, [(1, 1), (2, 1)], [])
    assert (initial, maintenance) == (2, 2)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("which", ["setTokenRates", "setInstrumentRates"])
@pytest.mark.parametrize(
    ("maintenance", "initial"), [(0, 1), (0, 0), (1, 1), (2, 1), (1, 10**6), (1, 2**32 - 1), (10**6, 10**6 + 1)]
)
def test_setRates__out_of_bounds__reverts(
    chain: LocalChain, engine: Contract, which: str, maintenance: int, initial: int
) -> None:
    with reverts("Margin_RateBounds", maintenance=maintenance, initial=initial, bound=10**6):
        chain.send(engine.functions[which](7, (maintenance, initial)), chain.governor)


@pytest.mark.parametrize(("which", "getter"), [("Token", "tokenRates"), ("Instrument", "instrumentRates")])
@pytest.mark.parametrize("rates", [(1, 2), (999_998, 999_999)])
def test_setRates__at_the_bounds__set_and_emit(
    chain: LocalChain, engine: Contract, which: str, getter: str, rates: Leg
) -> None:
    receipt = chain.send(engine.functions[f"set{which}Rates"](7, rates), chain.governor)
    assert engine.functions[getter](7).call() == rates
    (event,) = logged(engine, f"{which}RatesSet", receipt)
    assert event == {which.lower(): 7, "rates": {"maintenance": rates[0], "initial": rates[1]}}


@pytest.mark.parametrize(
    ("minimum", "bound"), [(0, 10**16), (10**16 - 1, 10**16), (1_000 * WAD + 1, 1_000 * WAD), (MAX, 1_000 * WAD)]
)
def test_setMinimumMaintenance__out_of_bounds__reverts(
    chain: LocalChain, engine: Contract, minimum: int, bound: int
) -> None:
    with reverts("Margin_MinimumBounds", minimumWad=minimum, boundWad=bound):
        chain.send(engine.functions.setMinimumMaintenance(minimum), chain.governor)


@pytest.mark.parametrize("minimum", [10**16, 1_000 * WAD])
def test_setMinimumMaintenance__at_the_bounds__sets_and_emits(
    chain: LocalChain, engine: Contract, authority: Contract, minimum: int
) -> None:
    receipt = chain.send(engine.functions.setMinimumMaintenance(minimum), chain.governor)
    assert logged(engine, "MinimumMaintenanceSet", receipt) == [{"minimumWad": minimum}]
    assert engine.functions.minimumMaintenance().call() == minimum
    assert required(engine, -1, [], [])[2] == minimum
    made = deploy(chain, "MarginEngine", *constructed(authority, engine, minimum))
    assert made.functions.minimumMaintenance().call() == minimum


def constructed(authority: Contract, engine: Contract, minimum: int) -> tuple[Any, ...]:
    """The constructor's arguments, as the deployed engine has them but for the minimum."""
    return authority.address, engine.functions.sources().call(), minimum, engine.functions.factors().call()


def test_constructor__minimum_out_of_bounds__is_not_deployed(
    chain: LocalChain, authority: Contract, engine: Contract
) -> None:
    built = artifact("MarginEngine")
    factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    for minimum in (0, 1_000 * WAD + 1):
        with reverts("Margin_MinimumBounds", minimumWad=minimum):
            factory.constructor(*constructed(authority, engine, minimum)).estimate_gas({"from": chain.governor})


# ---------------------------------------------------------------- live accounts


@pytest.fixture
def accounts(market: Market, lender: Trader, make_account: Callable[..., Trader]) -> dict[str, Trader]:
    """Mixed shapes, after prices have moved."""
    shapes: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "free": ({"USDC": "123.456789", "ETH": "1.5"}, {}),
        "levered": ({"ETH": "10", "USDC": "-20000"}, {}),
        "short token": ({"USDC": "90000", "BTC": "-0.5", "SOL": "-10.123456789"}, {}),
        "long perp": ({"USDC": "5000"}, {"ETH-PERP": "10"}),
        "carry": ({"ETH": "5", "USDC": "-1000"}, {"ETH-PERP": "-5", "BTC-PERP": "0.1", "SOL-PERP": "-20"}),
    }
    made = {
        name: make_account(collateral=collateral, positions=positions, name=name)
        for name, (collateral, positions) in shapes.items()
    }
    for symbol, price in (("ETH", "3123.45"), ("BTC", "58999.01"), ("SOL", "161.7"), ("USDC", "0.9987")):
        market.set_price(symbol, price)
    return made


def test_health__live_accounts__are_the_references(
    chain: LocalChain,
    protocol: Protocol,
    perps: dict[int, int],
    accounts: dict[str, Trader],
) -> None:
    house = protocol.house
    rates = TOKENS | {number: PERPS[asset] for number, asset in perps.items()}
    symbols = ["USDC", "BTC", "ETH", "SOL"]
    usd = [protocol.price(symbol) for symbol in symbols]
    index = [price * WAD // usd[0] for price in usd]
    for name, owner in accounts.items():
        balances = [protocol.balance(owner.account, symbol) for symbol in symbols]
        tokens = [(i, balances[i] * index[i] // 10 ** protocol.decimals(symbols[i])) for i in (1, 2, 3) if balances[i]]
        linears = []
        for number in perps:
            size = house.functions.positionOf(owner.account, number).call()
            if size:
                notional = size * house.functions.markOf(number).call() // WAD
                linears.append((number, notional, house.functions.unsettledOf(owner.account, number).call()))
        wanted = reference(balances[0] * 10**12, tokens, linears, rates)
        assert tuple(house.functions.health(owner.account).call()) == wanted, name
