"""Scenario models: what a day's scenarios are made of, and of which days."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.panel import Returns
from ballast.market.volatility import Constant, Ewma
from ballast.risk.models import MODELS, Copula, Empirical, JointMoves, ScenarioModel, model_of

DAYS = 900
NAMES = ("BTC", "ETH", "SOL")


def history(seed: int = 1, young: int = 300) -> Returns:
    source = np.random.default_rng(seed)
    matrix = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.6], [0.5, 0.6, 1.0]])
    normal = source.standard_normal((DAYS, 3)) @ np.linalg.cholesky(matrix).T
    values = 0.03 * normal * np.sqrt(5 / source.chisquare(5, (DAYS, 1)))
    values[:young, 2] = np.nan
    return Returns(NAMES, np.datetime64("2020-01-01") + np.arange(DAYS), values)


RETURNS = history()


def test_moves__historical__are_the_last_days_that_all_have() -> None:
    found = ScenarioModel("x", Constant(), Empirical(lookback=250)).fit(RETURNS).moves()
    assert found.symbols == NAMES
    assert found.spot == pytest.approx(np.expm1(RETURNS.values[-250:]))
    assert found.weights is None


def test_moves__without_the_young_asset__are_of_all_days() -> None:
    found = ScenarioModel("x", Constant(), Empirical()).fit(RETURNS).moves(symbols=("ETH", "BTC"))
    assert found.spot == pytest.approx(np.expm1(RETURNS.values[:, [1, 0]]))


def test_moves__filtered__are_rescaled_to_the_days_forecast() -> None:
    fitted = ScenarioModel("x", Ewma(0.94), Empirical()).fit(RETURNS)
    day = 700
    expected = fitted.z[:day] * fitted.sigma[day]
    assert fitted.moves(day).spot == pytest.approx(np.expm1(expected[np.isfinite(expected).all(axis=1)]))


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"filtered-garch"}))
def test_moves__any_model__days_after_change_nothing(name: str) -> None:
    other = replace(RETURNS, values=RETURNS.values.copy())
    other.values[800:] *= 3
    model = MODELS[name]
    if isinstance(model.innovations, Copula):
        model = replace(model, innovations=replace(model.innovations, count=1_000))
    before, after = model.fit(RETURNS), model.fit(other)
    assert np.array_equal(before.moves(800).spot, after.moves(800).spot)
    assert not np.array_equal(before.moves(880).spot, after.moves(880).spot)


def test_moves__copula__has_the_correlation_and_tails_of_the_history() -> None:
    model = ScenarioModel("x", Constant(), Copula(count=40_000, lookback=DAYS, stressed=0.0))
    found = np.log1p(model.fit(RETURNS).moves().spot)
    known = RETURNS.values[np.isfinite(RETURNS.values).all(axis=1)]
    assert np.corrcoef(found.T) == pytest.approx(np.corrcoef(known.T), abs=0.12)
    for column in range(3):
        own = RETURNS.values[:, column]
        own = own[np.isfinite(own)]
        assert np.quantile(found[:, column], [0.05, 0.5, 0.95]) == pytest.approx(
            np.quantile(own, [0.05, 0.5, 0.95]), abs=0.005
        )
    assert found.min() < np.nanmin(RETURNS.values), "it goes beyond what was seen"


def test_moves__copula__one_seed_is_one_sample() -> None:
    model = ScenarioModel("x", Ewma(), Copula(count=500))
    first, again = model.fit(RETURNS).moves().spot, model.fit(RETURNS).moves().spot
    assert np.array_equal(first, again)
    other = replace(model, innovations=Copula(count=500, seed=2))
    assert not np.array_equal(first, other.fit(RETURNS).moves().spot)


def test_moves__copula_between_refits__only_rescales() -> None:
    fitted = ScenarioModel("x", Ewma(), Copula(count=500, refit=100)).fit(RETURNS)
    first, second = (np.log1p(fitted.moves(day).spot) / fitted.sigma[day] for day in (805, 895))
    assert first == pytest.approx(second)
    assert not np.allclose(first, np.log1p(fitted.moves(795).spot) / fitted.sigma[795])


def test_moves__stressed__the_worst_year_has_its_probability() -> None:
    values = RETURNS.values.copy()
    values[400:765] *= 4
    model = ScenarioModel("x", Ewma(), Empirical(), stressed=0.25)
    found = model.fit(replace(RETURNS, values=values)).moves()
    assert found.weights is not None
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[-365:].sum() == pytest.approx(0.25)
    first = int(np.argmin(np.abs(np.expm1(values[:, 0]) - found.spot[-365, 0])))
    assert abs(first - 400) < 10, "a day of the window's edge may be a calm one"
    assert found.spot[-365:] == pytest.approx(np.expm1(values[first : first + 365]))


def test_moves__a_longer_horizon__is_as_much_wider() -> None:
    model = ScenarioModel("x", Constant(), Empirical())
    one, four = (replace(model, horizon=days).fit(RETURNS).moves().spot for days in (1, 4))
    assert np.log1p(four).std(axis=0) == pytest.approx(2 * np.log1p(one).std(axis=0), rel=0.1)


def test_losses__of_portfolios__are_exposures_times_moves() -> None:
    moves = JointMoves(NAMES, np.array([[0.1, -0.2, 0.0], [-0.5, 0.1, 1.0]]))
    found = moves.losses(("SOL", "BTC"), np.array([[1.0, 2.0], [0.0, -3.0]]))
    assert found == pytest.approx(np.array([[-0.2, 0.3], [0.0, -1.5]]))


# ------------------------------------------------------------------ bad input


def bad_moves(value: float) -> Any:
    return np.array([[0.1, value, 0.1]])


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_joint_moves__no_return__is_named(value: float) -> None:
    with pytest.raises(UsageError, match=f"row 0: ETH moves by {value}"):
        JointMoves(NAMES, bad_moves(value))


def test_models__bad_input__is_named() -> None:
    fitted = ScenarioModel("x", Ewma(), Empirical()).fit(RETURNS)
    with pytest.raises(UsageError, match="model x: no forecast of SOL on day 310; its history begins later"):
        fitted.moves(310)
    with pytest.raises(UsageError, match="70 days on which BTC, ETH, SOL all moved; give 200 or more"):
        fitted.moves(400)
    with pytest.raises(UsageError, match="model best: not known; there are historical, filtered-ewma"):
        model_of("best")
    with pytest.raises(UsageError, match=r"stressed 1\.0"):
        ScenarioModel("x", stressed=1.0)
    with pytest.raises(UsageError, match="horizon 0"):
        ScenarioModel("x", horizon=0)
    with pytest.raises(UsageError, match="stressed 2"):
        Copula(stressed=2)
    with pytest.raises(UsageError, match="1 draws"):
        Copula(count=1)
