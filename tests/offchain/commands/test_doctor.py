"""``ballast doctor`` tells what is there and how to mend what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ballast.chain.anvil import free_port
from ballast.chain.local import LocalChain
from ballast.testing import START
from tests.offchain.commands.shell import Shell


def test_doctor__nothing_running__names_what_is_missing_and_ends_well(shell: Shell) -> None:
    result = shell("doctor", "--json", "--rpc", f"http://127.0.0.1:{free_port()}")
    found = {row["what"]: row for row in json.loads(result.out)}
    assert result.code == 0
    assert found["python"]["state"] == "ok"
    assert found["contracts"]["state"] == "ok"
    assert found["anvil"]["found"].startswith("1.")
    assert found["web3"]["found"].startswith("7.")
    assert found["rpc"]["state"] == "missing"
    assert "ballast up" in found["rpc"]["mend"]
    assert found["deployment"]["state"] == "missing"
    assert found["disk"]["found"].endswith(str(Path.cwd()))


def test_doctor__running_chain__finds_node_and_deployment(shell: Shell) -> None:
    with LocalChain(held_at=START) as chain:
        chain.deployment.save("deployments/local.json")
        result = shell("doctor", "--json", "--rpc", chain.url)
        found = {row["what"]: row for row in json.loads(result.out)}
        assert found["rpc"]["state"] == "ok"
        assert "chain 31337" in found["rpc"]["found"]
        assert found["deployment"]["state"] == "ok"


def test_doctor__deployment_of_another_chain__says_so(shell: Shell) -> None:
    with LocalChain(held_at=START) as chain:
        chain.deployment.model_copy(update={"chain_id": 5}).save("other.json")
        result = shell("doctor", "--json", "--rpc", chain.url, "--deployment", "other.json")
    found = {row["what"]: row for row in json.loads(result.out)}
    assert found["deployment"]["state"] == "missing"
    assert "chain id is 31337" in found["deployment"]["found"]


def test_doctor__no_anvil__exits_with_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANVIL_PATH", "/no/such/anvil")
    result = shell("doctor")
    assert result.code == 1
    assert "anvil" in result.out
    assert "missing" in result.out


def test_doctor__table__has_a_row_for_each_finding(shell: Shell) -> None:
    result = shell("doctor")
    for what in ("python", "contracts", "anvil", "rpc", "deployment", "disk"):
        assert what in result.out
