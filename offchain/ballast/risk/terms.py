"""What the PORTFOLIO model takes besides a portfolio, out of the engine's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ballast.chain.instruments import expiry_of_series
from ballast.chain.scenario_table import E4, UNIT
from ballast.index.state import Engine, Table
from ballast.risk.arrays import Series
from ballast.risk.portfolio import Contingency, Factors, FloorMoves, Rows
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD

__all__ = ["Terms"]

_WEIGHT = WAD // E4
_MOVE = WAD // UNIT


@dataclass(frozen=True)
class Terms:
    """``names`` are the rows'; ``arrays`` by series, ``contingencies`` by asset, ``haircuts`` (1e6) by token, and the
    ``minimum`` in USDC 1e18."""

    rows: Rows
    names: tuple[str, ...]
    arrays: Mapping[int, Series]
    factors: Factors
    contingencies: Mapping[int, Contingency]
    haircuts: Mapping[int, int]
    minimum: int

    @classmethod
    def of(cls, engine: Engine, now: int) -> Terms:
        """Parses the table, and the arrays of what has not expired at second ``now``. ``NoHealthError`` where no table
        holds."""
        books = engine.books
        if books is None or books.table is None:
            raise NoHealthError("Scenario_NoTable()")
        return cls(
            rows=_rows(books.table),
            names=tuple(_text(bytes.fromhex(name)) for name in books.table.content["names"]),
            arrays={
                series: Series.decode(blob) for series, blob in books.blobs.items() if now < expiry_of_series(series)
            },
            factors=Factors(**_fields(engine.factors)),
            contingencies={asset: Contingency(**_fields(found)) for asset, found in engine.contingencies.items()},
            haircuts=engine.haircuts,
            minimum=engine.minimum,
        )


def _rows(table: Table) -> Rows:
    content = table.content
    return Rows(
        version=table.version,
        tail=content["tail"],
        weights=tuple(weight * _WEIGHT for weight in content["weights"]),
        assets=tuple(content["underlyings"]),
        spot=tuple(tuple(move * _MOVE for move in column) for column in content["spot"]),
        floors=tuple(FloorMoves(moves["up"] * _MOVE, moves["down"] * _MOVE) for moves in content["floors"]),
    )


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode("utf-8", "replace")


def _fields(chain: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's fields by our names: ``arrayAge`` is ``array_age``."""
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in chain.items()}
