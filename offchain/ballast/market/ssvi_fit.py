"""Fits one SSVI surface to the volatilities of several expiries: no butterfly and no calendar arbitrage, anywhere.

w(k, t) = th/2 (1 + rho p k + sqrt((p k + rho)^2 + 1 - rho^2)), th the total variance at the money at t and
p = eta / (th^gamma (1 + th)^(1 - gamma)). With th that does not fall, 0 < gamma <= 1/2 and eta (1 + |rho|) <= 2 there
is no static arbitrage. Source: J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance
14 (2014), theorem 4.2, remark 4.4 and equation (4.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from ballast.errors import UsageError
from ballast.market.svi_fit import MIN_QUOTES, Floats, require_quotes

__all__ = ["SsviFit", "fit_ssvi"]

_STARTS = ((-0.3, 0.5, 0.4), (0.0, 0.9, 0.25), (-0.7, 0.3, 0.5))
_LOWEST = (-0.999, 1e-4, 1e-3)
_HIGHEST = (0.999, 1.0, 0.5)
#: Of the logarithms of rises of variance: e^-30 is nothing.
_LEAST_RISE, _LARGEST_RISE = -30.0, 5.0


@dataclass(frozen=True)
class SsviFit:
    """``thetas`` are the total variances at the money, one per expiry, rising; ``errors`` in vol points (1 is 1% a
    year) of each expiry's quotes in their order."""

    rho: float
    eta: float
    gamma: float
    thetas: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    median_error: float
    largest_error: float

    def svi(self, expiry: int) -> Floats:
        """The raw parameters a, b, rho, m, sigma of an expiry's slice, shape (5,)."""
        theta = self.thetas[expiry]
        slope, root = _phi(np.float64(theta), self.eta, self.gamma), np.sqrt(1 - self.rho**2)
        return np.array([theta * root**2 / 2, theta * slope / 2, self.rho, -self.rho / slope, root / slope])


def fit_ssvi(k: Sequence[Floats], vols: Sequence[Floats], years: Sequence[float]) -> SsviFit:
    """The surface closest to all quotes in least squares of volatility. ``k`` = ln(strike / forward) and ``vols``
    (parts a year) have one array per expiry, in order of ``years``. ``UsageError`` where quotes determine none."""
    k, vols = [np.asarray(one, dtype=np.float64) for one in k], [np.asarray(one, dtype=np.float64) for one in vols]
    _require_expiries(k, vols, years)
    # at the money by the nearest quote, and not falling: where the optimiser starts
    near = [float(v[np.argmin(np.abs(x))]) ** 2 * t for x, v, t in zip(k, vols, years, strict=True)]
    level = np.maximum.accumulate(near)
    rises = np.log(np.maximum(np.diff(level, prepend=0.0), 1e-6 * level))
    low = np.array([*_LOWEST, *[_LEAST_RISE] * len(years)])
    high = np.array([*_HIGHEST, *[_LARGEST_RISE] * len(years)])

    def misses(parameters: Floats) -> Floats:
        return np.concatenate([found - given for found, given in zip(_vols(parameters, k, years), vols, strict=True)])

    found = [
        least_squares(misses, np.array([*start, *np.clip(rises, _LEAST_RISE + 1, _LARGEST_RISE)]), bounds=(low, high))
        for start in _STARTS
    ]
    best = np.asarray(min(found, key=lambda one: one.cost).x)
    errors = [100 * (v - given) for v, given in zip(_vols(best, k, years), vols, strict=True)]
    rho, eta, gamma, thetas = _surface(best)
    every = np.abs(np.concatenate(errors))
    return SsviFit(
        rho=rho,
        eta=eta,
        gamma=gamma,
        thetas=tuple(float(theta) for theta in thetas),
        errors=tuple(tuple(float(error) for error in one) for one in errors),
        median_error=float(np.median(every)),
        largest_error=float(every.max()),
    )


def _require_expiries(k: Sequence[Floats], vols: Sequence[Floats], years: Sequence[float]) -> None:
    if not len(k) == len(vols) == len(years) or not len(years):
        raise UsageError(
            f"ssvi: {len(k)}, {len(vols)} and {len(years)} expiries; give strikes, volatilities, years of each"
        )
    for place, (strikes, quotes, time) in enumerate(zip(k, vols, years, strict=True)):
        require_quotes(strikes, quotes, time, f"ssvi: expiry {place}", least=1)
        if place and time <= years[place - 1]:
            raise UsageError(
                f"ssvi: expiry {place}: {time} years, after {years[place - 1]}; give expiries in order of time, once"
            )
    if sum(len(np.unique(one)) for one in k) < MIN_QUOTES:
        raise UsageError(f"ssvi: {sum(map(len, k))} quotes in all; a surface needs {MIN_QUOTES}")


def _surface(parameters: Floats) -> tuple[float, float, float, Floats]:
    """rho, eta, gamma and thetas: the second parameter is eta as a part of the most that has no arbitrage."""
    rho, part, gamma = (float(one) for one in parameters[:3])
    return rho, part * 2 / (1 + abs(rho)), gamma, np.cumsum(np.exp(parameters[3:]))


def _vols(parameters: Floats, k: Sequence[Floats], years: Sequence[float]) -> list[Floats]:
    rho, eta, gamma, thetas = _surface(parameters)
    found = []
    for strikes, time, theta in zip(k, years, thetas, strict=True):
        scaled = _phi(theta, eta, gamma) * strikes
        w = theta / 2 * (1 + rho * scaled + np.sqrt((scaled + rho) ** 2 + 1 - rho**2))
        found.append(np.asarray(np.sqrt(w / time)))
    return found


def _phi(theta: np.float64, eta: float, gamma: float) -> float:
    return float(eta / (theta**gamma * (1 + theta) ** (1 - gamma)))
