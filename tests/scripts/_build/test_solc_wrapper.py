"""npm's compiler behind the command line that tools expect of a native one."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from scripts._build.settings import ROOT, load_settings
from scripts._build.toolchain import SOLCX_FOLDER

WRAPPER = ["node", str(ROOT / "scripts" / "_build" / "solc.cjs")]
LAUNCHER = [str(SOLCX_FOLDER / f"solc-v{load_settings().version}")]
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;
import {IERC20} from "node_modules/@openzeppelin/contracts/token/ERC20/IERC20.sol";
contract A { function f(IERC20 token) external view returns (uint256) {
    require(msg.sender != address(this));
    return token.balanceOf(msg.sender);
} }
"""


def standard_input(*selected: str, copies: int = 1) -> str:
    """A standard JSON input; ``copies`` makes the answer as large as wanted."""
    sources = {f"A{i}.sol": {"content": SOURCE} for i in range(copies)}
    selection = {name: {"*": list(selected), "": ["ast"]} for name in sources}
    settings = {"outputSelection": selection, "evmVersion": "cancun"}
    return json.dumps({"language": "Solidity", "sources": sources, "settings": settings})


def run(command: list[str], text: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


@pytest.mark.parametrize("command", [WRAPPER, LAUNCHER], ids=["wrapper", "launcher"])
def test_version__asked__matches_what_tools_look_for(command: list[str]) -> None:
    answer = run([*command, "--version"])
    assert answer.returncode == 0
    assert re.search(r"Version: 0\.8\.30\+commit\.\w+\.Linux\.g\+\+", answer.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--standard-json", "--base-path", str(ROOT)], id="separate value"),
        pytest.param([f"--base-path={ROOT}", "--standard-json", "-"], id="key=value and a dash"),
    ],
)
def test_standard_json__large_answer__arrives_whole_with_signed_ids(arguments: list[str]) -> None:
    answer = run([*WRAPPER, *arguments], standard_input("abi", copies=60))
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout) > 300_000
    output = json.loads(answer.stdout)
    assert [e for e in output.get("errors", []) if e["severity"] == "error"] == []
    ids = [int(n) for n in re.findall(r'"referencedDeclaration": ?(-?\d+)', answer.stdout)]
    assert -15 in ids  # msg
    assert max(ids) < 2**31


def test_launcher__base_path_elsewhere__finds_npm_sources_in_the_project(tmp_path: Path) -> None:
    answer = run([*LAUNCHER, "--standard-json", "--base-path", str(tmp_path)], standard_input("abi"))
    output = json.loads(answer.stdout)
    assert [e for e in output.get("errors", []) if e["severity"] == "error"] == []
    assert output["contracts"]["A0.sol"]["A"]["abi"][0]["name"] == "f"


def test_standard_json__import_missing__answer_names_it_and_exit_is_zero(tmp_path: Path) -> None:
    answer = run([*WRAPPER, "--standard-json", f"--base-path={tmp_path}"], standard_input("abi"))
    assert answer.returncode == 0
    assert "File not found: node_modules/@openzeppelin" in answer.stdout


def test_arguments__unknown_option__one_line_and_exit_one() -> None:
    answer = run([*WRAPPER, "--bin", "x.sol"])
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "unknown option --bin" in answer.stderr
