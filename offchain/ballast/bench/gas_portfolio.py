"""Portfolio margin measured: refreshing an expiry's arrays, and ``health``, ``fill`` and ``withdraw`` with options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3.contract.contract import ContractFunction

from ballast.bench.lending import Step
from ballast.chain.instruments import expiry_label
from ballast.chain.local import LocalChain

__all__ = ["OPTIONS_HELD", "double_scenarios", "measure_portfolio", "published_derive"]

#: Options that ``health.portfolio`` is measured with.
OPTIONS_HELD: Final = (0, 1, 4, 8, 16, 32, 64)

#: Each is a call and a put.
_STRIKES: Final = tuple(1_500 + 100 * i for i in range(30))
_DAYS: Final = 365
_DAY: Final = 86_400
_EXPIRES: Final = 8 * 3_600  # 08:00 UTC
_PORTFOLIO: Final = 1
_AMOUNTS: Final = {"BTC": "1", "ETH": "10", "SOL": "100"}
#: Two expiries of each of three underlyings, six strikes of each, in parts of the spot.
_EXPIRIES: Final = (30, 90)
_PARTS: Final = (80, 90, 100, 110, 120, 130)

#: Gas of a view called in a transaction of its own, less 21,000.
ViewGas = Callable[[ContractFunction, ChecksumAddress], int]


def measure_portfolio(local: LocalChain, view_gas: ViewGas) -> list[Step]:
    """``refresh.expiry`` and ``refresh.option`` of 60 options a year out whose arrays were there before.

    ``health.portfolio`` of an account with three collaterals, three perpetuals and ``n`` options of six series, under
    32 scenarios and under 64; ``health.portfolio.oracles`` is the reading of its prices alone. ``fill.portfolio`` and
    ``withdraw.portfolio``: one more lot of an option against a market maker who holds the same 64, and taking USDC out.
    """
    rows = _rows(local)
    steps = _refreshes(local, rows)
    names = _list_series(local)
    maker, holder = _holders(local)
    owner = to_checksum_address(local.key_of(holder).address)
    house = local.protocol.house.functions
    taken = 0
    for held in OPTIONS_HELD:
        for name in names[taken:held]:
            _buy(local, maker, holder, name, taken)
            taken += 1
        steps.append(Step("health.portfolio", view_gas(house.health(holder), owner), n=held, k=rows))
    assets = sum(1 << asset for asset in (0, *(local.deployment.underlyings[symbol] for symbol in _AMOUNTS)))
    prices = local.protocol.router.functions.prices(assets)
    steps.append(Step("health.portfolio.oracles", view_gas(prices, owner), n=OPTIONS_HELD[-1], k=rows))
    filled = int(_buy(local, maker, holder, names[0], 0))
    steps.append(Step("fill.portfolio", filled, n=OPTIONS_HELD[-1], k=rows))
    withdrawn = int(local.withdraw(holder, "USDC", 10)["gasUsed"])
    steps.append(Step("withdraw.portfolio", withdrawn, n=OPTIONS_HELD[-1], k=rows))
    double_scenarios(local)
    steps.append(Step("health.portfolio", view_gas(house.health(holder), owner), n=OPTIONS_HELD[-1], k=2 * rows))
    return steps


def published_derive() -> Iterator[tuple[int, int]]:
    """Options held, and gas of a margin check of Derive's PMRM_2 under its 33 scenarios, warm, one underlying."""
    yield from {1: 750_000, 4: 1_820_000, 16: 5_460_000, 32: 10_400_000, 64: 20_400_000}.items()


def _rows(local: LocalChain) -> int:
    return len(local.protocol.contract("ScenarioBook").functions.table().call()[1][3])


def _refreshes(local: LocalChain, rows: int) -> list[Step]:
    expiry = (local.now() // _DAY + _DAYS) * _DAY + _EXPIRES
    local.options.list_strikes("ETH", expiry, _STRIKES)
    local.options.set_surface("ETH", expiry, 0.7)
    local.options.refresh("ETH", expiry)
    refreshed = int(local.options.refresh("ETH", expiry)["gasUsed"])
    options = 2 * len(_STRIKES)
    return [
        Step("refresh.expiry", refreshed, n=options, k=rows),
        Step("refresh.option", refreshed // options, n=options, k=rows),
    ]


def _series(local: LocalChain) -> Iterator[tuple[str, int]]:
    for days in _EXPIRIES:
        for symbol in _AMOUNTS:
            yield symbol, (local.now() // _DAY + days) * _DAY + _EXPIRES


def _list_series(local: LocalChain) -> list[str]:
    """Lists and prices six series; names of 64 options, one series after the other, so that few already are of all."""
    names: list[list[str]] = []
    for symbol, expiry in _series(local):
        spot = local.price(symbol)
        strikes = [spot * part // 100 for part in _PARTS]
        local.options.list_strikes(symbol, expiry, strikes)
        local.options.set_surface(symbol, expiry, 0.7)
        local.options.refresh(symbol, expiry)
        label = expiry_label(expiry)
        names.append([f"{symbol}-{label}-{strike}-{side}" for strike in strikes for side in "CP"])
    turns = [name for turn in zip(*names, strict=True) for name in turn]
    return turns[: OPTIONS_HELD[-1]]


def _holders(local: LocalChain) -> tuple[int, int]:
    """A maker and a holder under the PORTFOLIO model: USDC, and the holder three collaterals and as many perpetuals."""
    maker = local.open("portfolio maker", collateral={"USDC": 8_000_000})
    holder = local.open("portfolio holder", collateral={"USDC": 500_000, **_AMOUNTS})
    for symbol, amount in _AMOUNTS.items():
        local.fill(maker, holder, f"{symbol}-PERP", f"-{amount}")
    for account in (maker, holder):
        local.choose_model(account, _PORTFOLIO)
    return maker, holder


def _buy(local: LocalChain, maker: int, holder: int, name: str, turn: int) -> int:
    """A lot, bought or, every other time, sold. Returns the gas."""
    lot = {"BTC": "0.01", "ETH": "0.1", "SOL": "1"}[name.partition("-")[0]]
    return int(local.fill(maker, holder, name, lot if turn % 2 == 0 else f"-{lot}")["gasUsed"])


def double_scenarios(local: LocalChain) -> None:
    """Activates the table that holds with each row twice, and the arrays under it."""
    book = local.protocol.contract("ScenarioBook").functions
    tail, power, underlyings, weights, spot, vol, floors, *_ = book.table().call()[1]
    names = [f"{row}".encode().ljust(32, b"\0") for row in range(2 * len(weights))]
    twice = (
        tail,
        power,
        underlyings,
        weights * 2,
        *([column * 2 for column in moves] for moves in (spot, vol)),
        floors,
        names,
    )
    local.send(book.propose(twice), local.governor)
    arrays = local.protocol.contract("RiskArrays").functions
    strikes = local.protocol.contract("StrikeBook").functions
    for symbol in _AMOUNTS:
        asset = local.deployment.underlyings[symbol]
        for expiry in strikes.expiriesOf(asset).call():
            local.send(arrays.refreshProposed(asset, expiry, 0, 2**256 - 1), local.governor, gas=15_000_000)
    local.send(book.activate(), local.governor)
