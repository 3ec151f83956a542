"""Rows of `ballast bench --json`: one figure of one system at one piece of work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ballast.errors import FatalError

__all__ = ["BALLAST", "Row", "RowError", "Unit", "with_ratios"]

BALLAST: Final = "ballast"
"""`system` of our own rows, which the others are compared with."""

Unit = Literal["gas", "s", "1/s", "MB"]

_RATIO_DIGITS: Final = 4


class RowError(FatalError):
    """A row that says nothing: no value and no reason, or a ratio of different units."""


@dataclass(frozen=True)
class Row:
    """One figure: `system` needed `value` `unit` for `work` on `n` positions and `k` scenarios.

    `n` and `k` are None where the work has no such size. A system that could not run has no
    `value` but a `reason`; a figure taken from elsewhere names its `source`. `version` says what
    was run: package, compiler and settings. `ratio_to_ballast` is `value` over Ballast's value for
    the same `work`, `n` and `unit`, or None while there is none.
    """

    work: str
    system: str
    value: int | float | None
    unit: Unit
    version: str
    n: int | None = None
    k: int | None = None
    ratio_to_ballast: float | None = None
    reason: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise RowError(f"{self.system} {self.work}: a row without a value needs a reason")

    def to_json(self) -> dict[str, Any]:
        """The row as `ballast bench --json` prints it; no `reason` or `source` that is None."""
        row: dict[str, Any] = {
            "work": self.work,
            "system": self.system,
            "n": self.n,
            "k": self.k,
            "value": self.value,
            "unit": self.unit,
            "ratio_to_ballast": self.ratio_to_ballast,
            "version": self.version,
        }
        if self.reason is not None:
            row["reason"] = self.reason
        if self.source is not None:
            row["source"] = self.source
        return row


def with_ratios(rows: Iterable[Row]) -> list[Row]:
    """The rows in their order, with `ratio_to_ballast` filled in (4 decimals).

    A row is compared with Ballast's first row of the same `work` and `n`, our own with that of the same `k` too; a
    peer's is not compared, because one without scenarios has none. Rows without such a partner, or without a value,
    keep None.
    Raises `RowError` when the partner is in another unit.
    """
    rows = list(rows)
    ours: dict[tuple[str, int | None], Row] = {}
    for row in rows:
        if row.system == BALLAST and row.value:
            ours.setdefault((row.work, row.n), row)
    compared = []
    for row in rows:
        own = row if row.system == BALLAST else ours.get((row.work, row.n))
        if own is None or own.value is None or row.value is None:
            compared.append(row)
            continue
        if own.unit != row.unit:
            raise RowError(f"{row.system} {row.work}: {row.unit} compared with {own.unit}")
        compared.append(replace(row, ratio_to_ballast=round(row.value / own.value, _RATIO_DIGITS)))
    return compared
