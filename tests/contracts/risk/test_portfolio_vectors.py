"""The golden portfolios, by the twin and by the contract. Branches: ``test_portfolio_vectors.tree``."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction
from math import ceil

import pytest

from ballast.chain.instruments import PERPETUAL, instrument_id, options_listing
from ballast.chain.local import LocalChain
from ballast.risk.margin import ISOLATED, STANDARD
from ballast.risk.standard import require_isolated
from ballast.risk.standard_options import option_value
from ballast.risk.valuation import NoHealthError
from ballast.units import E6, WAD
from tests.contracts.ledger.tools import reverts
from tests.contracts.risk.given_engine import MINIMUM, GivenEngine
from tests.vectors import portfolio_margin
from tests.vectors.portfolio_kinds import EXPIRED_KINDS, KINDS
from tests.vectors.portfolio_margin import PATH, Case, Golden

pytestmark = pytest.mark.ballast(check=False)


@pytest.fixture(scope="module")
def golden() -> Golden:
    return portfolio_margin.load()


def test_file__made_again__is_the_same() -> None:
    assert portfolio_margin.dump(portfolio_margin.make()) == PATH.read_text("utf-8")


def test_file__has_cases_of_every_kind(golden: Golden) -> None:
    assert len(golden.cases) > 200
    assert {case.name for case in golden.cases} == {*KINDS, *EXPIRED_KINDS}


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
        book = golden.book(case)
        if i == 0:
            margin.place(book)
        equity, initial, maintenance, stale = margin.requirement(book)
        _, shortfall, worst = margin.scenarios(book)
        wanted = case.expected
        assert (equity, initial, maintenance) == (wanted["equity"], wanted["initial"], wanted["maintenance"]), case.name
        assert (shortfall, list(worst)) == (wanted["shortfall"], wanted["worst"]), case.name
        assert sorted(stale) == wanted["stale"], case.name


def charge(value: int, rate: int) -> int:
    return ceil(Fraction(abs(value) * rate, E6))


def standard(golden: Golden, case: Case) -> tuple[int, int, int]:
    """The STANDARD model as docs/margin-models.md says it, in fractions; what age adds is PORTFOLIO's."""
    held, rates = case.holdings, golden.instrument_rates
    drift, doubt = case.expected["contingencies"]["drift"], case.expected["initial_only"]["confidence"]
    found = {}
    for name, extra in (("maintenance", drift), ("initial", drift + doubt)):
        total = sum(charge(value, getattr(golden.token_rates[token], name)) for token, _, value in held.tokens)
        for asset, notional, _ in held.linears:
            total += charge(notional, getattr(rates[instrument_id(PERPETUAL, asset)], name))
        for series, strike, put, lots in held.options:
            asset, arrays = series >> 14, golden.arrays[series]
            index, level = held.indices[asset], arrays.records[strike].strike * 10**9
            if lots > 0:
                total += max(0, option_value(arrays, strike, put, lots, index))
            else:
                part = Fraction(getattr(rates[options_listing(asset)], name), E6) * index
                away = max(0, index - level if put else level - index)
                total += ceil(max(part - away, part / 2) * -lots * arrays.lot / WAD)
        for series, _, _, lots in case.over:
            asset, end = series >> 14, case.ends[series]
            if lots < 0 and not end.is_fixed:  # whatever the strike
                part = Fraction(getattr(rates[options_listing(asset)], name), E6) * held.indices[asset]
                total += ceil(part * -lots * end.lot / WAD)
        found[name] = total + extra
    equity, profit = case.expected["equity"], sum(max(0, pnl) for *_, pnl in held.linears)
    if held.owes:
        found["maintenance"] = max(found["maintenance"], golden.minimum)
    else:
        found = {name: min(one, equity) for name, one in found.items()}
    uncredited = max(0, profit - max(0, equity - profit))
    return equity, max(found.values()) + uncredited, found["maintenance"]


def test_cases__under_standard__are_the_formulas(golden: Golden) -> None:
    for case in golden.cases:
        assert list(standard(golden, case)) == case.expected["standard"], case.name
        assert list(astuple(golden.standard(case))) == case.expected["standard"], case.name
    assert any(not case.holdings.owes for case in golden.cases)


def test_cases__under_standard_and_isolated__by_the_contract(golden: Golden, chain: LocalChain) -> None:
    chain.warp(golden.now - chain.now())
    margin = GivenEngine.on(chain, golden.factors)
    margin.rate(golden.token_rates, golden.instrument_rates)
    isolated = 0
    for i, case in enumerate(golden.cases):
        book = golden.book(case)
        if i == 0:
            margin.place(book)
        *found, stale = margin.requirement(book, STANDARD)
        assert found == case.expected["standard"], case.name
        assert sorted(stale) == case.expected["stale"], case.name
        try:
            require_isolated(case.portfolio(ISOLATED))
        except NoHealthError:
            with reverts("Margin_NotIsolated"):
                margin.requirement(book, ISOLATED)
            continue
        isolated += 1
        assert margin.requirement(book, ISOLATED) == (*found, stale), case.name
    assert 50 < isolated < len(golden.cases) - 50
