"""The golden portfolios, by the twin and by the contract. Branches: ``test_portfolio_vectors.tree``."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from tests.contracts.risk.books import Book
from tests.contracts.risk.given_engine import MINIMUM, GivenEngine
from tests.vectors import portfolio_margin
from tests.vectors.portfolio_margin import KINDS, PATH, Golden

pytestmark = pytest.mark.ballast(check=False)


@pytest.fixture(scope="module")
def golden() -> Golden:
    return portfolio_margin.load()


def test_file__made_again__is_the_same() -> None:
    assert portfolio_margin.dump(portfolio_margin.make()) == PATH.read_text("utf-8")


def test_file__has_cases_of_every_kind(golden: Golden) -> None:
    assert len(golden.cases) > 200
    assert {case.name for case in golden.cases} == set(KINDS)


def test_cases__by_the_twin__are_as_expected(golden: Golden) -> None:
    for case in golden.cases:
        found = golden.evaluate(case.holdings)
        wanted = case.expected
        assert [*found.worst] == wanted["worst"], case.name
        assert sorted(found.stale) == wanted["stale"], case.name
        for name in ("equity", "initial", "maintenance", "shortfall", "floor", "contingencies", "initial_only"):
            assert getattr(found, name) == wanted[name], (case.name, name)


def test_cases__by_the_contract__are_as_expected(golden: Golden, chain: LocalChain) -> None:
    assert golden.minimum == MINIMUM
    chain.warp(golden.now - chain.now())
    margin = GivenEngine.on(chain, golden.factors)
    for i, case in enumerate(golden.cases):
        book = Book(golden.table, golden.arrays, case.holdings, golden.contingencies, golden.haircuts)
        if i == 0:
            margin.place(book)
        equity, initial, maintenance, stale = margin.requirement(book)
        _, shortfall, worst = margin.scenarios(book)
        wanted = case.expected
        assert (equity, initial, maintenance) == (wanted["equity"], wanted["initial"], wanted["maintenance"]), case.name
        assert (shortfall, list(worst)) == (wanted["shortfall"], wanted["worst"]), case.name
        assert sorted(stale) == wanted["stale"], case.name
