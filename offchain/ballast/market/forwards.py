"""Forwards at any time from the prices of dated futures: the carry is constant between two of them.

ln(forward / spot) is linear in time between the spot at 0 and each future, and goes on with the last two's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats

__all__ = ["ForwardCurve"]


@dataclass(frozen=True)
class ForwardCurve:
    """``years`` (n + 1,) from 0, ascending; ``logs`` (n + 1,) of forward / spot, from 0."""

    spot: float
    years: Floats
    logs: Floats

    @classmethod
    def of(cls, spot: float, years: ArrayLike, prices: ArrayLike) -> ForwardCurve:
        """From n futures, at least one. ``UsageError`` names the first that is not in order of time or not priced."""
        times, found = np.asarray(years, dtype=np.float64), np.asarray(prices, dtype=np.float64)
        if times.ndim != 1 or times.shape != found.shape or not len(times):
            raise UsageError(f"forwards: shapes {times.shape} and {found.shape}; give a price for each future's years")
        if not (np.isfinite(spot) and spot > 0):
            raise UsageError(f"forwards: spot {spot}; give a price above 0")
        for place, (time, price) in enumerate(zip(times, found, strict=True)):
            before = times[place - 1] if place else 0.0
            if not (np.isfinite(time) and time > before):
                raise UsageError(
                    f"forwards: future {place}: {time} years, after {before}; give them in order of time, once"
                )
            if not (np.isfinite(price) and price > 0):
                raise UsageError(f"forwards: future {place}: price {price}; give one above 0")
        return cls(float(spot), np.concatenate(([0.0], times)), np.concatenate(([0.0], np.log(found / spot))))

    def at(self, years: ArrayLike) -> Floats:
        """Forwards, shape of ``years`` >= 0."""
        times = np.asarray(years, dtype=np.float64)
        if not (np.isfinite(times).all() and (times >= 0).all()):
            raise UsageError("forwards: a time is not finite and 0 or more")
        rate = (self.logs[-1] - self.logs[-2]) / (self.years[-1] - self.years[-2])
        beyond = rate * np.maximum(times - self.years[-1], 0)
        return np.asarray(self.spot * np.exp(np.interp(times, self.years, self.logs) + beyond))
