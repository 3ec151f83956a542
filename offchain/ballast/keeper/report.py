"""What one step of a keeper saw, decided and did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ballast import units
from ballast.keeper.candidates import AtRisk
from ballast.keeper.duty import Decision
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.own import OwnAccount
from ballast.keeper.paper import Score
from ballast.keeper.sender import Outcome, Sent

__all__ = ["LiquidationResult", "StepReport"]


@dataclass(frozen=True, slots=True)
class LiquidationResult:
    """A liquidation of ours that was mined: in which block, what it earned (``reward``, USDC 1e18),
    what its gas cost (``gas_cost``, USDC 1e18; ``gas_wei`` in the chain's coin)."""

    account: int
    hash: str
    block: int
    reward: int
    gas_wei: int
    gas_cost: int

    @property
    def profit(self) -> int:
        """USDC 1e18."""
        return self.reward - self.gas_cost

    def to_json(self) -> dict[str, Any]:
        return {
            "account": shown_account(self.account),
            "hash": self.hash,
            "block": self.block,
            "reward": shown_usdc(self.reward),
            "gas_wei": self.gas_wei,
            "gas_cost": shown_usdc(self.gas_cost),
            "profit": shown_usdc(self.profit),
        }


@dataclass(frozen=True)
class StepReport:
    """One step.

    ``block`` is the block it was for, ``latest`` the last mined one it knew, ``tag`` the state it
    decided on. ``accounts`` counts those that owe anything, ``watched`` those near the line;
    ``at_risk`` are liquidatable. ``sent`` is what was sent in this step, ``outcomes`` and
    ``liquidations`` how earlier ones ended; in paper mode ``recorded`` and ``scores`` take their
    place. ``errors`` are duties that could not look.
    """

    block: int
    latest: int
    tag: str
    paper: bool
    accounts: int
    watched: int
    at_risk: tuple[AtRisk, ...]
    unreadable: Mapping[str, int]
    own: OwnAccount
    decisions: tuple[Decision, ...] = ()
    sent: tuple[Sent, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    liquidations: tuple[LiquidationResult, ...] = ()
    recorded: tuple[Decision, ...] = ()
    scores: tuple[Score, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def liquidations_sent(self) -> tuple[Sent, ...]:
        """Those of ``sent`` that are liquidations."""
        return tuple(sent for sent in self.sent if sent.action.duty == "liquidate")

    def to_json(self) -> dict[str, Any]:
        """Amounts as decimal strings in USDC, factors in units."""
        return {
            "block": self.block,
            "latest": self.latest,
            "tag": self.tag,
            "mode": "paper" if self.paper else "live",
            "accounts": self.accounts,
            "watched": self.watched,
            "at_risk": [
                {
                    "account": shown_account(one.account),
                    "equity": shown_usdc(one.health.equity),
                    "maintenance": shown_usdc(one.health.maintenance),
                    "health_factor": str(units.from_wad(one.factor)),
                }
                for one in self.at_risk
            ],
            "unreadable": dict(self.unreadable),
            "own": self.own.to_json(),
            "decisions": [decision.to_json() for decision in self.decisions],
            "sent": [sent.to_json() for sent in self.sent],
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "liquidations": [result.to_json() for result in self.liquidations],
            "recorded": [decision.to_json() for decision in self.recorded],
            "scores": [score.to_json() for score in self.scores],
            "errors": dict(self.errors),
        }
