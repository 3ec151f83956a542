"""Trading.sol, fill: what is asked of two orders, and what it costs. Branches: test_trading_fill.tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.orders import NO_EXPIRY
from ballast.units import QUOTE_UNIT, WAD, from_wad, to_wad
from tests.contracts.markets.desk import Desk, reverts

pytestmark = pytest.mark.ballast(check=False)

INT96_MAX = 2**95 - 1
PERP = "ETH-PERP"


# ------------------------------------------------------------ match


def test_fill__market_not_listed__reverts(desk: Desk, maker: int, taker: int) -> None:
    unlisted = 0x20F00000
    made = replace(desk.chain.order(maker, PERP, -1), instrument=unlisted)
    taken = replace(desk.chain.order(taker, PERP, 1), instrument=unlisted)
    with reverts("Trade_UnknownInstrument", instrument=unlisted):
        desk.match(made, taken)


def test_fill__orders_of_two_markets__reverts(desk: Desk, maker: int, taker: int) -> None:
    instruments = {"maker": desk.protocol.instrument(PERP), "taker": desk.protocol.instrument("BTC-PERP")}
    with reverts("Trade_InstrumentMismatch", **instruments):
        desk.match(desk.chain.order(maker, PERP, -1), desk.chain.order(taker, "BTC-PERP", 1))


def test_fill__one_account_twice__reverts(desk: Desk, maker: int) -> None:
    with reverts("Trade_SameAccount", account=maker):
        desk.match(desk.chain.order(maker, PERP, -1), desk.chain.order(maker, PERP, 1))


@pytest.mark.parametrize("sign", [1, -1])
def test_fill__same_side__reverts(desk: Desk, maker: int, taker: int, sign: int) -> None:
    with reverts("Trade_SameSide"):
        desk.match(desk.chain.order(maker, PERP, sign), desk.chain.order(taker, PERP, sign))


@pytest.mark.parametrize("size", [0, INT96_MAX + 1, 2**255, 2**256 - 1])
def test_fill__size_out_of_bounds__reverts(desk: Desk, maker: int, taker: int, size: int) -> None:
    made, taken = desk.chain.order(maker, PERP, -1), desk.chain.order(taker, PERP, 1)
    with reverts("Trade_SizeBounds", bound=INT96_MAX):
        desk.chain.fill_orders(made, desk.chain.sign(made), taken, desk.chain.sign(taken), size)


@pytest.mark.parametrize("side", ["maker", "taker"])
@pytest.mark.parametrize("size", [0, INT96_MAX + 1, -(2**95), -(2**255)])
def test_fill__order_size_out_of_bounds__reverts(desk: Desk, maker: int, taker: int, side: str, size: int) -> None:
    made, taken = desk.chain.order(maker, PERP, -1), desk.chain.order(taker, PERP, 1)
    if side == "maker":
        made = replace(made, size=size)
    else:
        taken = replace(taken, size=size)
    with reverts("Trade_SizeBounds", size=size, bound=INT96_MAX):
        desk.match(made, taken, 1)


def test_fill__orders_as_large_as_int96__fill_in_part(desk: Desk, maker: int, taker: int) -> None:
    made = replace(desk.chain.order(maker, PERP, -1), size=-INT96_MAX, maxFee=2**127)
    taken = replace(desk.chain.order(taker, PERP, 1), size=INT96_MAX, maxFee=2**127)
    desk.match(made, taken, 1)
    assert desk.protocol.position(taker, PERP) == WAD


@pytest.mark.parametrize("size", ["0.00005", "1.00001", "0.000000000000000001"])
def test_fill__size_off_the_lot__reverts(desk: Desk, maker: int, taker: int, size: str) -> None:
    with reverts("Trade_Lot", size=to_wad(size), lot=10**14):
        desk.match(desk.chain.order(maker, PERP, -2), desk.chain.order(taker, PERP, 2), size)


@pytest.mark.parametrize("sign", [1, -1])
def test_fill__takers_limit_at_or_beyond_the_makers__fills_at_the_makers(
    desk: Desk, maker: int, taker: int, sign: int
) -> None:
    for extra in (0, 7):
        made = desk.chain.order(maker, PERP, -sign, 3_000)
        taken = desk.chain.order(taker, PERP, sign, 3_000 + sign * extra)
        assert desk.event(desk.match(made, taken), "Filled")["price"] == 3_000 * WAD


@pytest.mark.parametrize("sign", [1, -1])
def test_fill__takers_limit_worse_by_a_wei__reverts(desk: Desk, maker: int, taker: int, sign: int) -> None:
    made = desk.chain.order(maker, PERP, -sign, 3_000)
    taken = desk.chain.order(taker, PERP, sign, limitPrice=3_000 * WAD - sign)
    with reverts("Trade_LimitCrossed", price=3_000 * WAD, limit=3_000 * WAD - sign):
        desk.match(made, taken)


# ------------------------------------------------------------ price


def trade_at(desk: Desk, maker: int, taker: int, price_wad: int, size: int = 1) -> Any:
    """The taker buys at the price, whatever it is."""
    made = desk.chain.order(maker, PERP, -size, limitPrice=price_wad, maxFee=10**24)
    taken = desk.chain.order(taker, PERP, size, limitPrice=price_wad, maxFee=10**24)
    return desk.match(made, taken)


@pytest.mark.parametrize("price", ["3000.005", "3000.000000000000000001", "2999.999"])
def test_fill__price_off_the_tick__reverts(desk: Desk, maker: int, taker: int, price: str) -> None:
    with reverts("Trade_Tick", price=to_wad(price), tick=10**16):
        trade_at(desk, maker, taker, to_wad(price))


def test_fill__price_equal_to_the_mark_off_the_tick__fills(desk: Desk, maker: int, taker: int) -> None:
    desk.chain.set_price("ETH", "3000.12345678")
    mark = desk.protocol.mark(PERP)
    assert mark == to_wad("3000.12345678")
    trade_at(desk, maker, taker, mark)
    for beside in (-(10**6), 10**6):
        with reverts("Trade_Tick"):
            trade_at(desk, maker, taker, mark + beside)


@pytest.mark.parametrize("index", ["3000", "3100.12345678"])
@pytest.mark.parametrize("edge", [-1, 1])
def test_fill__at_the_edge_of_the_band__fills_and_a_tick_beyond_reverts(
    desk: Desk, maker: int, taker: int, index: str, edge: int
) -> None:
    desk.chain.set_price("ETH", index)
    mark, tick = desk.protocol.mark(PERP), 10**16
    width = WAD + mark * 5 // 100  # 1 USDC and 5%
    lowest, highest = mark - width, mark + width
    inside = highest // tick * tick if edge > 0 else -(-lowest // tick) * tick
    trade_at(desk, maker, taker, inside)
    with reverts("Trade_OutsideBand", price=inside + edge * tick, lowest=lowest, highest=highest):
        trade_at(desk, maker, taker, inside + edge * tick)


def test_fill__band_wider_than_the_mark__starts_at_zero(desk: Desk, maker: int, taker: int) -> None:
    desk.set_market(PERP, bandAbsolute=18 * WAD, band=200_000)
    for price in (600, 120, 24):
        desk.chain.set_price("ETH", price)
        desk.chain.reset_slow_price("ETH")
    trade_at(desk, maker, taker, to_wad("1.2"))
    with reverts("Trade_OutsideBand", lowest=to_wad("1.2")):
        trade_at(desk, maker, taker, to_wad("1.19"))
    desk.chain.set_price("ETH", 21)
    desk.chain.reset_slow_price("ETH")
    trade_at(desk, maker, taker, 0)


@pytest.mark.parametrize("price", [2**130, 2**255 - 1, 2**255, 2**256 - 10**16])
def test_fill__price_beyond_a_signed_number__reverts_with_the_band(
    desk: Desk, maker: int, taker: int, price: int
) -> None:
    with reverts("Trade_OutsideBand"):
        trade_at(desk, maker, taker, price // 10**16 * 10**16)


# ------------------------------------------------------------ size left


def test_fill__leaving_the_minimum_or_nothing__fills(desk: Desk, maker: int, taker: int) -> None:
    for size in ("0.01", "0.005", "-0.005", "-0.01", "-0.02", "0.02"):
        desk.chain.fill(maker, taker, PERP, size)
    assert desk.protocol.position(taker, PERP) == 0


@pytest.mark.parametrize(("before", "change"), [(None, "0.0099"), ("0.02", "-0.0101"), ("-0.02", "0.0101")])
def test_fill__leaving_less_than_the_minimum__reverts(
    desk: Desk, maker: int, taker: int, before: str | None, change: str
) -> None:
    if before:
        desk.chain.fill(maker, taker, PERP, before)
    with reverts("Trade_BelowMinimum", account=maker, size=to_wad("0.0099"), minimum=10**16):
        desk.chain.fill(maker, taker, PERP, change)


def test_fill__leaving_the_taker_less_than_the_minimum__reverts(desk: Desk, maker: int, taker: int) -> None:
    other = desk.open("other", USDC=10_000)
    desk.chain.fill(other, taker, PERP, "0.02")
    with reverts("Trade_BelowMinimum", account=taker, size=to_wad("0.005")):
        desk.chain.fill(maker, taker, PERP, "-0.015")


# ------------------------------------------------------------ reduce only


@pytest.fixture
def opened(desk: Desk, maker: int, taker: int) -> tuple[int, int]:
    """The taker is long 2, the maker short 2."""
    desk.chain.fill(maker, taker, PERP, 2)
    return maker, taker


@pytest.mark.parametrize("side", ["maker", "taker"])
@pytest.mark.parametrize("size", ["-0.5", "-2"])
def test_fill__reduce_only_and_the_position_shrinks__fills(
    desk: Desk, opened: tuple[int, int], side: str, size: str
) -> None:
    maker, taker = opened
    pair = {
        "maker": desk.chain.order(maker, PERP, from_wad(-to_wad(size))),
        "taker": desk.chain.order(taker, PERP, size),
    }
    pair[side] = replace(pair[side], reduceOnly=True)
    desk.match(pair["maker"], pair["taker"])
    assert desk.protocol.position(taker, PERP) == 2 * WAD + to_wad(size)


@pytest.mark.parametrize("side", ["maker", "taker"])
@pytest.mark.parametrize(("size", "case"), [(1, "grows"), (-3, "turns")])
def test_fill__reduce_only_and_the_position_grows_or_turns__reverts(
    desk: Desk, opened: tuple[int, int], side: str, size: int, case: str
) -> None:
    maker, taker = opened
    pair = {"maker": desk.chain.order(maker, PERP, -size), "taker": desk.chain.order(taker, PERP, size)}
    pair[side] = replace(pair[side], reduceOnly=True)
    account, sign = (maker, -1) if side == "maker" else (taker, 1)
    with reverts("Trade_ReduceOnly", account=account, position=sign * 2 * WAD, change=sign * size * WAD):
        desk.match(pair["maker"], pair["taker"])


def test_fill__reduce_only_without_a_position__reverts(desk: Desk, maker: int, taker: int) -> None:
    with reverts("Trade_ReduceOnly", account=taker, position=0, change=WAD):
        desk.match(desk.chain.order(maker, PERP, -1), desk.chain.order(taker, PERP, 1, reduceOnly=True))


def test_fill__closed_market__lets_positions_shrink_only(desk: Desk, opened: tuple[int, int]) -> None:
    maker, taker = opened
    other = desk.open("other", USDC=10_000)
    instrument = desk.protocol.instrument(PERP)
    desk.govern(desk.house.functions.setMarketStatus(instrument, True))
    desk.chain.fill(maker, taker, PERP, -1)
    for pair, size in (((maker, taker), 1), ((maker, taker), -2), ((other, taker), -1), ((maker, other), -1)):
        with reverts("Trade_Closed", instrument=instrument):
            desk.chain.fill(*pair, PERP, size)
    desk.chain.fill(maker, taker, PERP, -1)
    assert desk.market(PERP)["openInterest"] == 0


# ------------------------------------------------------------ open interest and bounds


def test_fill__open_interest__up_to_the_cap_and_not_a_lot_more(desk: Desk, maker: int, taker: int) -> None:
    desk.set_market(PERP, openInterestCap=3 * WAD)
    desk.chain.fill(maker, taker, PERP, 3)
    with reverts("Trade_OpenInterestCap", openInterest=to_wad("3.01"), cap=3 * WAD):
        desk.chain.fill(maker, taker, PERP, "0.01")
    # a turn from one side to the other adds nothing
    desk.chain.fill(maker, taker, PERP, -6)
    assert desk.market(PERP)["openInterest"] == 3 * WAD
    with reverts("Trade_OpenInterestCap"):
        desk.chain.fill(maker, taker, PERP, "-0.01")


def test_fill__above_a_lowered_cap__may_change_hands_and_shrink(desk: Desk, opened: tuple[int, int]) -> None:
    maker, taker = opened
    other = desk.open("other", USDC=10_000)
    desk.set_market(PERP, openInterestCap=WAD)
    desk.chain.fill(taker, other, PERP, 1)  # the taker's long moves to another
    assert desk.market(PERP)["openInterest"] == 2 * WAD
    with reverts("Trade_OpenInterestCap"):
        desk.chain.fill(maker, other, PERP, "0.01")
    desk.chain.fill(maker, taker, PERP, "-0.5")
    assert desk.market(PERP)["openInterest"] == to_wad("1.5")


def test_fill__position_beyond_int96__reverts(desk: Desk) -> None:
    lot = 10**14
    whale = INT96_MAX // lot * lot
    desk.set_token("USDC", supplyCap=2**127)
    desk.set_market(PERP, openInterestCap=2**96 - 1, makerFee=0, takerFee=0)
    pair = [desk.open(name, USDC=2 * 10**13) for name in ("whale", "other whale")]
    desk.chain.fill(*pair, PERP, from_wad(whale))
    with reverts("Trade_SizeBounds", size=whale + lot, bound=INT96_MAX):
        desk.chain.fill(*pair, PERP, from_wad(lot))
    for _ in range(2):
        desk.chain.fill(*pair, PERP, from_wad(-whale))
    with reverts("Trade_SizeBounds", size=-whale - lot, bound=INT96_MAX):
        desk.chain.fill(*pair, PERP, from_wad(-lot))


# ------------------------------------------------------------ fees


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


@pytest.mark.parametrize(("size", "index"), [("1", "3000"), ("0.0137", "3000.12345678"), ("7.7777", "2987.00000001")])
def test_fill__fees__are_rounded_up_and_go_to_the_bucket(
    desk: Desk, maker: int, taker: int, size: str, index: str
) -> None:
    desk.chain.set_price("ETH", index)
    price = desk.protocol.mark(PERP)
    notional = ceil_div(to_wad(size) * price, WAD)
    before = {account: desk.protocol.balance(account, "USDC") for account in (maker, taker)}
    fees = desk.bank("USDC")["fees"]
    filled = desk.event(trade(desk, maker, taker, size, price), "Filled")
    rates = {maker: 200, taker: 500}
    owed = {account: ceil_div(ceil_div(notional * rate, 10**6), QUOTE_UNIT) for account, rate in rates.items()}
    assert (filled["makerFee"], filled["takerFee"]) == (owed[maker], owed[taker])
    for account in (maker, taker):
        assert before[account] - desk.protocol.balance(account, "USDC") == owed[account]
    assert desk.bank("USDC")["fees"] - fees == sum(owed.values())


def trade(desk: Desk, maker: int, taker: int, size: str, price_wad: int) -> Any:
    """The taker buys at the price."""
    made = desk.chain.order(maker, PERP, from_wad(-to_wad(size)), limitPrice=price_wad)
    return desk.match(made, desk.chain.order(taker, PERP, size, limitPrice=price_wad))


def test_collect__fees__go_to_the_named_recipient(desk: Desk, maker: int, taker: int) -> None:
    recipient, reserve = desk.chain.accounts[8].address, desk.chain.accounts[9].address
    desk.govern(desk.house.functions.setFeeRecipients(recipient, reserve))
    desk.chain.fill(maker, taker, PERP, 1)
    usdc = desk.protocol.token("USDC")
    desk.chain.send(desk.house.functions.collect(usdc.address), desk.chain.accounts[7].address)
    assert usdc.functions.balanceOf(recipient).call() == 3_000 * 7 * 100  # 0.02% and 0.05% of 3,000
    assert usdc.functions.balanceOf(reserve).call() == 0
    assert desk.bank("USDC")["fees"] == 0


def test_fill__no_fee_rate__charges_nothing(desk: Desk, maker: int, taker: int) -> None:
    desk.set_market(PERP, makerFee=0, takerFee=0)
    before = desk.protocol.balance(taker, "USDC")
    filled = desk.event(desk.chain.fill(maker, taker, PERP, 1, maxFee=0), "Filled")
    assert (filled["makerFee"], filled["takerFee"]) == (0, 0)
    assert desk.protocol.balance(taker, "USDC") == before


@pytest.mark.parametrize("side", ["maker", "taker"])
def test_fill__fee_at_its_share_of_the_maximum__fills_and_a_unit_less_reverts(
    desk: Desk, maker: int, taker: int, side: str
) -> None:
    rate = {"maker": 200, "taker": 500}[side]
    fee = 4 * 3_000 * WAD * rate // 10**6  # of the whole order of four
    for allowed in (fee, fee - 4):
        pair = {"maker": desk.chain.order(maker, PERP, -4, 3_000), "taker": desk.chain.order(taker, PERP, 4, 3_000)}
        pair[side] = replace(pair[side], maxFee=allowed)
        if allowed == fee:
            desk.match(pair["maker"], pair["taker"], 1)
            desk.match(pair["maker"], pair["taker"], 3)
        else:
            with reverts("Trade_FeeAboveMax", fee=fee // 4, bound=fee // 4 - 1):
                desk.match(pair["maker"], pair["taker"], 1)


def test_fill__whole_fee_of_the_order_in_a_part__reverts(desk: Desk, maker: int, taker: int) -> None:
    """The governor raises the fee: a part may use its share of what was signed, not all of it."""
    made = desk.chain.order(maker, PERP, -4, maxFee=4 * 3_000 * WAD * 200 // 10**6)
    taken = desk.chain.order(taker, PERP, 4)
    desk.set_market(PERP, makerFee=400)
    with reverts("Trade_FeeAboveMax"):
        desk.match(made, taken, 1)


def test_fill__max_fee_of_the_types_maximum__fills(desk: Desk, maker: int, taker: int) -> None:
    desk.chain.fill(maker, taker, PERP, 1, maxFee=2**256 - 1)
    assert desk.protocol.position(taker, PERP) == WAD


# ------------------------------------------------------------ operator's budget


@pytest.mark.parametrize(("price", "loss"), [("3000", 0), ("3010", 10), ("2990", 0)])
def test_fill__operators_budget__pays_fees_and_what_is_lost_against_the_mark(
    desk: Desk, maker: int, taker: int, price: str, loss: int
) -> None:
    operator = desk.chain.accounts[5]
    house, owner = desk.house.functions, desk.owner(taker)
    desk.chain.send(house.setOperator(taker, operator.address, NO_EXPIRY), owner)
    spent = to_wad(price) * 2 * 500 // 10**6 + 2 * loss * WAD
    made = desk.chain.order(maker, PERP, -2, price)
    taken = desk.chain.order(taker, PERP, 2, price)
    signature = desk.chain.sign(taken, operator)
    desk.chain.send(house.setOperatorBudget(taker, operator.address, spent - 1), owner)
    with reverts("Ledger_OperatorBudget", lossWad=spent, leftWad=spent - 1):
        desk.match(made, taken, taker_sig=signature)
    desk.chain.send(house.setOperatorBudget(taker, operator.address, spent), owner)
    receipt = desk.match(made, taken, taker_sig=signature)
    assert desk.event(receipt, "OperatorSpent")["spentWad"] == spent
    assert house.operatorOf(taker, operator.address).call()[2] == spent


def test_fill__signed_by_the_owner__spends_no_operators_budget(desk: Desk, maker: int, taker: int) -> None:
    operator = desk.chain.accounts[5]
    owner = desk.owner(taker)
    desk.chain.send(desk.house.functions.setOperator(taker, operator.address, NO_EXPIRY), owner)
    desk.chain.send(desk.house.functions.setOperatorBudget(taker, operator.address, 1), owner)
    receipt = desk.chain.fill(maker, taker, PERP, 1, 3_010)
    assert not desk.events(receipt, "OperatorSpent")


# ------------------------------------------------------------ event


def test_fill__event__says_it_all(desk: Desk, maker: int, taker: int) -> None:
    made, taken = desk.chain.order(maker, PERP, 3, 2_990), desk.chain.order(taker, PERP, -5, 2_980)
    hashes = [desk.house.functions.hashOrder(order.as_tuple()).call() for order in (made, taken)]
    filled = desk.event(desk.match(made, taken, 2), "Filled")
    assert filled == {
        "instrument": desk.protocol.instrument(PERP),
        "maker": maker,
        "taker": taker,
        "makerHash": hashes[0],
        "takerHash": hashes[1],
        "takerSize": -2 * WAD,
        "price": 2_990 * WAD,
        "makerFee": 2_990 * 2 * 200,
        "takerFee": 2_990 * 2 * 500,
    }
