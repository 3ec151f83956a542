"""LiquidationEngine.sol, flag: when the clock starts and stops. Branches: test_flag.tree."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ballast.errors import ContractError
from ballast.units import WAD
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import reverts


@pytest.fixture
def account(scenes: Scenes) -> int:
    """Long 10 ETH-PERP with 3,167.75 USDC: below maintenance at 2,800, at the target of 1.15 at 2,900 exactly."""
    scenes.free_trading()
    opened = scenes.trader(positions={"ETH-PERP": 10}, USDC="3167.75")
    scenes.price(ETH=2_800)
    return opened


def flagged_at(scenes: Scenes, account: int) -> int:
    return scenes.liquidation_state(account)[0]


# ------------------------------------------------------------ flag()


def test_flag__below_maintenance__starts_the_clock_once(scenes: Scenes, account: int) -> None:
    stranger = scenes.chain.accounts[7].address
    receipt = scenes.chain.send(scenes.house.functions.flag(account), stranger)
    start = scenes.chain.now()
    assert scenes.event(receipt, "Flagged") == {"account": account, "at": start}
    scenes.chain.warp(500)
    assert not scenes.events(scenes.flag(account), "Flagged")
    assert flagged_at(scenes, account) == start


def test_flag__healthy__reverts(scenes: Scenes, account: int) -> None:
    scenes.price(ETH=3_000)
    with reverts("Liquidation_Healthy", account=account):
        scenes.flag(account)


def test_flag__between_maintenance_and_target__reverts(scenes: Scenes, account: int) -> None:
    scenes.flag(account)
    for price in ("2875", "2899.99999999"):
        scenes.price(ETH=price)
        assert scenes.chain.health(account).is_healthy
        with reverts("Liquidation_NoFlagChange", account=account):
            scenes.flag(account)
    assert flagged_at(scenes, account)


def test_flag__at_the_target__clears(scenes: Scenes, account: int) -> None:
    scenes.flag(account)
    scenes.price(ETH=2_900)
    health = scenes.chain.health(account)
    assert health.equity * 100 == health.maintenance * 115
    assert scenes.event(scenes.flag(account), "FlagCleared") == {"account": account}
    assert flagged_at(scenes, account) == 0


def test_flag__without_debt__clears(scenes: Scenes) -> None:
    account = scenes.borrower(owes={"USDC": 2_300}, ETH=1)
    scenes.price(ETH=2_600)
    scenes.flag(account)
    scenes.chain.deposit(account, "USDC", 3_000)
    assert scenes.chain.health(account).maintenance > 0  # the token is still charged
    scenes.flag(account)
    assert flagged_at(scenes, account) == 0


def test_flag__paused__works(scenes: Scenes, account: int) -> None:
    scenes.pause()
    scenes.flag(account)
    assert flagged_at(scenes, account) == scenes.chain.now()


def test_flag__stale_price__reverts(scenes: Scenes, account: int) -> None:
    scenes.chain.warp(90_001)
    with pytest.raises(ContractError, match="Oracle_"):
        scenes.flag(account)


# ------------------------------------------------------------ liquidate()


def test_liquidate__limited__starts_the_clock_once(scenes: Scenes, account: int, liquidator: int) -> None:
    scenes.step(account, liquidator, max_fraction=WAD // 50)
    start = scenes.chain.now()
    assert flagged_at(scenes, account) == start
    step = scenes.step(account, liquidator, start + 60, max_fraction=WAD // 50)
    assert flagged_at(scenes, account) == start
    assert not scenes.events(step.receipt, "Flagged")


def test_liquidate__to_the_target__leaves_no_flag(scenes: Scenes, account: int, liquidator: int) -> None:
    step = scenes.step(account, liquidator)
    assert flagged_at(scenes, account) == 0
    assert not scenes.events(step.receipt, "Flagged")


def test_liquidate__limited_beyond_the_target__leaves_no_flag(scenes: Scenes, account: int, liquidator: int) -> None:
    scenes.flag(account)
    step = scenes.step(account, liquidator, max_fraction=WAD * 9 // 10)
    assert step.event["fraction"] < WAD * 9 // 10
    assert scenes.event(step.receipt, "FlagCleared") == {"account": account}
    assert flagged_at(scenes, account) == 0


# ------------------------------------------------------------ the owner


def test_owner__acts_at_the_target__clears_and_below_it_stays(scenes: Scenes, account: int) -> None:
    scenes.flag(account)
    scenes.price(ETH=2_899)
    scenes.chain.fill(scenes.maker(), account, "ETH-PERP", "-0.001")
    assert flagged_at(scenes, account)
    scenes.price(ETH=2_901)
    scenes.chain.fill(scenes.maker(), account, "ETH-PERP", "-0.001")
    assert flagged_at(scenes, account) == 0


def test_owner__leaves__clears(scenes: Scenes, account: int) -> None:
    scenes.flag(account)
    scenes.chain.fill(scenes.maker(), account, "ETH-PERP", -10)
    assert flagged_at(scenes, account) == 0


def test_owner__deposits_much__needs_a_call_of_flag(scenes: Scenes, account: int) -> None:
    scenes.flag(account)
    scenes.chain.deposit(account, "USDC", 50_000)
    assert flagged_at(scenes, account)
    scenes.flag(account)
    assert flagged_at(scenes, account) == 0


def test_owner__deposits_a_unit_in_every_block__changes_nothing(scenes: Scenes, account: int, liquidator: int) -> None:
    start = scenes.chain.now() + 10
    rates = []
    again = scenes.chain.snapshot()
    for dusting in (False, True):
        scenes.next_block_at(start)
        scenes.flag(account)
        for at in range(1, 40):
            scenes.next_block_at(start + 10 * at)
            if dusting:
                scenes.chain.deposit(account, "USDC", Decimal("0.000001"), minted=False) if at > 1 else (
                    scenes.mint_to(scenes.owner(account), 1)
                )
            else:
                scenes.chain.mine(1, 0)
        assert flagged_at(scenes, account) == start
        event = scenes.step(account, liquidator, start + 600, max_fraction=WAD // 10).event
        rates.append(event["accountReward"] * WAD // event["maintenance"])
        assert event["step"] == 1
        scenes.chain.revert(again)
        again = scenes.chain.snapshot()
    assert rates[1] == pytest.approx(rates[0], rel=1e-6)
    assert rates[0] > WAD // 10 * 7 // 100


def test_flag__after_it_was_cleared__starts_anew(scenes: Scenes, account: int, liquidator: int) -> None:
    scenes.flag(account)
    scenes.chain.warp(2_000)
    scenes.price(ETH=2_905)
    scenes.flag(account)
    scenes.price(ETH=2_800)
    event = scenes.step(account, liquidator).event
    # no ramp: the first rate is of the health alone
    assert event["accountReward"] * WAD // event["maintenance"] < event["fraction"] * 7 // 100
    again = scenes.flag
    with reverts("Liquidation_Healthy"):
        again(account)
