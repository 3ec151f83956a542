"""Each guard that protects money planted out, and the loss. With the guard: the other files of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ballast.errors import ContractError
from ballast.units import WAD
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.liquidation.test_reward import opposite, wealth
from tests.contracts.markets.desk import encode
from tests.support.mutants import Mutant, mutant_chain

ENGINE = "contracts/liquidation/LiquidationEngine.sol"


def engine(name: str, old: str, new: str) -> Mutant:
    return Mutant(name=name, contract="LiquidationEngine", source=ENGINE, passages=((ENGINE, old, new),))


NO_HEALTH = engine(
    "whoever is below initial margin",
    "(step.equity, step.maintenance) = (health.equity, health.maintenance);",
    "(step.equity, step.maintenance) = (health.equity, health.initial);",
)
NO_SHARE_CAP = engine(
    "the account pays the whole reward",
    "step.accountReward = Rounding.mulDivDown(base, share, WAD);",
    "step.accountReward = Rounding.mulDivDown(base, rate, WAD);",
)
NO_RISE = engine(
    "a step may lower the factor",
    "if (step.equity >= 0 && step.fraction != WAD) {",
    "if (step.equity > type(int128).max) {",
)
NO_MINIMUM = engine(
    "the minimum closes nothing",
    "if (left <= IMarginEngine(_engine).minimumMaintenance()) step.fraction = WAD;",
    "left;",
)
CLOCK_AGAIN = engine("the clock starts again", "if (header.flaggedAt != 0) return;", "")
NO_COOL_OFF = engine(
    "no cool-off", "bool fresh = header.riskBlock == block.number || step.unpriced;", "bool fresh = step.unpriced;"
)
NO_LOCK = engine(
    "the fund pays in the owner's block",
    "if (step.equity < 0 && header.riskBlock == block.number) revert Liquidation_InsuranceLocked(l.account);",
    "",
)
NO_STEP_CAP = engine("no cap of a step", "Rounding.min(rate - share, config.fundStepCap)", "rate - share")
NO_DAY_CAP = engine("no cap of a day", "cap > spent ? cap - spent : 0", "type(uint128).max")
LENDERS_FIRST = Mutant(
    name="winners bear nothing",
    contract="LossAllocation",
    source="contracts/liquidation/LossAllocation.sol",
    passages=(
        (
            "contracts/liquidation/LossAllocation.sol",
            "if (losses == 0 || lossWad == 0) return 0;",
            "if (losses != type(uint256).max) return 0;",
        ),
    ),
)


@contextmanager
def without(*mutants: Mutant) -> Iterator[Scenes]:
    with mutant_chain(*mutants) as chain:
        yield Scenes(chain)


def weak(scenes: Scenes, price: int = 2_650, name: str = "borrower") -> int:
    account = scenes.borrower(name, owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=price)
    return account


def test_liquidate__without_the_health_check__takes_a_reward_from_the_healthy() -> None:
    with without(NO_HEALTH) as scenes:
        liquidator = scenes.open("liquidator", USDC=1_000_000)
        account = weak(scenes, 2_750)
        before = scenes.chain.health(account)
        assert before.is_healthy
        scenes.chain.liquidate(account, liquidator)
        assert scenes.chain.health(account).equity < before.equity - 5 * WAD


def test_liquidate__without_the_cap_of_the_share__leaves_a_debt_to_others() -> None:
    """E is 0.3% of MM and the reward 11%: the account ends below zero, and the next step writes it off."""
    with without(NO_SHARE_CAP) as scenes:
        liquidator = scenes.open("liquidator", USDC=1_000_000)
        account = weak(scenes, 2_301)
        assert scenes.chain.health(account).equity > 0
        scenes.chain.liquidate(account, liquidator)
        assert scenes.chain.health(account).equity < -300 * WAD
        lent = scenes.protocol.balance(scenes.lender(), "USDC")
        scenes.chain.liquidate(account, liquidator)
        assert scenes.protocol.balance(scenes.lender(), "USDC") < lent - 250 * 10**6


def test_liquidate__without_the_rise__small_steps_bleed_a_small_account() -> None:
    """Its requirement is the minimum, which does not shrink with it."""
    with without(NO_RISE) as scenes:
        scenes.free_trading()
        scenes.set_liquidation(dust=0)
        liquidator = scenes.open("liquidator", USDC=1_000_000)
        account = scenes.trader(positions={"ETH-PERP": "0.05"}, USDC="15.1")
        scenes.price(ETH=2_850)
        factors = []
        for _ in range(6):
            health = scenes.chain.health(account)
            factors.append(health.equity / health.maintenance)
            scenes.chain.liquidate(account, liquidator, max_fraction=WAD // 10)
        assert factors == sorted(factors, reverse=True)
        assert factors[-1] < factors[0]


def test_liquidate__without_closing_at_the_minimum__cures_nothing() -> None:
    with without(NO_MINIMUM) as scenes:
        scenes.free_trading()
        liquidator = scenes.open("liquidator", USDC=1_000_000)
        account = scenes.trader(positions={"ETH-PERP": "0.1"}, USDC="31.2")
        scenes.price(ETH=2_790)
        scenes.chain.liquidate(account, liquidator)
        assert not scenes.chain.health(account).is_healthy


def test_flag__that_restarts_the_clock__keeps_the_reward_down() -> None:
    rates = []
    for mutants in ((), (CLOCK_AGAIN,)):
        with without(*mutants) as scenes:
            liquidator = scenes.open("liquidator", USDC=1_000_000)
            account = weak(scenes)
            for _ in range(10):
                scenes.flag(account)
                scenes.chain.warp(120)
            event = scenes.event(scenes.chain.liquidate(account, liquidator), "Liquidated")
            rates.append(event["accountReward"] * WAD // (event["maintenance"] * event["fraction"] // WAD))
    assert rates[0] - rates[1] > WAD * 7 // 100


@pytest.mark.parametrize(("mutant", "price", "paid"), [(NO_COOL_OFF, 2_205, 60), (NO_LOCK, 1_900, 2_900)])
def test_liquidate__in_the_owners_block__robs_the_fund(mutant: Mutant, price: int, paid: int) -> None:
    """The owner withdraws, a price that is known to come falls, his other account closes the first: one block."""
    with without(mutant) as scenes:
        scenes.chain.fund_insurance(1_000_000)
        account = scenes.borrower(owes={"USDC": 10_000}, ETH=10)
        other = scenes.open("borrower", 1, USDC=1_000_000)
        usdc = scenes.protocol.token("USDC").address
        owner = scenes.owner(account)
        calls = [
            (scenes.house.functions.withdraw(account, usdc, 12_000 * 10**6, owner), owner),
            (scenes.protocol.feed("ETH").functions.submit(price * 10**8), scenes.governor),
            (scenes.liquidate_call(account, other), owner),
        ]
        before = scenes.insurance()
        assert [mined.error for mined in scenes.in_one_block(*calls)] == [None] * 3
        assert before - scenes.insurance() > paid * 10**6


@pytest.mark.parametrize("mutant", [NO_STEP_CAP, NO_DAY_CAP], ids=lambda mutant: mutant.name)
def test_opposite_accounts__without_a_cap__get_more_of_the_fund(mutant: Mutant) -> None:
    """At zero equity the whole reward is the fund's. The caps hold it to a small part, the day's to 1% of the fund."""
    gained = []
    for mutants in ((), (mutant,)):
        with without(*mutants) as scenes:
            scenes.chain.fund_insurance(20_000 if mutant is NO_DAY_CAP else 1_000_000)
            accounts = opposite(scenes)
            before = wealth(scenes, accounts)
            scenes.price(ETH=2_700)
            scenes.flag(accounts[0])
            scenes.chain.warp(1_000)
            scenes.chain.liquidate(accounts[0], accounts[2])
            gained.append(wealth(scenes, accounts) - before)
    assert gained[1] > 2 * gained[0] > 0


def test_loss__without_winners_first__lenders_pay_and_winners_keep_it() -> None:
    with without(LENDERS_FIRST) as scenes:
        scenes.free_trading()
        liquidator, winner = scenes.open("liquidator", USDC=1_000_000), scenes.open("winner", USDC=50_000)
        loser = scenes.borrower("loser", owes={"USDC": 21_000}, ETH=10)
        scenes.chain.fill(winner, loser, "ETH-PERP", 5)
        scenes.price(ETH=1_900)
        lent = scenes.protocol.balance(scenes.lender(), "USDC")
        scenes.chain.liquidate(loser, liquidator)
        assert scenes.unsettled(winner, "ETH-PERP") == 5_500 * WAD
        assert scenes.protocol.balance(scenes.lender(), "USDC") < lent - 6_000 * 10**6


NO_SLICE_BOUND = Mutant(
    name="a liquidator may draw more than the slice",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(
        (
            "contracts/ledger/HealthCheck.sol",
            "revert Ledger_BeyondSlice(account, token);",
            "",
        ),
    ),
)


def test_batch__without_the_bound_of_the_slice__borrows_at_a_price_of_one_block() -> None:
    """ETH is fed at 700 for a block and truly worth 3,000: a sliver of somebody's account opens the bank."""
    for mutants in ((), (NO_SLICE_BOUND,)):
        with without(*mutants) as scenes:
            victim = scenes.borrower("victim", owes={"USDC": 23_000}, ETH=10)
            account = scenes.open("attacker", USDC=100)
            owner = scenes.owner(account)
            scenes.mint_to(owner, 100_000)
            scenes.chain.set_price("ETH", 700)
            scenes.chain.fund_insurance(100_000)
            house = scenes.house.functions
            tokens = {symbol: scenes.protocol.token(symbol).address for symbol in ("ETH", "USDC")}
            calls = [
                scenes.liquidate_call(victim, account, fraction=WAD // 10_000),
                house.withdraw(account, tokens["ETH"], 100 * WAD, owner),
                house.deposit(account, tokens["USDC"], 100_000 * 10**6),
            ]
            batch = house.batch([encode(call) for call in calls])
            if not mutants:
                with pytest.raises(ContractError, match="Ledger_BeyondSlice"):
                    scenes.chain.send(batch, owner)
                continue
            scenes.chain.send(batch, owner)
            scenes.chain.set_price("ETH", 3_000)
            assert scenes.chain.health(account).equity < -190_000 * WAD
