"""What a margin model says of a portfolio in a file, in the terms that all models share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ballast.risk.portfolio import PortfolioMargin
from ballast.risk.standard_options import Charge

__all__ = ["GridMargin", "ModelMargin"]


@dataclass(frozen=True)
class GridMargin:
    """One underlying under a model's own grid, USDC in 1e18.

    ``shortfall`` is its largest weighted loss, ``profits`` its unweighted P&L by row, ``worst`` the row of that loss,
    ``None`` where there is no loss. ``contingencies`` are charged in both requirements, ``initial_only`` in initial.
    """

    initial: int
    maintenance: int
    shortfall: int
    profits: tuple[int, ...]
    worst: int | None
    contingencies: Mapping[str, int] = field(default_factory=dict)
    initial_only: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelMargin:
    """The margin of one portfolio under one model, USDC in 1e18.

    ``rows`` name the rows that ``profits`` (unweighted) and ``worst`` (worst first) are of: the scenario table's, or
    those of the model's own grid. ``charges`` are the STANDARD model's by leg; ``underlyings`` the parts of a model
    that knows one underlying at a time, ``constants`` what that model is made of.
    """

    equity: int
    initial: int
    maintenance: int
    shortfall: int
    floor: int
    contingencies: Mapping[str, int]
    initial_only: Mapping[str, int]
    rows: tuple[str, ...]
    profits: tuple[int, ...]
    worst: tuple[int, ...]
    charges: Mapping[str, Charge] = field(default_factory=dict)
    underlyings: Mapping[str, GridMargin] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_portfolio(cls, found: PortfolioMargin, rows: tuple[str, ...]) -> ModelMargin:
        """The PORTFOLIO model's; ``rows`` are the table's names."""
        return cls(
            equity=found.equity,
            initial=found.initial,
            maintenance=found.maintenance,
            shortfall=found.shortfall,
            floor=found.floor,
            contingencies=found.contingencies,
            initial_only=found.initial_only,
            rows=rows,
            profits=found.profits,
            worst=found.worst,
        )

    @classmethod
    def of_grids(
        cls, equity: int, rows: tuple[str, ...], underlyings: Mapping[str, GridMargin], constants: Mapping[str, Any]
    ) -> ModelMargin:
        """The sum over underlyings: nothing nets between them. ``worst`` has the worst row of each, that of the
        largest loss first, none twice."""
        grids = list(underlyings.values())
        losing = sorted((grid for grid in grids if grid.worst is not None), key=lambda grid: -grid.shortfall)
        return cls(
            equity=equity,
            initial=sum(grid.initial for grid in grids),
            maintenance=sum(grid.maintenance for grid in grids),
            shortfall=sum(grid.shortfall for grid in grids),
            floor=0,
            contingencies=_summed([grid.contingencies for grid in grids]),
            initial_only=_summed([grid.initial_only for grid in grids]),
            rows=rows,
            profits=tuple(sum(grid.profits[row] for grid in grids) for row in range(len(rows))),
            worst=tuple(dict.fromkeys(grid.worst for grid in losing if grid.worst is not None)),
            underlyings=underlyings,
            constants=constants,
        )


def _summed(parts: list[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(part.get(name, 0) for part in parts) for name in dict.fromkeys(k for part in parts for k in part)}
