"""The scenario models by name."""

from __future__ import annotations

from ballast.errors import UsageError
from ballast.market.volatility import Constant, Ewma, Garch
from ballast.risk.models.innovations import Copula, Empirical
from ballast.risk.models.scenario_model import ScenarioModel

__all__ = ["MODELS", "model_of"]

_KNOWN = (
    ScenarioModel("historical", Constant(), Empirical(lookback=1_000)),
    ScenarioModel("filtered-ewma", Ewma(0.97), Empirical(lookback=3_000)),
    ScenarioModel("filtered-garch", Garch(), Empirical(lookback=3_000)),
    ScenarioModel("copula-ewma", Ewma(0.97), Copula(count=10_000)),
    ScenarioModel("stressed-ewma", Ewma(0.97), Empirical(lookback=3_000), stressed=0.25),
)
#: By name.
MODELS = {model.name: model for model in _KNOWN}


def model_of(name: str) -> ScenarioModel:
    """``UsageError`` names those that there are."""
    if name not in MODELS:
        raise UsageError(f"model {name}: not known; there are {', '.join(MODELS)}")
    return MODELS[name]
