"""A slice of a volatility surface, integer by integer as ``Svi.sol``.

w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) is the total variance at k = ln(strike / forward). Source:
J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from ballast.risk.rounding import div_trunc
from ballast.units import WAD

__all__ = ["SVI_SCALE", "Slice", "durrleman", "total_variance"]

#: 1e12: the scale of the parameters.
SVI_SCALE = 10**12

_TO_WAD = WAD // SVI_SCALE


@dataclass(frozen=True)
class Slice:
    """The five parameters, 1e12 each."""

    a: int
    b: int
    rho: int
    m: int
    sigma: int


def total_variance(slice_: Slice, k: int) -> int:
    """w(k) in 1e18, k in 1e18; may be negative."""
    return _terms(slice_, k)[0]


def durrleman(slice_: Slice, k: int) -> int:
    """g(k) in 1e18: below zero there is butterfly arbitrage. Needs w(k) > 0."""
    w, distance, root = _terms(slice_, k)
    b, sigma = slice_.b * _TO_WAD, slice_.sigma * _TO_WAD
    slope = div_trunc(b * (slice_.rho * _TO_WAD + div_trunc(distance * WAD, root)), WAD)
    curvature = b * (sigma * sigma // root) // root * WAD // root
    first = WAD - div_trunc(k * slope, 2 * w)
    second = slope * slope // WAD * (WAD * WAD // w + WAD // 4) // (4 * WAD)
    return first * first // WAD - second + curvature // 2


def _terms(slice_: Slice, k: int) -> tuple[int, int, int]:
    distance = k - slice_.m * _TO_WAD
    sigma = slice_.sigma * _TO_WAD
    root = isqrt(distance * distance + sigma * sigma)
    skewed = div_trunc(slice_.rho * _TO_WAD * distance, WAD) + root
    return slice_.a * _TO_WAD + div_trunc(slice_.b * _TO_WAD * skewed, WAD), distance, root
