"""European options in floating point: what is priced (``options``) apart from how (``analytic``, ``implied``).

All functions are pure: arrays in, arrays out. Prices and strikes are in one currency per unit, volatilities and rates
parts a year, times years. Nothing here is money that anybody is asked for: margin is integers, see ``ballast.risk``.
"""

from ballast.risk.pricing.analytic import FirstOrder, Greeks, first_order, greeks, values
from ballast.risk.pricing.implied import implied_vols
from ballast.risk.pricing.options import Market, Options
from ballast.risk.pricing.spot import SpotGreeks, spot_greeks, spot_values

__all__ = [
    "FirstOrder",
    "Greeks",
    "Market",
    "Options",
    "SpotGreeks",
    "first_order",
    "greeks",
    "implied_vols",
    "spot_greeks",
    "spot_values",
    "values",
]
