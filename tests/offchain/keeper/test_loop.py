"""The loop: steps when something changed, outlives a silent node, ends in order."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ballast.chain.protocol import Protocol
from ballast.errors import RpcError
from ballast.keeper import Keeper, KeeperSettings
from ballast.keeper.loop import run
from ballast.keeper.report import StepReport
from tests.offchain.keeper.conftest import Stage
from tests.offchain.keeper.fakes import faulty


def test_run__price_update_arrives__is_answered_in_its_block(stage: Stage) -> None:
    borrower = stage.borrower()
    stage.hold()
    reports: list[StepReport] = []
    sent = threading.Event()

    def note(report: StepReport) -> None:
        reports.append(report)
        if report.sent:
            sent.set()

    def market() -> None:
        # its own connection: the keeper's is busy
        from ballast.chain.rpc import connect

        w3 = connect(stage.chain.url)
        feed = stage.chain.protocol.feed("ETH")
        data = feed.encode_abi("submit", [2500 * 10**8])
        request: Any = {"from": stage.chain.governor, "to": feed.address, "data": data}
        w3.provider.make_request("eth_sendTransaction", [request])  # type: ignore[arg-type]
        sent.wait(10)
        w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    start = int(stage.chain.w3.eth.block_number)
    with stage.make(duties="liquidate", poll_seconds=0.02) as keeper:
        thread = threading.Timer(0.2, market)
        thread.start()
        summary = run(keeper, blocks=1, on_report=note)
        thread.join()
    assert (summary.sent, summary.liquidated, summary.blocks) == (1, 1, 1)
    (event,) = stage.liquidations()
    assert (event["args"]["account"], event["blockNumber"]) == (borrower, start + 1)
    assert summary.profit == sum(one.profit for report in reports for one in report.liquidations)
    assert summary.profit > 0


def test_run__nothing_changes__does_not_step_again(stage: Stage) -> None:
    stage.hold()
    stop = threading.Event()
    with stage.make(poll_seconds=0.01) as keeper:
        threading.Timer(0.3, stop.set).start()
        assert run(keeper, stop=stop).steps == 1


def test_run__node_silent_for_a_while__goes_on(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    failing = [True, True, True]

    def fault(method: str, params: Any) -> None:
        if method == "eth_getBlockByNumber" and failing:
            failing.pop()
            raise ConnectionError("connection refused")

    w3, _ = faulty(stage.chain.w3, fault)
    settings = KeeperSettings.load(duties="liquidate", poll_seconds=0.01)
    stop = threading.Event()

    def end(report: StepReport) -> None:
        if report.liquidations:
            stop.set()

    failing.clear()
    with Keeper(Protocol(w3, stage.chain.deployment), stage.keys["keeper"], settings) as keeper:
        failing += [True] * 3
        summary = run(keeper, stop=stop, on_report=end)
    assert summary.failures == 3
    assert summary.liquidated == 1


def test_run__once_and_no_answer__fails(stage: Stage) -> None:
    broken: list[bool] = []

    def fault(method: str, params: Any) -> None:
        if broken:
            raise ConnectionError("connection refused")

    w3, _ = faulty(stage.chain.w3, fault)
    with Keeper(Protocol(w3, stage.chain.deployment), stage.keys["keeper"]) as keeper:
        broken.append(True)
        with pytest.raises(RpcError, match="is it running"):
            run(keeper, once=True)


def test_run__stopped__ends_at_once(stage: Stage) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with stage.make(poll_seconds=30) as keeper:
        start = time.monotonic()
        run(keeper, stop=stop)
        assert time.monotonic() - start < 5


def test_summary__paper__counts_hits_and_misses(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    stop = threading.Event()

    def mine(report: StepReport) -> None:
        if report.scores:
            stop.set()
        else:
            stage.mine()

    with stage.make(None, poll_seconds=0.01) as keeper:
        summary = run(keeper, stop=stop, on_report=mine)
    assert (summary.hits, summary.misses, summary.sent) == (1, 0, 0)
