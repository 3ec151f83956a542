"""Many STANDARD accounts at once against one by one, and health of many of any model."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.instruments import options_listing
from ballast.chain.protocol import Health
from ballast.index.state import Engine, Rates
from ballast.risk.batch_market import Market
from ballast.risk.batch_standard import StandardAccounts, evaluate_standard
from ballast.risk.margin import holdings_of
from ballast.risk.portfolio import PortfolioError, worth_of_options
from ballast.risk.standard import requirement
from ballast.risk.terms import Terms
from ballast.risk.valuation import ExpiredLeg, LinearLeg, NoHealthError, OptionLeg, Portfolio, TokenLeg
from ballast.units import WAD
from tests.contracts.risk.books import ASSETS, FACTORS, Book, random_book, rows_of

NOW = 1_800_000_000
MINIMUM = 10 * 10**18
EACH, MARKETS = 300, 12
TOKENS = tuple((asset, asset) for asset in ASSETS)
CLAIM = 1 << 31


def _engine(source: random.Random) -> Engine:
    def rates() -> Rates:
        maintenance = source.randrange(1, 500_000)
        return Rates(maintenance, maintenance + source.randrange(1, 400_000))

    numbers = [kind << 28 | asset << 20 for kind in (2, 3, 4) for asset in ASSETS]
    return Engine("", {asset: rates() for asset in ASSETS}, {number: rates() for number in numbers}, MINIMUM)


def _terms(book: Book) -> Terms:
    rows = rows_of(book.table)
    names = ("",) * len(rows.weights)
    return Terms(rows, names, book.arrays, FACTORS, book.contingencies, book.haircuts, MINIMUM)


def _market(book: Book) -> Market:
    return Market(_terms(book), TOKENS, book.holdings.indices, book.holdings.quote_usd, NOW)


def _portfolio(source: random.Random, book: Book, of: Book) -> Portfolio:
    """What one book holds, at another's prices, with futures, claims and what has expired."""
    held = book.holdings

    def some(legs: Iterable[Any]) -> tuple[Any, ...]:
        all_of_them = tuple(legs)
        return all_of_them[: source.randrange(len(all_of_them) + 1)]

    kinds = [source.choice((2 << 28, 3 << 28 | 2_277 << 6)) for _ in held.linears]
    linears = [
        LinearLeg(kind | asset << 20, 0, source.choice([0, notional]), pnl)
        for kind, (asset, notional, pnl) in zip(kinds, held.linears, strict=True)
    ]
    claims = [LinearLeg(CLAIM | 2 << 28 | asset << 20, 0, 0, source.randrange(10**24)) for asset in ASSETS]
    days = source.sample([asset << 14 | day for asset in ASSETS for day in (2_100, 2_200)], source.randrange(3))
    expired = tuple(_expired(source, series) for series in days)
    return Portfolio(
        model=source.choice((0, 2)),
        cash=held.cash,
        quote_usd=of.holdings.quote_usd,
        tokens=some(TokenLeg(token, asset, 0, value) for token, asset, value in held.tokens),
        linears=some(linears) + some(claims),
        options=some(OptionLeg(*one) for one in held.options),
        expired=expired,
        indices=of.holdings.indices,
    )


def _expired(source: random.Random, series: int) -> ExpiredLeg:
    is_fixed = source.random() < 0.4
    shorts = tuple(source.randrange(1, 10**22) for _ in range(source.randrange(4)))
    moving = 0 if is_fixed else source.randint(-(10**24), 10**24)
    return ExpiredLeg(series, source.randint(-(10**24), 10**24), is_fixed, moving, shorts)


def _slow(portfolio: Portfolio, engine: Engine, terms: Terms) -> Any:
    """None where the contract's word is too small."""
    try:
        worth = worth_of_options(holdings_of(portfolio), terms.rows, terms.arrays, terms.factors, NOW)
        return requirement(engine, portfolio, worth, terms.arrays)
    except OverflowError:
        return None


def _require_same(portfolios: list[Portfolio], engine: Engine, market: Market) -> int:
    """Returns how many accounts the contract would revert for."""
    batch = evaluate_standard(StandardAccounts.of(portfolios, market, engine), market)
    for i, portfolio in enumerate(portfolios):
        slow = _slow(portfolio, engine, market.terms)
        assert bool(batch.reverts[i]) == (slow is None), i
        if slow is not None:
            assert Health(batch.equity[i], batch.initial[i], batch.maintenance[i]) == slow, i
    return int(batch.reverts.sum())


@pytest.mark.parametrize("seed", range(MARKETS))
def test_evaluate_standard__random_accounts__each_as_one_by_one(seed: int) -> None:
    source = random.Random(seed)
    wild = seed % 4 == 3
    book = random_book(source, 16, NOW, wild=wild)
    portfolios = [
        _portfolio(source, random_book(source, 16, NOW, source.choice([0, 1, 4, 24, 64]), wild=wild), book)
        for _ in range(EACH)
    ]
    assert sum(len(one.options) for one in portfolios) > EACH
    _require_same(portfolios, _engine(source), _market(book))


def test_evaluate_standard__largest_lots_and_prices__exact_or_said_to_revert() -> None:
    source = random.Random(7)
    book = random_book(source, 16, NOW, wild=True)
    arrays = {
        series: replace(
            one,
            lot=2**64 - 1,
            forward=2**94,
            spot=2**94,
            records=tuple(replace(r, strike=2**64 - 1, mark=2**64 - 1, vega=2**32 - 1) for r in one.records),
        )
        for series, one in book.arrays.items()
    }
    for bits in (94, 116, 130):
        indices = dict.fromkeys(book.holdings.indices, 2**bits)
        huge = replace(book, arrays=arrays, holdings=replace(book.holdings, indices=indices))
        portfolios = [_portfolio(source, huge, huge) for _ in range(40)]
        reverting = _require_same(portfolios, _engine(source), _market(huge))
        assert (reverting > 0) == (bits == 130)


@pytest.mark.parametrize("cash", [0, -1])
def test_evaluate_standard__a_put_worth_less_than_nothing__is_nothing_unless_something_is_owed(cash: int) -> None:
    """Where the forward rounds the parity below zero."""
    source = random.Random(5)
    book = random_book(source, 16, NOW)
    series = min(book.arrays)
    one = book.arrays[series]
    record = replace(one.records[0], mark=one.forward // 10**9 - one.records[0].strike, delta=0, gamma=0)
    fresh = replace(one, spot=book.holdings.indices[series >> 14], records=(record, *one.records[1:]))
    changed = replace(book, arrays={**book.arrays, series: fresh})
    held = Portfolio(0, cash, WAD, (), (), (OptionLeg(series, 0, True, 5),), (), book.holdings.indices)
    market = _market(changed)
    accounts = StandardAccounts.of([held], market, _engine(source))
    assert (evaluate_standard(accounts, market).equity[0] < cash) is (cash < 0)
    _require_same([held], _engine(source), market)


def test_evaluate_standard__nobody__nothing() -> None:
    source = random.Random(9)
    market = _market(random_book(source, 16, NOW))
    batch = evaluate_standard(StandardAccounts.of([], market, _engine(source)), market)
    assert [len(one) for one in (batch.equity, batch.initial, batch.maintenance, batch.reverts)] == [0] * 4


def test_standard_accounts_of__what_the_engine_has_not__the_contracts_error() -> None:
    source = random.Random(10)
    book = random_book(source, 16, NOW)
    market, engine = _market(book), _engine(source)
    series = min(book.arrays)
    empty = Portfolio(0, 0, WAD, (), (), indices=book.holdings.indices)
    bare = replace(engine, instrument_rates={})
    number = options_listing(series >> 14)
    short = replace(empty, options=(OptionLeg(series, 0, False, -1),))
    waiting = replace(empty, expired=(ExpiredLeg(series, 0, False, 0, (WAD,)),))
    for held, rated, error in (
        (replace(empty, tokens=(TokenLeg(9, 9, 0, 0),)), engine, r"Margin_NoTokenRates\(9\)"),
        (replace(empty, linears=(LinearLeg(2 << 28, 0, 1, 0),)), engine, rf"Margin_NoInstrumentRates\({2 << 28}\)"),
        (short, bare, rf"Margin_NoInstrumentRates\({number}\)"),
        (waiting, bare, rf"Margin_NoInstrumentRates\({number}\)"),
        (replace(empty, options=(OptionLeg(5, 0, False, 1),)), engine, r"Margin_NoArrays\(5\)"),
        (replace(empty, expired=(ExpiredLeg(9 << 14, 0, True, 0, ()),)), engine, r"Margin_NoColumn\(9\)"),
    ):
        with pytest.raises((NoHealthError, PortfolioError), match=error):
            StandardAccounts.of([held], market, rated)
    long = replace(empty, options=(OptionLeg(series, 0, False, 1),))
    assert StandardAccounts.of([long], market, bare).lots.tolist() == [1]
