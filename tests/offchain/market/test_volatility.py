"""Forecasts of volatility: written out, causal, and right about data made by the model itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.volatility import Constant, Ewma, Garch


def garch_path(days: int, seed: int, omega: float = 2e-5, alpha: float = 0.1, beta: float = 0.87) -> Any:
    """Returns and the variances they were drawn with."""
    source = np.random.default_rng(seed)
    shocks = source.standard_t(6, days) / np.sqrt(6 / 4)
    returns, variances = np.empty(days), np.empty(days)
    variance = omega / (1 - alpha - beta)
    for i in range(days):
        variances[i] = variance
        returns[i] = np.sqrt(variance) * shocks[i]
        variance = omega + alpha * returns[i] ** 2 + beta * variance
    return returns, variances


def young(returns: Any, days: int = 40) -> Any:
    return np.concatenate((np.full(days, np.nan), returns))


def test_ewma__day_by_day__is_the_recursion() -> None:
    returns = np.random.default_rng(1).normal(0, 0.03, 200)
    found = Ewma(0.9).filter(returns, "X")
    variance = np.mean(returns[:30] ** 2)
    for day in range(30, 201):
        assert found.sigma[day] == pytest.approx(np.sqrt(variance))
        if day < 200:
            assert found.z[day] == pytest.approx(returns[day] / np.sqrt(variance))
            variance = 0.9 * variance + 0.1 * returns[day] ** 2
    assert np.isnan(found.sigma[:30]).all()


@pytest.mark.parametrize("model", [Constant(), Ewma(), Garch(refit=100)])
def test_filter__days_after__change_no_forecast(model: Any) -> None:
    returns, _ = garch_path(900, seed=2)
    other = returns.copy()
    other[800:] *= 5
    before, after = model.filter(returns, "X"), model.filter(other, "X")
    assert np.array_equal(before.sigma[:801], after.sigma[:801], equal_nan=True)
    if not isinstance(model, Constant):
        assert after.sigma[850] > 1.5 * before.sigma[850]


@pytest.mark.parametrize("model", [Constant(), Ewma(), Garch(refit=300)])
def test_filter__a_young_asset__is_as_if_the_rest_were_not_there(model: Any) -> None:
    returns, _ = garch_path(700, seed=3)
    alone, padded = model.filter(returns, "X"), model.filter(young(returns), "X")
    assert padded.sigma[40:] == pytest.approx(alone.sigma, nan_ok=True)
    assert padded.z[40:] == pytest.approx(alone.z, nan_ok=True)
    assert np.isnan(padded.z[:40]).all()


def test_garch__returns_of_one__finds_its_variances() -> None:
    returns, variances = garch_path(3_000, seed=4)
    found = Garch(refit=250).filter(returns, "X")
    ratio = found.sigma[1_000:-1] / np.sqrt(variances[1_000:])
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert np.quantile(np.abs(ratio - 1), 0.95) < 0.2
    assert np.nanstd(found.z[1_000:]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("model", "returns", "says"),
    [
        (Ewma(), np.full(50, np.nan), "volatility: SOL has no returns"),
        (Ewma(), np.array([0.1, np.nan, 0.1]), r"SOL: return 1 is nan; give every day"),
        (Ewma(), np.full(10, 0.1), "ewma: SOL has 10 returns; give 30 or more"),
        (Ewma(), np.zeros(50), "SOL has not moved before day 30"),
        (Garch(), np.full(499, 0.1), "garch: SOL has 499 returns; give 500 or more"),
    ],
)
def test_filter__bad_returns__names_the_asset(model: Any, returns: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        model.filter(returns, "SOL")


def test_ewma__decay_outside__is_refused() -> None:
    with pytest.raises(UsageError, match=r"decay 1\.0; give one between 0 and 1"):
        Ewma(1.0)
