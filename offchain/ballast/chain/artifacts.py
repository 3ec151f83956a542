"""ABI and bytecode of our contracts, as the build left them inside the package."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

from ballast.errors import UsageError

__all__ = ["Artifact", "artifact", "artifact_names"]

_FOLDER = files("ballast") / "abi"
_ADVICE = "run `make setup` (a source tree) or reinstall the wheel"


class Artifact(TypedDict):
    """One contract. ``bytecode`` is creation code as ``0x`` hex, ``0x`` for an interface."""

    abi: list[dict[str, Any]]
    bytecode: str


def artifact_names() -> list[str]:
    """Names of all contracts that were built, sorted; empty before the build."""
    if not _FOLDER.is_dir():
        return []
    found = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


@cache
def artifact(name: str) -> Artifact:
    """The artifact of contract ``name``; the result is shared, so do not change it.

    Raises ``UsageError`` when the build has not run, knows no such contract, or left half a file.
    """
    try:
        content = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        return Artifact(abi=content["abi"], bytecode=content["bytecode"])
    except (FileNotFoundError, NotADirectoryError):
        known = len(artifact_names())
        why = f"no such contract among the {known} built" if known else "contracts are not built"
        raise UsageError(f"artifact {name}: {why}; {_ADVICE}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"artifact {name}: damaged file ({error!r}); {_ADVICE}") from None
