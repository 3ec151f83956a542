"""Nonces in order, refusals by class, stuck transactions, on a real node with faults put in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from web3 import Web3

from ballast.chain.signers import KeySigner
from ballast.errors import RpcError
from ballast.keeper.duty import Action
from ballast.keeper.fees import Fees
from ballast.keeper.logs import silent_log
from ballast.keeper.refusals import Verdict, classify
from ballast.keeper.rpc import Fault, Rpc
from ballast.keeper.sender import Sender, SendHaltedError, Status
from ballast.keeper.view import View, ViewReader
from tests.offchain.keeper.conftest import Stage
from tests.offchain.keeper.fakes import error, faulty

GWEI = 10**9


class Desk:
    """A sender of the keeper's key and the views it needs."""

    def __init__(self, stage: Stage, w3: Web3 | None = None, **options: Any) -> None:
        self.stage = stage
        rpc = Rpc(w3 or stage.chain.w3)
        options = {"replace_after": 2, "max_fee": 100 * GWEI, **options}
        signer = KeySigner(stage.keys["keeper"])
        self.sender = Sender(rpc, signer, 31337, silent_log(), **options)
        deployment = stage.chain.deployment
        router = stage.chain.protocol.router.address
        self._reader = ViewReader(Rpc(stage.chain.w3), router=router, assets=[], feeds=[], coin_asset=None)
        self._deployment = deployment

    def view(self) -> View:
        return self._reader.read("latest")

    def action(self, name: str = "a", *, ceiling: int = 50 * GWEI, account: int = 0) -> Action:
        """A harmless call: cancels an order nonce of the keeper's account."""
        house = self.stage.chain.protocol.house
        data = house.encode_abi("cancel", [account or self.stage.keeper, 7])
        return Action("test", name, house.address, data, 200_000, Fees(3 * GWEI, GWEI), ceiling)

    def pool(self) -> list[Any]:
        """What waits in the node, by nonce."""
        content = self.stage.chain.rpc("txpool_content")
        pools = {owner.lower(): found for owner, found in content["pending"].items()}
        found = pools.get(self.sender.address.lower(), {})
        return [found[nonce] for nonce in sorted(found, key=int)]


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("already known", Verdict.KNOWN),
        ("transaction already imported", Verdict.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Verdict.REPLACE),
        ("replacement transaction underpriced", Verdict.REPLACE),
        ("Insufficient funds for gas * price + value", Verdict.HALT),
        ("invalid chain id for signer", Verdict.HALT),
        ("max fee per gas less than block base fee", Verdict.RETRY),
        ("429 Too Many Requests", Verdict.RETRY),
        ("execution reverted: Liquidation_Healthy", Verdict.DROP),
        ("intrinsic gas too low", Verdict.DROP),
        ("exceeds block gas limit", Verdict.DROP),
        ("something nobody has heard of", Verdict.DROP),
    ],
)
def test_classify__words_of_nodes__have_a_class(words: str, verdict: Verdict) -> None:
    assert classify(Fault(-32000, words)) is verdict


def test_send__several__take_nonces_in_order_and_end(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    view = desk.view()
    sent = [desk.sender.send(desk.action(str(at)), view) for at in range(3)]
    nonces = [one.nonce for one in sent if one is not None]
    first = nonces[0]
    assert nonces == [first, first + 1, first + 2]
    assert desk.sender.busy == {("test", "0"), ("test", "1"), ("test", "2")}
    assert desk.sender.collect(view) == []
    stage.mine()
    outcomes = desk.sender.collect(desk.view())
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 3
    assert all(outcome.gas_wei > 0 for outcome in outcomes)
    assert desk.sender.busy == frozenset()


def test_send__key_used_by_another_process__takes_the_next_nonce(stage: Stage) -> None:
    stage.hold()
    desk, other = Desk(stage), Desk(stage)
    for one, name in ((desk, "a"), (other, "b"), (desk, "c")):
        assert one.sender.send(one.action(name), one.view()) is not None
        stage.mine()
    outcomes = desk.sender.collect(desk.view())
    assert [one.status for one in outcomes] == [Status.DONE, Status.DONE]
    first, third = (outcome.sent.nonce for outcome in outcomes)
    assert third == first + 2


def test_collect__nonce_went_to_another__is_superseded(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    sent = desk.sender.send(desk.action(), desk.view())
    assert sent is not None
    stage.chain.rpc("anvil_dropTransaction", sent.hash)
    other = Desk(stage)
    different = replace(other.action("b"), gas=210_000)
    assert other.sender.send(different, desk.view()) is not None
    stage.mine()
    assert desk.sender.collect(desk.view()) == []  # its receipt may be late
    stage.mine()
    assert desk.sender.collect(desk.view()) == []
    stage.mine()
    (outcome,) = desk.sender.collect(desk.view())
    assert outcome.status is Status.SUPERSEDED


def test_collect__stuck__bids_again_for_the_same_nonce(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    sent = desk.sender.send(desk.action(), desk.view())
    assert sent is not None
    _stick(stage, desk)
    assert desk.sender.collect(desk.view()) == []
    (again,) = desk.sender.under_way
    assert (again.nonce, again.hashes[1]) == (sent.nonce, sent.hash)
    assert again.fees.max_fee >= sent.fees.max_fee * 11 // 10
    (waiting,) = desk.pool()
    assert waiting["hash"] == again.hash
    assert waiting["input"] == sent.action.data
    stage.mine()
    (outcome,) = desk.sender.collect(desk.view())
    assert (outcome.status, outcome.hash) == (Status.DONE, again.hash)


def test_collect__stuck_and_useless__is_taken_back(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    # not the keeper's account: it would revert
    sent = desk.sender.send(desk.action(account=stage.rival), desk.view())
    assert sent is not None
    _stick(stage, desk)
    desk.sender.collect(desk.view())
    (waiting,) = desk.pool()
    assert (waiting["to"].lower(), waiting["input"]) == (desk.sender.address.lower(), "0x")
    assert int(waiting["nonce"], 16) == sent.nonce
    stage.mine()
    (outcome,) = desk.sender.collect(desk.view())
    assert (outcome.status, outcome.reason) == (Status.SUPERSEDED, "taken back")


def test_collect__stuck_and_not_worth_more__is_taken_back(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    desk.sender.send(desk.action(ceiling=3 * GWEI), desk.view())
    _stick(stage, desk)
    desk.sender.collect(desk.view())
    assert desk.pool()[0]["input"] == "0x"


def test_collect__reverted__says_why(stage: Stage) -> None:
    stage.hold()
    desk = Desk(stage)
    assert desk.sender.send(desk.action(account=stage.rival), desk.view()) is not None
    stage.mine()
    (outcome,) = desk.sender.collect(desk.view())
    assert (outcome.status, outcome.reason) == (Status.REVERTED, "Ledger_NotAuthorized")


def test_send__connection_lost_after_the_node_took_it__is_not_sent_twice(stage: Stage) -> None:
    stage.hold()
    provider = stage.chain.w3.provider
    lost = [True]

    def fault(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction" and lost.pop() if lost else False:
            provider.make_request(method, params)  # type: ignore[arg-type]
            raise ConnectionError("connection reset")

    w3, faults = faulty(stage.chain.w3, fault)
    desk = Desk(stage, w3)
    sent = desk.sender.send(desk.action(), desk.view())
    assert sent is not None
    assert faults.calls.count("eth_sendRawTransaction") == 2
    assert [waiting["hash"] for waiting in desk.pool()] == [sent.hash]


def test_send__no_connection_at_all__stays_under_way_until_known(stage: Stage) -> None:
    stage.hold()
    down = [True]

    def fault(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction" and down:
            raise ConnectionError("connection refused")

    desk = Desk(stage, faulty(stage.chain.w3, fault)[0])
    view = desk.view()
    with pytest.raises(RpcError, match="no answer"):
        desk.sender.send(desk.action("a"), view)
    (unsure,) = desk.sender.under_way
    down.clear()
    # the node never saw it: the next transaction must wait behind its nonce, not take it
    after = desk.sender.send(desk.action("b"), view)
    assert after is not None
    assert after.nonce == unsure.nonce + 1
    _stick(stage, desk)
    desk.sender.collect(desk.view())
    stage.mine()
    outcomes = desk.sender.collect(desk.view())
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 2


@pytest.mark.parametrize("answer", ["insufficient funds for gas", "invalid chain id"])
def test_send__nothing_can_be_sent__halts(stage: Stage, answer: str) -> None:
    def fault(method: str, params: Any) -> Any:
        return error(answer) if method == "eth_sendRawTransaction" else None

    desk = Desk(stage, faulty(stage.chain.w3, fault)[0])
    with pytest.raises(SendHaltedError, match=f"cannot send: {answer}"):
        desk.sender.send(desk.action(), desk.view())
    assert desk.sender.under_way == ()


@pytest.mark.parametrize("answer", ["execution reverted", "txpool is full", "out of the blue"])
def test_send__refused__is_dropped_and_keeps_the_nonce(stage: Stage, answer: str) -> None:
    refusing = [True]

    def fault(method: str, params: Any) -> Any:
        return error(answer) if method == "eth_sendRawTransaction" and refusing else None

    desk = Desk(stage, faulty(stage.chain.w3, fault)[0])
    count = stage.chain.w3.eth.get_transaction_count(stage.keys["keeper"].address)
    assert desk.sender.send(desk.action(), desk.view()) is None
    refusing.clear()
    sent = desk.sender.send(desk.action(), desk.view())
    assert sent is not None
    assert sent.nonce == count


def _stick(stage: Stage, desk: Desk) -> None:
    """Mines blocks without what waits, and puts it back into the pool."""
    waiting = desk.pool()
    raws = [stage.chain.rpc("eth_getRawTransactionByHash", one["hash"]) for one in waiting]
    stage.chain.rpc("anvil_dropAllTransactions")
    for _ in range(2):
        stage.mine()
    for raw in raws:
        stage.chain.rpc("eth_sendRawTransaction", raw)
