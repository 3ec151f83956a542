"""Black-76 values and Greeks of many options, in blocks that stay in the processor's cache.

V = D o (F N(o d1) - K N(o d2)), o = 1 for a call and -1 for a put, D = exp(-r T), v = vol sqrt(T),
d1 = ln(F / K) / v + v / 2, d2 = d1 - v. Source: F. Black, The pricing of commodity contracts, J. Financial Economics 3
(1976). What is computed is the option of the strike that is out of the money, from the tails of N; the other one is
that and what it is in the money. So both keep all digits of their time value, and parity holds to the last place.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import pi, sqrt
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.special import ndtr

from ballast.errors import UsageError
from ballast.risk.pricing.options import Bools, Floats, Market, Options

__all__ = ["FirstOrder", "Greeks", "first_order", "greeks", "values"]

#: Options computed together: a dozen arrays of them are under 1 MB.
_BLOCK = 8_192
#: Stands for a deviation of nothing: an option is then worth what it is in the money.
_NO_DEVIATION = 1e-12
_ROOT_TWO_PI = sqrt(2 * pi)

Array = TypeVar("Array", Floats, Bools)


class FirstOrder(NamedTuple):
    """Shapes (n,): value, its change per unit of the forward, and per 1.00 of volatility."""

    value: Floats
    delta: Floats
    vega: Floats


class Greeks(NamedTuple):
    """Shapes (n,). With F the forward, s the volatility, t the calendar time in years and r the rate:

    value; delta dV/dF; gamma d2V/dF2; vega dV/ds; theta dV/dt at unmoved forward; rho dV/dr at unmoved forward;
    vanna d2V/dFds; volga d2V/ds2. Per 1.00 of volatility and rate and per year. A vol sqrt(T) below 1e-12 counts as
    that, so the gamma of an option at the money that expires now is huge and not infinite.
    """

    value: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    volga: Floats


def values(options: Options, market: Market) -> Floats:
    """Worth of each option, shape (n,)."""
    found = np.empty(_size(options, market))
    for part, block in _blocks(options, market):
        block.value(found[part])
    return found


def first_order(options: Options, market: Market) -> FirstOrder:
    """Value, delta and vega of each option."""
    size = _size(options, market)
    found = FirstOrder(np.empty(size), np.empty(size), np.empty(size))
    for part, block in _blocks(options, market):
        block.value(found.value[part])
        block.delta(found.delta[part])
        block.vega(found.vega[part])
    return found


def greeks(options: Options, market: Market) -> Greeks:
    """All of them, of each option."""
    size = _size(options, market)
    found = Greeks(*(np.empty(size) for _ in Greeks._fields))
    for part, block in _blocks(options, market):
        value, vega = found.value[part], found.vega[part]
        block.value(value)
        block.delta(found.delta[part])
        block.vega(vega)
        found.gamma[part] = block.density / (block.forwards * block.deviations)
        found.theta[part] = block.rates * value - vega * block.vols / (2 * block.positive_years)
        found.rho[part] = -block.years * value
        found.vanna[part] = -block.density * block.d2 * block.roots / block.deviations
        found.volga[part] = vega * block.d1 * block.d2 * block.roots / block.deviations
    return found


# ------------------------------------------------------------------ blocks


class _Block:
    """What the Greeks of one block share. Each method fills an array that it is given."""

    def __init__(self, options: Options, market: Market, part: slice) -> None:
        self.forwards, self.vols, self.rates = (_cut(one, part) for one in (market.forwards, market.vols, market.rates))
        self.strikes, self.years = _cut(options.strikes, part), _cut(options.years, part)
        self._signs = np.where(_cut(options.calls, part), 1.0, -1.0)
        self._outside = np.where(self.forwards <= self.strikes, 1.0, -1.0)
        self.roots = np.sqrt(self.years)
        self.deviations = np.maximum(self.vols * self.roots, _NO_DEVIATION)
        self.d1 = np.log(self.forwards / self.strikes) / self.deviations + 0.5 * self.deviations
        self.d2 = self.d1 - self.deviations
        self.discounts = np.exp(-self.rates * self.years) if np.any(self.rates) else np.float64(1.0)
        self._first = self._outside * ndtr(self._outside * self.d1)

    @cached_property
    def density(self) -> Floats:
        """D n(d1)."""
        return np.asarray(np.exp(-0.5 * self.d1 * self.d1) * (self.discounts / _ROOT_TWO_PI))

    @property
    def positive_years(self) -> Floats:
        return np.where(self.years > 0, self.years, np.inf)

    def value(self, found: Floats) -> None:
        second = self._outside * ndtr(self._outside * self.d2)
        np.multiply(self.forwards, self._first, out=found)
        found -= self.strikes * second
        np.maximum(found, 0.0, out=found)  # of two equal products the difference may be a rounding below
        found += np.maximum(self._signs * (self.forwards - self.strikes), 0.0)
        found *= self.discounts

    def delta(self, found: Floats) -> None:
        np.add(self._first, 0.5 * (self._signs - self._outside), out=found)
        found *= self.discounts

    def vega(self, found: Floats) -> None:
        np.multiply(self.density, self.forwards * self.roots, out=found)


def _blocks(options: Options, market: Market) -> Iterator[tuple[slice, _Block]]:
    for start in range(0, _size(options, market), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield part, _Block(options, market, part)


def _size(options: Options, market: Market) -> int:
    """n; ``UsageError`` where the shapes do not go together."""
    arrays = (options.strikes, options.years, options.calls, market.forwards, market.vols, market.rates)
    shapes = {one.shape for one in arrays if one.ndim}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        shown = ", ".join(str(one.shape) for one in arrays)
        raise UsageError(
            f"options: shapes of strikes, years, calls, forwards, vols, rates are {shown}; give (n,) or one number each"
        )
    return shapes.pop()[0] if shapes else 1


def _cut(numbers: Array, part: slice) -> Array:
    return numbers[part] if numbers.ndim else numbers
