"""A settlement oracle over two feeds whose whole history is given, and what it must say of them, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from tests.contracts.harness import LocalChain, Revert, logged
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD, Feed

__all__ = ["QUANTUM", "QUOTE", "WINDOW", "Rounds", "SettlementDesk", "price_of", "sum_of"]

WINDOW = 1_800
QUANTUM = 10**6
QUOTE = 0
#: Of a source with 8 decimals.
SCALE = 10**10
_EIGHT = 8 * HOUR

#: Answers with their times, in seconds from the window's start, in the order of their ids.
Rounds = Sequence[tuple[int, int]]


def sum_of(rounds: Rounds) -> int:
    """Price * seconds over the window: in each second the last of the rounds that had begun holds."""
    total, at = 0, -1
    for second in range(WINDOW):
        while at + 1 < len(rounds) and rounds[at + 1][0] <= second:
            at += 1
        total += rounds[at][1] * SCALE
    return total


def price_of(asset: Rounds, quote: Rounds) -> int:
    """USDC per unit, 1e18."""
    price = sum_of(asset) * WAD // sum_of(quote)
    return price - price % QUANTUM


class SettlementDesk:
    """ETH and USDC listed with sources under full control; ``oracle`` settles at 08:00 UTC of the day after tomorrow.

    The histories are at first one round each: 3,000 USD and 1 USD, ten minutes before the window.
    """

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.authority = chain.deploy("AccessManager", chain.accounts[0])
        self.router = chain.deploy("OracleRouter", self.authority.address)
        self.eth, self.usdc = (chain.deploy("HistoryAggregator", 8) for _ in range(2))
        self.oracle = chain.deploy("SettlementOracle", self.authority.address, self.router.address)
        self.expiry = (chain.now // DAY + 2) * DAY + _EIGHT
        self.start = self.expiry - WINDOW
        self.list(ETH, self.eth, 3_000 * USD, max_age=HOUR)
        self.list(QUOTE, self.usdc, USD, max_age=25 * HOUR)
        self.give(self.eth, [(-600, 3_000 * USD)])
        self.give(self.usdc, [(-600, USD)])

    def list(self, asset: int, source: Contract, answer: int, **guards: Any) -> None:
        """Lists a source, with a round of now for the router to see."""
        self.chain.send(source.functions.setRounds(1, [answer], [self.chain.now]))
        self.chain.send(self.router.functions.setFeed(asset, Feed(source.address, **guards).values))

    def put_proxy(self, *aggregators: Contract) -> Contract:
        """ETH behind a proxy that went through these; their histories are given afterwards."""
        for aggregator in aggregators:
            self.chain.send(aggregator.functions.setRounds(1, [3_000 * USD], [self.chain.now]))
        proxy = self.chain.deploy("PhaseProxy", aggregators[0].address)
        for aggregator in aggregators[1:]:
            self.chain.send(proxy.functions.confirmAggregator(aggregator.address))
        self.chain.send(self.router.functions.setFeed(ETH, Feed(proxy.address).values))
        return proxy

    def give(self, source: Contract, rounds: Rounds, first: int = 1) -> None:
        """Makes these a source's rounds from id ``first`` on, the last of them its latest."""
        times = [self.start + after for after, _ in rounds]
        self.chain.send(source.functions.setRounds(first, [answer for _, answer in rounds], times))

    def expire(self, after: int = 0) -> None:
        """Moves to so many seconds after the expiry."""
        self.chain.warp(self.expiry + after - self.chain.now)

    # ------------------------------------------------------------ calls

    def call(self, asset: int = ETH, rounds: tuple[int, int] = (1, 1), count: int = 256) -> ContractFunction:
        return self.oracle.functions.settlePrice(asset, self.expiry, *rounds, count)

    def settle(self, asset: int = ETH, rounds: tuple[int, int] = (1, 1), count: int = 256) -> TxReceipt:
        return self.chain.send(self.call(asset, rounds, count))

    def refusal(self, asset: int = ETH, rounds: tuple[int, int] = (1, 1), count: int = 256) -> Revert:
        return self.chain.revert_of(self.call(asset, rounds, count))

    def by_governor(self, price: int, asset: int = ETH) -> ContractFunction:
        return self.oracle.functions.setPriceByGovernor(asset, self.expiry, price)

    @property
    def price(self) -> int:
        return int(self.oracle.functions.priceOf(ETH, self.expiry).call())

    def is_fixed(self, asset: int = ETH) -> bool:
        return bool(self.oracle.functions.isFixed(asset, self.expiry).call())

    def progress(self, asset: int) -> tuple[int, int, bool]:
        """Sum, last round, done."""
        found = self.oracle.functions.progressOf(asset, self.expiry).call()
        return (found[0], found[1], found[2])

    def events(self, name: str, receipt: TxReceipt) -> list[dict[str, Any]]:
        return logged(self.oracle.events[name](), receipt)
