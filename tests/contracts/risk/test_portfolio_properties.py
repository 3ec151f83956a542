"""Coherence of the scenario part, on 10,000 random pairs of the twin and 50 on chain. Branches:
``test_portfolio_properties.tree``.

P&L of row s is P_s = quantum * sum of h(n_k) + floor(sum of exposures * moves), with n_k a strike's net lots and
h(n) = scale * (n e - max(0, -n)), for an entry is rounded against the holder. h is super-additive and h(j n) = j h(n)
for integers j > 0; both exactly, in integers. An exposure is exact but for the puts' forwards, floor(-puts * lot *
forward): for a sum of portfolios it is at least the sum of theirs, and at most one unit (1e-18 USDC) a series more. A
unit of exposure is at most 0.9 of loss, for no move is below -90%. The row's own floor is super-additive. So, with S
series,

    P_s(A + B) >= P_s(A) + P_s(B) - S                units

and the weighted losses, their mean over the worst m, the larger of it and zero, and its ceiling are each sub-additive:

    shortfall(A + B) <= shortfall(A) + shortfall(B) + ceil(largest weight) * S
    floor(A + B)     <= floor(A) + floor(B) + S

Where B loses nothing anywhere, its two are zero, and that is monotonicity. For j A the exposures are at least j times
A's and at most j units a series more; a move is at most +600%: -j S <= P_s(j A) - j P_s(A) <= j (6 S + 1). Every
bound is below 1e-15 USDC: one part in 1e9 of a quantum.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from ballast.chain.local import LocalChain
from ballast.risk.arrays import FLOOR_ROWS, LARGEST, Record, Series
from ballast.risk.portfolio import Holdings, PortfolioMargin, Rows, evaluate
from ballast.units import WAD
from tests.contracts.risk.books import ASSETS, FACTORS, Book, random_series, random_table, rows_of
from tests.contracts.risk.given_engine import GivenEngine

pytestmark = pytest.mark.ballast(check=False)

NOW = 1_900_000_000
STRIKES = 6
#: Strikes whose calls lose nothing when held long, and when held short.
GAINS_LONG, GAINS_SHORT = 0, 1


@dataclass(frozen=True)
class World:
    """A table and arrays, and prices."""

    table: tuple[object, ...]
    rows: Rows
    arrays: dict[int, Series]
    indices: dict[int, int]

    @classmethod
    def random(cls, source: random.Random, now: int = NOW) -> World:
        rows = source.choice([16, 16, 32])
        table = random_table(source, rows, source.choice([1, 2, 4, 16]))
        ids = [asset << 14 | day for asset in ASSETS for day in (2_300, 2_400)]
        arrays = {series: _sided(source, random_series(source, rows, now, STRIKES)) for series in ids}
        return cls(table, rows_of(table), arrays, {asset: arrays[asset << 14 | 2_300].spot for asset in ASSETS})

    def book(self, source: random.Random) -> Holdings:
        """Balances, perpetuals and up to eight options."""
        scale = 10 ** source.randrange(1, 8)
        tokens = tuple((asset, asset, source.randrange(-scale, scale) * WAD // 7) for asset in ASSETS)
        linears = tuple((asset, source.randrange(-scale, scale) * WAD // 3, 0) for asset in ASSETS)
        keys = source.sample(sorted(self.arrays), 3)
        options = tuple(
            (source.choice(keys), source.randrange(STRIKES), source.random() < 0.5, source.choice([-1, 1]) * lots)
            for lots in source.choices(range(1, 10 ** source.randrange(1, 8)), k=source.randrange(9))
        )
        kept = source.random()
        return Holdings(
            tokens=tokens if kept < 0.8 else (),
            linears=linears if kept > 0.2 else (),
            options=options,
            indices=self.indices,
        )

    def gainer(self, source: random.Random) -> Holdings:
        """Options that lose in no row and in no move of the floor."""
        options = tuple(
            (series, side, False, (1 - 2 * side) * source.randrange(1, 10**6))
            for series in self.arrays
            for side in (GAINS_LONG, GAINS_SHORT)
            if source.random() < 0.4
        )
        return Holdings(options=options, indices=self.indices)

    def margin(self, holdings: Holdings) -> PortfolioMargin:
        return evaluate(holdings, self.rows, self.arrays, FACTORS, {}, {}, 0, NOW)

    def slack(self, *held: Holdings) -> int:
        """S, the series with options of any of them."""
        return len({one[0] for holdings in held for one in holdings.options})

    @property
    def weight(self) -> int:
        """The largest, rounded up."""
        return -(-max(self.rows.weights) // WAD)


def _sided(source: random.Random, arrays: Series) -> Series:
    """The first two strikes get entries of one sign."""
    records: list[Record] = list(arrays.records)
    count = FLOOR_ROWS + arrays.rows
    records[GAINS_LONG] = replace(records[0], entries=tuple(source.randrange(LARGEST) for _ in range(count)))
    records[GAINS_SHORT] = replace(records[1], entries=tuple(-1 - source.randrange(LARGEST) for _ in range(count)))
    return replace(arrays, records=tuple(records))


def together(*held: Holdings) -> Holdings:
    """One account with all of them."""
    return replace(
        held[0],
        tokens=tuple(one for holdings in held for one in holdings.tokens),
        linears=tuple(one for holdings in held for one in holdings.linears),
        options=tuple(one for holdings in held for one in holdings.options),
    )


def times(holdings: Holdings, factor: int) -> Holdings:
    return replace(
        holdings,
        tokens=tuple((token, asset, factor * value) for token, asset, value in holdings.tokens),
        linears=tuple((asset, factor * notional, pnl) for asset, notional, pnl in holdings.linears),
        options=tuple((*key, factor * lots) for *key, lots in holdings.options),
    )


def worlds(part: int) -> Sequence[tuple[random.Random, World]]:
    """Ten a part, for a hundred pairs each."""
    return [(source, World.random(source)) for source in (random.Random(100 * part + i) for i in range(10))]


# ------------------------------------------------------------------ the twin


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_shortfall_and_floor__of_pairs__are_sub_additive(part: int) -> None:
    for source, world in worlds(part):
        for _ in range(100):
            a, b = world.book(source), world.book(source)
            one, two, both = world.margin(a), world.margin(b), world.margin(together(a, b))
            slack = world.slack(a, b)
            assert both.shortfall <= one.shortfall + two.shortfall + world.weight * slack
            assert both.floor <= one.floor + two.floor + slack
            assert all(p >= x + y - slack for p, x, y in zip(both.profits, one.profits, two.profits, strict=True)), (
                "row by row"
            )


@pytest.mark.parametrize("part", range(10))
def test_shortfall_and_floor__more_that_never_loses__are_not_larger(part: int) -> None:
    for source, world in worlds(part):
        for _ in range(20):
            a, b = world.book(source), world.gainer(source)
            gain = world.margin(b)
            assert min(gain.profits) >= 0 == gain.floor
            one, both = world.margin(a), world.margin(together(a, b))
            slack = world.slack(a, b)
            assert both.shortfall <= one.shortfall + world.weight * slack
            assert both.floor <= one.floor + slack


@pytest.mark.parametrize("part", range(10))
def test_shortfall_and_floor__of_multiples__scale(part: int) -> None:
    for source, world in worlds(part):
        for _ in range(20):
            a, factor = world.book(source), source.randrange(2, 50)
            one, many = world.margin(a), world.margin(times(a, factor))
            slack = world.slack(a)
            for found, wanted, weight in (
                (many.shortfall, factor * one.shortfall, world.weight),
                (many.floor, factor * one.floor, 1),
            ):
                assert found <= wanted + factor * weight * slack
                assert found >= wanted - factor * (weight * (6 * slack + 1) + 1)


# ------------------------------------------------------------------ on chain


@pytest.mark.parametrize("part", range(5))
def test_shortfall__of_pairs_on_chain__is_sub_additive(chain: LocalChain, part: int) -> None:
    margin = GivenEngine.on(chain)
    source = random.Random(9_000 + part)
    world = World.random(source, chain.now())
    book = Book(world.table, world.arrays, Holdings(), {}, {})
    margin.place(book)
    for _ in range(10):
        a, b = world.book(source), world.book(source)
        (x, one, _), (y, two, _), (p, both, _) = (
            margin.scenarios(replace(book, holdings=holdings)) for holdings in (a, b, together(a, b))
        )
        slack = world.slack(a, b)
        assert both <= one + two + world.weight * slack
        assert all(z >= u + v - slack for z, u, v in zip(p, x, y, strict=True))
