"""The local chain: it starts, answers, and is gone afterwards, whatever happens to its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ballast.chain.anvil import Anvil, _listens, find_anvil, free_port
from ballast.errors import NodeError, RpcError, UsageError

# SIGINT as in a terminal's foreground, also where this run itself is in the background
OWNER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from ballast.chain.anvil import Anvil
node = Anvil().start()
print(node.pid, node.log_path.parent, flush=True)
{then}
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except OSError:  # no /proc on this system
        return subprocess.run(["kill", "-0", str(pid)], check=False).returncode == 0


def wait_until_gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def start_owner(then: str) -> tuple[subprocess.Popen[str], int, Path]:
    """A Python process that owns a node and then does ``then``; its node's pid and folder."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(then=then)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    owner.stdout.close()
    return owner, int(pid), Path(folder)


def test_anvil__started_with_defaults__answers_with_its_settings() -> None:
    with Anvil() as node:
        block = node.rpc("eth_getBlockByNumber", "latest", False)
        assert int(node.rpc("eth_chainId"), 16) == 31337
        assert int(block["gasLimit"], 16) == 60_000_000
        assert len(node.rpc("eth_accounts")) == 10


def test_listens__socket_that_is_bound_and_does_not_listen_yet__no(tmp_path: Path) -> None:
    path = tmp_path / "node.ipc"
    assert not _listens(path)
    with socket.socket(socket.AF_UNIX) as node:
        node.bind(str(path))
        assert path.is_socket()
        assert not _listens(path)
        node.listen()
        assert _listens(path)


def test_anvil__left__process_port_and_files_are_gone() -> None:
    with Anvil(ipc=True) as node:
        pid, port, folder = node.pid, node.port, node.ipc_path.parent
        assert pid is not None
        assert is_alive(pid)
        assert node.ipc_path.exists()
    assert wait_until_gone(pid)
    assert not folder.exists()
    assert not node.running
    with Anvil(port=port) as again:
        assert again.port == port


def test_anvil__exception_inside__process_is_gone() -> None:
    def fail_inside(node: Anvil) -> None:
        with node:
            pids.append(node.pid)
            raise ZeroDivisionError

    pids: list[int | None] = []
    with pytest.raises(ZeroDivisionError):
        fail_inside(Anvil())
    (pid,) = pids
    assert pid is not None
    assert wait_until_gone(pid)


@pytest.mark.parametrize(
    ("then", "signal_number"),
    [
        pytest.param("time.sleep(60)", signal.SIGKILL, id="killed"),
        pytest.param("time.sleep(60)", signal.SIGTERM, id="terminated"),
        pytest.param("time.sleep(60)", signal.SIGINT, id="ctrl-c"),
        pytest.param("raise SystemExit(3)", None, id="exits without stopping it"),
        pytest.param("import os; os._exit(4)", None, id="exits without cleaning up"),
    ],
)
def test_anvil__owner_ends__node_does_not_outlive_it(then: str, signal_number: signal.Signals | None) -> None:
    owner, pid, folder = start_owner(then)
    try:
        if signal_number is not None:
            assert is_alive(pid)
            owner.send_signal(signal_number)
        owner.wait(10)
        assert wait_until_gone(pid)
    finally:
        owner.kill()
        owner.wait()
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()


def test_anvil__node_dies__is_noticed_and_stop_still_works() -> None:
    node = Anvil().start()
    try:
        pid = node.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until_gone(pid)
        with pytest.raises(RpcError, match="eth_chainId"):
            node.rpc("eth_chainId")
    finally:
        node.stop()
    assert node.pid is None


def test_anvil__port_in_use__usage_error_names_the_port() -> None:
    with (
        Anvil() as first,
        pytest.raises(UsageError, match=rf"port {first.port}: in use"),
    ):
        Anvil(port=first.port).start()


def test_anvil__fork_of_another_node__sees_its_state() -> None:
    account = "0x00000000000000000000000000000000000000aa"
    with Anvil() as upstream:
        upstream.rpc("anvil_setBalance", account, hex(7))
        upstream.rpc("evm_mine")
        with Anvil(fork_url=upstream.url, chain_id=None) as fork:
            assert int(fork.rpc("eth_getBalance", account, "latest"), 16) == 7
            assert fork.chain_id == 31337


def test_anvil__fork_source_unreachable__usage_error_names_it() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UsageError, match=f"cannot fork from {url}"):
        Anvil(fork_url=url).start()


def test_anvil__refuses_an_option__node_error_quotes_it() -> None:
    node = Anvil(hardfork="atlantis")
    with pytest.raises(NodeError, match="atlantis"):
        node.start()
    assert not node.running


def test_anvil__memory_limit__node_cannot_exceed_it() -> None:
    with pytest.raises(NodeError, match="ended with code"):
        Anvil(memory_limit=16 * 2**20).start()


def test_anvil__without_history__snapshots_still_revert() -> None:
    account = "0x00000000000000000000000000000000000000bb"
    with Anvil(history=False) as node:
        snapshot = node.rpc("evm_snapshot")
        node.rpc("anvil_setBalance", account, hex(5))
        for _ in range(20):
            node.rpc("evm_mine")
        assert node.rpc("evm_revert", snapshot) is True
        assert int(node.rpc("eth_getBalance", account, "latest"), 16) == 0
        assert int(node.rpc("eth_blockNumber"), 16) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70_000}, "port: 70000 is out of range"),
        ({"fork_block": 3}, "fork_block: needs fork_url"),
        ({"mining": False, "block_time": 2.0}, "block_time: does not go with mining=False"),
    ],
)
def test_anvil__contradictory_options__usage_error(options: dict[str, float | bool], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Anvil(**options)  # type: ignore[arg-type]


def test_find_anvil__named_by_environment__is_taken_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "anvil"
    named.write_text("#!/bin/sh\n")
    monkeypatch.setenv("ANVIL_PATH", str(named))
    with pytest.raises(UsageError, match="ANVIL_PATH"):
        find_anvil()
    named.chmod(0o755)
    assert find_anvil() == named
