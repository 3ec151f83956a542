"""The replay: prices pushed to the feeds, the keeper at work in the same block, one block a
point.

Mining is off. A point's prices go into the pool as real rounds of the aggregators, the keeper
looks at the state that they will make and sends its liquidations behind them, and one block takes
it all. Then every account's health is read from the chain, and the liquidator's desk sells what it
can in a block of its own, a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from ballast import units
from ballast.chain.local import LocalChain
from ballast.checks.view import ChainView, Health
from ballast.demo.desk import Desk
from ballast.demo.scenario import Scenario
from ballast.demo.shapes import Opened, Population
from ballast.errors import RpcError
from ballast.keeper import Keeper
from ballast.market import PricePoint

__all__ = ["BASE_FEE", "Frame", "Replay"]

#: Of every block, wei per gas: what the keeper's profit pays for.
BASE_FEE = 20 * 10**9
#: The prices' own tip, above the keeper's: they come first in the block.
_FEED_TIP = 50 * 10**9
_FEED_GAS = 200_000
_DAY = 86_400
#: USDC's answer is pushed again before its heartbeat ends.
_QUOTE_REFRESH = _DAY // 2


@dataclass(frozen=True)
class Frame:
    """The end of one point's block. ``healths`` has every account that could be valued;
    ``liquidations`` were sent for it."""

    index: int
    block: int
    point: PricePoint
    healths: Mapping[int, Health]
    liquidations: int


class Replay:
    """Walks a scenario on a chain."""

    def __init__(
        self,
        chain: LocalChain,
        scenario: Scenario,
        population: Population,
        keeper: Keeper,
        desk: Desk,
    ) -> None:
        self.chain = chain
        self.scenario = scenario
        self.population = population
        self.keeper = keeper
        self.desk = desk
        self.frames: list[Frame] = []
        self._view = ChainView(chain.protocol)
        self._decimals = {asset.symbol: asset.feed for asset in chain.params.assets}
        first = scenario.path.points[0].label
        midnight = int(datetime.combine(first, time(), UTC).timestamp())
        self._start = max(midnight, chain.now() + 1)
        self._quote_at = chain.now()

    def run(self, advance: Callable[[Frame], None] = lambda frame: None) -> list[Frame]:
        """One frame for each point; ``advance`` is called after each."""
        with _mining_by_hand(self.chain):
            for index, point in enumerate(self.scenario.path.points):
                if index in self.scenario.openings:
                    self._open(self.scenario.openings[index])
                self.frames.append(self._step(index, point))
                advance(self.frames[-1])
        return self.frames

    def _open(self, count: int) -> list[Opened]:
        with self.population.expiry.automine():
            self.population.expiry.refresh()
            return self.population.open_traders(count)

    def _step(self, index: int, point: PricePoint) -> Frame:
        now = max(self._start + point.seconds, self.chain.now() + 1)
        self.chain.rpc("evm_setNextBlockTimestamp", now)
        self.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE))
        self._push(point.prices)
        if now - self._quote_at > _QUOTE_REFRESH:
            self._push({"USDC": Decimal(1)})
            self._quote_at = now
        report = self.keeper.step("pending")
        self.chain.rpc("evm_mine")
        block = self.chain.w3.eth.block_number
        accounts = [opened.account for opened in self.population.opened]
        healths = self._healths(accounts, block)
        if self.desk.unload():
            self.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE))
            self.chain.rpc("evm_mine")
        with self.population.expiry.automine():
            self.population.expiry.refresh()
        return Frame(index, block, point, healths, len(report.liquidations_sent))

    def _push(self, prices: Mapping[str, Decimal]) -> None:
        """Sends answers to the feeds; they wait in the pool."""
        for symbol, price in prices.items():
            feed = self.chain.protocol.feed(symbol)
            answer = units.to_units(price, self._decimals[symbol].decimals)
            self.chain.rpc(
                "eth_sendTransaction",
                {
                    "from": self.chain.governor,
                    "to": feed.address,
                    "data": feed.encode_abi("submit", [answer]),
                    "gas": hex(_FEED_GAS),
                    "maxFeePerGas": hex(BASE_FEE + _FEED_TIP),
                    "maxPriorityFeePerGas": hex(_FEED_TIP),
                },
            )

    def _healths(self, accounts: Sequence[int], block: int) -> dict[int, Health]:
        answers = self._view.ask([("health", [account]) for account in accounts], block)
        return {
            account: Health(*answer) for account, answer in zip(accounts, answers, strict=True) if answer is not None
        }


@contextmanager
def _mining_by_hand(chain: LocalChain) -> Iterator[None]:
    chain.rpc("evm_setAutomine", False)
    try:
        yield
    finally:
        # where the node is gone there is nothing to put back
        with suppress(RpcError, OSError):
            chain.rpc("evm_setAutomine", True)
