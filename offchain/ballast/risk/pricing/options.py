"""What is priced: European options, and the market they are priced in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ballast.errors import UsageError

__all__ = ["Bools", "Floats", "Market", "Options", "require"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Options:
    """n European options on one unit each. ``strikes`` > 0, ``years`` to the expiry >= 0, ``calls`` true or false;
    shapes (n,) or one number for all. ``UsageError`` names the first number that is not so."""

    strikes: Floats
    years: Floats
    calls: Bools

    @classmethod
    def of(cls, strikes: ArrayLike, years: ArrayLike, calls: ArrayLike) -> Options:
        """From anything that numpy reads as numbers."""
        made = cls(_floats(strikes), _floats(years), np.asarray(calls, dtype=np.bool_))
        require("strikes", made.strikes, positive=True)
        require("years", made.years)
        return made


@dataclass(frozen=True)
class Market:
    """Forwards > 0, volatilities >= 0 and continuously compounded rates of n options; shapes (n,) or one number."""

    forwards: Floats
    vols: Floats
    rates: Floats

    @classmethod
    def of(cls, forwards: ArrayLike, vols: ArrayLike, rates: ArrayLike = 0.0) -> Market:
        """From anything that numpy reads as numbers."""
        made = cls(_floats(forwards), _floats(vols), _floats(rates))
        require("forwards", made.forwards, positive=True)
        require("vols", made.vols)
        require("rates", made.rates, signed=True)
        return made


def require(name: str, numbers: Floats, *, positive: bool = False, signed: bool = False) -> None:
    """``UsageError`` with the place and value of the first number that is not finite and, unless ``signed``, at least
    zero, or above it where ``positive``."""
    if not numbers.size:
        return
    low, lowest = -np.inf if signed else 0.0, numbers.min()
    # a comparison with NaN is false, and so are both of these
    if (lowest > low if positive or signed else lowest >= low) and numbers.max() < np.inf:
        return
    right = np.isfinite(numbers) & ((numbers > low) if positive or signed else (numbers >= low))
    place = int(np.flatnonzero(~np.atleast_1d(right))[0])
    wanted = "a finite number" if signed else "a finite number above 0" if positive else "a finite number, 0 or more"
    where = f"{name}[{place}]" if numbers.ndim else name
    raise UsageError(f"{where}: {np.atleast_1d(numbers)[place]}; give {wanted}")


def _floats(numbers: ArrayLike) -> Floats:
    return np.asarray(numbers, dtype=np.float64)
