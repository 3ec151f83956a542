"""Paper mode: what the keeper would have sent, held against what really happened in the block it
was meant for.

HIT: somebody liquidated the account in that block, or it could still be liquidated at the end of
it. MISS: it could not, with the reason: taken in an earlier block, healthy again, the price update
did not come.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.abi import event_signature_to_log_topic

from ballast import units
from ballast.errors import RpcError, UsageError
from ballast.keeper.candidates import error_name
from ballast.keeper.duty import Decision, Desk
from ballast.keeper.rpc import Fault, quantity
from ballast.keeper.view import View

__all__ = ["Paper", "PaperTrade", "Score"]

_LIQUIDATED = (
    "0x"
    + event_signature_to_log_topic(
        "Liquidated(uint256,uint256,uint256,uint256,int256,int256,uint256,uint256,uint256,uint256)"
    ).hex()
)
HIT, MISS = "HIT", "MISS"


@dataclass(frozen=True, slots=True)
class PaperTrade:
    """A liquidation that was not sent: decided when ``decided`` was the last block, meant for
    ``block``."""

    decision: Decision
    decided: int
    block: int

    def to_json(self) -> dict[str, Any]:
        return {**self.decision.to_json(), "decided": self.decided, "block": self.block}


@dataclass(frozen=True, slots=True)
class Score:
    """``result`` is HIT or MISS, ``reason`` why, ``by`` who took it where somebody did."""

    trade: PaperTrade
    result: str
    reason: str
    by: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.trade.decision.subject,
            "block": self.trade.block,
            "score": self.result,
            "reason": self.reason,
            "by": self.by,
        }


class Paper:
    """Records decisions and scores them once their block is mined; ``path`` keeps both as JSON
    lines."""

    def __init__(self, desk: Desk, path: Path | None) -> None:
        self._desk = desk
        self._path = path
        self._open: list[PaperTrade] = []
        self.hits = 0
        self.misses = 0
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            except OSError as error:
                raise UsageError(f"paper_file {path}: cannot be written: {error}") from None

    @property
    def busy(self) -> frozenset[tuple[str, str]]:
        """Duty and subject of everything whose block is not mined yet."""
        return frozenset((one.decision.duty, one.decision.subject) for one in self._open)

    def record(self, decision: Decision, view: View) -> None:
        """Notes a liquidation that would be sent for ``view.block``."""
        trade = PaperTrade(decision, view.latest, view.block)
        self._open.append(trade)
        self._write(trade.to_json())

    def score(self, view: View) -> list[Score]:
        """Scores of all recorded liquidations whose block is mined by now."""
        due = [trade for trade in self._open if trade.block <= view.latest]
        self._open = [trade for trade in self._open if trade.block > view.latest]
        scores = []
        for at, trade in enumerate(due):
            try:
                score = self._score(trade)
            except RpcError:
                self._open += due[at:]
                raise
            self.hits += score.result == HIT
            self.misses += score.result == MISS
            scores.append(score)
            self._write(score.to_json())
        return scores

    def _score(self, trade: PaperTrade) -> Score:
        action = trade.decision.action
        assert action is not None
        assert action.account is not None
        taken = self._taken(action.account, trade)
        if taken is not None:
            block, by = taken
            if block == trade.block:
                return Score(trade, HIT, f"taken in block {block}", by)
            return Score(trade, MISS, f"taken in block {block} already", by)
        call = {"from": self._desk.caller, "to": action.to, "data": action.data}
        answer = self._desk.rpc.attempt("eth_call", call, hex(trade.block))
        if isinstance(answer, Fault):
            return Score(trade, MISS, error_name(answer))
        return Score(trade, HIT, f"still there at the end of block {trade.block}")

    def _taken(self, account: int, trade: PaperTrade) -> tuple[int, str] | None:
        """Block and liquidator of the first step after the decision, up to the block it was meant
        for."""
        span = {
            "address": self._desk.house,
            "topics": [_LIQUIDATED, f"0x{account:064x}"],
            "fromBlock": hex(trade.decided + 1),
            "toBlock": hex(trade.block),
        }
        logs: Sequence[Any] = self._desk.rpc.call("eth_getLogs", span)
        if not logs:
            return None
        return quantity(logs[0]["blockNumber"]), units.format_account(quantity(logs[0]["topics"][2]))

    def _write(self, entry: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
