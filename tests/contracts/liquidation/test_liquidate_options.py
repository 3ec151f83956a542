"""LiquidationEngine.sol with options and dated futures. Branches: test_liquidate_options.tree."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.markets.desk import reverts
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, OptionDesk

pytestmark = pytest.mark.ballast(check=False)

LOT = 10**16
NAMES = [CALL, PUT, f"ETH-{LABEL}-3000-C"]


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    made = OptionDesk(ballast_chain)
    made.list_options()
    return made


@pytest.fixture
def liquidator(desk: OptionDesk) -> int:
    return desk.open("liquidator", USDC=1_000_000)


def seller(desk: OptionDesk, model: int, usdc: int = 14_000) -> int:
    """Short 20 calls, long 7 others, a put, a future short."""
    account = desk.open("seller", USDC=usdc)
    if model:
        desk.chain.choose_model(account, model)
    maker = desk.maker()
    desk.chain.fill(account, maker, CALL, 10)
    desk.chain.fill(maker, account, NAMES[2], 4)
    desk.chain.fill(maker, account, PUT, "1.37")
    desk.chain.fill(account, maker, FUTURE, 2)
    return account


def rise(desk: OptionDesk, account: int, step: int = 20, most: int = 6_000) -> None:
    """The spot, with fresh surfaces and arrays, until the account can be liquidated and is not insolvent."""
    price = 3_000
    while desk.chain.health(account).is_healthy:
        price += step
        assert price < most
        desk.chain.set_price("ETH", price)
        desk.chain.reset_slow_price("ETH")
        desk.refresh()
    assert desk.chain.health(account).equity > 0


@pytest.mark.parametrize("model", [0, 1])
def test_liquidate__one_step__ends_at_the_target_with_whole_lots(desk: OptionDesk, liquidator: int, model: int) -> None:
    account = seller(desk, model)
    rise(desk, account)
    before, held = desk.chain.health(account), desk.options(account)
    paid_before = desk.chain.health(liquidator).equity
    receipt = desk.chain.liquidate(account, liquidator)
    event = desk.event(receipt, "Liquidated")
    after, kept, taken = desk.chain.health(account), desk.options(account), desk.options(liquidator)
    for number, size in held.items():
        assert taken[number] + kept.get(number, 0) == size
        exact = abs(size) * event["fraction"] // WAD
        if event["fraction"] != WAD:
            assert 0 <= abs(taken[number]) - exact <= LOT
        assert taken[number] % LOT == 0
    if event["fraction"] == WAD:
        assert kept == {}
    else:
        assert after.equity * WAD >= after.maintenance * (115 * WAD // 100) * 999 // 1000
    desk.require_options(NAMES, [account, liquidator, desk.maker()])
    # what the account lost is the reward; what of it is not the fund's fee the liquidator gained
    lost = before.equity - after.equity
    gained = desk.chain.health(liquidator).equity - paid_before
    reward = event["accountReward"]
    assert abs(lost - reward) < 20 * QUOTE_UNIT
    assert abs(gained - (reward - event["insuranceFee"] + event["fundReward"])) < 40 * QUOTE_UNIT


@pytest.mark.parametrize("model", [0, 1])
def test_liquidate__limited_steps__never_lower_the_health_factor(desk: OptionDesk, liquidator: int, model: int) -> None:
    account = seller(desk, model, 20_000)
    rise(desk, account)
    for _ in range(4):
        before = desk.chain.health(account)
        if before.is_healthy:
            break
        desk.chain.liquidate(account, liquidator, max_fraction=WAD // 20)
        after = desk.chain.health(account)
        assert after.equity * before.maintenance >= before.equity * after.maintenance
        assert after.maintenance < before.maintenance
        desk.require_options(NAMES, [account, liquidator, desk.maker()])


def test_liquidate__liquidator_with_the_opposite_and_the_same__nets_and_adds(desk: OptionDesk, liquidator: int) -> None:
    account, maker = seller(desk, 1), desk.maker()
    desk.chain.fill(maker, liquidator, CALL, 3)  # the account is short of these
    desk.chain.fill(maker, liquidator, PUT, 2)  # and long of these
    rise(desk, account)
    held, own = desk.options(account), desk.options(liquidator)
    desk.chain.liquidate(account, liquidator)
    kept, taken = desk.options(account), desk.options(liquidator)
    for number, size in held.items():
        assert taken.get(number, 0) + kept.get(number, 0) == size + own.get(number, 0)
    desk.require_options(NAMES, [account, liquidator, maker])


def grow_stale(desk: OptionDesk, what: str) -> None:
    """The arrays by time or by the spot, or the surface too: then nobody can mend them."""
    if what == "spot":
        desk.chain.set_price("ETH", desk.chain.price("ETH") * 104 / 100)
        desk.chain.reset_slow_price("ETH")
    else:
        desk.chain.warp(700 if what == "arrays" else 30_000, refresh=True)


@pytest.mark.parametrize("old", ["arrays", "spot"])
@pytest.mark.parametrize("model", [0, 1])
def test_liquidate__stale_and_the_surface_is_young__asks_for_a_refresh(
    desk: OptionDesk, liquidator: int, old: str, model: int
) -> None:
    account = seller(desk, model)
    rise(desk, account)
    grow_stale(desk, old)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.withdraw(desk.maker(), "USDC", 1)
    assert not desk.chain.health(account).is_healthy
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.send(desk.house.functions.flag(account), desk.owner(liquidator))
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.liquidate(account, liquidator)
    desk.refresh()
    desk.chain.send(desk.house.functions.flag(account), desk.owner(liquidator))
    desk.chain.liquidate(account, liquidator)
    assert desk.options(liquidator)


def test_liquidate__stale_and_the_surface_is_old__goes_on_with_nothing_refreshed(
    desk: OptionDesk, liquidator: int
) -> None:
    account = seller(desk, 1)
    rise(desk, account)
    grow_stale(desk, "surface")
    assert not desk.chain.health(account).is_healthy
    desk.chain.liquidate(account, liquidator)
    assert desk.options(liquidator)


def test_liquidate__something_expired__is_settled_and_not_handed_over(desk: OptionDesk, liquidator: int) -> None:
    """Of two expiries the first has its price; what is left of the account is liquidated."""
    desk.list_options("ETH", "26JUN26")
    account, maker = desk.open("seller", USDC=9_000), desk.maker()
    desk.chain.fill(account, maker, CALL, 4)
    desk.chain.fill(account, maker, "ETH-26JUN26-3500-C", 10)
    desk.expire(4_000)
    desk.fix()
    desk.refresh("ETH", "26JUN26")
    first = desk.number(CALL)
    health = desk.chain.health(account)
    assert health.equity < health.maintenance
    receipt = desk.chain.liquidate(account, liquidator)
    settled = [e["account"] for e in desk.events(receipt, "PositionSet") if e["instrument"] == first]
    assert settled == [account]
    assert first not in desk.options(liquidator)
    assert first not in desk.options(account)


@pytest.mark.parametrize("insured", [0, 1_000, 100_000])
def test_liquidate__insolvent__loss_is_insurances_then_the_lenders_to_the_unit(
    desk: OptionDesk, liquidator: int, insured: int
) -> None:
    desk.lender()
    account = seller(desk, 1)
    desk.chain.set_price("ETH", 6_000)
    desk.chain.reset_slow_price("ETH")
    desk.refresh()
    if insured:
        desk.chain.fund_insurance(insured)
    before = desk.chain.health(account)
    assert before.equity < 0
    totals = desk.house.functions.totals(desk.protocol.token("USDC").address)
    deposits, _, _, insurance = totals.call()
    receipt = desk.chain.liquidate(account, liquidator)
    found, step = desk.event(receipt, "LossAllocated"), desk.event(receipt, "Liquidated")
    assert step["fraction"] == WAD
    assert desk.options(account) == {}
    assert 0 <= desk.protocol.balance(account, "USDC") <= 1  # insurance pays whole units
    parts = found["insurance"] + found["winners"] + found["deposits"] + found["uncovered"]
    assert parts == found["loss"]
    assert abs(found["loss"] + before.equity) < 30 * QUOTE_UNIT
    after = totals.call()
    spent = found["insurance"] + step["fundReward"] - step["insuranceFee"]
    assert 0 <= (insurance - after[3]) * QUOTE_UNIT - spent < 2 * QUOTE_UNIT  # it pays whole units
    desk.require_options(NAMES, [account, liquidator, desk.maker()])
    assert found["uncovered"] == 0
    assert deposits >= after[0] - 10**12


def test_liquidate__liquidator_without_room__reverts(desk: OptionDesk, liquidator: int) -> None:
    """Eight series already: the ninth has no place."""
    maker, labels = (
        desk.open("another maker", USDC=1_000_000),
        ("30JAN26", "27FEB26", "24APR26", "29MAY26", "26JUN26", "25SEP26", "25DEC26", "29JAN27"),
    )
    for label in labels:
        desk.chain.options.list_strikes("ETH", label, [3_000])
        desk.refresh("ETH", label)
        desk.chain.fill(maker, liquidator, f"ETH-{label}-3000-C", "0.01")
    account = seller(desk, 1)
    rise(desk, account)
    with reverts("Ledger_TooManySeries", account=liquidator, limit=8):
        desk.chain.liquidate(account, liquidator)


def test_flag__options_alone__starts_and_clears(desk: OptionDesk) -> None:
    account = seller(desk, 1)
    rise(desk, account)
    desk.govern(desk.house.functions.flag(account))
    assert desk.liquidation_state(account)[0] == desk.chain.now()
    desk.chain.deposit(account, "USDC", 50_000)
    desk.govern(desk.house.functions.flag(account))
    assert desk.liquidation_state(account)[0] == 0
