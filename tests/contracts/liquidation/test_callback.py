"""The liquidator's callback. Branches: test_callback.tree."""

from __future__ import annotations

from typing import Any

import pytest
from web3.contract import Contract

from ballast.errors import ContractError
from ballast.units import QUOTE_UNIT, WAD, account_id
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import encode, reverts

DATA = b"\x01"


class Bot:
    """A liquidating contract, its owner, and its account 0."""

    def __init__(self, scenes: Scenes, usdc: int = 0) -> None:
        self.scenes = scenes
        self.key = scenes.chain.accounts[6].address
        self.contract: Contract = scenes.deploy("CallbackLiquidator", self.key)
        self.account = account_id(self.contract.address, 0)
        if usdc:
            token = scenes.protocol.token("USDC")
            scenes.chain.mint("USDC", scenes.governor, usdc * 10**6)
            scenes.chain.approve(scenes.governor, "USDC")
            scenes.chain.send(
                scenes.house.functions.deposit(self.account, token.address, usdc * 10**6), scenes.governor
            )

    def plan(self, *calls: Any, strict: bool = True) -> None:
        """What the callback does, in order."""
        packed = [(call.address, encode(call)) for call in calls]
        self.scenes.chain.send(self.contract.functions.plan(packed, strict), self.key)

    def run(self, function: Any) -> Any:
        """The contract calls the Clearinghouse."""
        call = self.contract.functions.execute(function.address, encode(function))
        return self.scenes.chain.send(call, self.key)

    def liquidate(self, account: int, data: bytes = DATA, **options: Any) -> Any:
        return self.run(self.scenes.liquidate_call(account, self.account, data=data, **options))

    def results(self) -> list[tuple[bool, bytes]]:
        """Success and result of each planned call."""
        found = []
        while True:
            try:
                at = len(found)
                ok, result = (self.contract.functions[name](at).call() for name in ("oks", "results"))
            except ContractError:
                return found
            found.append((ok, result))


@pytest.fixture
def weak(scenes: Scenes) -> int:
    """10 ETH against 23,000 USDC at 2,650."""
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=2_650)
    return account


def selector(scenes: Scenes, error: str) -> bytes:
    return bytes(scenes.chain.w3.keccak(text=error)[:4])


# ------------------------------------------------------------ with no capital


def test_callback__sells_the_slice_and_pays__with_no_capital(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes)
    house, market = scenes.house, scenes.open("market", USDC=1)
    buyer = scenes.owner(market)
    usdc, eth = scenes.protocol.token("USDC"), scenes.protocol.token("ETH")
    # somebody buys all the ETH there is for 2,645 apiece: 5 below the oracle
    slice_wad = scenes.step_then_undo(weak, scenes.open("probe", USDC=1_000_000))["fraction"] * 10
    proceeds = slice_wad * 2_645 // WAD * 10**6
    scenes.mint_to(buyer, 100_000)
    scenes.chain.send(usdc.functions.approve(bot.contract.address, 2**256 - 1), buyer)
    bot.run(usdc.functions.approve(house.address, 2**256 - 1))
    bot.plan(
        house.functions.withdraw(bot.account, eth.address, 2**256 - 1, buyer),
        usdc.functions.transferFrom(buyer, bot.contract.address, proceeds),
        house.functions.deposit(bot.account, usdc.address, proceeds),
    )
    assert scenes.chain.health(bot.account).equity == 0
    event = scenes.event(bot.liquidate(weak), "Liquidated")
    assert eth.functions.balanceOf(buyer).call() == pytest.approx(slice_wad, rel=1e-6)
    health = scenes.chain.health(bot.account)
    assert health.maintenance == 0, "all is sold and paid"
    profit = event["accountReward"] - event["insuranceFee"] - 5 * slice_wad
    assert health.equity == pytest.approx(profit, abs=2 * WAD)
    assert health.equity > 0
    assert scenes.chain.health(weak).is_healthy


def test_callback__is_called_once_and_only_with_data(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    bot.plan(scenes.house.functions.balanceOf(bot.account, scenes.protocol.token("ETH").address))
    bot.liquidate(weak, data=b"", fraction=WAD // 100)
    assert bot.results() == []
    bot.liquidate(weak, fraction=WAD // 100)
    ((ok, result),) = bot.results()
    assert ok
    # it sees the slice in its account, and the account as it will be
    assert int.from_bytes(result, "big") == scenes.protocol.balance(bot.account, "ETH") > 0


def test_callback__own_views_and_calls__work_while_it_runs(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    house, usdc = scenes.house.functions, scenes.protocol.token("USDC").address
    withdraw = house.withdraw(bot.account, usdc, 10**6, bot.key)
    bot.plan(
        house.health(bot.account),
        house.health(weak),
        house.markOf(scenes.protocol.instrument("ETH-PERP")),
        withdraw,
        house.batch([encode(withdraw), encode(house.settle(bot.account))]),
        house.healthFactor(bot.account),
    )
    before = scenes.protocol.token("USDC").functions.balanceOf(bot.key).call()
    bot.liquidate(weak)
    found = bot.results()
    assert [ok for ok, _ in found] == [True] * 6
    health = scenes.chain.health(bot.account)
    assert int.from_bytes(found[0][1][:32], "big") == health.equity + 2 * WAD
    assert scenes.protocol.token("USDC").functions.balanceOf(bot.key).call() - before == 2 * 10**6


def test_callback__outsiders__are_locked_out(scenes: Scenes, weak: int) -> None:
    """Another contract, called from the callback, is nobody the door knows: read-only re-entry included."""
    bot = Bot(scenes, usdc=100_000)
    other = scenes.deploy("ContractOwner", bot.contract.address)
    house, usdc = scenes.house.functions, scenes.protocol.token("USDC").address
    instrument = scenes.protocol.instrument("ETH-PERP")
    mine = account_id(other.address, 0)
    order = scenes.chain.order(weak, "ETH-PERP", 1).as_tuple()
    calls = [
        house.health(weak),
        house.healthFactor(bot.account),
        house.balanceOf(weak, usdc),
        house.positionOf(weak, instrument),
        house.unsettledOf(weak, instrument),
        house.markOf(instrument),
        house.marketOf(instrument),
        house.totals(usdc),
        house.bankOf(usdc),
        house.deposit(weak, usdc, 1),
        house.withdraw(mine, usdc, 1, other.address),
        house.transfer(mine, mine + 1, usdc, 1),
        house.settle(weak),
        house.flag(weak),
        house.fill(order, b"", order, b"", WAD),
        house.cancel(mine, 1),
        house.batch([]),
        house.fundInsurance(1),
        house.collect(usdc),
        house.submitQuotes([], []),
        scenes.liquidate_call(weak, mine),
    ]
    bot.plan(*(other.functions.execute(call.address, encode(call)) for call in calls), strict=False)
    bot.liquidate(weak)
    locked = selector(scenes, "Ledger_Locked()")
    found = bot.results()
    assert len(found) == len(calls)
    for call, (ok, result) in zip(calls, found, strict=True):
        assert not ok, call.fn_name
        assert result[:4] == locked, call.fn_name


def test_callback__afterwards__the_door_is_open(scenes: Scenes, weak: int, liquidator: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    bot.plan()
    bot.liquidate(weak)
    scenes.chain.deposit(liquidator, "USDC", 1)
    scenes.chain.withdraw(liquidator, "USDC", 1)
    assert scenes.chain.health(liquidator).equity == 1_000_000 * WAD


# ------------------------------------------------------------ again


def test_callback__liquidates_the_same_account_again__reverts(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    bot.plan(scenes.liquidate_call(weak, bot.account))
    with reverts("Liquidation_Healthy", account=weak):
        bot.liquidate(weak)
    assert scenes.liquidation_state(weak) == (0, 0)


def test_callback__liquidates_its_own_account__reverts(scenes: Scenes, weak: int) -> None:
    """Its account holds the slice and has not paid: nobody may call that a liquidation."""
    bot = Bot(scenes)
    bot.plan(scenes.liquidate_call(bot.account, bot.account + 1))
    with reverts("Liquidation_CheckDeferred", account=bot.account):
        bot.liquidate(weak)
    bot.plan(scenes.house.functions.flag(bot.account))
    with reverts("Liquidation_CheckDeferred", account=bot.account):
        bot.liquidate(weak)


def test_callback__liquidates_another_account__is_checked_at_the_end(scenes: Scenes) -> None:
    weak, other = (scenes.borrower(name, owes={"USDC": 23_000}, ETH=10) for name in ("borrower", "other"))
    scenes.price(ETH=2_650)
    bot = Bot(scenes, usdc=100_000)
    bot.plan(scenes.liquidate_call(other, bot.account))
    receipt = bot.liquidate(weak)
    assert [e["account"] for e in scenes.events(receipt, "Liquidated")] == [weak, other]
    assert scenes.chain.health(weak).is_healthy
    assert scenes.chain.health(other).is_healthy
    poor = Bot(scenes)
    poor.plan(scenes.liquidate_call(other, poor.account))
    scenes.price(ETH=2_300)
    with reverts("Ledger_BelowInitialMargin", account=poor.account):
        poor.liquidate(weak)


# ------------------------------------------------------------ failures


def test_callback__does_not_pay__reverts_all(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes)
    eth = scenes.protocol.token("ETH").address
    bot.plan(scenes.house.functions.withdraw(bot.account, eth, 2**256 - 1, bot.key))
    before = scenes.chain.health(weak)
    with reverts("Ledger_BelowInitialMargin", account=bot.account):
        bot.liquidate(weak)
    assert scenes.chain.health(weak).maintenance == before.maintenance
    assert scenes.protocol.token("ETH").functions.balanceOf(bot.key).call() == 0


def test_callback__reverts__all_reverts_with_its_reason(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    usdc = scenes.protocol.token("USDC").address
    bot.plan(scenes.house.functions.withdraw(weak, usdc, 1, bot.key))
    with reverts("Ledger_NotOwner", account=weak):
        bot.liquidate(weak)
    assert scenes.liquidation_state(weak) == (0, 0)
    assert scenes.protocol.balance(bot.account, "ETH") == 0


def test_callback__caller_without_code__reverts(scenes: Scenes, weak: int, liquidator: int) -> None:
    with pytest.raises(ContractError):
        scenes.chain.liquidate(weak, liquidator, data=DATA)
    assert scenes.liquidation_state(weak) == (0, 0)


def test_callback__in_a_batch__works(scenes: Scenes, weak: int) -> None:
    bot = Bot(scenes, usdc=100_000)
    house, usdc = scenes.house.functions, scenes.protocol.token("USDC").address
    withdraw = house.withdraw(bot.account, usdc, 10**6, bot.key)
    bot.plan(withdraw)
    liquidate = scenes.liquidate_call(weak, bot.account, data=DATA)
    bot.run(house.batch([encode(withdraw), encode(liquidate), encode(withdraw)]))
    assert scenes.liquidation_state(weak) == (0, 1)
    assert scenes.protocol.token("USDC").functions.balanceOf(bot.key).call() == 3 * 10**6
    assert scenes.chain.health(bot.account).equity > 99_990 * WAD - QUOTE_UNIT
