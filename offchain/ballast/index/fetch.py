"""Ranges of blocks with their logs, each proved to be of one chain before it is used.

A range is accepted when the first block continues what is indexed, every log is in the block that
the chain has at that height, the last block is the same before and after the logs were read, and no
block whose bloom filter names a followed contract came without its logs (a lagging replica leaves
such holes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ballast.errors import ReorgError, RpcError
from ballast.index.decode import RawLog
from ballast.index.rpc import Header, Node, RefusedError

__all__ = ["Fetcher", "Span", "SpanSize"]


@dataclass(frozen=True)
class Span:
    """Blocks ``first`` to ``last`` with all logs of the followed contracts, in the chain's order.

    ``headers`` holds at least the last block and every block that has a log, in ascending order.
    """

    first: int
    last: int
    headers: tuple[Header, ...]
    logs: tuple[RawLog, ...]


class SpanSize:
    """Blocks to ask for at once: halves when the node refuses, doubles while answers are small."""

    SMALLEST = 1
    LARGEST = 100_000
    FEW_LOGS = 2_000
    MANY_LOGS = 10_000

    def __init__(self, blocks: int = 1_000) -> None:
        self.blocks = blocks

    def refused(self) -> bool:
        """Halves; false where there is nothing left to halve."""
        if self.blocks == self.SMALLEST:
            return False
        self.blocks = max(self.SMALLEST, self.blocks // 2)
        return True

    def answered(self, logs: int, blocks: int) -> None:
        """Adapts to an answer of so many logs to a request for so many blocks."""
        if logs > self.MANY_LOGS:
            self.blocks = max(self.SMALLEST, self.blocks // 2)
        elif logs < self.FEW_LOGS and blocks >= self.blocks:
            self.blocks = min(self.LARGEST, self.blocks * 2)


class Fetcher:
    """Reads spans from one node."""

    def __init__(self, node: Node, size: SpanSize | None = None) -> None:
        self.node = node
        self.size = size or SpanSize()

    def span(self, addresses: Sequence[str], first: int, target: int, parent: bytes | None, recent: int) -> Span:
        """The next span from ``first`` on, at most to ``target``.

        ``parent`` is the hash of block ``first - 1`` where it is known; headers of all blocks from
        ``recent`` on are read too. ``ReorgError`` where the chain moved meanwhile, ``RpcError``
        where the node fails.
        """
        end, logs = self._logs(addresses, first, target)
        last = end.number
        numbers = {first, last, *range(max(first, recent), last + 1)}
        numbers |= {_block_of(log) for log in logs}
        headers = self._headers(sorted(numbers))
        self._require_one_chain(headers, logs, parent, end)
        logs = self._without_holes(addresses, headers, logs)
        self.size.answered(len(logs), last - first + 1)
        return Span(first, last, tuple(headers), tuple(sorted(logs, key=_order)))

    def _logs(self, addresses: Sequence[str], first: int, target: int) -> tuple[Header, list[RawLog]]:
        """Logs of as many blocks as the node grants, and the header of the last one before."""
        while True:
            last = min(first + self.size.blocks - 1, target)
            end = self._required(last)
            try:
                return end, self.node.logs(addresses, first, last)
            except RefusedError:
                self.size.blocks = last - first + 1  # what was refused, not what was wished for
                if not self.size.refused():
                    raise

    def history(self, addresses: Sequence[str], first: int, last: int) -> list[RawLog]:
        """All logs of some addresses over a long range, for contracts that are new to the index."""
        logs: list[RawLog] = []
        size = SpanSize(self.size.blocks)
        while first <= last:
            until = min(first + size.blocks - 1, last)
            try:
                found = self.node.logs(addresses, first, until)
            except RefusedError:
                size.blocks = until - first + 1
                if not size.refused():
                    raise
                continue
            size.answered(len(found), until - first + 1)
            logs += found
            first = until + 1
        return sorted(logs, key=_order)

    def headers(self, logs: Iterable[RawLog]) -> dict[int, Header]:
        """Headers of the blocks of some logs; ``ReorgError`` where a log is in none of them."""
        logs = list(logs)
        headers = self._headers(sorted({_block_of(log) for log in logs}))
        _require_in_blocks(headers, logs)
        return {header.number: header for header in headers}

    def _required(self, number: int) -> Header:
        header = self.node.header(number)
        if header is None:
            raise ReorgError(f"block {number}: the node does not have it any more")
        return header

    def _headers(self, numbers: Sequence[int]) -> list[Header]:
        headers = self.node.headers(numbers)
        for number, header in zip(numbers, headers, strict=True):
            if header is None:
                raise ReorgError(f"block {number}: the node does not have it any more")
            if header.number != number:
                raise RpcError(f"block {number}: the node answers with block {header.number}")
        return [header for header in headers if header is not None]

    def _require_one_chain(
        self, headers: Sequence[Header], logs: Sequence[RawLog], parent: bytes | None, end: Header
    ) -> None:
        if parent is not None and headers[0].parent != parent:
            raise ReorgError(f"block {headers[0].number}: does not continue what is indexed")
        if headers[-1].hash != end.hash:
            raise ReorgError(f"block {end.number}: replaced while its logs were read")
        for before, after in pairwise(headers):
            if after.number == before.number + 1 and after.parent != before.hash:
                raise ReorgError(f"block {after.number}: replaced while its headers were read")
        _require_in_blocks(headers, logs)

    def _without_holes(self, addresses: Sequence[str], headers: Sequence[Header], logs: list[RawLog]) -> list[RawLog]:
        """Asks again, by hash, for blocks that should have logs of a contract and came without."""
        seen = {(_block_of(log), str(log["address"]).lower()) for log in logs}
        for header in headers:
            missing = [
                address for address in addresses if (header.number, address) not in seen and header.may_hold(address)
            ]
            if missing:
                logs = logs + self.node.logs_of_block(missing, header.hash)
        return logs


def _require_in_blocks(headers: Sequence[Header], logs: Iterable[RawLog]) -> None:
    hashes = {header.number: header.hash for header in headers}
    for log in logs:
        if hashes.get(_block_of(log)) != bytes.fromhex(str(log["blockHash"])[2:]):
            raise ReorgError(f"block {_block_of(log)}: replaced while its logs were read")


def _block_of(log: RawLog) -> int:
    return int(log["blockNumber"], 16)


def _order(log: RawLog) -> tuple[int, int]:
    return int(log["blockNumber"], 16), int(log["logIndex"], 16)
