"""What to bid for a place in a block: enough to be in it, never ahead of the price update that a
plan rests on."""

from __future__ import annotations

from dataclasses import dataclass

from ballast.keeper.view import View

__all__ = ["Fees", "bid", "bump"]

#: Nodes accept a replacement that pays a tenth more; an eighth leaves room for rounding.
_BUMP = 8


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei per gas: the most in all, and the most over the base fee."""

    max_fee: int
    tip: int


def bid(view: View, *, tip: int | None, max_fee: int) -> Fees | None:
    """Fees of a transaction for ``view.block``; None where no bid within ``max_fee`` gets in, or
    gets in behind the waiting price updates.

    Blocks are filled by tip, and some builders sort by the fee in all, so behind an update means
    below it in both. Equal is behind too where the update came first, and it did; it is used only
    where there is nothing below.
    """
    wanted = view.tip if tip is None else tip
    most = min(max_fee, 2 * view.base_fee + wanted)
    if view.updates:
        behind = min(update.tip for update in view.updates)
        wanted = min(wanted, max(behind - 1, 0))
        most = min(most, min(update.max_fee for update in view.updates) - 1)
    if most < view.base_fee:
        return None
    return Fees(most, min(wanted, most))


def bump(fees: Fees, view: View, *, max_fee: int) -> Fees | None:
    """Fees to replace a transaction bid with ``fees``; None where ``max_fee`` forbids it."""
    tip = fees.tip + -(-fees.tip // _BUMP) + 1
    most = max(fees.max_fee + -(-fees.max_fee // _BUMP) + 1, 2 * view.base_fee + tip)
    if most > max_fee:
        most = max_fee
        if most < fees.max_fee + -(-fees.max_fee // _BUMP):
            return None
    return Fees(most, min(tip, most))
