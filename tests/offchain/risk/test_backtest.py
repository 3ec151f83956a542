"""Forecasts over a history: causal, of the assets that trade, and judged right where they are right by design."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.panel import Returns
from ballast.market.volatility import Constant, Ewma
from ballast.risk.backtest import Portfolio, forecast, judge, random_portfolios
from ballast.risk.backtests import kupiec
from ballast.risk.measures import expected_shortfall, value_at_risk
from ballast.risk.models import Empirical, ScenarioModel

FIRST = date(2020, 1, 1)
DAYS = 1_600
MODEL = ScenarioModel("filtered", Ewma(0.94), Empirical())
PORTFOLIOS = [
    Portfolio("long", {"BTC": 1.0}),
    Portfolio("pair", {"BTC": 1.0, "ETH": -1.0}),
    Portfolio("sol", {"SOL": 2}),
]


def day(place: int) -> date:
    return FIRST + timedelta(place)


def history(seed: int = 1, scale: float = 0.03) -> Returns:
    source = np.random.default_rng(seed)
    values = scale * source.standard_t(5, (DAYS, 3))
    values[:, 1] = 0.7 * values[:, 0] + 0.5 * values[:, 1]
    values[:700, 2] = np.nan
    return Returns(("BTC", "ETH", "SOL"), np.datetime64(FIRST) + np.arange(DAYS), values)


RETURNS = history()
FORECASTS = forecast(MODEL, RETURNS, PORTFOLIOS, day(600), day(DAYS - 1))


def test_forecast__a_day__is_that_of_its_scenarios() -> None:
    for column, portfolio in enumerate(PORTFOLIOS):
        moves = MODEL.fit(RETURNS).moves(1_200, tuple(portfolio.exposures))
        assert len(moves.spot) == (470 if portfolio.name == "sol" else 1_000)
        losses = moves.losses(moves.symbols, np.array([list(portfolio.exposures.values())]))[:, 0]
        assert FORECASTS.value_at_risk[600, column] == pytest.approx(float(value_at_risk(losses, 0.995)))
        assert FORECASTS.shortfalls[600, column] == pytest.approx(float(expected_shortfall(losses, 0.975)))
        realised = sum(-held * np.expm1(RETURNS.column(symbol)[1_200]) for symbol, held in portfolio.exposures.items())
        assert FORECASTS.losses[600, column] == pytest.approx(realised)


def test_forecast__a_day__knows_nothing_of_it_and_after() -> None:
    values = RETURNS.values.copy()
    values[900:] *= 3
    other = forecast(MODEL, Returns(RETURNS.symbols, RETURNS.days, values), PORTFOLIOS, day(600), day(950))
    assert np.array_equal(other.value_at_risk[:301], FORECASTS.value_at_risk[:301])
    assert (other.value_at_risk[320:, 0] > FORECASTS.value_at_risk[320:351, 0]).all()
    assert (other.losses[300] == pytest.approx(FORECASTS.losses[300])) is False


def test_forecast__before_an_asset_counts__holds_nothing_of_it() -> None:
    """SOL trades from place 700; its first innovation is 30 days later, and 250 of them must lie before."""
    counts = FORECASTS.assets[:, 2]
    assert day(600 + int(np.argmax(counts))) == day(700 + 30 + 250)
    assert not FORECASTS.held[~counts, 2].any()
    assert (FORECASTS.losses[~counts, 2] == 0).all()
    assert judge(FORECASTS, 2).days == int(counts.sum())
    assert judge(FORECASTS, 0).days == DAYS - 600


def test_judge__forecast_that_is_right__is_accepted() -> None:
    for column in range(2):
        found = judge(FORECASTS, column, z2=True)
        assert found.hits == int((FORECASTS.losses[:, column] > FORECASTS.value_at_risk[:, column]).sum())
        assert found.unconditional == kupiec(found.hits, found.days, 0.995)
        assert found.unconditional.p_value > 0.05
        assert found.zone == "green"
        assert found.z2 is not None
        assert not found.z2.rejects


def test_judge__volatility_that_doubled__is_rejected() -> None:
    """Historical simulation, which goes by what was."""
    values = RETURNS.values.copy()
    values[1_000:] *= 2
    model = ScenarioModel("historical", Constant(), Empirical(lookback=1_000))
    returns = Returns(RETURNS.symbols, RETURNS.days, values).of(["BTC", "ETH"])
    found = forecast(model, returns, PORTFOLIOS[:1], day(1_000), day(1_300))
    verdict = judge(found, 0, z2=True)
    assert verdict.unconditional.p_value < 0.001
    assert verdict.zone == "red"
    assert verdict.z2 is not None
    assert verdict.z2.rejects


def test_forecast__weights__are_probabilities() -> None:
    model = ScenarioModel("stressed", Ewma(0.94), Empirical(), stressed=0.25)
    found = forecast(model, RETURNS, PORTFOLIOS, day(1_200), day(1_210))
    moves = model.fit(RETURNS).moves(1_205, ("BTC", "ETH"))
    losses = moves.losses(moves.symbols, np.array([[1.0, -1.0]]))[:, 0]
    assert found.value_at_risk[5, 1] == pytest.approx(float(value_at_risk(losses, 0.995, moves.weights)))
    assert found.shortfalls[5, 1] == pytest.approx(float(expected_shortfall(losses, 0.975, moves.weights)))
    assert found.tails[5, 1].mean() == pytest.approx(1, abs=0.05)


def test_random_portfolios__one_seed__are_the_same_and_of_size_one() -> None:
    first, again = (random_portfolios(50, RETURNS.symbols, seed=3) for _ in range(2))
    assert first == again
    for one in first:
        assert sum(map(abs, one.exposures.values())) == pytest.approx(1)
    assert first != random_portfolios(50, RETURNS.symbols, seed=4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"first": day(10)}, f"no asset has 250 days before {day(10)}"),
        ({"first": date(2019, 1, 1)}, "not within the history, 2020-01-01 to 2024-05-18"),
        ({"last": date(2030, 1, 1)}, "not within the history"),
        ({"last": day(500)}, "swap the two days"),
        ({"portfolios": []}, "no portfolios"),
        ({"portfolios": [Portfolio("x", {"DOGE": 1.0})]}, "x: no history of DOGE; there are BTC, ETH, SOL"),
        ({"portfolios": [Portfolio("x", {"BTC": float("nan")})]}, "x: BTC: exposure nan"),
        ({"level": 1.0}, r"confidence: 1\.0"),
        ({"shortfall_level": 0.0}, r"shortfall's confidence: 0\.0"),
    ],
)
def test_forecast__bad_input__is_named(change: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"portfolios": PORTFOLIOS, "first": day(600), "last": day(700)} | change
    with pytest.raises(UsageError, match=says):
        forecast(MODEL, RETURNS, given.pop("portfolios"), given.pop("first"), given.pop("last"), **given)
