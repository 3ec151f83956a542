"""Random tables, arrays and portfolios, as the contract takes them and as the twin does."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ballast.chain.instruments import PERPETUAL, expiry_of_series, instrument_id
from ballast.risk.arrays import FLOOR_ROWS, LARGEST, Record, Series
from ballast.risk.portfolio import Contingency, Factors, FloorMoves, Holdings, Rows
from ballast.risk.valuation import ExpiredLeg, OptionLeg, SeriesEnd
from ballast.units import E6, WAD
from tests.contracts.risk.arrays import DAY, MOVE

__all__ = [
    "ASSETS",
    "FACTORS",
    "Book",
    "expired_legs",
    "given",
    "pack_options",
    "random_book",
    "random_ends",
    "random_series",
    "random_table",
    "rows_of",
    "with_expired",
]

ASSETS = (1, 2, 3)
FACTORS = Factors(
    maintenance=E6,
    initial=1_300_000,
    depeg_start=990_000,
    depeg_slope=4_000_000,
    confidence=550_000,
    array_age=600,
    surface_age=1_200,
    stale_vol=50_000,
)
WEIGHT = WAD // 10**4


@dataclass(frozen=True)
class Book:
    """One portfolio with all that its margin needs; ``over`` are its options of series that have expired, ``ends`` what
    those are settled by."""

    table: tuple[Any, ...]
    arrays: dict[int, Series]
    holdings: Holdings
    contingencies: dict[int, Contingency]
    haircuts: dict[int, int]
    over: tuple[OptionLeg, ...] = ()
    ends: Mapping[int, SeriesEnd] = field(default_factory=dict)


def random_table(source: random.Random, rows: int, tail: int = 1) -> tuple[Any, ...]:
    """``IScenarioBook.Table`` of three underlyings."""

    def moves(low: int, high: int, spread: float) -> list[int]:
        return [min(max(int(8_000 * source.lognormvariate(0, spread)), low), high) for _ in range(rows)]

    floors = [(8_000 + source.randrange(400, 4_000), source.randrange(3_000, 7_600), 11_200, 6_000) for _ in ASSETS]
    weights = [source.choice([10_000, 10_000, 3_500, source.randrange(1, 20_000)]) for _ in range(rows)]
    spot, vol = [moves(800, 56_000, 0.3) for _ in ASSETS], [moves(400, 56_000, 0.4) for _ in ASSETS]
    return tail, 3_000, list(ASSETS), weights, spot, vol, floors, [b"\0" * 32] * rows


def rows_of(table: tuple[Any, ...]) -> Rows:
    """The twin's table."""
    tail, _, assets, weights, spot, _, floors, _ = table
    return Rows(
        version=1,
        tail=tail,
        weights=tuple(weight * WEIGHT for weight in weights),
        assets=tuple(assets),
        spot=tuple(tuple(move * MOVE for move in column) for column in spot),
        floors=tuple(FloorMoves(up * MOVE, down * MOVE) for up, down, _, _ in floors),
    )


def random_series(source: random.Random, rows: int, now: int, strikes: int = 30, *, wild: bool = False) -> Series:
    """Arrays of any numbers that fit; ``wild`` ones are at the ends of their ranges."""
    forward = int(10 ** source.uniform(0, 5) * WAD)

    def entry() -> int:
        return source.choice([-LARGEST, LARGEST, 0, -1]) if wild else source.randint(-LARGEST, LARGEST)

    def record(i: int) -> Record:
        strike = forward * (40 + 5 * i) // 100 // 10**9
        intrinsic = max(forward // 10**9 - strike, 0)
        return Record(
            strike=strike,
            mark=intrinsic + source.randrange(forward // 10**10 + 1),
            delta=source.randrange(10**9 + 1),
            gamma=source.randrange(10**8),
            vega=source.randrange(10**9),
            scale=source.choice([1, 2**32 - 1]) if wild else source.randrange(1, 10**5),
            entries=tuple(entry() for _ in range(FLOOR_ROWS + rows)),
        )

    age = source.choice([0, 10, 599, 600, 601, 5_000, 90_000])
    return Series(
        spot=int(forward * source.uniform(0.95, 1.05)),
        forward=forward,
        time=now - age,
        version=1,
        round=1,
        surface_time=now - age - source.choice([0, 100, 3_000]),
        remaining=source.choice([3_600, DAY, 90 * DAY]),
        band=source.randrange(1, 20_000_000),
        lot=10 ** source.randrange(13, 17),
        confidence=source.choice([E6, 300_000, 0]),
        records=tuple(record(i) for i in range(strikes)),
    )


def random_ends(source: random.Random, now: int, indices: Mapping[int, int]) -> dict[int, SeriesEnd]:
    """Two series that expired at the last expiry, of one the price is fixed."""
    day = (now - expiry_of_series(0)) // DAY
    return {
        asset << 14 | day: SeriesEnd(
            lot=10 ** source.randrange(13, 17),
            strikes=tuple(indices[asset] * (70 + 5 * i) // 100 for i in range(13)),
            price=int(indices[asset] * source.choice([1, 0.8, 1.3])) if is_fixed else indices[asset],
            is_fixed=is_fixed,
        )
        for asset, is_fixed in ((1, True), (2, False))
    }


def random_book(
    source: random.Random,
    rows: int,
    now: int,
    options: int = 64,
    *,
    expired: int = 0,
    tail: int = 1,
    wild: bool = False,
) -> Book:
    """A portfolio of three collaterals, three perpetuals and up to 64 options of six series; ``expired`` more belong to
    two others, which have expired."""
    table = random_table(source, rows, tail)
    ids = [asset << 14 | day for asset in ASSETS for day in (2_300, 2_400)]
    arrays = {series: random_series(source, rows, now, wild=wild) for series in ids}
    spots = {asset: arrays[asset << 14 | 2_300].spot for asset in ASSETS}
    indices = {asset: int(spot * source.choice([1, 1.001, 0.93, 1.2])) for asset, spot in spots.items()}
    lots = 2**54 - 1 if wild else 10 ** source.randrange(1, 8)
    keys = source.sample(
        [(series, strike, put) for series in ids for strike in range(30) for put in (False, True)], options
    )
    held = tuple((*key, source.choice([-1, 1]) * (lots if wild else source.randrange(1, lots))) for key in keys)
    scale = 10 ** source.randrange(2, 9)
    tokens = tuple((asset, asset, source.randrange(-scale, scale) * WAD) for asset in ASSETS)
    linears = tuple((asset, source.randrange(-scale, scale) * WAD, source.randrange(-scale, scale)) for asset in ASSETS)
    free = source.choice([0, 1_000, 10**6])
    term = Contingency(20_000, 10_000, 3_000, 2_000, 50_000, 30_000, 10_000, 20_000, free)
    holdings = Holdings(
        cash=source.randrange(-scale, 10 * scale) * WAD,
        quote_usd=source.choice([WAD, WAD * 98 // 100, WAD * 102 // 100]),
        tokens=tokens,
        linears=linears,
        options=held,
        indices=indices,
    )
    ends = random_ends(source, now, indices) if expired else {}
    gone = source.sample([(series, strike, put) for series in ends for strike in range(13) for put in (0, 1)], expired)
    over = tuple(OptionLeg(series, strike, bool(put), source.randrange(-lots, lots)) for series, strike, put in gone)
    holdings = with_expired(holdings, over, ends)
    return Book(table, arrays, holdings, {1: term, 2: term}, {1: 50_000, 3: 150_000}, over, ends)


def pack_options(options: tuple[tuple[int, int, bool, int], ...]) -> tuple[int, list[int]]:
    """The series word and the entry words: ``OptionBook``."""
    slots: dict[int, int] = {}
    words: list[int] = []
    series_word = 0
    for i, (series, strike, put, lots) in enumerate(options):
        slot = slots.setdefault(series, len(slots))
        entry = (lots << 9 | strike << 4 | slot << 1 | put) % 2**64
        if i % 4 == 0:
            words.append(0)
        words[-1] |= entry << 64 * (i % 4)
    for series, slot in slots.items():
        count = sum(1 for one in options if one[0] == series)
        series_word |= (count << 22 | series) << 32 * slot
    return series_word, words


def expired_legs(over: Sequence[OptionLeg], ends: Mapping[int, SeriesEnd]) -> tuple[ExpiredLeg, ...]:
    """What options of series that have expired are together, by series."""
    return tuple(
        ExpiredLeg.of(series, [one for one in over if one.series == series], ends[series])
        for series in dict.fromkeys(one.series for one in over)
    )


def with_expired(holdings: Holdings, over: Sequence[OptionLeg], ends: Mapping[int, SeriesEnd]) -> Holdings:
    """The same with options of series that have expired."""
    expired = expired_legs(over, ends)
    return replace(
        holdings,
        expired=tuple((one.series, one.value, one.moving) for one in expired),
        unfixed=frozenset(one.series for one in expired if not one.is_fixed),
        owes_expired=any(one.shorts for one in expired),
    )


def given(holdings: Holdings, model: int = 1, over: tuple[OptionLeg, ...] = ()) -> tuple[Any, ...]:
    """``IMarginEngine.Portfolio``; ``over`` as a book's."""
    linears = [(instrument_id(PERPETUAL, asset), notional, pnl) for asset, notional, pnl in holdings.linears]
    options: list[int] = []
    held = (*over, *holdings.options)
    if held:
        series_word, words = pack_options(held)
        series = list(dict.fromkeys(one[0] for one in held))
        indices = [holdings.indices[one >> 14] for one in series]
        options = [series_word, len(held), *indices, *[0] * (8 - len(indices)), *words]
    tokens = [(asset << 8 | token, value) for token, asset, value in holdings.tokens]
    return model, holdings.cash, holdings.quote_usd, tokens, linears, options
