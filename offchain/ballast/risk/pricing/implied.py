"""The volatility at which an option is worth its price, for many options at once.

Solved for s = vol sqrt(T) on the out-of-the-money side: x = -|ln(F / K)|, and b(s) = exp(x/2) N(x/s + s/2) -
exp(-x/2) N(x/s - s/2) is that side's value over sqrt(F K) and the discount. b has its inflection at s = sqrt(2 |x|)
and spans hundreds of orders of magnitude, so which function of it Halley's steps are taken on depends on the price:
1 / ln b below the inflection, ln(b_max - b) in the upper half, b itself between; a step that leaves the bracket is
replaced by its middle. Source of the three objectives: P. Jaeckel, Let's be rational, Wilmott (2015).

A price that is known to half a unit in its last place determines the volatility to that over vega, and no better.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr

from ballast.errors import UsageError
from ballast.risk.pricing.options import Bools, Floats, Options, require

__all__ = ["implied_vols"]

_STEPS = 40
_ROOT_TWO = sqrt(2)
_INVERSE_ROOT_TWO_PI = 1 / sqrt(2 * pi)
#: Of vol sqrt(T): beyond it an option is worth all that it can be.
_MOST = 80.0
_CLOSE = 4 * np.finfo(np.float64).eps


def implied_vols(prices: ArrayLike, options: Options, forwards: ArrayLike, rates: ArrayLike = 0.0) -> Floats:
    """Volatilities, shape (n,), of ``prices`` (the forward's currency, discounted). A price equal to what is in the
    money has volatility 0.

    ``UsageError`` names the first price that no volatility gives: below what is in the money, or not below the most
    that an option is worth (the forward of a call, the strike of a put, discounted); and an option without time left.
    """
    price, forward, rate = (np.asarray(one, dtype=np.float64) for one in (prices, forwards, rates))
    require("prices", price)
    require("forwards", forward, positive=True)
    require("rates", rate, signed=True)
    require("years", options.years, positive=True)
    discount = np.exp(-rate * options.years)
    worth, forward, strike, years, calls = np.broadcast_arrays(
        np.atleast_1d(price / discount), forward, options.strikes, options.years, options.calls
    )
    intrinsic = np.maximum(np.where(calls, forward - strike, strike - forward), 0.0)
    time_value = worth - intrinsic
    _require_possible(price, discount, time_value, worth, np.where(calls, forward, strike), intrinsic)
    deviations = _deviations(-np.abs(np.log(forward / strike)), time_value / np.sqrt(forward * strike))
    return np.asarray(deviations / np.sqrt(years))


def _require_possible(
    price: Floats, discount: Floats, time_value: Floats, worth: Floats, most: Floats, intrinsic: Floats
) -> None:
    wrong = (time_value < 0) | (worth >= most)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        shown, part = (np.broadcast_to(one, wrong.shape)[place] for one in (price, discount))
        raise UsageError(
            f"prices[{place}]: {shown} has no volatility; give at least {intrinsic[place] * part}, and less than"
            f" {most[place] * part}"
        )


def _deviations(x: Floats, target: Floats) -> Floats:
    """s of each b(s) = target, for x <= 0 and 0 <= target < exp(x/2)."""
    found = np.zeros_like(target)
    active = np.flatnonzero(target > 0)
    x, target = x[active], target[active]
    most = np.exp(x / 2)
    middle = np.minimum(np.sqrt(-2 * x), _MOST)
    at_middle = _value(x, middle)
    low = target < at_middle
    high = ~low & (target > most / 2)
    lowest, highest = np.where(low, 0.0, middle), np.where(low, middle, _MOST)
    s = _start(x, target, most, middle, at_middle, low, high)
    for _ in range(_STEPS):
        if not len(active):
            break
        s = np.where((s > lowest) & (s < highest), s, (lowest + highest) / 2)
        b = _value(x, s)
        below = b < target
        lowest, highest = np.where(below, s, lowest), np.where(below, highest, s)
        step = _step(x, s, b, target, most, low, high)
        # where a price says no more, the bracket's last step is as good as any
        done = (np.abs(step) <= _CLOSE * s) | (highest - lowest <= _CLOSE * s) | ~np.isfinite(step)
        found[active[done]] = np.where(np.isfinite(step), s + step, s)[done]
        left = ~done
        active, x, target, most, low, high = (one[left] for one in (active, x, target, most, low, high))
        s, lowest, highest = (s + step)[left], lowest[left], highest[left]
    found[active] = s
    return found


def _start(
    x: Floats, target: Floats, most: Floats, middle: Floats, at_middle: Floats, low: Bools, high: Bools
) -> Floats:
    slope = np.exp(-0.5 * ((x / np.maximum(middle, 1e-300)) ** 2 + middle**2 / 4)) * _INVERSE_ROOT_TWO_PI
    between = middle + (target - at_middle) / np.maximum(slope, 1e-300)
    # far below, ln b is about -x^2 / (2 s^2); far above, ln(b_max - b) is about -s^2 / 8
    far_below = -x / np.sqrt(-2 * np.log(np.where(low, target, 0.5)))
    far_above = np.sqrt(-8 * np.log(np.where(high, (most - target) / (2 * most), 0.5)))
    return np.where(low, far_below, np.where(high, np.maximum(far_above, middle), between))


def _step(x: Floats, s: Floats, b: Floats, target: Floats, most: Floats, low: Bools, high: Bools) -> Floats:
    """Halley's step on the objective of each price's range."""
    with np.errstate(all="ignore"):
        slope = np.exp(-0.5 * ((x / s) ** 2 + s * s / 4)) * _INVERSE_ROOT_TWO_PI
        curve = x * x / (s * s * s) - s / 4  # b'' / b'
        log_b = np.log(b)
        relative = slope / b
        # of 1/ln b: f'/f and f''/f' follow from b'
        below = (1 / log_b - 1 / np.log(target)) * log_b * log_b / relative
        bent_below = curve - relative * (1 + 2 / log_b)
        gap = _left(x, s)
        above = np.log(gap / (most - target)) * gap / slope
        bent_above = curve + slope / gap
        newton = np.where(low, below, np.where(high, above, (target - b) / slope))
        bent = np.where(low, bent_below, np.where(high, bent_above, curve))
        halley = newton / np.maximum(1 + 0.5 * newton * bent, 0.25)
    return np.asarray(halley)


def _value(x: Floats, s: Floats) -> Floats:
    """b(s), with digits of its own however small it is."""
    with np.errstate(all="ignore"):
        h, t = x / s, s / 2
        far = 0.5 * np.exp(-0.5 * (h * h + t * t)) * (erfcx(-(h + t) / _ROOT_TWO) - erfcx(-(h - t) / _ROOT_TWO))
        near = np.exp(x / 2) * ndtr(h + t) - np.exp(-x / 2) * ndtr(h - t)
        return np.where(s > 0, np.where(h + t < 0, far, near), 0.0)


def _left(x: Floats, s: Floats) -> Floats:
    """exp(x/2) - b(s)."""
    h, t = x / s, s / 2
    return np.asarray(np.exp(x / 2) * ndtr(-h - t) + np.exp(-x / 2) * ndtr(h - t))
