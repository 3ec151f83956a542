"""``market``: each move does to the feeds what it says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from ballast.errors import ContractError
from ballast.testing import Market, Trader


def test_crash__a_historical_day__moves_every_listed_coin(market: Market) -> None:
    before = {symbol: market.price(symbol) for symbol in ("BTC", "ETH", "SOL")}
    moves = market.crash("2020-03-12")
    assert set(moves) == {"BTC", "ETH"}, "SOL did not trade"
    for symbol, change in moves.items():
        assert market.price(symbol) == pytest.approx(before[symbol] * (1 + change), rel=Decimal("1e-5"))
    assert market.price("SOL") == before["SOL"]


def test_move__by_a_part__returns_the_new_price(market: Market) -> None:
    assert market.move("ETH", "-0.1") == Decimal("2700.00") == market.price("ETH")


def test_accept_prices__after_a_jump__nothing_deviates(market: Market, make_account: Callable[..., Trader]) -> None:
    trader = make_account(collateral={"USDC": 100_000})
    market.set_price("ETH", 4_000)
    with pytest.raises(ContractError, match="Ledger_Deviating"):
        trader.trade("ETH-PERP", 1)
    market.accept_prices()
    trader.trade("ETH-PERP", 1)
    assert trader.position("ETH-PERP") == 1


def test_time__of_a_test__moves_only_where_it_is_moved(market: Market, make_account: Callable[..., Trader]) -> None:
    start = market.chain.now()
    make_account(collateral={"ETH": 10, "USDC": -10_000})
    assert market.chain.now() == start
    market.warp(3_600)
    assert market.chain.now() == start + 3_600
