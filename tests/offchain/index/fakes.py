"""A node in memory whose chain, answers and faults a test decides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from eth_utils.crypto import keccak

from ballast.index.decode import RawLog
from ballast.index.rpc import Header, RefusedError

HOUSE = "0x" + "aa" * 20
OTHER = "0x" + "bb" * 20


def _bloom(addresses: Sequence[str]) -> int:
    bloom = 0
    for address in addresses:
        digest = keccak(hexstr=address)
        for i in (0, 2, 4):
            bloom |= 1 << (int.from_bytes(digest[i : i + 2], "big") & 0x7FF)
    return bloom


class FakeNode:
    """Blocks 0 to ``height``; ``emitters[n]`` are the contracts with a log in block n.

    ``fork(n)`` gives every block from n on another hash; ``spans`` and ``by_hash`` record requests.
    """

    name = "fake"

    def __init__(self, height: int, emitters: dict[int, list[str]] | None = None) -> None:
        self.height = height
        self.emitters = emitters or {}
        self.forks: list[int] = []
        self.most = 10**9
        self.hides: set[int] = set()
        self.spans: list[tuple[int, int]] = []
        self.by_hash: list[bytes] = []
        self.after_logs: Callable[[], None] = lambda: None

    def fork(self, block: int) -> None:
        self.forks.append(block)

    def _hash(self, number: int) -> bytes:
        seed = f"{number} {[fork for fork in self.forks if fork <= number]}"
        return hashlib.sha256(seed.encode()).digest()

    def header(self, block: int | str) -> Header | None:
        number = self.height if isinstance(block, str) else block
        if number > self.height:
            return None
        return Header(
            number=number,
            hash=self._hash(number),
            parent=self._hash(number - 1),
            time=10 * number,
            bloom=_bloom(self.emitters.get(number, [])),
        )

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        return [self.header(number) for number in numbers]

    def _log(self, number: int, address: str, position: int) -> dict[str, Any]:
        return {
            "address": address,
            "topics": [],
            "data": "0x",
            "blockNumber": hex(number),
            "blockHash": "0x" + self._hash(number).hex(),
            "logIndex": hex(position),
        }

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[RawLog]:
        self.spans.append((first, last))
        if last - first + 1 > self.most:
            raise RefusedError("eth_getLogs: query returns too many results")
        found: list[RawLog] = [
            self._log(number, address, position)
            for number in range(first, min(last, self.height) + 1)
            if number not in self.hides
            for position, address in enumerate(self.emitters.get(number, []))
            if address in addresses
        ]
        self.after_logs()
        return found

    def logs_of_block(self, addresses: Sequence[str], block: bytes) -> list[RawLog]:
        self.by_hash.append(block)
        number = next(n for n in range(self.height + 1) if self._hash(n) == block)
        return [
            self._log(number, address, position)
            for position, address in enumerate(self.emitters.get(number, []))
            if address in addresses
        ]
