"""What a report shows, as plain numbers and words; where they come from is not its business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Liquidated", "ReportData", "Table"]


@dataclass(frozen=True)
class Liquidated:
    """One liquidation: at which point of the x axis, of which coin most was taken, what it was
    worth (USDC), equity over maintenance just before, and the loss beyond the collateral (USDC)."""

    index: int
    symbol: str
    who: str
    worth: float
    factor: float
    loss: float


@dataclass(frozen=True)
class Table:
    """``flags`` mark rows as good (True) or bad (False) in their last column's place."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    flags: Sequence[bool] | None = None


@dataclass(frozen=True)
class ReportData:
    """``x`` has one entry per point: moments, or days since the start where the path is made of
    days that do not follow each other; ``marks`` name points. ``prices`` are USD by coin.
    ``factors`` hold, for each point, equity over maintenance of every account that owes
    something.
    """

    title: str
    subtitle: str
    x: Sequence[datetime] | Sequence[float]
    x_title: str
    prices: Mapping[str, Sequence[float]]
    factors: Sequence[Sequence[float]]
    target: float
    liquidations: Sequence[Liquidated]
    figures: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    marks: Mapping[int, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
