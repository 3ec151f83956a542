"""Portfolio margin measured: refreshing an expiry's risk arrays, and ``health`` under the PORTFOLIO model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from ballast.bench.lending import Step
from ballast.chain.local import LocalChain

__all__ = ["measure_portfolio"]

#: Each is a call and a put.
_STRIKES: Final = tuple(1_500 + 100 * i for i in range(30))
_DAYS: Final = 365
_DAY: Final = 86_400
_EXPIRES: Final = 8 * 3_600  # 08:00 UTC
_PORTFOLIO: Final = 1
_UNDERLYINGS: Final = ("BTC", "ETH", "SOL")

#: Gas of ``health`` of an account, less 21,000.
_ViewGas = Callable[[int, ChecksumAddress], int]


def measure_portfolio(local: LocalChain, health_gas: _ViewGas) -> list[Step]:
    """``refresh.expiry`` and ``refresh.option`` of 60 options a year out whose arrays were there before, and
    ``health.portfolio`` of an account with three perpetuals, three collaterals and ``n`` options."""
    rows = len(local.protocol.contract("ScenarioBook").functions.table().call()[1][3])
    expiry = (local.now() // _DAY + _DAYS) * _DAY + _EXPIRES
    local.options.list_strikes("ETH", expiry, _STRIKES)
    local.options.set_surface("ETH", expiry, 0.7)
    local.options.refresh("ETH", expiry)
    refreshed = int(local.options.refresh("ETH", expiry)["gasUsed"])
    options = 2 * len(_STRIKES)
    holder = _holder(local)
    return [
        Step("refresh.expiry", refreshed, n=options, k=rows),
        Step("refresh.option", refreshed // options, n=options, k=rows),
        Step("health.portfolio", health_gas(holder, to_checksum_address(local.key_of(holder).address)), n=0, k=rows),
    ]


def _holder(local: LocalChain) -> int:
    """An account under the PORTFOLIO model: USDC, three collaterals and as many perpetuals."""
    maker = local.open("portfolio maker", collateral={"USDC": 5_000_000})
    amounts = dict(zip(_UNDERLYINGS, ("1", "10", "100"), strict=True))
    holder = local.open("portfolio holder", collateral={"USDC": 200_000, **amounts})
    for symbol in _UNDERLYINGS:
        local.fill(maker, holder, f"{symbol}-PERP", f"-{amounts[symbol]}")
    house = local.protocol.house.functions
    local.send(house.setMarginModel(holder, _PORTFOLIO), local.key_of(holder).address)
    return holder
