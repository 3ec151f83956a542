"""The command line as a whole: help answers at once, and bad usage is one line and exit 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ballast.cli import COMMANDS
from tests.offchain.commands.shell import Shell

OURS = ("up", "deploy", "doctor")


def test_help__no_command__lists_all(shell: Shell) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        result = shell(*arguments)
        assert result.code == 0
        for name in COMMANDS:
            assert name in result.out


@pytest.mark.parametrize("name", OURS)
def test_help__command__has_an_example_and_json(shell: Shell, name: str) -> None:
    result = shell(name, "--help")
    assert result.code == 0
    assert f"ballast {name}" in result.out.partition("Example:")[2]
    assert "--json" in result.out


def test_help__imports__leave_the_heavy_packages_out() -> None:
    code = (
        "import sys; from ballast.cli import run; run(['--help']);"
        "print([name for name in ('web3', 'numpy', 'sqlalchemy', 'plotly') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["up", "--nonsense"],
        ["up", "--port", "x"],
        ["up", "--port", "0"],
        ["up", "--chain-id", "0"],
        ["up", "--seed-accounts", "-1"],
        ["up", "--seed-accounts", "100000"],
        ["deploy"],
        ["doctor", "extra"],
    ],
)
def test_usage__wrong__is_one_line(shell: Shell, arguments: list[str]) -> None:
    shell.refuses(*arguments)


def test_settings__bad_variable__is_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_RPC_TIMEOUT", "-1")
    assert "BALLAST_RPC_TIMEOUT" in shell.refuses("doctor")
