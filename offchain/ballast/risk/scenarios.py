"""How a scenario table margins along fixed directions, and how far the next one may be from it.

Twin of ``contracts/risk/ScenarioRate.sol``, on the contract's own integers: the contract's ``Table`` as a mapping goes
in, losses are weight (1e-4) x move (1/8000), exact. Files and the chain's grid are ``ScenarioTable``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from ballast.chain.scenario_table import E4, FLOOR_FIELDS, UNIT, FloorMoves, ScenarioTable
from ballast.units import E6

__all__ = ["MAX_TERM_STEP", "ONE", "TOLERANCE", "Change", "FloorMoves", "ScenarioTable", "changes", "shape_change"]

#: A weight of one and a move of 100%.
ONE = E4 * UNIT
#: What the contract lets a loss change by besides the part of it, and the power of the tenor scaling, 1e-4.
TOLERANCE = ONE // 1000
MAX_TERM_STEP = 500

_KINDS = {"delta": "spot", "vega": "vol"}
_SIGNS = {1: "+", -1: "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """Of one direction: a loss, or the size of a floor's move, before and after; 1 / ``ONE`` of the exposure."""

    direction: str
    before: int
    after: int

    @property
    def part(self) -> Fraction | None:
        """The change as a part of what it was; None from nothing."""
        return Fraction(self.after - self.before, self.before) if self.before else None

    def is_within(self, max_change: int) -> bool:
        """Whether the contract accepts it; ``max_change`` 1e-6."""
        return abs(self.after - self.before) * E6 <= self.before * max_change + TOLERANCE * E6


def changes(before: Mapping[str, Any], after: Mapping[str, Any], symbols: Mapping[int, str]) -> list[Change]:
    """Every floor's move and direction that the contract looks at, of the underlyings of ``before``.

    ``shape_change`` says what else must be the same first.
    """
    assets = list(before["underlyings"])
    old = {asset: c for c, asset in enumerate(assets)}
    new = {asset: c for c, asset in enumerate(after["underlyings"])}
    found = []
    for asset in assets:
        was, now = before["floors"][old[asset]], after["floors"][new[asset]]
        for ours, theirs in FLOOR_FIELDS.items():
            sizes = (abs(moves[theirs] - UNIT) * E4 for moves in (was, now))
            found.append(Change(f"floor {ours} {symbols[asset]}", *sizes))
    for kind, field in _KINDS.items():
        for terms in _directions(assets):
            words = " ".join(f"{_SIGNS[sign]}{kind} {symbols[asset]}" for asset, sign in terms)
            losses = (
                _loss(table["weights"], [(table[field][places[asset]], sign) for asset, sign in terms])
                for table, places in ((before, old), (after, new))
            )
            found.append(Change(words, *losses))
    return found


def shape_change(before: Mapping[str, Any], after: Mapping[str, Any], symbols: Mapping[int, str]) -> str | None:
    """Why the contract refuses to compare the two at all; None where it does not."""
    for asset in before["underlyings"]:
        if asset not in after["underlyings"]:
            return f"underlyings: {symbols[asset]} is in the active table and missing here; give its moves"
    if after["tail"] != before["tail"]:
        return f"tail: is {after['tail']}; the active table's is {before['tail']}, and it may not change"
    step = abs(after["termPower"] - before["termPower"])
    if step > MAX_TERM_STEP:
        return (
            f"vol_term_power: {after['termPower'] / E4} is too far from the active table's {before['termPower'] / E4};"
            f" give one at most {MAX_TERM_STEP / E4} from it"
        )
    return None


def _directions(assets: Sequence[int]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Each asset long and short, and each two of them in all four ways."""
    for asset in assets:
        for sign in _SIGNS:
            yield ((asset, sign),)
    for first, second in combinations(assets, 2):
        for sign in _SIGNS:
            for other in _SIGNS:
                yield (first, sign), (second, other)


def _loss(weights: Sequence[int], terms: Sequence[tuple[Sequence[int], int]]) -> int:
    """The largest weighted loss of the rows, at least 0."""
    return max(
        0,
        *(-weight * sum(sign * (moves[s] - UNIT) for moves, sign in terms) for s, weight in enumerate(weights)),
    )
