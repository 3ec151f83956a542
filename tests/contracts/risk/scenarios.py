"""Scenario tables for tests, their layout and their rate limit: the slow and obvious way, exact integers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "E4",
    "ONE",
    "TOLERANCE",
    "UNIT",
    "Table",
    "as_arguments",
    "differing",
    "directions",
    "loss",
    "packed",
    "random_table",
    "simple_table",
    "unnamed",
]

UNIT = 8000
E4 = 10**4
E6 = 10**6
#: A weight of one and a move of 100%, and the limit's tolerance.
ONE = E4 * UNIT
TOLERANCE = ONE // 1000

#: The contract's struct by its field names.
Table = dict[str, Any]
Direction = Mapping[tuple[str, int], int]


def simple_table(rows: int = 16, assets: tuple[int, ...] = (1, 2, 3), **changes: Any) -> Table:
    """Falls and rises of up to 40% with vol up and down, a bit different in each column."""
    return {
        "tail": 1,
        "termPower": 3000,
        "underlyings": list(assets),
        "weights": [E4] * rows,
        "spot": [[UNIT + (-1) ** s * 200 * (s % 16 + 1) + 8 * c for s in range(rows)] for c in range(len(assets))],
        "vol": [[UNIT - (-1) ** s * 400 * (s % 8 + 1) + 8 * c for s in range(rows)] for c in range(len(assets))],
        "floors": [(9200, 6800, 11200, 6000)] * len(assets),
        "names": [f"row {s}".encode().ljust(32, b"\0") for s in range(rows)],
        **changes,
    }


def random_table(rng: random.Random, rows: int, assets: tuple[int, ...]) -> Table:
    """Anything within the bounds."""
    columns = range(len(assets))
    return {
        "tail": rng.randint(1, rows),
        "termPower": rng.randint(0, E4),
        "underlyings": list(assets),
        "weights": [rng.randint(1, 20_000) for _ in range(rows)],
        "spot": [[rng.randint(800, 56_000) for _ in range(rows)] for _ in columns],
        "vol": [[rng.randint(400, 56_000) for _ in range(rows)] for _ in columns],
        "floors": [
            (
                rng.randint(8400, 16_000),
                rng.randint(2400, 7600),
                rng.randint(8000, 24_000),
                rng.randint(1600, 8000),
            )
            for _ in columns
        ],
        "names": [bytes(32)] * rows,
    }


def as_arguments(table: Table) -> tuple[Any, ...]:
    """In the struct's order."""
    fields = ("tail", "termPower", "underlyings", "weights", "spot", "vol", "floors", "names")
    return tuple(table[field] for field in fields)


def unnamed(table: Table) -> tuple[Any, ...]:
    """As the contract gives it back."""
    return as_arguments({**table, "names": []})


def packed(table: Table, version: int) -> bytes:
    """The layout, written out."""
    rows, columns = len(table["weights"]), len(table["underlyings"])

    def shorts(values: list[int]) -> bytes:
        return b"".join(value.to_bytes(2, "big") for value in values)

    data = version.to_bytes(4, "big") + bytes([rows, columns, table["tail"]]) + table["termPower"].to_bytes(2, "big")
    data += bytes(7) + bytes(table["underlyings"]).ljust(16, b"\0") + shorts(table["weights"])
    for c in range(columns):
        data += shorts(table["spot"][c]) + shorts(table["vol"][c]) + shorts(list(table["floors"][c]))
    return data


# ---------------------------------------------------------------- the rate limit


def directions(assets: list[int]) -> Iterator[tuple[str, Direction]]:
    """Words and exposures: each underlying long and short, each two in all four ways, in delta and in vega."""
    for kind in ("delta", "vega"):
        for size in (1, 2):
            for chosen in itertools.combinations(assets, size):
                for signs in itertools.product((1, -1), repeat=size):
                    terms = list(zip(chosen, signs, strict=True))
                    text = " ".join(f"{'+' if sign > 0 else '-'}{kind} {asset}" for asset, sign in terms)
                    yield text, {(kind, asset): sign for asset, sign in terms}


def loss(table: Table, direction: Direction) -> int:
    """Largest weighted loss of the rows, at least 0; 1 / ONE."""
    columns = {"delta": table["spot"], "vega": table["vol"]}
    worst = 0
    for s, weight in enumerate(table["weights"]):
        gain = sum(
            sign * (columns[kind][table["underlyings"].index(asset)][s] - UNIT)
            for (kind, asset), sign in direction.items()
        )
        worst = max(worst, -weight * gain)
    return worst


def differing(old: Table, new: Table, max_change: int) -> dict[str, tuple[int, int]]:
    """New and old loss of every direction, and size of every floor move, that changes too fast."""
    found = {text: (loss(new, d), loss(old, d)) for text, d in directions(old["underlyings"])}
    for c, asset in enumerate(old["underlyings"]):
        moved = new["floors"][new["underlyings"].index(asset)]
        for at, field in enumerate(("up", "down", "volUp", "volDown")):
            sizes = (abs(moved[at] - UNIT) * E4, abs(old["floors"][c][at] - UNIT) * E4)
            found[f"floor {field} {asset}"] = sizes
    return {
        text: (after, before)
        for text, (after, before) in found.items()
        if abs(after - before) * E6 > before * max_change + TOLERANCE * E6
    }
