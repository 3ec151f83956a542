"""Which compiled contracts become artifacts, and writing them into the package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from ballast.errors import BuildError
from scripts._build.units import Contract

__all__ = ["SIZE_LIMIT", "oversized", "select", "write"]

#: Largest deployed code a chain accepts (EIP-170), in bytes.
SIZE_LIMIT = 24_576


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
    return [chosen[name] for name in sorted(chosen)]


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
