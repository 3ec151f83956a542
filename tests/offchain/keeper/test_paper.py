"""Paper mode: sends nothing, and what it scores is what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ballast import units
from ballast.errors import UsageError
from tests.offchain.keeper.conftest import Stage


def test_step__nobody_came__is_a_hit_still_there(stage: Stage) -> None:
    borrower = stage.borrower()
    count = stage.chain.w3.eth.get_transaction_count(stage.keys["lender"].address)
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(None) as keeper:
        report = keeper.step("pending")
        assert (report.paper, report.sent) == (True, ())
        assert [one.subject for one in report.recorded] == [units.format_account(borrower)]
        block = stage.mine()
        (score,) = keeper.step("pending").scores
        assert (score.result, score.trade.block) == ("HIT", block)
        assert score.reason == f"still there at the end of block {block}"
        assert keeper.paper is not None
        assert (keeper.paper.hits, keeper.paper.misses) == (1, 0)
    assert stage.liquidations() == []
    assert stage.chain.w3.eth.get_transaction_count(stage.keys["lender"].address) == count


def test_step__a_live_keeper_took_it_in_that_block__is_a_hit(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(None) as paper, stage.make(duties="liquidate") as live:
        assert len(paper.step("pending").recorded) == 1
        assert len(live.step("pending").sent) == 1
        block = stage.mine()
        (score,) = paper.step("pending").scores
    assert (score.result, score.reason) == ("HIT", f"taken in block {block}")
    assert score.by == units.format_account(stage.keeper)


def test_step__price_came_back_first__is_a_miss(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(None) as keeper:
        assert len(keeper.step("pending").recorded) == 1
        stage.push("ETH", "2900")
        stage.mine()
        (score,) = keeper.step("pending").scores
    assert (score.result, score.reason) == ("MISS", "Liquidation_Healthy")


def test_step__update_never_came__is_a_miss(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    update = stage.push("ETH", "2500")
    with stage.make(None) as keeper:
        assert len(keeper.step("pending").recorded) == 1
        stage.chain.rpc("anvil_dropTransaction", update)
        stage.mine()
        (score,) = keeper.step("pending").scores
        assert keeper.paper is not None
        assert (keeper.paper.hits, keeper.paper.misses) == (0, 1)
    assert score.result == "MISS"


def test_step__same_block_again__is_recorded_once(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(None) as keeper:
        assert len(keeper.step("pending").recorded) == 1
        assert keeper.step("pending").recorded == ()


def test_step__paper_file__keeps_decisions_and_scores(stage: Stage, tmp_path: Path) -> None:
    borrower = stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    path = tmp_path / "logs" / "paper.jsonl"
    with stage.make(None, paper_file=path) as keeper:
        keeper.step("pending")
        block = stage.mine()
        keeper.step("pending")
    decision, score, *_ = map(json.loads, path.read_text().splitlines())
    name = units.format_account(borrower)
    assert (decision["subject"], decision["verdict"], decision["block"]) == (name, "send", block)
    assert (score["subject"], score["score"], score["block"]) == (name, "HIT", block)


def test_step__paper_file_cannot_be_written__is_refused(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = pytest.raises(UsageError, match=r"paper_file .* cannot be written")
    with stage.make(None, paper_file=tmp_path / "file" / "paper.jsonl") as keeper, refused:
        keeper.step()


def test_step__liquidator_given__is_the_one_imagined(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    with stage.make(None, liquidator=units.format_account(stage.rival)) as keeper:
        report = keeper.step("latest")
    assert report.own.account == stage.rival
    assert len(report.recorded) == 1
