"""One option at a time, as it stands in a textbook: what the arrays of the other modules are tested against."""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt

from scipy.optimize import brentq

__all__ = ["greeks_of", "implied_vol_of", "value_of"]


def value_of(strike: float, years: float, call: bool, forward: float, vol: float, rate: float = 0.0) -> float:
    """Black-76; needs a positive vol and time."""
    d1, d2 = _distances(strike, years, forward, vol)
    if call:
        return exp(-rate * years) * (forward * _cdf(d1) - strike * _cdf(d2))
    return exp(-rate * years) * (strike * _cdf(-d2) - forward * _cdf(-d1))


def greeks_of(
    strike: float, years: float, call: bool, forward: float, vol: float, rate: float = 0.0
) -> dict[str, float]:
    """By the names of ``Greeks``."""
    d1, d2 = _distances(strike, years, forward, vol)
    discount, root = exp(-rate * years), sqrt(years)
    value = value_of(strike, years, call, forward, vol, rate)
    density = discount * exp(-d1 * d1 / 2) / sqrt(2 * pi)
    vega = forward * density * root
    return {
        "value": value,
        "delta": discount * (_cdf(d1) if call else _cdf(d1) - 1),
        "gamma": density / (forward * vol * root),
        "vega": vega,
        "theta": rate * value - forward * density * vol / (2 * root),
        "rho": -years * value,
        "vanna": -density * d2 / vol,
        "volga": vega * d1 * d2 / vol,
    }


def implied_vol_of(price: float, strike: float, years: float, call: bool, forward: float) -> float:
    """By bisection and its kin, at a rate of zero."""
    return float(
        brentq(lambda vol: value_of(strike, years, call, forward, vol) - price, 1e-6, 50.0, xtol=1e-15, rtol=1e-15)
    )


def _distances(strike: float, years: float, forward: float, vol: float) -> tuple[float, float]:
    deviation = vol * sqrt(years)
    d1 = log(forward / strike) / deviation + deviation / 2
    return d1, d1 - deviation


def _cdf(x: float) -> float:
    return erfc(-x / sqrt(2)) / 2
