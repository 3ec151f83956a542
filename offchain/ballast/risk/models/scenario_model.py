"""A scenario model: each asset's volatility forecast times joint innovations, and a share of stressed days as such.

r_t = sigma_t z, with sigma_t made from days before t and z from the innovations of those days. Source: G. Barone-Adesi,
K. Giannopoulos, L. Vosper, VaR without correlations for portfolios of derivative securities, J. Futures Markets 19
(1999); weight on stressed observations: Commission Delegated Regulation (EU) 153/2013, article 28 (1) (b).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ballast.errors import UsageError
from ballast.market.panel import Returns
from ballast.market.volatility import Ewma, Filtered, Volatility
from ballast.risk.models.innovations import Empirical, Innovations
from ballast.risk.models.moves import JointMoves
from ballast.risk.pricing.options import Floats

__all__ = ["Fitted", "ScenarioModel"]

#: Days of the stressed period.
_STRESS_DAYS = 365


@dataclass(frozen=True)
class ScenarioModel:
    """``stressed`` is the probability of the days of the most volatile year so far, as they were, beside the model's
    own scenarios. ``horizon`` days are as many independent innovations in a row."""

    name: str
    volatility: Volatility = field(default_factory=Ewma)
    innovations: Innovations = field(default_factory=Empirical)
    stressed: float = 0.0
    horizon: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.stressed < 1:
            raise UsageError(f"model {self.name}: stressed {self.stressed}; give 0 or more and less than 1")
        if self.horizon < 1:
            raise UsageError(f"model {self.name}: horizon {self.horizon}; give 1 day or more")

    def fit(self, returns: Returns) -> Fitted:
        """Forecasts and innovations of every day."""
        filtered = [self.volatility.filter(returns.column(symbol), symbol) for symbol in returns.symbols]
        return Fitted(self, returns, filtered)


class Fitted:
    """A model on a history. Days are places in it; the place after the last is the day that follows."""

    def __init__(self, model: ScenarioModel, returns: Returns, filtered: list[Filtered]) -> None:
        self.model = model
        self.returns = returns
        self.sigma = np.column_stack([one.sigma for one in filtered])
        self.z = np.column_stack([one.z for one in filtered])
        self._drawn: dict[tuple[tuple[str, ...], int], Floats] = {}

    def moves(self, day: int | None = None, symbols: tuple[str, ...] | None = None) -> JointMoves:
        """Scenarios of a day (default: the one after the history) for these assets (default: all). ``UsageError`` where
        one of them has no forecast on it, or too short a history."""
        place = len(self.returns.days) if day is None else day
        chosen = self.returns.symbols if symbols is None else symbols
        columns = [self.returns.place(symbol) for symbol in chosen]
        sigma = self.sigma[place, columns]
        if not np.isfinite(sigma).all():
            missing = chosen[int(np.argmin(np.isfinite(sigma)))]
            raise UsageError(
                f"model {self.model.name}: no forecast of {missing} on day {place}; its history begins later"
            )
        logs = self._horizon(self._innovations(place, chosen, columns)) * sigma
        if not self.model.stressed:
            return JointMoves(chosen, np.expm1(logs))
        stress = self._stressed_days(place, columns) * np.sqrt(self.model.horizon)
        rows = np.concatenate((logs, stress))
        weights = np.repeat(
            ((1 - self.model.stressed) / len(logs), self.model.stressed / len(stress)), (len(logs), len(stress))
        )
        return JointMoves(chosen, np.expm1(rows), weights=weights)

    def _innovations(self, place: int, symbols: tuple[str, ...], columns: list[int]) -> Floats:
        source = self.model.innovations
        if not source.refit:
            return source.draw(self.z[:place, columns], symbols)
        fitted = place - place % source.refit
        if np.isfinite(self.z[:fitted, columns]).sum(axis=0).min() < source.least:
            fitted = place  # too young for that: fitted daily until it is not
        key = symbols, fitted
        if key not in self._drawn:
            self._drawn = {other: drawn for other, drawn in self._drawn.items() if other[1] == fitted}
            self._drawn[key] = source.draw(self.z[:fitted, columns], symbols)
        return self._drawn[key]

    def _horizon(self, z: Floats) -> Floats:
        if self.model.horizon == 1:
            return z
        generator = np.random.default_rng(0)
        others = (z[generator.permutation(len(z))] for _ in range(self.model.horizon - 1))
        return np.asarray(z + sum(others))

    def _stressed_days(self, place: int, columns: list[int]) -> Floats:
        """The year before ``place`` with the largest mean square of the assets' mean return, of days that all have."""
        values = self.returns.values[:place, columns]
        values = values[np.isfinite(values).all(axis=1)]
        squares = np.concatenate(([0.0], np.cumsum(values.mean(axis=1) ** 2)))
        days = min(_STRESS_DAYS, len(values))
        first = int(np.argmax(squares[days:] - squares[:-days]))
        return np.asarray(values[first : first + days])
