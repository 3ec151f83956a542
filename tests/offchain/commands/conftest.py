"""A chain with a few accounts of different shapes, and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.local import LocalChain
from ballast.cli import run
from ballast.testing import START
from tests.offchain.commands.shell import empty_node, node, shell

__all__ = ["Ballast", "Ledger", "Ran", "empty_node", "node", "shell"]


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout and the lines of stderr."""

    code: int
    out: str
    complaints: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ballast = Callable[..., Ran]


@pytest.fixture
def ballast(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ballast:
    """Runs ``ballast`` with arguments, in this process, free of the environment's settings."""
    for name in ("RPC", "DEPLOYMENT", "DATABASE_URL"):
        monkeypatch.delenv(f"BALLAST_{name}", raising=False)

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err.splitlines())

    return call


@dataclass(frozen=True)
class Ledger:
    """Accounts by what they hold; ``options`` lead a command to the chain."""

    chain: LocalChain
    saver: int
    long: int
    borrower: int
    hedged: int
    options: tuple[str, ...]
    deployment: Path


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A saver, a leveraged long, a borrower and a hedged account of the PORTFOLIO model, on a chain of their own."""
    deployment = tmp_path_factory.mktemp("deployment") / "local.json"
    with LocalChain(held_at=START) as chain:
        saver = chain.open("saver", 0, {"USDC": "500000"})
        long = chain.open("long", 2, {"USDC": "4000"})
        borrower = chain.open("borrower", 0, {"ETH": "10"})
        hedged = chain.open("hedged", 0, {"USDC": "4000", "ETH": "3"})
        chain.fill(saver, long, "ETH-PERP", "6")
        chain.fill(saver, hedged, "ETH-PERP", "-4")
        chain.fill(saver, hedged, "BTC-PERP", "0.1")
        chain.choose_model(hedged, 1)
        chain.withdraw(borrower, "USDC", "9000.25")
        chain.mine(3)
        chain.deployment.save(deployment)
        options = ("--rpc", chain.url, "--deployment", str(deployment))
        yield Ledger(chain, saver, long, borrower, hedged, options, deployment)
