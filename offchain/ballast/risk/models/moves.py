"""Joint moves of all assets: what a scenario model ends with and everything else begins from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ballast.errors import UsageError
from ballast.risk.pricing.options import Floats

__all__ = ["JointMoves"]


@dataclass(frozen=True)
class JointMoves:
    """N scenarios of n assets. ``spot`` (N, n) are simple returns, above -1; ``vol`` (N, n) relative moves of implied
    volatility, None where nobody asked for them; ``weights`` (N,) probabilities that add up to one, None where all are
    equal."""

    symbols: tuple[str, ...]
    spot: Floats
    vol: Floats | None = None
    weights: Floats | None = None

    def __post_init__(self) -> None:
        if self.spot.ndim != 2 or self.spot.shape[1] != len(self.symbols) or not len(self.spot):
            raise UsageError(f"scenarios: moves of shape {self.spot.shape} for {len(self.symbols)} assets")
        wrong = ~(np.isfinite(self.spot) & (self.spot > -1))
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            raise UsageError(f"scenarios: row {row}: {self.symbols[column]} moves by {self.spot[row, column]}")

    def losses(self, symbols: Sequence[str], exposures: Floats) -> Floats:
        """Losses of linear portfolios: ``exposures`` (portfolios, symbols) in money per 100% move; (N, portfolios)."""
        places = [self.symbols.index(symbol) for symbol in symbols]
        return np.asarray(-(self.spot[:, places] @ exposures.T))

    def with_vol(self, vol: Floats) -> JointMoves:
        return replace(self, vol=vol)
