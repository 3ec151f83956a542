"""Views of the contracts that the ledger leans on, at one block."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from ballast.chain import reverts
from ballast.chain.artifacts import artifact

__all__ = ["Views", "plain"]


class Views:
    """Calls at the end of one block; ``ContractError`` where the contract reverts."""

    def __init__(self, w3: Web3, block: int) -> None:
        reverts.install(w3)
        self._w3 = w3
        self._block = block

    def call(self, name: str, address: str, function: str, *arguments: Any) -> Any:
        """What artifact ``name`` at an address answers; structs and lists as tuples."""
        contract = self._w3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact(name)["abi"])
        return plain(contract.functions[function](*arguments).call(block_identifier=self._block))

    def code(self, address: str) -> bytes:
        """A contract's code."""
        return bytes(self._w3.eth.get_code(Web3.to_checksum_address(address), self._block))


def plain(value: Any) -> Any:
    """Structs and lists as tuples, addresses in lower case: to compare what was decoded in different ways."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, dict):
        return tuple(map(plain, value.values()))
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value
