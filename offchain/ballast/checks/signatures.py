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

__all__ = ["SignedOrder", "signers_of"]

_ECRECOVER = "0x0000000000000000000000000000000000000001"
#: Selector of ERC-1271's isValidSignature(bytes32,bytes), which is also its answer.
_IS_VALID = "1626ba7e"
_HALF_ORDER = int("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", 16)
_SIGNATURE_BYTES = 65


@dataclass(frozen=True)
class SignedOrder:
    """An order as it was given to ``fill``; an empty signature stands for the caller."""

    order: Order
    signature: bytes
    caller: str
    block: int


def signers_of(
    view: ChainView, orders: Sequence[SignedOrder]
) -> dict[SignedOrder, tuple[str, bytes]]:
    """Lower-case address that each order speaks for, and the order's hash; "" where nobody
    signed."""
    hashes = {
        signed: digest(signed.order, view.deployment.chain_id, view.house) for signed in orders
    }
    asked = [signed for signed in hashes if signed.signature]
    calls = [(_ECRECOVER, _recovery(hashes[signed], signed.signature)) for signed in asked]
    by_block: dict[int, list[tuple[SignedOrder, tuple[str, str]]]] = {}
    for signed, call in zip(asked, calls, strict=True):
        by_block.setdefault(signed.block, []).append((signed, call))
    found = {signed: (signed.caller, hashes[signed]) for signed in hashes if not signed.signature}
    for block, group in by_block.items():
        answers = view.call([call for _, call in group], block)
        for (signed, _), answer in zip(group, answers, strict=True):
            signer = "0x" + answer[-40:] if answer and len(answer) == 66 else ""
            found[signed] = (
                signer or _contract_signer(view, signed, hashes[signed]),
                hashes[signed],
            )
    return found


def _recovery(order_hash: bytes, signature: bytes) -> str:
    if len(signature) != _SIGNATURE_BYTES:
        return "0x"
    r, s, v = signature[:32], signature[32:64], signature[64]
    if (
        int.from_bytes(s, "big") > _HALF_ORDER
    ):  # the other half is the same signature again: refused
        return "0x"
    return "0x" + (order_hash + v.to_bytes(32, "big") + r + s).hex()


def _contract_signer(view: ChainView, signed: SignedOrder, order_hash: bytes) -> str:
    """The owner's address where it is a contract that accepts the signature."""
    try:
        owner = owner_of(signed.order.account)
    except UsageError:
        return ""
    arguments: list[Any] = [order_hash, signed.signature]
    data = "0x" + _IS_VALID + encode(["bytes32", "bytes"], arguments).hex()
    answer = view.call([(owner, data)], signed.block)[0]
    return owner.lower() if answer and answer[2:10] == _IS_VALID else ""
