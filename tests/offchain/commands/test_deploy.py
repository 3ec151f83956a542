"""``ballast deploy``: input is judged before anything is sent, and a rehearsal costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account import Account

from ballast.chain.anvil import Anvil, free_port
from ballast.chain.deployment import Deployment
from ballast.chain.params import known_networks
from ballast.chain.protocol import Protocol
from ballast.chain.rpc import connect
from tests.offchain.commands.shell import Shell

KEY = "0x" + "22" * 32
DEPLOYER = Account.from_key(KEY).address
SAFE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
HOLDERS = ("--holder", f"all={SAFE}")


@pytest.fixture(scope="module")
def testnet() -> Iterator[Anvil]:
    """A chain with Base Sepolia's id, and a deployer with test ETH."""
    with Anvil(chain_id=84532) as node:
        node.rpc("anvil_setBalance", DEPLOYER, hex(10**19))
        yield node


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "secret", kdf="pbkdf2", iterations=100)))
    (tmp_path / "passphrase").write_text("secret\n")
    return path


@pytest.fixture
def content() -> Any:
    return json.loads(json.dumps(yaml.safe_load(known_networks()["local"].read_text())))


def write(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def nonce(node: Anvil, address: str) -> int:
    return int(node.rpc("eth_getTransactionCount", address, "latest"), 16)


# ------------------------------------------------------------ local


def test_deploy__local_without_account__deploys_as_anvils_first(shell: Shell, node: Anvil) -> None:
    result = shell("deploy", "--network", "local", "--rpc", node.url, "--json")
    assert result.code == 0, result.err
    assert result.err == []
    found = json.loads(result.out)
    assert found["differences"] == []
    deployment = Deployment.load("deployments/local.json")
    assert found["contracts"] == deployment.contracts
    assert Protocol(connect(node.url), deployment).mark("ETH-PERP") == 3_000 * 10**18


def test_deploy__run_again__sends_nothing(shell: Shell, node: Anvil) -> None:
    first = shell("deploy", "--network", "local", "--rpc", node.url, "--json")
    sent = nonce(node, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    again = shell("deploy", "--network", "local", "--rpc", node.url, "--json")
    assert json.loads(again.out) == json.loads(first.out)
    Path("deployments/local.journal.json").unlink()
    without_journal = shell("deploy", "--network", "local", "--rpc", node.url, "--json")
    assert json.loads(without_journal.out) == json.loads(first.out)
    assert nonce(node, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266") == sent


def test_deploy__check_of_a_changed_chain__lists_differences_and_exits_with_one(shell: Shell, node: Anvil) -> None:
    shell("deploy", "--network", "local", "--rpc", node.url)
    good = shell("deploy", "--network", "local", "--rpc", node.url, "--check")
    assert good.code == 0
    assert "the chain is what the parameters say" in good.out
    deployment = Deployment.load("deployments/local.json")
    node.rpc("anvil_setCode", deployment.contracts["Listing"], "0x")
    bad = shell("deploy", "--network", "local", "--rpc", node.url, "--check")
    assert bad.code == 1
    assert "contracts.Listing.code: wanted Listing, found nothing" in bad.out.splitlines()
    assert len(bad.err) == 1
    as_json = shell("deploy", "--network", "local", "--rpc", node.url, "--check", "--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["differences"] == [
        {"path": "contracts.Listing.code", "wanted": "Listing", "found": "nothing"}
    ]


# ------------------------------------------------------------ testnet


def test_deploy__dry_run__shows_every_transaction_and_sends_nothing(
    shell: Shell, testnet: Anvil, keystore: Path
) -> None:
    arguments = ["deploy", "--network", "base-sepolia", "--rpc", testnet.url, "--own-feeds"]
    arguments += ["--account", str(keystore), *HOLDERS, "--dry-run"]
    result = shell(*arguments, "--json")  # no passphrase is needed
    assert result.code == 0, result.err
    found = json.loads(result.out)
    rows = found["transactions"]
    assert [row["nonce"] for row in rows] == list(range(len(rows)))
    assert sum(row["gas"] for row in rows) == found["gas"]
    assert sum(row["cost_wei"] for row in rows) == found["cost_wei"] > 0
    assert rows[0]["step"] == "AccessManager"
    assert rows[0]["creates"]
    assert rows[-1]["step"] == "renounceRole admin"
    assert nonce(testnet, DEPLOYER) == 0
    table = shell(*arguments)
    for row in rows:
        assert row["step"] in table.out
        assert f"{row['gas']:,}" in table.out
    assert "nothing was sent" in table.out
    assert not Path("deployments/base-sepolia.json").exists()


def test_deploy__public_feeds_not_there__is_one_line_before_anything_is_sent(
    shell: Shell, testnet: Anvil, keystore: Path
) -> None:
    arguments = ["deploy", "--network", "base-sepolia", "--rpc", testnet.url]
    said = shell.refuses(*arguments, "--account", keystore, *HOLDERS)
    assert "assets.USDC.feed.decimals" in said
    assert nonce(testnet, DEPLOYER) == 0


def test_deploy__no_money__is_one_line_before_anything_is_sent(
    shell: Shell, testnet: Anvil, keystore: Path, tmp_path: Path
) -> None:
    testnet.rpc("anvil_setBalance", DEPLOYER, hex(10**9))
    try:
        arguments = ["deploy", "--network", "base-sepolia", "--rpc", testnet.url, "--own-feeds"]
        arguments += ["--account", str(keystore), "--passphrase-file", str(tmp_path / "passphrase")]
        said = shell.refuses(*arguments, *HOLDERS)
        assert "has 0.000000001 ETH, the deployment costs about" in said
        assert nonce(testnet, DEPLOYER) == 0
    finally:
        testnet.rpc("anvil_setBalance", DEPLOYER, hex(10**19))


# ------------------------------------------------------------ bad input


def test_deploy__unknown_network__lists_the_known_ones(shell: Shell) -> None:
    said = shell.refuses("deploy", "--network", "mainnet")
    assert "known are arbitrum-sepolia, base-sepolia, local, sepolia" in said
    assert "known are" in shell.refuses("deploy", "--network", "mainnet", "--params", "none.yaml")


def test_deploy__nothing_listens__is_one_line(shell: Shell) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert "no node answers" in shell.refuses("deploy", "--network", "local", "--rpc", url)


def test_deploy__wrong_chain__is_one_line(shell: Shell, node: Anvil, keystore: Path) -> None:
    said = shell.refuses("deploy", "--network", "sepolia", "--rpc", node.url, *HOLDERS)
    assert "the node's chain id is 31337, network sepolia says 11155111" in said
    assert not Path("deployments").exists()


def test_deploy__other_networks_file__is_one_line(shell: Shell, content: Any) -> None:
    path = write(Path("params.yaml"), content)
    said = shell.refuses("deploy", "--network", "sepolia", "--params", path)
    assert "params.yaml: network: is local, --network says sepolia" in said


def test_deploy__missing_parameter__names_the_path(shell: Shell, content: Any) -> None:
    del content["assets"][2]["token"]["rates"]["initial"]
    path = write(Path("params.yaml"), content)
    said = shell.refuses("deploy", "--network", "local", "--params", path)
    assert "params.yaml: assets[2].token.rates.initial: Field required" in said


def test_deploy__parameter_the_contracts_refuse__sends_nothing_that_stays_unnoticed(
    shell: Shell, node: Anvil, content: Any
) -> None:
    content["premium"]["premium_cap"] = "0.5"
    path = write(Path("params.yaml"), content)
    arguments = ["deploy", "--network", "local", "--params", str(path), "--rpc", node.url]
    result = shell(*arguments, "--rehearse")
    assert result.code == 1
    assert "setPremiumConfig: Listing_Bounds(parameter=premiumCap" in result.err[0]
    assert nonce(node, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266") == 0
    assert not Path("deployments/local.json").exists()


def test_deploy__open_holders__names_the_first(shell: Shell) -> None:
    said = shell.refuses("deploy", "--network", "base-sepolia")
    assert "access.admin.holder: no address" in said


@pytest.mark.parametrize("text", ["governor", "governor=0x12", "king=" + SAFE])
def test_deploy__bad_holder__is_one_line(shell: Shell, text: str) -> None:
    shell.refuses("deploy", "--network", "base-sepolia", "--holder", text)


def test_deploy__testnet_without_account__is_one_line(shell: Shell, testnet: Anvil) -> None:
    arguments = ["deploy", "--network", "base-sepolia", "--rpc", testnet.url, "--own-feeds"]
    assert "needs --account" in shell.refuses(*arguments, *HOLDERS)


def test_deploy__bad_keystore_or_passphrase__is_one_line(
    shell: Shell, testnet: Anvil, keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["deploy", "--network", "base-sepolia", "--rpc", testnet.url, "--own-feeds"]
    arguments += [*HOLDERS, "--account"]
    assert "no file and no alias" in shell.refuses(*arguments, "nobody-of-that-name")
    assert "no passphrase" in shell.refuses(*arguments, keystore)
    said = shell.refuses(*arguments, keystore, "--passphrase-file", "none")
    assert "passphrase file none: cannot be read" in said
    monkeypatch.setenv("BALLAST_PASSPHRASE", "wrong")
    assert "wrong passphrase" in shell.refuses(*arguments, keystore)
    keystore.write_text("{}")
    assert "not a keystore" in shell.refuses(*arguments, keystore)


def test_deploy__check_without_or_with_half_a_file__is_one_line(shell: Shell, node: Anvil) -> None:
    arguments = ["deploy", "--network", "local", "--rpc", node.url, "--check"]
    assert "no deployment file" in shell.refuses(*arguments)
    Path("deployments").mkdir()
    Path("deployments/local.json").write_text('{"chain_id": 31337, "contr')
    assert "not a whole deployment file" in shell.refuses(*arguments)


def test_deploy__half_written_journal__is_one_line(shell: Shell, node: Anvil) -> None:
    Path("deployments").mkdir()
    Path("deployments/local.journal.json").write_text('{"version": 1, "st')
    said = shell.refuses("deploy", "--network", "local", "--rpc", node.url)
    assert "not a journal of a deployment" in said


def test_deploy__dry_run_and_check__is_one_line(shell: Shell) -> None:
    said = shell.refuses("deploy", "--network", "local", "--dry-run", "--check")
    assert "choose one" in said
