"""Value at risk and Expected Shortfall of scenarios, and whose part of the shortfall is whose.

Losses are positive, levels are confidences such as 0.995. Of N scenarios with probabilities p (1/N each where none are
given) in order of loss, the largest first, the tail of 1 - level takes whole scenarios until what is left of it is less
than the next one's probability, and that part of the next one. So a shortfall is exact for every N and level,
continuous in the level, and coherent. Source: C. Acerbi, D. Tasche, On the coherence of expected shortfall, J. Banking
& Finance 26 (2002), definition 2.6 and proposition 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from ballast.errors import UsageError
from ballast.risk.pricing.options import Floats

__all__ = [
    "Tail",
    "component_shortfalls",
    "expected_shortfall",
    "marginal_shortfalls",
    "require_level",
    "value_at_risk",
]

#: Of a probability: less than it is rounding of a sum.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Tail:
    """The worst losses of N scenarios: ``losses`` (k,) or (k, portfolios) from the largest, enough of them for every
    confidence from ``level`` on, and their ``probabilities``, of the same shape or (k,)."""

    losses: Floats
    probabilities: Floats
    level: float

    @classmethod
    def of(cls, losses: Floats, level: float, weights: Floats | None = None) -> Tail:
        """Of ``losses`` (N,) or (N, portfolios). ``weights`` (N,) are the scenarios' probabilities, of any sum.
        ``UsageError`` names the first loss that is not finite."""
        _require(losses, level)
        size = len(losses)
        if weights is None:
            count = min(int((1 - level) * size + _ROUNDING * size) + 1, size)
            worst = np.partition(losses, size - count, axis=0)[size - count :]
            return cls(np.sort(worst, axis=0)[::-1], np.full(count, 1 / size), level)
        order = np.argsort(-losses, axis=0, kind="stable")
        probabilities = _probabilities(weights, size)[order]
        reached = np.cumsum(probabilities, axis=0) > 1 - level + _ROUNDING
        count = int(np.argmax(reached, axis=0).max()) + 1
        return cls(np.take_along_axis(losses, order[:count], axis=0), probabilities[:count], level)

    def value_at_risk(self, level: float) -> Floats:
        """As the function of this name."""
        self._require(level)
        reached = np.cumsum(self.probabilities, axis=0) > 1 - level + _ROUNDING
        place = np.argmax(reached, axis=0)
        if self.probabilities.ndim < self.losses.ndim or self.losses.ndim == 1:
            return np.asarray(self.losses[place])
        return np.asarray(np.take_along_axis(self.losses, place[None], axis=0)[0])

    def shortfall(self, level: float) -> Floats:
        """As ``expected_shortfall``."""
        self._require(level)
        shares = _shares(self.probabilities, level)
        if shares.ndim < self.losses.ndim:
            return np.asarray(shares @ self.losses)
        return np.asarray((shares * self.losses).sum(axis=0))

    def _require(self, level: float) -> None:
        require_level(level)
        if level < self.level:
            raise UsageError(f"confidence: {level} is below the tail's {self.level}; ask for that one or a higher one")


def value_at_risk(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """The least loss that is not exceeded with at least ``level``, one number a portfolio; arguments and errors as
    ``Tail.of``."""
    return Tail.of(losses, level, weights).value_at_risk(level)


def expected_shortfall(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """The mean loss of the worst 1 - ``level``, one number a portfolio; arguments and errors as ``Tail.of``."""
    return Tail.of(losses, level, weights).shortfall(level)


def component_shortfalls(losses: Floats, level: float, weights: Floats | None = None) -> Floats:
    """Of ``losses`` (N, positions), each position's part of the portfolio's shortfall, shape (positions,): the mean of
    its loss in the portfolio's tail. They add up to the portfolio's. Source: D. Tasche, Risk contributions and
    performance measurement (1999)."""
    if losses.ndim != 2:
        raise UsageError(f"measures: losses of shape {losses.shape}; give (scenarios, positions)")
    total = losses.sum(axis=1)
    _require(total, level)
    order = np.argsort(-total, kind="stable")
    size = len(total)
    probabilities = np.full(size, 1 / size) if weights is None else _probabilities(weights, size)
    return np.asarray(_shares(probabilities[order], level) @ losses[order])


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


def _shares(probabilities: Floats, level: float) -> Floats:
    """What part of the tail each scenario is, in order of loss: they add up to one."""
    before = np.cumsum(probabilities, axis=0) - probabilities
    return np.asarray(np.clip((1 - level) - before, 0, probabilities) / (1 - level))


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
