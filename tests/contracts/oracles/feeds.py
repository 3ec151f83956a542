"""Feed settings as ``setFeed`` takes them, and the numbers the oracle tests share."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

__all__ = ["DAY", "ETH", "HOUR", "MAX_PRICE", "USD", "WAD", "Feed"]

HOUR = 3_600
DAY = 86_400
WAD = 10**18
#: One USD in a source of 8 decimals.
USD = 10**8
#: Asset id of the listed asset.
ETH = 1
#: The largest price that a cached slot holds, in 1e18.
MAX_PRICE = 2**90 - 1


@dataclass(frozen=True)
class Feed:
    """Fields in the order of ``IOracleRouter.Feed``; rates in 1e6, ages in seconds."""

    source: str
    decimals: int = 8
    max_age: int = HOUR
    cache_age: int = 0
    max_deviation: int = 100_000
    hard_factor: int = 5_000_000
    slow_rate: int = 60_000
    min_answer: int = 1
    max_answer: int = 10**17

    @property
    def values(self) -> tuple[Any, ...]:
        return astuple(self)
