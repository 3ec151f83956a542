"""Each guard of a settlement price planted out, and the price that an attacker chooses then.

Branches: ``test_settlement_guards.tree``. The true price is 3,000 USDC unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contracts.harness import LocalChain, Revert
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD
from tests.contracts.oracles.settlements import WINDOW, SettlementDesk, price_of
from tests.support.mutants import Mutant, planted

ORACLE = "contracts/oracles/SettlementOracle.sol"
SUMS = "contracts/oracles/SettlementWindow.sol"
ROUNDS = "contracts/oracles/RoundProof.sol"


def without(name: str, path: str, old: str, new: str = "") -> Mutant:
    """The oracle with one passage replaced."""
    return Mutant(name, "SettlementOracle", ORACLE, ((path, old, new),))


NO_EXPIRY = without(
    "before the expiry",
    ORACLE,
    "if (block.timestamp < expiry) revert Settlement_NotExpired(expiry, block.timestamp);",
)
NO_BEGIN = without(
    "begins anywhere",
    SUMS,
    "if (updatedAt > start) revert ISettlementOracle.Settlement_BeginsLate(asset, round.id, updatedAt, start);",
    "if (updatedAt > start) return;",
)
NO_AGE = without("any age", SUMS, "if (start - updatedAt > feed.maxAge) {", "if (start < updatedAt) {")
NO_LAST = without(
    "the last is not proven",
    SUMS,
    "progress.done = !any || next.updatedAt >= end;",
    "progress.done = !any || next.updatedAt >= end || i + 1 == maxRounds;",
)
NO_MIDDLE = without(
    "rounds skipped in the middle",
    ROUNDS,
    "if (!goesOn) next = existing(source, _firstOf(phase + 1));",
    "next = existing(source, _firstOf(phase + 1));",
)
NO_PHASES = without(
    "phases beside each other", ROUNDS, "if (begunAt < end && begunAt < next.updatedAt) {", "if (begunAt == 0) {"
)
NO_ONCE = without(
    "fixed again", ORACLE, "if (known != 0) revert Settlement_AlreadyFixed(asset, expiry, known);", "known;"
)
NO_DELAY = without(
    "a governor at once",
    ORACLE,
    "if (block.timestamp < earliest) revert Settlement_TooEarly(block.timestamp, earliest);",
)
NO_BAND = without(
    "a governor's any price",
    ORACLE,
    "if (priceWad < lowest || priceWad > highest) revert Settlement_OutsideBand(priceWad, lowest, highest);",
)


@contextmanager
def attacked(mutant: Mutant, chain: LocalChain) -> Iterator[SettlementDesk]:
    with planted(mutant):
        yield SettlementDesk(chain)


def test_before_the_expiry__fixed_at_the_price_of_now__before_the_crash(chain: LocalChain) -> None:
    with attacked(NO_EXPIRY, chain) as desk:
        history = [(-5, 3_000 * USD)]
        desk.give(desk.eth, history)
        desk.chain.warp(desk.start + 60 - desk.chain.now)
        desk.settle()  # a put that is about to be worth 1,000 is worth nothing
        crashed = [*history, (120, 2_000 * USD)]
        assert price_of(crashed, [(0, USD)]) < 2_100 * WAD
        assert desk.price == 3_000 * WAD


def test_begin_not_proven__begins_with_the_last_round__nearly_nothing(chain: LocalChain) -> None:
    with attacked(NO_BEGIN, chain) as desk:
        desk.give(desk.eth, [(-5, 3_000 * USD), (WINDOW - 1, 3_000 * USD)])
        desk.expire()
        desk.settle(rounds=(2, 1))
        assert desk.price == price_of([(0, 3_000 * USD)], [(0, WINDOW * USD)])
        assert desk.price < 2 * WAD


def test_staleness__a_feed_that_died_last_week__its_price_still(chain: LocalChain) -> None:
    with attacked(NO_AGE, chain) as desk:
        desk.give(desk.eth, [(-7 * DAY, 6_000 * USD)])
        desk.expire()
        desk.settle()
        assert desk.price == 6_000 * WAD


def test_last_round_not_proven__stops_where_it_suits__a_spike_for_the_whole_window(chain: LocalChain) -> None:
    with attacked(NO_LAST, chain) as desk:
        desk.give(desk.eth, [(-600, 2_000 * USD), (-5, 9_000 * USD), (5, 2_000 * USD), (900, 2_000 * USD)])
        desk.expire()
        desk.settle(rounds=(2, 1), count=1)
        assert desk.price == 9_000 * WAD


def test_rounds_in_the_middle_not_read__the_old_phase_ends_at_once__its_crash_is_not_seen(chain: LocalChain) -> None:
    with attacked(NO_MIDDLE, chain) as desk:
        old, new = (chain.deploy("HistoryAggregator", 8) for _ in range(2))
        desk.put_proxy(old, new)
        history = [(-5, 3_000 * USD), (10, 1_500 * USD)]
        desk.give(old, history)
        desk.give(new, [(WINDOW - 1, 1_500 * USD)])
        desk.expire()
        desk.settle(rounds=(1 << 64 | 1, 1))
        assert price_of(history, [(0, USD)]) < 1_510 * WAD
        assert desk.price > 2_999 * WAD


def test_phases_beside_each_other__the_caller_chooses_between_them(chain: LocalChain) -> None:
    with attacked(NO_PHASES, chain) as desk:
        old, new = (chain.deploy("HistoryAggregator", 8) for _ in range(2))
        desk.put_proxy(old, new)
        desk.give(old, [(-HOUR, 1_500 * USD), (WINDOW, 1_500 * USD)])
        desk.give(new, [(-60, 3_000 * USD)])
        desk.expire()
        found = [desk.call(rounds=(number << 64 | 1, 1)).call() for number in (1, 2)]
        assert found == [1_500 * WAD, 3_000 * WAD]


def test_fixed_again__a_governor_changes_what_was_paid_at(chain: LocalChain) -> None:
    with attacked(NO_ONCE, chain) as desk:
        desk.expire()
        desk.settle()
        desk.expire(after=DAY)
        desk.chain.send(desk.by_governor(1_500 * WAD))
        assert desk.price == 1_500 * WAD


def test_governor_at_once__nobody_else_has_a_chance(chain: LocalChain) -> None:
    with attacked(NO_DELAY, chain) as desk:
        desk.expire()
        desk.chain.send(desk.by_governor(1_500 * WAD))
        assert desk.refusal() == Revert("Settlement_AlreadyFixed", (ETH, desk.expiry, 1_500 * WAD))


def test_governor_without_a_band__any_price(chain: LocalChain) -> None:
    with attacked(NO_BAND, chain) as desk:
        desk.expire(after=DAY)
        desk.chain.send(desk.by_governor(1_000_000 * WAD))
        assert desk.price == 1_000_000 * WAD
