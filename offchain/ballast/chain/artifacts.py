"""ABI and bytecode of our contracts, as the build left them inside the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ballast.errors import UsageError

__all__ = ["Artifact", "artifact_names", "load_abi", "load_artifact"]

_FOLDER = files("ballast") / "abi"
_ADVICE = "run `make setup` (a source tree) or reinstall the wheel"


@dataclass(frozen=True)
class Artifact:
    """One contract. ``bytecode`` is creation code as ``0x`` hex, ``0x`` for an interface.

    ``link_references`` maps source -> library -> places ({"start", "length"}, in bytes) that still
    hold a placeholder; it is empty for almost every contract.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    link_references: dict[str, dict[str, list[dict[str, int]]]] = field(default_factory=dict)

    @property
    def deployable(self) -> bool:
        return self.bytecode != "0x"

    def linked(self, libraries: Mapping[str, str]) -> str:
        """Creation code with the addresses of ``libraries`` (name -> ``0x`` address) put in.

        Raises ``UsageError`` for an interface, and where a library's address is missing.
        """
        if not self.deployable:
            raise UsageError(f"{self.name}: has no bytecode; it is an interface")
        code = bytearray.fromhex(self._without_placeholders())
        for places_by_name in self.link_references.values():
            for library, places in places_by_name.items():
                if library not in libraries:
                    raise UsageError(f"{self.name}: needs the address of library {library}")
                address = bytes.fromhex(libraries[library].removeprefix("0x"))
                if len(address) != 20:
                    raise UsageError(f"{self.name}: {library}: {libraries[library]}: no address")
                for place in places:
                    code[place["start"] : place["start"] + place["length"]] = address
        return "0x" + code.hex()

    def _without_placeholders(self) -> str:
        """The code as pure hex: ``__$…$__`` is as long as the address that replaces it."""
        code = self.bytecode.removeprefix("0x")
        for places_by_name in self.link_references.values():
            for places in places_by_name.values():
                for place in places:
                    start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                    code = code[:start] + "0" * (end - start) + code[end:]
        return code


def artifact_names() -> list[str]:
    """Names of all contracts that were built, sorted; empty before the build."""
    if not _FOLDER.is_dir():
        return []
    found = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


@cache
def load_artifact(name: str) -> Artifact:
    """The artifact of contract ``name``; the result is shared, so do not change it.

    Raises ``UsageError`` when the build has not run, knows no such contract, or left half a file.
    """
    try:
        content = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        return Artifact(
            name, content["abi"], content["bytecode"], content.get("linkReferences", {})
        )
    except (FileNotFoundError, NotADirectoryError):
        known = artifact_names()
        if not known:
            raise UsageError(f"artifact {name}: contracts are not built; {_ADVICE}") from None
        raise UsageError(
            f"artifact {name}: no such contract among the {len(known)} built; {_ADVICE}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"artifact {name}: damaged file ({error!r}); {_ADVICE}") from None


def load_abi(name: str) -> list[dict[str, Any]]:
    """The ABI of contract ``name``; errors as in ``load_artifact``."""
    return load_artifact(name).abi
