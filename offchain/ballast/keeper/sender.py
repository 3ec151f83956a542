"""Transactions in order: one nonce after the other, and a stuck one replaced."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, cast

from web3.types import TxParams

from ballast.chain.reverts import decode_revert
from ballast.chain.signers import Signer
from ballast.errors import FatalError, RpcError
from ballast.keeper.duty import Action
from ballast.keeper.fees import Fees, bump
from ballast.keeper.logs import Log
from ballast.keeper.refusals import Verdict, classify
from ballast.keeper.rpc import Fault, Rpc, quantity
from ballast.keeper.view import View

__all__ = ["Outcome", "SendHaltedError", "Sender", "Sent", "Status"]

_ATTEMPTS = 3
_CANCEL_GAS = 21_000
#: Blocks to wait for the receipt of a transaction whose nonce is used.
_MISSING_BLOCKS = 2

#: Refusals by the contract that mean that somebody else was first.
LOST_RACE = frozenset({"Liquidation_Healthy", "Liquidation_Step"})


class SendHaltedError(FatalError):
    """No transaction of this signer can be sent any more."""


class Status(Enum):
    """How a transaction ended."""

    DONE = "done"
    LOST_RACE = "lost race"
    REVERTED = "reverted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction under way. ``hashes`` are those of all bids for its nonce, the last first."""

    action: Action
    nonce: int
    hashes: tuple[str, ...]
    fees: Fees
    block: int
    cancelled: bool = False

    @property
    def hash(self) -> str:
        return self.hashes[0]

    def to_json(self) -> dict[str, Any]:
        return {
            "duty": self.action.duty,
            "subject": self.action.subject,
            "hash": self.hash,
            "nonce": self.nonce,
            "max_fee_wei": self.fees.max_fee,
            "tip_wei": self.fees.tip,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transaction ended, where, and what its gas cost in wei. ``logs`` are raw."""

    sent: Sent
    status: Status
    hash: str
    reason: str = ""
    block: int | None = None
    gas_wei: int = 0
    logs: tuple[Any, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "duty": self.sent.action.duty,
            "subject": self.sent.action.subject,
            "hash": self.hash,
            "status": self.status.value,
            "reason": self.reason,
            "block": self.block,
            "gas_wei": self.gas_wei,
        }


class Sender:
    """Signs and sends for one key, which nothing else should use; where something does, the next
    nonce is asked for again."""

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        chain_id: int,
        log: Log,
        *,
        replace_after: int,
        max_fee: int,
    ) -> None:
        self._rpc = rpc
        self._signer = signer
        self._chain_id = chain_id
        self._log = log
        self._replace_after = replace_after
        self._max_fee = max_fee
        self._next: int | None = None
        self._under_way: dict[int, Sent] = {}
        self._missing: dict[int, int] = {}

    @property
    def address(self) -> str:
        return str(self._signer.address)

    @property
    def under_way(self) -> tuple[Sent, ...]:
        """Sent and not known to have ended, by nonce."""
        return tuple(self._under_way[nonce] for nonce in sorted(self._under_way))

    @property
    def busy(self) -> frozenset[tuple[str, str]]:
        """Duty and subject of everything under way."""
        return frozenset((sent.action.duty, sent.action.subject) for sent in self._under_way.values())

    # ------------------------------------------------------------ sending

    def send(self, action: Action, view: View) -> Sent | None:
        """Sends an action with the next nonce; None where it was dropped, with a log line that says
        why.

        ``SendHaltedError`` where nothing can be sent any more, ``RpcError`` where the node does not
        answer.
        """
        for _ in range(_ATTEMPTS):
            nonce = self._take_nonce()
            raw, hash_ = self._sign(action.to, action.data, action.gas, action.fees, nonce)
            sent = Sent(action, nonce, (hash_,), action.fees, view.block)
            try:
                fault = self._push(raw)
            except RpcError:
                # It may have arrived: it stays under way, and its nonce is asked for again.
                self._under_way[nonce] = sent
                self._next = None
                raise
            verdict = Verdict.KNOWN if fault is None else classify(fault)
            if verdict is Verdict.KNOWN:
                self._under_way[nonce] = sent
                self._next = nonce + 1
                return sent
            assert fault is not None
            self._log.warning(
                "send_refused",
                duty=action.duty,
                subject=action.subject,
                nonce=nonce,
                verdict=verdict.value,
                error=fault.message,
            )
            self._next = None
            if verdict is Verdict.HALT:
                raise SendHaltedError(f"signer {self.address}: cannot send: {fault.message}")
            if verdict is not Verdict.REPLACE:
                return None
        return None

    def _take_nonce(self) -> int:
        if self._next is None:
            found = self._rpc.call("eth_getTransactionCount", self.address, "pending")
            # a node that hides its pool does not count what is under way
            self._next = max([quantity(found), *(nonce + 1 for nonce in self._under_way)])
        return self._next

    def _push(self, raw: str) -> Fault | None:
        """None where the node took it. A lost connection is tried again: the same bytes can be
        taken only once."""
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._rpc.attempt("eth_sendRawTransaction", raw)
            except RpcError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            return answer if isinstance(answer, Fault) else None
        raise AssertionError("unreachable")

    def _sign(self, to: str, data: str, gas: int, fees: Fees, nonce: int) -> tuple[str, str]:
        transaction = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": to,
            "data": data,
            "value": 0,
            "gas": gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.tip,
        }
        signed = self._signer.sign(cast(TxParams, transaction))
        if signed.raw is None or signed.hash is None:
            raise SendHaltedError(f"signer {self.address}: does not sign by itself; give a keystore")
        return "0x" + signed.raw.hex(), signed.hash

    # ------------------------------------------------------------ afterwards

    def collect(self, view: View) -> list[Outcome]:
        """Outcomes of what ended since the last call; what is stuck is replaced or taken back."""
        waiting = self.under_way
        if not waiting:
            return []
        hashes = [(sent, hash_) for sent in waiting for hash_ in sent.hashes]
        count, *receipts = self._rpc.batch(
            [("eth_getTransactionCount", [self.address, "latest"])]
            + [("eth_getTransactionReceipt", [hash_]) for _, hash_ in hashes]
        )
        if isinstance(count, Fault):
            raise RpcError(f"node {self._rpc.name}: eth_getTransactionCount: {count.message}")
        found = {
            sent.nonce: (hash_, receipt)
            for (sent, hash_), receipt in zip(hashes, receipts, strict=True)
            if isinstance(receipt, dict)
        }
        outcomes = []
        for sent in waiting:
            if sent.nonce in found:
                outcomes.append(self._ended(sent, *found[sent.nonce]))
            elif sent.nonce < quantity(count):
                # a node may count a transaction a moment before it has its receipt
                noticed = self._missing.setdefault(sent.nonce, view.block)
                if view.block - noticed < _MISSING_BLOCKS:
                    continue
                reason = "its nonce went to another transaction"
                outcomes.append(Outcome(sent, Status.SUPERSEDED, sent.hash, reason))
            elif view.block - sent.block >= self._replace_after:
                self._unstick(sent, view)
                continue
            else:
                continue
            del self._under_way[sent.nonce]
            self._missing.pop(sent.nonce, None)
        return outcomes

    def _ended(self, sent: Sent, hash_: str, receipt: dict[str, Any]) -> Outcome:
        gas_wei = quantity(receipt["gasUsed"]) * quantity(receipt["effectiveGasPrice"])
        block = quantity(receipt["blockNumber"])
        ended = Outcome(sent, Status.DONE, hash_, "", block, gas_wei, tuple(receipt["logs"]))
        if sent.cancelled and hash_ == sent.hash:
            return replace(ended, status=Status.SUPERSEDED, reason="taken back")
        if quantity(receipt["status"]) == 1:
            return ended
        reason = self._why(sent, block, quantity(receipt["gasUsed"]))
        status = Status.LOST_RACE if reason in LOST_RACE else Status.REVERTED
        return replace(ended, status=status, reason=reason)

    def _why(self, sent: Sent, block: int, used: int) -> str:
        """Why it failed, as far as the end of its block tells."""
        if used >= sent.action.gas:
            return "out of gas"
        answer = self._try(sent.action, hex(block))
        if isinstance(answer, Fault):
            return decode_revert(bytes.fromhex(answer.data[2:])).name or answer.message
        return "the state of its place in the block"

    def _try(self, action: Action, tag: str) -> Any:
        call = {
            "from": self.address,
            "to": action.to,
            "data": action.data,
            "gas": hex(action.gas),
        }
        return self._rpc.attempt("eth_call", call, tag)

    def _unstick(self, sent: Sent, view: View) -> None:
        """Bids again for the same nonce: for the same action while it works and pays, else for
        nothing at all, so that what comes after it gets through."""
        works = not sent.cancelled and not isinstance(self._try(sent.action, "latest"), Fault)
        limit = min(self._max_fee, sent.action.ceiling) if works else self._max_fee
        fees = bump(sent.fees, view, max_fee=limit)
        if fees is None and works:
            works, fees = False, bump(sent.fees, view, max_fee=self._max_fee)
        if fees is None:
            self._log.warning("stuck", nonce=sent.nonce, subject=sent.action.subject)
            return
        action = sent.action
        if works:
            raw, hash_ = self._sign(action.to, action.data, action.gas, fees, sent.nonce)
        else:
            raw, hash_ = self._sign(self.address, "0x", _CANCEL_GAS, fees, sent.nonce)
        fault = self._push(raw)
        self._log.info(
            "replaced" if works else "taken_back",
            duty=action.duty,
            subject=action.subject,
            nonce=sent.nonce,
            hash=hash_,
            max_fee_wei=fees.max_fee,
            error=fault.message if fault else None,
        )
        if fault is None or classify(fault) is Verdict.KNOWN:
            self._under_way[sent.nonce] = replace(
                sent,
                hashes=(hash_, *sent.hashes),
                fees=fees,
                block=view.block,
                cancelled=not works,
            )
