"""Value at risk and Expected Shortfall of scenarios, and whose part of the shortfall is whose.

Losses are positive, levels are confidences such as 0.995. Of N scenarios with probabilities p (1/N each where none are
given) in order of loss, the largest first, the tail of 1 - level takes whole scenarios until what is left of it is less
than the next one's probability, and that part of the next one. So a shortfall is exact for every N and level,
continuous in the level, and coherent. Source: C. Acerbi, D. Tasche, On the coherence of expected shortfall, J. Banking & Finance 26
(2002), definition 2.6 and proposition 4.1.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ballast.errors import UsageError
from ballast.risk.pricing.options import Floats

__all__ = ["component_shortfalls", "expected_shortfall", "marginal_shortfalls", "require_level", "value_at_risk"]

#: Of a probability: less than it is rounding of a sum.
_ROUNDING = 1e-12


def value_at_risk(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """The least loss that is not exceeded with at least ``level``: of ``losses`` (N,) or (N, portfolios), one number
    a portfolio. ``weights`` (N,) are the scenarios' probabilities, of any sum. ``UsageError`` names the first loss that
    is not finite."""
    ordered, probabilities, _ = _ordered(losses, level, weights)
    reached = np.cumsum(probabilities, axis=0)
    place = np.argmax(reached > 1 - level + _ROUNDING, axis=0)
    return np.asarray(np.take_along_axis(ordered, place[None], axis=0)[0])


def expected_shortfall(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """The mean loss of the worst 1 - ``level``; arguments and errors as ``value_at_risk``."""
    if weights is None:
        return _plain_shortfall(losses, level)
    ordered, probabilities, _ = _ordered(losses, level, weights)
    return np.asarray((ordered * _tail(probabilities, level)).sum(axis=0) / (1 - level))


def component_shortfalls(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """Of ``losses`` (N, positions), each position's part of the portfolio's shortfall, shape (positions,): the mean of
    its loss in the portfolio's tail. They add up to the portfolio's. Source: D. Tasche, Risk contributions and
    performance measurement (1999)."""
    if losses.ndim != 2:
        raise UsageError(f"measures: losses of shape {losses.shape}; give (scenarios, positions)")
    _, probabilities, order = _ordered(losses.sum(axis=1), level, weights)
    part = _tail(probabilities, level)
    return np.asarray(part @ losses[order] / (1 - level))


def marginal_shortfalls(losses: Floats, sizes: Floats, level: float, weights: Floats | None = None) -> Floats:
    """The change of the portfolio's shortfall per unit more of each position, shape (positions,): the component over
    ``sizes``. Of a position of size zero give the losses of one unit and ask ``component_shortfalls`` of them instead.
    """
    if (sizes == 0).any():
        place = int(np.flatnonzero(sizes == 0)[0])
        raise UsageError(f"measures: position {place} has size 0; leave it out")
    return np.asarray(component_shortfalls(losses, level, weights) / sizes)


def require_level(level: float, name: str = "confidence") -> None:
    """``UsageError`` unless a confidence is within (0, 1)."""
    if not (isfinite(level) and 0 < level < 1):
        raise UsageError(f"{name}: {level}; give one between 0 and 1, such as 0.995")


# ------------------------------------------------------------------ tails


def _plain_shortfall(losses: Floats, level: float) -> Floats:
    """Of equal probabilities: only the tail has to be sorted out."""
    _require(losses, level)
    mass = (1 - level) * len(losses)
    whole = int(mass + _ROUNDING * len(losses))
    part = max(mass - whole, 0.0)
    count = min(whole + 1, len(losses))
    tail = np.partition(losses, len(losses) - count, axis=0)[len(losses) - count :]
    least = tail.min(axis=0)
    return np.asarray((tail.sum(axis=0) - least * (count - whole - part)) / mass)


def _ordered(losses: Floats, level: float, weights: Floats | None) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Losses from the largest, the probabilities in that order, and the order."""
    _require(losses, level)
    size = len(losses)
    probabilities = np.full(size, 1 / size) if weights is None else _probabilities(weights, size)
    order = np.argsort(-losses, axis=0, kind="stable")
    return np.take_along_axis(losses, order, axis=0), probabilities[order], order


def _tail(probabilities: Floats, level: float) -> Floats:
    """What of each probability lies in the tail."""
    before = np.cumsum(probabilities, axis=0) - probabilities
    return np.clip((1 - level) - before, 0, probabilities)


def _probabilities(weights: Floats, size: int) -> Floats:
    if weights.shape != (size,):
        raise UsageError(f"measures: weights of shape {weights.shape}; give one for each of {size} scenarios")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong) or not weights.sum() > 0:
        place = int(wrong[0]) if len(wrong) else 0
        raise UsageError(f"measures: weight {place} is {weights[place]}; give positive weights")
    return np.asarray(weights / weights.sum())


def _require(losses: Floats, level: float) -> None:
    require_level(level)
    if losses.ndim not in (1, 2) or not losses.size:
        raise UsageError(f"measures: losses of shape {losses.shape}; give (scenarios,) or (scenarios, portfolios)")
    if not np.isfinite(losses.sum()):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(losses))[0])
        raise UsageError(f"measures: loss {place} is {losses[place]}; give finite numbers")
