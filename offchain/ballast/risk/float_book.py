"""One underlying's holdings in floating point: what models that are only compared with ours are computed on.

Prices are USDC per unit. Sizes are signed units. Nothing here is money that anybody is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ballast.risk.pricing import Market, Options, values
from ballast.risk.pricing.options import Floats

__all__ = ["Balance", "Book", "Expiry", "Floats"]

_YEAR = 365 * 86_400
#: Of the forward: what is left of it where a grid takes it to zero or beyond.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Expiry:
    """Options of one expiry: arrays of n strikes, volatilities, call or put, and sizes.

    ``fixed`` is the part of the forward that no longer moves (of a settlement that has begun), ``rate`` a year's
    interest, ``confidence`` 0 to 1.
    """

    seconds: int
    forward: float
    strikes: Floats
    vols: Floats
    calls: NDArray[np.bool_]
    sizes: Floats
    fixed: float = 0.0
    rate: float = 0.0
    confidence: float = 1.0

    @property
    def years(self) -> float:
        return self.seconds / _YEAR

    @property
    def discount(self) -> float:
        return float(np.exp(-self.rate * self.years))

    def value(self, move: float = 0.0, vols: Floats | None = None) -> float:
        """Worth of all sizes after the forward has moved by a part, with other volatilities where given."""
        forward = max((self.forward - self.fixed) * (1 + move) + self.fixed, _NOTHING * self.forward)
        shocked = self.vols if vols is None else vols
        options = Options.of(self.strikes, self.years, self.calls)
        return float(self.sizes @ values(options, Market.of(forward, shocked, self.rate)))


@dataclass(frozen=True)
class Balance:
    """Tokens held as collateral, or owed where ``value`` is negative; ``moves``: their price is the underlying's.
    The haircuts are parts, of both margins and of initial alone."""

    value: float
    moves: bool = True
    haircut: float = 0.0
    initial_haircut: float = 0.0
    confidence: float = 1.0


@dataclass(frozen=True)
class Book:
    """``linears`` are (size, mark) of perpetuals and futures; ``quote`` is the USD price of the quote token."""

    spot: float
    quote: float = 1.0
    confidence: float = 1.0
    linear_confidence: float = 1.0
    linears: tuple[tuple[float, float], ...] = ()
    balances: tuple[Balance, ...] = ()
    expiries: tuple[Expiry, ...] = ()

    def linear_profit(self, move: float) -> float:
        """P&L of perpetuals, futures and balances after the spot has moved by a part."""
        moving = sum(one.value for one in self.balances if one.moves)
        return (sum(size * mark for size, mark in self.linears) + moving) * move
