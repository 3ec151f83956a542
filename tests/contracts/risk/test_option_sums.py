"""``OptionSums`` against ``contracts/test/NaiveOptions.sol``, in one call. Branches: ``test_option_sums.tree``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.risk.arrays import Series
from tests.contracts.ledger.tools import deploy
from tests.contracts.risk.books import pack_options, random_series

pytestmark = pytest.mark.ballast(check=False)

IDS = tuple(1 << 14 | 2_300 + i for i in range(8))

Option = tuple[int, int, bool, int]


@pytest.fixture
def harness(chain: LocalChain) -> Contract:
    return deploy(chain, "OptionHarness")


def compare(
    harness: Contract, arrays: Sequence[Series], held: Sequence[Option], moves: Sequence[float] = (), tail: int = 0
) -> tuple[list[int], list[Any]]:
    """P&L by row and sums by series, once the harness has found both ways equal; ``tail`` is put behind the entries."""
    word, words = pack_options(tuple(held))
    if tail:
        words[-1] |= tail << 64 * (len(held) % 4) & 2**256 - 1 if len(held) % 4 else 0
        words.append(tail)
    forwards = [int(one.forward // 10**9 * (moves[i] if moves else 1)) for i, one in enumerate(arrays)]
    options = [word, len(held), *[0] * 8, *words]
    blobs = [one.encode() for one in arrays]
    profits, sums = harness.functions.compare(blobs, forwards, options).call({"gas": 2**40})
    return list(profits), list(sums)


def random_held(source: random.Random, count: int, slots: int, most: int) -> list[Option]:
    """In the order of their slots' first appearance; some more than once."""
    first = [(IDS[slot], source.randrange(8), False, 1) for slot in range(slots)][:count]
    rest = [
        (IDS[source.randrange(slots)], source.randrange(8), source.random() < 0.5, source.choice([-1, 1]) * most)
        for _ in range(count - len(first))
    ]
    return first + rest


@pytest.mark.parametrize("seed", range(24))
def test_sum__any_blobs_and_options__is_the_naive_one(harness: Contract, seed: int) -> None:
    source = random.Random(seed)
    wild = seed % 3 == 0
    rows, slots = source.choice([16, 32, 48, 64]), source.randrange(1, 5)
    arrays = [random_series(source, rows, 10**9, 8, wild=wild) for _ in range(slots)]
    moves = [source.choice([1, 1.001, 0.999, 1.1, 0.8]) for _ in arrays]
    count = source.randrange(slots, 65)
    compare(
        harness, arrays, random_held(source, count, slots, 2**54 - 1 if wild else source.randrange(1, 10**7)), moves
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 63, 64])
def test_sum__any_number_of_options__is_the_naive_one(harness: Contract, count: int) -> None:
    source = random.Random(count)
    compare(harness, [random_series(source, 16, 10**9, 8)], random_held(source, count, 1, 10**5))


def test_sum__the_same_option_twice__is_one_of_both_sizes(harness: Contract) -> None:
    arrays = [random_series(random.Random(1), 16, 10**9, 8)]
    twice = compare(harness, arrays, [(IDS[0], 3, True, 7), (IDS[0], 2, False, 1), (IDS[0], 3, True, -5)])
    assert twice == compare(harness, arrays, [(IDS[0], 3, True, 2), (IDS[0], 2, False, 1)])


def test_sum__sizes_that_cancel_and_come_again__count_once(harness: Contract) -> None:
    arrays = [random_series(random.Random(1), 16, 10**9, 8)]
    again = compare(harness, arrays, [(IDS[0], 3, True, 7), (IDS[0], 3, True, -7), (IDS[0], 3, True, 9)])
    assert again == compare(harness, arrays, [(IDS[0], 3, True, 9)])


def test_sum__long_call_and_short_put__is_the_forward_less_the_strike(harness: Contract) -> None:
    arrays = [random_series(random.Random(2), 32, 10**9, 8)]
    profits, (sums,) = compare(harness, arrays, [(IDS[0], 3, False, 5), (IDS[0], 3, True, -5)])
    calls, puts, value, *risks, floors = sums
    assert (calls, puts) == (5, -5)
    assert value == 5 * (arrays[0].forward // 10**9 - arrays[0].records[3].strike)
    assert {*profits, *risks, *floors} == {0}


def test_sum__box__is_the_strikes_difference(harness: Contract) -> None:
    arrays = [random_series(random.Random(3), 32, 10**9, 8)]
    box = [(IDS[0], 2, False, 4), (IDS[0], 6, False, -4), (IDS[0], 2, True, -4), (IDS[0], 6, True, 4)]
    profits, (sums,) = compare(harness, arrays, box, moves=(1.3,))
    calls, puts, value, *risks, floors = sums
    assert (calls, puts) == (0, 0)
    assert value == 4 * (arrays[0].records[6].strike - arrays[0].records[2].strike)
    assert {*profits, *risks, *floors} == {0}


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_sum__words_behind_the_last_entry__are_not_read(harness: Contract, count: int) -> None:
    source = random.Random(count)
    arrays, held = [random_series(source, 16, 10**9, 8)], random_held(source, count, 1, 10**5)
    behind = int.from_bytes(source.randbytes(32), "big")
    assert compare(harness, arrays, held, tail=behind) == compare(harness, arrays, held)
