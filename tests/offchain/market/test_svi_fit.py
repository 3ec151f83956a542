"""Fitting a slice: what made the volatilities is found again, and never with arbitrage."""

from __future__ import annotations

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.svi_fit import density, fit_svi, total_variance

K = np.linspace(-0.6, 0.6, 25)
YEARS = 0.25
#: A slice without arbitrage: a, b, rho, m, sigma.
SOUND = np.array([0.01, 0.08, -0.3, 0.02, 0.2])
#: Axel Vogt's slice, with butterfly arbitrage between k = 0.64 and 1.26.
VOGT = np.array([-0.0410, 0.1331, 0.3060, 0.3586, 0.4153])


def vols(parameters: np.ndarray, k: np.ndarray = K, years: float = YEARS) -> np.ndarray:
    return np.sqrt(total_variance(parameters, k) / years)


def test_fit_svi__volatilities_of_a_slice__finds_it() -> None:
    fit = fit_svi(K, vols(SOUND), YEARS)
    assert fit.largest_error < 1e-4
    assert (fit.a, fit.b, fit.rho, fit.m, fit.sigma) == pytest.approx(SOUND, rel=1e-3, abs=1e-4)
    assert fit.lowest_density > 0


def test_fit_svi__noise__errors_are_the_noises() -> None:
    noise = np.random.default_rng(1).normal(0, 0.005, len(K))
    fit = fit_svi(K, vols(SOUND) + noise, YEARS)
    assert 0.1 < fit.median_error < 0.6
    assert fit.lowest_density >= 0


def test_fit_svi__arbitrage_in_the_quotes__none_in_the_slice() -> None:
    k = np.linspace(-1.5, 1.5, 61)
    assert density(VOGT, k).min() < -0.03
    fit = fit_svi(k, vols(VOGT, k, 1.0), 1.0)
    assert fit.lowest_density >= 0
    assert fit.largest_error > 0.1, "it cannot be where the quotes are"
    found = np.array([fit.a, fit.b, fit.rho, fit.m, fit.sigma])
    assert density(found, np.linspace(-1.5, 1.5, 1_001)).min() > -1e-3


def test_fit_svi__weights__draw_the_slice() -> None:
    bent = vols(SOUND)
    bent[0] += 0.1
    weights = np.ones_like(K)
    weights[0] = 1e-6
    assert abs(fit_svi(K, bent, YEARS, weights).errors[-1]) < abs(fit_svi(K, bent, YEARS).errors[-1])


@pytest.mark.parametrize(
    ("k", "quotes", "years", "says"),
    [
        (K[:4], vols(SOUND)[:4], YEARS, "4 strikes; a slice needs 5"),
        (K, vols(SOUND)[:-1], YEARS, "one volatility per strike"),
        (K, np.where(K[3] == K, np.nan, 0.5), YEARS, "not finite and positive"),
        (K, np.where(K[3] == K, 0.0, 0.5), YEARS, "not finite and positive"),
        (K, vols(SOUND), 0.0, "0.0 years"),
    ],
)
def test_fit_svi__quotes_that_determine_none__says_why(
    k: np.ndarray, quotes: np.ndarray, years: float, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        fit_svi(k, quotes, years)
