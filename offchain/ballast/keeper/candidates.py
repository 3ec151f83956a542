"""Which accounts can be liquidated, riskiest first.

All accounts of the index are valued off chain at the view's prices, with the contract's own
integers; those near the line are then asked of the chain itself, whose answer also counts what
waits in the pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from web3 import Web3

from ballast.chain.deployment import Deployment
from ballast.chain.protocol import Health
from ballast.chain.reverts import decode_revert
from ballast.index import Index, LedgerState
from ballast.keeper.rpc import Fault, Request, Rpc
from ballast.keeper.view import View, signature_call
from ballast.risk.many import healths_of
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD

__all__ = [
    "AtRisk",
    "Book",
    "Candidate",
    "Screening",
    "error_name",
    "read_health",
    "screen",
    "with_steps",
]

#: Health factor, 1e18, below which the chain is asked: room for what the pool holds besides prices.
NEAR = 105 * WAD // 100
_SIGN = 1 << 255


@dataclass(frozen=True, slots=True)
class AtRisk:
    """An account and its health, USDC 1e18."""

    account: int
    health: Health

    @property
    def factor(self) -> int:
        """Equity over maintenance margin, 1e18 rounded down, negative with negative equity. Who is below it owes
        something, so it is not zero."""
        return self.health.equity * WAD // self.health.maintenance


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account to liquidate, with when it was flagged (0: not) and the steps it has had."""

    account: int
    health: Health
    flagged_at: int
    steps: int

    @property
    def factor(self) -> int:
        return AtRisk(self.account, self.health).factor


@dataclass(frozen=True)
class Screening:
    """``at_risk`` are liquidatable, riskiest first; ``watched`` counts those that the chain was
    asked about; ``unreadable`` counts by error those whose health the chain would not state (a
    stale price, mostly)."""

    accounts: int = 0
    watched: int = 0
    at_risk: tuple[AtRisk, ...] = ()
    unreadable: Mapping[str, int] = field(default_factory=dict)


class Book:
    """The ledger's accounts as of the last mined block, from the index."""

    def __init__(self, index: Index, w3: Web3, deployment: Deployment) -> None:
        self._index = index
        self._w3 = w3
        self._deployment = deployment
        self._hash: str | None = None
        self._state: LedgerState | None = None

    def read(self, view: View) -> LedgerState:
        """The state at ``view.latest``; errors as ``Index.sync``."""
        if self._state is None or self._hash != view.latest_hash:
            self._index.sync(self._w3, self._deployment)
            self._state = self._index.state()
            self._hash = view.latest_hash
        return self._state


def screen(rpc: Rpc, house: str, state: LedgerState, view: View) -> Screening:
    """Values every account that owes anything, and asks the chain at ``view.tag`` about those near
    the line."""
    margin = Margins(state, view.prices, view.time)
    owing = [account for account, held in state.accounts.items() if not held.is_free]
    asked = []
    for account, health in healths_of(margin, state.banks, owing).items():
        # without one the chain says why, or knows better
        if isinstance(health, NoHealthError) or health.equity * WAD < health.maintenance * NEAR:
            asked.append(account)
    found, unreadable = read_health(rpc, house, asked, view.tag)
    risky = [AtRisk(account, health) for account, health in found.items() if not health.is_healthy]
    risky.sort(key=lambda one: (one.factor, one.account))
    return Screening(len(owing), len(asked), tuple(risky), unreadable)


def read_health(rpc: Rpc, house: str, accounts: Sequence[int], tag: str) -> tuple[dict[int, Health], dict[str, int]]:
    """The chain's own view of some accounts, and how many it would not state, by error."""
    calls = [signature_call("health(uint256)", account) for account in accounts]
    answers = rpc.batch([_request(house, call, tag) for call in calls])
    healths: dict[int, Health] = {}
    unreadable: Counter[str] = Counter()
    for account, answer in zip(accounts, answers, strict=True):
        if isinstance(answer, Fault):
            unreadable[error_name(answer)] += 1
        else:
            equity, initial, maintenance = _words(answer)[:3]
            healths[account] = Health(equity - 2 * _SIGN if equity >= _SIGN else equity, initial, maintenance)
    return healths, dict(unreadable)


def with_steps(rpc: Rpc, house: str, found: Sequence[AtRisk], tag: str) -> list[Candidate]:
    """Adds what the ledger keeps of earlier steps; leaves out whose state cannot be read."""
    calls = [signature_call("liquidationStateOf(uint256)", one.account) for one in found]
    answers = rpc.batch([_request(house, call, tag) for call in calls])
    candidates = []
    for one, answer in zip(found, answers, strict=True):
        if not isinstance(answer, Fault):
            flagged_at, steps = _words(answer)[:2]
            candidates.append(Candidate(one.account, one.health, flagged_at, steps))
    return candidates


def error_name(fault: Fault) -> str:
    """The custom error's name, or the node's words where a call failed without one."""
    data = bytes.fromhex(fault.data[2:])
    return decode_revert(data).name if len(data) >= 4 else fault.message


def _request(to: str, data: str, tag: str) -> Request:
    return ("eth_call", [{"to": to, "data": data}, tag])


def _words(answer: str) -> list[int]:
    data = bytes.fromhex(answer[2:])
    return [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
