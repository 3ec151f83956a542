"""What a sent liquidation commits to, a price and a slice: what happens before it is mined costs at most gas."""

from __future__ import annotations

from typing import Any

import pytest

from ballast import units
from ballast.chain.artifacts import artifact
from tests.offchain.keeper.conftest import Stage

WAD = units.WAD


def commitments(stage: Stage, hash_: str) -> dict[str, Any]:
    """The argument of ``liquidate`` in a transaction."""
    data = stage.chain.w3.eth.get_transaction(hash_)["input"]  # type: ignore[arg-type]
    # the door leaves its modules' arguments unnamed
    named = stage.chain.w3.eth.contract(abi=artifact("IClearinghouse")["abi"])
    function, arguments = named.decode_function_input(data)
    assert function.fn_name == "liquidate"
    return dict(arguments["l"])


@pytest.mark.parametrize("tolerance", ["0.25", "0.01"])
def test_send__liquidation__is_bound_to_price_and_slice(stage: Stage, tolerance: str) -> None:
    stage.borrower(eth="30", debt="66000")
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(duties="liquidate", paid_tolerance=tolerance) as keeper:
        (sent,) = keeper.step("pending").sent
        stage.mine()
        (result,) = keeper.step("pending").liquidations
    bound = commitments(stage, sent.hash)
    (event,) = (one["args"] for one in stage.liquidations())
    slice_maintenance = event["maintenance"] * event["fraction"] // WAD
    drift = slice_maintenance * units.to_wad(tolerance) // WAD
    # between the simulation and the block passes a second's interest at most
    assert bound["maxPaid"] - event["paid"] == pytest.approx(drift, abs=WAD // 1_000)
    assert (bound["maxFraction"], bound["expectedStep"]) == (WAD, 0)
    transaction = stage.chain.w3.eth.get_transaction(sent.hash)  # type: ignore[arg-type]
    coin = stage.chain.protocol.price("ETH")
    highest = transaction["gas"] * transaction["maxFeePerGas"] * coin // WAD
    least = result.reward * bound["minFraction"] // event["fraction"]
    assert 0 < result.gas_wei * coin // WAD <= least <= highest, "the smallest slice pays its gas"


@pytest.mark.parametrize(("tolerance", "lands"), [("0.05", False), ("0.25", True)])
def test_send__price_moves_before_the_block__lands_only_within_the_tolerance(
    stage: Stage, tolerance: str, lands: bool
) -> None:
    """At 2,500 the slice costs 902 USDC, at 2,460 it is 984: 82 more, of a slice whose maintenance is 1,172."""
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    equity = stage.equity(stage.keeper)
    stage.hold()
    with stage.make(duties="liquidate", paid_tolerance=tolerance) as keeper:
        assert len(keeper.step("latest").sent) == 1
        stage.push("ETH", "2460", maxFeePerGas=10**12, maxPriorityFeePerGas=10**11)
        stage.mine()
        (outcome,) = keeper.step("latest").outcomes
    assert bool(stage.liquidations()) == lands
    if not lands:
        assert outcome.reason == "Liquidation_PaidAboveMax"
        assert stage.equity(stage.keeper) == equity
