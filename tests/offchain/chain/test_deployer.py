"""Deploying: once, whatever happens on the way, and nothing that is there already."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.middleware import Web3Middleware
from web3.types import RPCEndpoint, RPCResponse, TxData

from ballast.chain import sender as sender_module
from ballast.chain.anvil import Anvil
from ballast.chain.deployer import create_address, deploy, open_journal
from ballast.chain.deployment import Deployment
from ballast.chain.params import NetworkParams
from ballast.chain.rpc import connect
from ballast.chain.sender import Record
from ballast.chain.signers import KeySigner, UnlockedSigner, anvil_accounts
from ballast.chain.verify import verify
from ballast.errors import DeploymentError, TransactionError, UsageError

OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SEND = "eth_sendRawTransaction"
#: Of the local network's plan with another admin: creations, and all.
CONTRACTS = 24
TRANSACTIONS = 94


class Killed(BaseException):
    """Stands for SIGKILL: no handler may turn it into anything else."""


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil(ipc=True) as running:
        yield running


@pytest.fixture
def w3(node: Anvil) -> Iterator[Web3]:
    """An empty chain, rolled back after the test."""
    snapshot = node.rpc("evm_snapshot")
    yield connect(node.ipc_path)
    node.rpc("evm_revert", snapshot)


@pytest.fixture
def account() -> LocalAccount:
    return anvil_accounts(1)[0]


@pytest.fixture
def params() -> NetworkParams:
    """The local network's, handed over to somebody else at the end."""
    loaded = NetworkParams.load("local")
    access = loaded.access.model_copy(
        update={
            "admin": loaded.access.admin.model_copy(update={"holder": OTHER, "delay": 172_800}),
        }
    )
    chain = loaded.chain.model_copy(update={"block_time": Decimal("0.05")})
    return loaded.model_copy(update={"access": access, "chain": chain})


def creations(w3: Web3, account: LocalAccount) -> list[str]:
    """Contracts created by an account, from the blocks."""
    found = []
    for number in range(w3.eth.block_number + 1):
        block = w3.eth.get_block(number, full_transactions=True)
        for tx in cast("list[TxData]", block["transactions"]):
            if tx["from"] == account.address and tx.get("to") is None:
                receipt = w3.eth.get_transaction_receipt(tx["hash"])
                found.append(str(receipt["contractAddress"]))
    return found


def intercept(w3: Web3, hook: Callable[[str], None], *, after: bool = False) -> None:
    """Calls ``hook(method)`` before (or after) every request of this connection."""

    class Hook(Web3Middleware):
        def wrap_make_request(self, make_request: Any) -> Any:
            def hooked(method: RPCEndpoint, params: Any) -> RPCResponse:
                if not after:
                    hook(method)
                response: RPCResponse = make_request(method, params)
                if after:
                    hook(method)
                return response

            return hooked

    w3.middleware_onion.add(Hook, "hook")


def kill_at(number: int) -> Callable[[str], None]:
    """Dies at the ``number``-th transaction."""
    seen = 0

    def hook(method: str) -> None:
        nonlocal seen
        if method == SEND:
            seen += 1
            if seen == number:
                raise Killed

    return hook


# ------------------------------------------------------------ straight


def test_deploy__empty_chain__is_what_the_parameters_say(
    w3: Web3, account: LocalAccount, params: NetworkParams
) -> None:
    deployment = deploy(w3, params, KeySigner(account))
    assert verify(w3, params, deployment) == []
    assert len(creations(w3, account)) == CONTRACTS


def test_deploy__finished_and_run_again__sends_nothing(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    first = deploy(w3, params, KeySigner(account), journal)
    nonce = w3.eth.get_transaction_count(account.address)
    records: list[Record] = []
    second = deploy(w3, params, KeySigner(account), journal, notify=records.append)
    assert second == first
    assert w3.eth.get_transaction_count(account.address) == nonce
    assert {record.action for record in records} == {"skipped"}


def test_deploy__finished_and_journal_lost__sends_nothing(
    w3: Web3, account: LocalAccount, params: NetworkParams
) -> None:
    first = deploy(w3, params, KeySigner(account))
    nonce = w3.eth.get_transaction_count(account.address)
    assert deploy(w3, params, KeySigner(account), known=first) == first
    assert w3.eth.get_transaction_count(account.address) == nonce


def test_deploy__parameter_changed_while_still_admin__sets_only_that(
    w3: Web3, account: LocalAccount, tmp_path: Path
) -> None:
    params = NetworkParams.load("local")
    journal = tmp_path / "journal.json"
    deploy(w3, params, KeySigner(account), journal)
    changed = params.model_copy(
        update={
            "margin": params.margin.model_copy(update={"minimum_maintenance": 20 * 10**18}),
            "premium": params.premium.model_copy(update={"max_quote_age": 90}),
        }
    )
    # The constructor's argument is part of what was deployed, so only the setter may differ.
    with pytest.raises(UsageError, match="MarginEngine was deployed with other code or arguments"):
        deploy(w3, changed, KeySigner(account), journal)
    changed = changed.model_copy(update={"margin": params.margin})
    records: list[Record] = []
    deployment = deploy(w3, changed, KeySigner(account), journal, notify=records.append)
    assert [record.step for record in records if record.action == "sent"] == ["setPremiumConfig"]
    assert verify(w3, changed, deployment) == []


def test_deploy__parameter_changed_after_handover__says_that_roles_must_set_it(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    deploy(w3, params, KeySigner(account), journal)
    nonce = w3.eth.get_transaction_count(account.address)
    changed = params.model_copy(update={"premium": params.premium.model_copy(update={"max_quote_age": 90})})
    with pytest.raises(DeploymentError, match="no longer its admin"):
        deploy(w3, changed, KeySigner(account), journal)
    assert w3.eth.get_transaction_count(account.address) == nonce


def test_deploy__step_reverts__names_step_and_reason_and_can_go_on(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    bad = params.model_copy(update={"liquidation": params.liquidation.model_copy(update={"target": 3 * 10**18})})
    with pytest.raises(DeploymentError, match=r"setLiquidationConfig: Listing_Bounds\(.*target"):
        deploy(w3, bad, KeySigner(account), journal)
    deployment = deploy(w3, params, KeySigner(account), journal)
    assert verify(w3, params, deployment) == []
    assert len(creations(w3, account)) == CONTRACTS


def test_create_address__next_nonce__is_where_the_contract_lands(w3: Web3, account: LocalAccount) -> None:
    nonce = w3.eth.get_transaction_count(account.address)
    tx_hash = w3.eth.send_transaction({"from": account.address, "data": "0x00"})
    receipt = w3.eth.wait_for_transaction_receipt(tx_hash)
    assert create_address(account.address, nonce) == receipt["contractAddress"]


# ------------------------------------------------------------ killed and resumed


@pytest.mark.parametrize("after", [False, True], ids=["before sending", "after sending"])
@pytest.mark.parametrize("number", [1, 7, CONTRACTS, TRANSACTIONS])
def test_deploy__killed_at_a_transaction__resumes_without_a_second_contract(
    node: Anvil,
    w3: Web3,
    account: LocalAccount,
    params: NetworkParams,
    tmp_path: Path,
    number: int,
    after: bool,
) -> None:
    journal = tmp_path / "journal.json"
    doomed = connect(node.ipc_path)
    intercept(doomed, kill_at(number), after=after)
    with pytest.raises(Killed):
        deploy(doomed, params, KeySigner(account), journal)
    written = json.loads(journal.read_text())["steps"]
    assert len(written) == number, "each transaction is on record before it is sent"
    deployment = deploy(w3, params, KeySigner(account), journal)
    assert verify(w3, params, deployment) == []
    assert len(creations(w3, account)) == CONTRACTS
    assert w3.eth.get_transaction_count(account.address) == TRANSACTIONS


def test_deploy__killed_and_its_nonce_used_otherwise__deploys_at_the_next(
    node: Anvil, w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    doomed = connect(node.ipc_path)
    intercept(doomed, kill_at(3))
    with pytest.raises(Killed):
        deploy(doomed, params, KeySigner(account), journal)
    # The third was never sent; something else of the account takes its nonce.
    payment = w3.eth.send_transaction({"from": account.address, "to": OTHER, "value": 1})  # type: ignore[typeddict-item]
    w3.eth.wait_for_transaction_receipt(payment)
    deployment = deploy(w3, params, KeySigner(account), journal)
    assert verify(w3, params, deployment) == []
    assert len(creations(w3, account)) == CONTRACTS
    assert w3.eth.get_transaction_count(account.address) == TRANSACTIONS + 1


def test_deploy__transaction_dropped_by_the_node__is_sent_again(
    account: LocalAccount, params: NetworkParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "RESEND_SECONDS", 0.1)
    with Anvil(ipc=True, mining=False) as node:
        w3 = connect(node.ipc_path)
        deploying = threading.Thread(target=_deploy_quietly, args=(node, params, account))
        deploying.start()
        _wait_for(lambda: _pending(node) == CONTRACTS)
        node.rpc("anvil_dropAllTransactions")
        assert _pending(node) == 0
        _wait_for(lambda: _pending(node) == CONTRACTS)
        node.rpc("evm_setAutomine", True)
        node.rpc("evm_mine")
        deploying.join(timeout=60)
        assert not deploying.is_alive()
        assert len(creations(w3, account)) == CONTRACTS
        assert w3.eth.get_transaction_count(account.address) == TRANSACTIONS


def test_deploy__transaction_not_mined_for_long__pays_more_at_the_same_nonce(
    account: LocalAccount, params: NetworkParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "RESEND_SECONDS", 0.1)
    monkeypatch.setattr(sender_module, "BUMP_SECONDS", 0.3)
    with Anvil(ipc=True, mining=False) as node:
        w3 = connect(node.ipc_path)
        deploying = threading.Thread(target=_deploy_quietly, args=(node, params, account))
        deploying.start()
        _wait_for(lambda: _pending(node) == CONTRACTS)
        before = _first_fee(node)
        _wait_for(lambda: _first_fee(node) > before)
        node.rpc("evm_setAutomine", True)
        node.rpc("evm_mine")
        deploying.join(timeout=60)
        assert not deploying.is_alive()
        assert len(creations(w3, account)) == CONTRACTS
        assert w3.eth.get_transaction_count(account.address) == TRANSACTIONS


def _deploy_quietly(node: Anvil, params: NetworkParams, account: LocalAccount) -> None:
    deploy(connect(node.ipc_path), params, KeySigner(account))


def _pending(node: Anvil) -> int:
    return int(node.rpc("txpool_status")["pending"], 16)


def _first_fee(node: Anvil) -> int:
    content = node.rpc("txpool_content")["pending"]
    transactions = next(iter(content.values()))
    return int(transactions["0"]["maxFeePerGas"], 16)


def _wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError("did not happen in time")


def test_deploy__reorganisation_before_confirmation__sends_again_what_is_gone(
    account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    chain = params.chain.model_copy(update={"confirmations": 5})
    params = params.model_copy(update={"chain": chain})
    errors: list[Exception] = []

    def deploying() -> None:
        try:
            deploy(connect(node.ipc_path), params, KeySigner(account), journal)
        except TransactionError as error:
            errors.append(error)

    with Anvil(ipc=True) as node:
        w3 = connect(node.ipc_path)
        thread = threading.Thread(target=deploying)
        thread.start()
        _wait_for(lambda: w3.eth.get_transaction_count(account.address) == TRANSACTIONS)
        node.rpc("anvil_rollback", 20)
        node.rpc("anvil_mine", hex(40))
        thread.join(timeout=60)
        assert [str(error).partition(": ")[2][:17] for error in errors] == ["its block is gone"]
        mining = threading.Thread(target=lambda: _mine_until(node, stop))
        stop = threading.Event()
        mining.start()
        try:
            deployment = deploy(w3, params, KeySigner(account), journal)
        finally:
            stop.set()
            mining.join()
        assert verify(w3, params, deployment) == []
        assert len(creations(w3, account)) == CONTRACTS
        assert w3.eth.get_transaction_count(account.address) == TRANSACTIONS


def _mine_until(node: Anvil, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        node.rpc("evm_mine")


# ------------------------------------------------------------ journals that do not fit


def test_open_journal__of_another_sender__is_refused(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    deploy(w3, params, UnlockedSigner(account.address), journal)
    with pytest.raises(UsageError, match=f"was begun by {account.address}, not by {OTHER}"):
        open_journal(w3, params, OTHER, journal)


def test_open_journal__in_use__is_refused_and_then_free(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    with (
        open_journal(w3, params, account.address, journal),
        pytest.raises(UsageError, match="another deployment is at work"),
    ):
        open_journal(w3, params, account.address, journal)
    open_journal(w3, params, account.address, journal).close()


@pytest.mark.parametrize("text", ["", "{", '{"version": 1}', "[]"])
def test_open_journal__half_written__is_refused(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path, text: str
) -> None:
    journal = tmp_path / "journal.json"
    journal.write_text(text)
    with pytest.raises(UsageError, match="not a journal of a deployment"):
        open_journal(w3, params, account.address, journal)
    with pytest.raises(UsageError, match="not a journal of a deployment"):
        open_journal(w3, params, account.address, journal)  # the lock was given back


def test_open_journal__local_chain_started_anew__begins_anew(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    deploy(w3, params, KeySigner(account), journal)
    with Anvil(ipc=True) as other, open_journal(connect(other.ipc_path), params, account.address, journal) as opened:
        assert opened.steps == {}


def test_open_journal__testnet_of_another_genesis__is_refused(
    account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.json"
    chain = params.chain.model_copy(update={"id": 84532})
    params = params.model_copy(update={"chain": chain})
    for timestamp in (1_700_000_000, 1_700_000_001):
        with Anvil(ipc=True, chain_id=84532, timestamp=timestamp) as node:
            w3 = connect(node.ipc_path)
            if timestamp == 1_700_000_000:
                deploy(w3, params, KeySigner(account), journal)
            else:
                with pytest.raises(UsageError, match="is of another chain"):
                    deploy(w3, params, KeySigner(account), journal)


def test_deploy__wrong_chain__is_refused_before_anything_is_sent(
    w3: Web3, account: LocalAccount, params: NetworkParams
) -> None:
    nonce = w3.eth.get_transaction_count(account.address)
    chain = params.chain.model_copy(update={"id": 11155111})
    with pytest.raises(UsageError, match="chain id is 31337"):
        deploy(w3, params.model_copy(update={"chain": chain}), KeySigner(account))
    assert w3.eth.get_transaction_count(account.address) == nonce


def test_deploy__result__is_a_deployment_file(
    w3: Web3, account: LocalAccount, params: NetworkParams, tmp_path: Path
) -> None:
    deployment = deploy(w3, params, UnlockedSigner(account.address))
    deployment.save(tmp_path / "local.json")
    assert Deployment.load(tmp_path / "local.json") == deployment
