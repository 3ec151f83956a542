"""Runs commands in a folder of their own, with no settings from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ballast.chain.anvil import Anvil
from ballast.cli import run

__all__ = ["Result", "Shell", "empty_node", "node", "shell"]


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, standard output, lines of standard error."""

    code: int
    out: str
    err: list[str]


class Shell:
    """Runs commands in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Result:
        self._capture.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self._capture.readouterr()
        return Result(code, captured.out, captured.err.splitlines())

    def refuses(self, *arguments: object) -> str:
        """The one line of a refusal: exit 2, one line on stderr, nothing on stdout."""
        result = self(*arguments)
        assert result.code == 2, result
        assert result.out == ""
        assert len(result.err) == 1, result.err
        assert result.err[0].startswith("ballast: ")
        return result.err[0]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BALLAST_"):
            monkeypatch.delenv(name)
    return Shell(capsys)


@pytest.fixture(scope="session")
def empty_node() -> Iterator[Anvil]:
    with Anvil() as running:
        yield running


@pytest.fixture
def node(empty_node: Anvil) -> Iterator[Anvil]:
    """An empty local chain, rolled back after the test."""
    snapshot = empty_node.rpc("evm_snapshot")
    yield empty_node
    empty_node.rpc("evm_revert", snapshot)
