"""The reward over health and time, its parts, its caps and its cool-off. Branches: test_reward.tree."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from ballast.chain.local import LocalChain
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.reference import Terms
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import Mined

DAY = 86_400


def weak(scenes: Scenes, price: int = 2_650, name: str = "borrower") -> int:
    """10 ETH against 23,000 USDC."""
    account = scenes.borrower(name, owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=price)
    return account


def rates_of(event: dict[str, Any]) -> tuple[Fraction, Fraction]:
    """What account and fund paid, as parts of the maintenance margin that was taken."""
    base = Fraction(event["maintenance"] * event["fraction"], WAD)
    return Fraction(event["accountReward"]) / base, Fraction(event["fundReward"]) / base


def near(found: Fraction, expected: Fraction | str) -> bool:
    return abs(found - Fraction(expected)) < Fraction(1, 10**7)


# ------------------------------------------------------------ health and time


@pytest.mark.parametrize("price", [2_700, 2_600, 2_500, 2_400])
def test_reward__first_step__is_of_the_health_alone(scenes: Scenes, liquidator: int, price: int) -> None:
    account = weak(scenes, price)
    scenes.chain.warp(5_000)  # unhealthy for long, but nobody flagged it
    step = scenes.step(account, liquidator)
    factor = Fraction(step.before.equity, step.before.maintenance)
    assert near(rates_of(step.event)[0], Fraction(1, 100) + (1 - factor) / 10)


@pytest.mark.parametrize(
    ("elapsed", "ramp"), [(0, "0"), (90, "0.009"), (450, "0.045"), (899, "0.0899"), (900, "0.09"), (90_000, "0.09")]
)
def test_reward__since_the_flag__grows_for_fifteen_minutes(
    scenes: Scenes, liquidator: int, elapsed: int, ramp: str
) -> None:
    account = weak(scenes)
    scenes.flag(account)
    flagged_at = scenes.chain.now()
    assert scenes.liquidation_state(account) == (flagged_at, 0)
    if elapsed > 80_000:
        scenes.next_block_at(flagged_at + elapsed - 1)
        scenes.chain.set_prices({"ETH": 2_650, "USDC": 1})
    step = scenes.step(account, liquidator, flagged_at + elapsed)
    factor = Fraction(step.before.equity, step.before.maintenance)
    assert near(rates_of(step.event)[0], Fraction(1, 100) + (1 - factor) / 10 + Fraction(ramp))


def test_reward__of_the_second_step__counts_from_the_first(scenes: Scenes, liquidator: int) -> None:
    account = weak(scenes)
    first = scenes.step(account, liquidator, max_fraction=WAD // 100)
    start = scenes.liquidation_state(account)[0]
    assert start == scenes.chain.now()
    second = scenes.step(account, liquidator, start + 300, max_fraction=WAD // 100)
    for step, ramp in ((first, "0"), (second, "0.03")):
        factor = Fraction(step.before.equity, step.before.maintenance)
        assert near(rates_of(step.event)[0], Fraction(1, 100) + (1 - factor) / 10 + Fraction(ramp))


def test_reward__far_below_zero__is_the_largest_rate(scenes: Scenes, liquidator: int) -> None:
    scenes.chain.fund_insurance(1_000_000)
    scenes.set_liquidation(fundStepCap=WAD // 2, fundDayCap=WAD)
    account = weak(scenes, 1_500)
    step = scenes.step(account, liquidator)
    assert step.before.equity < -2 * step.before.maintenance
    assert near(rates_of(step.event)[1], "0.2")


def test_reward__after_a_sequencers_outage__counts_from_the_end_of_the_grace(scenes: Scenes, liquidator: int) -> None:
    feed = scenes.deploy("SettableAggregator", 0)
    scenes.chain.send(feed.functions.setRound((1, 0, 1, 1, 1)), scenes.governor)
    scenes.govern(scenes.protocol.router.functions.setSequencer(feed.address, 3_600))
    account = weak(scenes)
    scenes.flag(account)
    start = scenes.chain.now()
    # up again 800 s after the flag; the grace lasts an hour
    scenes.chain.send(feed.functions.setRound((2, 0, start + 800, start + 800, 2)), scenes.governor)
    live = start + 800 + 3_600
    for elapsed in (0, 300):
        again = scenes.chain.snapshot()
        step = scenes.step(account, liquidator, live + elapsed)
        factor = Fraction(step.before.equity, step.before.maintenance)
        assert near(rates_of(step.event)[0], Fraction(1, 100) + (1 - factor) / 10 + Fraction(elapsed, 10_000))
        scenes.chain.revert(again)


# ------------------------------------------------------------ shares


@pytest.mark.parametrize("price", [2_305, 2_310, 2_330, 2_400])
def test_reward__account__pays_no_more_than_its_health_and_a_tenth_goes_to_insurance(
    scenes: Scenes, liquidator: int, price: int
) -> None:
    account = weak(scenes, price)
    step = scenes.step(account, liquidator)
    factor = Fraction(step.before.equity, step.before.maintenance)
    rate = Fraction(1, 100) + (1 - factor) / 10
    paid, fund = rates_of(step.event)
    assert near(paid, min(rate, factor))
    assert (paid == rate) or (step.event["fraction"] == WAD) or factor > rate
    assert fund == 0, "the fund is empty"
    assert abs(step.insured - Fraction(step.event["accountReward"], 10)) <= 2 * QUOTE_UNIT


@pytest.mark.parametrize("price", [2_305, 2_330, 2_299, 1_800])
def test_reward__fund__fills_up_to_its_cap(scenes: Scenes, liquidator: int, price: int) -> None:
    scenes.chain.fund_insurance(1_000_000)
    scenes.set_liquidation(fundDayCap=WAD)
    account = weak(scenes, price)
    terms = Terms.of(scenes.liquidation_config())
    step = scenes.step(account, liquidator)
    factor = Fraction(step.before.equity, step.before.maintenance)
    rate = terms.rate(factor, 0)
    share = min(rate, max(factor, Fraction(0)))
    paid, fund = rates_of(step.event)
    assert near(paid, share)
    assert near(fund, min(rate - share, terms.fund_step_cap))
    assert (price > 2_400) or fund > 0
    assert step.gained == pytest.approx(
        step.event["accountReward"] - step.event["insuranceFee"] + step.event["fundReward"], abs=6 * QUOTE_UNIT
    )


@pytest.mark.parametrize("parts", [4, 25])
@pytest.mark.parametrize("price", [2_305, 2_200])
def test_reward__fund__many_steps_get_no_more_of_it_than_one(
    scenes: Scenes, liquidator: int, parts: int, price: int
) -> None:
    scenes.chain.fund_insurance(1_000_000)
    scenes.set_liquidation(fundDayCap=WAD, dust=0)
    account = weak(scenes, price)
    scenes.flag(account)
    now = scenes.chain.now() + 900
    again = scenes.chain.snapshot()
    one = scenes.step(account, liquidator, now)
    scenes.chain.revert(again)
    rich = scenes.health_at(liquidator, now).equity
    paid = 0
    for part in range(parts - 1):
        event = scenes.step(account, liquidator, now, max_fraction=WAD // (parts - part)).event
        paid += event["fundReward"]
    paid += scenes.step(account, liquidator, now).event["fundReward"]
    assert one.event["fundReward"] > 100 * WAD
    assert paid <= one.event["fundReward"]
    assert scenes.chain.health(liquidator).equity - rich <= one.gained


def test_reward__fund__pays_a_hundredth_a_day(scenes: Scenes, liquidator: int) -> None:
    scenes.chain.fund_insurance(10_000)
    tomorrow = (scenes.chain.now() // DAY + 1) * DAY
    scenes.next_block_at(tomorrow + 10)
    scenes.chain.refresh_prices()
    accounts = [scenes.borrower(f"borrower {i}", owes={"USDC": 23_000}, ETH=10) for i in range(4)]
    scenes.price(ETH=2_306)
    rewards = []
    for account in accounts[:2]:
        rewards.append(scenes.step(account, liquidator).event["fundReward"])
    # 1% of the fund is 100; what the accounts themselves paid in has raised it a little
    fund = scenes.insurance_wad() + sum(rewards)
    assert 100 * WAD <= sum(rewards) <= fund // 100
    assert rewards[1] < rewards[0]
    # more in the fund, more to pay
    scenes.chain.fund_insurance(5_000)
    rewards.append(scenes.step(accounts[2], liquidator).event["fundReward"])
    fund = scenes.insurance_wad() + sum(rewards)
    assert 149 * WAD < sum(rewards) <= fund // 100
    # nothing is left of the day, and the step goes on
    again = scenes.chain.snapshot()
    step = scenes.step(accounts[3], liquidator)
    assert step.event["fundReward"] <= WAD
    assert step.event["fraction"] == WAD
    scenes.chain.revert(again)
    scenes.next_block_at(tomorrow + DAY)
    scenes.chain.refresh_prices()
    assert scenes.step(accounts[3], liquidator).event["fundReward"] > 90 * WAD


@pytest.mark.parametrize("price", [2_303, 2_000])
def test_reward__empty_fund__pays_nothing_and_nothing_reverts(scenes: Scenes, liquidator: int, price: int) -> None:
    account = weak(scenes, price)
    step = scenes.step(account, liquidator)
    assert step.event["fundReward"] == 0
    assert step.event["fraction"] == WAD
    assert scenes.liquidation_state(account) == (0, 1)


# ------------------------------------------------------------ the owner's block


def same_block(scenes: Scenes, account: int, liquidator: int, price: int, *first: Any) -> list[Mined]:
    """The owner's calls, then a new price, then a liquidation, all in one block."""
    feed = scenes.protocol.feed("ETH")
    calls = [(call, scenes.owner(account)) for call in first]
    calls.append((feed.functions.submit(price * 10**8), scenes.governor))
    calls.append((scenes.liquidate_call(account, liquidator), scenes.owner(liquidator)))
    return scenes.in_one_block(*calls)


def withdraw(scenes: Scenes, account: int, symbol: str = "USDC", units: int = 10**6) -> Any:
    token = scenes.protocol.token(symbol).address
    return scenes.house.functions.withdraw(account, token, units, scenes.owner(account))


def test_reward__block_of_the_owners_action__is_the_smallest_and_without_the_fund(
    scenes: Scenes, liquidator: int
) -> None:
    scenes.chain.fund_insurance(1_000_000)
    account = scenes.borrower(owes={"USDC": 22_000}, ETH=10)
    scenes.price(ETH=2_760)
    mined = same_block(scenes, account, liquidator, 2_350, withdraw(scenes, account))
    assert [m.error for m in mined] == [None] * 3
    event = scenes.event(mined[-1].receipt, "Liquidated")
    assert 0 < event["equity"] < event["maintenance"] // 2
    paid, fund = rates_of(event)
    assert near(paid, "0.01")
    assert fund == 0


def test_reward__the_next_block__pays_as_usual(scenes: Scenes, liquidator: int) -> None:
    scenes.chain.fund_insurance(1_000_000)
    account = scenes.borrower(owes={"USDC": 22_000}, ETH=10)
    scenes.price(ETH=2_760)
    scenes.chain.send(withdraw(scenes, account), scenes.owner(account))
    mined = same_block(scenes, account, liquidator, 2_350)
    factor = Fraction(
        mined and (event := scenes.event(mined[-1].receipt, "Liquidated"))["equity"], event["maintenance"]
    )
    assert near(rates_of(event)[0], Fraction(1, 100) + (1 - factor) / 10)


@pytest.mark.parametrize("paused", [False, True])
def test_reward__insolvent_in_the_block_of_the_owners_action__reverts(
    scenes: Scenes, liquidator: int, paused: bool
) -> None:
    """Withdraw to the edge, let the price fall, hand the loss to insurance: not in one block."""
    scenes.chain.fund_insurance(1_000_000)
    account = scenes.borrower(owes={"USDC": 10_000}, ETH=10)
    if paused:
        scenes.pause()
    action = withdraw(scenes, account, "ETH", 5 * WAD)
    mined = same_block(scenes, account, liquidator, 1_900, action)
    assert [m.error for m in mined[:2]] == [None] * 2
    assert mined[2].error is not None
    assert mined[2].error.name == "Liquidation_InsuranceLocked"
    assert scenes.chain.health(account).equity < 0
    assert scenes.step(account, liquidator).event["fundReward"] > 0, "a block later it goes"


def test_reward__action_below_initial_margin__starts_no_cool_off(scenes: Scenes, liquidator: int) -> None:
    """Such an action cannot lower the excess; were it to count, an owner could hold off his liquidation for ever."""
    account = scenes.borrower(owes={"USDC": 22_000}, ETH=10)
    scenes.price(ETH=2_700)  # below initial, above maintenance
    health = scenes.chain.health(account)
    assert health.maintenance < health.equity < health.initial
    usdc = scenes.protocol.token("USDC").address
    scenes.open("borrower", 1, USDC=10)
    transfer = scenes.house.functions.transfer(account - account % 256 + 1, account, usdc, 10**6)
    made = scenes.chain.order(scenes.maker(), "ETH", 1)
    taken = scenes.chain.order(account, "ETH", -1, maxFee=10**24)
    reduction = scenes.house.functions.fill(made.as_tuple(), scenes.chain.sign(made), taken.as_tuple(), b"", WAD // 10)
    mined = same_block(scenes, account, liquidator, 2_350, transfer, reduction)
    assert [m.error for m in mined] == [None] * 4
    event = scenes.event(mined[-1].receipt, "Liquidated")
    factor = Fraction(event["equity"], event["maintenance"])
    assert near(rates_of(event)[0], Fraction(1, 100) + (1 - factor) / 10)


def test_reward__deposit_of_a_unit_by_anybody__starts_no_cool_off(scenes: Scenes, liquidator: int) -> None:
    account = scenes.borrower(owes={"USDC": 22_000}, ETH=10)
    scenes.price(ETH=2_760)
    scenes.mint_to(scenes.owner(account), 10)
    deposit = scenes.house.functions.deposit(account, scenes.protocol.token("USDC").address, 1)
    mined = same_block(scenes, account, liquidator, 2_350, deposit)
    event = scenes.event(mined[-1].receipt, "Liquidated")
    factor = Fraction(event["equity"], event["maintenance"])
    assert near(rates_of(event)[0], Fraction(1, 100) + (1 - factor) / 10)


# ------------------------------------------------------------ opposite accounts


def opposite(scenes: Scenes) -> tuple[int, int, int]:
    """One owner's long and short of 100 ETH-PERP, and his account that liquidates. Fees are paid."""
    long, short = (scenes.open("owner", index, USDC=30_200) for index in (0, 1))
    scenes.chain.fill(short, long, "ETH-PERP", 100)
    return long, short, scenes.open("owner", 2, USDC=200_000)


def wealth(scenes: Scenes, accounts: tuple[int, ...]) -> int:
    return sum(scenes.chain.health(account).equity for account in accounts)


def test_opposite_accounts__where_others_liquidate_too__lose(
    scenes: Scenes, liquidator: int, ballast_chain: LocalChain
) -> None:
    """The price falls in small steps, and somebody is there as soon as it can be: the reward is the owner's loss."""
    ballast_chain.fund_insurance(1_000_000)
    accounts = opposite(scenes)
    before = wealth(scenes, accounts)
    price = 3_000
    while ballast_chain.health(accounts[0]).is_healthy:
        price -= 10
        scenes.price(ETH=price)
    ballast_chain.liquidate(accounts[0], liquidator)
    assert wealth(scenes, accounts) < before - 30 * WAD
    assert scenes.insurance_wad() > 1_000_000 * WAD


def test_opposite_accounts__alone_at_zero_equity__get_the_days_part_at_most(
    scenes: Scenes, ballast_chain: LocalChain
) -> None:
    """Nobody else is there and the price jumps to where the account has nothing left: the caps are what holds."""
    fund = 20_000
    ballast_chain.fund_insurance(fund)
    accounts = opposite(scenes)
    before = wealth(scenes, accounts)
    scenes.price(ETH=2_700)
    health = ballast_chain.health(accounts[0])
    assert 0 < health.equity < health.maintenance // 100
    gained = 0
    for _ in range(3):
        if ballast_chain.health(accounts[0]).is_healthy:
            break
        scenes.step(accounts[0], accounts[2])
    gained = wealth(scenes, accounts) - before
    assert gained <= fund * WAD // 100
    assert scenes.insurance_wad() >= fund * WAD * 99 // 100
