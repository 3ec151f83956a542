"""A testnet deployment as it would be: real block time, a keystore, and a process that dies
thrice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from ballast.chain.anvil import Anvil
from ballast.chain.deployment import Deployment
from ballast.chain.params import NetworkParams
from ballast.chain.rpc import connect
from ballast.chain.verify import verify

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KEY = "0x" + "33" * 32
SAFE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
COMMAND = [sys.executable, "-c", "from ballast.cli import main; main()", "deploy"]
CREATIONS = 24
TRANSACTIONS = 92
SECONDS = 120


def _recorded(journal: Path) -> int:
    """Steps on record; a file that is being replaced is always whole."""
    return len(json.loads(journal.read_text())["steps"]) if journal.exists() else 0


def _run(folder: Path, url: str, *, kill_at: int | None) -> subprocess.CompletedProcess[str] | None:
    """Deploys; killed as soon as ``kill_at`` transactions are on record, None then."""
    arguments = ["--network", "base-sepolia", "--rpc", url, "--account", "key.json"]
    arguments += ["--passphrase-file", "passphrase", "--holder", f"all={SAFE}", "--own-feeds"]
    arguments += ["--no-rehearse", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = folder / "deployments" / "base-sepolia.journal.json"
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if kill_at is not None and _recorded(journal) >= kill_at:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return None
        time.sleep(0.005)
    out, err = process.communicate(timeout=10)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_deploy__killed_at_three_random_steps__ends_with_each_contract_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown where the test fails
    deployer = Account.from_key(KEY).address
    (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(KEY, "secret", kdf="pbkdf2", iterations=100)))
    (tmp_path / "passphrase").write_text("secret\n")
    steps = sorted(random.Random(seed).sample(range(1, TRANSACTIONS), 3))
    with Anvil(chain_id=84532, block_time=1) as node:
        node.rpc("anvil_setBalance", deployer, hex(10**19))
        for step in steps:
            assert _run(tmp_path, node.url, kill_at=step) is None, f"ended before {step}"
            assert not (tmp_path / "deployments" / "base-sepolia.json").exists()
        finished = _run(tmp_path, node.url, kill_at=None)
        assert finished is not None
        assert finished.returncode == 0, finished.stderr
        assert json.loads(finished.stdout)["differences"] == []

        w3 = connect(node.url)
        sent = [
            tx
            for number in range(w3.eth.block_number + 1)
            for tx in w3.eth.get_block(number, full_transactions=True)["transactions"]
            if tx["from"] == deployer
        ]
        assert sum(tx.get("to") is None for tx in sent) == CREATIONS
        assert len(sent) == TRANSACTIONS
        for tx in sent:
            assert w3.eth.get_transaction_receipt(tx["hash"])["status"] == 1
        deployment = Deployment.load(tmp_path / "deployments" / "base-sepolia.json")
        params = NetworkParams.load("base-sepolia").with_holders({"all": SAFE}).with_own_feeds()
        assert verify(w3, params, deployment) == []
