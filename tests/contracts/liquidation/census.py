"""Who has how much before and after a step: every account, insurance, pools and reserves, as of one second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ballast.units import QUOTE_UNIT
from tests.contracts.liquidation.scenes import Scenes

__all__ = ["Census", "census", "census_at"]


@dataclass(frozen=True)
class Census:
    """Token units by (account, symbol); unsettled and equity in USDC 1e18; reserves and indices by symbol."""

    balances: dict[tuple[int, str], int]
    unsettled: dict[tuple[int, str], int]
    equity: dict[int, int]
    reserves: dict[str, int]
    uncovered: dict[str, int]
    deposit_index: dict[str, int]
    held: dict[str, int]
    insurance: int

    def lent(self, symbol: str) -> int:
        """What depositors have together, token units."""
        return sum(amount for (_, name), amount in self.balances.items() if name == symbol and amount > 0)


def census(scenes: Scenes, accounts: Iterable[int]) -> Census:
    """As of the latest block."""
    accounts = list(accounts)
    protocol = scenes.protocol
    symbols = list(protocol.deployment.tokens)
    perps = [name for name in protocol.deployment.instruments if name.endswith("-PERP")]
    totals = {s: scenes.house.functions.totals(protocol.token(s).address).call() for s in symbols}
    banks = {s: scenes.bank(s) for s in symbols}
    return Census(
        balances={(a, s): protocol.balance(a, s) for a in accounts for s in symbols},
        unsettled={(a, s): scenes.unsettled(a, s) for a in accounts for s in perps},
        equity={a: scenes.chain.health(a).equity for a in accounts},
        reserves={s: totals[s][2] for s in symbols},
        uncovered={s: banks[s]["uncovered"] for s in symbols},
        deposit_index={s: banks[s]["depositIndex"] for s in symbols},
        held={s: banks[s]["held"] for s in symbols},
        insurance=totals["USDC"][3] * QUOTE_UNIT,
    )


def census_at(scenes: Scenes, accounts: Iterable[int], time: int) -> Census:
    """As of a block of that time, which is then undone."""
    snapshot = scenes.chain.snapshot()
    scenes.next_block_at(time)
    scenes.chain.rpc("evm_mine")
    found = census(scenes, accounts)
    scenes.chain.revert(snapshot)
    return found
