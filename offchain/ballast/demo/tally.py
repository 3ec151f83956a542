"""What a replay came to, counted from the chain: liquidations, who paid, who earned, how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ballast.checks.history import History, Transaction
from ballast.checks.values import Values
from ballast.checks.view import Health, LoggedEvent
from ballast.demo.replay import Frame
from ballast.errors import RpcError
from ballast.units import QUOTE_UNIT, WAD

__all__ = ["GasUse", "Liquidation", "Tally", "delay_of", "tally"]

_ETHER = 10**18


@dataclass(frozen=True)
class Liquidation:
    """One step. Money in USDC 1e18; ``factor`` is equity over maintenance just before (negative
    when insolvent), ``delay`` the blocks between breach and step, ``symbol`` the coin of which
    most was taken."""

    account: int
    block: int
    frame: int
    fraction: int
    factor: Fraction
    delay: int
    collateral: int
    notional: int
    symbol: str
    reward: int
    fund_reward: int
    loss: int

    @property
    def sold(self) -> int:
        """Value of what changed hands: coins and positions."""
        return self.collateral + self.notional


@dataclass(frozen=True)
class GasUse:
    """Of one sender: transactions, those that reverted, and what they cost (USDC 1e18)."""

    sent: int
    reverted: int
    cost: int


@dataclass(frozen=True)
class Tally:
    """Sums over a replay, USDC 1e18. ``borne`` splits ``bad_debt`` by who paid: insurance,
    winners, deposits, uncovered. ``unliquidated`` accounts were unhealthy at the last block,
    ``earned`` is what the liquidator's account grew by."""

    liquidations: tuple[Liquidation, ...]
    liquidation_gas: GasUse
    service_gas: GasUse
    borne: Mapping[str, int]
    worst: Fraction
    unliquidated: int
    earned: int

    @property
    def accounts(self) -> int:
        return len({step.account for step in self.liquidations})

    @property
    def collateral_sold(self) -> int:
        """Value of the coins that liquidators took."""
        return sum(step.collateral for step in self.liquidations)

    @property
    def positions_closed(self) -> int:
        """Notional of the positions that liquidators took over."""
        return sum(step.notional for step in self.liquidations)

    @property
    def rewards(self) -> int:
        return sum(step.reward for step in self.liquidations)

    @property
    def profit(self) -> int:
        """Of the liquidator: rewards less the gas of its liquidations, also of those that failed."""
        return self.rewards - self.liquidation_gas.cost

    @property
    def holding(self) -> int:
        """What the liquidator made or lost on what it took, until it was sold, fees included."""
        return self.earned - self.rewards

    @property
    def insurance_used(self) -> int:
        """Losses and rewards that the fund paid."""
        return self.borne["insurance"] + sum(step.fund_reward for step in self.liquidations)

    @property
    def bad_debt(self) -> int:
        """Losses beyond the collateral of who made them, whoever bore them."""
        return sum(self.borne.values())

    @property
    def worst_factor(self) -> Fraction:
        """As the contract says it: zero where equity is negative."""
        return max(self.worst, Fraction(0))

    @property
    def longest_delay(self) -> int:
        return max((step.delay for step in self.liquidations), default=0)

    @property
    def mean_delay(self) -> Fraction:
        delays = [step.delay for step in self.liquidations]
        return Fraction(sum(delays), len(delays)) if delays else Fraction(0)


def tally(history: History, frames: Sequence[Frame], keeper: str, coin_prices: Sequence[Decimal], earned: int) -> Tally:
    """Counts what happened in the frames' blocks. ``coin_prices`` are USD of the chain's own coin,
    frame by frame: they price gas. ``earned`` is what the
    liquidator's account grew by, USDC 1e18."""
    by_block = {frame.block: frame.index for frame in frames}
    steps = [
        _liquidation(history, transaction, event, frames, by_block[transaction.block])
        for transaction in history.transactions
        if transaction.block in by_block
        for event in transaction.named("Liquidated")
    ]
    borne = dict.fromkeys(("insurance", "winners", "deposits", "uncovered"), 0)
    for transaction in history.transactions:
        for event in transaction.named("LossAllocated"):
            for part in borne:
                borne[part] += event[part]
    liquidation_gas, service_gas = _gas(history, frames, keeper, coin_prices)
    seen = [_factor(h) for frame in frames for h in frame.healths.values() if h.maintenance]
    seen += [step.factor for step in steps]
    return Tally(
        liquidations=tuple(steps),
        liquidation_gas=liquidation_gas,
        service_gas=service_gas,
        borne=borne,
        worst=min(seen, default=Fraction(0)),
        unliquidated=sum(not _healthy(h) for h in frames[-1].healths.values()),
        earned=earned,
    )


def _liquidation(
    history: History,
    transaction: Transaction,
    event: LoggedEvent,
    frames: Sequence[Frame],
    index: int,
) -> Liquidation:
    account = event["account"]
    coins, positions = _taken(history, transaction, account)
    both = [*coins.items(), *positions.items()]
    losses = [e for e in transaction.named("LossAllocated") if e["account"] == account]
    return Liquidation(
        account=account,
        block=transaction.block,
        frame=index,
        fraction=event["fraction"],
        factor=Fraction(event["equity"], event["maintenance"]),
        delay=delay_of(frames, index, account),
        collateral=sum(coins.values()),
        notional=sum(positions.values()),
        symbol=max(both, key=lambda item: item[1], default=("", 0))[0],
        reward=event["accountReward"] + event["fundReward"] - _whole(event["insuranceFee"]),
        fund_reward=event["fundReward"],
        loss=sum(loss["loss"] for loss in losses),
    )


def delay_of(frames: Sequence[Frame], index: int, account: int) -> int:
    """Blocks since the account fell below maintenance; 0 where it did in the step's own block."""
    first = frames[index].block
    for frame in reversed(frames[:index]):
        health = frame.healths.get(account)
        if health is None or _healthy(health):
            break
        first = frame.block
    return frames[index].block - first


def _taken(history: History, transaction: Transaction, account: int) -> tuple[dict[str, int], dict[str, int]]:
    """Value of the coins and notional of the positions that left an account, by coin. USDC 1e18."""
    coins: dict[str, int] = {}
    positions: dict[str, int] = {}
    values = Values.before(transaction, history.tokens)
    symbols = {e.address.lower(): s for s, e in history.view.deployment.tokens.items()}
    for token, known in history.tokens.items():
        before, after = _pair(transaction, "balanceOf", account, known.address)
        if values is not None and token and before > 0:
            coins[symbols[known.address]] = values.of(token, before - max(after, 0))
    for number, name in history.view.perpetuals.items():
        before, after = _pair(transaction, "positionOf", account, number)
        if before != after:
            mark = transaction.asked_before[("markOf", (number,))][0]
            positions[name.removesuffix("-PERP")] = abs(before - after) * mark // WAD
    return coins, positions


def _pair(transaction: Transaction, view: str, *arguments: Any) -> tuple[int, int]:
    """What a view said just before and just after."""
    before, after = transaction.asked_before, transaction.asked_after
    return before[view, arguments][0], after[view, arguments][0]


# ------------------------------------------------------------------ gas


def _gas(
    history: History, frames: Sequence[Frame], keeper: str, coin_prices: Sequence[Decimal]
) -> tuple[GasUse, GasUse]:
    """The keeper's liquidations, and what else it sent."""
    view = history.view
    blocks = view.batch.many([("eth_getBlockByNumber", [hex(frame.block), True]) for frame in frames])
    sent: list[tuple[Mapping[str, Any], Decimal]] = []
    for block, price in zip(blocks, coin_prices, strict=True):
        if isinstance(block, RpcError):
            raise block
        mine = (t for t in block["transactions"] if str(t["from"]).lower() == keeper.lower())
        sent += [(transaction, price) for transaction in mine]
    receipts = view.batch.many([("eth_getTransactionReceipt", [t["hash"]]) for t, _ in sent])
    house = view.house.lower()
    uses = {True: [0, 0, 0], False: [0, 0, 0]}
    for (transaction, price), receipt in zip(sent, receipts, strict=True):
        use = uses[str(transaction["to"]).lower() == house]
        wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        use[0] += 1
        use[1] += int(receipt["status"], 16) != 1
        use[2] += int(Fraction(wei, _ETHER) * Fraction(price) * WAD)
    return GasUse(*uses[True]), GasUse(*uses[False])


def _factor(health: Health) -> Fraction:
    return Fraction(health.equity, health.maintenance)


def _healthy(health: Health) -> bool:
    return health.equity >= health.maintenance


def _whole(wad: int) -> int:
    """Whole USDC units of an amount, 1e18."""
    return int(wad // QUOTE_UNIT * QUOTE_UNIT)
