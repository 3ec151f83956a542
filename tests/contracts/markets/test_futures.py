"""Listing.sol and MarginEngine.sol of dated futures. Branches: test_futures.tree."""

from __future__ import annotations

import pytest

from ballast.chain.instruments import FUTURE as KIND
from ballast.chain.instruments import expiry_of_label, instrument_of_name, options_listing
from ballast.units import WAD
from tests.contracts.markets.desk import Desk, reverts
from tests.contracts.markets.options import FUTURE, LABEL, OptionDesk

pytestmark = pytest.mark.ballast(check=False)

ETH = 2
QUANTUM = 10**6


@pytest.fixture
def desk(desk: Desk) -> OptionDesk:
    return OptionDesk(desk.chain)


def terms(desk: OptionDesk, lot: int = 10**14) -> tuple[int, ...]:
    return tuple({**desk.config("ETH-PERP"), "lot": lot}.values())


def test_listMarket__future_of_an_odd_number__reverts(desk: OptionDesk) -> None:
    number = instrument_of_name(FUTURE, ETH)
    for odd in (number | 1, number | 2, KIND << 28 | (number & 0xFFFFF)):
        with reverts("Listing_InstrumentKind", instrument=odd):
            desk.govern(desk.house.functions.listMarket(odd, "ODD", terms(desk)))


@pytest.mark.parametrize("label", ["1JAN26", "1JAN30"])
def test_listMarket__future_that_is_over_or_too_far__reverts(desk: OptionDesk, label: str) -> None:
    number = instrument_of_name(f"ETH-{label}", ETH)
    with reverts("Listing_Bounds", value=expiry_of_label(label)):
        desk.govern(desk.house.functions.listMarket(number, "FAR", terms(desk)))


def test_listMarket__future_twice__reverts(desk: OptionDesk) -> None:
    desk.chain.options.list_future("ETH", LABEL)
    number = desk.protocol.instrument(FUTURE)
    with reverts("Listing_InstrumentListed", instrument=number):
        desk.chain.options.list_future("ETH", LABEL)


def test_setMarketConfig__lot_of_options__is_the_strike_books(desk: OptionDesk) -> None:
    number, lot = options_listing(ETH), 10**16
    with reverts("Listing_Bounds", value=10**14, bound=lot):
        desk.govern(desk.house.functions.setMarketConfig(number, terms(desk)))
    desk.govern(desk.house.functions.setMarketConfig(number, terms(desk, lot)))


def test_listMarket__options_by_serial_or_without_strikes__reverts(desk: OptionDesk) -> None:
    with reverts("Listing_InstrumentKind", instrument=options_listing(ETH) | 64):
        desk.govern(desk.house.functions.listMarket(options_listing(ETH) | 64, "ONE", terms(desk, 10**16)))
    with reverts("Strikes_UnknownUnderlying", underlying=9):
        desk.govern(desk.house.functions.listMarket(options_listing(9), "NONE", terms(desk, 10**16)))


def test_mark__of_a_future__is_the_index_times_the_basis(desk: OptionDesk) -> None:
    desk.chain.options.list_strikes("ETH", LABEL, [3_000])
    desk.chain.options.list_future("ETH", LABEL)
    with reverts("Surface_NoSurface"):
        desk.protocol.mark(FUTURE)
    desk.chain.options.set_surface("ETH", LABEL, 0.6, forward=3_045)
    for price in (3_000, 2_900):
        desk.chain.set_price("ETH", price)
        exact = desk.index() * 1_015 // 1_000
        assert desk.protocol.mark(FUTURE) == exact - exact % QUANTUM


def test_health__future__is_charged_by_its_underlyings_rates(desk: OptionDesk, maker: int, taker: int) -> None:
    desk.chain.options.list_strikes("ETH", LABEL, [3_000])
    desk.chain.options.list_future("ETH", LABEL)
    desk.chain.options.set_surface("ETH", LABEL, 0.6, forward=3_030)
    desk.chain.fill(maker, taker, FUTURE, 3)
    notional = 3 * desk.protocol.mark(FUTURE)
    health = desk.chain.health(taker)
    assert health.maintenance == -(-notional * 65_000 // 10**6)
    assert health.initial == -(-notional * 100_000 // 10**6)


def test_mark__after_the_expiry__is_the_index_and_then_the_settlement_price(
    desk: OptionDesk, maker: int, taker: int
) -> None:
    desk.list_options()
    desk.chain.fill(maker, taker, FUTURE, 1)
    desk.expire(3_100)
    desk.chain.set_price("ETH", 3_200)
    assert desk.protocol.mark(FUTURE) == 3_200 * WAD
    fixed = desk.fix()
    assert desk.protocol.mark(FUTURE) == fixed == 3_100 * WAD
