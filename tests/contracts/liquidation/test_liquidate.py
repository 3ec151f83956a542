"""LiquidationEngine.sol, liquidate: who, by whom, on what terms. Branches: test_liquidate.tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.local import LocalChain
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import encode, reverts

ANY = 2**64 - 1


@pytest.fixture
def weak(scenes: Scenes) -> int:
    """10 ETH against 23,000 USDC at 2,650: a health factor of 0.88."""
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=2_650)
    return account


def on_the_edge(scenes: Scenes) -> int:
    """Long 10 ETH-PERP with 3,165.5 USDC: at 2,870 equity is 1,865.5, and so is 6.5% of 28,700."""
    scenes.free_trading()
    return scenes.trader(positions={"ETH-PERP": 10}, USDC="3165.5")


# ------------------------------------------------------------ the account


def test_liquidate__equity_equals_maintenance__reverts(scenes: Scenes, liquidator: int) -> None:
    account = on_the_edge(scenes)
    scenes.chain.set_price("ETH", 2_870)
    edge = 1_865_500_000_000_000_000_000
    with reverts("Liquidation_Healthy", account=account, equityWad=edge, maintenanceWad=edge):
        scenes.chain.liquidate(account, liquidator)


def test_liquidate__a_hair_below_maintenance__takes_a_slice(scenes: Scenes, liquidator: int) -> None:
    account = on_the_edge(scenes)
    scenes.chain.set_price("ETH", "2869.99999999")
    step = scenes.step(account, liquidator)
    assert step.event["maintenance"] - step.event["equity"] == 93_500_000_000
    assert step.event["fraction"] > 0


@pytest.mark.parametrize("account", [1 << 8, 2**168, 2**256 - 1, 0], ids=["empty", "beyond", "last", "zero"])
def test_liquidate__account_without_anything__reverts(scenes: Scenes, liquidator: int, account: int) -> None:
    with reverts("Liquidation_Healthy", account=account, equityWad=0, maintenanceWad=0):
        scenes.chain.liquidate(account, liquidator)


def test_liquidate__account_without_debt__reverts(scenes: Scenes, liquidator: int) -> None:
    account = scenes.open("holder", ETH=10)
    scenes.price(ETH=1)
    with reverts("Liquidation_Healthy", account=account, equityWad=10 * WAD):
        scenes.chain.liquidate(account, liquidator)


@pytest.mark.parametrize("first", ["withdraw", "transfer", "fill"])
def test_liquidate__account_touched_in_the_batch__reverts(
    scenes: Scenes, weak: int, liquidator: int, first: str
) -> None:
    house, owner = scenes.house.functions, scenes.owner(weak)
    other = scenes.open("borrower", 1, USDC=100_000)
    usdc = scenes.protocol.token("USDC").address
    made = scenes.chain.order(other, "ETH-PERP", -1)
    taken = scenes.chain.order(weak, "ETH-PERP", 1)
    calls = {
        "withdraw": house.withdraw(weak, usdc, 1, owner),
        "transfer": house.transfer(weak, other, usdc, 1),
        "fill": house.fill(made.as_tuple(), b"", taken.as_tuple(), b"", WAD),
    }
    for last in (scenes.liquidate_call(weak, other), house.flag(weak)):
        with reverts("Liquidation_CheckDeferred", account=weak):
            scenes.chain.send(house.batch([encode(calls[first]), encode(last)]), owner)


def test_liquidate__account_repaid_in_the_batch__is_judged_by_what_it_is_then(scenes: Scenes, weak: int) -> None:
    house, owner = scenes.house.functions, scenes.owner(weak)
    other = scenes.open("borrower", 1, USDC=100_000)
    usdc = scenes.protocol.token("USDC").address
    scenes.mint_to(owner, 10_000)
    deposit = encode(house.deposit(weak, usdc, 10_000 * 10**6))
    with reverts("Liquidation_Healthy", account=weak):
        scenes.chain.send(house.batch([deposit, encode(scenes.liquidate_call(weak, other))]), owner)
    # the other way round it is a liquidation, then a payment
    scenes.chain.send(house.batch([encode(scenes.liquidate_call(weak, other)), deposit]), owner)
    assert scenes.liquidation_state(weak) == (0, 1)


# ------------------------------------------------------------ the liquidator's account


def test_liquidate__by_an_operator_of_the_liquidators_account__goes(scenes: Scenes, weak: int, liquidator: int) -> None:
    operator = scenes.chain.accounts[5].address
    scenes.chain.send(scenes.house.functions.setOperator(liquidator, operator, ANY), scenes.owner(liquidator))
    scenes.chain.send(scenes.liquidate_call(weak, liquidator), operator)
    assert scenes.protocol.balance(liquidator, "ETH") > 0


def test_liquidate__for_somebody_elses_account__reverts(scenes: Scenes, weak: int, liquidator: int) -> None:
    stranger = scenes.chain.accounts[6].address
    with reverts("Ledger_NotAuthorized", account=liquidator, caller=stranger):
        scenes.chain.send(scenes.liquidate_call(weak, liquidator), stranger)
    for account in (0, 2**168):
        with reverts("Ledger_AccountOutOfRange", account=account):
            scenes.chain.send(scenes.liquidate_call(weak, account), stranger)


def test_liquidate__into_itself__reverts(scenes: Scenes, weak: int) -> None:
    with reverts("Liquidation_OwnAccount", account=weak):
        scenes.chain.liquidate(weak, weak)


def test_liquidate__into_another_account_of_the_owner__is_as_any(scenes: Scenes, weak: int, liquidator: int) -> None:
    other = scenes.open("borrower", 1, USDC=100_000)
    now = scenes.chain.now()
    again = scenes.chain.snapshot()
    theirs = scenes.step(weak, liquidator, now).event
    scenes.chain.revert(again)
    own = scenes.step(weak, other, now).event
    assert {**own, "liquidatorAccount": liquidator} == theirs


def test_liquidate__liquidator_below_initial_margin__reverts(scenes: Scenes, weak: int) -> None:
    poor = scenes.open("poor")
    with reverts("Ledger_BelowInitialMargin", account=poor):
        scenes.chain.liquidate(weak, poor)
    # what it needs is the margin of the slice, not its price: it borrows the rest
    scenes.open("poor", USDC=1_500)
    step = scenes.step(weak, poor)
    assert step.event["paid"] < 1_500 * WAD
    assert scenes.protocol.balance(poor, "USDC") < 0


def test_liquidate__liquidator_full_of_positions__reverts_and_a_fresh_sub_account_does(scenes: Scenes) -> None:
    maker = scenes.open("another maker", USDC=1_000_000)
    engine = scenes.protocol.engine
    config = tuple(scenes.config("ETH-PERP").values())
    rates = engine.functions.instrumentRates(scenes.protocol.instrument("ETH-PERP")).call()
    account = on_the_edge(scenes)
    full = scenes.open("full", USDC=1_000_000)
    for number in range(0x20200001, 0x20200011):
        scenes.govern(scenes.house.functions.listMarket(number, f"ETH-{number}", config))
        scenes.govern(engine.functions.setInstrumentRates(number, rates))
        made, taken = (
            replace(scenes.chain.order(who, "ETH-PERP", size), instrument=number)
            for who, size in ((maker, "-0.01"), (full, "0.01"))
        )
        scenes.match(made, taken)
    scenes.price(ETH=2_850)
    with reverts("Ledger_TooManyPositions", account=full, limit=16):
        scenes.chain.liquidate(account, full)
    fresh = scenes.open("full", 1, USDC=100_000)
    assert scenes.step(account, fresh).gained > 0


# ------------------------------------------------------------ terms


@pytest.mark.parametrize("fraction", [0, WAD + 1, 2**256 - 1])
def test_liquidate__max_fraction_out_of_bounds__reverts(
    scenes: Scenes, weak: int, liquidator: int, fraction: int
) -> None:
    with reverts("Liquidation_FractionBounds", maxFraction=fraction, bound=WAD):
        scenes.chain.liquidate(weak, liquidator, max_fraction=fraction)


def at(scenes: Scenes, time: int, weak: int, liquidator: int, **terms: Any) -> dict[str, Any]:
    scenes.next_block_at(time)
    return scenes.event(scenes.chain.liquidate(weak, liquidator, **terms), "Liquidated")


def test_liquidate__min_fraction__is_kept_to_the_wei(scenes: Scenes, weak: int, liquidator: int) -> None:
    now = scenes.chain.now()
    again = scenes.chain.snapshot()
    fraction = at(scenes, now, weak, liquidator)["fraction"]
    scenes.chain.revert(again)
    with reverts("Liquidation_FractionBelowMin", fraction=fraction, minFraction=fraction + 1):
        at(scenes, now, weak, liquidator, min_fraction=fraction + 1)
    assert at(scenes, now, weak, liquidator, min_fraction=fraction)["fraction"] == fraction


def test_liquidate__min_fraction_above_the_callers_own_limit__reverts(
    scenes: Scenes, weak: int, liquidator: int
) -> None:
    with reverts("Liquidation_FractionBelowMin", fraction=WAD // 100, minFraction=WAD // 50):
        scenes.chain.liquidate(weak, liquidator, max_fraction=WAD // 100, min_fraction=WAD // 50)


def test_liquidate__max_paid__is_kept_to_the_wei(scenes: Scenes, weak: int, liquidator: int) -> None:
    now = scenes.chain.now()
    again = scenes.chain.snapshot()
    paid = at(scenes, now, weak, liquidator)["paid"]
    scenes.chain.revert(again)
    assert paid > 0
    with reverts("Liquidation_PaidAboveMax", paidWad=paid, maxPaid=paid - 1):
        at(scenes, now, weak, liquidator, max_paid=paid - 1)
    at(scenes, now, weak, liquidator, max_paid=paid)


def test_liquidate__negative_max_paid__asks_to_be_paid(scenes: Scenes, liquidator: int) -> None:
    scenes.chain.fund_insurance(100_000)
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=2_200)
    now = scenes.chain.now()
    again = scenes.chain.snapshot()
    paid = at(scenes, now, account, liquidator)["paid"]
    scenes.chain.revert(again)
    assert paid < -1_000 * WAD, "an account of -1,000 is taken for less than nothing"
    with reverts("Liquidation_PaidAboveMax", paidWad=paid, maxPaid=paid - 1):
        at(scenes, now, account, liquidator, max_paid=paid - 1)
    at(scenes, now, account, liquidator, max_paid=paid)


def test_liquidate__expected_step__must_be_the_accounts(scenes: Scenes, weak: int, liquidator: int) -> None:
    part = {"max_fraction": WAD // 100}
    with reverts("Liquidation_Step", expected=1, found=0):
        scenes.chain.liquidate(weak, liquidator, expected_step=1, **part)
    scenes.chain.liquidate(weak, liquidator, expected_step=0, **part)
    for stale in (0, 2, ANY - 1):
        with reverts("Liquidation_Step", expected=stale, found=1):
            scenes.chain.liquidate(weak, liquidator, expected_step=stale, **part)
    scenes.chain.liquidate(weak, liquidator, expected_step=1, **part)
    scenes.chain.liquidate(weak, liquidator, expected_step=ANY, **part)
    assert scenes.liquidation_state(weak)[1] == 3


def test_liquidate__event__says_it_all(scenes: Scenes, weak: int, liquidator: int) -> None:
    now = scenes.chain.now()
    health = scenes.health_at(weak, now)
    event = at(scenes, now, weak, liquidator, max_fraction=WAD // 10)
    rate = WAD // 100 + (health.maintenance - health.equity) * WAD // health.maintenance // 10
    reward = health.maintenance * (WAD // 10) // WAD * rate // WAD
    assert event == {
        "account": weak,
        "liquidatorAccount": liquidator,
        "step": 1,
        "fraction": WAD // 10,
        "paid": pytest.approx((health.equity - reward * 10) // 10 + reward // 10, abs=4 * QUOTE_UNIT),
        "equity": health.equity,
        "maintenance": health.maintenance,
        "accountReward": pytest.approx(reward, abs=4 * QUOTE_UNIT),
        "fundReward": 0,
        "insuranceFee": pytest.approx(reward // 10, abs=QUOTE_UNIT),
    }


def test_liquidate__no_reward_configured__goes_all_the_same(
    scenes: Scenes, weak: int, liquidator: int, ballast_chain: LocalChain
) -> None:
    zero = dict.fromkeys(("startRate", "healthSlope", "rampRate", "maxRate"), 0)
    scenes.set_liquidation(**zero)
    step = scenes.step(weak, liquidator)
    assert step.event["accountReward"] == 0
    assert step.after.equity * 100 >= step.after.maintenance * 115 - WAD
    assert ballast_chain.health(weak).is_healthy
