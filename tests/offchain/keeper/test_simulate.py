"""Both ways to try liquidations out agree, with the chain and with each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from web3 import Web3

from ballast.chain.protocol import Protocol
from ballast.keeper import Keeper, KeeperSettings
from ballast.keeper.candidates import AtRisk, Candidate, with_steps
from ballast.keeper.fees import Fees
from ballast.keeper.plan import plan_liquidation
from ballast.keeper.rpc import Rpc
from ballast.keeper.simulate import Order, Refusal, Simulation, Simulator
from ballast.units import QUOTE_UNIT, WAD
from tests.offchain.keeper.conftest import Stage
from tests.offchain.keeper.fakes import error, faulty


def _without_sequences(stage: Stage) -> Web3:
    def fault(method: str, params: Any) -> Any:
        if method == "eth_simulateV1":
            return error("the method eth_simulateV1 does not exist", -32601)
        return None

    return faulty(stage.chain.w3, fault)[0]


def _simulator(stage: Stage, w3: Web3, who: str = "keeper", account: int = 0) -> Simulator:
    house = stage.chain.protocol.house.address
    return Simulator(Rpc(w3), house, stage.keys[who].address, account or stage.keeper)


def _orders(stage: Stage, accounts: list[int], fraction: int = WAD) -> list[Order]:
    found = [AtRisk(account, stage.chain.health(account)) for account in accounts]
    house = stage.chain.protocol.house.address
    return [Order(candidate, fraction) for candidate in with_steps(Rpc(stage.chain.w3), house, found, "latest")]


def test_run__with_and_without_sequences__agree(stage: Stage) -> None:
    accounts = [stage.borrower(), stage.trader(usdc="6000")]
    stage.chain.set_price("ETH", "2560")
    orders = _orders(stage, accounts)
    one = _simulator(stage, stage.chain.w3)
    other = _simulator(stage, _without_sequences(stage))
    for left, right in zip(one.run(orders, "latest"), other.run(orders, "latest"), strict=True):
        assert isinstance(left, Simulation)
        assert isinstance(right, Simulation)
        assert (left.fraction, left.paid) == (right.fraction, right.paid)
        assert abs(left.reward - right.reward) < 3 * QUOTE_UNIT
        assert left.reward > 0
        assert 0 < left.gas <= right.gas * 5 // 4
    assert (one.runs_sequences, other.runs_sequences) == (True, False)


def test_run__same_account_twice__the_second_sees_the_first(stage: Stage) -> None:
    account = stage.borrower()
    stage.chain.set_price("ETH", "2500")
    (order,) = _orders(stage, [account])
    first, second = _simulator(stage, stage.chain.w3).run([order, order], "latest")
    assert isinstance(first, Simulation)
    assert isinstance(second, Refusal)
    assert second.error.name == "Liquidation_Step"
    assert second.error.arguments == {"expected": 0, "found": 1}


def test_run__refused__names_the_error_either_way(stage: Stage) -> None:
    orders = _orders(stage, [stage.borrower()])
    for w3 in (stage.chain.w3, _without_sequences(stage)):
        (result,) = _simulator(stage, w3).run(orders, "latest")
        assert isinstance(result, Refusal)
        assert result.error.name == "Liquidation_Healthy"


def test_run__prediction__is_what_happens(stage: Stage) -> None:
    account = stage.borrower()
    stage.chain.set_price("ETH", "2500")
    (result,) = _simulator(stage, stage.chain.w3).run(_orders(stage, [account]), "pending")
    assert isinstance(result, Simulation)
    equity = stage.equity(stage.keeper)
    stage.chain.liquidate(account, stage.keeper)
    (event,) = stage.liquidations()
    # a block later a second's interest has come to the debt
    assert abs(event["args"]["fraction"] - result.fraction) < WAD // 10**8
    assert abs(event["args"]["paid"] - result.paid) < WAD // 10**3
    assert abs(stage.equity(stage.keeper) - equity - result.reward) < WAD // 10**3


def test_step__node_without_sequences__sends_within_the_margin_it_can_be_sure_of(
    stage: Stage,
) -> None:
    accounts = [stage.borrower(index, debt=str(22_000 - 20 * index)) for index in range(3)]
    stage.chain.open("other", 0, {"USDC": "3000"})
    stage.chain.set_price("ETH", "2500")
    stage.hold()
    protocol = Protocol(_without_sequences(stage), stage.chain.deployment)
    settings = KeeperSettings.load(duties="liquidate")
    with Keeper(protocol, stage.keys["other"], settings) as keeper:
        report = keeper.step("latest")
        # each takes about a third of 5,000 of initial margin
        assert [sent.action.account for sent in report.sent] == accounts[:1]
        assert report.decisions[-1].reason == "the liquidator's margin is used up"
        stage.mine()
        assert len(keeper.step("latest").liquidations) == 1
        assert [sent.action.account for sent in keeper.under_way] == accounts[1:2]


def test_plan__costs__count_at_the_highest_fee(stage: Stage) -> None:
    candidate = Candidate(1, stage.chain.health(stage.keeper), 0, 0)
    simulation = Simulation(Order(candidate, WAD), WAD, 0, 50 * WAD, 300_000)
    fees = Fees(100 * 10**9, 10**9)
    settings = KeeperSettings.load(overhead_usdc="0.5", min_profit_usdc="1")
    plan = plan_liquidation(simulation, fees, 3000 * WAD, settings)
    assert plan.cost == 90 * WAD + WAD // 2
    assert (plan.profit, plan.pays) == (50 * WAD - plan.cost, False)
    # 48.5 USDC buy 300,000 gas at 53.88 gwei
    assert plan.ceiling == 485 * WAD * 10**17 // (300_000 * 3000 * WAD)
    cheap = plan_liquidation(simulation, replace(fees, max_fee=plan.ceiling), 3000 * WAD, settings)
    assert cheap.pays
    dear = replace(fees, max_fee=plan.ceiling + 1)
    assert not plan_liquidation(simulation, dear, 3000 * WAD, settings).pays
