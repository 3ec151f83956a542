"""Compiles other protocols' sources out of `node_modules`, each with the settings it ships with.

The import closure is read here, so the standard JSON sent to the compiler holds every source it
uses and its SHA-256 identifies the result: artifacts are kept in `build/peers/` by that hash, and
an unchanged tree compiles nothing. Source unit names are paths below `node_modules`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ballast.errors import TaskError, UsageError

__all__ = ["OWN_ROOT", "Artifact", "PeerError", "Unit", "compile_unit", "package_version"]

OWN_ROOT: Final = {"ballast-bench/": Path(__file__).parent / "sol"}
"""`Unit.roots` of this package's own sources: the glue a peer needs and its package lacks."""

_SOLC_WRAPPER: Final = Path("scripts/_build/solc.cjs")
_CACHE: Final = Path("build/peers")
# A comment, or a string: matched so that the slashes inside it start no comment.
_COMMENT_OR_STRING: Final = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.DOTALL)
_IMPORT: Final = re.compile(r"^\s*import\s+(?:[^'\";]*?\bfrom\s+)?['\"]([^'\"]+)['\"]", re.MULTILINE)
_SELECTION: Final = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences"]


class PeerError(TaskError):
    """A peer could not be compiled, deployed or driven; its rows carry the message as reason."""


@dataclass(frozen=True)
class Unit:
    """What to compile, and how.

    `compiler` is the npm package of the compiler, `contracts` maps contract name to source unit
    (libraries to be linked included), `remappings` maps an import prefix to a source unit prefix,
    `roots` a source unit prefix to a folder outside `node_modules`.
    """

    name: str
    compiler: str
    settings: Mapping[str, Any]
    contracts: Mapping[str, str]
    remappings: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """ABI and creation code of one contract.

    `bytecode` is hex without 0x and still holds placeholders where `links` says so: for each
    `source:Library` the offsets, in bytes, of 20-byte addresses.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    links: Mapping[str, tuple[int, ...]]


def package_version(project: Path, package: str) -> str:
    """Version of an npm package installed in `project`, or a `UsageError` when it is not there."""
    manifest = project / "node_modules" / package / "package.json"
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        raise UsageError(f"npm package {package} is not in {project / 'node_modules'}: run `make setup`") from None


def compile_unit(
    unit: Unit, project: Path, *, on_compile: Callable[[str], None] = lambda _: None
) -> dict[str, Artifact]:
    """Artifacts of `unit.contracts` by name, from the cache or freshly compiled.

    `on_compile` is told what is being compiled, and is not called on a cache hit. Raises
    `UsageError` when a package is missing and `PeerError` when the sources do not compile.
    """
    compiler = package_version(project, unit.compiler)
    request = _standard_json(unit, project)
    digest = hashlib.sha256(json.dumps([compiler, request], sort_keys=True).encode("utf-8")).hexdigest()
    cached = project / _CACHE / f"{unit.name}-{digest[:24]}.json"
    try:
        stored = json.loads(cached.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        on_compile(f"{unit.name}: {len(request['sources'])} sources, solc {compiler}")
        stored = _select(unit, _run_solc(unit, request, project))
        _write_atomically(cached, json.dumps(stored))
    return {
        name: Artifact(
            name,
            entry["abi"],
            entry["bytecode"],
            {library: tuple(offsets) for library, offsets in entry["links"].items()},
        )
        for name, entry in stored.items()
    }


# ------------------------------------------------------------------------------------- sources


def _standard_json(unit: Unit, project: Path) -> dict[str, Any]:
    selection: dict[str, dict[str, list[str]]] = {}
    for name, source in unit.contracts.items():
        selection.setdefault(source, {})[name] = _SELECTION
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted(_closure(unit, project).items())},
        "settings": {
            **unit.settings,
            "remappings": [f"{prefix}={target}" for prefix, target in unit.remappings.items()],
            "outputSelection": selection,
        },
    }


def _closure(unit: Unit, project: Path) -> dict[str, str]:
    """Every source the unit's contracts import, directly or not, by source unit name."""
    sources: dict[str, str] = {}
    todo = list(unit.contracts.values())
    while todo:
        name = todo.pop()
        if name in sources:
            continue
        sources[name] = _read(name, unit, project)
        todo += [_resolve(target, name, unit.remappings) for target in _imports(sources[name])]
    return sources


def _imports(source: str) -> list[str]:
    """Import paths of a source, as written, comments left out."""
    code = _COMMENT_OR_STRING.sub(lambda m: "" if m[0].startswith("/") else m[0], source)
    return _IMPORT.findall(code)


def _read(name: str, unit: Unit, project: Path) -> str:
    path = project / "node_modules" / name
    for prefix, folder in unit.roots.items():
        if name.startswith(prefix):
            path = folder / name.removeprefix(prefix)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{unit.name}: source {path} is missing: run `make setup`") from None


def _resolve(target: str, importer: str, remappings: Mapping[str, str]) -> str:
    """Source unit name of an import, by the compiler's rules (longest remapped prefix wins)."""
    if target.startswith("."):
        parts: list[str] = list(PurePosixPath(importer).parent.parts)
        for part in PurePosixPath(target).parts:
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        return "/".join(parts)
    for prefix in sorted(remappings, key=len, reverse=True):
        if target.startswith(prefix):
            return remappings[prefix] + target.removeprefix(prefix)
    return target


# ------------------------------------------------------------------------------------ compiler


def _run_solc(unit: Unit, request: Mapping[str, Any], project: Path) -> dict[str, Any]:
    command = ["node", str(project / _SOLC_WRAPPER), "--standard-json"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            cwd=project,
            env={**os.environ, "BALLAST_SOLC_PACKAGE": unit.compiler},
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("`node` is not on PATH: install Node.js 18 or newer") from None
    if done.returncode != 0:
        raise PeerError(f"{unit.name}: {done.stderr.strip() or 'the compiler failed'}")
    output: dict[str, Any] = json.loads(done.stdout)
    faults = [e for e in output.get("errors", []) if e["severity"] == "error"]
    if faults:
        first = " ".join(faults[0].get("formattedMessage", faults[0]["message"]).split())
        raise PeerError(f"{unit.name}: {len(faults)} compile error(s), the first: {first}")
    return output


def _select(unit: Unit, output: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for name, source in unit.contracts.items():
        try:
            contract = output["contracts"][source][name]
        except KeyError:
            raise PeerError(f"{unit.name}: {source} defines no contract {name}") from None
        bytecode = contract["evm"]["bytecode"]
        stored[name] = {
            "abi": contract["abi"],
            "bytecode": bytecode["object"],
            "links": {
                f"{file}:{library}": [spot["start"] for spot in spots]
                for file, libraries in bytecode["linkReferences"].items()
                for library, spots in libraries.items()
            },
        }
    return stored


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
