"""Who signed an order: recovered by the node's own precompile, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from ballast.chain.orders import Order, digest
from ballast.checks.view import ChainView
from ballast.errors import UsageError
from ballast.units import owner_of

__all__ = ["Signed", "SignedOrder", "signers_of"]

_ECRECOVER = "0x0000000000000000000000000000000000000001"
#: Selector of ERC-1271's isValidSignature(bytes32,bytes), which is also its answer.
_IS_VALID = "1626ba7e"
_HALF_ORDER = int("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", 16)
_SIGNATURE_BYTES = 65
#: Of a 32-byte answer, with its 0x.
_WORD_DIGITS = 66


@dataclass(frozen=True)
class SignedOrder:
    """An order as it was given to ``fill``; an empty signature stands for the caller."""

    order: Order
    signature: bytes
    caller: str
    block: int


@dataclass(frozen=True)
class Signed:
    """The order's hash, and in whose name it speaks: the key that signed, and the owner where that is
    a contract which accepts the signature. Lower-case addresses."""

    hash: bytes
    speakers: tuple[str, ...]


def signers_of(view: ChainView, orders: Sequence[SignedOrder]) -> dict[SignedOrder, Signed]:
    """Who signed each order."""
    hashes = {signed: digest(signed.order, view.deployment.chain_id, view.house) for signed in orders}
    found = {o: Signed(h, (o.caller,)) for o, h in hashes.items() if not o.signature}
    by_block: dict[int, list[SignedOrder]] = {}
    for signed in hashes:
        if signed.signature:
            by_block.setdefault(signed.block, []).append(signed)
    for block, group in by_block.items():
        calls = [(_ECRECOVER, _recovery(hashes[signed], signed.signature)) for signed in group]
        for signed, answer in zip(group, view.call(calls, block), strict=True):
            key = "0x" + answer[-40:] if answer and len(answer) == _WORD_DIGITS else ""
            owner = _owner_of(signed)
            speakers = (key,) if key else ()
            if key != owner and _contract_accepts(view, owner, signed, hashes[signed]):
                speakers = (*speakers, owner)
            found[signed] = Signed(hashes[signed], speakers)
    return found


def _recovery(order_hash: bytes, signature: bytes) -> str:
    if len(signature) != _SIGNATURE_BYTES:
        return "0x"
    r, s, v = signature[:32], signature[32:64], signature[64]
    if int.from_bytes(s, "big") > _HALF_ORDER:  # the other half is the same signature again: refused
        return "0x"
    return "0x" + (order_hash + v.to_bytes(32, "big") + r + s).hex()


def _owner_of(signed: SignedOrder) -> str:
    try:
        return owner_of(signed.order.account).lower()
    except UsageError:
        return ""


def _contract_accepts(view: ChainView, owner: str, signed: SignedOrder, order_hash: bytes) -> bool:
    """Whether the owner is a contract that calls the signature valid. An address without code
    answers nothing."""
    if not owner:
        return False
    arguments: list[Any] = [order_hash, signed.signature]
    data = "0x" + _IS_VALID + encode(["bytes32", "bytes"], arguments).hex()
    answer = view.call([(owner, data)], signed.block)[0]
    return bool(answer) and str(answer)[2:10] == _IS_VALID
