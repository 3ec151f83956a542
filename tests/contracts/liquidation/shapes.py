"""Unhealthy accounts of many shapes, for tests that must hold whatever the account looks like."""

from __future__ import annotations

from collections.abc import Callable

from tests.contracts.liquidation.scenes import Scenes

__all__ = ["SHAPES"]


def levered_eth(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=2_650)
    return account


def levered_btc(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"USDC": "46999.123457"}, BTC="1.00001237")
    scenes.price(BTC=54_321)
    return account


def levered_sol(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"USDC": 1_000}, SOL="10.123456789")
    scenes.price(SOL="119.17")
    return account


def short_btc(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"BTC": "0.33333333"}, USDC=25_000)
    scenes.price(BTC=69_000)
    return account


def many_tokens(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"USDC": 40_000, "SOL": "33.3"}, BTC="0.71234567", ETH="7.77")
    scenes.price(BTC=48_000, ETH=2_400, SOL=170)
    return account


def long_perp(scenes: Scenes) -> int:
    account = scenes.trader(positions={"ETH-PERP": "37.1234"}, USDC=12_345)
    scenes.price(ETH=2_810)
    return account


def short_perp(scenes: Scenes) -> int:
    account = scenes.trader(positions={"SOL-PERP": "-333.333"}, USDC=9_000)
    scenes.price(SOL=163)
    return account


def many_perps(scenes: Scenes) -> int:
    account = scenes.trader(positions={"BTC-PERP": "0.54321", "ETH-PERP": "-12.3456", "SOL-PERP": "77.7"}, USDC=9_500)
    scenes.price(BTC=56_000, ETH=3_220, SOL=131)
    return account


def carry(scenes: Scenes) -> int:
    """Long the token on credit, short the perpetual: hedged, but for what both ask."""
    account = scenes.borrower(owes={"USDC": 20_900}, ETH=10)
    scenes.chain.fill(scenes.maker(), account, "ETH-PERP", -10)
    scenes.price(ETH=4_500)
    return account


def levered_and_long(scenes: Scenes) -> int:
    account = scenes.borrower(owes={"USDC": 22_000}, ETH=10, BTC="0.11111111")
    scenes.chain.fill(scenes.maker(), account, "BTC-PERP", "0.4321")
    scenes.price(ETH=2_290, BTC=56_000)
    return account


#: By name; solvent, below maintenance, with health factors from nearly one to about a half.
SHAPES: dict[str, Callable[[Scenes], int]] = {
    shape.__name__: shape
    for shape in (
        levered_eth,
        levered_btc,
        levered_sol,
        short_btc,
        many_tokens,
        long_perp,
        short_perp,
        many_perps,
        carry,
        levered_and_long,
    )
}
