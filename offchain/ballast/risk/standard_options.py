"""Options in the STANDARD model: each position is charged by itself, nothing nets. Pure integers.

    value   = lots lot mark, rounded down: what the PORTFOLIO model would say of it alone
    long    max(value, 0): equity has it, the charge takes it, so it is not credited
    short   n max(rate S - OTM, rate S / 2), OTM = max(K - S, 0) of a call, max(S - K, 0) of a put

with n units, K the strike and S the underlying's index. A short's charge is rounded up, once, after everything is
multiplied; maintenance and initial have a rate each. Source of the short's rule: Derive's StandardManager, which
charges a part of spot less what the option is out of the money, but no less than another part; ours is half the rate.
"""

from __future__ import annotations

from typing import NamedTuple

from ballast.risk.arrays import PRICE_UNIT, Series
from ballast.risk.carry import FLOORED, Move, carry
from ballast.risk.rounding import mul_div_floor, mul_div_up
from ballast.units import E6, WAD

__all__ = ["Charge", "OptionRates", "option_charge", "option_value", "short_charge"]


class OptionRates(NamedTuple):
    """Parts of the underlying's price, 1e6."""

    maintenance: int
    initial: int


class Charge(NamedTuple):
    """What a leg adds to the requirements, USDC in 1e18."""

    maintenance: int
    initial: int


def option_value(arrays: Series, place: int, put: bool, lots: int, index: int) -> int:
    """What a position is worth, USDC in 1e18, rounded down.

    ``place`` is the strike's index in the arrays, ``lots`` the signed size, ``index`` USDC per unit of the underlying
    now, 1e18. A put is the call less the forward, as in the PORTFOLIO model; a sum of positions there nets before it
    rounds, so it is worth at least the sum of these.
    """
    record = arrays.records[place]
    move = Move.since(arrays, index)
    mark, _ = carry(record, move)
    value = lots * (mark if lots > 0 else mark + FLOORED)
    if put:
        value += lots * record.strike - lots * (move.forward + 1 if lots > 0 else move.forward)
    return mul_div_floor(value, arrays.lot, PRICE_UNIT)


def option_charge(value: int, put: bool, strike: int, index: int, units: int, rates: OptionRates) -> Charge:
    """The charge of a position.

    ``value`` is that of ``option_value``, ``strike`` and ``index`` are USDC per unit and ``units`` the signed size, all
    in 1e18. A long's charge is its value, the same in both; a short's is rounded up for each rate.
    """
    if units >= 0:
        return Charge(max(value, 0), max(value, 0))
    return Charge(*(short_charge(put, strike, index, -units, rate) for rate in rates))


def short_charge(put: bool, strike: int, index: int, units: int, rate: int) -> int:
    """The charge of ``units`` (1e18, at least 0) sold, USDC in 1e18; ``rate`` in 1e6. Rounded up, once: up to there the
    numbers are exact, twice a unit's charge in 1e24."""
    otm = max(index - strike, 0) if put else max(strike - index, 0)
    full = rate * index
    return mul_div_up(max(2 * (full - otm * E6), full), units, 2 * E6 * WAD)
