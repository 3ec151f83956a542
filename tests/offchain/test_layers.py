"""Each numbered step of the package imports only earlier ones and leaves."""

from __future__ import annotations

import ast
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(str(files("ballast")))
#: Leaves have no number of their own: everybody may import them, and they import leaves only.
STEPS = ("chain", "index", "market", "risk", "proofs", "keeper", "sim")
LEAVES = ("units", "errors", "config", "typing")


def level(part: str) -> int:
    """0 for a leaf, then the steps; what is on top may import all."""
    if part in LEAVES:
        return 0
    return STEPS.index(part) + 1 if part in STEPS else len(STEPS) + 1


def imported(path: Path) -> set[str]:
    """Parts of the package that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("ballast.")}
    return found


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("part", [*LEAVES, *STEPS])
def test_imports__of_a_step__are_of_earlier_ones(part: str) -> None:
    later = {
        f"{path.relative_to(ROOT)} imports {other}"
        for path in ROOT.rglob("*.py")
        if part_of(path) == part
        for other in imported(path)
        if other != part and level(other) >= max(level(part), 1)
    }
    assert not later


def test_imports__a_module_of_a_step__are_seen() -> None:
    """The reading itself: the keeper imports the chain, the index and leaves."""
    seen = {other for path in (ROOT / "keeper").glob("*.py") for other in imported(path)}
    assert {"chain", "index", "units", "errors"} <= seen
