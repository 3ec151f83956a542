"""Surfaces sign to what EIP-712 says, spelt out; ``hashSurface`` agrees in ``tests/contracts/oracles``."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from ballast.chain.artifacts import artifact
from ballast.chain.eip712 import digest
from ballast.chain.surfaces import Surface, sign_surface, sign_surface_by_all

ORACLE = "0x" + "ab" * 20
SURFACE = Surface(2, 1_806_048_000, 1_800_000_000, 3_000 * 10**18, 3_050 * 10**18, -1, 10**11, -(10**11), 0, 10**11)
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@pytest.fixture
def signers() -> list[LocalAccount]:
    return [Account.from_key(bytes([number]) * 32) for number in (1, 2, 3, 4)]


def spelt_out(surface: Surface, chain_id: int) -> bytes:
    kinds = [kind for _, kind in Surface.TYPES]
    fields = ",".join(f"{kind} {name}" for name, kind in Surface.TYPES)
    body = keccak(keccak(text=f"Surface({fields})") + encode(kinds, astuple(surface)))
    named = [keccak(text="Ballast"), keccak(text="1")]
    domain = encode(["bytes32", "bytes32", "uint256", "address"], [*named, chain_id, ORACLE])
    return bytes(keccak(b"\x19\x01" + keccak(keccak(text=DOMAIN) + domain) + body))


def signer_of(signature: bytes, hashed: bytes) -> str:
    parts = Signature(signature[:64] + bytes([signature[64] - 27]))
    return str(parts.recover_public_key_from_msg_hash(hashed).to_checksum_address())


@pytest.mark.parametrize("chain_id", [1, 31337])
def test_digest__surface__is_eip_712(chain_id: int) -> None:
    for surface in (SURFACE, replace(SURFACE, a=-(2**63), m=2**63 - 1, forward=2**256 - 1, confidence=0)):
        assert digest(surface, chain_id, ORACLE) == spelt_out(surface, chain_id)


def test_types__are_those_of_the_contract() -> None:
    abi = artifact("SurfaceOracle")["abi"]
    (submit,) = [entry for entry in abi if entry.get("name") == "submit"]
    assert [(field["name"], field["type"]) for field in submit["inputs"][0]["components"]] == list(Surface.TYPES)


def test_sign_surface__is_the_signers_and_of_this_surface_only(signers: list[LocalAccount]) -> None:
    signature = sign_surface(SURFACE, signers[0].key, 31337, ORACLE)
    assert len(signature) == 65
    assert signer_of(signature, spelt_out(SURFACE, 31337)) == signers[0].address
    for other in (spelt_out(SURFACE, 1), spelt_out(replace(SURFACE, forward=SURFACE.forward + 1), 31337)):
        assert signer_of(signature, other) != signers[0].address


def test_sign_surface_by_all__any_order__ascends_by_address(signers: list[LocalAccount]) -> None:
    addresses = [int(signer.address, 16) for signer in signers]
    assert addresses != sorted(addresses)
    signatures = sign_surface_by_all(SURFACE, [signer.key for signer in signers], 31337, ORACLE)
    hashed = spelt_out(SURFACE, 31337)
    assert [int(signer_of(signature, hashed), 16) for signature in signatures] == sorted(addresses)
