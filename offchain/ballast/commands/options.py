"""What commands share: options, output, signers and connections."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from ballast.chain.deployment import Deployment
from ballast.chain.protocol import Protocol
from ballast.chain.rpc import connect
from ballast.chain.signers import KeySigner, anvil_accounts, load_keystore, open_keystore
from ballast.config import Settings, load_settings
from ballast.errors import UsageError

__all__ = [
    "LOCAL_CHAIN_ID",
    "LOCAL_RPC",
    "account_options",
    "deployment_option",
    "json_option",
    "open_protocol",
    "open_signer",
    "print_json",
    "rpc_option",
    "stderr_console",
    "stdout_console",
]

LOCAL_RPC = "http://127.0.0.1:8545"
LOCAL_CHAIN_ID = 31337
_PIPE_WIDTH = 160

_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(function: _F) -> _F:
    """``--json``: machine output on stdout."""
    option = click.option("--json", "as_json", is_flag=True, help="Machine output on stdout.")
    return option(function)


def rpc_option(function: _F) -> _F:
    """``--rpc URL``; without it BALLAST_RPC decides."""
    return click.option("--rpc", metavar="URL", help="The node (default: BALLAST_RPC).")(function)


def deployment_option(function: _F) -> _F:
    """``--deployment FILE``; without it BALLAST_DEPLOYMENT or deployments/local.json."""
    return click.option(
        "--deployment",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Deployment file (default: BALLAST_DEPLOYMENT, else deployments/local.json).",
    )(function)


def account_options(function: _F) -> _F:
    """``--account`` and ``--passphrase-file``. There is no option that takes a key."""
    function = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="File with the keystore's passphrase (else BALLAST_PASSPHRASE, else a prompt).",
    )(function)
    return click.option(
        "--account",
        metavar="ALIAS|PATH",
        help="Keystore file, or alias of an ape account (default: BALLAST_ACCOUNT).",
    )(function)


def open_signer(
    account: str | None,
    passphrase_file: Path | None,
    chain_id: int,
    settings: Settings | None = None,
) -> KeySigner | None:
    """The signer that options and settings name, None where they name none.

    On a local chain (31337) that is anvil's account 0. ``UsageError`` for a bad keystore or
    passphrase.
    """
    settings = settings or load_settings()
    account = account or settings.account
    if account is None:
        return KeySigner(anvil_accounts(1)[0]) if chain_id == LOCAL_CHAIN_ID else None
    path, content = load_keystore(account)
    return open_keystore(path, content, _passphrase(path, passphrase_file, settings))


def _passphrase(path: Path, file: Path | None, settings: Settings) -> str:
    file = file or settings.passphrase_file
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"passphrase file {file}: cannot be read ({error})") from None
    if settings.passphrase is not None:
        return settings.passphrase.get_secret_value()
    if (given := os.environ.get(f"APE_ACCOUNTS_{path.stem}_PASSPHRASE")) is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"account {path}: no passphrase; set BALLAST_PASSPHRASE or give --passphrase-file")
    answer: str = click.prompt(f"Passphrase of {path.name}", hide_input=True, err=True)
    return answer


def open_protocol(rpc: str | None, deployment: Path | None) -> Protocol:
    """The deployed contracts behind options and settings; ``UsageError`` where one is wrong."""
    settings = load_settings()
    found = Deployment.load(deployment or settings.deployment)
    url = rpc or settings.rpc or LOCAL_RPC
    return Protocol(connect(url, timeout=settings.rpc_timeout), found)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, default=str))


def stdout_console() -> Console:
    """For tables; wide enough for addresses where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def stderr_console() -> Console:
    """For progress and notices: stdout belongs to the result."""
    return Console(stderr=True, highlight=False)
