"""What a duty is: it looks at one moment and says what it would send, and why it would not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ballast.chain.protocol import Health
from ballast.index import LedgerState
from ballast.keeper.candidates import Screening
from ballast.keeper.fees import Fees
from ballast.keeper.logs import Log
from ballast.keeper.rpc import Rpc
from ballast.keeper.settings import KeeperSettings
from ballast.keeper.view import View

__all__ = ["Action", "Decision", "Desk", "Duty", "Moment"]


@dataclass(frozen=True, slots=True)
class Action:
    """One transaction that a duty wants.

    ``subject`` names what it works on: while one is under way no duty sends another for the same.
    ``ceiling`` is the fee in wei per gas above which it is not worth sending. Of a liquidation
    ``step`` is the steps the account has had and ``profit`` the least to expect, USDC 1e18.
    """

    duty: str
    subject: str
    to: str
    data: str
    gas: int
    fees: Fees
    ceiling: int
    account: int | None = None
    step: int | None = None
    profit: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a duty decided about one subject, and why; ``details`` are for people and logs."""

    duty: str
    subject: str
    verdict: str
    reason: str
    action: Action | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "duty": self.duty,
            "subject": self.subject,
            "verdict": self.verdict,
            "reason": self.reason,
            **self.details,
        }


@dataclass(frozen=True)
class Desk:
    """What stays the same from block to block. ``caller`` sends, ``liquidator`` receives slices."""

    rpc: Rpc
    settings: KeeperSettings
    log: Log
    house: str
    router: str
    caller: str
    liquidator: int


@dataclass(frozen=True)
class Moment:
    """One view with what was read for it. ``own`` is the health of the liquidator's account, None
    where it cannot be read; ``busy`` are duty and subject of what is under way."""

    view: View
    state: LedgerState
    screening: Screening
    own: Health | None
    busy: frozenset[tuple[str, str]]


class Duty(Protocol):
    """One thing a keeper does."""

    @property
    def name(self) -> str: ...

    def decide(self, moment: Moment) -> list[Decision]:
        """Decisions for this moment, in the order to send them in; ``TaskError`` where it cannot
        look."""
        ...
