"""Forwards and volatilities as the SurfaceOracle takes them, and their signatures: EIP-712, domain
``{Ballast, 1, chain id, SurfaceOracle}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from eth_account import Account

from ballast.chain.eip712 import digest, sign

__all__ = ["FULLY_SURE", "Surface", "digest", "sign_surface", "sign_surface_by_all"]

#: ``Surface.confidence`` of no doubt.
FULLY_SURE = 10**6


@dataclass(frozen=True)
class Surface:
    """``ISurfaceOracle.Surface``. ``expiry`` and ``time`` in seconds; ``spot`` and ``forward`` in USDC, 1e18, seen
    together; SVI in 1e12 at k = ln(strike / forward); ``confidence`` in 1e6. Field names are the struct's."""

    TYPES: ClassVar[tuple[tuple[str, str], ...]] = (
        ("underlying", "uint32"),
        ("expiry", "uint64"),
        ("time", "uint64"),
        ("spot", "uint256"),
        ("forward", "uint256"),
        ("a", "int64"),
        ("b", "int64"),
        ("rho", "int64"),
        ("m", "int64"),
        ("sigma", "int64"),
        ("confidence", "uint32"),
    )

    underlying: int
    expiry: int
    time: int
    spot: int
    forward: int
    a: int
    b: int
    rho: int
    m: int
    sigma: int
    confidence: int = FULLY_SURE

    def as_tuple(self) -> tuple[Any, ...]:
        """As web3 takes the struct."""
        return astuple(self)


def sign_surface(surface: Surface, private_key: Any, chain_id: int, oracle: str) -> bytes:
    """65 bytes r, s, v by a registered signer. ``oracle`` is the SurfaceOracle's address."""
    return sign(surface, private_key, chain_id, oracle)


def sign_surface_by_all(surface: Surface, private_keys: Iterable[Any], chain_id: int, oracle: str) -> list[bytes]:
    """A signature by each key, in the order that ``submit`` asks for: by ascending address."""
    ordered = sorted(private_keys, key=lambda key: int(Account.from_key(key).address, 16))
    return [sign_surface(surface, key, chain_id, oracle) for key in ordered]
