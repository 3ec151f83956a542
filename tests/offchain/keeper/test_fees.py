"""Bids: in the block, and behind the price update."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ballast.keeper.fees import Fees, bid, bump
from ballast.keeper.view import PriceUpdate, View
from tests.offchain.keeper.conftest import Stage

GWEI = 10**9
VIEW = View("pending", 11, 10, "0x", 0, 10 * GWEI, GWEI, (), {}, {}, None)


def _update(max_fee: int, tip: int) -> PriceUpdate:
    return PriceUpdate("0x", "0x", max_fee, tip)


def test_bid__no_update__leaves_room_for_a_rising_base_fee() -> None:
    assert bid(VIEW, tip=None, max_fee=500 * GWEI) == Fees(21 * GWEI, GWEI)
    assert bid(VIEW, tip=3 * GWEI, max_fee=500 * GWEI) == Fees(23 * GWEI, 3 * GWEI)


def test_bid__max_fee_below_base_fee__is_none() -> None:
    assert bid(VIEW, tip=None, max_fee=10 * GWEI - 1) is None
    assert bid(VIEW, tip=None, max_fee=10 * GWEI) == Fees(10 * GWEI, GWEI)


def test_bid__updates_wait__is_below_the_lowest_in_both() -> None:
    updates = (_update(15 * GWEI, 2 * GWEI), _update(40 * GWEI, GWEI // 2))
    fees = bid(replace(VIEW, updates=updates), tip=5 * GWEI, max_fee=500 * GWEI)
    assert fees == Fees(15 * GWEI - 1, GWEI // 2 - 1)


def test_bid__update_without_tip__has_none_either() -> None:
    fees = bid(replace(VIEW, updates=(_update(15 * GWEI, 0),)), tip=None, max_fee=500 * GWEI)
    assert fees == Fees(15 * GWEI - 1, 0)


def test_bid__no_room_behind_the_update__is_none() -> None:
    view = replace(VIEW, updates=(_update(10 * GWEI, 0),))
    assert bid(view, tip=None, max_fee=500 * GWEI) is None


def test_bump__replaces_what_nodes_would_accept() -> None:
    fees = bump(Fees(20 * GWEI, GWEI), VIEW, max_fee=500 * GWEI)
    assert fees is not None
    assert fees.max_fee * 10 >= 20 * GWEI * 11
    assert fees.tip * 10 >= GWEI * 11


@pytest.mark.parametrize(("max_fee", "allowed"), [(23 * GWEI, True), (22 * GWEI, False)])
def test_bump__bounded__by_max_fee(max_fee: int, allowed: bool) -> None:
    fees = bump(Fees(20 * GWEI, GWEI), replace(VIEW, base_fee=15 * GWEI), max_fee=max_fee)
    assert (fees is not None) is allowed
    assert fees is None or fees.max_fee == max_fee


def test_step__latest__allows_for_a_base_fee_that_rises_by_an_eighth(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    stage.hold()
    stage.set_base_fee(8 * GWEI)
    with stage.make(duties="liquidate", priority_fee_gwei="1", max_fee_gwei="8.9") as keeper:
        assert keeper.step("latest").sent == ()
    with stage.make(duties="liquidate", priority_fee_gwei="1", max_fee_gwei="9") as keeper:
        (sent,) = keeper.step("latest").sent
        assert sent.fees == Fees(9 * GWEI, GWEI)


def test_step__update_bids_little__liquidation_bids_less(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    base = int(stage.chain.w3.eth.get_block("pending")["baseFeePerGas"])
    stage.push("ETH", "2500", maxFeePerGas=base + 100, maxPriorityFeePerGas=7)
    with stage.make(duties="liquidate") as keeper:
        (sent,) = keeper.step("pending").sent
        assert (sent.fees.max_fee, sent.fees.tip) == (base + 99, 6)
        block = stage.mine()
        (result,) = keeper.step("pending").liquidations
    assert result.block == block


def test_step__update_at_the_base_fee__waits_for_the_next_block(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    base = int(stage.chain.w3.eth.get_block("pending")["baseFeePerGas"])
    stage.push("ETH", "2500", maxFeePerGas=base, maxPriorityFeePerGas=0)
    with stage.make(duties="liquidate") as keeper:
        report = keeper.step("pending")
        assert report.sent == ()
        assert "behind the waiting price update" in report.decisions[0].reason
        stage.mine()
        assert len(keeper.step("pending").sent) == 1


def test_step__somebody_writes_to_the_feed_in_vain__bids_as_usual(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    base = int(stage.chain.w3.eth.get_block("pending")["baseFeePerGas"])
    attacker = stage.keys["attacker"].address
    stage.push("ETH", "3000", attacker, maxFeePerGas=base + 1, maxPriorityFeePerGas=1)
    stage.push("ETH", "2500", maxFeePerGas=4 * base, maxPriorityFeePerGas=base)
    with stage.make(duties="liquidate") as keeper:
        (sent,) = keeper.step("pending").sent
    assert sent.fees.tip == base - 1
