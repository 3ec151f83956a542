"""Runs solc (native, or npm's behind the same name) on one standard JSON input."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ballast.errors import BuildError, UsageError
from scripts._build.settings import CompilerSettings
from scripts._build.sources import Source
from scripts._build.toolchain import SOLCX_FOLDER

__all__ = ["Compiler", "find_compiler"]

OUTPUT = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences"]
OUTPUT += ["evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"]

#: Warnings that say nothing here: transient storage is cleared by hand at the end of every call,
#: and the build checks code sizes itself.
IGNORED_WARNINGS = {"2394", "5574"}


class Compiler:
    """One solc binary with the project's settings."""

    def __init__(self, binary: Path, settings: CompilerSettings) -> None:
        self.binary = binary
        self.settings = settings
        #: Such as ``0.8.30+commit.73712a01``: without the platform, which does not change bytecode.
        self.version = self._ask_version()

    def _ask_version(self) -> str:
        try:
            answer = subprocess.run([str(self.binary), "--version"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise UsageError(f"{self.binary}: does not run ({error}); run `make setup`") from None
        match = re.search(r"Version: (\d+\.\d+\.\d+\+commit\.\w+)", answer)
        if match is None:
            raise UsageError(f"{self.binary}: prints no version; run `make setup`")
        return match[1]

    def input(self, sources: Iterable[Source], selection: dict[str, Any]) -> dict[str, Any]:
        """A standard JSON input with all contents inline."""
        settings = self.settings.standard_json() | {"outputSelection": selection}
        contents = {source.name: {"content": source.content} for source in sources}
        return {"language": "Solidity", "sources": contents, "settings": settings}

    def run(self, standard_input: dict[str, Any]) -> dict[str, Any]:
        """Compiles; ``BuildError`` carries the compiler's own message when there are errors."""
        process = subprocess.run(
            [str(self.binary), "--standard-json"],
            input=json.dumps(standard_input),
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            output: dict[str, Any] = json.loads(process.stdout)
        except ValueError:
            said = process.stderr.strip().splitlines() or ["no output"]
            raise UsageError(f"{self.binary}: {said[-1][:300]}; run `make setup`") from None
        errors = [e for e in output.get("errors", []) if e.get("severity") == "error"]
        if errors:
            raise BuildError("\n".join(_message(error) for error in errors))
        return output

    def warnings(self, output: dict[str, Any]) -> list[str]:
        """The compiler's warnings about our own sources, not about npm's."""
        return [
            _message(item)
            for item in output.get("errors", [])
            if item.get("errorCode") not in IGNORED_WARNINGS
            and not item.get("sourceLocation", {}).get("file", "").startswith("node_modules/")
        ]


def _message(item: dict[str, Any]) -> str:
    return str(item.get("formattedMessage") or item.get("message")).strip()


def find_compiler(settings: CompilerSettings) -> Compiler:
    """The compiler that set-up installed; ``UsageError`` where there is none."""
    binary = SOLCX_FOLDER / f"solc-v{settings.version}"
    if not binary.exists():
        raise UsageError(f"solc {settings.version}: no compiler in {SOLCX_FOLDER}; run `make setup`")
    return Compiler(binary, settings)
