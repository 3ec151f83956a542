"""Prices: a user's daily bars, historical crash days, and the intraday paths made from them."""

from ballast.market.crashes import CRASHES, CrashDay, crash_bars, crash_dates, crash_day
from ballast.market.path import PricePath, PricePoint, walk
from ballast.market.prices import Bar, PriceTable, parse_day, read_prices

__all__ = [
    "CRASHES",
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
    "walk",
]
