"""SPAN's grid of 16 scenarios, to compare with. Floating point; nobody is asked for this margin.

    price move   0, 0, +1/3, +1/3, -1/3, -1/3, +2/3, +2/3, -2/3, -2/3, +1, +1, -1, -1 of the range; then +2, -2
    volatility   up and down in turn; then as it is
    counted at   100%; the last two at 35%

Scan risk is the largest loss of the 16, at least 0; maintenance is the sum of the underlyings' scan risks, initial 110%
of it. Equity has the options' value, so a requirement is compared with equity as in SPAN, where net option value is
taken off the requirement instead.

Sources. Grid and weights: CME Group, Standard Portfolio Analysis of Risk, where the array of a long position lists its
profits and losses in this order and scan risk is the largest of the position's losses. 110%: CME's initial margin of
accounts with a heightened risk profile. The ranges are set by each exchange: here they are the floor's moves of the
parameters, so that SPAN's grid and our floor are equally severe.

Left out: charges for spreads between and within underlyings' months, credits between underlyings, delivery charges,
short option minimum, the day that passes until the next margin call, composite delta. Balances of tokens move with
their underlying and bear no haircut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ballast.risk.float_book import Book, Floats

__all__ = ["INITIAL_FACTOR", "ROWS", "WEIGHTS", "Ranges", "profits", "scan_risk"]

_THIRDS = (0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3)
_EXTREME = 2
_EXTREME_WEIGHT = 0.35
#: Price moves in parts of the range.
_MOVES = (*(third / 3 for third in _THIRDS), _EXTREME, -_EXTREME)
#: 1 up, -1 down, 0 unmoved.
_VOLS = (*(1, -1) * 7, 0, 0)
WEIGHTS = (*(1.0,) * 14, _EXTREME_WEIGHT, _EXTREME_WEIGHT)
INITIAL_FACTOR = 1.1

_WORDS = {1: "up", -1: "down", 0: "unmoved"}
ROWS = tuple(
    f"{'0' if move == 0 else f'{move:+.3g}'} of the range, vol {_WORDS[vol]}"
    for move, vol in zip(_MOVES, _VOLS, strict=True)
)


@dataclass(frozen=True)
class Ranges:
    """An underlying's scan ranges, as positive parts of the price and of each option's volatility."""

    price: float
    vol_up: float
    vol_down: float


def profits(book: Book, ranges: Ranges) -> Floats:
    """P&L of a book in the 16 scenarios, unweighted, USDC."""
    found = []
    for part, vol in zip(_MOVES, _VOLS, strict=True):
        move = part * ranges.price
        factor = 1 + (ranges.vol_up if vol > 0 else -ranges.vol_down if vol < 0 else 0.0)
        options = sum(one.value(move, one.vols * factor) - one.value() for one in book.expiries)
        found.append(book.linear_profit(move) + options)
    return np.array(found)


def scan_risk(weighted: Floats | Sequence[float]) -> tuple[float, int | None]:
    """The largest loss in a row of weighted P&L (profits positive), at least 0, and its place; ``None`` without one."""
    row = int(np.argmin(weighted))
    loss = -float(weighted[row])
    return (loss, row) if loss > 0 else (0.0, None)
