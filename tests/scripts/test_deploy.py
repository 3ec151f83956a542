"""``ape run deploy`` as an ape user runs it: ape's network, ape's account, the same deployment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ballast.chain.deployment import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
APE = Path(sys.prefix) / "bin" / "ape"


def ape(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(APE), "run", "deploy", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_cli__local_network__deploys_with_the_first_test_account(tmp_path: Path) -> None:
    out = tmp_path / "local.json"
    answer = ape("--network", "ethereum:local:foundry", "--out", str(out))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "the chain is what the parameters say" in answer.stdout
    assert Deployment.load(out).chain_id == 31337


def test_cli__bad_parameters__says_what_is_wrong(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("network: local\n")
    answer = ape("--network", "ethereum:local:foundry", "--params", str(params))
    assert answer.returncode != 0
    assert f"{params}: chain: Field required" in answer.stderr + answer.stdout
