"""The same options on a spot that earns a yield: generalised Black-Scholes-Merton by way of the forward.

F = S exp((r - q) T), and Black-76 on F is the option's value. Derivatives are taken at unmoved spot, so theta and rho
differ from those at unmoved forward. Source: E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. (2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ballast.risk.pricing.analytic import greeks, values
from ballast.risk.pricing.options import Floats, Market, Options, require

__all__ = ["SpotGreeks", "spot_greeks", "spot_values"]


class SpotGreeks(NamedTuple):
    """As ``Greeks``, with respect to the spot."""

    value: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    volga: Floats


def spot_values(
    options: Options, spots: ArrayLike, vols: ArrayLike, rates: ArrayLike = 0.0, yields: ArrayLike = 0.0
) -> Floats:
    """Worth of each option, shape (n,). ``spots`` > 0, ``rates`` and ``yields`` continuously compounded."""
    market, _, _ = _market(options, spots, vols, rates, yields)
    return values(options, market)


def spot_greeks(
    options: Options, spots: ArrayLike, vols: ArrayLike, rates: ArrayLike = 0.0, yields: ArrayLike = 0.0
) -> SpotGreeks:
    """All Greeks of each option, arguments as ``spot_values``."""
    market, growth, carry = _market(options, spots, vols, rates, yields)
    found = greeks(options, market)
    moved = market.forwards * found.delta
    return SpotGreeks(
        value=found.value,
        delta=found.delta * growth,
        gamma=found.gamma * growth**2,
        vega=found.vega,
        # the forward falls with the time that is left, and rises with the rate
        theta=found.theta - carry * moved,
        rho=found.rho + options.years * moved,
        vanna=found.vanna * growth,
        volga=found.volga,
    )


def _market(
    options: Options, spots: ArrayLike, vols: ArrayLike, rates: ArrayLike, yields: ArrayLike
) -> tuple[Market, Floats, Floats]:
    """With forward / spot, and the rate less the yield."""
    spot, yielded = np.asarray(spots, dtype=np.float64), np.asarray(yields, dtype=np.float64)
    require("spots", spot, positive=True)
    require("yields", yielded, signed=True)
    carry = np.asarray(np.asarray(rates, dtype=np.float64) - yielded)
    growth = np.asarray(np.exp(carry * options.years))
    return Market.of(spot * growth, vols, rates), growth, carry
