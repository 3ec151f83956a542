"""Forecasts of each day's volatility from the days before it, and returns in units of them.

A forecast of day t uses returns up to t - 1 alone, its parameters too: so what is computed from it out of sample is.
Means are taken as zero, as daily returns' means are small against their volatility and badly known.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.signal import lfilter

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats

__all__ = ["Constant", "Ewma", "Filtered", "Garch", "Volatility"]

#: Days that the first forecast is made from.
_START = 30
#: Days that the first GARCH parameters are fitted to.
_LEAST_FIT = 500
_PERCENT = 100.0


@dataclass(frozen=True)
class Filtered:
    """``sigma`` (T + 1,) is the forecast of each day, and of the day after the last; ``z`` (T,) the returns over it.
    NaN where there is none yet."""

    sigma: Floats
    z: Floats


class Volatility(Protocol):
    """How volatility is forecast."""

    @property
    def name(self) -> str: ...

    def filter(self, returns: Floats, asset: str) -> Filtered:
        """Of (T,) returns, NaN before the asset's first; ``asset`` is named in errors."""
        ...


@dataclass(frozen=True)
class Constant:
    """No forecast: sigma is one, z the return itself."""

    name: str = "constant"

    def filter(self, returns: Floats, asset: str) -> Filtered:
        known = _known(returns, asset)
        sigma = np.full(len(returns) + 1, np.nan)
        sigma[known:] = 1.0
        return Filtered(sigma, np.where(np.isfinite(sigma[:-1]), returns, np.nan))


@dataclass(frozen=True)
class Ewma:
    """sigma_t^2 = decay sigma_{t-1}^2 + (1 - decay) r_{t-1}^2, from the mean square of the first 30 days on. Source:
    J.P. Morgan, RiskMetrics technical document, 4th ed. (1996), whose decay of daily returns is 0.94."""

    decay: float = 0.97

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise UsageError(f"ewma: decay {self.decay}; give one between 0 and 1, such as 0.97")

    @property
    def name(self) -> str:
        return f"EWMA {self.decay:g}"

    def filter(self, returns: Floats, asset: str) -> Filtered:
        first = _known(returns, asset) + _START
        if first > len(returns):
            raise UsageError(f"ewma: {asset} has {len(returns) - first + _START} returns; give {_START} or more")
        squares = returns[first:] ** 2
        start = float(np.mean(returns[first - _START : first] ** 2))
        variance, _ = lfilter([1 - self.decay], [1, -self.decay], squares, zi=[self.decay * start])
        sigma = np.full(len(returns) + 1, np.nan)
        sigma[first] = np.sqrt(start)
        sigma[first + 1 :] = np.sqrt(variance)
        return _filtered(returns, sigma, asset)


@dataclass(frozen=True)
class Garch:
    """GARCH(1, 1) with Student's t innovations, fitted anew every ``refit`` days to all returns before. Source: T.
    Bollerslev, A conditionally heteroskedastic time series model, Review of Economics and Statistics 69 (1987)."""

    refit: int = 60

    @property
    def name(self) -> str:
        return "GARCH(1,1)-t"

    def filter(self, returns: Floats, asset: str) -> Filtered:
        begin = _known(returns, asset)
        own = returns[begin:]
        if len(own) < _LEAST_FIT:
            raise UsageError(f"garch: {asset} has {len(own)} returns; give {_LEAST_FIT} or more to fit it to")
        variance = np.full(len(own) + 1, np.nan)
        level = float(np.mean(own[:_LEAST_FIT] ** 2))
        for first in range(_LEAST_FIT, len(own) + 1, self.refit):
            omega, alpha, beta = _fit_garch(own[:first], asset)
            last = min(first + self.refit, len(own) + 1)
            # from the beginning with these parameters: the state at `first` is what they make of all days before
            path, _ = lfilter([1.0], [1, -beta], omega + alpha * own[: last - 1] ** 2, zi=[beta * level])
            variance[first:last] = path[first - 1 : last - 1]
        sigma = np.full(len(returns) + 1, np.nan)
        sigma[begin:] = np.sqrt(variance)
        return _filtered(returns, sigma, asset)


def _fit_garch(returns: Floats, asset: str) -> tuple[float, float, float]:
    """omega, alpha, beta."""
    try:
        from arch import arch_model
    except ImportError:
        raise UsageError("garch: needs the package arch; install ballast[risk]") from None
    model = arch_model(_PERCENT * returns, mean="Zero", vol="GARCH", p=1, q=1, dist="t", rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimiser's: what it ends with is judged below
        found = model.fit(disp="off", show_warning=False)
    omega, alpha, beta = (float(found.params[name]) for name in ("omega", "alpha[1]", "beta[1]"))
    if found.convergence_flag != 0 or not (omega > 0 and alpha >= 0 and beta >= 0 and alpha + beta < 1.0 + 1e-6):
        raise UsageError(f"garch: {asset}: no fit to {len(returns)} returns; use ewma, or a longer history")
    return omega / _PERCENT**2, alpha, min(beta, 1 - alpha)


def _filtered(returns: Floats, sigma: Floats, asset: str) -> Filtered:
    still = np.flatnonzero(sigma <= 0)
    if len(still):
        raise UsageError(f"volatility: {asset} has not moved before day {still[0]}; its forecast is zero")
    return Filtered(sigma, np.asarray(returns / sigma[:-1]))


def _known(returns: Floats, asset: str) -> int:
    """The place of the first return; ``UsageError`` where one is missing after it."""
    known = np.isfinite(returns)
    if not known.any():
        raise UsageError(f"volatility: {asset} has no returns")
    first = int(np.argmax(known))
    if not known[first:].all():
        place = first + int(np.argmin(known[first:]))
        raise UsageError(f"volatility: {asset}: return {place} is {returns[place]}; give every day from the first on")
    return first
