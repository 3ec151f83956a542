"""Perpetual.sol: mark, funding and profit against exact arithmetic. Branches: test_perpetual.tree."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest

from ballast.units import WAD, to_wad
from tests.contracts.markets.desk import Desk, reverts

PERP = "ETH-PERP"
E9 = 10**9
PERIOD = 28_800


def decayed(premium: int, elapsed: int, period: int = PERIOD) -> int:
    """premium * exp(-elapsed / period), towards zero, in the premium's 1e9."""
    with localcontext() as context:
        context.prec = 50
        return int(Decimal(premium) * (-Decimal(elapsed) / period).exp())


def settle_premium(desk: Desk, sign: int = 1, samples: int = 6) -> int:
    """Samples at the cap's end, minutes apart, until the premium is large. Returns it, 1e9."""
    for _ in range(samples):
        desk.chain.warp(360)
        desk.chain.submit_quote(PERP, 3_000 + sign * 100 - 1, 3_000 + sign * 100 + 1)
    premium = desk.market(PERP)["premium"]
    assert premium * sign > 2 * 10**6
    return int(premium)


# ------------------------------------------------------------ mark


@pytest.mark.parametrize("index", ["3000", "3000.12345678", "0.10000001", "9999999.99999999"])
@pytest.mark.parametrize("sign", [0, 1, -1])
def test_mark__perpetual__is_the_index_and_the_premium(desk: Desk, index: str, sign: int) -> None:
    premium = settle_premium(desk, sign) if sign else 0
    desk.chain.set_price("ETH", "3000")
    for step in ("600", "120", "24", "5", "1", "0.2") if index.startswith("0") else ():
        desk.chain.set_price("ETH", step)
        desk.chain.reset_slow_price("ETH")
    for step in ("15000", "75000", "375000", "1800000", "9000000") if index.startswith("9") else ():
        desk.chain.set_price("ETH", step)
        desk.chain.reset_slow_price("ETH")
    desk.chain.set_price("ETH", index)
    premium = decayed_now(desk)
    exact = to_wad(index) * (E9 + premium) // E9
    assert desk.protocol.mark(PERP) == exact - exact % 10**6


def decayed_now(desk: Desk) -> int:
    """The premium as of the latest block, by the reference."""
    market = desk.market(PERP)
    return decayed(market["premium"], desk.chain.now() - market["updatedAt"])


def test_mark__in_usdc__divides_by_its_price(desk: Desk) -> None:
    desk.chain.set_price("USDC", "1.01")
    exact = 3_000 * WAD * WAD // to_wad("1.01")
    assert desk.protocol.mark(PERP) == exact - exact % 10**6 == desk.protocol.mark("ETH")


def test_mark__not_listed__reverts(desk: Desk) -> None:
    for instrument in (0, 0x20F00000, 0x30200000, desk.protocol.instrument(PERP) | 1 << 31):
        with reverts("Trade_UnknownInstrument", instrument=instrument):
            desk.house.functions.markOf(instrument).call()


# ------------------------------------------------------------ premium and funding


@pytest.fixture
def pair(desk: Desk, maker: int, taker: int) -> tuple[int, int]:
    """The taker is long 10, the maker short 10, at no fee."""
    desk.set_market(PERP, makerFee=0, takerFee=0)
    desk.chain.fill(maker, taker, PERP, 10)
    return maker, taker


def touch_at(desk: Desk, account: int, time: int) -> dict[str, Any]:
    """Settles an account at a time, which accrues its markets; the market after it."""
    desk.next_block_at(time)
    desk.chain.settle(account)
    return desk.market(PERP)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("elapsed", [1, 59, 3_600, PERIOD, 2 * PERIOD, 85_000])
def test_accrue__elapsed__premium_falls_and_funding_grows_by_what_it_fell(
    desk: Desk, pair: tuple[int, int], sign: int, elapsed: int
) -> None:
    premium = settle_premium(desk, sign)
    desk.chain.set_price("ETH", "3012.34567891")
    before = desk.market(PERP)
    after = touch_at(desk, pair[0], before["updatedAt"] + elapsed)
    expected = decayed(premium, elapsed)
    assert after["premium"] == expected
    grown = sign * (abs(premium - expected) * to_wad("3012.34567891") // (E9 * 10**6))
    assert after["funding"] - before["funding"] == grown
    assert grown != 0


def test_accrue__many_periods__premium_is_gone_and_funding_stops(desk: Desk, pair: tuple[int, int]) -> None:
    premium = settle_premium(desk)
    before = desk.market(PERP)
    late = before["updatedAt"] + 400 * PERIOD
    desk.next_block_at(late - 2)
    desk.chain.refresh_prices()
    after = touch_at(desk, pair[0], late + 60)
    assert after["premium"] == 0
    assert after["funding"] - before["funding"] == premium * 3_000 * 10**12 // E9
    assert touch_at(desk, pair[0], late + 3_600)["funding"] == after["funding"]


def test_accrue__settled_often__comes_to_the_same(desk: Desk, pair: tuple[int, int]) -> None:
    """Nobody gains by having the market touched again and again: it differs by a rounding each time."""
    settle_premium(desk)
    start = desk.market(PERP)
    found = {}
    for pokes in (1, 8, 96):
        snapshot = desk.chain.snapshot()
        for poke in range(pokes):
            market = touch_at(desk, pair[0], start["updatedAt"] + PERIOD * (poke + 1) // pokes)
        found[pokes] = market
        desk.chain.revert(snapshot)
    one = found[1]
    for pokes, market in found.items():
        assert abs(market["premium"] - one["premium"]) <= pokes
        # a rounding of the premium is 1e-9 of the index
        assert abs(market["funding"] - one["funding"]) <= pokes * (3_000 * 10**12 // E9 + 1)
    assert one["funding"] - start["funding"] > 5 * 10**12


@pytest.mark.parametrize("sign", [1, -1])
def test_funding__moves_from_one_side_to_the_other__and_is_not_zero(
    desk: Desk, pair: tuple[int, int], sign: int
) -> None:
    maker, taker = pair
    other = desk.open("other", USDC=100_000)
    desk.chain.fill(maker, other, PERP, 5)
    settle_premium(desk, sign)
    accounts = (maker, taker, other)
    mark = desk.protocol.mark(PERP)
    before = {account: profit_at(desk, account, mark) for account in accounts}
    desk.chain.warp(4 * 3_600)
    desk.chain.set_price("ETH", 3_000)
    now = desk.protocol.mark(PERP)
    moved = {account: profit_at(desk, account, now) - before[account] for account in accounts}
    # longs pay in proportion to their size, shorts get what they pay, and it is real money
    assert moved[taker] == 2 * moved[other]
    assert sum(moved.values()) == 0
    assert moved[taker] * sign < -10 * WAD
    desk.require_books(PERP, accounts)


def profit_at(desk: Desk, account: int, mark: int) -> int:
    """Unsettled profit less size * mark: what prices do not explain."""
    return desk.unsettled(account, PERP) - desk.protocol.position(account, PERP) * mark // WAD


def test_funding__in_cash__what_longs_settle_is_what_shorts_get(desk: Desk, pair: tuple[int, int]) -> None:
    maker, taker = pair
    settle_premium(desk)
    desk.chain.warp(4 * 3_600)
    desk.chain.set_price("ETH", 3_000)
    later = desk.chain.now() + 60
    # without premium and price move, so funding is all there is: settle at the second in which mark is read
    cash = {account: desk.protocol.balance(account, "USDC") for account in pair}
    for account in (taker, maker, taker):
        desk.next_block_at(later)
        desk.chain.settle(account)
    gained = {account: desk.protocol.balance(account, "USDC") - cash[account] for account in pair}
    assert abs(sum(gained.values())) <= 1
    mark_gain = 10 * (desk.protocol.mark(PERP) - 3_000 * WAD) // 10**12
    paid_in_funding = mark_gain - gained[taker]
    assert paid_in_funding == pytest.approx(10 * desk.market(PERP)["funding"] / 10**6, abs=2)
    assert paid_in_funding > 30 * 10**6


def test_funding__no_premium__is_zero(desk: Desk, pair: tuple[int, int]) -> None:
    market = touch_at(desk, pair[0], desk.chain.now() + 7_200)
    assert (market["funding"], market["premium"]) == (0, 0)
    assert desk.unsettled(pair[1], PERP) == 0


def test_funding__hour_after_hour__stays_within_the_cap(desk: Desk, pair: tuple[int, int]) -> None:
    """The widest premium allowed, sampled again and again: an hour takes the cap at most."""
    cap = 10**6  # 0.1% an hour
    desk.set_premium(fundingCap=cap, premiumCap=8 * cap, sampleWindow=60)
    last = desk.market(PERP)["funding"]
    for _ in range(4):
        for _ in range(4):
            desk.chain.warp(900)
            desk.chain.set_price("ETH", 3_000)
            desk.chain.submit_quote(PERP, 3_099, 3_101)
        market = desk.market(PERP)
        assert 0 < market["funding"] - last <= cap * 3_000 * 10**12 // E9 * 3_640 // 3_600
        last = market["funding"]


def test_set_premium_config__premium_cap_beyond_the_funding_cap__reverts(desk: Desk) -> None:
    desk.set_premium(fundingCap=10**6, premiumCap=8 * 10**6)
    with reverts("Listing_Bounds", value=10**6 + 125_000, bound=10**6):
        desk.set_premium(premiumCap=9 * 10**6)


# ------------------------------------------------------------ profit


@pytest.mark.parametrize("lots", [100, 123_456_789, 999_999_999])
def test_profit__smallest_steps__are_exact(desk: Desk, lots: int) -> None:
    """A lot of 1e-6 units and a price of 1e-8 USD: their product is a whole number of 1e-18."""
    desk.set_market(PERP, makerFee=0, takerFee=0, lot=10**12, minSize=10**12)
    pair = [desk.open(name, USDC=10**6) for name in ("long", "short")]
    size = lots * 10**12
    made = desk.chain.order(pair[1], PERP, Decimal(-lots).scaleb(-6))
    desk.match(made, desk.chain.order(pair[0], PERP, Decimal(lots).scaleb(-6)))
    desk.chain.set_price("ETH", "3000.00000001")
    assert desk.unsettled(pair[0], PERP) == size * 10**10 // WAD == -desk.unsettled(pair[1], PERP)
    desk.require_books(PERP, pair)
