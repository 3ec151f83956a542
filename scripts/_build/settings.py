"""Compiler settings, read from the `solidity` section of ape-config.yaml (their only home)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ballast.errors import UsageError

__all__ = ["EXTRA_SOURCES", "ROOT", "CompilerSettings", "load_settings"]

ROOT = Path(__file__).resolve().parents[2]

#: Library sources that we deploy unchanged, so they get an artifact like our own contracts.
EXTRA_SOURCES = ("@openzeppelin/contracts/access/manager/AccessManager.sol",)


@dataclass(frozen=True)
class CompilerSettings:
    """What decides the bytecode besides the sources. ``remappings`` are (prefix, target) pairs."""

    version: str
    evm_version: str
    optimize: bool
    runs: int
    via_ir: bool
    remappings: tuple[tuple[str, str], ...]

    def standard_json(self) -> dict[str, Any]:
        """The ``settings`` object of a standard JSON input, without an output selection."""
        settings: dict[str, Any] = {
            "evmVersion": self.evm_version,
            "optimizer": {"enabled": self.optimize, "runs": self.runs},
            "remappings": [f"{prefix}={target}" for prefix, target in sorted(self.remappings)],
        }
        if self.via_ir:
            settings["viaIR"] = True
        return settings


def load_settings(path: Path = ROOT / "ape-config.yaml") -> CompilerSettings:
    """Reads the compiler settings; ``UsageError`` names the file and the field that is wrong."""
    try:
        section = yaml.safe_load(path.read_text(encoding="utf-8"))["solidity"]
        remappings = tuple(
            (prefix, target) for prefix, target in (item.split("=", 1) for item in section["import_remapping"])
        )
        return CompilerSettings(
            version=str(section["version"]),
            evm_version=str(section["evm_version"]),
            optimize=bool(section["optimize"]),
            runs=int(section["optimization_runs"]),
            via_ir=bool(section.get("via_ir", False)),
            remappings=remappings,
        )
    except FileNotFoundError:
        raise UsageError(f"{path}: not found; it holds the compiler settings") from None
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path}: solidity: {error!r}; needs version, evm_version, optimize, optimization_runs and import_remapping"
        ) from None
