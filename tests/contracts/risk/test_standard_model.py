"""Profit that is not settled counts up to the account's other equity. Branches: ``test_standard_model.tree``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(100)
values = st.one_of(st.integers(-100, 100), st.integers(-(10**30), 10**30))


def uncredited(math: Contract, other: int, profit: int) -> int:
    return int(math.functions.uncreditedProfit(other + profit, profit).call())


@exact
@given(other=values, profit=values)
def test_uncreditedProfit__any__is_what_exceeds_the_other_equity(math: Contract, other: int, profit: int) -> None:
    assert uncredited(math, other, profit) == max(0, max(0, profit) - max(0, other))


@pytest.mark.parametrize(
    ("other", "profit", "wanted"),
    [
        (100, 0, 0),
        (100, -50, 0),
        (100, 100, 0),
        (100, 101, 1),
        (0, 100, 100),
        (-40, 100, 100),
        (-40, -100, 0),
    ],
)
def test_uncreditedProfit__each_branch(math: Contract, other: int, profit: int, wanted: int) -> None:
    assert uncredited(math, other, profit) == wanted


@exact
@given(parts=st.lists(st.tuples(values, values), min_size=2, max_size=4))
def test_uncreditedProfit__split_among_accounts__credits_no_more(math: Contract, parts: list[tuple[int, int]]) -> None:
    """Attack 1: what an owner's accounts are credited together is at most what one account would be."""

    def credited(other: int, profit: int) -> int:
        return max(0, profit) - uncredited(math, other, profit)

    together = credited(sum(max(0, c) for c, _ in parts), sum(max(0, p) for _, p in parts))
    assert sum(credited(c, p) for c, p in parts) <= together
