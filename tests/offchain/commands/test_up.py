"""``ballast up`` as its users run it: a process that says when it is ready, and ends without a
trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.anvil import Anvil, free_port
from ballast.chain.deployment import Deployment
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.chain.rpc import connect
from ballast.chain.verify import verify
from ballast.errors import UsageError
from ballast.testing import START
from tests.offchain.commands.shell import Shell

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-c", "from ballast.cli import main; main()", "up"]


@contextmanager
def up(folder: Path, *arguments: object) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A running `ballast up` and its ready line."""
    process = subprocess.Popen(
        [*COMMAND, *(str(argument) for argument in arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield json.loads(line), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def is_silent(url: str) -> bool:
    try:
        connect(url, timeout=2)
    except UsageError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up__stopped_by_a_signal__leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    with up(tmp_path, "--port", port) as (ready, process):
        assert ready["rpc"] == f"http://127.0.0.1:{port}"
        children = _children(process.pid)
        assert children
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert is_silent(ready["rpc"])
        assert [child for child in children if _alive(child)] == []


def test_up__ready__has_options_and_futures_that_can_be_traded(tmp_path: Path) -> None:
    with up(tmp_path, "--port", free_port()) as (ready, _):
        deployment = Deployment.load(ready["deployment"])
        listed = [name for name in deployment.instruments if name.count("-") == 3]
        assert len(listed) == 3 * 2 * 7 * 2
        assert len([name for name in deployment.instruments if name.count("-") == 1 and "PERP" not in name]) == 6
        with LocalChain(url=ready["rpc"], deployment=deployment) as chain:
            maker, taker = (chain.open(name, collateral={"USDC": 100_000}) for name in ("maker", "taker"))
            name = next(name for name in listed if name.startswith("ETH") and "-3000-" in name)
            chain.fill(maker, taker, name, 1)
            assert chain.protocol.position(taker, name) == 10**18


def test_up__killed__leaves_no_node_behind(tmp_path: Path) -> None:
    with up(tmp_path, "--port", free_port()) as (ready, process):
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while not is_silent(ready["rpc"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert is_silent(ready["rpc"])


def test_up__with_seeds__is_deployed_and_writes_the_file(tmp_path: Path) -> None:
    with up(tmp_path, "--port", free_port(), "--seed-accounts", 6) as (ready, _):
        path = tmp_path / "deployments" / "local.json"
        assert Path(ready["deployment"]) == path
        assert ready["accounts"] == 6
        deployment = Deployment.load(path)
        protocol = Protocol(connect(ready["rpc"]), deployment)
        events = protocol.house.events.Filled().get_logs(from_block=deployment.start_block)
        assert len(events) == 6  # carry trades twice
        assert protocol.mark("BTC-PERP") == 60_000 * 10**18


def test_up__other_chain_id__signs_for_that_chain(tmp_path: Path) -> None:
    with up(tmp_path, "--port", free_port(), "--chain-id", 84532) as (ready, _):
        deployment = Deployment.load(ready["deployment"])
        assert deployment.chain_id == 84532
        assert connect(ready["rpc"]).eth.chain_id == 84532


def test_up__fork_of_another_local_chain__deploys_beside_what_is_there(tmp_path: Path) -> None:
    with LocalChain(held_at=START) as upstream:
        account = upstream.open("depositor", collateral={"USDC": "123"})
        head = upstream.w3.eth.block_number
        with up(tmp_path, "--port", free_port(), "--fork", upstream.url) as (ready, _):
            w3 = connect(ready["rpc"])
            deployment = Deployment.load(ready["deployment"])
            assert deployment.start_block >= head
            assert Protocol(w3, upstream.deployment).balance(account, "USDC") == 123_000_000
            assert verify(w3, upstream.params, deployment) == []
            assert upstream.w3.eth.block_number == head


def test_up__port_in_use__is_one_line(shell: Shell, node: Anvil, tmp_path: Path) -> None:
    assert f"port {node.port}: in use" in shell.refuses("up", "--port", node.port)
    assert not (tmp_path / "deployments").exists()


def test_up__fork_of_nothing__is_one_line(shell: Shell, tmp_path: Path) -> None:
    said = shell.refuses("up", "--port", free_port(), "--fork", f"http://127.0.0.1:{free_port()}")
    assert "cannot fork from" in said
    assert not (tmp_path / "deployments").exists()


def _children(pid: int) -> list[int]:
    """Processes started by one; empty where the system does not say."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.parent.name))
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
