"""``python -m scripts._build.slither [slither's options]``: static analysis from our build-info.

Exits 0 when every finding of high or medium impact in our own contracts is explained in
docs/security-findings.toml, 1 naming those that are not, 2 where that file is malformed. Contracts of
npm packages and of contracts/test are left out. ``--table`` prints the explanations as the table of
docs/security.md and analyses nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ballast.errors import BallastError, BuildError
from scripts._build.__main__ import BUILD_FOLDER
from scripts._build.buildinfo import write_build_info
from scripts._build.compiler import find_compiler
from scripts._build.settings import ROOT, load_settings
from scripts._build.triage import Explanation, load_explanations, read_findings, table, triage

__all__ = ["EXPLAINED", "main", "verdict"]

EXPLAINED = ROOT / "docs" / "security-findings.toml"

# Hardhat's reader is the one that takes a build-info file without any tool of the framework.
_OPTIONS = ["--ignore-compile", "--compile-force-framework", "hardhat", "--npx-disable"]
_OPTIONS += ["--hardhat-artifacts-directory", "."]
_OPTIONS += ["--exclude-dependencies", "--filter-paths", "node_modules|contracts/test"]
_OPTIONS += ["--exclude-low", "--exclude-informational", "--exclude-optimization", "--fail-none"]


def _project() -> Path:
    """A folder that slither takes for a Hardhat project: ours, with nothing but links in it."""
    folder = BUILD_FOLDER / "slither"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hardhat.config.js").touch()
    for target in (BUILD_FOLDER / "build-info", ROOT / "contracts", ROOT / "node_modules"):
        link = folder / target.name
        if not link.is_symlink():
            link.symlink_to(target)
    return folder


def _analyse(options: Sequence[str]) -> dict[str, Any]:
    """What slither found, as it writes it; ``BuildError`` where it did not get that far."""
    write_build_info(find_compiler(load_settings()), BUILD_FOLDER / "build-info")
    output = BUILD_FOLDER / "slither.json"
    output.unlink(missing_ok=True)  # slither does not overwrite
    command = [str(Path(sys.prefix) / "bin" / "slither"), str(_project()), *_OPTIONS, "--json", str(output), *options]
    try:
        run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    except OSError as error:
        raise BuildError(f"slither does not start: {error}; run `make setup`") from None
    document: dict[str, Any] = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    if run.returncode != 0 or not document.get("success"):
        lines = str(document.get("error") or run.stderr or "no output").strip().splitlines()
        raise BuildError(f"slither failed with {run.returncode}: {lines[-1]}")
    return document


def verdict(document: dict[str, Any], explanations: Sequence[Explanation], source: str) -> int:
    """Says what is explained, names on stderr what is not; the exit code."""
    findings = read_findings(document)
    result = triage(findings, explanations)
    for detector, place in result.unused:
        print(f"slither: no longer found, remove it from {source}: {detector} at {place}", file=sys.stderr)
    for finding in result.unexplained:
        print(
            f"slither: {finding.impact.lower()}, not explained in {source}: {finding.detector} at {finding.place}",
            file=sys.stderr,
        )
    print(
        f"slither: {len(findings)} places of high or medium impact, "
        f"{len(findings) - len(result.unexplained)} explained in {source}"
    )
    return 1 if result.unexplained else 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = list(sys.argv[1:] if arguments is None else arguments)
    try:
        explanations = load_explanations(EXPLAINED)
        if options == ["--table"]:
            print(table(explanations), end="")
            return 0
        return verdict(_analyse(options), explanations, str(EXPLAINED.relative_to(ROOT)))
    except BallastError as error:
        print(f"ballast: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
