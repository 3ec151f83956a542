"""Standardised innovations: those that were observed, or drawn from a t copula between fitted distributions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import stdtr

from ballast.errors import UsageError
from ballast.market.dependence import Correlation, fit_degrees
from ballast.market.marginal import Marginal
from ballast.risk.pricing.options import Floats

__all__ = ["Copula", "Empirical", "Innovations"]


class Innovations(Protocol):
    """Where innovations come from."""

    @property
    def name(self) -> str: ...

    @property
    def refit(self) -> int:
        """Days after which what was fitted is fitted again; 0 where there is nothing to fit."""
        ...

    @property
    def least(self) -> int:
        """Innovations of each asset that it needs."""
        ...

    def draw(self, z: Floats, symbols: tuple[str, ...]) -> Floats:
        """Innovations (N, n) of a day, from those (T, n) of the days before it; NaN where an asset has none."""
        ...


@dataclass(frozen=True)
class Empirical:
    """The innovations of the last ``lookback`` days on which every asset had one, as they were: their dependence and
    tails are those observed, and there is none larger than the largest."""

    lookback: int = 1_000
    least: int = 200

    @property
    def name(self) -> str:
        return f"last {self.lookback:,} days"

    @property
    def refit(self) -> int:
        return 0

    def draw(self, z: Floats, symbols: tuple[str, ...]) -> Floats:
        found = z[np.isfinite(z).all(axis=1)][-self.lookback :]
        if len(found) < self.least:
            raise UsageError(
                f"historical: {len(found)} days on which {', '.join(symbols)} all moved; give {self.least} or more"
            )
        return np.asarray(found)


@dataclass(frozen=True)
class Copula:
    """``count`` draws of a t copula: correlation as ``correlation`` says, of a share ``stressed`` of the draws that of
    the worst days instead; degrees of freedom by maximum likelihood, each asset's own distribution with generalised
    Pareto tails, all on ``lookback`` days. One seed gives one sample."""

    count: int = 50_000
    lookback: int = 1_500
    refit: int = 60
    least: int = 200
    correlation: Correlation = field(default_factory=Correlation)
    stressed: float = 0.25
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.stressed <= 1:
            raise UsageError(f"copula: stressed {self.stressed}; give a share from 0 to 1")
        if self.count < 2:
            raise UsageError(f"copula: {self.count} draws; give 2 or more")

    @property
    def name(self) -> str:
        return "t copula, Pareto tails"

    def draw(self, z: Floats, symbols: tuple[str, ...]) -> Floats:
        recent = z[-self.lookback :]
        matrix = self.correlation.of(recent, symbols)
        degrees = fit_degrees(recent, matrix)
        generator = np.random.default_rng(self.seed)
        # half of them and their opposites: means and skews of the draw itself are none
        normal = generator.standard_normal(((self.count + 1) // 2, len(symbols)))
        worst = round(self.stressed * len(normal))
        if worst:
            normal[:worst] = normal[:worst] @ np.linalg.cholesky(self.correlation.stressed(recent, symbols)).T
        normal[worst:] = normal[worst:] @ np.linalg.cholesky(matrix).T
        mixed = normal * np.sqrt(degrees / generator.chisquare(degrees, (len(normal), 1)))
        u = stdtr(degrees, np.concatenate((mixed, -mixed))[: self.count])
        # a probability that rounds to 0 or 1 is the nearest that does not
        u = np.clip(u, 1e-12, 1 - 1e-12)
        columns = (Marginal.of(recent[:, i], symbol).quantile(u[:, i]) for i, symbol in enumerate(symbols))
        return np.column_stack(list(columns))
