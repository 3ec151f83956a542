"""The slow price: the library against a reference, and what it promises for any syncs."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from web3.contract import Contract

from tests.contracts.oracles.feeds import DAY, HOUR, MAX_PRICE, WAD

RATE = 60_000


def _advanced(slow: int, held: int, elapsed: int, rate: int = RATE) -> int:
    """The formula in exact fractions, rounded towards the old slow price."""
    elapsed = min(elapsed, DAY)
    r = Fraction(rate, 10**6)
    x = (r - r * r / 2) * Fraction(elapsed, HOUR)
    step = Fraction(elapsed, DAY) * abs(held - slow)
    if held > slow:
        return slow + int(min(step, slow * x))
    return slow - int(min(step, slow - slow / (1 + x)))


def _schedule(seed: int, total: int) -> list[int]:
    """Random waits that add up to ``total``: from seconds to hours, some zero."""
    rng = random.Random(seed)
    waits: list[int] = []
    while (left := total - sum(waits)) > 0:
        waits.append(min(left, int(10 ** rng.uniform(0, 4)) - 1))
    return waits


@pytest.mark.parametrize("seed", range(20))
def test_advance__random_prices_and_times__equals_reference(harness: Contract, seed: int) -> None:
    rng = random.Random(seed)
    slow, held = (int(10 ** rng.uniform(9, 27)) for _ in range(2))
    if seed % 2:
        held = int(slow * rng.uniform(0.5, 2))
    elapsed = rng.choice([0, 1, 12, HOUR, DAY - 1, DAY, 30 * DAY, rng.randrange(3 * DAY)])
    rate = rng.choice([1_000, RATE, 200_000])

    assert harness.functions.advance(slow, held, elapsed, rate).call() == _advanced(slow, held, elapsed, rate)


@pytest.mark.parametrize(("slow", "held"), [(1, MAX_PRICE), (MAX_PRICE, 1), (MAX_PRICE, MAX_PRICE)])
def test_advance__extremes__neither_overflow_nor_leave_the_gap(harness: Contract, slow: int, held: int) -> None:
    found = harness.functions.advance(slow, held, 2**32, 200_000).call()

    assert found == _advanced(slow, held, 2**32, 200_000)
    assert min(slow, held) <= found <= max(slow, held)


def test_advance__no_time__unmoved(harness: Contract) -> None:
    assert harness.functions.advance(3_000 * WAD, 9_000 * WAD, 0, RATE).call() == 3_000 * WAD


def test_advance__price_held_for_a_day_within_the_rate__is_reached(harness: Contract) -> None:
    assert harness.functions.advance(3_000 * WAD, 3_300 * WAD, DAY, RATE).call() == 3_300 * WAD
    assert harness.functions.advance(3_000 * WAD, 2_700 * WAD, DAY, RATE).call() == 2_700 * WAD


def test_advance__small_gap__moves_by_weight_not_by_rate(harness: Contract) -> None:
    found = harness.functions.advance(2_400 * WAD, 2_424 * WAD, HOUR, RATE).call()

    assert found == 2_401 * WAD


@pytest.mark.parametrize("factor", [1_000, Fraction(1, 1_000)])
@pytest.mark.parametrize("rate", [RATE, 10_000])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("total", [60, HOUR, 6 * HOUR])
def test_advance__any_schedule__at_most_the_rate_in_any_time(
    harness: Contract, factor: Fraction, rate: int, seed: int, total: int
) -> None:
    slow = 3_000 * WAD
    waits = _schedule(seed, total) if seed else [1] * min(total, HOUR)
    held = [int(slow * factor)] * len(waits)

    found = harness.functions.advanceMany(slow, held, waits, rate).call()

    bound = (1 + rate / 10**6) ** (sum(waits) / HOUR)
    assert 1 / bound <= found / slow <= bound
    if factor > 1 or rate < RATE:
        # Not idle either: nine tenths are used. (Falling, the day's weight allows 1/24 an hour.)
        assert max(found / slow, slow / found) - 1 > 0.9 * (bound - 1)


@pytest.mark.parametrize("seed", range(6))
def test_advance__many_syncs__go_no_further_than_one_within_the_rate(harness: Contract, seed: int) -> None:
    slow, held = 3_000 * WAD, 3_030 * WAD
    waits = _schedule(seed, 12 * HOUR)

    found = harness.functions.advanceMany(slow, [held] * len(waits), waits, RATE).call()

    at_once = harness.functions.advance(slow, held, 12 * HOUR, RATE).call()
    assert slow < found <= at_once


def test_advance__spike_synced_for_one_second__moves_by_that_second_only(harness: Contract) -> None:
    slow = 3_000 * WAD

    found = harness.functions.advanceMany(slow, [slow, 5 * slow, slow], [HOUR, 1, 0], RATE).call()

    # Five times the price for one of 86,400 seconds, and less by the limit per hour.
    assert slow < found <= slow + slow * 4 // DAY
    assert found <= slow + slow * 60_000 // 10**6 // HOUR
