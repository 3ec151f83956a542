"""LiquidationEngine.sol, one step of a solvent account. Branches: test_liquidate_step.tree."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Health
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.reference import Terms, fraction_to_target, share_of, steps_price
from tests.contracts.liquidation.scenes import Scenes, Step
from tests.contracts.liquidation.shapes import SHAPES
from tests.contracts.markets.desk import reverts

TOKENS = ("BTC", "ETH", "SOL")
PERPS = ("BTC-PERP", "ETH-PERP", "SOL-PERP")
every_shape = pytest.mark.parametrize("shape", SHAPES)


def terms_of(scenes: Scenes) -> Terms:
    return Terms.of(scenes.liquidation_config())


def expected(scenes: Scenes, health: Health, elapsed: int = 0) -> tuple[Fraction, Fraction, Fraction]:
    """Rate, the account's share of it, and the fraction to the target."""
    terms = terms_of(scenes)
    factor = Fraction(health.equity, health.maintenance)
    rate = terms.rate(factor, elapsed)
    share = share_of(rate, factor)
    return rate, share, fraction_to_target(factor, share, terms.target)


def holdings(scenes: Scenes, account: int) -> dict[str, int]:
    """Token units and sizes by name."""
    found = {symbol: scenes.protocol.balance(account, symbol) for symbol in TOKENS}
    found.update({symbol: scenes.protocol.position(account, symbol) for symbol in PERPS})
    return {symbol: amount for symbol, amount in found.items() if amount}


def close(found: int, exact: Fraction, tolerance: int) -> bool:
    return abs(found - exact) <= tolerance


# ------------------------------------------------------------ any shape


@every_shape
def test_liquidate__any_shape__is_the_published_price(scenes: Scenes, liquidator: int, shape: str) -> None:
    account = SHAPES[shape](scenes)
    rounding = scenes.rounding(account)
    step = scenes.step(account, liquidator)
    event, health = step.event, step.before
    assert (event["equity"], event["maintenance"]) == (health.equity, health.maintenance)
    rate, share, fraction = expected(scenes, health)
    assert close(event["fraction"], fraction * WAD, 10)
    fraction = Fraction(event["fraction"], WAD)
    reward = fraction * share * health.maintenance
    fee = reward * terms_of(scenes).insurance_fee
    assert close(event["accountReward"], reward, 10**7)
    assert 0 <= event["insuranceFee"] - fee < QUOTE_UNIT, "in whole units, rounded up"
    assert event["fundReward"] == 0
    price = steps_price(Fraction(health.equity), Fraction(health.maintenance), rate, fraction)
    assert close(event["paid"], price + fee, rounding)
    # rounding is against the liquidator
    assert -rounding <= step.cost - reward <= rounding
    assert -rounding <= step.gained - (reward - fee) <= 0
    assert close(step.insured, fee, 4 * QUOTE_UNIT)
    assert 0 <= step.cost - step.gained - step.insured <= rounding


@every_shape
def test_liquidate__any_shape__takes_all_in_proportion(scenes: Scenes, liquidator: int, shape: str) -> None:
    account = SHAPES[shape](scenes)
    before = holdings(scenes, account)
    settled = sum(scenes.unsettled(account, symbol) for symbol in PERPS)
    step = scenes.step(account, liquidator)
    after = holdings(scenes, account)
    assert holdings(scenes, liquidator).keys() == before.keys()
    for symbol, amount in before.items():
        taken = amount - after.get(symbol, 0)
        exact = Fraction(abs(amount) * step.event["fraction"], WAD)
        unit = scenes.config(symbol)["lot"] if symbol in PERPS else 2
        assert abs(taken) <= abs(amount)
        assert taken * amount > 0
        # rounded up: to a lot, or to a unit of the token; a unit of the balance may go in shares
        assert -1 <= abs(taken) - exact <= unit, symbol
        got = holdings(scenes, liquidator)[symbol]
        assert abs(got - taken) <= (0 if symbol in PERPS else 2)
    if settled:
        # the part of the profit that was not realised with its positions stays unsettled
        left = sum(scenes.unsettled(account, symbol) for symbol in PERPS)
        share = 1 - Fraction(step.event["fraction"], WAD)
        assert close(left, settled * share, abs(settled) // 1_000 + WAD)


@every_shape
def test_liquidate__not_limited__ends_at_the_target_within_a_lot(scenes: Scenes, liquidator: int, shape: str) -> None:
    account = SHAPES[shape](scenes)
    scenes.flag(account)
    step = scenes.step(account, liquidator)
    target = terms_of(scenes).target
    health = step.after
    slack = Fraction(scenes.rounding(account))
    assert health.equity + slack >= target * health.maintenance
    lots = Fraction(0)
    for symbol in PERPS:
        if scenes.protocol.position(account, symbol):
            rate = scenes.protocol.engine.functions.instrumentRates(scenes.protocol.instrument(symbol)).call()[0]
            lots += Fraction(scenes.config(symbol)["lot"] * scenes.protocol.mark(symbol) * rate, WAD * 10**6)
    assert health.equity <= target * (health.maintenance + lots) + slack
    assert scenes.liquidation_state(account) == (0, 1)
    with reverts("Liquidation_Healthy"):
        scenes.chain.liquidate(account, liquidator)


# ------------------------------------------------------------ limited by the caller


@every_shape
def test_liquidate__limited__takes_just_that_part(scenes: Scenes, liquidator: int, shape: str) -> None:
    account = SHAPES[shape](scenes)
    limit = WAD // 20
    rounding = scenes.rounding(account)
    step = scenes.step(account, liquidator, max_fraction=limit)
    _, share, _ = expected(scenes, step.before)
    assert step.event["fraction"] == limit
    assert close(step.event["accountReward"], share * step.before.maintenance / 20, 10**7)
    assert close(step.cost, share * step.before.maintenance / 20, rounding)
    assert step.after.equity * step.before.maintenance > step.before.equity * step.after.maintenance
    assert scenes.liquidation_state(account)[0] == scenes.chain.now(), "the first step flags"


def test_liquidate__any_shape_and_fraction__health_factor_never_falls(
    scenes: Scenes, liquidator: int, ballast_chain: LocalChain
) -> None:
    """No limit makes a step revert, and none lowers E / MM."""
    for shape in SHAPES:
        base = ballast_chain.snapshot()
        account = SHAPES[shape](scenes)
        before = ballast_chain.health(account)
        now = ballast_chain.now()
        rng = random.Random(shape)
        for power in range(14, 19):
            limit = rng.randrange(10 ** (power - 1), 10**power)
            again = ballast_chain.snapshot()
            scenes.next_block_at(now)
            ballast_chain.liquidate(account, liquidator, max_fraction=limit)
            after = ballast_chain.health(account)
            assert after.equity * before.maintenance >= before.equity * after.maintenance, (shape, limit)
            ballast_chain.revert(again)
        ballast_chain.revert(base)


#: USDC borrowed against 1.00001237 BTC and 7 ETH, and the price that leaves next to nothing of it.
NEARLY_NOTHING = {"HF 0.008": "40401.1", "HF 0.03": "40560", "HF 0.1": "40950"}


@pytest.mark.parametrize("case", NEARLY_NOTHING)
def test_liquidate__share_is_all_the_health__no_fraction_lowers_it(
    scenes: Scenes, liquidator: int, ballast_chain: LocalChain, case: str
) -> None:
    account = nearly_nothing(scenes)
    scenes.price(BTC=NEARLY_NOTHING[case])
    health = ballast_chain.health(account)
    assert 0 < health.equity * 10 < health.maintenance
    now = ballast_chain.now()
    rng = random.Random(case)
    for power in [*range(14, 18)] * 4:
        limit = rng.randrange(10 ** (power - 1), 10**power)
        again = ballast_chain.snapshot()
        scenes.next_block_at(now)
        ballast_chain.liquidate(account, liquidator, max_fraction=limit)
        after = ballast_chain.health(account)
        assert after.equity * health.maintenance >= health.equity * after.maintenance, limit
        ballast_chain.revert(again)


def nearly_nothing(scenes: Scenes) -> int:
    """Owes USDC and SOL against BTC, at indices that are no round numbers any more."""
    account = scenes.borrower(owes={"USDC": "40000.123457", "SOL": "2.345678901"}, BTC="1.00001237")
    scenes.borrower("other", owes={"BTC": 3, "ETH": 7}, USDC=500_000)
    scenes.chain.warp(86_400, refresh=True)
    scenes.price(SOL=150)
    return account


@pytest.mark.parametrize("shape", ["levered_btc", "many_tokens", "long_perp", "many_perps", "carry"])
@pytest.mark.parametrize("part", [3, 40])
def test_liquidate__many_small_steps__earn_no_more_than_one(
    scenes: Scenes, liquidator: int, ballast_chain: LocalChain, shape: str, part: int
) -> None:
    ballast_chain.fund_insurance(1_000_000)
    account = SHAPES[shape](scenes)
    now = ballast_chain.now()
    again = ballast_chain.snapshot()
    one = scenes.step(account, liquidator, now)
    ballast_chain.revert(again)
    rich, fund, steps = scenes.health_at(liquidator, now).equity, scenes.insurance_wad(), 0
    start = scenes.health_at(account, now)
    while not ballast_chain.health(account).is_healthy:
        scenes.next_block_at(now)
        ballast_chain.liquidate(account, liquidator, max_fraction=one.event["fraction"] // part)
        steps += 1
        assert steps < 3 * part, "small steps end"
    gained = ballast_chain.health(liquidator).equity - rich
    assert gained <= one.gained
    assert start.equity - ballast_chain.health(account).equity <= one.cost + scenes.rounding(account) * steps
    assert scenes.insurance_wad() - fund >= 0


# ------------------------------------------------------------ dust and minimum


def test_liquidate__dust_would_stay__takes_all(scenes: Scenes, liquidator: int) -> None:
    """0.035 ETH at 2,500 against 77: a gross value of 164.5, of which a step to the target would leave 105."""
    account = scenes.borrower(owes={"USDC": 77}, ETH="0.035")
    scenes.set_liquidation(dust=110 * WAD)
    scenes.price(ETH=2_500)
    step = scenes.step(account, liquidator)
    assert step.event["fraction"] == WAD
    assert not holdings(scenes, account)
    assert step.after.maintenance == 0


def test_liquidate__dust_value_itself_would_stay__takes_the_fraction(scenes: Scenes, liquidator: int) -> None:
    account = scenes.borrower(owes={"USDC": 2_300}, ETH=1)
    scenes.price(ETH=2_650)
    health = scenes.health_at(account, scenes.chain.now())
    _, _, fraction = expected(scenes, health)
    gross = Fraction(2_650 * WAD - scenes.protocol.balance(account, "USDC") * QUOTE_UNIT)
    left = gross * (1 - fraction)
    again = scenes.chain.snapshot()
    scenes.set_liquidation(dust=int(left) - 10**9)
    assert scenes.step(account, liquidator).event["fraction"] < WAD
    scenes.chain.revert(again)
    scenes.set_liquidation(dust=int(left) + WAD // 100)
    assert scenes.step(account, liquidator).event["fraction"] == WAD


def test_liquidate__limit_would_leave_dust__reverts(scenes: Scenes, liquidator: int) -> None:
    account = scenes.borrower(owes={"USDC": 2_300}, ETH=1)
    scenes.price(ETH=2_650)
    limit = WAD * 99 // 100
    scenes.set_liquidation(dust=5_000 * WAD)
    with reverts("Liquidation_DustRemains", maxFraction=limit):
        scenes.chain.liquidate(account, liquidator, max_fraction=limit)
    assert scenes.step(account, liquidator).event["fraction"] == WAD


@pytest.mark.parametrize(
    ("size", "cash", "price"), [("0.05", "15.1", 2_760), ("0.1", "31.2", 2_790), ("0.3", "92", 2_780)]
)
def test_liquidate__minimum_maintenance__closes_or_reaches_the_target(
    scenes: Scenes, liquidator: int, size: str, cash: str, price: int
) -> None:
    scenes.free_trading()
    account = scenes.trader(positions={"ETH-PERP": size}, USDC=cash)
    scenes.price(ETH=price)
    step = scenes.step(account, liquidator)
    minimum = scenes.protocol.engine.functions.minimumMaintenance().call()
    assert step.before.maintenance < 6 * minimum
    if step.event["fraction"] == WAD:
        assert step.after.maintenance == 0
    else:
        assert step.after.equity * 100 >= step.after.maintenance * 115
    _, _, fraction = expected(scenes, step.before)
    closes = step.before.maintenance * (1 - fraction) <= minimum
    assert (step.event["fraction"] == WAD) == closes


def test_liquidate__minimum_maintenance__limited_by_the_caller_reverts(scenes: Scenes, liquidator: int) -> None:
    scenes.free_trading()
    scenes.set_liquidation(dust=0)
    account = scenes.trader(positions={"ETH-PERP": "0.05"}, USDC="15.1")
    scenes.price(ETH=2_760)
    assert scenes.chain.health(account).maintenance == 10 * WAD
    with reverts("Liquidation_HealthFell", account=account, maintenanceWad=10 * WAD):
        scenes.chain.liquidate(account, liquidator, max_fraction=WAD // 2)


def test_liquidate__remainder_below_the_smallest_size__takes_the_position_whole(
    scenes: Scenes, liquidator: int
) -> None:
    """The small position would be left with less than 0.01 ETH; the large one is taken in part."""
    account = scenes.trader(positions={"BTC-PERP": 1, "ETH-PERP": "0.012"}, USDC=5_000)
    scenes.price(BTC=57_700)
    step = scenes.step(account, liquidator)
    assert Fraction(step.event["fraction"], WAD) < Fraction(1, 2)
    assert scenes.protocol.position(account, "ETH-PERP") == 0
    assert scenes.protocol.position(account, "BTC-PERP") > WAD // 2


def test_liquidate__all_the_health_in_the_share__closes_and_leaves_nothing(scenes: Scenes, liquidator: int) -> None:
    account = nearly_nothing(scenes)
    scenes.price(BTC=NEARLY_NOTHING["HF 0.03"])
    step = scenes.step(account, liquidator)
    assert step.event["fraction"] == WAD
    assert step.event["accountReward"] <= step.before.equity
    assert not holdings(scenes, account)
    assert 0 <= step.after.equity <= scenes.rounding(account)
    assert step.after.maintenance == 0, "an account that was closed owes nothing, not even a unit"
    with reverts("Liquidation_Healthy"):
        scenes.chain.liquidate(account, liquidator)


def test_liquidate__until_healthy__each_step_raises_the_health_factor(scenes: Scenes, liquidator: int) -> None:
    account = SHAPES["many_perps"](scenes)
    factors = []
    while not scenes.chain.health(account).is_healthy:
        step = scenes.step(account, liquidator, max_fraction=WAD // 10)
        factors.append(Fraction(step.after.equity, step.after.maintenance))
    assert factors == sorted(factors)
    assert len(factors) > 3
    with reverts("Liquidation_Healthy", account=account):
        scenes.chain.liquidate(account, liquidator)


# ------------------------------------------------------------ any numbers


@settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_liquidate__random_accounts__end_at_the_target_or_closed(
    ballast_chain: LocalChain, data: st.DataObject
) -> None:
    base = ballast_chain.snapshot()
    try:
        scenes = Scenes(ballast_chain)
        liquidator = scenes.open("liquidator", USDC=1_000_000)
        step = random_step(scenes, liquidator, data)
        if step is None:
            return
        slack = WAD // 100  # a lot of every market
        if step.event["fraction"] == WAD:
            assert step.after.maintenance == 0
        else:
            assert step.after.equity + slack >= 1.15 * step.after.maintenance - slack
        assert 0 <= step.cost - step.gained - step.insured <= WAD // 100
    finally:
        ballast_chain.revert(base)


def random_step(scenes: Scenes, liquidator: int, data: st.DataObject) -> Step | None:
    """A random account at its margin, hit by a random move; None where that leaves it healthy or insolvent."""
    kind = data.draw(st.sampled_from(("borrow", "long", "short")))
    size = data.draw(st.integers(10, 5_000))
    move = data.draw(st.integers(50, 190))
    if kind == "borrow":
        price = 3_000 * (1_000 - move) // 1_000
        account = scenes.borrower(owes={"USDC": 23 * size}, ETH=f"{size / 100:.2f}")
    else:
        sign = 1 if kind == "long" else -1
        price = 3_000 * (1_000 - sign * move // 2) // 1_000
        account = scenes.trader(positions={"ETH-PERP": f"{sign * size / 100:.2f}"}, USDC=f"{size * 3.1 + 1:.2f}")
    scenes.price(ETH=price)
    health = scenes.chain.health(account)
    if health.equity < 0 or health.is_healthy:
        return None
    return scenes.step(account, liquidator)
