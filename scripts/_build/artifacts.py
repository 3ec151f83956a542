"""Which compiled contracts become artifacts, and writing them into the package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ballast.errors import BuildError
from scripts._build.units import Contract

__all__ = ["FRONTS", "SIZE_LIMIT", "oversized", "select", "write"]

#: Largest deployed code a chain accepts (EIP-170), in bytes.
SIZE_LIMIT = 24_576

#: Contracts whose fallback answers for others, and the interface of all that they answer: their ABI is both.
FRONTS = {"Clearinghouse": "IClearinghouse"}


def select(contracts: Iterable[Contract]) -> list[Contract]:
    """Deployable contracts, libraries with external functions, and interfaces, sorted by name.

    ``BuildError`` when two of them share a name, or when code would have to be linked: nothing
    here deploys libraries on their own.
    """
    chosen: dict[str, Contract] = {}
    for contract in contracts:
        if contract.kind == "abstract" or (contract.kind == "library" and not _external(contract)):
            continue
        if other := chosen.get(contract.name):
            raise BuildError(
                f"{contract.source}: {contract.name} is also in {other.source}; "
                "artifacts are found by name, so names must differ"
            )
        if contract.link_references:
            libraries = sorted(name for used in contract.link_references.values() for name in used)
            raise BuildError(
                f"{contract.source}: {contract.name} calls {', '.join(libraries)} from outside; "
                "make the library's functions internal"
            )
        chosen[contract.name] = contract
    for front, interface in FRONTS.items():
        if front in chosen:
            chosen[front] = _extended(chosen[front], chosen[interface])
    return [chosen[name] for name in sorted(chosen)]


def _extended(front: Contract, interface: Contract) -> Contract:
    """The contract with its interface's ABI, and of its own what that has not."""
    known = {_identity(entry) for entry in interface.abi}
    return replace(front, abi=[entry for entry in front.abi if _identity(entry) not in known] + interface.abi)


def _identity(entry: dict[str, Any]) -> tuple[str, ...]:
    """What makes an ABI's entry the same as another, whatever its parameters are called."""
    inputs = entry.get("inputs", ())
    return (entry["type"], entry.get("name", ""), *(json.dumps(_types(parameter)) for parameter in inputs))


def _types(parameter: dict[str, Any]) -> Any:
    return [parameter["type"], [_types(component) for component in parameter.get("components", ())]]


def _external(contract: Contract) -> bool:
    return any(entry["type"] == "function" for entry in contract.abi)


def oversized(contracts: Iterable[Contract], limit: int = SIZE_LIMIT) -> list[Contract]:
    """Contracts above ``limit`` bytes, those of contracts/test apart."""
    return [c for c in contracts if c.size > limit and not c.source.startswith("contracts/test/")]


def write(contracts: Iterable[Contract], folder: Path) -> int:
    """Makes ``folder`` hold exactly these artifacts; returns how many files changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed, kept = 0, set()
    for contract in contracts:
        content = {"abi": contract.abi, "bytecode": contract.bytecode}
        path = folder / f"{contract.name}.json"
        kept.add(path)
        text = json.dumps(content, indent=1) + "\n"
        if not path.exists() or path.read_text("utf-8") != text:
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(text, "utf-8")
            temporary.replace(path)
            changed += 1
    for path in set(folder.glob("*.json")) - kept:
        path.unlink()
        changed += 1
    return changed
