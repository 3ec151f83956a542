"""``ballast doctor``: what is there, what is not, and how to mend it."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click
from rich.table import Table

from ballast.chain.anvil import find_anvil
from ballast.chain.artifacts import artifact, artifact_names
from ballast.chain.deployment import Deployment
from ballast.chain.protocol import Protocol
from ballast.chain.rpc import connect, hide_secrets
from ballast.commands.options import (
    LOCAL_RPC,
    deployment_option,
    json_option,
    print_json,
    rpc_option,
    stdout_console,
)
from ballast.config import Settings, load_settings
from ballast.errors import BallastError, UsageError

__all__ = ["Finding", "command", "examine"]

State = Literal["ok", "missing", "warning"]

_PYTHON = ((3, 11), (3, 13))
_PACKAGES = ("web3", "eth-account", "numpy", "pydantic", "click", "SQLAlchemy")
_TREE_PACKAGES = ("eth-ape", "ape-solidity", "ape-foundry", "py-solc-x")
_FREE_BYTES = 2 * 2**30
_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """``needed``: without it ballast does not work here at all."""

    what: str
    state: State
    found: str
    mend: str = ""
    needed: bool = False


def examine(rpc: str | None, deployment: Path | None, settings: Settings) -> list[Finding]:
    """All findings, in the order of the table."""
    tree = _source_tree()
    found = [_python(), _contracts(tree), _anvil()]
    if tree is not None:
        found += [_node(), _compiler(tree)]
    found += _packages(_PACKAGES, needed=True)
    if tree is not None:
        found += _packages(_TREE_PACKAGES, needed=False)
    url = rpc or settings.rpc or LOCAL_RPC
    found.append(_rpc(url, settings.rpc_timeout))
    reachable = found[-1].state == "ok"
    found.append(_deployment(deployment or settings.deployment, url if reachable else None))
    found.append(_disk())
    return found


def _source_tree() -> Path | None:
    """The folder of the source tree that this package runs from, None where it is installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "contracts").is_dir() and (root / "ape-config.yaml").exists() else None


# ------------------------------------------------------------ findings


def _python() -> Finding:
    low, high = _PYTHON
    good = low <= sys.version_info[:2] < high
    said = f"{platform.python_version()} at {sys.executable}"
    wanted = f"{low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
    mend = "" if good else f"install Python {wanted} and run `make setup`"
    return Finding("python", "ok" if good else "warning", said, mend, needed=True)


def _contracts(tree: Path | None) -> Finding:
    names = artifact_names()
    mend = "run `make setup`" if tree is not None else "install the wheel again"
    try:
        artifact("Clearinghouse")
    except UsageError as error:
        return Finding("contracts", "missing", str(error), mend, needed=True)
    return Finding("contracts", "ok", f"{len(names)} artifacts", needed=True)


def _anvil() -> Finding:
    try:
        path = find_anvil()
        return Finding("anvil", "ok", f"{_version_of(path)} at {path}", needed=True)
    except UsageError as error:
        mend = "run `make setup`, or install npm's @foundry-rs/anvil"
        return Finding("anvil", "missing", str(error), mend, needed=True)


def _node() -> Finding:
    path = shutil.which("node")
    if path is None:
        return Finding("node", "missing", "not on the PATH", "install Node.js 18 or newer")
    return Finding("node", "ok", f"{_version_of(Path(path))} at {path}")


def _compiler(tree: Path) -> Finding:
    found = sorted((Path(sys.prefix) / "solcx").glob("solc-v*"))
    if not found:
        mend = "run `make setup`"
        return Finding("solc", "missing", f"none in {Path(sys.prefix) / 'solcx'}", mend)
    # Set-up writes there what it put there; a bare binary is somebody's own.
    said = re.search(rb"# (\w+) solc", found[-1].read_bytes()[:200])
    kind = said[1].decode() if said is not None else "native"
    if kind == "npm" and not (tree / "node_modules" / "solc").is_dir():
        return Finding("solc", "missing", "npm's solc is gone", "run `make setup`")
    return Finding("solc", "ok", f"{found[-1].name.removeprefix('solc-v')} ({kind})")


def _version_of(binary: Path) -> str:
    try:
        answer = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "does not run"
    first = answer.stdout.strip().splitlines()[0] if answer.stdout.strip() else "unknown"
    return first.removeprefix("anvil ").removeprefix("Version: ")


def _packages(names: tuple[str, ...], *, needed: bool) -> Iterator[Finding]:
    for name in names:
        try:
            yield Finding(name, "ok", version(name), needed=needed)
        except PackageNotFoundError:
            yield Finding(name, "missing", "not installed", "run `make setup`", needed)


def _attempt(what: str, mend: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", look())
    except BallastError as error:
        return Finding(what, "missing", str(error), mend)


def _rpc(url: str, timeout: float) -> Finding:
    def look() -> str:
        w3 = connect(url, timeout=min(timeout, _SECONDS))
        return f"chain {w3.eth.chain_id}, block {w3.eth.block_number} at {hide_secrets(url)}"

    return _attempt("rpc", "start one with `ballast up`, or set BALLAST_RPC", look)


def _deployment(path: Path, url: str | None) -> Finding:
    def look() -> str:
        found = Deployment.load(path)
        said = f"{path}: chain {found.chain_id}, {len(found.instruments)} instruments"
        if url is None:
            return said + ", not compared: no node"
        Protocol(connect(url), found)
        return said

    return _attempt("deployment", "run `ballast up` or `ballast deploy`", look)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    said = f"{free / 2**30:.1f} GiB free in {Path.cwd()}"
    if free < _FREE_BYTES:
        return Finding("disk", "warning", said, f"free {_FREE_BYTES // 2**30} GiB")
    return Finding("disk", "ok", said)


# ------------------------------------------------------------ command


@click.command(name="doctor")
@rpc_option
@deployment_option
@json_option
@click.pass_context
def command(context: click.Context, rpc: str | None, deployment: Path | None, as_json: bool) -> None:
    """Show what is installed and running, what is not, and how to mend it.

    Exits with 1 where something is missing that nothing works without; a node and a deployment
    are only needed by the commands that use them.

    \b
    Example:
      ballast doctor --rpc http://127.0.0.1:8545
    """
    findings = examine(rpc, deployment, load_settings())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.needed and finding.state == "missing" for finding in findings):
        context.exit(1)


def _print(findings: list[Finding]) -> None:
    table = Table(title="ballast doctor")
    for name in ("what", "state", "found", "how to mend it"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(finding.what, finding.state, finding.found, finding.mend)
    stdout_console().print(table)
