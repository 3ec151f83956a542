"""EIP-712 as our contracts verify it: domain ``{Ballast, 1, chain id, verifying contract}``."""

from __future__ import annotations

from dataclasses import Field, asdict, fields
from typing import Any, ClassVar, Protocol

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.crypto import keccak

__all__ = ["Signable", "digest", "sign"]


class Signable(Protocol):
    """A dataclass named like the struct; ``TYPES`` are the struct's (field, type), in its order."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    TYPES: ClassVar[tuple[tuple[str, str], ...]]


def _message(value: Signable, chain_id: int, contract: str) -> SignableMessage:
    name = type(value).__name__
    assert [field.name for field in fields(value)] == [field for field, _ in value.TYPES]
    return encode_typed_data(
        domain_data={
            "name": "Ballast",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        message_types={name: [{"name": field, "type": kind} for field, kind in value.TYPES]},
        message_data=asdict(value),
    )


def digest(value: Signable, chain_id: int, contract: str) -> bytes:
    """The 32 bytes that are signed for ``contract``, the address that verifies them."""
    message = _message(value, chain_id, contract)
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


def sign(value: Signable, private_key: Any, chain_id: int, contract: str) -> bytes:
    """65 bytes r, s, v."""
    return bytes(Account.sign_message(_message(value, chain_id, contract), private_key).signature)
