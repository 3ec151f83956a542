"""Many accounts at once against one by one."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import numpy as np
import pytest

from ballast.risk.batch import Accounts, Batch, Market, evaluate_many
from ballast.risk.limbs import Limbs, exact_sums
from ballast.risk.portfolio import Holdings, PortfolioError, PortfolioMargin, evaluate
from ballast.risk.terms import Terms
from tests.contracts.risk.books import ASSETS, FACTORS, Book, random_book, rows_of

NOW = 1_800_000_000
MINIMUM = 10 * 10**18
TOKENS = tuple((asset, asset) for asset in ASSETS)
#: Accounts of one market, and markets: 10,000 accounts in all.
EACH, MARKETS = 500, 20


def _terms(book: Book) -> Terms:
    rows = rows_of(book.table)
    names = ("",) * len(rows.weights)
    return Terms(rows, names, book.arrays, FACTORS, book.contingencies, book.haircuts, MINIMUM)


def _market(book: Book) -> Market:
    return Market(_terms(book), TOKENS, book.holdings.indices, book.holdings.quote_usd, NOW)


def _in_market(book: Book, of: Book) -> Holdings:
    """What one book holds, at another's prices."""
    return replace(book.holdings, indices=of.holdings.indices, quote_usd=of.holdings.quote_usd)


def _pruned(holdings: Holdings, source: random.Random) -> Holdings:
    """Some legs fewer, so that accounts without options, perpetuals or debts are among them."""

    def some(legs: tuple, most: int) -> tuple:  # type: ignore[type-arg]
        return legs[: source.randrange(most + 1)]

    tokens, linears = some(holdings.tokens, 3), some(holdings.linears, 3)
    ended = [asset << 14 | day for asset in ASSETS for day in (2_100, 2_200)]
    over = tuple((one, source.randint(-(10**24), 10**24), 0) for one in source.sample(ended, source.randrange(4)))
    unfixed = frozenset(one for one, _, _ in over if source.random() < 0.5)
    expired = tuple(
        (one, value, source.randint(-(10**24), 10**24)) if one in unfixed else (one, value, 0) for one, value, _ in over
    )
    options = some(holdings.options, len(holdings.options))
    return replace(holdings, tokens=tokens, linears=linears, options=options, expired=expired, unfixed=unfixed)


def _one(batch: Batch, market: Market, i: int) -> PortfolioMargin:
    def at(values: dict[str, np.ndarray]) -> dict[str, int]:
        return {name: column[i] for name, column in values.items()}

    return PortfolioMargin(
        equity=batch.equity[i],
        initial=batch.initial[i],
        maintenance=batch.maintenance[i],
        shortfall=batch.shortfall[i],
        floor=batch.floor[i],
        contingencies=at(batch.contingencies),
        initial_only=at(batch.initial_only),
        profits=tuple(batch.profits[i]),
        worst=tuple(batch.worst[i]),
        stale=frozenset(series for series, is_stale in zip(market.series, batch.stale[i], strict=True) if is_stale),
    )


def _slow(holdings: Holdings, terms: Terms) -> PortfolioMargin | None:
    """None where the contract's word is too small."""
    try:
        return evaluate(
            holdings,
            terms.rows,
            terms.arrays,
            terms.factors,
            terms.contingencies,
            terms.haircuts,
            terms.minimum,
            NOW,
        )
    except OverflowError:
        return None


def _require_same(book: Book, held: list[Holdings]) -> int:
    """Returns how many accounts the contract would revert for."""
    market = _market(book)
    batch = evaluate_many(Accounts.of(held, market), market)
    for i, holdings in enumerate(held):
        slow = _slow(holdings, market.terms)
        assert bool(batch.reverts[i]) == (slow is None)
        assert bool(batch.unfixed[i]) == bool(holdings.unfixed)
        if slow is not None:
            # what has expired is in no series of the market
            assert _one(batch, market, i) == replace(slow, stale=slow.stale - holdings.unfixed), i
    return int(batch.reverts.sum())


@pytest.mark.parametrize("seed", range(MARKETS))
def test_evaluate_many__random_accounts__each_as_one_by_one(seed: int) -> None:
    source = random.Random(seed)
    rows, wild = source.choice([16, 32, 64]), seed % 4 == 3
    tail = source.choice([1, 1, 2, 4, rows])
    book = random_book(source, rows, NOW, tail=tail, wild=wild)
    held = []
    for _ in range(EACH):
        other = random_book(source, 16, NOW, source.choice([0, 1, 4, 8, 24, 64]), wild=wild)
        held.append(_pruned(_in_market(other, book), source))
    _require_same(book, held)


def test_evaluate_many__largest_lots_scales_and_prices__exact_or_said_to_revert() -> None:
    source = random.Random(7)
    book = random_book(source, 64, NOW, wild=True)
    arrays = {
        series: replace(
            one,
            lot=2**63,
            forward=2**93,
            spot=2**93,
            records=tuple(
                replace(r, strike=2**64 - 1, mark=2**64 - 1, vega=2**32 - 1, gamma=2**32 - 1) for r in one.records
            ),
        )
        for series, one in book.arrays.items()
    }
    indices = dict.fromkeys(book.holdings.indices, 2**93)
    huge = replace(book, arrays=arrays, holdings=replace(book.holdings, indices=indices))
    held = [huge.holdings]
    held += [replace(huge.holdings, options=huge.holdings.options[:count]) for count in range(1, 60, 7)]
    held += [replace(huge.holdings, options=tuple((*key, 2**54 - 1) for *key, _ in huge.holdings.options))]
    held += [replace(huge.holdings, options=tuple((*key, 1 - 2**54) for *key, _ in huge.holdings.options))]
    held += [replace(huge.holdings, options=(), cash=2**127, linears=((1, 2**250, -(2**200)),))]
    assert 0 < _require_same(huge, held) < len(held)


def test_evaluate_many__calls_and_puts_that_cancel__series_still_counts() -> None:
    source = random.Random(8)
    book = random_book(source, 16, NOW)
    series = min(book.arrays)
    options = ((series, 3, False, 50), (series, 3, True, -50))
    held = [replace(book.holdings, options=options), replace(book.holdings, options=(), tokens=(), linears=())]
    _require_same(book, held)


def test_evaluate_many__table_without_a_floor__none_is_charged() -> None:
    book = random_book(random.Random(11), 16, NOW)
    terms = _terms(book)
    bare = replace(terms, rows=replace(terms.rows, floors=(None, *terms.rows.floors[1:])))
    market = Market(bare, TOKENS, book.holdings.indices, book.holdings.quote_usd, NOW)
    batch = evaluate_many(Accounts.of([book.holdings], market), market)
    assert _one(batch, market, 0) == _slow(book.holdings, bare)


def test_evaluate_many__nobody__nothing() -> None:
    market = _market(random_book(random.Random(9), 16, NOW))
    batch = evaluate_many(Accounts.of([], market), market)
    assert all(not len(getattr(batch, f.name)) for f in fields(batch) if not f.name.startswith(("cont", "initial_o")))


def test_accounts_of__what_the_market_has_not__the_contracts_error() -> None:
    book = random_book(random.Random(10), 16, NOW)
    market = _market(book)
    series = min(book.arrays)
    for held, error in (
        (replace(book.holdings, tokens=((9, 9, 1),)), r"Margin_NoColumn\(9\)"),
        (replace(book.holdings, linears=((9, 1, 0),)), r"Margin_NoColumn\(9\)"),
        (replace(book.holdings, options=((5, 0, False, 1),)), r"Margin_NoArrays\(5\)"),
        (replace(book.holdings, options=((series, 30, False, 1),)), rf"Margin_NoArray\({series}, 30\)"),
    ):
        with pytest.raises(PortfolioError, match=error):
            Accounts.of([held], market)


@pytest.mark.parametrize("bits", [3, 21, 42, 63, 64, 90])
def test_exact_sums__numbers_of_any_size__as_python_adds_them(bits: int) -> None:
    source = random.Random(bits)
    ends = [-(2**bits), 2**bits, 2**bits - 1, 0, -1]
    dense = [[source.choice([*ends, source.randint(-(2**bits), 2**bits)]) for _ in range(5)] for _ in range(30)]
    lots = [-(2**63), 2**63 - 1, -1, 0, 1]
    rows = [
        [(source.randrange(30), source.choice([*lots, source.randrange(-(2**40), 2**40)])) for _ in range(count)]
        for count in (0, 1, 64, 3, 0, 200)
    ]
    flat = [entry for row in rows for entry in row]
    indptr = np.cumsum([0, *map(len, rows)])
    indices, data = (np.array([entry[k] for entry in flat], dtype=np.int64) for k in range(2))
    expected = [[sum(lot * dense[at][c] for at, lot in row) for c in range(5)] for row in rows]
    assert exact_sums(indptr, indices, data, Limbs(dense, 5)).tolist() == expected


def test_exact_sums__row_of_too_many_entries__refused() -> None:
    size = 2**19
    indices = np.zeros(size, dtype=np.int64)
    with pytest.raises(OverflowError, match="more than 524287 entries"):
        exact_sums(np.array([0, size]), indices, indices, Limbs([[1]], 1))
