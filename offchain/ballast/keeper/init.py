"""A keeper's first configuration: every setting with what it means, at its default."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from ballast.errors import UsageError
from ballast.keeper.settings import KeeperSettings

__all__ = ["template", "write_config"]

_SECTIONS = (
    ("rpc", "Where: chain, deployment, index. Paths are relative to this file."),
    (
        "account",
        "Who signs. A keystore file (make one with `ballast keeper init --keystore FILE`, or\n"
        "# `ape accounts generate ALIAS` and write ALIAS). Without it the keeper runs in paper mode.\n"
        "# The passphrase never stands here: passphrase_file, or the variable BALLAST_PASSPHRASE.",
    ),
    ("duties", "What it does: liquidate (earns), sync and settle (services that cost gas)."),
    ("priority_fee_gwei", "Gas."),
    ("service_max_fee_gwei", "Services: when, and up to which fee."),
    ("poll_seconds", "Running."),
)

#: Shown, commented out, where a setting has no default.
_EXAMPLES: dict[str, Any] = {
    "rpc": "http://127.0.0.1:8545",
    "deployment": "deployments/local.json",
    "database_url": "sqlite:///.data/ballast.sqlite",
    "chain_id": 31337,
    "account": "keeper.json",
    "passphrase_file": "keeper.pass",
    "liquidator": "0xOWNER:INDEX",
    "priority_fee_gwei": Decimal("0.1"),
    "native_price_usdc": Decimal("3000"),
    "paper_file": "paper.jsonl",
}


def template(values: dict[str, Any] | None = None) -> str:
    """A TOML file with every setting; ``values`` are set, the others stand at their default or are
    commented out."""
    values = values or {}
    headings = dict(_SECTIONS)
    lines = ["# A keeper of Ballast: `ballast keeper check` decides once, `ballast keeper run` works."]
    for name, field in KeeperSettings.model_fields.items():
        if name in headings:
            lines += ["", f"# {'-' * 60}", f"# {headings[name]}", ""]
        lines.append(f"# {field.description or name.replace('_', ' ')}")
        if name in values:
            lines.append(f"{name} = {_toml(values[name])}")
        elif field.default is None:
            lines.append(f"# {name} = {_toml(_EXAMPLES[name])}")
        else:
            lines.append(f"{name} = {_toml(field.default)}")
    return "\n".join(lines) + "\n"


def write_config(path: Path, values: dict[str, Any], *, force: bool) -> None:
    """Writes the template; ``UsageError`` where a file is there and ``force`` is not given."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, flags, 0o644)
    except FileExistsError:
        raise UsageError(f"{path}: is there already; name another file, or replace it with --force") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(template(values))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
