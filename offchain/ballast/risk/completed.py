"""The last steps of every model: who owes anything and the minimum it keeps, what of profits is not credited."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ballast.risk.limbs import Integers

__all__ = ["completed", "completed_many", "owes_anything", "uncredited_profit", "uncredited_profit_many"]


def owes_anything(
    balances: Iterable[int], linears: Iterable[tuple[int, int]], lots: Iterable[int], owes_expired: bool
) -> bool:
    """A debt, a position or a short option: what can be lost is more than there is.

    ``balances`` are the tokens' values, ``linears`` (notional, unsettled profit), ``lots`` the options', and
    ``owes_expired`` whether an option that has expired is short.
    """
    return (
        owes_expired
        or any(value < 0 for value in balances)
        or any(notional or pnl < 0 for notional, pnl in linears)
        or any(size < 0 for size in lots)
    )


def completed(equity: int, initial: int, maintenance: int, minimum: int | None) -> tuple[int, int, int]:
    """Equity and requirements as ``MarginEngine._completed`` leaves them, USDC 1e18.

    Maintenance is at least ``minimum``, initial at least maintenance. ``minimum`` is ``None`` for who owes nothing:
    such an account can lose no more than there is, so neither is more than its equity, which rounding alone can make
    negative.
    """
    if minimum is not None:
        maintenance = max(maintenance, minimum)
        return equity, max(initial, maintenance), maintenance
    most = max(equity, 0)
    maintenance = min(maintenance, most)
    return most, max(min(initial, most), maintenance), maintenance


def completed_many(
    equity: Integers, initial: Integers, maintenance: Integers, owes: Integers, minimum: int
) -> tuple[Integers, Integers, Integers]:
    """As ``completed``, of N accounts; ``owes`` (N) says who owes anything."""
    equity = np.where(owes, equity, np.maximum(equity, 0))
    maintenance = np.where(owes, np.maximum(maintenance, minimum), np.minimum(maintenance, equity))
    initial = np.where(owes, initial, np.minimum(initial, equity))
    return equity, np.maximum(initial, maintenance), maintenance


def uncredited_profit(equity: int, profit: int) -> int:
    """Of the sum of unsettled profits, losses apart, what initial margin does not credit: what exceeds other equity."""
    if profit <= 0:
        return 0
    return max(0, profit - max(0, equity - profit))


def uncredited_profit_many(equity: Integers, profit: Integers) -> Integers:
    """As ``uncredited_profit``, of N accounts."""
    return np.where(profit > 0, np.maximum(profit - np.maximum(equity - profit, 0), 0), 0)
