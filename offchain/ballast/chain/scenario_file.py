"""``scenarios.json``: read and written exactly.

Decimal strings and JSON numbers are both exact here: a number is read digit by digit, never as a float. Messages name
file, path and field.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ballast.chain.deployment import write_atomically
from ballast.chain.exactfile import Entry, Number, read_exact
from ballast.chain.scenario_table import FLOOR_FIELDS, FloorMoves, ScenarioTable
from ballast.errors import UsageError

__all__ = ["FloorEntry", "read_scenarios", "scenarios_json", "write_scenarios"]

_Count = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]


class FloorEntry(Entry):
    """One underlying's floor, moves as parts."""

    up: Number
    down: Number
    vol_up: Number
    vol_down: Number

    def moves(self) -> FloorMoves:
        return FloorMoves(self.up, self.down, self.vol_up, self.vol_down)


class _Scenario(Entry):
    name: str
    weight: Number
    spot: list[Number]
    vol: list[Number]


class _File(Entry):
    version: _Count
    tail: _Count
    vol_term_power: Number
    underlyings: list[str]
    scenarios: list[_Scenario]
    floors: dict[str, FloorEntry] = Field(default_factory=dict)


def read_scenarios(path: str | Path) -> ScenarioTable:
    """The table of a file; ``UsageError`` says what is wrong with it and where."""
    found = read_exact(path, _File, "scenarios.json")
    try:
        return ScenarioTable(
            version=found.version,
            tail=found.tail,
            vol_term_power=found.vol_term_power,
            underlyings=tuple(found.underlyings),
            names=tuple(row.name for row in found.scenarios),
            weights=tuple(row.weight for row in found.scenarios),
            spot=tuple(tuple(row.spot) for row in found.scenarios),
            vol=tuple(tuple(row.vol) for row in found.scenarios),
            floors={name: entry.moves() for name, entry in found.floors.items()},
        )
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def scenarios_json(table: ScenarioTable) -> dict[str, Any]:
    """The file's content, numbers as exact decimal strings; ``floors`` only where the table has some."""
    content: dict[str, Any] = {
        "version": table.version,
        "tail": table.tail,
        "vol_term_power": _text(table.vol_term_power),
        "underlyings": list(table.underlyings),
        "scenarios": [
            {
                "name": name,
                "weight": _text(table.weights[s]),
                "spot": [_text(move) for move in table.spot[s]],
                "vol": [_text(move) for move in table.vol[s]],
            }
            for s, name in enumerate(table.names)
        ],
    }
    if table.floors:
        content["floors"] = {
            name: {field: _text(getattr(moves, field)) for field in FLOOR_FIELDS}
            for name, moves in table.floors.items()
        }
    return content


def write_scenarios(path: str | Path, table: ScenarioTable) -> None:
    """Writes a file that ``read_scenarios`` reads back as the same table; one scenario a line."""
    content = scenarios_json(table)
    rows = ",\n".join("  " + json.dumps(row) for row in content.pop("scenarios"))
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    write_atomically(Path(path), f'{{\n{head},\n "scenarios": [\n{rows}\n ]\n}}\n')


def _text(value: Decimal) -> str:
    return f"{value:f}"
