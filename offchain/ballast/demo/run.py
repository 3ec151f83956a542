"""The demo, end to end: chain, accounts, replay, invariants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

from ballast.chain.anvil import Anvil
from ballast.chain.local import LocalChain
from ballast.chain.params import NetworkParams
from ballast.checks import Result, check_history
from ballast.checks.history import read_history
from ballast.checks.view import ChainView
from ballast.demo.desk import Desk
from ballast.demo.expiry import Expiry
from ballast.demo.replay import BASE_FEE, Frame, Replay
from ballast.demo.scenario import Scenario
from ballast.demo.setting import listed_prices, params_for
from ballast.demo.shapes import Opened, Population
from ballast.demo.tally import Tally, tally
from ballast.keeper import Keeper, KeeperSettings
from ballast.units import WAD

__all__ = ["Outcome", "Watcher", "run_demo"]

#: USDC of the liquidator and of the insurance fund at the start.
LIQUIDATOR_CASH = Decimal(20_000_000)
INSURANCE = Decimal(15_000)
#: Insolvent accounts pay no reward: this keeper closes them all the same, at up to this loss.
MIN_PROFIT = "-100"
MOST_PER_BLOCK = 48
#: Tip of the keeper's transactions; what a node suggests depends on when it is asked.
TIP_GWEI = "1"
_NATIVE = "ETH"
#: Chain time before the first point: for deploying, and for opening the first accounts as well.
_DEPLOY_SECONDS = 3_600
_LEAD_SECONDS = 7_200


class Watcher:
    """Told what happens; the default does nothing."""

    def stage(self, words: str) -> None:
        """A part of the work begins."""

    def frame(self, frame: Frame, done: int) -> None:
        """``done`` points are walked."""


@dataclass(frozen=True)
class Outcome:
    """Everything that a demo leaves: the scenario, its accounts, one frame a point, the tally, the
    health factor that a liquidation restores (1e18) and the verdict on each invariant."""

    scenario: Scenario
    opened: Sequence[Opened]
    frames: Sequence[Frame]
    tally: Tally
    target: int
    verdicts: Mapping[str, Result]

    @property
    def held(self) -> bool:
        """Whether every invariant holds."""
        return all(verdict.held for verdict in self.verdicts.values())


def run_demo(scenario: Scenario, *, seed: int = 1, watcher: Watcher | None = None) -> Outcome:
    """Runs a scenario on a chain of its own, which is gone when this returns or raises.

    ``UsageError`` where the scenario's prices do not fit the markets.
    """
    watcher = watcher or Watcher()
    params = params_for(scenario.path)
    first = datetime.combine(scenario.path.points[0].label, time(), UTC)
    genesis = int(first.timestamp()) - _LEAD_SECONDS
    watcher.stage("deploying")
    with _chain(params, genesis) as chain:
        chain.rpc("evm_setNextBlockTimestamp", genesis + _DEPLOY_SECONDS)
        watcher.stage("opening accounts")
        symbols = tuple(asset.symbol for asset in params.assets[1:])
        last = max(point.seconds for point in scenario.path.points)
        expiry = Expiry(chain, symbols, int(first.timestamp()) + last)
        population = Population(chain, symbols, seed, expiry)
        population.open_lenders()
        expiry.list_all()
        chain.fund_insurance(INSURANCE)
        with _hire(chain, params) as keeper:
            assert keeper.liquidator is not None
            liquidator = keeper.liquidator
            desk = Desk(chain, liquidator, population.maker, population.buyer, 2 * BASE_FEE)
            replay = Replay(chain, scenario, population, keeper, desk)
            watcher.stage("replaying")
            frames = replay.run(lambda frame: watcher.frame(frame, frame.index + 1))
        earned = chain.health(liquidator).equity - int(LIQUIDATOR_CASH) * WAD
        watcher.stage("checking the invariants")
        view = ChainView(chain.protocol)
        history = read_history(view, chain.deployment.start_block, view.tip())
        fallback = listed_prices()[_NATIVE]
        coin_prices = [frame.point.prices.get(_NATIVE, fallback) for frame in frames]
        sender = chain.actor("keeper").address
        return Outcome(
            scenario=scenario,
            opened=tuple(population.opened),
            frames=tuple(frames),
            tally=tally(history, frames, sender, coin_prices, earned),
            target=params.liquidation.target,
            verdicts=check_history(history),
        )


@contextmanager
def _chain(params: NetworkParams, genesis: int) -> Iterator[LocalChain]:
    """A deployment on a chain whose time does not depend on the machine's speed: a second a block,
    but for what is set. Interest runs from the listing on, so that every second counts."""
    with Anvil(timestamp=genesis, ipc=True) as node:
        node.rpc("anvil_setBlockTimestampInterval", 1)
        with LocalChain(params, url=str(node.ipc_path)) as chain:
            yield chain


def _hire(chain: LocalChain, params: NetworkParams) -> Keeper:
    """A keeper with its own key and money."""
    chain.open("keeper", collateral={"USDC": LIQUIDATOR_CASH})
    listed = any(asset.symbol == _NATIVE for asset in params.assets)
    settings = KeeperSettings.load(
        min_profit_usdc=MIN_PROFIT,
        max_per_block=MOST_PER_BLOCK,
        priority_fee_gwei=TIP_GWEI,
        duties=("liquidate", "sync"),
        native_symbol=_NATIVE,
        native_price_usdc=None if listed else listed_prices()[_NATIVE],
    )
    return Keeper(chain.protocol, chain.actor("keeper"), settings)
