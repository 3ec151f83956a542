"""Losses along directions and the limit of their change, against the slow reference of the contract's tests."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from ballast.risk.scenarios import ONE, TOLERANCE, Change, changes, shape_change
from tests.contracts.risk.scenarios import (
    Table,
    differing,
    directions,
    loss,
    random_table,
    simple_table,
)

SYMBOLS = {asset: str(asset) for asset in range(128)}
FIELDS = ("up", "down", "volUp", "volDown")
#: Our names of the floor's moves and the contract's.
NAMES = {"vol_up": "volUp", "vol_down": "volDown"}


def as_content(table: Table) -> dict[str, Any]:
    return {**table, "floors": [dict(zip(FIELDS, moves, strict=True)) for moves in table["floors"]]}


def contracts_words(direction: str) -> str:
    return " ".join(NAMES.get(word, word) for word in direction.split())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("max_change", [1, 250_000, 10**6])
def test_changes__any_two_tables__are_the_references(seed: int, max_change: int) -> None:
    rng = random.Random(seed)
    assets = tuple(sorted(rng.sample(range(1, 128), rng.randint(1, 4))))
    wider = tuple(sorted({*assets, rng.randint(1, 127)}))
    old, new = random_table(rng, 16, assets), random_table(rng, 32, wider)
    found = {contracts_words(change.direction): change for change in changes(as_content(old), as_content(new), SYMBOLS)}
    for words, direction in directions(list(assets)):
        assert (found[words].before, found[words].after) == (loss(old, direction), loss(new, direction))
    fast = {words: (c.after, c.before) for words, c in found.items() if not c.is_within(max_change)}
    assert fast == differing(old, new, max_change)
    n = len(assets)
    assert len(found) == 4 * n + 2 * (2 * n + 4 * n * (n - 1) // 2)


def test_changes__the_same_table__has_none() -> None:
    table = as_content(simple_table())
    assert all(change.before == change.after and not change.part for change in changes(table, table, SYMBOLS))


@pytest.mark.parametrize(
    ("before", "after", "within"),
    [
        (0, TOLERANCE, True),
        (0, TOLERANCE + 1, False),
        (ONE, ONE * 5 // 4 + TOLERANCE, True),
        (ONE, ONE * 5 // 4 + TOLERANCE + 1, False),
        (ONE, ONE * 3 // 4 - TOLERANCE, True),
        (ONE, ONE * 3 // 4 - TOLERANCE - 1, False),
    ],
)
def test_is_within__at_the_bound_and_one_beyond(before: int, after: int, within: bool) -> None:
    assert Change("", before, after).is_within(250_000) is within


def test_part__from_nothing__is_none() -> None:
    assert Change("", 0, 5).part is None
    assert Change("", 4, 5).part == Fraction(1, 4)


def test_shape_change__what_the_contract_does_not_compare__is_named() -> None:
    old = as_content(simple_table())
    assert shape_change(old, old, SYMBOLS) is None
    for new, words in (
        (simple_table(assets=(1, 3)), "underlyings: 2 is in the active table and missing here"),
        (simple_table(tail=2), "tail: is 2; the active table's is 1"),
        (simple_table(termPower=3_501), "vol_term_power: 0.3501 is too far from the active table's 0.3; give one"),
        (simple_table(termPower=2_499), "vol_term_power: 0.2499 is too far"),
    ):
        assert (shape_change(old, as_content(new), SYMBOLS) or "").startswith(words)
    for power in (2_500, 3_500):
        assert shape_change(old, as_content(simple_table(termPower=power)), SYMBOLS) is None
