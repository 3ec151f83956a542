"""Ballast measured: the steps of ``lending``, and those that only a margin account has.

Ballast's tokens and feeds are the ones that the peers get, so the same market is built from one deployment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from web3.contract.contract import ContractFunction
from web3.types import TxParams, Wei

from ballast.bench.chain import Chain
from ballast.bench.gas_portfolio import measure_portfolio
from ballast.bench.lending import HEALTH_SIZES, Actors, Asset, Market, Step, fund, measure
from ballast.chain.local import ANY_STEP, LocalChain
from ballast.chain.params import AssetParams, NetworkParams
from ballast.chain.protocol import Protocol
from ballast.units import WAD, account_id

__all__ = ["EXTRA_ASSETS", "Ballast", "ballast_version", "bench_params", "market_of", "measure_ballast"]

#: Assets with 18 decimals beside the network's own: with ETH they make 16, one position each.
EXTRA_ASSETS: Final = 15

_MAX: Final = 2**256 - 1
_ANY_PAID: Final = 2**255 - 1
_MORE_PRICE: Final = Decimal(100)
_POSITION: Final = WAD
_CASH: Final = 1_000_000 * 10**6
#: Takes the liquidated borrower, who is at the target, below maintenance at the crash price again.
_BORROWED_AGAIN: Final = 500 * 10**6


def bench_params() -> NetworkParams:
    """The local network's parameters with ``EXTRA_ASSETS`` more assets, copies of SOL's with 18 decimals."""
    params = NetworkParams.load("local")
    pattern = next(asset for asset in params.assets if asset.symbol == "SOL")
    more = [_copy(pattern, f"MORE{number}") for number in range(EXTRA_ASSETS)]
    return params.model_copy(update={"assets": [*params.assets, *more]})


def _copy(pattern: AssetParams, symbol: str) -> AssetParams:
    feed = pattern.feed.model_copy(update={"price": _MORE_PRICE, "description": f"{symbol} / USD"})
    token = pattern.token.model_copy(update={"symbol": symbol, "name": symbol, "decimals": 18})
    markets = [
        market.model_copy(update={"symbol": market.symbol.replace(pattern.symbol, symbol)})
        for market in pattern.markets
    ]
    return AssetParams(symbol=symbol, feed=feed, token=token, markets=markets)


def market_of(local: LocalChain) -> Market:
    """USDC, WETH and the extra assets of a deployment, for every system that is measured."""

    def asset(symbol: str) -> Asset:
        deployment = local.deployment
        return Asset(
            to_checksum_address(deployment.tokens[symbol].address), to_checksum_address(deployment.feeds[symbol])
        )

    more = tuple(asset(f"MORE{number}") for number in range(EXTRA_ASSETS))
    return Market(asset("USDC"), asset("ETH"), more)


def ballast_version() -> str:
    """What was run: package, compiler and settings."""
    from ballast import __version__

    return f"ballast {__version__}, solc 0.8.30 via-IR, 200 runs, cancun; feeds read live"


@dataclass(frozen=True)
class Ballast:
    """A deployed Clearinghouse; a ``LendingSystem``. Everybody uses account 0 of his own."""

    protocol: Protocol
    market: Market

    @property
    def spender(self) -> ChecksumAddress:
        """The Clearinghouse."""
        return self.protocol.house.address

    def deposit_collateral(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """``deposit`` of WETH."""
        return self.deposit(who, self.market.weth.token, amount)

    def deposit_loan(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """``deposit`` of USDC."""
        return self.deposit(who, self.market.usdc.token, amount)

    def deposit(self, who: ChecksumAddress, token: ChecksumAddress, amount: int) -> ContractFunction:
        """``deposit`` of any listed token."""
        return self.protocol.house.functions.deposit(account_id(who), token, amount)

    def borrow(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """``withdraw`` of USDC beyond the balance."""
        return self.protocol.house.functions.withdraw(account_id(who), self.market.usdc.token, amount, who)

    def repay(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """``deposit`` of USDC against a debt."""
        return self.deposit(who, self.market.usdc.token, amount)

    def withdraw(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """``withdraw`` of WETH, a debt outstanding."""
        return self.protocol.house.functions.withdraw(account_id(who), self.market.weth.token, amount, who)

    def liquidate(self, liquidator: ChecksumAddress, who: ChecksumAddress, debt: int) -> ContractFunction:
        """Pays ``debt`` USDC in, liquidates and takes the WETH out: in kind, in one transaction, as the peers do."""
        house = self.protocol.house.functions
        account = account_id(liquidator)
        calls = (
            self.deposit_loan(liquidator, debt),
            self.liquidate_inside(liquidator, who),
            house.withdraw(account, self.market.weth.token, _MAX, liquidator),
        )
        return house.batch([bytes.fromhex(call._encode_transaction_data()[2:]) for call in calls])

    def liquidate_inside(self, liquidator: ChecksumAddress, who: ChecksumAddress) -> ContractFunction:
        """Liquidates from an account that is funded already; the slice stays in it."""
        step = (account_id(who), account_id(liquidator), WAD, 0, _ANY_PAID, ANY_STEP, b"")
        return self.protocol.house.functions.liquidate(step)

    def health(self, who: ChecksumAddress) -> ContractFunction:
        """``health``."""
        return self.health_of(account_id(who))

    def health_of(self, account: int) -> ContractFunction:
        """``health`` of an account by its id."""
        return self.protocol.house.functions.health(account)


def measure_ballast(
    chain: Chain,
    local: LocalChain,
    market: Market,
    actors: Actors,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """Gas of ``lending.STEPS``, of ``fill`` and ``settle``, and of ``health`` with 1 (``health.perps``), 4 and 16
    perpetuals: with the feeds read live, and from slots synced in the same block (``.synced``).

    ``liquidate`` is one call from a funded margin account, which keeps the slice; ``liquidate.in-kind`` brings the USDC
    and takes the WETH out in the same transaction, as the peers' liquidations do.
    """
    system = Ballast(local.protocol, market)
    steps = [
        replace(step, work="liquidate.in-kind") if step.work == "liquidate" else step
        for step in measure(chain, system, market, actors, on_step=on_step)
    ]
    on_step("liquidation from a margin account")
    steps.append(_liquidation_inside(chain, local, system, actors))
    on_step("fills")
    steps += _fills(chain, local, system, actors)
    on_step("health over more positions")
    steps += _wider_health(chain, local, system, actors)
    on_step("portfolio margin")
    steps += measure_portfolio(local, chain.view_gas)
    return steps


def _fills(chain: Chain, local: LocalChain, system: Ballast, actors: Actors) -> list[Step]:
    """A fill between two accounts that both have the position already, and a settlement of one of them."""
    maker, taker = actors.lender, actors.liquidator
    for who in (maker, taker):
        fund(chain, system.market.usdc.token, [who], _CASH, system.spender)
        chain.send(system.deposit_loan(who, _CASH), who)
    _trade(chain, local, maker, taker, "ETH-PERP")
    gas = _trade(chain, local, maker, taker, "ETH-PERP")
    local.set_price("ETH", Decimal("3010"))
    chain.send(local.protocol.house.functions.settle(account_id(maker)), maker)  # the loser pays in
    local.set_price("ETH", Decimal("3020"))
    settle = chain.send(local.protocol.house.functions.settle(account_id(maker)), maker)
    local.set_price("ETH", Decimal("3000"))
    return [Step("fill", gas), Step("settle", settle)]


def _trade(
    chain: Chain,
    local: LocalChain,
    maker: ChecksumAddress,
    taker: ChecksumAddress,
    symbol: str,
    size: Decimal | int = 1,
) -> int:
    """Both orders signed by their owners and sent by neither of them."""
    made = local.order(account_id(maker), symbol, -size)
    taken = local.order(account_id(taker), symbol, size)
    fill: Any = local.protocol.house.functions.fill(
        made.as_tuple(), local.sign(made), taken.as_tuple(), local.sign(taken), abs(made.size)
    )
    return chain.send(fill, chain.governor)


def _wider_health(chain: Chain, local: LocalChain, system: Ballast, actors: Actors) -> list[Step]:
    """An account with USDC and perpetuals of as many assets."""
    steps = []
    maker, holder = actors.lender, to_checksum_address(local.actor("holder").address)
    fund(chain, system.market.usdc.token, [holder], _CASH, system.spender)
    chain.send(system.deposit_loan(holder, _CASH), holder)
    symbols = ["ETH", *(f"MORE{number}" for number in range(EXTRA_ASSETS))]
    for held, symbol in enumerate(symbols, start=1):
        _trade(chain, local, maker, holder, f"{symbol}-PERP")
        if held in HEALTH_SIZES:
            # one position is compared with the peers' in the lending steps
            work = "health" if held > 1 else "health.perps"
            steps.append(Step(work, chain.view_gas(system.health(holder), holder), n=held))
            steps.append(Step(f"{work}.synced", _synced_health(chain, local, system, holder), n=held))
    return steps


def _synced_health(chain: Chain, local: LocalChain, system: Ballast, who: ChecksumAddress) -> int:
    """The same view in a block in which somebody has synced the feeds: two transactions of one block."""
    w3 = chain.w3
    everything = (1 << len(local.params.assets)) - 1
    local.rpc("evm_setAutomine", False)
    try:
        price = w3.eth.gas_price * 2
        first: TxParams = {"from": chain.governor, "gas": 6_000_000, "gasPrice": Wei(price * 2)}
        second: TxParams = {"from": who, "gas": 6_000_000, "gasPrice": Wei(price)}
        local.protocol.router.functions.sync(everything).transact(first)
        sent = system.health(who).transact(second)
        local.rpc("evm_mine")
    finally:
        local.rpc("evm_setAutomine", True)
    receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
    assert receipt["status"] == 1
    return int(receipt["gasUsed"]) - 21_000


def _liquidation_inside(chain: Chain, local: LocalChain, system: Ballast, actors: Actors) -> Step:
    """The measured borrower again, debt and collateral as before, by a liquidator whose margin account holds USDC and
    some WETH, and keeps the slice."""
    liquidator = actors.liquidator
    chain.send(system.deposit_loan(liquidator, _CASH // 100), liquidator)
    chain.send(system.deposit_collateral(liquidator, WAD), liquidator)
    chain.send(system.borrow(actors.borrower, _BORROWED_AGAIN), actors.borrower)
    local.set_price("ETH", Decimal("2250"))
    gas = chain.send(system.liquidate_inside(liquidator, actors.borrower), liquidator)
    local.set_price("ETH", Decimal("3000"))
    return Step("liquidate", gas)
