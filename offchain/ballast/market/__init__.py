"""Prices: a user's daily bars, historical crash days, and the intraday paths made from them."""

from ballast.market.crashes import CRASHES, CrashDay, crash_bars, crash_dates, crash_day, returns_on
from ballast.market.path import MIN_STEPS, PricePath, PricePoint, walk
from ballast.market.prices import Bar, PriceTable, parse_day, read_prices

__all__ = [
    "CRASHES",
    "MIN_STEPS",
    "Bar",
    "CrashDay",
    "PricePath",
    "PricePoint",
    "PriceTable",
    "crash_bars",
    "crash_dates",
    "crash_day",
    "parse_day",
    "read_prices",
    "returns_on",
    "walk",
]
