"""The distribution of one asset's standardised returns: its own in the middle, generalised Pareto in both tails.

Beyond a threshold u with a share p of the observations, P(z > x) = p (1 + xi (x - u) / beta)^(-1 / xi). So there are
larger moves than those that have happened yet. Source: A. McNeil, R. Frey, Estimation of tail-related risk measures for
heteroscedastic financial time series, J. Empirical Finance 7 (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats

__all__ = ["Marginal", "Tail"]

_LEAST = 200
#: The tails are no thinner than an exponential's and have a variance.
_SHAPES = (0.0, 0.45)


@dataclass(frozen=True)
class Tail:
    """``threshold`` (of the magnitude), ``share`` of observations beyond it, shape xi and scale beta."""

    threshold: float
    share: float
    shape: float
    scale: float

    def quantile(self, beyond: Floats) -> Floats:
        """Magnitudes that a share ``beyond`` <= ``share`` of observations exceeds."""
        ratio = beyond / self.share
        if self.shape < 1e-9:
            return np.asarray(self.threshold - self.scale * np.log(ratio))
        return np.asarray(self.threshold + self.scale / self.shape * (ratio**-self.shape - 1))


@dataclass(frozen=True)
class Marginal:
    """``body`` are the sorted observations."""

    body: Floats
    lower: Tail
    upper: Tail

    @classmethod
    def of(cls, z: Floats, asset: str, share: float = 0.05) -> Marginal:
        """From observations (T,), NaN left out; ``share`` of them in each tail. ``UsageError`` names an asset with
        fewer than 200."""
        body = np.sort(z[np.isfinite(z)])
        if len(body) < _LEAST:
            raise UsageError(f"marginal: {asset} has {len(body)} observations; give {_LEAST} or more")
        if not 0 < share < 0.5:
            raise UsageError(f"marginal: share {share} of a tail; give one between 0 and 0.5")
        return cls(body, _tail(-body[::-1], share), _tail(body, share))

    def quantile(self, u: Floats) -> Floats:
        """The inverse distribution of probabilities in (0, 1)."""
        places = (np.arange(len(self.body)) + 0.5) / len(self.body)
        found = np.interp(u, places, self.body)
        low, high = u < self.lower.share, u > 1 - self.upper.share
        found[low] = -self.lower.quantile(u[low])
        found[high] = self.upper.quantile(1 - u[high])
        return np.asarray(found)


def _tail(rising: Floats, share: float) -> Tail:
    """By maximum likelihood of the excesses."""
    count = max(10, round(share * len(rising)))
    threshold = float((rising[-count] + rising[-count - 1]) / 2)
    excesses = rising[-count:] - threshold

    def loss(parameters: Floats) -> float:
        shape, scale = float(parameters[0]), float(np.exp(parameters[1]))
        if shape < 1e-9:
            return float(count * np.log(scale) + excesses.sum() / scale)
        return float(count * np.log(scale) + (1 + 1 / shape) * np.log1p(shape * excesses / scale).sum())

    start = np.array([0.15, np.log(max(float(excesses.mean()), 1e-12))])
    found = minimize(loss, start, method="L-BFGS-B", bounds=(_SHAPES, (None, None)))
    shape, scale = float(found.x[0]), float(np.exp(found.x[1]))
    return Tail(threshold, count / len(rising), shape, scale)
