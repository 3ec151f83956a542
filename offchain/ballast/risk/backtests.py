"""Whether forecasts of value at risk and Expected Shortfall were right, as supervisors and the literature test it.

A hit is a day whose loss exceeded the forecast. Sources: P. Kupiec, Techniques for verifying the accuracy of risk
measurement models, J. Derivatives 3 (1995); P. Christoffersen, Evaluating interval forecasts, Int. Economic Review 39
(1998); Basel Committee, Supervisory framework for the use of backtesting (1996); C. Acerbi, B. Szekely, Backtesting
expected shortfall, Risk (2014), the second test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import binom, chi2

from ballast.errors import UsageError
from ballast.risk.measures import require_level
from ballast.risk.pricing.options import Bools, Floats

__all__ = [
    "Z2",
    "Likelihood",
    "Zone",
    "acerbi_szekely",
    "christoffersen",
    "conditional_coverage",
    "hits_of",
    "kupiec",
    "traffic_light",
    "zone_limits",
]

Zone: TypeAlias = Literal["green", "yellow", "red"]
#: Cumulative probabilities at which a count of hits is yellow, and red.
_YELLOW, _RED = 0.95, 0.9999


@dataclass(frozen=True)
class Likelihood:
    """A likelihood ratio and the probability of a larger one if the forecast is right."""

    ratio: float
    p_value: float


@dataclass(frozen=True)
class Z2:
    """Acerbi and Szekely's second statistic, about 0 if the forecast is right and negative if the shortfall was too
    low; ``critical`` is the ``significance`` quantile that was simulated."""

    value: float
    critical: float
    significance: float

    @property
    def rejects(self) -> bool:
        return self.value < self.critical


def hits_of(losses: Floats, forecasts: Floats) -> Bools:
    """Days on which the loss exceeded the forecast; both (T,). ``UsageError`` where they do not go together or a number
    is not finite."""
    if losses.shape != forecasts.shape or losses.ndim != 1 or not losses.size:
        raise UsageError(f"backtest: {losses.shape} losses, {forecasts.shape} forecasts; give one of each a day")
    wrong = np.flatnonzero(~(np.isfinite(losses) & np.isfinite(forecasts)))
    if len(wrong):
        day = int(wrong[0])
        raise UsageError(f"backtest: day {day}: loss {losses[day]}, forecast {forecasts[day]}; give finite numbers")
    return np.asarray(losses > forecasts)


def kupiec(hits: int, days: int, level: float) -> Likelihood:
    """Whether the share of hits is 1 - ``level``: chi-squared with one degree of freedom."""
    _require_counts(hits, days, level)
    expected, found = 1 - level, hits / days
    ratio = 2 * (_log_likelihood(hits, days, found) - _log_likelihood(hits, days, expected))
    return Likelihood(float(ratio), float(chi2.sf(ratio, 1)))


def christoffersen(hits: Bools) -> Likelihood:
    """Whether a hit is as likely after a hit as after none: chi-squared with one degree of freedom. ``hits`` (T,)."""
    if hits.ndim != 1 or len(hits) < 2:
        raise UsageError(f"backtest: hits of shape {hits.shape}; give two days or more in a row")
    before, after = hits[:-1].astype(bool), hits[1:].astype(bool)
    ones = [int((after & before).sum()), int((after & ~before).sum())]
    sizes = [int(before.sum()), int((~before).sum())]
    apart = sum(_log_likelihood(x, n, x / n if n else 0.0) for x, n in zip(ones, sizes, strict=True))
    together = _log_likelihood(sum(ones), sum(sizes), sum(ones) / sum(sizes))
    ratio = max(0.0, 2 * (apart - together))
    return Likelihood(ratio, float(chi2.sf(ratio, 1)))


def conditional_coverage(hits: Bools, level: float) -> Likelihood:
    """Both at once: the sum of the two ratios, chi-squared with two degrees of freedom."""
    ratio = kupiec(int(hits.sum()), len(hits), level).ratio + christoffersen(hits).ratio
    return Likelihood(ratio, float(chi2.sf(ratio, 2)))


def traffic_light(hits: int, days: int, level: float) -> Zone:
    """The zone of a count of hits: yellow where so many or fewer have a probability of 95% or more, red of 99.99%."""
    _require_counts(hits, days, level)
    reached = float(binom.cdf(hits, days, 1 - level))
    return "red" if reached >= _RED else "yellow" if reached >= _YELLOW else "green"


def zone_limits(days: int, level: float) -> tuple[int, int]:
    """The least counts of hits that are yellow and red."""
    _require_counts(0, days, level)
    counts = np.arange(days + 1)
    reached = binom.cdf(counts, days, 1 - level)
    return int(np.argmax(reached >= _YELLOW)), int(np.argmax(reached >= _RED))


def acerbi_szekely(
    losses: Floats,
    forecasts: Floats,
    shortfalls: Floats,
    level: float,
    draw: Callable[[np.random.Generator, int], Floats],
    *,
    significance: float = 0.05,
    simulations: int = 10_000,
    seed: int = 0,
) -> Z2:
    """Z2 = 1 - sum of loss / shortfall over the days of hits / (T (1 - level)), and its critical value.

    ``draw(generator, count)`` gives, shape (count, T), loss / shortfall of each day that the forecasts' own model
    simulates where it exceeds the forecast, and 0 elsewhere.
    """
    require_level(level)
    require_level(significance, "significance")
    hits = hits_of(losses, forecasts)
    wrong = np.flatnonzero(~(np.isfinite(shortfalls) & (shortfalls > 0)))
    if shortfalls.shape != losses.shape or len(wrong):
        shown = f"{shortfalls[wrong[0]]} on day {wrong[0]}" if len(wrong) else f"shape {shortfalls.shape}"
        raise UsageError(f"backtest: shortfall {shown}; give a positive one each day")
    expected = len(losses) * (1 - level)
    value = 1 - float((losses[hits] / shortfalls[hits]).sum()) / expected
    generator = np.random.default_rng(seed)
    simulated: list[NDArray[np.float64]] = []
    left = simulations
    while left > 0:
        count = min(left, max(1, 2_000_000 // len(losses)))
        simulated.append(1 - draw(generator, count).sum(axis=1) / expected)
        left -= count
    return Z2(value, float(np.quantile(np.concatenate(simulated), significance)), significance)


# ------------------------------------------------------------------ internals


def _log_likelihood(hits: int, days: int, probability: float) -> float:
    return float(xlogy(hits, probability) + xlogy(days - hits, 1 - probability))


def _require_counts(hits: int, days: int, level: float) -> None:
    require_level(level)
    if not (0 <= hits <= days and days > 0):
        raise UsageError(f"backtest: {hits} hits on {days} days; give a count of days and of the hits among them")
