"""Derive's portfolio margin (PMRM_2), to compare with. Floating point; nobody is asked for this margin.

One underlying at a time: each has a manager of its own, and nothing nets between two. For one of them

    forward   = variable part x spot move + fixed part                            Black-76, times the discount
    vol up    = max(least, vol (1 + 0.5 m)), down = vol max(0, 1 - 0.3 m)         m = (30 d / max(T, 1 d))^p, p = 0.3 to
                                                                                  30 days, 0.13 beyond
    loss      = the largest dampened loss of 33 scenarios and of the basis: sum over expiries of
                (0.5 + 2 T) x the loss at a forward 4.5% up or down
    a moved expiry's value counts times a static discount where it is positive, another where it is negative
    maintenance = 0.8 loss + contingencies;  initial = (1 + 4 max(0, 0.99 - USDC)) loss + contingencies + more of them

Two scenarios turn the skew: each volatility is multiplied by 1 + min(c, k c / k*) of its log-strike k (or of |k|), and
every expiry counts with the sign that loses.

Source: github.com/derivexyz/v2-core, ``src/risk-managers/PMRMLib_2.sol`` for the arithmetic,
``scripts/config-mainnet.sol`` (``getPMRM2Params``, ``getDefaultPM2Scenarios``) for the numbers of ``DERIVE``, except

* static discounts: long 0.98, short 1.02, 10% a year, as in force since January 2026 with this grid. The file's own
  1.05 for long and 0.95 for short are the other way round than ``IPMRMLib_2.sol`` describes them;
* haircuts of a token in its own underlying's manager, which the file does not have: 1.5%, and 0.5% more in initial,
  those of ETH in ``test/risk-managers/unit-tests/PMRM_2/portfolio_cases``.

Derive changes these numbers every few months: what is compared is the method at this stage of it.

Left out: fees on open interest, borrowing limits, settlement's last 30 minutes. A file has no interest rates: they are
0, as everywhere here. Beyond what Derive has: a dated future counts as a perpetual at its forward, and a token that is
owed moves with its price and bears no haircut.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np

from ballast.risk.float_book import Book, Expiry, Floats

__all__ = ["BASIS", "DERIVE", "Numbers", "Requirement", "Scenario", "Skew", "Vol", "requirement"]

_DAY = 86_400
_MONTH = 30 * _DAY


class Vol(Enum):
    """What a scenario does to volatilities."""

    NONE = "unmoved"
    UP = "up"
    DOWN = "down"
    LINEAR = "skewed"
    ABS = "wings"


@dataclass(frozen=True)
class Scenario:
    """``spot`` is 1 + move; the P&L counts times ``damping``."""

    spot: float
    vol: Vol
    damping: float = 1.0

    @property
    def name(self) -> str:
        move = "0" if self.spot == 1 else f"{self.spot - 1:+.1%}"
        weight = "" if self.damping == 1 else f" (x{self.damping:.4g})"
        return f"spot {move}, vol {self.vol.value}{weight}"


@dataclass(frozen=True)
class Skew:
    """``IPMRMLib_2.SkewShockParameters``."""

    linear_base_cap: float = 0.25
    abs_base_cap: float = 0.25
    linear_c_base: float = -0.1
    abs_c_base: float = -0.1
    min_k_star: float = 0.01
    width_scale: float = 4.0
    vol_param_static: float = 0.6
    vol_param_scale: float = 0.0


def _regular(move: float, *vols: Vol) -> tuple[Scenario, ...]:
    return tuple(Scenario(1 + move, vol) for vol in vols)


_ALL = (Vol.UP, Vol.NONE, Vol.DOWN)
_SCENARIOS = (
    *_regular(0.18, Vol.UP),
    *(one for move in (0.135, 0.09, 0.045, 0.0, -0.045, -0.09, -0.135) for one in _regular(move, *_ALL)),
    *_regular(-0.18, Vol.UP),
    *(
        Scenario(spot, Vol.UP, damping)
        for spot, damping in (
            (0.34, 0.21),
            (0.67, 0.42),
            (1.5, 0.2772),
            (2.0, 0.1386),
            (3.0, 0.0693),
            (4.0, 0.0462),
            (5.0, 0.03465),
            (6.0, 0.02772),
        )
    ),
    Scenario(1.0, Vol.LINEAR),
    Scenario(1.0, Vol.ABS),
)


@dataclass(frozen=True)
class Numbers:
    """Parameters of one manager; parts unless said otherwise. Defaults: see the module."""

    scenarios: tuple[Scenario, ...] = _SCENARIOS
    vol_up: float = 0.5
    vol_down: float = 0.3
    short_term_power: float = 0.3
    long_term_power: float = 0.13
    shortest: int = _DAY  # seconds, for the powers
    least_vol_up: float = 0.4
    maintenance: float = 0.8
    initial: float = 1.0
    long_discount: float = 0.98
    long_rate: float = 0.10
    long_rate_factor: float = 0.0
    short_discount: float = 1.02
    short_rate: float = 0.10
    short_rate_factor: float = 0.0
    basis_up: float = 0.045
    basis_down: float = -0.045
    basis_part: float = 0.5
    basis_part_per_year: float = 2.0
    depeg_start: float = 0.99
    depeg_slope: float = 4.0
    confidence: float = 0.55
    confidence_part: float = 1.0
    perp: float = 0.03
    perp_initial: float = 0.01
    short_option: float = 0.003
    short_option_initial: float = 0.002
    haircut: float = 0.015
    haircut_initial: float = 0.005
    skew: Skew = Skew()

    def content(self) -> dict[str, Any]:
        """As JSON has it: a scenario's ``spot`` is a move."""
        scenarios = [
            {"name": one.name, "spot": round(one.spot - 1, 9), "vol": one.vol.value, "weight": one.damping}
            for one in self.scenarios
        ]
        return asdict(self) | {"scenarios": scenarios}


DERIVE = Numbers()
#: The name of the row after the scenarios.
BASIS = "basis, each expiry by itself"


@dataclass(frozen=True)
class Requirement:
    """Of one underlying, USDC.

    ``profits`` are unweighted P&L of the scenarios, the basis last; ``worst`` the row of the ``loss``, ``None`` where
    there is none. ``contingencies`` are charged in both, ``initial_only`` in initial.
    """

    maintenance: float
    initial: float
    loss: float
    profits: tuple[float, ...]
    worst: int | None
    contingencies: dict[str, float]
    initial_only: dict[str, float]


def requirement(book: Book, numbers: Numbers = DERIVE) -> Requirement:
    """What the manager of one underlying asks for."""
    now = [one.value() for one in book.expiries]
    profits = [_profit(book, now, scenario, numbers) for scenario in numbers.scenarios]
    basis = sum(_basis(one, value, numbers) for one, value in zip(book.expiries, now, strict=True))
    weighted = [one * scenario.damping for one, scenario in zip(profits, numbers.scenarios, strict=True)]
    weighted.append(basis)
    row = int(np.argmin(weighted))
    loss = max(0.0, -weighted[row])

    perps = sum(abs(size) for size, _ in book.linears) * book.spot
    naked = sum(_naked(one) for one in book.expiries) * book.spot
    held = [one for one in book.balances if one.value > 0]
    both = {
        "perp": perps * numbers.perp,
        "short_option": naked * numbers.short_option,
        "haircuts": sum(one.value * one.haircut for one in held),
    }
    only = {
        "perp": perps * numbers.perp_initial,
        "short_option": naked * numbers.short_option_initial,
        "haircuts": sum(one.value * one.initial_haircut for one in held),
        "confidence": _doubt(book, perps, numbers),
        "depeg": loss * numbers.depeg_slope * max(0.0, numbers.depeg_start - book.quote),
    }
    charged = sum(both.values())
    return Requirement(
        maintenance=numbers.maintenance * loss + charged,
        initial=numbers.initial * loss + charged + sum(only.values()),
        loss=loss,
        profits=(*profits, basis),
        worst=row if loss > 0 else None,
        contingencies=both,
        initial_only=only,
    )


# ------------------------------------------------------------------ scenarios


def _profit(book: Book, now: list[float], scenario: Scenario, numbers: Numbers) -> float:
    total = book.linear_profit(scenario.spot - 1)
    skewed = scenario.vol in (Vol.LINEAR, Vol.ABS)
    move = 0.0 if skewed else scenario.spot - 1  # options do not see a move beside a turn of the skew
    for one, value in zip(book.expiries, now, strict=True):
        moved = one.value(move, _vols(one, scenario.vol, numbers))
        change = moved * _static_discount(one, moved >= 0, numbers) - value
        total += -abs(change) if skewed else change
    return total


def _vols(one: Expiry, vol: Vol, numbers: Numbers) -> Floats:
    if vol in (Vol.LINEAR, Vol.ABS):
        return np.asarray(one.vols * np.maximum(0.0, 1 + _skew(one, vol, numbers.skew)))
    power = numbers.short_term_power if one.seconds <= _MONTH else numbers.long_term_power
    term = (_MONTH / max(one.seconds, numbers.shortest)) ** power
    if vol is Vol.UP:
        return np.asarray(np.maximum(numbers.least_vol_up, one.vols * (1 + numbers.vol_up * term)))
    if vol is Vol.DOWN:
        return np.asarray(one.vols * max(0.0, 1 - numbers.vol_down * term))
    return one.vols


def _skew(one: Expiry, vol: Vol, skew: Skew) -> Floats:
    """What the multiplier of each volatility exceeds 1 by; k* is about where the surface flattens out."""
    root = np.sqrt(one.years)
    linear = vol is Vol.LINEAR
    cap = (skew.linear_c_base if linear else skew.abs_c_base) * root
    cap += skew.linear_base_cap if linear else skew.abs_base_cap
    star = max(skew.min_k_star, root * skew.width_scale * (skew.vol_param_static + root * skew.vol_param_scale))
    k = np.log(one.strikes / one.forward)
    slope = (k if linear else np.abs(k)) * cap / star
    # where k is not negative only the cap above holds, elsewhere only the one below
    return np.asarray(np.where((k >= 0) | (not linear), np.minimum(cap, slope), np.maximum(-cap, slope)))


def _static_discount(one: Expiry, positive: bool, numbers: Numbers) -> float:
    if positive:
        rate = one.rate * numbers.long_rate_factor + numbers.long_rate
        return numbers.long_discount * float(np.exp(-one.years * rate))
    rate = one.rate * numbers.short_rate_factor + numbers.short_rate
    return min(1 / one.discount, numbers.short_discount * float(np.exp(one.years * rate)))


def _basis(one: Expiry, now: float, numbers: Numbers) -> float:
    worst = min(one.value(numbers.basis_up) - now, one.value(numbers.basis_down) - now, 0.0)
    return worst * (numbers.basis_part + numbers.basis_part_per_year * one.years)


# ------------------------------------------------------------------ contingencies


def _naked(one: Expiry) -> float:
    """Units sold, by strike, less the call or put of the same strike that is held."""
    total = 0.0
    for strike in np.unique(one.strikes):
        sizes = one.sizes[one.strikes == strike]
        sold, bought = -sizes[sizes < 0].sum(), sizes[sizes > 0].sum()
        total += max(0.0, float(sold - bought))
    return total


def _doubt(book: Book, perps: float, numbers: Numbers) -> float:
    """What is charged where a price is not sure."""

    def charge(confidence: float, notional: float) -> float:
        return (1 - confidence) * numbers.confidence_part * notional if confidence < numbers.confidence else 0.0

    shared = min(book.confidence, book.linear_confidence) if book.linears else book.confidence
    total = charge(shared, perps)
    for one in book.expiries:
        total += charge(min(shared, one.confidence), float(np.abs(one.sizes).sum()) * book.spot)
    for balance in book.balances:
        total += charge(min(book.confidence, balance.confidence), abs(balance.value))
    return total
