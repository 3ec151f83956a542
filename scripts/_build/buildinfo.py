"""One build-info file (the format of Hardhat) with every source and its syntax tree.

Static analysers read it in place of running a compiler. It comes from a single compiler run without
code generation, which takes seconds where a full one takes a minute, so its bytecode is empty; the
deployed code is in ``offchain/ballast/abi``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from scripts._build.compiler import Compiler
from scripts._build.settings import ROOT
from scripts._build.sources import SourceTree

__all__ = ["write_build_info"]

_SELECTION = {"*": {"": ["ast"], "*": ["abi", "devdoc", "userdoc", "evm.methodIdentifiers"]}}
_NO_CODE = {"object": "", "sourceMap": "", "opcodes": "", "linkReferences": {}}


def write_build_info(compiler: Compiler, folder: Path) -> Path:
    """Makes ``folder`` hold exactly one, current build-info file and returns its path."""
    tree = SourceTree(ROOT, compiler.settings.remappings)
    targets = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "contracts").rglob("*.sol"))
    standard_input = compiler.input(tree.closure(targets), _SELECTION)
    text = json.dumps([compiler.version, standard_input], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    path = folder / f"{digest}.json"
    if not path.exists():
        output = compiler.run(standard_input)
        folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "id": digest,
            "_format": "hh-sol-build-info-1",
            "solcVersion": compiler.settings.version,
            "solcLongVersion": compiler.version,
            "input": standard_input,
            "output": {"sources": output["sources"], "contracts": _with_code(output["contracts"])},
        }
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content), "utf-8")
        temporary.replace(path)
    for other in set(folder.glob("*.json")) - {path}:
        other.unlink()
    return path


def _with_code(contracts: dict[str, Any]) -> dict[str, Any]:
    """Adds the empty code objects that readers of the format insist on."""
    for made in contracts.values():
        for contract in made.values():
            contract["evm"] |= {"bytecode": _NO_CODE, "deployedBytecode": _NO_CODE}
    return contracts
