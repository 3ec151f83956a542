"""How assets move together: correlation of standardised returns, shrunk and stressed, and the tails' own degree of it.

Assets' histories may differ in length: a pair is estimated on the days that both have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import t as student

from ballast.errors import UsageError
from ballast.market.svi_fit import Floats

__all__ = ["Correlation", "fit_degrees", "nearest_correlation", "require_positive_definite"]

#: Least eigenvalue of a correlation matrix that a copula is drawn from.
_LEAST_EIGENVALUE = 1e-8
_LEAST_DAYS = 60
#: Degrees of freedom looked at.
_DEGREES = (2.1, 60.0)


@dataclass(frozen=True)
class Correlation:
    """``decay`` weighs days (1: all the same), and ``shrinkage`` draws what is found that far to one correlation for
    all pairs, their mean."""

    decay: float = 0.997
    shrinkage: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise UsageError(f"correlation: decay {self.decay}; give one above 0 and at most 1")
        if not 0 <= self.shrinkage <= 1:
            raise UsageError(f"correlation: shrinkage {self.shrinkage}; give one from 0 to 1")

    def of(self, z: Floats, symbols: tuple[str, ...]) -> Floats:
        """The matrix (n, n) of standardised returns (T, n), NaN where an asset has none. ``UsageError`` names a pair
        with fewer than 60 common days, or assets whose correlation is singular."""
        return self._shrunk(_pairwise(z, self.decay, symbols), symbols)

    def stressed(self, z: Floats, symbols: tuple[str, ...]) -> Floats:
        """The same of the tenth of days on which the mean of all assets fell most, days weighed equally."""
        return self._shrunk(_pairwise(z[_worst_days(z)], 1.0, symbols, least=3), symbols)

    def _shrunk(self, plain: Floats, symbols: tuple[str, ...]) -> Floats:
        n = len(symbols)
        mean = (plain.sum() - n) / (n * (n - 1)) if n > 1 else 0.0
        target = np.where(np.eye(n, dtype=bool), 1.0, mean)
        found = nearest_correlation((1 - self.shrinkage) * plain + self.shrinkage * target)
        require_positive_definite(found, symbols)
        return found


def nearest_correlation(matrix: Floats) -> Floats:
    """The matrix with negative eigenvalues set to zero and ones on its diagonal again: pairs that were estimated on
    different days need not make a correlation."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values.min() >= 0:
        return np.asarray((matrix + matrix.T) / 2)
    raised = (vectors * np.maximum(values, 0)) @ vectors.T
    scale = 1 / np.sqrt(np.diag(raised))
    return np.asarray(raised * np.outer(scale, scale))


def require_positive_definite(correlation: Floats, symbols: tuple[str, ...]) -> None:
    """``UsageError`` names the two assets that are as good as one."""
    if not np.isfinite(correlation).all():
        raise UsageError("correlation: not finite; an asset did not move")
    if np.linalg.eigvalsh(correlation).min() > _LEAST_EIGENVALUE:
        return
    off = np.abs(correlation - np.eye(len(symbols)))
    i, j = np.unravel_index(int(np.argmax(off)), off.shape)
    raise UsageError(
        f"correlation: singular; {symbols[i]} and {symbols[j]} have {correlation[i, j]:.6f}, leave one of them out"
    )


def fit_degrees(z: Floats, correlation: Floats) -> float:
    """Degrees of freedom of a t copula with this correlation, by maximum likelihood of the ranks of complete days.
    Source: A. McNeil, R. Frey, P. Embrechts, Quantitative Risk Management, 2nd ed. (2015), section 7.5.3."""
    known = z[np.isfinite(z).all(axis=1)]
    if len(known) < _LEAST_DAYS:
        raise UsageError(f"copula: {len(known)} days have every asset; give {_LEAST_DAYS} or more")
    ranks = (np.argsort(np.argsort(known, axis=0), axis=0) + 0.5) / len(known)
    inverse, (_, log_determinant) = np.linalg.inv(correlation), np.linalg.slogdet(correlation)

    def loss(degrees: float) -> float:
        x = student.ppf(ranks, degrees)
        return -float(_log_density(x, degrees, inverse, log_determinant).sum())

    return float(minimize_scalar(loss, bounds=_DEGREES, method="bounded", options={"xatol": 0.01}).x)


def _log_density(x: Floats, degrees: float, inverse: Floats, log_determinant: float) -> Floats:
    """Of the copula at quantiles x: the joint density over the marginal ones."""
    n = x.shape[1]
    distance = np.einsum("ti,ij,tj->t", x, inverse, x)
    joint = gammaln((degrees + n) / 2) - gammaln(degrees / 2) - n / 2 * np.log(degrees * np.pi) - log_determinant / 2
    joint = joint - (degrees + n) / 2 * np.log1p(distance / degrees)
    return np.asarray(joint - student.logpdf(x, degrees).sum(axis=1))


def _pairwise(z: Floats, decay: float, symbols: tuple[str, ...], least: int = _LEAST_DAYS) -> Floats:
    known = np.isfinite(z)
    filled = np.where(known, z, 0.0)
    ages = decay ** np.arange(len(z) - 1, -1, -1.0)
    weights = known * ages[:, None]
    counts = known.T.astype(float) @ known
    if counts.min(initial=np.inf) < least:
        i, j = np.unravel_index(int(np.argmin(counts)), counts.shape)
        raise UsageError(
            f"correlation: {symbols[i]} and {symbols[j]} have {int(counts[i, j])} days together; give {least} or more"
        )
    products = (filled * ages[:, None]).T @ filled
    squares = (weights * filled**2).T @ known  # each asset's, on the days of the pair
    return np.asarray(products / np.sqrt(squares * squares.T))


def _worst_days(z: Floats) -> NDArray[np.bool_]:
    mean = np.nanmean(np.where(np.isfinite(z).any(axis=1)[:, None], z, 0.0), axis=1)
    return np.asarray(mean <= np.quantile(mean, 0.1))
