"""What of a portfolio in a file no account could hold and no oracle would take: refused, with the field's name."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

import numpy as np

from ballast.errors import UsageError
from ballast.market.margin_files import SviEntry
from ballast.market.svi_fit import density, total_variance
from ballast.units import WAD

if TYPE_CHECKING:
    from decimal import Decimal

    from ballast.risk.file_margin import FileLinear, FileOption, FileToken

__all__ = ["require_no_arbitrage", "require_room"]

#: As in contracts/libraries/Constants.sol.
_MOST_TOKENS, _MOST_LINEARS, _MOST_OPTIONS, _MOST_SERIES = 8, 16, 64, 8
#: Sizes and balances: int96, and int128 of shares.
_MOST_SIZE, _MOST_VALUE = 2**95 - 1, 2**127 - 1
#: A slice whose forward has moved on since it was signed keeps its shape, not its density to the last digit.
_TOLERANCE = 1e-3


def require_room(tokens: Sequence[FileToken], linears: Sequence[FileLinear], options: Sequence[FileOption]) -> None:
    """``UsageError`` where that is more than one account can hold, or a size does not fit."""
    held = (
        (len(tokens), _MOST_TOKENS, "coins beside USDC"),
        (len(linears), _MOST_LINEARS, "perpetuals and futures"),
        (len(options), _MOST_OPTIONS, "options"),
        (len({leg.series for leg in options}), _MOST_SERIES, "underlyings and expiries of options"),
    )
    for count, most, what in held:
        if count > most:
            raise UsageError(f"positions: {count} {what}; an account holds at most {most}")
    for token in tokens:
        if abs(token.value) > _MOST_VALUE:
            raise UsageError(f"collateral.{token.name}: too large; an account holds less than 2^127")
    sizes = [(leg.name, leg.size) for leg in linears] + [(leg.name, leg.size) for leg in options]
    for name, size in sizes:
        if abs(size) > _MOST_SIZE:
            raise UsageError(f"positions.{name}: too large; a size is at most {_MOST_SIZE // WAD}")


def require_no_arbitrage(where: str, svi: SviEntry, forward: Decimal, strikes: Sequence[int]) -> None:
    """``UsageError`` where the SurfaceOracle would refuse the slice at one of these strikes, USDC in 1e18: a variance
    that is not positive, or butterfly arbitrage."""
    parameters = np.array([float(value) for value in (svi.a, svi.b, svi.rho, svi.m, svi.sigma)])
    k = np.array([log(strike / WAD / float(forward)) for strike in strikes])
    for strike, variance, found in zip(strikes, total_variance(parameters, k), density(parameters, k), strict=True):
        level = f"{strike / WAD:g}"
        if variance <= 0:
            raise UsageError(f"{where}: total variance at {level} is {variance:.3g}; give a slice above 0")
        if found < -_TOLERANCE:
            raise UsageError(f"{where}: butterfly arbitrage at {level}, its density is {found:.3g}; give one without")
