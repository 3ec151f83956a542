"""The PORTFOLIO requirement against the twin, over any table and arrays. Branches: ``test_portfolio_margin.tree``."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.local import LocalChain
from ballast.risk.arrays import FLOOR_ROWS, LARGEST, Record, Series
from ballast.risk.carry import Move
from ballast.risk.portfolio import Contingency, Holdings, PortfolioError
from ballast.units import E6, WAD
from tests.contracts.ledger.tools import reverts
from tests.contracts.risk.arrays import DAY
from tests.contracts.risk.books import FACTORS, Book, random_book, random_table
from tests.contracts.risk.given_engine import MINIMUM, GivenEngine

pytestmark = pytest.mark.ballast(check=False)

ROWS = (16, 32, 48, 64)
#: Asset 1, a day.
SERIES = 1 << 14 | 2_300
SPOT = 1_000 * WAD
#: Smallest multiplier that does not go through the lanes.
WIDE = 1 << 42


@pytest.fixture
def margin(chain: LocalChain) -> GivenEngine:
    return GivenEngine.on(chain)


def flat_series(now: int, rows: int = 32, strikes: int = 3, **changes: Any) -> Series:
    """Fresh arrays at a forward of 1,000: strikes of 900, 1,000, 1,100 USDC and so on, marks of 150, 100, 50 ..."""

    def record(i: int) -> Record:
        entries = tuple((-1) ** row * (100 * i + row) for row in range(FLOOR_ROWS + rows))
        return Record(
            strike=(900 + 100 * i) * 10**9,
            mark=max(150 - 50 * i, 10) * 10**9,
            delta=max(750_000_000 - 250_000_000 * i, 50_000_000),
            gamma=2_000_000,
            vega=300_000_000,
            scale=1_000,
            entries=entries,
        )

    fields: dict[str, Any] = {
        "spot": SPOT,
        "forward": SPOT,
        "time": now,
        "version": 1,
        "round": 1,
        "surface_time": now,
        "remaining": 30 * DAY,
        "band": 10_000_000,
        "lot": 10**15,
        "confidence": E6,
        "records": tuple(record(i) for i in range(strikes)),
    }
    return Series(**fields | changes)


def flat_book(
    margin: GivenEngine, holdings: Holdings, *, terms: Contingency | None = None, tail: int = 1, **changes: Any
) -> Book:
    """Quiet arrays under a random table; ``changes`` are the arrays'."""
    table = random_table(random.Random(3), 32, tail)
    series = flat_series(margin.chain.now(), **changes)
    return Book(table, {SERIES: series}, holdings, {1: terms} if terms else {}, {})


def options(*held: tuple[int, bool, int], index: int = SPOT, cash: int = 10**6 * WAD, **fields: Any) -> Holdings:
    """(strike, put, lots) each, of the one series, beside a million USDC."""
    return Holdings(
        cash=cash, options=tuple((SERIES, *one) for one in held), indices=dict.fromkeys((1, 2, 3), index), **fields
    )


SPREAD = ((0, False, 50_000), (1, True, -80_000), (2, False, -70_000))

# ------------------------------------------------------------------ any book


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("part", range(5))
def test_requirement__any_book__is_the_twins(margin: GivenEngine, rows: int, part: int) -> None:
    """Ten books each time: 200 in all."""
    source = random.Random(1_000 * rows + part)
    for i in range(10):
        count = (0, 1, 4, 7, 64)[i % 5] if i < 5 else source.randrange(65)
        margin.agree(random_book(source, rows, margin.chain.now(), count, tail=source.randrange(1, 17)))


@pytest.mark.parametrize("rows", ROWS)
def test_requirement__options_that_have_expired__is_the_twins(margin: GivenEngine, rows: int) -> None:
    source = random.Random(rows)
    waiting = set()
    for count, expired in ((0, 1), (0, 6), (9, 3), (44, 20), (12, 52)):
        book = random_book(source, rows, margin.chain.now(), count, expired=expired, tail=source.randrange(1, 17))
        assert margin.agree(book).stale >= book.holdings.unfixed
        waiting |= {series in book.holdings.unfixed for series, *_ in book.holdings.expired}
    assert waiting == {True, False}


@pytest.mark.parametrize("rows", ROWS)
def test_requirement__extreme_entries_and_lots__is_the_twins_beside_the_lanes(margin: GivenEngine, rows: int) -> None:
    source = random.Random(rows)
    for count in (1, 2, 9, 33, 64):
        book = random_book(source, rows, margin.chain.now(), count, tail=source.randrange(1, 17), wild=True)
        multipliers = [
            abs(lots) * book.arrays[series].records[strike].scale for series, strike, _, lots in book.holdings.options
        ]
        assert max(multipliers) >= WIDE
        margin.agree(book)


@pytest.mark.parametrize("tail", [1, 2, 15, 16])
@pytest.mark.parametrize("rows", ROWS)
def test_scenarios__any_tail__are_the_twins(margin: GivenEngine, rows: int, tail: int) -> None:
    margin.agree(random_book(random.Random(tail * rows), rows, margin.chain.now(), 20, tail=tail))


@pytest.mark.parametrize("tail", [1, 4, 16])
def test_scenarios__rows_that_lose_the_same__first_comes_first(margin: GivenEngine, tail: int) -> None:
    book = flat_book(margin, Holdings(cash=WAD), tail=tail)
    assert margin.agree(book).worst == tuple(range(tail))
    # a few rows worse than the rest, of two sizes, each more than once
    table = list(book.table)
    table[3] = [10_000] * 32
    table[4] = [[7_000 if s in (5, 9, 30) else 6_000 if s in (3, 31) else 8_000 for s in range(32)], *table[4][1:]]
    book = replace(book, table=tuple(table), holdings=Holdings(tokens=((1, 1, 10 * WAD),)))
    assert margin.agree(book).worst == (3, 31, 5, 9, 30, 0, 1, 2, 4, 6, 7, 8, 10, 11, 12, 13)[:tail]


@pytest.mark.parametrize("model", [0, 1, 7])
def test_scenarios__whatever_the_model__are_the_same(margin: GivenEngine, model: int) -> None:
    book = random_book(random.Random(1), 32, margin.chain.now(), 12, tail=3)
    wanted = margin.agree(book)
    assert margin.scenarios(book, model) == (wanted.profits, wanted.shortfall, wanted.worst)


# ------------------------------------------------------------------ what is owed


def test_requirement__nothing_owed__is_nothing(margin: GivenEngine) -> None:
    found = margin.agree(flat_book(margin, Holdings(cash=5 * WAD)))
    assert (found.equity, found.initial, found.maintenance) == (5 * WAD, 0, 0)


@pytest.mark.parametrize(
    "holdings",
    [
        Holdings(cash=-1),
        Holdings(cash=10 * WAD, tokens=((2, 2, -1),)),
        Holdings(linears=((1, 1, 0),)),
        Holdings(cash=10 * WAD, linears=((1, 0, -1),)),
        options((0, False, -1)),
    ],
    ids=["cash debt", "token debt", "position", "loss", "short option"],
)
def test_requirement__something_owed__is_the_minimum_at_least(margin: GivenEngine, holdings: Holdings) -> None:
    assert margin.agree(flat_book(margin, holdings)).maintenance == MINIMUM


@pytest.mark.parametrize("lots", [1, 1_000])
@pytest.mark.parametrize("put", [False, True])
def test_requirement__bought_options_and_no_cash__is_what_they_are_worth_at_most(
    margin: GivenEngine, put: bool, lots: int
) -> None:
    """Who owes nothing can lose no more than that."""
    found = margin.agree(flat_book(margin, options((0, put, lots))))
    assert 0 <= found.maintenance <= found.initial <= found.equity


# ------------------------------------------------------------------ arrays


def test_requirement__fresh_arrays__nothing_is_stale(margin: GivenEngine) -> None:
    found = margin.agree(flat_book(margin, options(*SPREAD)))
    assert (found.stale, found.contingencies["drift"]) == (frozenset(), 0)


@pytest.mark.parametrize("age", [FACTORS.array_age, FACTORS.array_age + 1, 40 * DAY])
def test_requirement__older_arrays__are_stale_and_charged(margin: GivenEngine, age: int) -> None:
    now = margin.chain.now()
    found = margin.agree(flat_book(margin, options(*SPREAD), time=now - age))
    old = age > FACTORS.array_age
    assert (bool(found.stale), found.contingencies["drift"] > 0) == (old, old)


@pytest.mark.parametrize("age", [FACTORS.surface_age, FACTORS.surface_age + 1, 40 * DAY])
def test_requirement__older_surface__is_stale_and_charged(margin: GivenEngine, age: int) -> None:
    now = margin.chain.now()
    found = margin.agree(flat_book(margin, options(*SPREAD), surface_time=now - age))
    old = age > FACTORS.surface_age
    assert (bool(found.stale), found.contingencies["drift"] > 0) == (old, old)


@pytest.mark.parametrize("move", [-10, -3, 3, 10])
def test_requirement__spot_moved_within_the_band__carries_the_mark(margin: GivenEngine, move: int) -> None:
    """The band is 1%: ten thousandths are its edge."""
    index = SPOT + SPOT * move // 1_000
    found = margin.agree(flat_book(margin, options((1, False, 10_000), index=index, cash=0)))
    assert (found.stale, found.contingencies["drift"]) == (frozenset(), 0)
    # 10 units of delta one half: 100 * 10 then
    assert (found.equity > 1_000 * WAD) == (move > 0)


@pytest.mark.parametrize("move", [-200, -11, 11, 200])
def test_requirement__spot_moved_beyond_the_band__is_stale_and_charged(margin: GivenEngine, move: int) -> None:
    found = margin.agree(flat_book(margin, options(*SPREAD, index=SPOT + SPOT * move // 1_000)))
    assert found.stale == {SERIES}
    assert found.contingencies["drift"] > 0


@pytest.mark.parametrize("confidence", [0, FACTORS.confidence - 1, FACTORS.confidence, E6, 2**24 - 1])
def test_requirement__surface_that_is_not_sure__adds_to_initial_alone(margin: GivenEngine, confidence: int) -> None:
    sure = margin.twin(flat_book(margin, options(*SPREAD)))
    found = margin.agree(flat_book(margin, options(*SPREAD), confidence=confidence))
    missing = E6 - confidence if confidence < FACTORS.confidence else 0
    # 200 units of 1,000 USDC
    assert found.initial - sure.initial == 200_000 * WAD * missing // E6
    assert found.maintenance == sure.maintenance


# ------------------------------------------------------------------ terms


@pytest.mark.parametrize("price", ["0.999", "0.99", "0.9899", "0.9", "0"])
def test_requirement__quote_token_below_its_peg__initial_alone_grows(margin: GivenEngine, price: str) -> None:
    quote = int(float(price) * 10**4) * WAD // 10**4
    pegged = margin.twin(flat_book(margin, options(*SPREAD)))
    found = margin.agree(flat_book(margin, options(*SPREAD, quote_usd=quote)))
    assert found.maintenance == pegged.maintenance
    growth = 4 * max(0, 99 * WAD // 100 - quote)
    assert found.initial == pytest.approx(pegged.initial * (WAD + growth) // WAD, abs=4)


def test_requirement__haircut__adds_to_initial_alone(margin: GivenEngine) -> None:
    book = flat_book(margin, Holdings(cash=-WAD, tokens=((1, 1, 100 * WAD), (3, 3, -100 * WAD))))
    plain = margin.agree(book)
    found = margin.agree(replace(book, haircuts={1: 50_000, 3: 150_000}))
    # 5% of what is held; nothing of what is owed
    assert (found.initial - plain.initial, found.maintenance) == (5 * WAD, plain.maintenance)


@pytest.mark.parametrize(("free", "charge"), [(0, 1_000), (10, 1_000), (500, 20), (999, "0.02002002"), (1_000, 0)])
def test_requirement__more_than_the_free_size__is_charged(margin: GivenEngine, free: int, charge: object) -> None:
    """2% of 1,000 USDC times the part beyond the free size, over it; never more than the notional."""
    terms = Contingency(concentration=20_000, free=free)
    found = margin.agree(flat_book(margin, Holdings(cash=10**6 * WAD, linears=((1, 1_000 * WAD, 0),)), terms=terms))
    assert found.contingencies["concentration"] / WAD == pytest.approx(float(str(charge)), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_requirement__each_contingency_alone__is_the_twins(margin: GivenEngine, seed: int) -> None:
    book = random_book(random.Random(seed), 32, margin.chain.now(), 40)
    margin.place(book)
    for name in ("basis", "basis_initial", "short_option", "short_option_initial", "vega", "gamma", "calendar"):
        alone = replace(book, contingencies=dict.fromkeys((1, 2, 3), Contingency(**{name: 40_000})))
        margin.place(replace(alone, arrays={}))
        margin.compare(alone)


def test_requirement__profit_beyond_the_other_equity__adds_to_initial_alone(margin: GivenEngine) -> None:
    found = margin.agree(flat_book(margin, Holdings(cash=30 * WAD, linears=((1, 0, 100 * WAD), (2, 0, -10 * WAD)))))
    assert (found.initial, found.maintenance) == (80 * WAD + MINIMUM, MINIMUM)


# ------------------------------------------------------------------ reverts


def test_requirement__arrays_missing__reverts(margin: GivenEngine) -> None:
    book = flat_book(margin, options((0, False, 1)))
    margin.place(book)
    other = Holdings(options=((SERIES, 0, False, 1), (SERIES + 1, 0, False, 1)), indices={1: SPOT})
    with reverts("Margin_NoArrays", series=SERIES + 1):
        margin.requirement(replace(book, holdings=other))
    with pytest.raises(PortfolioError, match=rf"Margin_NoArrays\({SERIES + 1}\)"):
        margin.twin(replace(book, holdings=other))


@pytest.mark.parametrize("put", [False, True])
def test_requirement__strike_that_the_arrays_do_not_have__reverts(margin: GivenEngine, put: bool) -> None:
    book = flat_book(margin, options((2, False, 1), (3, put, 1)))
    margin.place(book)
    with reverts("Margin_NoArray", slot=0, strike=3):
        margin.requirement(book)
    with pytest.raises(PortfolioError, match=rf"Margin_NoArray\({SERIES}, 3\)"):
        margin.twin(book)


OTHER = 9 << 14 | 2_300


@pytest.mark.parametrize(
    "holdings",
    [
        Holdings(tokens=((1, 1, 0), (1, 9, 1))),
        Holdings(linears=((9, 1, 0),)),
        Holdings(options=((OTHER, 0, False, 1),), indices={9: SPOT}),
    ],
    ids=["token", "position", "option"],
)
def test_requirement__asset_without_a_column__reverts(margin: GivenEngine, holdings: Holdings) -> None:
    book = flat_book(margin, holdings)
    book = replace(book, arrays={**book.arrays, OTHER: flat_series(margin.chain.now())})
    margin.place(book)
    with reverts("Margin_NoColumn", asset=9):
        margin.requirement(book)
    with pytest.raises(PortfolioError, match=r"Margin_NoColumn\(9\)"):
        margin.twin(book)


def test_requirement__asset_without_a_column_and_no_position__is_no_matter(margin: GivenEngine) -> None:
    found = margin.agree(flat_book(margin, Holdings(cash=WAD, linears=((9, 0, 5 * WAD),))))
    assert found.equity == 6 * WAD


# ------------------------------------------------------------------ lanes


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (1, -1)], ids=["long", "short", "both"])
@pytest.mark.parametrize("entry", [LARGEST, -LARGEST - 1])
@pytest.mark.parametrize(("scale", "lots"), [(2**21 + 1, 2**21 - 1), (2**21, 2**21)], ids=["fits", "does not"])
def test_lanes__64_strikes_at_the_edge__sums_are_exact(
    margin: GivenEngine, signs: tuple[int, int], entry: int, scale: int, lots: int
) -> None:
    """Products at most 65,535 * (2^42 - 1), 64 of them below 2^64: the proof by the extreme itself. One more, at 2^42,
    does not enter the lanes."""
    assert (scale * lots < WIDE) == (scale != lots)
    base = flat_series(margin.chain.now(), strikes=32)
    entries = (entry,) * (FLOOR_ROWS + 32)
    full = replace(base, records=tuple(replace(one, scale=scale, entries=entries) for one in base.records))
    held = tuple((series, i, False, signs[i % 2] * lots) for series in (SERIES, SERIES + 1) for i in range(32))
    table = random_table(random.Random(5), 32)
    book = Book(table, {SERIES: full, SERIES + 1: full}, Holdings(options=held, indices={1: SPOT}), {}, {})
    found = margin.agree(book)
    longs = sum(1 for one in held if one[3] > 0)
    steps = longs * entry - (64 - longs) * (entry + 1)
    assert set(found.profits) == {steps * scale * lots * 10**12}


def test_move__given_book__is_within_and_beyond_the_band() -> None:
    """What the tests above take for granted of their one per cent."""
    assert Move.of(10**12, 1_010 * 10**9, 10_000_000).outside == 0
    assert Move.of(10**12, 1_011 * 10**9, 10_000_000).outside == 10**9
