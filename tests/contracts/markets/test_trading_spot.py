"""Trading.sol, fill in a spot market. Branches: test_trading_spot.tree."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from ballast.units import QUOTE_UNIT, WAD, from_wad, to_wad
from tests.contracts.markets.desk import Desk, reverts

#: Spot market: decimals of the token, its lot, an index whose product with a lot is no whole unit of USDC.
TOKENS = {
    "BTC": (8, "0.00001", "59999.12345678"),
    "SOL": (9, "0.001", "149.99999999"),
    "ETH": (18, "0.0001", "3000.00000001"),
}


@pytest.fixture
def seller(desk: Desk) -> int:
    """An account with 10 BTC, 10 SOL and 10 ETH."""
    return desk.open("seller", BTC=10, SOL=10, ETH=10)


@pytest.fixture
def buyer(desk: Desk) -> int:
    """An account with 1,000,000 USDC."""
    return desk.open("buyer", USDC=1_000_000)


def balances(desk: Desk, account: int, symbol: str) -> tuple[int, int]:
    """Units of the token and of USDC."""
    return desk.protocol.balance(account, symbol), desk.protocol.balance(account, "USDC")


@pytest.mark.parametrize("symbol", TOKENS)
@pytest.mark.parametrize("lots", [1, 7, 12_345])
@pytest.mark.parametrize("taker_buys", [True, False])
def test_fill__spot__moves_units_and_a_cost_rounded_up(
    desk: Desk, seller: int, buyer: int, symbol: str, lots: int, taker_buys: bool
) -> None:
    decimals, lot, index = TOKENS[symbol]
    desk.set_market(symbol, makerFee=0, takerFee=0)
    desk.chain.set_price(symbol, index)
    mark = desk.protocol.mark(symbol)
    assert mark == to_wad(index)
    size = Decimal(lot) * min(lots, int(10 / Decimal(lot)))
    before = balances(desk, buyer, symbol), balances(desk, seller, symbol)
    held = {s: desk.bank(s)["held"] for s in ("USDC", symbol)}
    pair = (seller, buyer) if taker_buys else (buyer, seller)
    desk.chain.fill(*pair, symbol, size if taker_buys else -size, from_wad(mark))
    after = balances(desk, buyer, symbol), balances(desk, seller, symbol)
    units = int(size * 10**decimals)
    cost = math.ceil(Fraction(to_wad(size) * mark, WAD * QUOTE_UNIT))
    assert (after[0][0] - before[0][0], before[1][0] - after[1][0]) == (units, units)
    assert (before[0][1] - after[0][1], after[1][1] - before[1][1]) == (cost, cost)
    assert {s: desk.bank(s)["held"] for s in held} == held


@pytest.mark.parametrize("symbol", TOKENS)
def test_fill__spot__lot_is_a_multiple_of_the_tokens_unit(desk: Desk, symbol: str) -> None:
    decimals, _, _ = TOKENS[symbol]
    assert desk.config(symbol)["lot"] % 10 ** (18 - decimals) == 0


@pytest.mark.parametrize("symbol", TOKENS)
def test_fill__spot__seller_without_the_token_borrows_and_buys_back(desk: Desk, buyer: int, symbol: str) -> None:
    decimals, _, _ = TOKENS[symbol]
    desk.open("lender", **{symbol: 100})
    short = desk.open("short", USDC=500_000)
    desk.chain.fill(buyer, short, symbol, -2)
    assert desk.protocol.balance(short, symbol) == -2 * 10**decimals
    assert desk.protocol.balance(buyer, symbol) == 2 * 10**decimals
    desk.chain.fill(buyer, short, symbol, 2)
    # a second of interest is rounded up to a unit
    assert -(10 ** max(0, decimals - 8)) * 200 <= desk.protocol.balance(short, symbol) <= 0


def test_fill__spot__buyer_in_debt_repays_before_it_holds(desk: Desk, seller: int) -> None:
    short = desk.open("short", USDC=500_000)
    desk.chain.fill(seller, short, "ETH", -2)
    desk.chain.fill(seller, short, "ETH", 5)
    assert desk.bank("ETH")["borrowShares"] == 0
    assert 0 <= 3 * WAD - desk.protocol.balance(short, "ETH") < 10**12


def test_fill__spot__buyer_without_usdc_borrows(desk: Desk, seller: int) -> None:
    desk.open("lender", USDC=100_000)
    levered = desk.open("levered", ETH=4)
    receipt = desk.chain.fill(seller, levered, "ETH", 2)
    fee = desk.event(receipt, "Filled")["takerFee"]
    assert desk.protocol.balance(levered, "USDC") == -6_000 * 10**6 - fee
    assert desk.protocol.balance(levered, "ETH") == 6 * WAD


def test_fill__spot__more_than_margin_carries__reverts(desk: Desk, seller: int) -> None:
    desk.open("lender", USDC=100_000)
    levered = desk.open("levered", ETH=1)
    with reverts("Ledger_BelowInitialMargin", account=levered):
        desk.chain.fill(seller, levered, "ETH", 9)


def test_fill__spot__borrow_caps(desk: Desk, buyer: int) -> None:
    desk.open("lender", USDC=100_000, ETH=100)
    short = desk.open("short", USDC=500_000)
    eth = desk.protocol.token("ETH").address
    cap = 2 * WAD + 10**12  # some seconds of interest
    desk.set_token("ETH", borrowCap=cap)
    desk.chain.fill(buyer, short, "ETH", -2)
    with reverts("Ledger_BorrowCap", token=eth, cap=cap):
        desk.chain.fill(buyer, short, "ETH", "-0.01")
    # a lowered cap does not stop who pays back
    desk.set_token("ETH", borrowCap=WAD)
    desk.chain.fill(buyer, short, "ETH", "0.5")
    # nor a debt that changes hands
    other = desk.open("other", USDC=500_000)
    desk.chain.fill(short, other, "ETH", -1)
    assert WAD <= -desk.protocol.balance(other, "ETH") <= WAD + 10**12

    desk.set_token("USDC", borrowCap=10**6)
    levered = desk.open("levered", ETH=4)
    with reverts("Ledger_BorrowCap", token=desk.protocol.token("USDC").address, cap=10**6):
        desk.chain.fill(buyer, levered, "ETH", 1)


def test_fill__spot__reduce_only__towards_zero(desk: Desk, seller: int, buyer: int) -> None:
    short = desk.open("short", USDC=500_000)
    desk.chain.fill(buyer, short, "ETH", -2)
    cases = [(seller, -10, True), (seller, "-0.1", False), (short, 1, True), (short, 2, False), (short, -1, False)]
    for account, size, fits in cases:
        made = desk.chain.order(buyer, "ETH", -Decimal(size))
        taken = desk.chain.order(account, "ETH", size, reduceOnly=True)
        if fits:
            desk.match(made, taken)
        else:
            with reverts("Trade_ReduceOnly", account=account, change=to_wad(size)):
                desk.match(made, taken)


def test_fill__spot__closed_market__lets_balances_shrink_only(desk: Desk, seller: int) -> None:
    short = desk.open("short", USDC=500_000)
    other = desk.open("other", USDC=500_000)
    desk.chain.fill(seller, short, "ETH", -2)
    instrument = desk.protocol.instrument("ETH")
    desk.govern(desk.house.functions.setMarketStatus(instrument, True))
    desk.chain.fill(seller, short, "ETH", 1)  # the short buys back from a holder
    for pair, size in (((seller, other), 1), ((other, short), 1), ((seller, short), -1), ((seller, short), 2)):
        with reverts("Trade_Closed", instrument=instrument):
            desk.chain.fill(*pair, "ETH", size)


def test_fill__spot__has_no_smallest_balance(desk: Desk, seller: int, buyer: int) -> None:
    desk.chain.fill(seller, buyer, "ETH", "0.0001")
    assert desk.protocol.balance(buyer, "ETH") == 10**14


def test_fill__spot__band_around_the_index(desk: Desk, seller: int, buyer: int) -> None:
    for price, inside in ((3_151, True), (2_849, True), ("3151.01", False), ("2848.99", False)):
        if inside:
            desk.chain.fill(seller, buyer, "ETH", "0.1", price)
        else:
            with reverts("Trade_OutsideBand", lowest=2_849 * WAD, highest=3_151 * WAD):
                desk.chain.fill(seller, buyer, "ETH", "0.1", price)


def test_fill__spot__fees_of_the_notional_from_both(desk: Desk, seller: int, buyer: int) -> None:
    usdc = [desk.protocol.balance(account, "USDC") for account in (seller, buyer)]
    filled = desk.event(desk.chain.fill(seller, buyer, "ETH", 1, 3_010), "Filled")
    assert (filled["makerFee"], filled["takerFee"]) == (3_010 * 200, 3_010 * 500)
    assert desk.protocol.balance(seller, "USDC") - usdc[0] == 3_010 * (10**6 - 200)
    assert desk.protocol.balance(buyer, "USDC") - usdc[1] == -3_010 * (10**6 + 500)
    assert desk.bank("USDC")["fees"] == 3_010 * 700


def test_fill__spot__index_in_usdc_not_in_dollars(desk: Desk, seller: int, buyer: int) -> None:
    """USDC at 0.98: the mark of a spot market is ETH in USDC."""
    desk.chain.set_price("USDC", "0.98")
    mark = 3_000 * WAD * WAD // to_wad("0.98")
    mark -= mark % 10**6
    assert desk.protocol.mark("ETH") == mark
    made = replace(desk.chain.order(seller, "ETH", -1), limitPrice=mark)
    desk.match(made, replace(desk.chain.order(buyer, "ETH", 1), limitPrice=mark))
    assert desk.protocol.balance(buyer, "ETH") == WAD
