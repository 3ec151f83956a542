"""PerpBook.sol: profit and loss to the wei, and I1 after every step. Branches: test_perp_book.tree."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ballast.units import QUOTE_UNIT, WAD, from_wad, to_wad
from tests.contracts.markets.desk import Desk, reverts
from tests.contracts.markets.reference import ReferenceMarket

PERP = "ETH-PERP"
LOT, TICK = 10**14, 10**16
DEPOSIT = 3_000_000


class Replay:
    """Random steps on the chain and in the reference, compared after each."""

    def __init__(self, desk: Desk, seed: int, quoted: bool) -> None:
        self.desk = desk
        self.quoted = quoted
        self.rng = random.Random(seed)
        self.reference = ReferenceMarket()
        desk.set_market(PERP, makerFee=0, takerFee=0)
        self.accounts = [desk.open(f"trader {i}", USDC=DEPOSIT) for i in range(4)]
        self.funding = 0
        if quoted:
            self._quote()

    def step(self) -> None:
        kind = self.rng.random()
        if kind < 0.15:
            index = Decimal(self.rng.randrange(2_700 * 10**8, 3_300 * 10**8)) / 10**8
            self.desk.chain.set_price("ETH", index)
        elif kind < 0.30:
            account = self.rng.choice(self.accounts)
            self._fund(self.desk.chain.settle(account))
            self.reference.settle(account, self._mark())
        elif kind < 0.40 and self.quoted:
            self._quote()
        else:
            self._fill()
        self._compare()

    def _fill(self) -> None:
        maker, taker = self.rng.sample(self.accounts, 2)
        mark = self._mark()
        price = mark + self.rng.randrange(-100, 101) * TICK
        price = mark if self.rng.random() < 0.2 else price // TICK * TICK
        size = self.rng.randrange(-90_000, 90_001) * LOT
        held = self.reference.holdings[taker].size
        if held and self.rng.random() < 0.5:
            size = -held * self.rng.choice((1, 2, 2)) // self.rng.choice((1, 2, 3)) // LOT * LOT
        if any(0 < abs(self.reference.holdings[a].size + s) < 10**16 for a, s in ((taker, size), (maker, -size))):
            return  # below the smallest position
        if size:
            self._fund(self._fill_at(maker, taker, size, price))
            self.reference.fill(maker, taker, size, price)

    def _fill_at(self, maker: int, taker: int, size: int, price: int) -> Any:
        """At a price that may be the mark of this very second: the clock stands still where it is off the tick."""
        if price % TICK:
            self.desk.next_block_at(self.desk.chain.now())
        return self.desk.chain.fill(maker, taker, PERP, from_wad(size), from_wad(price))

    def _quote(self) -> None:
        self.desk.chain.warp(self.rng.randrange(30, 7_200))
        index = self.desk.chain.price("ETH")
        mid = (index * Decimal(self.rng.randrange(9_940, 10_061)) / 10_000).quantize(Decimal("0.01"))
        self._fund(self.desk.chain.submit_quote(PERP, mid - 1, mid + 1))

    def _fund(self, receipt: Any) -> None:
        """Funding as the market's event tells it; its formula has tests of its own."""
        for event in self.desk.events(receipt, "MarketSet"):
            self.reference.fund((event["funding"] - self.funding) * 10**6)
            self.funding = event["funding"]

    def _mark(self) -> int:
        return self.desk.protocol.mark(PERP)

    def _compare(self) -> None:
        desk, reference = self.desk, self.reference
        market, mark = desk.market(PERP), self._mark()
        for account in self.accounts:
            holding = reference.holdings[account]
            assert desk.protocol.position(account, PERP) == holding.size
            assert desk.unsettled(account, PERP) == reference.unsettled(account, mark) - self._accrued(holding.size)
            cash = desk.protocol.balance(account, "USDC") - DEPOSIT * 10**6
            assert cash == reference.cash[account]
        assert market["pool"] == reference.pool
        assert market["residual"] == reference.residual
        assert market["openInterest"] == reference.open_interest
        assert desk.insurance() == reference.swept
        desk.require_books(PERP, self.accounts)

    def _accrued(self, size: int) -> int:
        """Funding since the market's last change, as the view sees it; none within a second."""
        now, market = self.desk.chain.now(), self.desk.market(PERP)
        if market["premium"] == 0 or market["updatedAt"] == now:
            return 0
        # read it off an account that holds nothing but size: the view is linear in it
        probe = next(a for a in self.accounts if self.reference.holdings[a].size)
        holding = self.reference.holdings[probe]
        gap = self.reference.unsettled(probe, self._mark()) - self.desk.unsettled(probe, PERP)
        return gap * size // holding.size


@pytest.mark.parametrize("quoted", [False, True], ids=["index", "premium"])
@pytest.mark.parametrize("seed", range(2))
def test_trade__random_fills__profits_are_the_references_to_the_wei(desk: Desk, seed: int, quoted: bool) -> None:
    replay = Replay(desk, seed, quoted)
    for _ in range(40):
        replay.step()
    assert (replay.funding != 0) == quoted
    assert any(holding.size for holding in replay.reference.holdings.values())


# ------------------------------------------------------------ increase, reduce, turn


@pytest.fixture
def free(desk: Desk) -> Desk:
    """No fees, so that cash is profit."""
    desk.set_market(PERP, makerFee=0, takerFee=0)
    return desk


def cash(desk: Desk, account: int) -> int:
    """What the account gained in USDC units over the 100,000 it deposited."""
    return desk.protocol.balance(account, "USDC") - 100_000 * 10**6


def test_trade__increase__realises_nothing(free: Desk, maker: int, taker: int) -> None:
    free.chain.fill(maker, taker, PERP, 1, 3_000)
    free.chain.set_price("ETH", 3_100)
    receipt = free.chain.fill(maker, taker, PERP, 2, 3_100)
    assert not free.events(receipt, "Settled")
    assert (cash(free, maker), cash(free, taker)) == (0, 0)
    assert free.unsettled(taker, PERP) == 100 * WAD == -free.unsettled(maker, PERP)


def test_trade__reduce__realises_the_closed_part(free: Desk, maker: int, taker: int) -> None:
    free.chain.fill(maker, taker, PERP, 4, 3_000)
    free.chain.set_price("ETH", 2_900)
    # the taker's loss is 400, a quarter is realised; the maker's profit is paid out of it
    receipt = free.chain.fill(maker, taker, PERP, -1, 2_900)
    assert [(e["account"], e["amount"]) for e in free.events(receipt, "Settled")] == [
        (taker, -100 * 10**6),
        (maker, 100 * 10**6),
    ]
    assert (cash(free, maker), cash(free, taker)) == (100 * 10**6, -100 * 10**6)
    assert free.unsettled(taker, PERP) == -300 * WAD == -free.unsettled(maker, PERP)
    assert free.market(PERP)["pool"] == 0


def test_trade__part_that_is_no_whole_unit__stays_with_the_position(free: Desk, maker: int, taker: int) -> None:
    free.chain.fill(maker, taker, PERP, 3, 3_000)
    free.chain.set_price("ETH", "2999.99999999")  # a loss of 3e-8, of which a third is 1e-8, and a unit is 1e-6
    before = free.unsettled(taker, PERP)
    receipt = free.chain.fill(maker, taker, PERP, -1, "2999.99999999")
    assert not free.events(receipt, "Settled")
    assert free.unsettled(taker, PERP) == before == -3 * 10**10


def test_trade__close__rounds_a_loss_up_and_a_profit_down(free: Desk, maker: int, taker: int) -> None:
    free.chain.fill(maker, taker, PERP, 3, 3_000)
    free.chain.set_price("ETH", "2999.99999999")
    free.chain.fill(maker, taker, PERP, -3, "2999.99999999")
    assert (cash(free, taker), cash(free, maker)) == (-1, 0)
    market = free.market(PERP)
    # the unit that the loser paid is the remainder's, and a whole one insurance's
    assert (market["pool"], market["residual"], free.insurance()) == (0, 0, 1)
    assert market["claimShares"] == 0


def test_trade__turn__realises_all_and_starts_at_the_price(free: Desk, maker: int, taker: int) -> None:
    free.chain.fill(maker, taker, PERP, 2, 3_000)
    free.chain.set_price("ETH", 3_050)
    free.chain.fill(maker, taker, PERP, -5, 3_050)
    assert free.protocol.position(taker, PERP) == -3 * WAD
    assert free.unsettled(maker, PERP) == 0
    # the taker sold first, into an empty pool, and drew its claim on what the maker then paid
    assert (cash(free, taker), cash(free, maker)) == (100 * 10**6, -100 * 10**6)
    assert free.unsettled(taker, PERP) == 0
    free.chain.set_price("ETH", 3_060)
    assert free.unsettled(taker, PERP) == -30 * WAD


def test_trade__away_from_the_mark__moves_the_difference_and_nobody_elses(free: Desk, maker: int, taker: int) -> None:
    pair = [free.open(name, USDC=100_000) for name in ("bystander", "other bystander")]
    free.chain.fill(*pair, PERP, 3, 3_010)
    before = [free.unsettled(account, PERP) for account in pair]
    free.chain.fill(maker, taker, PERP, 2, 3_040)
    assert free.unsettled(taker, PERP) == -80 * WAD
    assert free.unsettled(maker, PERP) == 80 * WAD
    assert [free.unsettled(account, PERP) for account in pair] == before


# ------------------------------------------------------------ claims


@pytest.fixture
def claimed(free: Desk, maker: int, taker: int) -> tuple[int, int, int]:
    """The taker has closed with a profit of 200 that the maker has not paid in: a claim. The third is long."""
    other = free.open("other", USDC=100_000)
    free.chain.fill(maker, taker, PERP, 2, 3_000)
    free.chain.set_price("ETH", 3_100)
    free.chain.fill(other, taker, PERP, -2, 3_100)
    return maker, taker, other


def test_trade__profit_an_empty_pool_owes__becomes_a_claim(free: Desk, claimed: tuple[int, int, int]) -> None:
    _, taker, _ = claimed
    assert cash(free, taker) == 0
    assert free.protocol.position(taker, PERP) == 0
    assert free.unsettled(taker, PERP) == 200 * WAD
    assert free.market(PERP)["claimShares"] == 200 * WAD
    assert free.chain.health(taker).equity == 100_200 * WAD
    free.require_books(PERP, claimed)


def test_settle__claim_of_an_account_without_position__is_paid_once_losers_have(
    free: Desk, claimed: tuple[int, int, int]
) -> None:
    maker, taker, _ = claimed
    free.chain.settle(taker)
    assert cash(free, taker) == 0
    free.chain.settle(maker)
    receipt = free.chain.settle(taker)
    assert free.event(receipt, "Settled")["amount"] == 200 * 10**6
    assert (cash(free, taker), free.unsettled(taker, PERP)) == (200 * 10**6, 0)
    assert free.market(PERP)["claimShares"] == 0
    assert free.house.functions.accountOf(taker).call()[1] == 0, "no entry stays behind"
    free.require_books(PERP, claimed)


def test_settle__claim_beside_other_assets__leaves_the_market_its_own_index(
    free: Desk, claimed: tuple[int, int, int]
) -> None:
    """Settling a claim must not accrue the market at the index of whatever else the account holds."""
    maker, taker, _ = claimed
    free.chain.warp(600)
    free.chain.refresh_prices()
    free.chain.submit_quote(PERP, 3_115, 3_117)
    free.chain.deposit(taker, "SOL", 10)
    later = free.chain.now() + 3_600
    fundings = []
    for account in (maker, taker):
        snapshot = free.chain.snapshot()
        free.next_block_at(later)
        free.chain.settle(account)
        free.next_block_at(later + 60)
        free.chain.settle(maker)
        fundings.append(free.market(PERP)["funding"])
        free.chain.revert(snapshot)
    assert fundings[0] > 0
    assert abs(fundings[1] - fundings[0]) * 1_000 < fundings[0]


def test_settle__pool_pays_a_part_of_a_claim(free: Desk, claimed: tuple[int, int, int]) -> None:
    maker, taker, other = claimed
    free.chain.fill(other, maker, PERP, "0.5", 3_100)  # the maker closes a quarter: 50 come in
    assert free.market(PERP)["pool"] == 50 * 10**6
    free.chain.settle(taker)
    assert cash(free, taker) == 50 * 10**6
    assert free.unsettled(taker, PERP) == 150 * WAD
    free.require_books(PERP, claimed)


def test_settle__claim_and_position__are_both_paid(free: Desk, claimed: tuple[int, int, int]) -> None:
    maker, taker, other = claimed
    free.chain.fill(other, taker, PERP, 1, 3_100)
    free.chain.set_price("ETH", 3_110)
    free.chain.settle(maker)
    free.chain.settle(taker)
    assert cash(free, taker) == 210 * 10**6
    assert free.unsettled(taker, PERP) == 0
    free.require_books(PERP, claimed)


def test_trade__sixteen_markets__with_claims_and_positions_in_each(desk: Desk) -> None:
    """Sixteen markets are the limit, whether an account has a position in them, a claim, or both."""
    engine = desk.protocol.engine
    config = tuple({**desk.config(PERP), "makerFee": 0, "takerFee": 0}.values())
    rates = engine.functions.instrumentRates(desk.protocol.instrument(PERP)).call()
    *listed, beyond = [0x20200001 + i for i in range(17)]
    for number in (*listed, beyond):
        desk.govern(desk.house.functions.listMarket(number, f"ETH-{number}", config))
        desk.govern(engine.functions.setInstrumentRates(number, rates))
    winner, loser, other = (desk.open(name, USDC=100_000) for name in ("winner", "loser", "other"))

    def trade(number: int, seller: int, buyer: int, price: int) -> None:
        made, taken = (
            replace(desk.chain.order(account, PERP, size, price), instrument=number)
            for account, size in ((seller, -1), (buyer, 1))
        )
        desk.match(made, taken)

    def entries() -> int:
        return int(desk.house.functions.accountOf(winner).call()[1])

    for number in listed:
        trade(number, loser, winner, 3_000)
    with reverts("Ledger_TooManyPositions", limit=16):
        trade(beyond, loser, winner, 3_000)
    desk.chain.set_price("ETH", 3_010)
    for number in listed:
        trade(number, winner, other, 3_010)
    assert entries() == 16, "claims"
    with reverts("Ledger_TooManyPositions", limit=16):
        trade(beyond, other, winner, 3_010)
    for number in listed:
        trade(number, other, winner, 3_011)
    assert entries() == 32, "claims and positions"
    desk.chain.settle(loser)
    desk.chain.settle(winner)
    assert entries() == 16, "positions"
    assert desk.protocol.balance(winner, "USDC") == 100_000 * 10**6 + 16 * 9 * 10**6
    trade(listed[0], winner, other, 3_010)
    trade(beyond, desk.open("fresh", USDC=100_000), winner, 3_010)


def test_sweep__remainder_of_an_empty_pool__waits_for_cash(free: Desk, maker: int, taker: int) -> None:
    """Profits that were rounded down leave a remainder with no cash behind it until a loser pays."""
    other = free.open("other", USDC=100_000)
    free.chain.fill(maker, taker, PERP, 3, 3_000)
    free.chain.set_price("ETH", "3000.00000051")
    free.chain.fill(other, taker, PERP, -3, "3000.00000051")
    # profit 1.53e-6: a claim of one unit, and 0.53 of one that nobody gets
    market = free.market(PERP)
    assert (market["pool"], market["residual"], market["claimShares"]) == (0, 530_000_000_000, QUOTE_UNIT)
    free.require_books(PERP, (maker, taker, other))
    free.chain.fill(other, maker, PERP, 3, "3000.00000051")
    # the maker paid two units: one for the claim, the remainders 0.53 and 0.47 make the other
    market = free.market(PERP)
    assert (market["pool"], market["residual"], market["claimShares"], free.insurance()) == (1, 0, QUOTE_UNIT, 1)
    free.require_books(PERP, (maker, taker, other))


def test_trade__sizes_and_prices__make_whole_numbers(desk: Desk) -> None:
    """Why nothing is rounded: lots and ticks of every market are multiples of the quanta."""
    for symbol in desk.protocol.deployment.instruments:
        config = desk.config(symbol)
        assert config["lot"] % 10**12 == 0
        assert config["tick"] % 10**6 == 0
    assert to_wad("0.000001") * 10**6 % WAD == 0
