"""A volatility surface: SVI slices of several expiries, and total variance between them.

At one k = ln(strike / forward) total variance is linear in time between two expiries, and in proportion to time before
the first one and after the last: volatility is constant there. Where no slice crosses the next there is no calendar
arbitrage at the expiries, nor between. Source: J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces,
Quantitative Finance 14 (2014), lemma 2.1 and section 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats, total_variance

__all__ = ["Surface"]

#: Where crossings are looked for.
_GRID = np.linspace(-1.5, 1.5, 301)
#: Of a variance: less is rounding.
_CROSSED = 1e-9


@dataclass(frozen=True)
class Surface:
    """``years`` (n,) to each expiry, ascending; ``slices`` (n, 5): a, b, rho, m, sigma of each."""

    years: Floats
    slices: Floats

    @classmethod
    def of(cls, years: ArrayLike, slices: Sequence[ArrayLike], *, crossings: bool = False) -> Surface:
        """``UsageError`` where expiries are not in order, a slice has a variance that is not positive, or, unless
        ``crossings`` are allowed, one has a variance below that of an earlier expiry, for |k| up to 1.5."""
        times, parameters = np.asarray(years, dtype=np.float64), np.asarray(slices, dtype=np.float64)
        if times.ndim != 1 or not len(times) or parameters.shape != (len(times), 5):
            raise UsageError(f"surface: shapes {times.shape} and {parameters.shape}; give n years and n slices of 5")
        for place, time in enumerate(times):
            before = times[place - 1] if place else 0.0
            if not (np.isfinite(time) and time > before):
                raise UsageError(
                    f"surface: expiry {place}: {time} years, after {before}; give expiries in order of time, once"
                )
        lower = np.zeros_like(_GRID)
        for place, one in enumerate(parameters):
            w = total_variance(one, _GRID)
            if not (w > 0).all():
                at = int(np.flatnonzero(~(w > 0))[0])
                raise UsageError(
                    f"surface: expiry {place}: total variance {w[at]:.3g} at k = {_GRID[at]:.2f}; give one above 0"
                )
            if not crossings and (w < lower * (1 - _CROSSED)).any():
                at = int(np.argmin(w - lower))
                raise UsageError(
                    f"surface: expiry {place}: total variance {w[at]:.5g} at k = {_GRID[at]:.2f} is below the"
                    f" {lower[at]:.5g} of the expiry before (calendar arbitrage); fit them together"
                )
            lower = np.maximum(lower, w)
        return cls(times, parameters)

    def total_variance(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """w of the broadcast of both; ``years`` >= 0."""
        strikes, times = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(years, dtype=np.float64))
        if not (np.isfinite(times).all() and (times >= 0).all()):
            raise UsageError("surface: a time is not finite and 0 or more; give years to an expiry")
        after = np.clip(np.searchsorted(self.years, times), 1, max(1, len(self.years) - 1))
        before = after - 1
        after = np.minimum(after, len(self.years) - 1)
        lower, upper = self._at(before, strikes), self._at(after, strikes)
        start, end = self.years[before], self.years[after]
        inside = np.where(end > start, (times - start) / np.where(end > start, end - start, 1.0), 0.0)
        between = lower + inside * (upper - lower)
        first, last = self.years[0], self.years[-1]
        outside = np.where(times < first, self._at(np.zeros_like(after), strikes) * times / first, upper * times / last)
        return np.asarray(np.where((times < first) | (times > last), outside, between))

    def vols(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """Volatilities, parts a year; ``years`` > 0."""
        times = np.asarray(years, dtype=np.float64)
        if not (times > 0).all():
            raise UsageError("surface: a time is not above 0; an option that expires now has no volatility")
        return np.asarray(np.sqrt(self.total_variance(k, times) / times))

    def _at(self, expiries: NDArray[np.intp], k: Floats) -> Floats:
        a, b, rho, m, sigma = np.moveaxis(self.slices[expiries], -1, 0)
        return np.asarray(a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2)))
