"""Trading.sol, settle: losers pay, winners are paid out of what losers have. Branches: test_trading_settle.tree."""

from __future__ import annotations

import pytest

from ballast.errors import ContractError
from ballast.units import WAD
from tests.contracts.markets.desk import Desk, reverts

PERP = "ETH-PERP"
UNIT = 10**6


@pytest.fixture
def moved(desk: Desk, maker: int, taker: int) -> tuple[int, int]:
    """The taker, long 10, has won 1,000 that the maker has lost; no fees."""
    for symbol in (PERP, "BTC-PERP"):
        desk.set_market(symbol, makerFee=0, takerFee=0)
    desk.chain.fill(maker, taker, PERP, 10)
    desk.chain.set_price("ETH", 3_100)
    return maker, taker


def usdc(desk: Desk, account: int) -> int:
    return desk.protocol.balance(account, "USDC")


def test_settle__loser__pays_into_the_pool(desk: Desk, moved: tuple[int, int]) -> None:
    maker, _ = moved
    receipt = desk.chain.settle(maker)
    assert desk.event(receipt, "Settled") == {
        "account": maker,
        "instrument": desk.protocol.instrument(PERP),
        "amount": -1_000 * UNIT,
    }
    assert usdc(desk, maker) == 99_000 * UNIT
    assert desk.market(PERP)["pool"] == desk.bank("USDC")["pools"] == 1_000 * UNIT
    assert desk.unsettled(maker, PERP) == 0
    desk.require_books(PERP, moved)


def test_settle__loser_without_cash__owes_it(desk: Desk) -> None:
    desk.open("lender", USDC=10_000)
    winner, loser = desk.open("winner", USDC=10_000), desk.open("loser", ETH=10)
    desk.set_market(PERP, makerFee=0, takerFee=0)
    desk.chain.fill(loser, winner, PERP, 5)
    desk.chain.set_price("ETH", 3_100)
    desk.chain.settle(loser)
    assert usdc(desk, loser) == -500 * UNIT
    desk.chain.settle(winner)
    assert usdc(desk, winner) == 10_500 * UNIT


def test_settle__winner_before_losers__gets_nothing(desk: Desk, moved: tuple[int, int]) -> None:
    _, taker = moved
    receipt = desk.chain.settle(taker)
    assert not desk.events(receipt, "Settled")
    assert usdc(desk, taker) == 100_000 * UNIT
    assert desk.unsettled(taker, PERP) == 1_000 * WAD


def test_settle__winner_after_losers__is_paid_in_full(desk: Desk, moved: tuple[int, int]) -> None:
    maker, taker = moved
    desk.chain.settle(maker)
    desk.chain.settle(taker)
    assert (usdc(desk, taker), desk.unsettled(taker, PERP)) == (101_000 * UNIT, 0)
    assert desk.market(PERP)["pool"] == 0
    desk.require_books(PERP, moved)


def test_settle__two_winners_and_half_a_loser__share_the_pool(desk: Desk, moved: tuple[int, int]) -> None:
    maker, taker = moved
    late, other_loser = desk.open("late", USDC=100_000), desk.open("other loser", USDC=100_000)
    desk.chain.fill(other_loser, late, PERP, 10, 3_100)
    desk.chain.set_price("ETH", 3_200)
    desk.chain.settle(other_loser)  # 1,000 of the 3,000 lost
    desk.chain.settle(taker)  # has won 2,000
    desk.chain.settle(late)  # has won 1,000
    assert (usdc(desk, taker), usdc(desk, late)) == (101_000 * UNIT, 100_000 * UNIT)
    assert (desk.unsettled(taker, PERP), desk.unsettled(late, PERP)) == (1_000 * WAD, 1_000 * WAD)
    desk.chain.settle(maker)
    desk.chain.settle(late)
    desk.chain.settle(taker)
    assert (usdc(desk, taker), usdc(desk, late)) == (102_000 * UNIT, 101_000 * UNIT)
    desk.require_books(PERP, (maker, taker, late, other_loser))


def test_settle__position__stays_and_goes_on_earning(desk: Desk, moved: tuple[int, int]) -> None:
    maker, taker = moved
    desk.chain.settle(maker)
    desk.chain.settle(taker)
    desk.chain.set_price("ETH", 3_110)
    assert desk.protocol.position(taker, PERP) == 10 * WAD
    assert desk.unsettled(taker, PERP) == 100 * WAD == -desk.unsettled(maker, PERP)
    desk.chain.set_price("ETH", 3_000)
    assert desk.unsettled(taker, PERP) == -1_000 * WAD


@pytest.mark.parametrize("side", [0, 1])
def test_settle__equity__is_what_it_was(desk: Desk, moved: tuple[int, int], side: int) -> None:
    desk.chain.set_price("ETH", "3099.98765432")
    desk.chain.settle(moved[1 - side])
    before = desk.chain.health(moved[side])
    desk.chain.settle(moved[side])
    after = desk.chain.health(moved[side])
    assert after.equity == before.equity
    assert after.maintenance == before.maintenance


def test_settle__several_markets__each_from_its_own_pool(desk: Desk, moved: tuple[int, int]) -> None:
    maker, taker = moved
    other = desk.open("other", USDC=100_000)
    desk.chain.fill(other, taker, "BTC-PERP", 1)
    desk.chain.set_price("BTC", 60_500)
    desk.chain.settle(maker)  # pays ETH-PERP's pool
    receipt = desk.chain.settle(taker)
    (paid,) = desk.events(receipt, "Settled")
    assert paid["instrument"] == desk.protocol.instrument(PERP)
    assert desk.unsettled(taker, "BTC-PERP") == 500 * WAD
    desk.chain.settle(other)
    desk.chain.settle(taker)
    assert usdc(desk, taker) == 101_500 * UNIT
    # one that lost in one market and won in the other pays and is paid
    desk.chain.set_prices({"ETH": 3_000, "BTC": 61_000})
    desk.chain.settle(other)
    receipt = desk.chain.settle(taker)
    assert sorted(e["amount"] for e in desk.events(receipt, "Settled")) == [-1_000 * UNIT, 500 * UNIT]


def test_settle__nothing_to_settle__does_nothing(desk: Desk, maker: int) -> None:
    for account in (maker, 1 << 8):
        assert not desk.chain.settle(account)["logs"]


def test_settle__below_zero_equity__reverts(desk: Desk) -> None:
    winner, loser = desk.open("winner", USDC=100_000), desk.open("loser", USDC=4_000)
    desk.set_market(PERP, makerFee=0, takerFee=0)
    desk.chain.fill(loser, winner, PERP, 10)
    desk.chain.set_price("ETH", 3_400)
    assert desk.chain.health(loser).equity == 0
    snapshot = desk.chain.snapshot()
    desk.chain.settle(loser)  # what it lost is just there
    assert usdc(desk, loser) == 0
    assert desk.market(PERP)["pool"] == 4_000 * UNIT
    desk.chain.revert(snapshot)
    desk.chain.set_price("ETH", "3400.00000001")
    with reverts("Trade_SettleInsolvent", account=loser, equityWad=-(10**11)):
        desk.chain.settle(loser)


def test_settle__again_in_the_same_second__changes_nothing(desk: Desk, moved: tuple[int, int]) -> None:
    maker, taker = moved
    for account in (maker, taker):
        desk.chain.settle(account)
    before = [(usdc(desk, a), desk.unsettled(a, PERP)) for a in moved]
    desk.next_block_at(desk.chain.now())
    assert not desk.events(desk.chain.settle(taker), "Settled")
    assert [(usdc(desk, a), desk.unsettled(a, PERP)) for a in moved] == before


def test_settle__again_and_again__gains_nobody_a_unit(desk: Desk, moved: tuple[int, int]) -> None:
    """Settlements are whole units towards zero: a hundred fractions of a unit stay in the position."""
    maker, taker = moved
    start = [desk.chain.health(account).equity for account in moved]
    for step in range(1, 30):
        desk.chain.set_price("ETH", f"3100.{step * 7:08d}")
        desk.chain.settle(maker)
        desk.chain.settle(taker)
    desk.chain.set_price("ETH", 3_100)
    assert [desk.chain.health(account).equity for account in moved] == start
    desk.require_books(PERP, moved)


def test_settle__stale_price__reverts(desk: Desk, moved: tuple[int, int]) -> None:
    desk.chain.warp(90_001)
    with pytest.raises(ContractError, match="Oracle_"):
        desk.chain.settle(moved[0])
