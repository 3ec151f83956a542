"""What is compiled together, and the cache of what came out.

A unit is one source file that defines something deployable, with all it imports; files that only
define interfaces form one unit together, because nothing but ABIs comes out of them; files with
nothing but abstract contracts and internal libraries are compiled only as imports of others. So
bytecode depends on its own closure alone, and a change recompiles only the units that can see it.
 A unit's key is a hash of the compiler version, the settings and every source in it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts._build.compiler import OUTPUT, Compiler
from scripts._build.sources import Source, SourceTree

__all__ = ["Cache", "Contract", "Unit", "compile_unit", "plan_units"]

KEPT_ENTRIES = 400
_FORMAT = 1


@dataclass(frozen=True)
class Contract:
    """One compiled contract. ``size`` is the deployed length in bytes (0: no bytecode)."""

    kind: str
    name: str
    source: str
    abi: list[dict[str, Any]]
    bytecode: str
    size: int
    link_references: dict[str, dict[str, list[dict[str, int]]]]


@dataclass(frozen=True)
class Unit:
    """``targets`` are the files whose contracts are wanted, ``sources`` all that they need."""

    targets: tuple[str, ...]
    sources: tuple[Source, ...]

    def key(self, version: str, settings: dict[str, Any]) -> str:
        parts: list[Any] = [_FORMAT, version, settings, self.targets]
        parts += [[source.name, source.digest] for source in self.sources]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def plan_units(tree: SourceTree, targets: Iterable[str]) -> list[Unit]:
    """Splits the wanted files into units, the largest first."""
    groups: list[tuple[str, ...]] = []
    interfaces: list[str] = []
    for name in sorted(targets):
        source = tree.get(name)
        if source.deployable:
            groups.append((name,))
        elif "interface" in source.kinds.values():
            interfaces.append(name)
    if interfaces:
        groups.append(tuple(interfaces))
    units = [Unit(group, tuple(tree.closure(group))) for group in groups]
    return sorted(units, key=lambda unit: -sum(len(source.content) for source in unit.sources))


def compile_unit(compiler: Compiler, unit: Unit) -> tuple[list[Contract], list[str]]:
    """The contracts of one unit, and the compiler's warnings about our own sources."""
    kinds = {source.name: source.kinds for source in unit.sources}
    selection = {target: {"*": OUTPUT} for target in unit.targets}
    output = compiler.run(compiler.input(unit.sources, selection))
    contracts = [
        Contract(
            kind=kinds[target][name],
            name=name,
            source=target,
            abi=made["abi"],
            bytecode="0x" + made["evm"]["bytecode"]["object"],
            size=len(made["evm"]["deployedBytecode"]["object"]) // 2,
            link_references=made["evm"]["bytecode"]["linkReferences"],
        )
        for target in unit.targets
        for name, made in sorted(output.get("contracts", {}).get(target, {}).items())
    ]
    return contracts, compiler.warnings(output)


class Cache:
    """Compiled units in one folder, one JSON file per key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: str) -> list[Contract] | None:
        """None when the entry is missing or damaged; both mean: compile."""
        path = self.folder / f"{key}.json"
        try:
            contracts = [Contract(**item) for item in json.loads(path.read_text("utf-8"))]
            os.utime(path)
        except (OSError, ValueError, TypeError):
            return None
        return contracts

    def store(self, key: str, contracts: list[Contract]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"{key}.{os.getpid()}.tmp"
        temporary.write_text(json.dumps([asdict(contract) for contract in contracts]), "utf-8")
        temporary.replace(self.folder / f"{key}.json")

    def prune(self) -> None:
        """Drops the entries that were used least recently, beyond the newest 400."""
        entries = sorted(self.folder.glob("*.json"), key=lambda path: -path.stat().st_mtime)
        for path in entries[KEPT_ENTRIES:]:
            path.unlink(missing_ok=True)
