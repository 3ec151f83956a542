"""Models of tomorrow's joint moves of all assets: volatility forecasts times standardised innovations.

Each is a volatility (``ballast.market.volatility``) and a source of innovations (``innovations``). What a model says of
day t comes from the days before t alone.
"""

from ballast.risk.models.catalogue import MODELS, model_of
from ballast.risk.models.innovations import Copula, Empirical
from ballast.risk.models.moves import JointMoves
from ballast.risk.models.scenario_model import Fitted, ScenarioModel

__all__ = ["MODELS", "Copula", "Empirical", "Fitted", "JointMoves", "ScenarioModel", "model_of"]
