"""Orders and quotes as the contracts sign them: EIP-712, domain ``{Ballast, 1, chain id,
Clearinghouse}``."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from ballast.chain.eip712 import digest, sign

__all__ = ["NO_COUNTERPARTY", "NO_EXPIRY", "Order", "Quote", "digest", "sign_order", "sign_quote"]

NO_EXPIRY = 2**64 - 1
NO_COUNTERPARTY = "0x" + "0" * 40


@dataclass(frozen=True)
class Order:
    """``ITrading.Order``. ``size`` in 1e18, positive buys; ``limitPrice`` and ``maxFee`` in USDC,
    1e18; ``maxFee`` is for the whole order; nonces are unordered. Field names are the struct's."""

    TYPES: ClassVar[tuple[tuple[str, str], ...]] = (
        ("account", "uint256"),
        ("instrument", "uint32"),
        ("size", "int256"),
        ("limitPrice", "uint256"),
        ("maxFee", "uint256"),
        ("nonce", "uint256"),
        ("expiry", "uint64"),
        ("reduceOnly", "bool"),
        ("counterparty", "address"),
    )

    account: int
    instrument: int
    size: int
    limitPrice: int
    maxFee: int
    nonce: int
    expiry: int = NO_EXPIRY
    reduceOnly: bool = False
    counterparty: str = NO_COUNTERPARTY

    def as_tuple(self) -> tuple[Any, ...]:
        """As web3 takes the struct."""
        return astuple(self)


@dataclass(frozen=True)
class Quote:
    """``ITrading.Quote``: a two-sided quote of a registered quoter. Prices in USDC, 1e18; ``time``
    in seconds."""

    TYPES: ClassVar[tuple[tuple[str, str], ...]] = (
        ("instrument", "uint32"),
        ("bidPrice", "uint256"),
        ("askPrice", "uint256"),
        ("time", "uint64"),
    )

    instrument: int
    bidPrice: int
    askPrice: int
    time: int

    def as_tuple(self) -> tuple[Any, ...]:
        """As web3 takes the struct."""
        return astuple(self)


def sign_order(order: Order, private_key: Any, chain_id: int, house: str) -> bytes:
    """65 bytes r, s, v by the owner or an operator of ``order.account``. ``house`` is the
    Clearinghouse's address."""
    return sign(order, private_key, chain_id, house)


def sign_quote(quote: Quote, private_key: Any, chain_id: int, house: str) -> bytes:
    """65 bytes r, s, v by a registered quoter."""
    return sign(quote, private_key, chain_id, house)
