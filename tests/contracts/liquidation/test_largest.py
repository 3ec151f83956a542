"""The largest account is checked and liquidated within the gas (I9). Branches: test_largest.tree."""

from __future__ import annotations

import pytest

from ballast.bench.gas_portfolio import double_scenarios
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.risk.margin import PORTFOLIO
from ballast.units import WAD
from tests.contracts.ledger.tools import fund, list_token, spare_token
from tests.contracts.markets.options import OptionDesk

pytestmark = pytest.mark.ballast(check=False)

#: Of eight expiries.
LABELS = ("30JAN26", "27FEB26", "24APR26", "29MAY26", "26JUN26", "25SEP26", "25DEC26", "29JAN27")
AROUND = (2_600, 2_900, 3_100, 3_400)
PERPS = ("BTC-PERP", "ETH-PERP", "SOL-PERP")
FUTURES = (
    *(f"ETH-{label}" for label in LABELS),
    *(f"BTC-{label}" for label in LABELS[:3]),
    *(f"SOL-{label}" for label in LABELS[:2]),
)


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    """Markets of sixteen linear instruments and 64 options."""
    made = OptionDesk(ballast_chain)
    made.list_options()
    made.lender()
    spots = {"BTC": (60_000,), "ETH": AROUND, "SOL": (150,)}
    for name in FUTURES:
        symbol, label = name.split("-")
        ballast_chain.options.list_strikes(symbol, label, spots[symbol])
        ballast_chain.options.list_future(symbol, label)
    refresh(made)
    return made


def refresh(desk: OptionDesk) -> None:
    for name in FUTURES:
        desk.refresh(*name.split("-"))


def hold_coins(desk: OptionDesk, account: int) -> None:
    """Five more coins at ETH's price: two deposited, three borrowed."""
    owner = desk.chain.key_of(account).address
    for i in range(5):
        token = spare_token(desk.chain, symbol=f"COIN{i}")
        number = list_token(desk.chain, token)
        desk.govern(desk.protocol.engine.functions.setHaircut(number, 50_000))
        holder = account if i < 2 else desk.open(f"lender {i}", USDC=1)
        address = desk.chain.key_of(holder).address
        fund(desk.chain, token, address, WAD)
        desk.chain.send(desk.house.functions.deposit(holder, token.address, WAD), address)
        if holder != account:
            desk.chain.send(desk.house.functions.withdraw(account, token.address, WAD // 4, owner), owner)


def trade_linears(desk: OptionDesk, account: int, makers: list[int]) -> None:
    """Sixteen long positions, half of each sold at a profit that nobody has paid for: a claim."""
    sizes = {name: 0.1 if name.startswith("SOL") else 0.01 for name in (*PERPS, *FUTURES)}
    for name, size in sizes.items():
        desk.chain.fill(account, makers[0], name, str(-2 * size))
    desk.chain.set_prices({"BTC": 61_000, "ETH": 3_050, "SOL": 153})
    for symbol in ("BTC", "ETH", "SOL"):
        desk.chain.reset_slow_price(symbol)
    refresh(desk)
    for name, size in sizes.items():
        desk.chain.fill(account, makers[1], name, str(size))


def trade_options(desk: OptionDesk, account: int, makers: list[int]) -> None:
    for i, label in enumerate(LABELS):
        for strike in AROUND:
            desk.chain.fill(account, makers[i % 2], f"ETH-{label}-{strike}-C", "1")
            desk.chain.fill(account, makers[i % 2], f"ETH-{label}-{strike}-P", "-0.3")


@pytest.mark.parametrize("insolvent", [False, True], ids=["solvent", "insolvent"])
def test_liquidate__account_with_all_that_one_may_hold__below_five_million_gas(
    desk: OptionDesk, insolvent: bool
) -> None:
    makers = [desk.open(f"maker {i}", USDC=20_000_000) for i in range(2)]
    account = desk.open("full", USDC=400_000, ETH=1, BTC="0.1", SOL=10)
    hold_coins(desk, account)
    desk.chain.choose_model(account, PORTFOLIO)
    trade_options(desk, account, makers)
    trade_linears(desk, account, makers)
    double_scenarios(desk.chain)
    tokens, linears, *_ = desk.house.functions.accountOf(account).call()
    assert (tokens.bit_count() - 1, linears, len(desk.options(account))) == (8, 32, 64)
    # nobody signs surfaces any more and nothing is refreshed on the way: old arrays, far from the spot
    desk.chain.warp(30_000, refresh=True)
    price, health = 3_050, desk.chain.health(account)
    while health.is_healthy or (insolvent and health.equity >= 0):
        price += 100
        desk.chain.set_price("ETH", price)
        desk.chain.reset_slow_price("ETH")
        health = desk.chain.health(account)
    assert (health.equity < 0) == insolvent
    checked = desk.govern(desk.house.functions.health(account))["gasUsed"]
    liquidator = desk.open("liquidator", USDC=1_000_000)
    receipt = desk.chain.liquidate(account, liquidator)
    assert desk.options(liquidator)
    assert checked < 1_500_000
    assert receipt["gasUsed"] < 5_000_000
    print(f"health {checked:,}, liquidation {receipt['gasUsed']:,}")
