"""Sending what a journal records: written first, then sent, sent again while it is lost, and never
twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3Exception
from web3.types import TxParams, TxReceipt, Wei

from ballast.chain.journal import Entry, Journal, SignedTx
from ballast.chain.params import ChainParams
from ballast.chain.signers import Signer
from ballast.errors import ContractError, DeploymentError, TransactionError

__all__ = ["Fees", "Record", "Sender", "current_fees"]

#: Room above an estimate: state and, on rollups, the price of data change until a transaction is
#: mined.
GAS_MARGIN_PERCENT = 130
#: Nodes replace a pending transaction when its fees rise by a tenth at least.
BUMP_PERCENT = 125
MAX_BUMPS = 8
#: Blocks without a receipt after which a transaction is sent again, and after which its fee is
#: raised.
RESEND_BLOCKS = 6
BUMP_BLOCKS = 30
#: Seconds that pass before either, however short a block is.
RESEND_SECONDS = 3.0
BUMP_SECONDS = 60.0


@dataclass(frozen=True)
class Record:
    """What became of a step, for whoever watches. ``gas`` is what it used, 0 until mined."""

    step: str
    action: Literal["skipped", "sent", "mined"]
    tx: str = ""
    nonce: int = -1
    gas: int = 0
    address: str | None = None
    to: str = ""


@dataclass(frozen=True)
class Fees:
    """Of an EIP-1559 transaction, wei per gas."""

    max_fee: int
    priority: int

    @property
    def expected(self) -> int:
        """What a transaction pays when the base fee stays: the base fee and the tip."""
        return (self.max_fee - self.priority) // 2 + self.priority

    def bumped(self) -> Fees:
        return Fees(self.max_fee * BUMP_PERCENT // 100 + 1, self.priority * BUMP_PERCENT // 100 + 1)


def current_fees(w3: Web3) -> Fees:
    """What a transaction may pay now: twice the base fee and the node's suggested tip."""
    base = int(w3.eth.get_block("latest").get("baseFeePerGas") or 0)
    try:
        tip = int(w3.eth.max_priority_fee)
    except (Web3Exception, ValueError):
        tip = 10**9
    return Fees(2 * base + tip, tip)


class Sender:
    """Sends the steps of one journal and waits for them."""

    def __init__(
        self,
        w3: Web3,
        chain: ChainParams,
        signer: Signer,
        journal: Journal,
        notify: Callable[[Record], None],
    ) -> None:
        self.w3 = w3
        self.chain = chain
        self.signer = signer
        self.journal = journal
        self._notify = notify
        self._block_time = float(chain.block_time)
        self._pending: dict[str, float] = {}
        self._requests: dict[str, TxParams] = {}
        self._nonce: int | None = None
        self._address = Web3.to_checksum_address(signer.address)

    # ------------------------------------------------------------ sending

    def nonce(self) -> int:
        """The next nonce to use."""
        if self._nonce is None:
            self._nonce = self.journal.next_nonce(self.w3.eth.get_transaction_count(self._address, "pending"))
        return self._nonce

    def submit(self, step: str, request: TxParams, digest: str, fees: Fees, address: str | None) -> None:
        """Estimates, signs, records and sends one step. ``address`` is where a creation will be."""
        nonce = self.nonce()
        request = cast(TxParams, {"from": self._address, "value": Wei(0), **request})
        try:
            estimate = self.w3.eth.estimate_gas(request)
        except ContractError as error:
            raise DeploymentError(f"{step}: {error}") from error
        except (Web3Exception, ValueError) as error:
            raise TransactionError(f"{step}: {_message(error)}") from error
        gas = estimate * GAS_MARGIN_PERCENT // 100
        complete = cast(
            TxParams,
            {
                **request,
                "nonce": nonce,
                "gas": gas,
                "chainId": self.chain.id,
                "maxFeePerGas": Wei(fees.max_fee),
                "maxPriorityFeePerGas": Wei(fees.priority),
            },
        )
        entry = Entry(nonce=nonce, digest=digest, gas=gas, txs=[], address=address)
        self._sign_and_send(step, entry, complete, fees)
        self._nonce = nonce + 1
        self._requests[step] = complete

    def _sign_and_send(self, step: str, entry: Entry, tx: TxParams, fees: Fees) -> None:
        signed = self.signer.sign(tx)
        if signed.raw is None:
            tx_hash = Web3.to_hex(self.w3.eth.send_transaction(tx))
            entry.txs.append(SignedTx(hash=tx_hash, raw="", max_fee=fees.max_fee))
            self.journal.put(step, entry)
        else:
            assert signed.hash is not None
            entry.txs.append(SignedTx(hash=signed.hash, raw=Web3.to_hex(signed.raw), max_fee=fees.max_fee))
            self.journal.put(step, entry)
            self._broadcast(step, entry)
        self._pending[step] = time.monotonic()
        self._notify(Record(step, "sent", entry.txs[-1].hash, entry.nonce, address=entry.address))

    def _broadcast(self, step: str, entry: Entry) -> None:
        """Sends the newest signed transaction of a step. That a node has it already is no error."""
        newest = entry.txs[-1]
        if not newest.raw:
            return
        try:
            self.w3.eth.send_raw_transaction(bytes.fromhex(newest.raw.removeprefix("0x")))
        except ContractError as error:
            raise DeploymentError(f"{step}: {error}") from error
        except (Web3Exception, ValueError) as error:
            message = _message(error)
            benign = (
                "already known",
                "already imported",
                "nonce too low",
                "underpriced",
                "known transaction",
            )
            if not any(words in message.lower() for words in benign):
                raise TransactionError(f"{step}: {message}") from error
        except OSError:
            return  # the record is written: the wait sends it again

    # ------------------------------------------------------------ reconciling

    def reconcile(self) -> None:
        """Brings a journal found on disk in line with the chain.

        What was mined is confirmed, what was signed and not mined is sent again as it was signed,
        what can never be mined (its nonce went to something else) is forgotten, so that its step is
        planned anew.
        """
        mined = self.w3.eth.get_transaction_count(self._address, "latest")
        for step, entry in sorted(self.journal.steps.items(), key=lambda item: item[1].nonce):
            receipt = self._receipt(entry)
            if receipt is not None:
                if entry.block is None or entry.block != receipt["blockNumber"]:
                    self._settle(step, entry, receipt)
            elif entry.nonce < mined:
                if entry.address is None or not self.w3.eth.get_code(Web3.to_checksum_address(entry.address)):
                    self.journal.drop(step)
            else:
                if not any(tx.raw for tx in entry.txs):
                    raise TransactionError(
                        f"{step}: {entry.txs[-1].hash} was confirmed and is gone (a deep"
                        " reorganisation); wait until it is mined again, then run again"
                    )
                entry.block = None
                self._broadcast(step, entry)
                self._pending[step] = time.monotonic()
        self.wait()

    # ------------------------------------------------------------ waiting

    def wait(self) -> None:
        """Until everything sent is mined. ``DeploymentError`` names the first step that
        reverted."""
        failed: list[str] = []
        pause = 0.005
        last_look = time.monotonic()
        while self._pending:
            for step in list(self._pending):
                entry = self.journal.steps[step]
                receipt = self._receipt(entry)
                if receipt is not None:
                    del self._pending[step]
                    if not self._settle(step, entry, receipt):
                        failed.append(f"{step}: reverted{self._reason(step, receipt)}")
            if not self._pending:
                break
            if time.monotonic() - last_look > max(RESEND_SECONDS, RESEND_BLOCKS * self._block_time):
                last_look = time.monotonic()
                self._nudge()
            time.sleep(pause)
            pause = min(pause * 1.5, max(0.05, self._block_time / 4), 2.0)
        self.journal.save()
        if failed:
            raise DeploymentError(failed[0])

    def _nudge(self) -> None:
        """Sends again what has waited for long, with a higher fee where it has waited for very
        long."""
        patience = max(BUMP_SECONDS, BUMP_BLOCKS * self._block_time)
        for step, since in sorted(self._pending.items(), key=lambda item: self.journal.steps[item[0]].nonce):
            entry = self.journal.steps[step]
            waited = time.monotonic() - since
            request = self._requests.get(step)
            if waited > patience and request is not None and entry.txs[-1].raw:
                if len(entry.txs) > MAX_BUMPS:
                    raise TransactionError(
                        f"{step}: not mined after {MAX_BUMPS} raised fees; run again later to resume"
                    )
                fees = Fees(int(request["maxFeePerGas"]), int(request["maxPriorityFeePerGas"])).bumped()
                request["maxFeePerGas"], request["maxPriorityFeePerGas"] = (
                    Wei(fees.max_fee),
                    Wei(fees.priority),
                )
                self._sign_and_send(step, entry, request, fees)
            else:
                self._broadcast(step, entry)

    def confirm(self, blocks: int) -> None:
        """Waits until the newest transaction lies under ``blocks`` further ones, then looks for all
        of them again. Only then the signed transactions are forgotten and the hashes kept.

        ``TransactionError`` where a reorganisation has thrown one out: running again resumes.
        """
        entries = self.journal.steps.values()
        fresh = [entry for entry in entries if any(tx.raw for tx in entry.txs)]
        if fresh and blocks:
            highest = max(entry.block or 0 for entry in fresh)
            while self.w3.eth.block_number < highest + blocks:
                time.sleep(min(self._block_time, 2.0))
        for step, entry in self.journal.steps.items():
            if entry.txs and self._receipt(entry) is None:
                raise TransactionError(f"{step}: its block is gone (reorganisation); run again to resume")
        for entry in fresh:
            entry.txs = [tx.model_copy(update={"raw": ""}) for tx in entry.txs]
        self.journal.save()

    # ------------------------------------------------------------ receipts

    def _receipt(self, entry: Entry) -> TxReceipt | None:
        for tx in reversed(entry.txs):
            try:
                return self.w3.eth.get_transaction_receipt(cast(Any, tx.hash))
            except TransactionNotFound:
                continue
        return None

    def _settle(self, step: str, entry: Entry, receipt: TxReceipt) -> bool:
        """Books a receipt; False where the transaction reverted: the step is then forgotten."""
        if receipt["status"] != 1:
            self.journal.steps.pop(step)
            return False
        entry.block = receipt["blockNumber"]
        entry.gas_used = receipt["gasUsed"]
        # Of several at this nonce only the mined one can come again after a reorganisation.
        tx_hash = Web3.to_hex(receipt["transactionHash"])
        entry.txs = [tx for tx in entry.txs if tx.hash == tx_hash]
        self._notify(
            Record(
                step,
                "mined",
                tx_hash,
                entry.nonce,
                receipt["gasUsed"],
                entry.address,
                str(receipt["to"] or ""),
            )
        )
        return True

    def _reason(self, step: str, receipt: TxReceipt) -> str:
        request = self._requests.get(step)
        if request is None:
            return ""
        call = {key: value for key, value in request.items() if key in ("from", "to", "data", "value", "gas")}
        try:
            self.w3.eth.call(cast(TxParams, call), receipt["blockNumber"])
        except ContractError as error:
            return f": {error}"
        except (Web3Exception, ValueError):
            return ""
        return ": out of gas or a changed state"


def _message(error: Exception) -> str:
    """What the node said, without its envelope."""
    response = getattr(error, "rpc_response", None) or {}
    said = response.get("error") or (error.args[0] if error.args else error)
    if isinstance(said, dict):
        said = said.get("message", said)
    return " ".join(str(said).split())[:200]
