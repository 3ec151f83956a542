"""``scenarios.json``: read and written exactly.

Decimal strings and JSON numbers are both exact here: a number is read digit by digit, never as a float. Messages name
file, path and field.
"""

from __future__ import annotations

import json
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ballast import units
from ballast.chain.deployment import write_atomically
from ballast.chain.fieldpath import first_error
from ballast.chain.scenario_table import FLOOR_FIELDS, FloorMoves, ScenarioTable
from ballast.errors import UsageError

__all__ = ["FloorEntry", "read_scenarios", "scenarios_json", "write_scenarios"]

_BOUND = Decimal(10) ** 30


def _exact(text: str) -> Decimal | str:
    """A JSON number digit by digit; what is beyond even a decimal's exponents stays text, and is refused as such."""
    try:
        return Decimal(text)
    except DecimalException:
        return text


def _number(value: Any) -> Decimal:
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no finite number; write a number or decimal string such as -0.372")
    try:
        number = units.decimal_of(value)
    except UsageError as error:
        raise ValueError(f"{str(error).removeprefix('number ')}; write one such as -0.372") from None
    if abs(number) >= _BOUND:
        raise ValueError(f"{value} is too large; give one below 1e30")
    return number


Number = Annotated[Decimal, BeforeValidator(_number)]
_Count = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FloorEntry(_Entry):
    """One underlying's floor, moves as parts."""

    up: Number
    down: Number
    vol_up: Number
    vol_down: Number

    def moves(self) -> FloorMoves:
        return FloorMoves(self.up, self.down, self.vol_up, self.vol_down)


class _Scenario(_Entry):
    name: str
    weight: Number
    spot: list[Number]
    vol: list[Number]


class _File(_Entry):
    version: _Count
    tail: _Count
    vol_term_power: Number
    underlyings: list[str]
    scenarios: list[_Scenario]
    floors: dict[str, FloorEntry] = {}


def read_scenarios(path: str | Path) -> ScenarioTable:
    """The table of a file; ``UsageError`` says what is wrong with it and where."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=_exact)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give a scenarios.json") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give a scenarios.json") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); give a scenarios.json") from None
    try:
        found = _File.model_validate(content)
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
    except ValidationError as error:
        raise UsageError(f"{path}: {first_error(error)}") from None
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
