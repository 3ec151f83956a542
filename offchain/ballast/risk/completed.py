"""The last step of every model: the minimum of who owes anything, the limit of who owes nothing."""

from __future__ import annotations

import numpy as np

from ballast.risk.limbs import Integers

__all__ = ["completed", "completed_many"]


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
