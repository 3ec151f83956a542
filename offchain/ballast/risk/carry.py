"""A call's mark at a forward that has moved since its array was computed: ``MarkCarry.sol``.

Within the band the mark moves by delta and gamma; beyond it, by the slope at the band's edge; always within what
no-arbitrage allows. Prices are in 1e-9 USDC.
"""

from __future__ import annotations

from dataclasses import dataclass

from ballast.risk.arrays import PRICE_UNIT, Record, Series

__all__ = ["FLOORED", "Move", "carry"]

#: Units that rounding may take off a mark.
FLOORED = 4

_E9 = 10**9
_E6 = 10**6


@dataclass(frozen=True)
class Move:
    """Of the forward since the arrays: the part within the band and the rest."""

    forward: int
    inside: int
    outside: int
    square: int
    slope: int

    @classmethod
    def of(cls, then: int, now: int, band: int) -> Move:
        """Forwards in 1e-9 USDC; ``band`` in 1e9 of the forward then."""
        most = then * band // _E9
        inside = min(max(now - then, -most), most)
        return cls(now, inside, now - then - inside, inside * inside // (2 * then), inside * _E9 // then)

    @classmethod
    def since(cls, arrays: Series, index: int) -> Move:
        """Since these arrays, with the spot at ``index`` now (USDC per unit, 1e18): the forward moves in proportion."""
        forward = arrays.forward * index // arrays.spot
        return cls.of(arrays.forward // PRICE_UNIT, forward // PRICE_UNIT, arrays.band)


def carry(record: Record, move: Move) -> tuple[int, int]:
    """The call's mark, rounded down, and the width of its bounds beyond the band, rounded up."""
    mark = record.mark + record.delta * move.inside // _E9 + record.gamma * move.square // _E6
    width = 0
    if move.outside:
        delta = min(max(record.delta + record.gamma * move.slope // _E6, 0), _E9)
        mark += delta * move.outside // _E9
        spread = (_E9 - delta) * move.outside if move.outside > 0 else -delta * move.outside
        width = -(-spread // _E9)
    return min(max(mark, move.forward - record.strike, 0), move.forward), width
