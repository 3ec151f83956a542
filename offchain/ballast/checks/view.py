"""A deployment as the checks see it: batches of views at one block, and the decoded logs of the
Clearinghouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ballast.chain.artifacts import artifact
from ballast.chain.reverts import decode_revert
from ballast.checks.batch import Batch
from ballast.checks.codec import Codec
from ballast.errors import RpcError
from ballast.index.decode import Decoder, Event, RawLog
from ballast.index.rpc import Node

if TYPE_CHECKING:
    from ballast.chain.protocol import Protocol

__all__ = ["CLAIM", "ChainView", "Health", "LoggedEvent", "Question"]

#: Marks an entry of an account that is a claim on a market's pool, not a position.
CLAIM = 1 << 31

_LOG_SPAN = 5_000
_PERPETUAL = 2

#: Function name and its arguments.
Question = tuple[str, Sequence[Any]]


@dataclass(frozen=True)
class Health:
    """USDC, 1e18."""

    equity: int
    initial: int
    maintenance: int


@dataclass(frozen=True)
class LoggedEvent:
    """An event of the Clearinghouse and the transaction it is from."""

    event: Event
    transaction: str

    @property
    def name(self) -> str:
        return self.event.name

    def __getitem__(self, argument: str) -> Any:
        return self.event.args[argument]


class ChainView:
    """Reads of one deployment.

    ``instruments`` and ``perpetuals`` map an instrument's number to its name.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.deployment = protocol.deployment
        self.w3 = protocol.w3
        self.node = Node(protocol.w3)
        self.batch = Batch(protocol.w3)
        self.house = self.deployment.contracts["Clearinghouse"]
        # the interface names every argument; the door leaves those of its modules unnamed
        self.codec = Codec(artifact("IClearinghouse")["abi"])
        self.erc20 = Codec(artifact("TestToken")["abi"])
        self._decoder = Decoder([artifact("Clearinghouse")["abi"]])
        self.instruments = {number: name for name, number in self.deployment.instruments.items()}
        self.perpetuals = {number: name for number, name in self.instruments.items() if number >> 28 == _PERPETUAL}

    # -------------------------------------------------------------- views

    def ask(self, questions: Sequence[Question], block: int) -> list[tuple[Any, ...] | None]:
        """Answers of views of the Clearinghouse at a block; ``None`` where one reverts."""
        raw = self.call([(self.house, self.codec.encode(*question)) for question in questions], block)
        return [
            None if answer is None else self.codec.answer(name, answer)
            for (name, _), answer in zip(questions, raw, strict=True)
        ]

    def refusals(self, questions: Sequence[Question], block: int, *, sender: str) -> list[str | None]:
        """Names of the errors that calls of the Clearinghouse revert with at a block; ``None`` where one does not."""
        calls = [{"from": sender, "to": self.house, "data": self.codec.encode(*question)} for question in questions]
        found = self.batch.many([("eth_call", [call, hex(block)]) for call in calls])
        return [
            decode_revert(bytes.fromhex(answer.data.removeprefix("0x"))).name if isinstance(answer, RpcError) else None
            for answer in found
        ]

    def must(self, questions: Sequence[Question], block: int) -> list[tuple[Any, ...]]:
        """As ``ask``, for views that never revert; ``RpcError`` where one does."""
        answers: list[tuple[Any, ...]] = []
        for (name, arguments), answer in zip(questions, self.ask(questions, block), strict=True):
            if answer is None:
                raise RpcError(f"{name}{tuple(arguments)}: reverted at block {block}")
            answers.append(answer)
        return answers

    def call(self, calls: Sequence[tuple[str, str]], block: int) -> list[str | None]:
        """Raw answers of calls ``(to, data)``; ``None`` where one reverts."""
        requests = [("eth_call", [{"to": to, "data": data}, hex(block)]) for to, data in calls]
        return [None if isinstance(found, RpcError) else found for found in self.batch.many(requests)]

    def held_by_vault(self, tokens: Iterable[str], block: int) -> list[int]:
        """``balanceOf(vault)`` of each token, token units."""
        vault = self.deployment.contracts.get("Vault", self.house)
        data = self.erc20.encode("balanceOf", [vault])
        answers = self.call([(token, data) for token in tokens], block)
        return [0 if answer is None else int(answer, 16) for answer in answers]

    def tip(self) -> int:
        """Number of the latest block."""
        header = self.node.header("latest")
        if header is None:
            raise RpcError(f"node {self.node.name}: has no latest block")
        return header.number

    # -------------------------------------------------------------- logs

    def events(self, first: int, last: int) -> list[LoggedEvent]:
        """Events of the Clearinghouse from block ``first`` to ``last``, in order."""
        found: list[LoggedEvent] = []
        for start in range(first, last + 1, _LOG_SPAN):
            for log in self.node.logs([self.house], start, min(start + _LOG_SPAN - 1, last)):
                event = self._decoder.decode(log, 0)
                if event is not None:
                    found.append(LoggedEvent(event, str(log["transactionHash"]).lower()))
        return found

    def decode(self, log: RawLog) -> tuple[str, Mapping[str, Any]] | None:
        """Name and arguments of one log; ``None`` where the ABI has no such event."""
        event = self._decoder.decode(log, 0)
        return None if event is None else (event.name, event.args)
