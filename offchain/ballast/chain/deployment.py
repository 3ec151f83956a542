"""The deployment file ``deployments/<network>.json``: all an outside program needs to find the
contracts."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ballast import units
from ballast.errors import UsageError

__all__ = ["Deployment", "TokenEntry", "write_atomically"]


def _address(value: Any) -> str:
    try:
        return units.parse_address(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


AddressText = Annotated[str, BeforeValidator(_address)]
_Count = Annotated[int, Field(ge=0, strict=True)]


class TokenEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    address: AddressText
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)]


class Deployment(BaseModel):
    """Addresses of one deployment.

    ``tokens`` and ``feeds`` are keyed by collateral symbol, ``underlyings`` maps a symbol to the
    router's asset id, ``instruments`` an instrument's name to its number. ``contracts["Vault"]`` is
    what holds the tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain_id: Annotated[int, Field(gt=0, strict=True)]
    start_block: _Count
    contracts: dict[str, AddressText]
    tokens: dict[str, TokenEntry]
    underlyings: dict[str, _Count]
    instruments: dict[str, _Count]
    feeds: dict[str, AddressText]
    surface_signers: list[AddressText]

    @classmethod
    def load(cls, path: str | Path) -> Deployment:
        """Reads a deployment file; ``UsageError`` says what is missing or wrong in it."""
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"{path}: no deployment file; run `ballast up` or `ballast deploy`, or name another"
            ) from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: not a whole deployment file ({error}); deploy again") from None
        try:
            found = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise UsageError(f"{path}: {where}: {message}; deploy again") from None
        for name in ("Clearinghouse", "OracleRouter", "MarginEngine"):
            if name not in found.contracts:
                raise UsageError(f"{path}: contracts.{name}: missing; deploy again")
        return found

    def save(self, path: str | Path) -> None:
        """Writes the file in one step: a reader sees the old one or the new one, never half of
        it."""
        write_atomically(Path(path), json.dumps(self.model_dump(), indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Replaces ``path`` by a synced file with this text; ``UsageError`` where there can be none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give another place") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
