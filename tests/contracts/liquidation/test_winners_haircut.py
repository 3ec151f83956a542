"""PerpBook.sol, _haircut: pro rata over winners, exact. Branches: test_winners_haircut.tree."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.scenes import Scenes

PERP = "ETH-PERP"


@pytest.fixture
def market(scenes: Scenes) -> Scenes:
    """No fees, no reward of the fund, and a lender."""
    scenes.free_trading()
    scenes.lender()
    return scenes


def loser(scenes: Scenes, winner: int, size: int, name: str = "loser", cash: int = 0) -> int:
    """10 ETH against 20,000 USDC less ``cash``, long against the winner: at 2,000 the position is all it has."""
    account = scenes.borrower(name, owes={"USDC": 20_000 - cash}, ETH=10)
    scenes.chain.fill(winner, account, PERP, size)
    return account


def crash(scenes: Scenes, account: int, liquidator: int) -> dict[str, Any]:
    """ETH at 2,000, the account liquidated; the haircut's event."""
    scenes.price(ETH=2_000)
    receipt = scenes.chain.liquidate(account, liquidator)
    assert scenes.event(receipt, "LossAllocated")["insurance"] == 0
    return scenes.event(receipt, "WinnersHaircut")


def test_haircut__one_side__bears_per_unit_of_size(market: Scenes, liquidator: int) -> None:
    early, late, other = (market.open(name, USDC=100_000) for name in ("early", "late", "other"))
    account = loser(market, early, 2, cash=1_000)
    market.chain.fill(late, other, PERP, 6, 2_900)
    winners = (early, late)
    market.price(ETH=2_000)
    before = {winner: market.unsettled(winner, PERP) for winner in winners}
    assert before == {early: 2_000 * WAD, late: 5_400 * WAD}
    event = crash(market, account, liquidator)
    lost = {winner: before[winner] - market.unsettled(winner, PERP) for winner in winners}
    # 1,000 of the loss of 2,000 is not there; eight units of short interest bear it
    assert sum(lost.values()) == event["fromShorts"]
    assert lost[late] == 3 * lost[early]
    assert lost[early] == pytest.approx(250 * WAD, rel=1e-5)
    assert market.unsettled(other, PERP) == -5_400 * WAD, "a loser of the other side bears nothing"
    market.require_books(PERP, (account, liquidator, *winners, other))


def test_haircut__split_account__bears_what_one_would(market: Scenes, liquidator: int) -> None:
    lost = []
    for split in (False, True):
        again = market.chain.snapshot()
        accounts = [market.open("winner", index, USDC=100_000) for index in range(4)]
        account = market.borrower("loser", owes={"USDC": 20_000}, ETH=10)
        for index in range(4 if split else 1):
            market.chain.fill(accounts[index], account, PERP, 1 if split else 4)
        market.price(ETH=2_000)
        before = sum(market.unsettled(a, PERP) for a in accounts)
        crash(market, account, liquidator)
        lost.append(before - sum(market.unsettled(a, PERP) for a in accounts))
        market.chain.revert(again)
    assert lost[0] > 3_000 * WAD
    assert abs(lost[0] - lost[1]) <= WAD // 1_000  # seconds of interest


def test_haircut__loser__is_left_out_of_its_own_side(market: Scenes, liquidator: int) -> None:
    """The loser is long; other longs, who entered low, have won and bear their part. It does not share its own loss."""
    short, low = market.open("short", USDC=100_000), market.open("low", USDC=100_000)
    market.price(ETH=1_500)
    market.chain.fill(short, low, PERP, 3)
    market.price(ETH=3_000)
    account = loser(market, short, 4)
    market.price(ETH=2_000)
    before = {a: market.unsettled(a, PERP) for a in (short, low)}
    assert before == {short: (4_000 - 1_500) * WAD, low: 1_500 * WAD}
    loss = -market.chain.health(account).equity
    event = crash(market, account, liquidator)
    total = event["fromLongs"] + event["fromShorts"]
    assert total == pytest.approx(min(loss, 4_000 * WAD), rel=1e-5)
    # in proportion to the groups' profits of 1,500 and 2,500
    assert event["fromLongs"] == pytest.approx(total * 15 // 40, rel=1e-9)
    assert before[low] - market.unsettled(low, PERP) == event["fromLongs"]
    assert before[short] - market.unsettled(short, PERP) == event["fromShorts"]
    market.require_books(PERP, (account, liquidator, short, low))


def test_haircut__all_groups__bear_in_proportion(market: Scenes, liquidator: int) -> None:
    names = ("short", "low", "closed", "other", "fresh")
    short, low, closed, other, fresh = accounts = tuple(market.open(name, USDC=100_000) for name in names)
    market.price(ETH=1_500)
    market.chain.fill(short, low, PERP, 3)
    market.chain.fill(short, closed, PERP, 2)
    market.price(ETH=2_500)
    market.chain.fill(other, closed, PERP, -2)  # a claim of 2,000, and a long that will lose
    market.price(ETH=3_000)
    account = loser(market, fresh, 4, cash=2_000)
    market.price(ETH=2_000)
    before = {a: market.unsettled(a, PERP) for a in accounts}
    profits = [before[low] + before[other], before[short] + before[fresh], before[closed]]
    assert profits == [500 * WAD, 1_500 * WAD, 2_000 * WAD]
    event = crash(market, account, liquidator)
    given = [event["fromLongs"], event["fromShorts"], event["fromClaims"]]
    assert sum(given) == pytest.approx(2_000 * WAD, rel=1e-5)
    for found, profit in zip(given, profits, strict=True):
        assert found == pytest.approx(sum(given) * profit // sum(profits), abs=10**9)
    lost = {a: before[a] - market.unsettled(a, PERP) for a in accounts}
    assert lost[low] + lost[other] == given[0]
    assert lost[short] + lost[fresh] == given[1]
    assert lost[closed] == pytest.approx(given[2], abs=10**6)
    market.require_books(PERP, (account, liquidator, *accounts))


def test_haircut__group_that_lost__bears_nothing(market: Scenes, liquidator: int) -> None:
    """The other longs lost as well: only the shorts have anything to give."""
    short, long = market.open("short", USDC=100_000), market.open("long", USDC=100_000)
    market.chain.fill(short, long, PERP, 5)
    account = loser(market, short, 4)
    event = crash(market, account, liquidator)
    assert event["fromLongs"] == event["fromClaims"] == 0
    assert market.unsettled(long, PERP) == -5_000 * WAD
    market.require_books(PERP, (account, liquidator, short, long))


def test_haircut__of_all_the_profit__leaves_it_near_zero_and_not_below(market: Scenes, liquidator: int) -> None:
    winners = [market.open(f"winner {i}", USDC=100_000) for i in range(3)]
    account = market.borrower("loser", owes={"USDC": 20_000}, ETH=10)
    for winner, size in zip(winners, ("1.2345", "0.0777", "2.3456"), strict=True):
        market.chain.fill(winner, account, PERP, size)
    crash(market, account, liquidator)
    quantum = 3_657_800_000_000_000_000 * 10**6 // WAD  # open interest times 1e-12 USDC
    left = [market.unsettled(winner, PERP) for winner in winners]
    assert min(left) >= 0
    assert sum(left) <= quantum
    market.require_books(PERP, (account, liquidator, *winners))


def test_haircut__per_unit__falls_short_by_less_than_its_quantum(market: Scenes, liquidator: int) -> None:
    winner = market.open("winner", USDC=100_000)
    account = market.borrower("loser", owes={"USDC": "19000.123457"}, ETH=10)
    market.chain.fill(winner, account, PERP, "3.3333")
    market.price(ETH=2_000)
    loss = -market.chain.health(account).equity
    now = market.chain.now()
    market.next_block_at(now)
    receipt = market.chain.liquidate(account, liquidator)
    taken = market.event(receipt, "WinnersHaircut")["fromShorts"]
    assert 0 <= loss - taken < 3_333_300_000_000_000_000 * 10**6 // WAD
    assert market.market(PERP)["lossShort"] == taken * WAD // (3_333_300_000_000_000_000 * 10**6)


# ------------------------------------------------------------ claims


def test_haircut__claims__bear_by_index_and_are_paid_the_rest(market: Scenes, liquidator: int) -> None:
    first, second, other = (market.open(name, USDC=100_000) for name in ("first", "second", "other"))
    account = market.borrower("loser", owes={"USDC": 16_000}, ETH=10)
    market.chain.fill(first, account, PERP, 2)
    market.chain.fill(second, account, PERP, 3)
    market.price(ETH=2_000)
    market.chain.fill(other, first, PERP, 2)
    market.chain.fill(other, second, PERP, 3)
    assert [market.unsettled(a, PERP) for a in (first, second)] == [2_000 * WAD, 3_000 * WAD]
    event = crash(market, account, liquidator)
    assert event["fromClaims"] == pytest.approx(1_000 * WAD, rel=1e-4)
    left = [market.unsettled(a, PERP) for a in (first, second)]
    assert left[0] * 3 == pytest.approx(left[1] * 2, rel=1e-12)
    assert sum(left) == pytest.approx(5_000 * WAD - event["fromClaims"], abs=10**7)
    # the loser paid in what it had: that is what they get
    for holder in (first, second):
        market.chain.settle(holder)
        assert market.unsettled(holder, PERP) == 0
    paid = [market.protocol.balance(a, "USDC") - 100_000 * 10**6 for a in (first, second)]
    # less a unit each in what is paid, and in what lenders bear of the rounding
    assert sum(paid) * QUOTE_UNIT == pytest.approx(sum(left), abs=4 * QUOTE_UNIT)
    assert market.market(PERP)["claimShares"] == 0
    market.require_books(PERP, (account, liquidator, first, second, other))


def test_haircut__of_all_claims__ends_their_epoch_and_later_ones_bear_again(market: Scenes, liquidator: int) -> None:
    holder, other = market.open("holder", USDC=100_000), market.open("other", USDC=100_000)
    losses = []
    for turn in range(2):
        market.price(ETH=3_000)
        account = market.borrower(f"loser {turn}", owes={"USDC": 21_000}, ETH=10)
        market.chain.fill(holder, account, PERP, "0.01")
        market.price(ETH=2_000)
        market.chain.fill(other, holder, PERP, "0.01")
        assert market.unsettled(holder, PERP) == 10 * WAD
        receipt = market.chain.liquidate(account, liquidator)
        losses.append(market.event(receipt, "LossAllocated"))
        assert market.unsettled(holder, PERP) == 0
        assert market.market(PERP)["claimEpoch"] == turn + 1
        assert market.market(PERP)["claimShares"] == 0
        market.require_books(PERP, (account, liquidator, holder, other))
        market.price(ETH=3_000)
        market.chain.fill(liquidator, other, PERP, "0.01")
        market.chain.settle(other)
        market.chain.settle(liquidator)
    for loss in losses:
        assert loss["winners"] == pytest.approx(10 * WAD, rel=1e-6), "I6: claims bear before lenders"
    # the claim that is worth nothing goes when its account is settled
    assert market.house.functions.accountOf(holder).call()[1] == 1
    market.chain.settle(holder)
    assert market.house.functions.accountOf(holder).call()[1] == 0


def test_reduction__profit_becomes_a_claim_of_a_later_epoch__passes(market: Scenes, liquidator: int) -> None:
    """A claim's place of the size holds its epoch, which is no position that grew."""
    holder, other = market.open("holder", USDC=100_000), market.open("other", USDC=100_000)
    account = market.borrower("loser", owes={"USDC": 21_000}, ETH=10)
    market.chain.fill(holder, account, PERP, "0.01")
    market.price(ETH=2_000)
    market.chain.fill(other, holder, PERP, "0.01")
    market.chain.liquidate(account, liquidator)
    assert market.market(PERP)["claimEpoch"] == 1
    market.price(ETH=3_000)
    weak = market.borrower("weak", owes={"USDC": 45_000}, BTC=1)
    market.chain.fill(weak, market.maker(), PERP, 1)
    market.price(ETH=2_900, BTC=52_000)
    health = market.chain.health(weak)
    assert 0 < health.equity < health.maintenance
    for size in ("0.4", "0.6"):
        market.chain.fill(other, weak, PERP, size)
    assert market.protocol.position(weak, PERP) == 0
    assert market.unsettled(weak, PERP) > 0


def test_haircut__leaves_less_than_a_unit_of_a_claim__settling_clears_it(market: Scenes, liquidator: int) -> None:
    """A claim of 0.001 USDC of which 0.04% is left: no whole unit, so nothing is paid and nothing stays."""
    perp = "BTC-PERP"
    small, large, other = (market.open(name, USDC=100_000) for name in ("small", "large", "other"))
    account = market.open("loser", ETH=1)
    market.chain.fill(large, account, perp, "0.249")
    market.price(BTC=59_001)
    market.chain.fill(small, account, perp, "0.001")
    market.price(BTC=59_000)
    market.chain.fill(other, small, perp, "0.001")
    market.chain.fill(other, large, perp, "0.249")
    assert market.unsettled(small, perp) == WAD // 1_000
    for price in (600, 120, 24, 5, 1, "0.2", "0.11"):
        market.price(ETH=price)
    market.chain.liquidate(account, liquidator)
    assert 0 < market.unsettled(small, perp) < QUOTE_UNIT
    assert market.market(perp)["pool"] == 110_000
    market.chain.settle(small)
    assert market.house.functions.accountOf(small).call()[1] == 0
    # lenders bear what rounding left of the loss, a unit or two together
    assert 0 <= 100_000 * 10**6 - market.protocol.balance(small, "USDC") <= 1
    market.require_books(perp, (account, liquidator, small, large, other))


# ------------------------------------------------------------ after it


def test_haircut__positions_opened_later__bear_nothing(market: Scenes, liquidator: int) -> None:
    winner = market.open("winner", USDC=100_000)
    account = loser(market, winner, 4)
    crash(market, account, liquidator)
    assert market.market(PERP)["lossShort"] > 0
    late, other = market.open("late", USDC=100_000), market.open("other", USDC=100_000)
    market.chain.fill(late, other, PERP, 3)
    assert market.unsettled(late, PERP) == market.unsettled(other, PERP) == 0
    market.price(ETH=2_100)
    assert market.unsettled(late, PERP) == -300 * WAD == -market.unsettled(other, PERP)
    accounts = (account, liquidator, winner, late, other)
    market.require_books(PERP, accounts)
    for _ in range(2):
        for each in accounts:
            market.chain.settle(each)
    assert [market.unsettled(each, PERP) for each in accounts] == [0] * 5
    assert market.market(PERP)["pool"] * QUOTE_UNIT == market.market(PERP)["residual"]
