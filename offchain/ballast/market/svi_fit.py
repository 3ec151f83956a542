"""Fits an SVI slice to the volatilities of one expiry, without butterfly arbitrage and, where asked, without calendar
arbitrage against an earlier one.

w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(strike / forward), w = vol^2 * years. Source, for the
slice and Durrleman's g: J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ballast.errors import UsageError

__all__ = ["MIN_QUOTES", "Floats", "SviFit", "density", "fit_svi", "require_quotes", "total_variance"]

Floats: TypeAlias = NDArray[np.float64]

#: Parameters of a slice: fewer quotes do not determine it.
MIN_QUOTES = 5
_STARTS = ((0.0, 0.3), (-0.5, 0.1), (0.0, 0.03))
_LOWEST = (-np.inf, 0.0, -0.999, -2.0, 1e-3)
_HIGHEST = (np.inf, 10.0, 0.999, 2.0, 5.0)
_GRID = 41
_PENALTIES = (1.0, 10.0, 100.0, 1_000.0)
#: Total variance.
_LEAST = 1e-8


@dataclass(frozen=True)
class SviFit:
    """The slice, and how far it is from the quotes: errors in vol points (1 is 1% a year), of each quote in their
    order, the median and the largest in magnitude; ``lowest_density`` is the smallest g at quotes and between them."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    errors: tuple[float, ...]
    median_error: float
    largest_error: float
    lowest_density: float

    @property
    def parameters(self) -> Floats:
        """Shape (5,)."""
        return np.array([self.a, self.b, self.rho, self.m, self.sigma])


def total_variance(parameters: Floats, k: Floats) -> Floats:
    """w at each k, shapes (5,) and (n,)."""
    a, b, rho, m, sigma = parameters
    return np.asarray(a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2)))


def density(parameters: Floats, k: Floats) -> Floats:
    """Durrleman's g at each k: below zero there is butterfly arbitrage."""
    _, b, rho, m, sigma = parameters
    w = np.maximum(total_variance(parameters, k), 1e-12)
    root = np.sqrt((k - m) ** 2 + sigma**2)
    slope, curvature = b * (rho + (k - m) / root), b * sigma**2 / root**3
    return np.asarray((1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + curvature / 2)


def fit_svi(
    k: Floats, vols: Floats, years: float, weights: Floats | None = None, *, earlier: SviFit | None = None
) -> SviFit:
    """The slice closest to ``vols`` (parts a year, shape (n,)) in weighted least squares, among those without butterfly
    arbitrage at the quotes and between them, and with no less total variance there than ``earlier``, the slice of an
    earlier expiry. ``UsageError`` where the quotes do not determine one."""
    k, vols = np.asarray(k, dtype=np.float64), np.asarray(vols, dtype=np.float64)
    require_quotes(k, vols, years)
    scale = np.ones_like(k) if weights is None else np.sqrt(np.asarray(weights, dtype=np.float64))
    grid = np.unique(np.concatenate((k, np.linspace(k.min(), k.max(), _GRID))))
    least = np.full_like(grid, _LEAST) if earlier is None else total_variance(earlier.parameters, grid)
    start: Floats | None = None
    for penalty in _PENALTIES:
        start = best = _best(k, vols, years, scale, grid, least, penalty, start)
        lowest, room = density(best, grid).min(), (total_variance(best, grid) - least).min()
        if lowest >= 0 and room >= 0:
            break
    else:
        wrong = "butterfly" if lowest < 0 else "calendar"
        raise UsageError(
            f"svi: no slice without {wrong} arbitrage found: the lowest density is {lowest:.3g}, the least room above"
            f" the variance before {room:.3g}"
        )
    errors = 100 * (np.sqrt(np.maximum(total_variance(best, k), 0) / years) - vols)
    level, slope, rho, m, sigma = (float(value) for value in best)
    return SviFit(
        a=level,
        b=slope,
        rho=rho,
        m=m,
        sigma=sigma,
        errors=tuple(float(error) for error in errors),
        median_error=float(np.median(np.abs(errors))),
        largest_error=float(np.abs(errors).max()),
        lowest_density=float(density(best, grid).min()),
    )


def require_quotes(k: Floats, vols: Floats, years: float, name: str = "svi", least: int = MIN_QUOTES) -> None:
    """``UsageError`` unless there are one positive volatility per strike, enough strikes, and time."""
    if k.shape != vols.shape or k.ndim != 1:
        raise UsageError(f"{name}: shapes {k.shape} and {vols.shape}; give one volatility per strike")
    if len(np.unique(k)) < least:
        raise UsageError(f"{name}: {len(np.unique(k))} strikes; a slice needs {least}")
    wrong = np.flatnonzero(~(np.isfinite(k) & np.isfinite(vols) & (vols > 0)))
    if len(wrong):
        place = int(wrong[0])
        raise UsageError(
            f"{name}: quote {place}: volatility {vols[place]} at k = {k[place]} is not finite and positive; take it out"
        )
    if not years > 0:
        raise UsageError(f"{name}: {years} years to the expiry; give more than 0")


def _best(
    k: Floats,
    vols: Floats,
    years: float,
    scale: Floats,
    grid: Floats,
    least: Floats,
    penalty: float,
    start: Floats | None,
) -> Floats:
    """The best of several starts at one weight of the penalties on negative densities and on too little variance."""

    def residuals(parameters: Floats) -> Floats:
        w = np.maximum(total_variance(parameters, k), 1e-12)
        misses = scale * (np.sqrt(w / years) - vols)
        below = penalty * np.minimum(density(parameters, grid) - 1e-4, 0)
        negative = 100 * penalty * np.minimum(total_variance(parameters, grid) - least * (1 + 1e-6), 0)
        return np.concatenate((misses, below, negative))

    level = float(np.median(vols)) ** 2 * years
    starts = [np.array([level * 0.7, level, rho, 0.0, sigma]) for rho, sigma in _STARTS]
    if start is not None:
        starts.insert(0, start)
    found = [least_squares(residuals, x0, bounds=(_LOWEST, _HIGHEST), x_scale="jac", max_nfev=300) for x0 in starts]
    return np.asarray(min(found, key=lambda one: one.cost).x)
