"""A scenario table as people write it, and as the chain keeps it: pure, exact, no I/O.

People write moves as parts (-0.372 is a fall of 37.2%), weights and powers as plain numbers. The chain has 1 + move
in 1/8000, weights and the power in 1e-4. A number between two of the chain's is refused, never rounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from ballast.errors import UsageError
from ballast.units import from_units

__all__ = [
    "E4",
    "FLOOR_FIELDS",
    "MAX_ROWS",
    "NAME_BYTES",
    "ROW_MULTIPLE",
    "UNIT",
    "FloorMoves",
    "ScenarioTable",
    "percent",
]

#: The denominator of moves, and of weights and the power, as in contracts/risk/ScenarioTable.sol.
UNIT = 8000
E4 = 10**4
ROW_MULTIPLE = 16
MAX_ROWS = 64
#: Least and most, both allowed, as in contracts/risk/ScenarioBounds.sol.
WEIGHTS = (Decimal("0.0001"), Decimal(2))
SPOT_MOVES = (Decimal("-0.9"), Decimal(6))
VOL_MOVES = (Decimal("-0.95"), Decimal(6))
TERM_POWERS = (Decimal(0), Decimal(1))
FLOOR_MOVES = {
    "up": (Decimal("0.05"), Decimal(1)),
    "down": (Decimal("-0.7"), Decimal("-0.05")),
    "vol_up": (Decimal(0), Decimal(2)),
    "vol_down": (Decimal("-0.8"), Decimal(0)),
}
#: A name travels as bytes32 that ends with a zero.
NAME_BYTES = 31
#: Our name of each move of the floor, and the contract's.
FLOOR_FIELDS = {"up": "up", "down": "down", "vol_up": "volUp", "vol_down": "volDown"}


@dataclass(frozen=True, slots=True)
class FloorMoves:
    """The floor's four moves of one underlying, as parts; ``down`` and ``vol_down`` are negative."""

    up: Decimal
    down: Decimal
    vol_up: Decimal
    vol_down: Decimal


@dataclass(frozen=True)
class ScenarioTable:
    """K scenarios over n underlyings.

    ``spot[s][c]`` and ``vol[s][c]`` are the moves of underlying ``underlyings[c]`` in scenario ``s``, as parts.
    ``weights`` multiply losses, ``tail`` is how many of the largest losses are averaged, ``vol_term_power`` the power
    of the tenor scaling. ``floors`` has an entry for some of the underlyings, or is empty. ``version`` is the file's or
    the chain's. ``UsageError`` where the shape is not right or a number is out of bounds; it names the field.
    """

    version: int
    tail: int
    vol_term_power: Decimal
    underlyings: tuple[str, ...]
    names: tuple[str, ...]
    weights: tuple[Decimal, ...]
    spot: tuple[tuple[Decimal, ...], ...]
    vol: tuple[tuple[Decimal, ...], ...]
    floors: Mapping[str, FloorMoves]

    def __post_init__(self) -> None:
        rows, columns = len(self.names), len(self.underlyings)
        if rows == 0 or rows % ROW_MULTIPLE or rows > MAX_ROWS:
            raise UsageError(f"scenarios: {rows} of them; give a multiple of {ROW_MULTIPLE}, at most {MAX_ROWS}")
        if columns == 0 or len(set(self.underlyings)) != columns:
            raise UsageError("underlyings: empty, or one is there twice; name each once")
        if not 1 <= self.tail <= rows:
            raise UsageError(f"tail: is {self.tail}; give 1 to the number of scenarios, {rows}")
        for s in range(rows):
            _require_between(f"scenarios[{s}].weight", self.weights[s], WEIGHTS)
            for field, moves in (("spot", self.spot[s]), ("vol", self.vol[s])):
                if len(moves) != columns:
                    raise UsageError(
                        f"scenarios[{s}].{field}: {len(moves)} numbers; give one for each of the {columns} underlyings"
                    )
            for c in range(columns):
                _require_between(f"scenarios[{s}].spot[{c}]", self.spot[s][c], SPOT_MOVES)
                _require_between(f"scenarios[{s}].vol[{c}]", self.vol[s][c], VOL_MOVES)
        _require_between("vol_term_power", self.vol_term_power, TERM_POWERS)
        for name, floor_moves in self.floors.items():
            if name not in self.underlyings:
                raise UsageError(f"floors.{name}: no such underlying; there are {', '.join(self.underlyings)}")
            for edge, bounds in FLOOR_MOVES.items():
                _require_between(f"floors.{name}.{edge}", getattr(floor_moves, edge), bounds)

    @property
    def rows(self) -> int:
        return len(self.names)

    def only(self, symbols: Collection[str]) -> ScenarioTable:
        """The same scenarios for some of the underlyings."""
        columns = [c for c, name in enumerate(self.underlyings) if name in symbols]
        return replace(
            self,
            underlyings=tuple(self.underlyings[c] for c in columns),
            spot=tuple(tuple(row[c] for c in columns) for row in self.spot),
            vol=tuple(tuple(row[c] for c in columns) for row in self.vol),
            floors={name: moves for name, moves in self.floors.items() if name in symbols},
        )

    # ------------------------------------------------------------ the chain

    def to_chain(self, assets: Mapping[str, int], floors: Mapping[str, FloorMoves] | None = None) -> dict[str, Any]:
        """The contract's ``Table``: columns in order of the asset's number, ``floors`` where the table has none.

        ``UsageError`` where an underlying has no number or no floor, or a number is not one that the chain can hold.
        """
        for at, name in enumerate(self.underlyings):
            if not assets.get(name):
                known = ", ".join(symbol for symbol, number in assets.items() if number)
                raise UsageError(f"underlyings[{at}]: {name} is not listed; there are {known}")
        order = sorted(range(len(self.underlyings)), key=lambda c: assets[self.underlyings[c]])
        merged = {**(floors or {}), **self.floors}
        return {
            "tail": self.tail,
            "termPower": _on_grid("vol_term_power", self.vol_term_power, E4, 0),
            "underlyings": [assets[self.underlyings[c]] for c in order],
            "weights": [
                _on_grid(f"scenarios[{s}].weight ({self.names[s]})", weight, E4, 0)
                for s, weight in enumerate(self.weights)
            ],
            "spot": [self._column("spot", self.spot, c) for c in order],
            "vol": [self._column("vol", self.vol, c) for c in order],
            "floors": [_floor_to_chain(self.underlyings[c], merged) for c in order],
            "names": [_name_to_chain(s, name) for s, name in enumerate(self.names)],
        }

    def _column(self, field: str, rows: Sequence[Sequence[Decimal]], c: int) -> list[int]:
        return [
            _on_grid(f"scenarios[{s}].{field}[{c}] ({self.names[s]}, {self.underlyings[c]})", row[c], UNIT, 1)
            for s, row in enumerate(rows)
        ]

    @classmethod
    def from_chain(
        cls, version: int, content: Mapping[str, Any], symbols: Mapping[int, str], names: Sequence[bytes] = ()
    ) -> ScenarioTable:
        """From the contract's ``Table``; ``symbols`` are the underlyings' names by asset number. Without ``names`` the
        rows are numbered."""
        columns = range(len(content["underlyings"]))
        rows = range(len(content["weights"]))
        found = tuple(symbols.get(asset, f"asset {asset}") for asset in content["underlyings"])
        said = [bytes(name).rstrip(b"\0").decode("utf-8", "replace") for name in names]

        def moves(field: str) -> tuple[tuple[Decimal, ...], ...]:
            return tuple(tuple(_move_of(content[field][c][s]) for c in columns) for s in rows)

        return cls(
            version=version,
            tail=content["tail"],
            vol_term_power=from_units(content["termPower"], 4),
            underlyings=found,
            names=tuple(said[s] if s < len(said) and said[s] else f"row {s}" for s in rows),
            weights=tuple(from_units(weight, 4) for weight in content["weights"]),
            spot=moves("spot"),
            vol=moves("vol"),
            floors={
                name: FloorMoves(**{ours: _move_of(moved[theirs]) for ours, theirs in FLOOR_FIELDS.items()})
                for name, moved in zip(found, content["floors"], strict=True)
            },
        )


def percent(move: Decimal) -> str:
    """A move as people read it, exact."""
    shown = f"{(move * 100).normalize():+f}" if move else "0"
    return f"{shown}%"


def _require_between(where: str, value: Decimal, bounds: tuple[Decimal, Decimal]) -> None:
    least, most = bounds
    if not least <= value <= most:
        raise UsageError(f"{where}: is {value}; the chain takes {least:f} to {most:f}")


def _on_grid(where: str, value: Decimal, unit: int, offset: int) -> int:
    """``(value + offset) * unit``, which must be whole and fit 16 bits."""
    scaled = (Fraction(value) + offset) * unit
    below = floor(scaled)
    if not 0 <= below <= 0xFFFF:
        least, most = (Decimal(bound) / unit - offset for bound in (0, 0xFFFF))
        raise UsageError(f"{where}: {value} is out of the chain's range; give {least} to {most}")
    if scaled != below:
        low, high = (Decimal(number) / unit - offset for number in (below, below + 1))
        raise UsageError(f"{where}: {value} is not a multiple of 1/{unit}; the nearest are {low} and {high}")
    return below


def _move_of(entry: int) -> Decimal:
    """Exact: 1/8000 has six decimals."""
    return Decimal(entry) / UNIT - 1


def _floor_to_chain(name: str, floors: Mapping[str, FloorMoves]) -> dict[str, int]:
    if name not in floors:
        raise UsageError(f"floors.{name}: missing; give its up, down, vol_up and vol_down")
    return {
        theirs: _on_grid(f"floors.{name}.{ours}", getattr(floors[name], ours), UNIT, 1)
        for ours, theirs in FLOOR_FIELDS.items()
    }


def _name_to_chain(row: int, name: str) -> bytes:
    raw = name.encode()
    if not raw or len(raw) > NAME_BYTES:
        raise UsageError(f"scenarios[{row}].name: {name!r} has {len(raw)} bytes; give 1 to {NAME_BYTES}")
    return raw.ljust(32, b"\0")
