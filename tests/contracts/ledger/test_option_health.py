"""HealthCheck.sol and MarginEngine.sol with options. Branches: test_option_health.tree."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.units import WAD
from tests.contracts.markets.desk import encode, reverts
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, OptionDesk

pytestmark = pytest.mark.ballast(check=False)

HOUR = 3_600


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    made = OptionDesk(ballast_chain)
    made.list_options()
    return made


@pytest.fixture
def trader(desk: OptionDesk) -> int:
    """Short three calls and long two puts, well margined, beside a lender."""
    desk.lender()
    account = desk.open("trader", USDC=30_000, ETH=1)
    desk.chain.choose_model(account, 1)
    desk.chain.fill(account, desk.maker(), CALL, 3)
    desk.chain.fill(desk.maker(), account, PUT, 2)
    return account


# ------------------------------------------------------------ stale arrays


@pytest.mark.parametrize("old", [601, HOUR])
def test_withdraw__stale_arrays__reverts_and_a_deposit_passes(desk: OptionDesk, trader: int, old: int) -> None:
    desk.chain.warp(old, refresh=True)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.withdraw(trader, "USDC", 1)
    desk.chain.deposit(trader, "USDC", 1)
    desk.chain.withdraw(desk.lender(), "USDC", 1)  # who has no options is not asked
    desk.refresh()
    desk.chain.withdraw(trader, "USDC", 1)


def test_fill__perpetual_with_stale_arrays__only_what_lowers_risk(desk: OptionDesk, trader: int) -> None:
    """Short calls: buying lowers the requirement by more than its fee, selling raises it."""
    desk.chain.warp(601, refresh=True)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.fill(desk.open("other", USDC=100_000), trader, "ETH-PERP", -2)
    before = desk.chain.health(trader)
    desk.chain.fill(desk.open("other", USDC=100_000), trader, "ETH-PERP", 1)
    assert desk.chain.health(trader).initial < before.initial


def test_batch__stale_arrays_refreshed_in_it__passes(desk: OptionDesk, trader: int) -> None:
    desk.chain.warp(601, refresh=True)
    house, owner = desk.house.functions, desk.owner(trader)
    calls = [
        encode(house.refreshStrikes(desk.chain.deployment.underlyings["ETH"], EXPIRY, 0, 100)),
        encode(house.withdraw(trader, desk.protocol.token("USDC").address, 10**6, owner)),
    ]
    desk.chain.send(house.batch(calls), owner, gas=10_000_000)
    assert desk.protocol.token("USDC").functions.balanceOf(owner).call() == 10**6


# ------------------------------------------------------------ deviation, pause, weakness


def test_fill__deviating_price__options_may_shrink_and_not_grow(desk: OptionDesk, trader: int) -> None:
    desk.chain.set_price("ETH", 2_600)  # 13% below the slow price
    desk.refresh()
    with reverts("Ledger_Deviating"):
        desk.chain.withdraw(trader, "USDC", 1)
    with reverts("Ledger_ExposureGrew"):  # a hedge: the excess would rise
        desk.chain.fill(desk.maker(), trader, f"ETH-{LABEL}-3500-C", 1)
    desk.fill_at_mark(desk.maker(), trader, CALL, 1)
    assert desk.protocol.position(trader, CALL) == -2 * WAD


def test_fill__paused__options_may_shrink_and_not_grow(desk: OptionDesk, trader: int) -> None:
    desk.pause()
    with reverts("Ledger_ExposureGrew"):
        desk.chain.fill(desk.maker(), trader, f"ETH-{LABEL}-3500-C", 1)
    desk.chain.fill(desk.maker(), trader, CALL, 1)
    assert desk.protocol.position(trader, CALL) == -2 * WAD


def test_fill__below_maintenance__reduces_only(desk: OptionDesk) -> None:
    account = desk.open("weak", USDC=6_000)
    desk.chain.choose_model(account, 1)
    desk.chain.fill(account, desk.maker(), CALL, 4)
    price = 3_000
    while desk.chain.health(account).is_healthy:
        price += 20
        desk.chain.set_price("ETH", price)
        desk.chain.reset_slow_price("ETH")
        desk.refresh()
    assert desk.chain.health(account).equity > 0
    hedge = f"ETH-{LABEL}-3500-C"
    with reverts("Ledger_NotReduction", account=account):
        desk.chain.fill(desk.maker(), account, hedge, "0.01")
    desk.fill_at_mark(desk.maker(), account, CALL, 1)
    assert desk.protocol.position(account, CALL) == -3 * WAD


# ------------------------------------------------------------ bought options alone


@pytest.fixture
def buyer(desk: OptionDesk) -> int:
    """Has cash, a coin and two bought options, and owes nothing."""
    desk.lender()
    account = desk.open("buyer", USDC=5_000, ETH=1)
    for name in (CALL, PUT):
        desk.chain.fill(desk.maker(), account, name, 2)
    return account


@pytest.mark.parametrize("model", [0, 1, 2])
def test_withdraw__bought_options_alone__all_there_is_whatever_the_marks(
    desk: OptionDesk, buyer: int, model: int
) -> None:
    """Stale arrays, an old surface and a deviating price: none of them can make it owe."""
    if model:
        desk.chain.choose_model(buyer, model)
    desk.chain.warp(2 * HOUR, refresh=True)
    desk.chain.set_price("ETH", 2_000)
    desk.chain.withdraw(buyer, "USDC", None)
    desk.chain.withdraw(buyer, "ETH", None)
    health = desk.chain.health(buyer)
    assert health.is_healthy
    assert health.maintenance <= health.initial <= health.equity
    with reverts("Liquidation_Healthy"):
        desk.chain.liquidate(buyer, desk.open("liquidator", USDC=100_000))


def test_withdraw__more_than_there_is_beside_bought_options__needs_marks(desk: OptionDesk, buyer: int) -> None:
    """What is borrowed is owed."""
    desk.chain.withdraw(buyer, "USDC", None)
    desk.chain.warp(601, refresh=True)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.withdraw(buyer, "USDC", 1)
    desk.refresh()
    desk.chain.withdraw(buyer, "USDC", 1)


def test_fill__more_bought_in_a_pause__reverts_and_less_passes(desk: OptionDesk, buyer: int) -> None:
    """Nothing is owed after it, but a pause stops what is new."""
    holder, writer = desk.open("other buyer", USDC=50_000), desk.open("writer", USDC=50_000)
    desk.chain.fill(writer, holder, CALL, 1)
    desk.govern(desk.house.functions.pause(desk.chain.now() + HOUR))
    with reverts("Ledger_RiskIncreased", account=buyer):
        desk.chain.fill(holder, buyer, CALL, "0.1")
    desk.chain.fill(buyer, writer, CALL, "0.1")
    assert desk.protocol.position(buyer, CALL) == 19 * WAD // 10


# ------------------------------------------------------------ models


def test_setMarginModel__isolated__takes_one_market_and_no_second(desk: OptionDesk) -> None:
    account, maker = desk.open("isolated", USDC=50_000, ETH=1), desk.maker()
    desk.chain.choose_model(account, 2)
    desk.chain.fill(maker, account, CALL, 1)
    desk.chain.fill(maker, account, PUT, 1)  # of the same expiry
    series = 5 << 28 | desk.series() << 6
    with reverts("Margin_NotIsolated"):
        desk.chain.fill(maker, account, "ETH-PERP", 1)
    with reverts("Margin_NotIsolated"):
        desk.chain.fill(maker, account, FUTURE, 1)
    desk.list_options("ETH", "26JUN26")
    with reverts("Margin_NotIsolated", market=series):
        desk.chain.fill(maker, account, "ETH-26JUN26-3000-C", 1)
    for name in (CALL, PUT):
        desk.chain.fill(account, maker, name, 1)
    desk.chain.fill(maker, account, FUTURE, 1)
    with reverts("Margin_NotIsolated", market=desk.number(FUTURE)):
        desk.chain.fill(maker, account, CALL, 1)


def test_setMarginModel__two_markets__isolated_reverts(desk: OptionDesk) -> None:
    account = desk.open("broad", USDC=50_000)
    desk.chain.fill(desk.maker(), account, CALL, 1)
    desk.chain.fill(desk.maker(), account, "ETH-PERP", 1)
    with reverts("Margin_NotIsolated"):
        desk.chain.choose_model(account, 2)
    assert desk.house.functions.accountOf(account).call()[2] == 0


def test_setMarginModel__margin_lacking_under_the_new__reverts(desk: OptionDesk) -> None:
    """A spread: PORTFOLIO nets it, STANDARD charges the short leg as if it stood alone."""
    account = desk.open("spreader", USDC=1_000)
    desk.chain.choose_model(account, 1)
    desk.chain.fill(desk.maker(), account, f"ETH-{LABEL}-3000-C", 2)
    desk.chain.fill(account, desk.maker(), CALL, 2)
    health = desk.chain.health(account)
    assert health.equity > health.initial
    for model in (0, 2):
        with reverts("Ledger_BelowInitialMargin", account=account):
            desk.chain.choose_model(account, model)


def test_requirement__standard__is_the_rule_of_each_option(desk: OptionDesk) -> None:
    """Short: rate of spot less what it is out of the money, at least half; long: its value."""
    account, maker = desk.open("standard", USDC=50_000), desk.maker()
    desk.chain.fill(account, maker, CALL, 2)
    spot = desk.index()
    away = 3_200 * WAD - spot
    health = desk.chain.health(account)
    for found, rate in ((health.maintenance, 9), (health.initial, 15)):
        full = spot * rate // 100
        assert 0 <= found - 2 * max(full - away, full // 2) <= 2
    far = desk.open("far", USDC=50_000)
    desk.chain.fill(far, maker, f"ETH-{LABEL}-3500-C", 1)
    assert abs(desk.chain.health(far).maintenance - spot * 9 // 200) <= 1
    long = desk.open("long", USDC=50_000)
    desk.chain.fill(maker, long, CALL, 2)
    health = desk.chain.health(long)
    assert health.initial == health.maintenance == 2 * desk.protocol.mark(CALL)
    assert health.equity - health.maintenance == desk.protocol.balance(long, "USDC") * 10**12
