"""OptionTrading.sol, fill. Branches: test_option_fill.tree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ballast.risk.rounding import mul_div_up
from ballast.units import QUOTE_UNIT, WAD, to_wad
from tests.contracts.markets.desk import reverts
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, OptionDesk

pytestmark = pytest.mark.ballast(check=False)

E6 = 10**6
LOT = 10**16


@pytest.fixture
def desk(desk: OptionDesk) -> OptionDesk:
    made = OptionDesk(desk.chain)
    made.list_options()
    return made


def band_edge(desk: OptionDesk, name: str) -> tuple[int, int]:
    """Lowest and highest price that the band allows, in ticks of 0.1 USDC."""
    engine, number = desk.protocol.engine.functions, desk.number(name)
    mark, vega, _ = engine.optionMark(number, desk.index()).call()
    config = desk.config(name)
    width = config["bandAbsolute"] + vega * config["band"] // E6 + mark * config["band"] // E6
    tick = config["tick"]
    return -(-max(0, mark - width) // tick) * tick, (mark + width) // tick * tick


# ------------------------------------------------------------ what is no option


@pytest.mark.parametrize("kind", ["class", "series", "claim", "claim of an option"])
def test_fill__number_of_no_option__reverts(desk: OptionDesk, maker: int, taker: int, kind: str) -> None:
    number = {
        "class": 4 << 28 | 2 << 20,
        "series": 5 << 28 | desk.series() << 6,
        "claim": 1 << 31 | 5 << 28 | desk.series() << 6,
        "claim of an option": 1 << 31 | desk.number(CALL),
    }[kind]
    made = replace(desk.chain.order(maker, CALL, -1), instrument=number)
    taken = replace(desk.chain.order(taker, CALL, 1), instrument=number)
    with reverts({"class": "Trade_InstrumentExpired"}.get(kind, "Trade_UnknownInstrument")):
        desk.match(made, taken)


def test_fill__strike_not_listed__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    number = desk.number(CALL) + 2 * 10
    made = replace(desk.chain.order(maker, CALL, -1), instrument=number)
    taken = replace(desk.chain.order(taker, CALL, 1), instrument=number)
    with reverts("Strikes_UnknownInstrument", instrument=number):
        desk.match(made, taken)


def test_fill__strike_without_an_array__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.chain.options.list_strikes("ETH", LABEL, [4_000])
    made = replace(desk.chain.order(maker, CALL, -1), instrument=desk.number(f"ETH-{LABEL}-4000-C"))
    taken = replace(desk.chain.order(taker, CALL, 1), instrument=made.instrument)
    with reverts("Margin_NoArray"):
        desk.match(made, taken)


@pytest.mark.parametrize("name", [CALL, FUTURE])
def test_fill__expired__reverts(desk: OptionDesk, maker: int, taker: int, name: str) -> None:
    made, taken = desk.chain.order(maker, name, -1), desk.chain.order(taker, name, 1)
    desk.expire(3_000)
    with reverts("Trade_InstrumentExpired", instrument=desk.number(name), expiry=EXPIRY):
        desk.match(made, taken)


# ------------------------------------------------------------ arrays


@pytest.mark.parametrize("why", ["age", "surface", "spot"])
def test_fill__stale_arrays__reverts(desk: OptionDesk, maker: int, taker: int, why: str) -> None:
    made, taken = desk.chain.order(maker, CALL, -1), desk.chain.order(taker, CALL, 1)
    if why == "age":
        desk.chain.warp(601)
    elif why == "surface":
        desk.chain.options.set_surface("ETH", LABEL, 0.61)
    else:
        desk.chain.set_price("ETH", 3_100)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.match(made, taken)


def test_fill__arrays_at_the_age__fills(desk: OptionDesk, maker: int, taker: int) -> None:
    made, taken = desk.chain.order(maker, CALL, -1), desk.chain.order(taker, CALL, 1)
    desk.next_block_at(desk.chain.now() + 590)
    desk.match(made, taken)
    assert desk.protocol.position(taker, CALL) == WAD


def test_fill__future_with_an_old_surface__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    made, taken = desk.chain.order(maker, FUTURE, -1), desk.chain.order(taker, FUTURE, 1)
    desk.chain.warp(1_201)
    with reverts("RiskArrays_Stale", expiry=EXPIRY):
        desk.match(made, taken)


# ------------------------------------------------------------ size and price


def test_fill__size_off_the_lot__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    with reverts("Trade_Lot", size=to_wad("0.015"), lot=LOT):
        desk.match(desk.chain.order(maker, CALL, -1), desk.chain.order(taker, CALL, 1), "0.015")


def test_fill__position_below_the_minimum__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.govern(
        desk.house.functions.setMarketConfig(4 << 28 | 2 << 20, tuple({**desk.config(CALL), "minSize": WAD}.values()))
    )
    with reverts("Trade_BelowMinimum", account=maker, size=WAD // 2, minimum=WAD):
        desk.chain.fill(maker, taker, CALL, "0.5")


@pytest.mark.parametrize("edge", [0, 1])
def test_fill__price_at_the_band__fills_and_a_tick_beyond_reverts(
    desk: OptionDesk, maker: int, taker: int, edge: int
) -> None:
    price = band_edge(desk, CALL)[edge]
    tick = desk.config(CALL)["tick"]
    beyond = price + (tick if edge else -tick)
    for limit in (beyond, price):
        made = replace(desk.chain.order(maker, CALL, -1), limitPrice=limit)
        taken = replace(desk.chain.order(taker, CALL, 1), limitPrice=limit)
        if limit == beyond:
            with reverts("Trade_OutsideBand", price=beyond):
                desk.match(made, taken)
        else:
            desk.match(made, taken)
    assert desk.protocol.position(taker, CALL) == WAD


def test_fill__at_the_mark_off_the_tick__fills(desk: OptionDesk, maker: int, taker: int) -> None:
    mark = desk.protocol.mark(CALL)
    assert mark % desk.config(CALL)["tick"] != 0
    made = replace(desk.chain.order(maker, CALL, -1), limitPrice=mark)
    desk.match(made, replace(desk.chain.order(taker, CALL, 1), limitPrice=mark))
    assert desk.protocol.position(taker, CALL) == WAD


def test_fill__open_interest_above_the_cap__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    config = {**desk.config(CALL), "openInterestCap": 2 * WAD}
    desk.govern(desk.house.functions.setMarketConfig(4 << 28 | 2 << 20, tuple(config.values())))
    desk.chain.fill(maker, taker, CALL, 2)
    with reverts("Trade_OpenInterestCap", instrument=desk.number(CALL), openInterest=2 * WAD + LOT, cap=2 * WAD):
        desk.chain.fill(maker, taker, CALL, "0.01")
    desk.chain.fill(maker, taker, PUT, 2)  # the cap is each strike's own
    desk.chain.fill(taker, maker, CALL, 1)  # and stops nobody who reduces
    assert desk.interest(CALL) == WAD


# ------------------------------------------------------------ who may


def test_fill__reduce_only_order_that_opens__reverts(desk: OptionDesk, maker: int, taker: int) -> None:
    made, taken = desk.chain.order(maker, CALL, -1), desk.chain.order(taker, CALL, 1, reduceOnly=True)
    with reverts("Trade_ReduceOnly", account=taker, position=0, change=WAD):
        desk.match(made, taken)


def test_fill__market_only_reduces__closes_and_opens_nothing(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.chain.fill(maker, taker, CALL, 2)
    desk.govern(desk.house.functions.setMarketStatus(4 << 28 | 2 << 20, True))
    with reverts("Trade_Closed", instrument=desk.number(CALL)):
        desk.chain.fill(maker, taker, CALL, 1)
    desk.chain.fill(taker, maker, CALL, 2)
    assert desk.options(maker) == desk.options(taker) == {}


@pytest.mark.parametrize("model", [0, 1, 2])
def test_fill__seller_short_of_margin__reverts(desk: OptionDesk, taker: int, model: int) -> None:
    poor = desk.open("poor seller", USDC=100)
    if model:
        desk.chain.choose_model(poor, model)
    with reverts("Ledger_BelowInitialMargin", account=poor):
        desk.chain.fill(poor, taker, CALL, 1)


# ------------------------------------------------------------ what it does


def test_fill__between_two__moves_the_premium_and_the_position(desk: OptionDesk, maker: int, taker: int) -> None:
    receipt = desk.chain.fill(maker, taker, CALL, "1.23")
    price = desk.event(receipt, "Filled")["price"]
    notional = mul_div_up(123 * LOT, price, WAD)
    premium = mul_div_up(notional, 1, QUOTE_UNIT)
    config = desk.config(CALL)
    fees = [mul_div_up(mul_div_up(notional, config[side], E6), 1, QUOTE_UNIT) for side in ("makerFee", "takerFee")]
    start = 100_000 * E6
    assert desk.protocol.balance(maker, "USDC") == start + premium - fees[0]
    assert desk.protocol.balance(taker, "USDC") == start - premium - fees[1]
    assert desk.options(taker) == {desk.number(CALL): 123 * LOT}
    assert desk.options(maker) == {desk.number(CALL): -123 * LOT}
    changes = [(e["account"], e["size"], e["quote"]) for e in desk.events(receipt, "PositionSet")]
    assert sorted(changes) == sorted([(maker, -123 * LOT, 0), (taker, 123 * LOT, 0)])
    desk.require_options([CALL], [maker, taker])


def test_fill__adding_reducing_and_turning__open_interest_is_the_longs(
    desk: OptionDesk, maker: int, taker: int
) -> None:
    third = desk.open("third", USDC=100_000)
    for buyer, seller, size, interest in (
        (taker, maker, 3, 3),
        (third, maker, 2, 5),
        (third, taker, 1, 5),  # from one long to another
        (maker, third, 3, 2),
        (maker, taker, 4, 2),  # turns both
        (taker, maker, 2, 0),
    ):
        desk.chain.fill(seller, buyer, PUT, size)
        assert desk.interest(PUT) == interest * WAD
        desk.require_options([PUT], [maker, taker, third])
    assert desk.options(maker) == desk.options(taker) == desk.options(third) == {}


def test_fill__put_and_call_of_a_strike__buy_and_sell_the_forward(desk: OptionDesk, maker: int, taker: int) -> None:
    """Parity: call less put is worth forward less strike, to the marks' rounding."""
    call, put = (desk.protocol.mark(f"ETH-{LABEL}-3000-{side}") for side in "CP")
    forward = desk.protocol.mark(FUTURE)
    assert 0 <= call - put - (forward - 3_000 * WAD) <= 3 * 10**9
