"""One underlying's holdings in floating point: what models that are only compared with ours are computed on.

Prices are USDC per unit. Sizes are signed units. Nothing here is money that anybody is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["Balance", "Book", "Expiry", "Floats", "option_values"]

Floats = NDArray[np.float64]
_YEAR = 365 * 86_400


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
        forward = (self.forward - self.fixed) * (1 + move) + self.fixed
        shocked = self.vols if vols is None else vols
        values = option_values(forward, self.strikes, shocked * np.sqrt(self.years), self.calls)
        return float(self.sizes @ values) * self.discount


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


def option_values(forward: float, strikes: Floats, deviations: Floats, calls: NDArray[np.bool_]) -> Floats:
    """Black-76 values per unit, not discounted; ``deviations`` are vol * sqrt(years). At 0 an option is worth what it
    is in the money.

    Arrays of n in, n out. Source: F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976).
    """
    safe = np.maximum(deviations, 1e-12)
    d1 = np.log(forward / strikes) / safe + safe / 2
    call = forward * ndtr(d1) - strikes * ndtr(d1 - safe)
    return np.asarray(np.where(calls, call, call - forward + strikes), dtype=np.float64)
