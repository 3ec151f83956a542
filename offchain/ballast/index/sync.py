"""Follows the chain: finds where both agree, rolls back to it, and appends what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from ballast.errors import IndexingError, ReorgError, UsageError
from ballast.index.decode import Decoder, RawLog
from ballast.index.fetch import Fetcher, Span
from ballast.index.rpc import Header, Node
from ballast.index.rules import HOUSE_RULES, MODULE_RULES, Change
from ballast.index.store import MovedError, Store

__all__ = ["Progress", "Sync"]

#: Called with (blocks done, blocks to do) after every range.
Progress: TypeAlias = Callable[[int, int], None]

_ATTEMPTS = 8
#: Arguments that name contracts to follow.
_NAMING_EVENTS = {"RouterSet": ("router",), "EngineSet": ("engine",), "SourcesSet": ("sources",)}


class Sync:
    """Brings one store up to a block of one chain.

    ``house`` is the Clearinghouse's lower-case address. Re-orgs of up to ``reorg_limit`` blocks are
    undone; the hashes of that many blocks behind the target are kept for it.
    """

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        house: str,
        start_block: int,
        decoders: tuple[Decoder, Decoder],
        reorg_limit: int,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._node: Node = fetcher.node
        self._house = house
        self._start = start_block
        self._house_decoder, self._module_decoder = decoders
        self._limit = reorg_limit

    def run(self, to_block: int | None, progress: Progress | None = None) -> int:
        """Returns the block reached: ``to_block``, or the chain's latest.

        With ``to_block`` ``None`` the index ends where the node does, even if it was further.
        ``ReorgError`` where the chain does not hold still, ``IndexingError`` where a re-org is
        deeper than the limit.
        """
        failure: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                return self._attempt(to_block, progress)
            except (ReorgError, MovedError) as error:
                failure = error
        raise ReorgError(f"{failure}; gave up after {_ATTEMPTS} attempts") from failure

    def _attempt(self, to_block: int | None, progress: Progress | None) -> int:
        latest = self._latest()
        target = latest.number if to_block is None else to_block
        if target > latest.number:
            raise UsageError(f"block {target}: the chain ends at block {latest.number}")
        if target < self._start:
            raise UsageError(f"block {target}: before the deployment, which began at {self._start}")
        head = self._agree(latest, whole=to_block is None)
        begin = self._start if head is None else head + 1
        first = begin
        while first <= target:
            span = self._next_span(first, target, head)
            self._append(span, head)
            head, first = span.last, span.last + 1
            if progress is not None:
                progress(first - begin, target - begin + 1)
        return target

    def _latest(self) -> Header:
        latest = self._node.header("latest")
        if latest is None:
            raise IndexingError(f"node {self._node.name}: has no latest block")
        return latest

    # -------------------------------------------------------------- re-orgs

    def _agree(self, latest: Header, whole: bool) -> int | None:
        """Rolls back to the last block that the chain has too; returns the head."""
        head = self._store.head()
        if head is None:
            return None
        ends = min(head, latest.number)
        if ends < head and head - ends > self._limit:
            raise IndexingError(
                f"node {self._node.name}: ends at block {ends}, {head - ends} behind the index; "
                "it lags, or the chain began anew (then use an empty database)"
            )
        ancestor = self._ancestor(head, ends)
        if ancestor < head and (whole or ancestor < ends):
            self._store.roll_back(head, ancestor)
            return ancestor
        return head

    def _ancestor(self, head: int, ends: int) -> int:
        """The highest kept block up to ``ends`` that the chain has too."""
        lowest = max(self._start, head - self._limit)
        kept = self._store.hashes(lowest, ends)
        numbers = sorted(kept, reverse=True)
        # mostly the first one agrees; else all others are asked for at once
        for chunk in (numbers[:1], numbers[1:]):
            headers = self._node.headers(chunk)
            for number, header in zip(chunk, headers, strict=True):
                if header is not None and header.hash == kept[number]:
                    return number
        raise IndexingError(
            f"block {head}: re-organised more than {head - lowest} blocks deep, the limit; "
            "delete the database, it is rebuilt from the chain"
        )

    # -------------------------------------------------------------- appending

    def _next_span(self, first: int, target: int, head: int | None) -> Span:
        parent = None if head is None else self._store.hash_of(head)
        addresses = [self._house, *self._store.sources()]
        return self._fetcher.span(addresses, first, target, parent, target - self._limit)

    def _append(self, span: Span, head: int | None) -> None:
        times = {header.number: header.time for header in span.headers}
        changes: list[Change] = list(self._changes(span.logs, times))
        sources: dict[str, int] = {}
        known = set(self._store.sources())
        found = _sources(changes, known, sources)
        while found:
            # what the new contracts have said since the deployment began, which may name others
            sources |= found
            earlier = self._fetcher.history(sorted(found), self._start, span.last)
            headers = self._fetcher.headers(earlier)
            times.update((number, header.time) for number, header in headers.items())
            said = list(self._changes(earlier, times))
            changes += said
            found = _sources(said, known, sources)
        changes.sort(key=lambda change: (change[0].block, change[0].position))
        self._store.append(head, span.last, span.headers, changes, sources.items())

    def _changes(self, logs: Iterable[RawLog], times: Mapping[int, int]) -> Iterator[Change]:
        for log in logs:
            house = str(log["address"]).lower() == self._house
            decoder = self._house_decoder if house else self._module_decoder
            event = decoder.decode(log, times[int(log["blockNumber"], 16)])
            if event is not None:
                rules = (HOUSE_RULES if house else MODULE_RULES).get(event.name)
                if rules is not None:
                    yield event, rules


def _sources(changes: Iterable[Change], known: set[str], new: Mapping[str, int]) -> dict[str, int]:
    """Contracts that these events name and nobody did before, each with the first block that does.

    One that a contract named before it was named itself (``new`` says when) counts from then on.
    """
    found: dict[str, int] = {}
    for event, _ in changes:
        for argument in _NAMING_EVENTS.get(event.name, ()):
            value = event.args[argument]
            for address in value.values() if isinstance(value, dict) else (value,):
                if address not in known and address not in new:
                    since = max(event.block, new.get(event.source, 0))
                    found[address] = min(since, found.get(address, since))
    return found
