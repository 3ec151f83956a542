"""``python -m scripts._build.prove [REGEX]``: halmos over the properties of tests/symbolic.

Exits 0 when every property holds, 1 where one has a counterexample, is not decided in time, or was not looked at whole
(a loop left before its end), and where halmos misses that the canary is false; 2 where halmos is not there.

halmos reads what forge builds and asks forge to build it. Here the project's own compiler builds it, in the same shape,
and a ``forge`` that has nothing left to do stands on halmos' path.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ballast.errors import BallastError, BuildError, UsageError
from scripts._build.__main__ import BUILD_FOLDER
from scripts._build.compiler import Compiler, find_compiler
from scripts._build.settings import ROOT, load_settings
from scripts._build.sources import SourceTree

__all__ = ["CANARY", "SOURCES", "Proof", "main", "read_proofs", "verdict", "write_forge_output"]

SOURCES = ROOT / "tests" / "symbolic"
#: The contract whose property is false.
CANARY = "CanaryProofs"

_VENV = ROOT / ".venv-prove" / "bin"
_FOLDER = BUILD_FOLDER / "prove"
_SELECTION = ["abi", "metadata", "storageLayout", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers"]
_FORGE = "#!/bin/sh\n# What halmos asks for is built already: see scripts/_build/prove.py.\nexit 0\n"
_SOLVER = "--smt2-model-format --bvconst-in-decimal"
#: Every panic is a failure, also an overflow; no loop is longer than this.
_OPTIONS = ["--panic-error-codes", "*", "--loop", "70", "--no-status"]
_SECONDS = 30
_SAYS = {1: "COUNTEREXAMPLE", 2: "not decided in time", 3: "not explored whole", 4: "every path reverts"}


@dataclass(frozen=True)
class Proof:
    """What halmos says of one property. ``exitcode`` is its own: 0 holds, 1 has a counterexample."""

    contract: str
    name: str
    exitcode: int
    paths: int
    unfinished_loops: int
    seconds: float

    @property
    def holds(self) -> bool:
        return self.exitcode == 0 and self.unfinished_loops == 0

    def __str__(self) -> str:
        said = "holds" if self.holds else "a loop was not followed to its end"
        said = said if self.exitcode == 0 else _SAYS.get(self.exitcode, f"halmos says {self.exitcode}")
        return f"{self.seconds:7.1f} s {self.paths:5} paths  {self.contract}.{self.name}: {said}"


def write_forge_output(compiler: Compiler, sources: Path, folder: Path) -> None:
    """Compiles the contracts of ``sources`` as they are deployed and lays them out as ``forge build --ast`` does."""
    tree = SourceTree(ROOT, compiler.settings.remappings)
    targets = sorted(str(path.relative_to(ROOT)) for path in sources.glob("*.sol"))
    selection = {target: {"": ["ast"], "*": _SELECTION} for target in targets}
    output = compiler.run(compiler.input(tree.closure(targets), selection))
    shutil.rmtree(folder, ignore_errors=True)
    for target in targets:
        for name, made in output["contracts"].get(target, {}).items():
            code, deployed = made["evm"]["bytecode"], made["evm"]["deployedBytecode"]
            content: dict[str, Any] = {
                "abi": made["abi"],
                "bytecode": code | {"object": "0x" + code["object"]},
                "deployedBytecode": deployed | {"object": "0x" + deployed["object"]},
                "methodIdentifiers": made["evm"]["methodIdentifiers"],
                "metadata": json.loads(made["metadata"]),
                "storageLayout": made["storageLayout"],
                "ast": output["sources"][target]["ast"],
                "id": output["sources"][target]["id"],
            }
            path = folder / Path(target).name / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), "utf-8")


def read_proofs(document: dict[str, Any]) -> list[Proof]:
    """From what halmos writes with ``--json-output``."""
    return [
        Proof(
            contract=place.rpartition(":")[2],
            name=str(one["name"]).partition("(")[0],
            exitcode=int(one["exitcode"]),
            paths=int((one["num_paths"] or [0])[0]),
            unfinished_loops=int(one["num_bounded_loops"] or 0),
            seconds=float((one["time"] or [0])[0]),
        )
        for place, results in document["test_results"].items()
        for one in results
    ]


def verdict(proofs: Sequence[Proof]) -> int:
    """Prints a line a property; the exit code."""
    bad = 0
    for proof in proofs:
        if proof.contract == CANARY:
            found = proof.exitcode == 1
            bad += not found
            said = "is refuted, as it must be" if found else "is NOT refuted: the run proves nothing"
            print(f"{proof.seconds:7.1f} s {proof.paths:5} paths  {proof.contract}.{proof.name}: {said}")
        else:
            bad += not proof.holds
            print(proof)
    canaries = sum(proof.contract == CANARY for proof in proofs)
    if not canaries:
        print("ballast: prove: no canary was run; give a pattern that CanaryProofs matches, or none", file=sys.stderr)
    print(f"{len(proofs) - canaries} properties, {bad} not as they should be")
    return 1 if bad or not canaries else 0


def _run(pattern: str) -> dict[str, Any]:
    halmos = _VENV / "halmos"
    if not halmos.exists():
        raise UsageError(f"{halmos.relative_to(ROOT)}: not there; run `make prove`")
    forge = _FOLDER / "bin" / "forge"
    forge.parent.mkdir(parents=True, exist_ok=True)
    forge.write_text(_FORGE, "utf-8")
    forge.chmod(0o755)
    report = _FOLDER / "halmos.json"
    report.unlink(missing_ok=True)
    command = [str(halmos), "--root", str(_FOLDER), "--json-output", str(report), *_OPTIONS]
    command += ["--solver-command", f"{_VENV / 'yices-smt2'} {_SOLVER}"]
    command += ["--solver-timeout-assertion", f"{_SECONDS}s", "--match-contract", f"({pattern})|^{CANARY}$"]
    # its own cache would go to the home folder
    environment = os.environ | {"PATH": f"{forge.parent}:{_VENV}:{os.environ['PATH']}", "HOME": str(_FOLDER)}
    log = _FOLDER / "halmos.log"
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(command, cwd=_FOLDER, env=environment, stdout=file, stderr=file, check=False).returncode
    if not report.exists():
        lines = [line for line in log.read_text("utf-8").splitlines() if line.strip()] or ["no output"]
        raise BuildError(f"halmos ended with {code}: {re.sub(chr(27) + r'.*?m', '', lines[-1])}; all of it in {log}")
    document: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        write_forge_output(find_compiler(load_settings()), SOURCES, _FOLDER / "out")
        return verdict(read_proofs(_run(given[0] if given else "Proofs$")))
    except BallastError as error:
        print(f"ballast: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
