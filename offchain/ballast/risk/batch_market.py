"""What all accounts share at one moment, in the arrays that many are computed with at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ballast.risk.arrays import FLOOR_ROWS, PRICE_UNIT, Series
from ballast.risk.carry import Move, carry
from ballast.risk.limbs import Limbs, integers
from ballast.risk.portfolio import Factors, PortfolioError, gamma_root
from ballast.risk.terms import Terms
from ballast.units import E6

__all__ = ["DELTA", "FLOORS", "GAMMA", "MARK", "ONE", "SCALE", "VEGA", "WIDTH", "Market"]

_HOUR = 3_600
#: Columns of a strike's sums besides the floor's entries, and of what scenario rows need.
ONE, MARK, DELTA, GAMMA, VEGA, WIDTH, SCALE = range(7)
FLOORS = 7


class Market:
    """What all accounts share at one moment: table, arrays, parameters, and USDC per unit by asset.

    Strikes are numbered through, series by series in ascending order; ``first`` is each series' first, ``strike`` and
    ``mark`` (of the call) in 1e-9 USDC. ``tokens`` are the collaterals' (token, asset), in the order of
    ``Accounts.tokens``. Series without a price or a column are left out, and tokens without a column must not be there.
    """

    def __init__(
        self, terms: Terms, tokens: Sequence[tuple[int, int]], indices: Mapping[int, int], quote_usd: int, now: int
    ) -> None:
        rows = terms.rows
        self.terms, self.tokens, self.quote_usd = terms, tuple(tokens), quote_usd
        self.token_columns = [rows.column(asset) for _, asset in tokens]
        known = [one for one in sorted(terms.arrays) if one >> 14 in indices and one >> 14 in rows.assets]
        self.series = known
        arrays = [terms.arrays[one] for one in known]
        self.column_of = np.array([rows.assets.index(one >> 14) for one in known], dtype=np.int64)
        sizes = [len(one.records) for one in arrays]
        self.first = {one: sum(sizes[:i]) for i, one in enumerate(known)}
        self.series_of = np.repeat(np.arange(len(known)), sizes)
        moves = [Move.since(one, indices[series >> 14]) for series, one in zip(known, arrays, strict=True)]
        self.spot = integers([indices[series >> 14] for series in known])
        self.lot = integers([one.lot for one in arrays])
        self.stored_lot_value = integers([one.lot * one.forward for one in arrays])
        self.forward = integers([move.forward for move in moves])
        self.lot_value = self.lot * self.forward * PRICE_UNIT
        self.lot_spot = self.lot * self.spot
        self.drift_part = integers([_drift_part(one, terms.factors, now) for one in arrays])
        self.gamma_root = integers([gamma_root(one.remaining) for one in arrays])
        self.doubt_part = integers([_doubt_part(one, terms.factors) for one in arrays])
        self.is_stale = np.array([_is_stale(*pair, terms.factors, now) for pair in zip(arrays, moves, strict=True)])
        self.strike = integers([record.strike for one in arrays for record in one.records])
        greeks = list(_greeks(arrays, moves))
        self.mark = integers([row[MARK] for row in greeks])
        self.strikes = Limbs([(1, strike) for strike in self.strike], 2)
        self.greeks = Limbs(greeks, FLOORS + FLOOR_ROWS)
        self.entries = Limbs(
            [
                (*(entry * record.scale for entry in record.entries[FLOOR_ROWS:]), record.scale)
                for one in arrays
                for record in one.records
            ],
            len(rows.weights) + 1,
        )

    def number(self, series: int, strike: int) -> int:
        """The number of an expiry's strike by its index; ``PortfolioError`` where the contract reverts."""
        if series not in self.first:
            raise PortfolioError(f"Margin_NoArrays({series})")
        if strike >= len(self.terms.arrays[series].records):
            raise PortfolioError(f"Margin_NoArray({series}, {strike})")
        return self.first[series] + strike


def _greeks(arrays: Sequence[Series], moves: Sequence[Move]) -> list[tuple[int, ...]]:
    found = []
    for one, move in zip(arrays, moves, strict=True):
        for record in one.records:
            mark, width = carry(record, move)
            floors = (entry * record.scale for entry in record.entries[:FLOOR_ROWS])
            found.append((1, mark, record.delta, record.gamma, record.vega, width, record.scale, *floors))
    return found


def _drift_part(arrays: Series, factors: Factors, now: int) -> int:
    """Of the value of doubling the volatility, 1e6: what old arrays and an old surface leave open."""
    elapsed, surface_elapsed = now - arrays.time, now - arrays.surface_time
    part = 0
    if elapsed > factors.array_age:
        part = -(-elapsed * E6 // arrays.remaining) if elapsed < arrays.remaining else E6
    if surface_elapsed > factors.surface_age:
        part += -(-(surface_elapsed - factors.surface_age) * factors.stale_vol // _HOUR)
    return min(part, 2 * E6)


def _doubt_part(arrays: Series, factors: Factors) -> int:
    """Of the gross notional, 1e6: what the surface's confidence lacks."""
    return 0 if arrays.confidence >= factors.confidence else E6 - min(arrays.confidence, E6)


def _is_stale(arrays: Series, move: Move, factors: Factors, now: int) -> bool:
    old = now - arrays.time > factors.array_age or now - arrays.surface_time > factors.surface_age
    return old or move.outside != 0
