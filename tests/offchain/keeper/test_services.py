"""The duties that earn nothing: prices synced, losers settled, flags cleared."""

from __future__ import annotations

from typing import Any

import pytest

from ballast import units
from ballast.keeper.sender import Status
from tests.offchain.keeper.conftest import Stage

WAD = units.WAD


def _cached(stage: Stage, symbol: str) -> Any:
    asset = stage.chain.deployment.underlyings[symbol]
    return stage.chain.protocol.router.functions.cached(asset).call()


def test_sync__price_moved__slow_price_follows(stage: Stage) -> None:
    stage.chain.set_price("ETH", "3100")
    stage.chain.warp(120)
    before = _cached(stage, "ETH")[0]
    with stage.make(duties="sync") as keeper:
        report = keeper.step("latest", wait=5)
        assert [sent.action.subject for sent in report.sent] == ["ETH"]
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE]
        assert _cached(stage, "ETH")[0] == 3100 * WAD > before
        stage.chain.warp(3000)
        router = stage.chain.protocol.router
        asset = stage.chain.deployment.underlyings["ETH"]
        slow = router.functions.slowPrice(asset).call()
        assert 3000 * WAD < slow < 3100 * WAD


def test_sync__nothing_moved__sends_nothing(stage: Stage) -> None:
    stage.chain.sync_prices()
    with stage.make(duties="sync") as keeper:
        assert keeper.step("latest").decisions == ()


@pytest.mark.parametrize(("seconds", "due"), [(3590, False), (3610, True)])
def test_sync__old__is_synced_after_an_hour(stage: Stage, seconds: int, due: bool) -> None:
    stage.chain.sync_prices()
    stage.chain.warp(seconds)
    with stage.make(duties="sync") as keeper:
        sent = keeper.step("latest").sent
    assert [one.action.subject for one in sent] == (["USDC, BTC, ETH, SOL"] if due else [])


def test_sync__update_in_the_pool__lands_behind_it(stage: Stage) -> None:
    stage.chain.sync_prices()
    stage.chain.warp(120)
    stage.hold()
    stage.push("ETH", "2900")
    with stage.make(duties="sync") as keeper:
        assert len(keeper.step("pending").sent) == 1
        stage.mine()
    assert _cached(stage, "ETH")[0] == 2900 * WAD


def test_sync__one_dead_feed__does_not_stop_the_others(stage: Stage) -> None:
    stage.chain.warp(26 * 3600)
    for symbol in ("USDC", "BTC", "SOL"):
        stage.chain.set_price(symbol, stage.chain.price(symbol))
    with stage.make(duties="sync", native_price_usdc="3000") as keeper:
        assert [sent.action.subject for sent in keeper.step("latest").sent] == ["USDC, BTC, SOL"]


def test_sync__cached_price_of_a_dead_source__is_left_out_and_named(stage: Stage) -> None:
    chain, router = stage.chain, stage.chain.protocol.router
    asset = chain.deployment.underlyings["ETH"]
    feed = list(router.functions.feedOf(asset).call())
    feed[3] = 600  # cacheAge
    chain.send(router.functions.setFeed(asset, tuple(feed)), chain.governor)
    chain.sync_prices()
    chain.rpc("anvil_setCode", chain.deployment.feeds["ETH"], "0xfe")
    chain.warp(100)
    with stage.make(duties="sync", sync_every_seconds=60) as keeper:
        report = keeper.step("latest", wait=5)
        skipped, sent = report.decisions
        assert (skipped.subject, skipped.reason) == ("ETH", "Oracle_SourceReverted")
        assert (sent.subject, sent.verdict) == ("USDC, BTC, SOL", "send")
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE]


def test_sync__fees_above_the_services_bound__waits(stage: Stage) -> None:
    stage.chain.warp(3700)
    stage.set_base_fee(51 * 10**9)
    with stage.make(duties="sync") as keeper:
        (decision,) = keeper.step("latest").decisions
    assert (decision.verdict, decision.reason) == ("wait", "fees are above service_max_fee")


def test_settle__loser__pays_so_that_the_winner_can_draw(stage: Stage) -> None:
    loser = stage.trader(usdc="20000")
    stage.chain.set_price("ETH", "2800")
    instrument = stage.chain.protocol.instrument("ETH-PERP")
    house = stage.chain.protocol.house
    assert house.functions.unsettledOf(loser, instrument).call() == -2000 * WAD
    with stage.make(duties="settle") as keeper:
        (sent,) = keeper.step("latest", wait=5).sent
        assert (sent.action.duty, sent.action.account) == ("settle", loser)
        assert keeper.step("latest").sent == ()
    assert house.functions.unsettledOf(loser, instrument).call() == 0
    stage.chain.settle(stage.maker)
    assert house.functions.unsettledOf(stage.maker, instrument).call() == 0


def test_settle__small_loss__is_left(stage: Stage) -> None:
    stage.trader(usdc="20000")
    stage.chain.set_price("ETH", "2995")
    with stage.make(duties="settle", settle_above_usdc="60") as keeper:
        assert keeper.step("latest").decisions == ()


def test_settle__insolvent__is_left_to_liquidation(stage: Stage) -> None:
    trader = stage.trader()
    stage.chain.set_price("ETH", "2500")
    assert stage.equity(trader) < 0
    with stage.make(duties="settle") as keeper:
        assert keeper.step("latest").decisions == ()


def test_settle__flagged_and_recovered__flag_is_cleared(stage: Stage) -> None:
    borrower = stage.borrower()
    house = stage.chain.protocol.house
    stage.chain.set_price("ETH", "2580")
    stage.chain.send(house.functions.flag(borrower), stage.chain.governor)
    with stage.make(duties="settle") as keeper:
        assert keeper.step("latest").decisions == ()
        stage.chain.set_price("ETH", "2900")
        (sent,) = keeper.step("latest", wait=5).sent
        assert (sent.action.duty, sent.action.account) == ("clear_flag", borrower)
    assert house.functions.liquidationStateOf(borrower).call()[0] == 0
