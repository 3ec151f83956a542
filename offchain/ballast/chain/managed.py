"""One call of a contract behind the AccessManager: sent at once, or scheduled and sent after its role's delay."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast

from web3 import Web3
from web3.contract import Contract
from web3.types import TxParams

from ballast.chain.journal import Journal
from ballast.chain.params import ChainParams
from ballast.chain.sender import Record, Sender, current_fees
from ballast.chain.signers import Signer
from ballast.errors import UsageError

__all__ = ["Sent", "send", "send_managed"]


@dataclass(frozen=True)
class Sent:
    """``action``: sent; scheduled for ``ready_at`` (Unix time); or waiting for it since an earlier run."""

    action: Literal["sent", "scheduled", "waiting"]
    tx: str | None
    ready_at: int | None = None


def send(w3: Web3, signer: Signer, step: str, target: str, data: str) -> str:
    """Sends one call, waits until it is mined and returns its hash; ``step`` is what errors call it.

    ``DeploymentError`` where it reverts, ``TransactionError`` where the node refuses it.
    """
    chain = ChainParams(id=w3.eth.chain_id, rpc="", block_time=Decimal(1), confirmations=0)
    journal = Journal.open(None, network="", chain_id=chain.id, genesis="", sender=signer.address, start_block=0)
    mined: list[str] = []

    def notify(record: Record) -> None:
        if record.action == "mined":
            mined.append(record.tx)

    sender = Sender(w3, chain, signer, journal, notify)
    request = cast(TxParams, {"to": Web3.to_checksum_address(target), "data": data})
    digest = Web3.to_hex(Web3.keccak(hexstr=data))
    sender.submit(step, request, digest, current_fees(w3), None)
    sender.wait()
    return mined[0]


def send_managed(w3: Web3, signer: Signer, manager: Contract, step: str, target: str, data: str) -> Sent:
    """Sends a call that a role may make. Where the role has a delay, the first run schedules it and a later one, with
    the same call, sends it. ``UsageError`` where the signer has not got the role."""
    caller, target = Web3.to_checksum_address(signer.address), Web3.to_checksum_address(target)
    immediate, delay = manager.functions.canCall(caller, target, data[:10]).call()
    if immediate:
        return Sent("sent", send(w3, signer, step, target, data))
    if not delay:
        raise UsageError(f"account {caller}: may not call {step}; give the account of a holder of its role")
    operation = manager.functions.hashOperation(caller, target, data).call()
    ready_at = manager.functions.getSchedule(operation).call()
    if not ready_at:
        scheduling = manager.encode_abi("schedule", [target, data, 0])
        tx = send(w3, signer, f"schedule {step}", manager.address, scheduling)
        return Sent("scheduled", tx, manager.functions.getSchedule(operation).call())
    if w3.eth.get_block("latest")["timestamp"] < ready_at:
        return Sent("waiting", None, ready_at)
    return Sent("sent", send(w3, signer, step, target, data))
