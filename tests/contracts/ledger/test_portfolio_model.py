"""Accounts under the PORTFOLIO model, without options. Branches: ``test_portfolio_model.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from ballast.units import WAD
from tests.contracts.ledger.tools import list_token, reverts, spare_token
from tests.support.mutants import Mutant, mutant_chain

ETH = 2
PORTFOLIO = 1
UNIT = 8_000

Maker = Callable[..., Trader]


def choose(chain: LocalChain, owner: Trader, model: int = PORTFOLIO) -> None:
    chain.send(chain.protocol.house.functions.setMarginModel(owner.account, model), owner.address)


@pytest.fixture
def table(chain: LocalChain) -> Any:
    """tail, term power, assets, weights, spot moves, volatility moves, floors, names."""
    return chain.protocol.contract("ScenarioBook").functions.table().call()[1]


@pytest.fixture
def carry(chain: LocalChain, make_account: Maker) -> Trader:
    """10 ETH, half of their value borrowed, sold forward: nearly no risk of the price."""
    return make_account(collateral={"ETH": "10", "USDC": "-12000"}, positions={"ETH-PERP": "-10"}, name="carry")


# ------------------------------------------------------------------ the model


def test_setMarginModel__initial_margin_holds__is_set_and_asks_for_less(chain: LocalChain, carry: Trader) -> None:
    before = carry.health
    choose(chain, carry)
    after = carry.health
    assert after.equity == before.equity
    assert (after.initial, after.maintenance) < (before.initial // 2, before.maintenance // 2)


def test_setMarginModel__concentrated__reverts(chain: LocalChain, make_account: Maker, house: Contract) -> None:
    """30,000 USDC of ETH on 4,000: enough for a tenth, not for the floor's 15% times 1.3."""
    levered = make_account(collateral={"USDC": "4000"}, positions={"ETH-PERP": "10"}, name="levered")
    with reverts("Ledger_BelowInitialMargin", account=levered.account):
        choose(chain, levered)
    assert house.functions.accountOf(levered.account).call()[2] == 0


# ------------------------------------------------------------------ what it asks for


def test_health__spot_against_perpetual__is_the_basis_and_the_haircut(
    chain: LocalChain, carry: Trader, house: Contract, engine: Contract
) -> None:
    """The price's moves cancel but for the rounding of the mark; what stays is charged on the gross notional."""
    choose(chain, carry)
    mark = house.functions.markOf(chain.protocol.instrument("ETH-PERP")).call()
    notional = 10 * mark
    terms = engine.functions.contingencyOf(ETH).call()
    basis, basis_initial = notional * terms[0] // 10**6, notional * terms[1] // 10**6
    haircut = 10 * 3_000 * WAD * engine.functions.haircutOf(ETH).call() // 10**6
    found = carry.health
    assert abs(found.maintenance - basis) < WAD // 100
    assert abs(found.initial - (basis * 13 // 10 + basis_initial + haircut)) < WAD // 100


def test_health__pair_of_underlyings__asks_for_less_than_its_halves(chain: LocalChain, make_account: Maker) -> None:
    size = {"BTC-PERP": "1", "ETH-PERP": "-20"}
    pair = make_account(collateral={"USDC": "60000"}, positions=size, name="pair")
    halves = [
        make_account(collateral={"USDC": "60000"}, positions={symbol: units}, name=symbol)
        for symbol, units in size.items()
    ]
    for owner in (pair, *halves):
        choose(chain, owner)
    assert pair.health.maintenance < sum(half.health.maintenance for half in halves) * 7 // 10


def test_health__small_position__is_at_least_the_floor(
    chain: LocalChain, make_account: Maker, house: Contract, table: Any
) -> None:
    owner = make_account(collateral={"USDC": "9000"}, positions={"ETH-PERP": "-5"}, name="short")
    choose(chain, owner)
    mark = house.functions.markOf(chain.protocol.instrument("ETH-PERP")).call()
    up = table[6][ETH - 1][0] - UNIT
    assert owner.health.maintenance >= 5 * mark * up // UNIT


def test_health__unsettled_profit__counts_up_to_the_other_equity(
    chain: LocalChain, make_account: Maker, market: Market
) -> None:
    winner = make_account(collateral={"USDC": "9000"}, positions={"ETH-PERP": "5"}, name="winner")
    choose(chain, winner)
    before = winner.health
    market.pump("ETH", "6000")
    after = winner.health
    profit = after.equity - before.equity
    assert profit > 14_000 * WAD
    uncredited = after.initial - after.maintenance * 13 // 10
    assert uncredited > profit - 9_000 * WAD, "the rest of the difference is charged in initial margin alone"


# ------------------------------------------------------------------ risk


def test_risk__perpetual_and_debt__by_hand(chain: LocalChain, make_account: Maker, house: Contract, table: Any) -> None:
    owner = make_account(collateral={"ETH": "2", "USDC": "-1000"}, positions={"ETH-PERP": "3"}, name="by hand")
    mark = house.functions.markOf(chain.protocol.instrument("ETH-PERP")).call()
    exposure = 2 * 3_000 * WAD + 3 * mark
    rows = table[4][ETH - 1]
    profits = [exposure * (move - UNIT) // UNIT for move in rows]
    losses = [-profit * weight for profit, weight in zip(profits, table[3], strict=True)]
    found, shortfall, worst = house.functions.risk(owner.account).call()
    assert found == profits
    assert shortfall == -(-max(losses) // 10**4)
    assert worst == [losses.index(max(losses))]


def test_risk__whatever_the_model__is_the_same(chain: LocalChain, carry: Trader, house: Contract) -> None:
    before = house.functions.risk(carry.account).call()
    choose(chain, carry)
    assert house.functions.risk(carry.account).call() == before


# ------------------------------------------------------------------ no column


def test_deposit__asset_without_a_column__is_refused_where_something_is_owed(
    chain: LocalChain, carry: Trader, make_account: Maker
) -> None:
    router, token = chain.protocol.router, spare_token(chain)
    chain.send(router.functions.setFeed(9, tuple(router.functions.feedOf(ETH).call())), chain.governor)
    list_token(chain, token, asset=9)
    choose(chain, carry)
    chain.send(token.functions.mint(carry.address, 10**18), chain.governor)
    chain.send(token.functions.approve(chain.protocol.house.address, 10**18), carry.address)
    with reverts("Margin_NoColumn", asset=9):
        chain.send(chain.protocol.house.functions.deposit(carry.account, token.address, 10**18), carry.address)
    saver = make_account(collateral={"USDC": "10"}, name="saver")
    choose(chain, saver)
    chain.send(token.functions.transfer(saver.address, 10**18), carry.address)
    chain.send(token.functions.approve(chain.protocol.house.address, 10**18), saver.address)
    chain.send(chain.protocol.house.functions.deposit(saver.account, token.address, 10**18), saver.address)


# ------------------------------------------------------------------ liquidation


def test_liquidate__crash__each_step_raises_the_factor_until_the_target(
    chain: LocalChain, make_account: Maker, market: Market
) -> None:
    owner = make_account(
        collateral={"USDC": "24000", "BTC": "0.2"}, positions={"ETH-PERP": "20", "BTC-PERP": "-0.3"}, name="owner"
    )
    liquidator = make_account(collateral={"USDC": "500000"}, name="liquidator")
    choose(chain, owner)
    market.set_price("ETH", "1900")
    assert not owner.health.is_healthy
    factor = owner.health.factor
    assert factor is not None
    assert factor > 0
    chain.liquidate(owner.account, liquidator.account, max_fraction=WAD // 20)
    after = owner.health.factor
    assert after is not None
    assert after > factor
    chain.advance(60)
    chain.liquidate(owner.account, liquidator.account)
    ended = owner.health.factor
    assert ended is not None
    assert ended >= 115 * WAD // 100 - WAD // 10**4, "but for a lot of each hedge"


HEDGES_LIKE_OTHERS = Mutant(
    name="hedges of few lots are sliced like anything else",
    contract="LiquidationEngine",
    source="contracts/liquidation/LiquidationEngine.sol",
    passages=(
        (
            "contracts/liquidation/LiquidationEngine.sol",
            "if (portfolio.model == PORTFOLIO && step.maintenance <",
            "if (portfolio.model == 99 && step.maintenance <",
        ),
    ),
)


def hedge_in_few_lots(chain: LocalChain) -> tuple[int, int]:
    """Two hedges; the smaller one's perpetual stands at its minimum: in a slice of the account it goes whole, and what
    it hedged stays. Then the basis is charged more, and the account is weak."""
    chain.open("lender", collateral={"USDC": 1_000_000, "ETH": 100, "BTC": 10})
    maker = chain.open("maker", collateral={"USDC": 1_000_000})
    owner = chain.open("small hedger", collateral={"USDC": "605", "BTC": "0.001"})
    chain.fill(maker, owner, "ETH-PERP", "0.2")
    chain.fill(maker, owner, "BTC-PERP", "-0.001")
    house, engine = chain.protocol.house.functions, chain.protocol.engine.functions
    key = chain.key_of(owner)
    chain.send(house.setMarginModel(owner, PORTFOLIO), key.address)
    chain.withdraw(owner, "ETH", "0.2")
    chain.withdraw(owner, "USDC", "20")
    terms = list(engine.contingencyOf(ETH).call())
    for asset in (1, ETH):
        chain.send(engine.setContingency(asset, (75_000, *terms[1:])), chain.governor)
    return owner, chain.open("liquidator", collateral={"USDC": 100_000})


def test_liquidate__hedges_of_few_lots__closes_whole(chain: LocalChain) -> None:
    owner, liquidator = hedge_in_few_lots(chain)
    assert not chain.health(owner).is_healthy
    chain.liquidate(owner, liquidator)
    sizes = [chain.protocol.position(owner, symbol) for symbol in ("ETH-PERP", "BTC-PERP")]
    assert sizes == [0, 0]


def test_liquidate__hedges_of_few_lots_sliced__cannot_be_liquidated() -> None:
    with mutant_chain(HEDGES_LIKE_OTHERS) as chain:
        owner, liquidator = hedge_in_few_lots(chain)
        with reverts("Liquidation_HealthFell", account=owner):
            chain.liquidate(owner, liquidator)
