"""The market of the golden portfolios: BTC at 60,000, ETH at 3,000 and SOL at 150, a table of 32 rows that the three
share, arrays that ``ballast.risk.arrays.price_strike`` priced from SVI surfaces, and two expiries that are over.

Randomness is of integers alone, so the market is the same everywhere. Prices are USDC in 1e18.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from ballast.chain.instruments import expiry_of_series
from ballast.index.state import Rates
from ballast.risk.arrays import Market, Moves, Series, price_strike
from ballast.risk.portfolio import Contingency
from ballast.risk.svi import Slice
from ballast.risk.valuation import SeriesEnd
from ballast.units import E6, WAD
from tests.contracts.risk.arrays import MOVE

__all__ = [
    "AT_THE_MONEY",
    "BTC",
    "DAY",
    "ENDED",
    "ENDS",
    "ETH",
    "EXPIRIES",
    "HAIRCUTS",
    "LOT",
    "NOW",
    "PERPETUALS",
    "SERIES",
    "SOL",
    "SOLD",
    "SPOT",
    "TERMS",
    "TOKENS",
    "arrays_of",
    "make_table",
]

NOW = 1_900_000_000
DAY = 86_400
ROWS = 32
BTC, ETH, SOL = 1, 2, 3
SPOT = {BTC: 60_000, ETH: 3_000, SOL: 150}
#: Volatility in per cent, lot in 1e18 and strikes from 70% to 130% of the spot.
VOL = {BTC: 55, ETH: 70, SOL: 95}
LOT = {BTC: 10**15, ETH: 10**16, SOL: 10**17}
PARTS = tuple(range(70, 131, 5))
AT_THE_MONEY = PARTS.index(100)
#: Series by name: asset, seconds to expiry, age of the arrays, of the surface.
EXPIRIES = {
    "BTC week": (BTC, 7 * DAY, 0, 0),
    "BTC month": (BTC, 30 * DAY, 60, 300),
    "BTC quarter": (BTC, 90 * DAY, 60, 300),
    "BTC hours": (BTC, 2 * 3_600, 0, 0),
    "BTC old": (BTC, 30 * DAY, 3 * 3_600, 4 * 3_600),
    "ETH week": (ETH, 7 * DAY, 0, 0),
    "ETH month": (ETH, 30 * DAY, 60, 300),
    "ETH doubtful": (ETH, 60 * DAY, 60, 300),
    "SOL month": (SOL, 30 * DAY, 60, 300),
}
#: Of what is over: asset, settlement price in parts of a hundred of the spot, or None where it is not fixed.
ENDED: Mapping[str, tuple[int, int | None]] = {"BTC fixed": (BTC, 94), "ETH awaited": (ETH, None)}
LAST_DAY = (NOW - expiry_of_series(0)) // DAY
SERIES = {name: asset << 14 | 4_300 + i for i, (name, (asset, *_)) in enumerate(EXPIRIES.items())}
SERIES |= {name: asset << 14 | LAST_DAY for name, (asset, _) in ENDED.items()}
TERMS = Contingency(20_000, 10_000, 3_000, 2_000, 20_000, 5_000, 10_000, 20_000, 5_000_000)
HAIRCUTS = {BTC: 50_000, ETH: 50_000, SOL: 150_000}
#: Under STANDARD: maintenance and initial of tokens, perpetuals and sold options, by coin.
TOKENS = {BTC: Rates(70_000, 120_000), ETH: Rates(80_000, 140_000), SOL: Rates(150_000, 250_000)}
PERPETUALS = {BTC: Rates(25_000, 50_000), ETH: Rates(30_000, 60_000), SOL: Rates(60_000, 100_000)}
SOLD = {BTC: Rates(90_000, 150_000), ETH: Rates(100_000, 160_000), SOL: Rates(150_000, 240_000)}


def _end(asset: int, part: int | None) -> SeriesEnd:
    spot = SPOT[asset] * WAD
    strikes = tuple(spot * one // 100 for one in PARTS)
    return SeriesEnd(LOT[asset], strikes, 0 if part is None else spot * part // 100, part is not None)


#: What is over, by series; a price that is not fixed is 0.
ENDS = {SERIES[name]: _end(asset, part) for name, (asset, part) in ENDED.items()}


def make_table(source: random.Random) -> tuple[Any, ...]:
    """Joint moves: a common part and each coin's own, volatility against the spot; a third of them large."""

    def bell(width: int) -> int:
        return sum(source.randrange(-width, width + 1) for _ in range(4)) // 2

    spot: list[list[int]] = [[], [], []]
    vol: list[list[int]] = [[], [], []]
    weights = []
    for row in range(ROWS):
        size = 1_600 if row % 3 == 0 else 700
        common, panic = bell(size), bell(900)
        weights.append(5_000 if row % 3 == 0 else 10_000)
        for i, beta in enumerate((10, 12, 15)):
            own = common * beta // 10 + bell(size // 3)
            spot[i].append(min(max(8_000 + own, 2_400), 16_000))
            vol[i].append(min(max(8_000 - own * 2 // 3 + panic, 4_000), 24_000))
    floors = [(9_200, 6_800, 11_200, 6_000), (9_200, 6_800, 11_200, 6_000), (9_600, 6_400, 11_200, 6_000)]
    names = ["0x" + "00" * 32] * ROWS
    return 3, 3_000, [BTC, ETH, SOL], weights, spot, vol, floors, names


def arrays_of(table: tuple[Any, ...]) -> dict[int, Series]:
    """Arrays of what is not over, by series."""
    return {SERIES[name]: _series(table, name) for name in EXPIRIES}


def _series(table: tuple[Any, ...], name: str) -> Series:
    asset, remaining, age, surface_age = EXPIRIES[name]
    column = asset - 1
    up, down, vol_up, vol_down = table[6][column]
    moves = Moves.of(
        [one * MOVE for one in (up, up, down, down, *table[4][column])],
        [one * MOVE for one in (vol_up, vol_down, vol_up, vol_down, *table[5][column])],
        remaining,
        table[1] * 10**14,
    )
    spot = SPOT[asset] * WAD
    forward = spot + spot * remaining // (365 * DAY) * 8 // 100  # 8% a year
    # 80% of the variance at the bottom of the smile; parameters in 1e12
    variance = VOL[asset] ** 2 * remaining * 10**8 // (365 * DAY)
    slice_ = Slice(variance * 8 // 10, variance // 2, -(10**12) // 4, 0, 3 * 10**11)
    market = Market(forward, forward, remaining, remaining, LOT[asset], slice_)
    deviation = market.deviation(0)
    return Series(
        spot=spot,
        forward=forward,
        time=NOW - age,
        version=1,
        round=7,
        surface_time=NOW - surface_age,
        remaining=remaining,
        band=min(deviation // 4 // 10**9, 20_000_000),
        lot=LOT[asset],
        confidence=300_000 if "doubtful" in name else E6,
        records=tuple(price_strike(market, moves, spot * part // 100) for part in PARTS),
    )
