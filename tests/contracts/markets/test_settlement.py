"""Settlement.sol: options and dated futures that have expired. Branches: test_settlement.tree."""

from __future__ import annotations

from itertools import permutations

import pytest

from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.markets.desk import reverts
from tests.contracts.markets.options import EXPIRY, FUTURE, LABEL, OptionDesk
from tests.offchain.index.options import propose_again, refresh

pytestmark = pytest.mark.ballast(check=False)

E6 = 10**6
NAMES = [f"ETH-{LABEL}-{strike}-{side}" for strike in (2_800, 3_000, 3_200) for side in "CP"]


@pytest.fixture
def desk(desk: OptionDesk) -> OptionDesk:
    made = OptionDesk(desk.chain)
    made.list_options()
    return made


@pytest.fixture
def third(desk: OptionDesk) -> int:
    return desk.open("third", USDC=100_000)


def cash(desk: OptionDesk, account: int) -> int:
    return desk.protocol.balance(account, "USDC")


def trade_all(desk: OptionDesk, maker: int, taker: int, third: int) -> None:
    """Calls and puts of three strikes, each with longs and shorts."""
    for i, name in enumerate(NAMES):
        desk.chain.fill(maker, taker, name, i + 1)
        desk.chain.fill(third, maker, name, "0.57")


# ------------------------------------------------------------ before the price


def test_settle__price_not_fixed__changes_nothing(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.chain.fill(maker, taker, NAMES[0], 2)
    desk.chain.fill(maker, taker, FUTURE, 1)
    desk.expire(3_100)
    before = desk.options(maker), cash(desk, maker), desk.protocol.position(maker, FUTURE)
    desk.chain.settle(maker)
    assert desk.options(maker) == before[0]
    # a future's loss is settled as any other's, its position stays
    assert desk.protocol.position(maker, FUTURE) == before[2]


def test_withdraw__expired_and_not_fixed__reverts_and_a_deposit_passes(
    desk: OptionDesk, maker: int, taker: int
) -> None:
    desk.chain.fill(maker, taker, NAMES[0], 2)
    desk.expire(3_100)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.chain.withdraw(maker, "USDC", 1)
    desk.chain.deposit(maker, "USDC", 1)
    desk.fix()
    desk.chain.withdraw(maker, "USDC", 1)


# ------------------------------------------------------------ options


@pytest.mark.parametrize("price", [2_700, 3_000, 3_333])
def test_settle__every_account__is_paid_what_its_options_are_in_the_money_by(
    desk: OptionDesk, maker: int, taker: int, third: int, price: int
) -> None:
    trade_all(desk, maker, taker, third)
    accounts = [maker, taker, third]
    held = {account: {name: desk.protocol.position(account, name) for name in NAMES} for account in accounts}
    before = {account: cash(desk, account) for account in accounts}
    desk.expire(price)
    fixed = desk.fix()
    assert fixed == price * WAD
    for account in (maker, third, taker, maker, third, taker):
        desk.chain.settle(account)
        desk.require_series(fixed, NAMES, accounts)
    for account in accounts:
        exact = 0
        for name, size in held[account].items():
            strike = int(name.split("-")[2])
            payoff = max(0, price - strike if name[-1] == "C" else strike - price)
            exact += size * payoff // QUOTE_UNIT  # sizes are whole lots: units of USDC
        assert cash(desk, account) - before[account] == exact
        assert desk.options(account) == {}
    assert desk.pool()["pool"] == desk.pool()["claimShares"] == 0
    assert [desk.interest(name) for name in NAMES] == [0] * len(NAMES)


def test_settle__long_first__gets_a_claim_that_the_shorts_settlement_pays(
    desk: OptionDesk, maker: int, taker: int
) -> None:
    desk.chain.fill(maker, taker, NAMES[2], 3)
    before = cash(desk, taker)
    desk.expire(3_200)
    desk.fix()
    desk.chain.settle(taker)
    assert cash(desk, taker) == before
    assert desk.options(taker) == {}
    assert desk.pool()["claimShares"] == 600 * WAD
    assert desk.chain.health(taker).equity == (before + 600 * E6) * QUOTE_UNIT
    desk.chain.settle(maker)
    assert desk.pool()["pool"] == 600 * E6
    desk.chain.settle(taker)
    assert cash(desk, taker) == before + 600 * E6
    assert desk.pool()["pool"] == desk.pool()["claimShares"] == 0


def test_settle__in_any_order__pays_the_same(desk: OptionDesk, maker: int, taker: int, third: int) -> None:
    trade_all(desk, maker, taker, third)
    desk.expire(3_123)
    desk.fix()
    ends = set()
    snapshot = desk.chain.snapshot()
    for order in permutations((maker, taker, third)):
        for account in (*order, *order):
            desk.chain.settle(account)
        ends.add(tuple(cash(desk, account) for account in (maker, taker, third)))
        desk.chain.revert(snapshot)
        snapshot = desk.chain.snapshot()
    assert len(ends) == 1


@pytest.mark.parametrize("model", [0, 1])
def test_settle__any_model__changes_the_health_by_rounding_alone(
    desk: OptionDesk, maker: int, taker: int, third: int, model: int
) -> None:
    if model:
        for account in (maker, taker, third):
            desk.chain.choose_model(account, model)
    trade_all(desk, maker, taker, third)
    desk.expire(2_950)
    desk.fix()
    for account in (maker, third, taker):
        before = desk.chain.health(account).equity
        desk.chain.settle(account)
        assert 0 <= before - desk.chain.health(account).equity < len(NAMES) * QUOTE_UNIT + 2 * QUOTE_UNIT


def test_settle__slot__is_free_for_another_series(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.chain.fill(maker, taker, NAMES[0], 1)
    desk.expire(3_000)
    desk.fix()
    for account in (maker, taker):
        desk.chain.settle(account)
    desk.list_options("ETH", "26JUN26")
    desk.chain.fill(maker, taker, "ETH-26JUN26-3000-C", 1)
    assert list(desk.options(taker).values()) == [WAD]
    desk.require_options(["ETH-26JUN26-3000-C"], [maker, taker])


# ------------------------------------------------------------ futures


@pytest.mark.parametrize("price", [2_900, 3_150])
def test_settle__future__pays_winners_what_losers_paid(desk: OptionDesk, maker: int, taker: int, price: int) -> None:
    opened = desk.event(desk.chain.fill(maker, taker, FUTURE, 5), "Filled")["price"]
    before = {account: cash(desk, account) for account in (maker, taker)}
    desk.expire(price)
    fixed = desk.fix()
    profit = 5 * (fixed - opened) // QUOTE_UNIT
    winner, loser = (taker, maker) if profit > 0 else (maker, taker)
    desk.chain.settle(winner)
    assert desk.protocol.position(winner, FUTURE) == 0
    assert cash(desk, winner) == before[winner]
    desk.chain.settle(loser)
    desk.chain.settle(winner)
    assert cash(desk, winner) - before[winner] == abs(profit) == before[loser] - cash(desk, loser)
    assert desk.market(FUTURE)["pool"] == desk.market(FUTURE)["openInterest"] == 0


# ------------------------------------------------------------ insolvent


def insolvent(desk: OptionDesk, taker: int) -> int:
    """A seller of ten calls whom the settlement price leaves below zero; it holds two long ones too."""
    seller = desk.open("seller", USDC=8_000)
    desk.chain.fill(seller, taker, NAMES[4], 10)
    desk.chain.fill(taker, seller, NAMES[0], 2)
    desk.expire(5_000)
    return seller


def test_settle__insolvent__pays_nothing_and_is_paid(desk: OptionDesk, taker: int) -> None:
    desk.lender()
    seller = insolvent(desk, taker)
    desk.fix()
    assert desk.chain.health(seller).equity < 0
    paid = cash(desk, seller)
    for _ in range(2):  # its two calls become a claim on what it owes itself
        desk.chain.settle(seller)
        assert list(desk.options(seller).values()) == [-10 * WAD]
        assert cash(desk, seller) == paid
    desk.chain.settle(taker)
    assert cash(desk, seller) == paid


def test_settle__insolvent_and_owed_nothing__reverts(desk: OptionDesk, taker: int) -> None:
    seller = desk.open("seller", USDC=4_000)
    desk.chain.fill(seller, taker, NAMES[4], 6)
    desk.expire(5_000)
    desk.fix()
    with reverts("Trade_SettleInsolvent", account=seller):
        desk.chain.settle(seller)


@pytest.mark.parametrize("insured", [0, 3_000, 50_000])
def test_liquidate__insolvent_at_expiry__loss_is_insurances_then_the_lenders(
    desk: OptionDesk, taker: int, insured: int
) -> None:
    lender = desk.lender()
    seller = insolvent(desk, taker)
    if insured:
        desk.chain.fund_insurance(insured)
    desk.fix()
    loss = -desk.chain.health(seller).equity
    lent = cash(desk, lender) + cash(desk, taker)
    liquidator = desk.open("liquidator", USDC=50_000)
    receipt = desk.chain.liquidate(seller, liquidator)
    found = desk.event(receipt, "LossAllocated")
    assert abs(found["loss"] - loss) < 3 * QUOTE_UNIT
    assert found["insurance"] == min(found["loss"], insured * WAD)
    assert found["deposits"] == found["loss"] - found["insurance"]
    assert desk.options(seller) == {}
    assert cash(desk, seller) == 0
    # lenders lose it in proportion to what they have; the liquidator is one of them
    share = found["deposits"] // QUOTE_UNIT
    assert lent - cash(desk, lender) - cash(desk, taker) <= share + 2
    desk.chain.settle(taker)
    assert desk.options(taker) == {}


# ------------------------------------------------------------ never blocked


def test_settle__table_activated_after_the_expiry__needs_no_arrays(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.list_options("ETH", "26JUN26")
    desk.chain.choose_model(maker, 1)
    desk.chain.fill(maker, taker, NAMES[2], 1)
    desk.chain.fill(maker, taker, "ETH-26JUN26-3000-C", 1)
    desk.expire(3_100)
    desk.refresh("ETH", "26JUN26")
    propose_again(desk.chain)
    refresh(desk.chain, "ETH", "26JUN26", proposed=True)
    desk.govern(desk.protocol.contract("ScenarioBook").functions.activate())
    before = desk.chain.health(maker)
    assert before.equity > before.initial
    desk.fix()
    for account in (maker, taker):
        desk.chain.settle(account)
        assert list(desk.options(account)) == [desk.number("ETH-26JUN26-3000-C")]


def test_settle__account_without_a_price__is_paid_and_stops_nobody(desk: OptionDesk, maker: int, taker: int) -> None:
    """A token whose feed is dead: the account cannot be valued, its long options are paid all the same."""
    third = desk.open("third", USDC=50_000, SOL=10)
    desk.chain.fill(maker, third, NAMES[2], 1)
    desk.chain.fill(maker, taker, NAMES[2], 1)
    desk.expire(3_100)
    desk.fix()
    desk.chain.warp(100_000)
    desk.chain.refresh_prices(["USDC", "BTC", "ETH"])
    with reverts("Oracle_Stale"):
        desk.chain.health(third)
    before = cash(desk, third)
    for account in (maker, taker, third):
        desk.chain.settle(account)
        assert desk.options(account) == {}
    assert cash(desk, third) - before == 100 * E6
