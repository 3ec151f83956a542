"""The transactions a check looks at, each executed again between two readings of the accounts it
touched.

A block is run once more on its parent's state with ``eth_simulateV1``, at its own number and
time: the same transactions in the same order, and before and after each of them the health of
every account it changed. So "healthy just before the liquidation" is the contract's own answer,
not a computation of ours. The logs of the second run must be those of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ballast.checks.calls import HouseCall, TraceMissing, calls_of
from ballast.checks.ledger import Ledger, Token
from ballast.checks.view import ChainView, Health, LoggedEvent, Question
from ballast.errors import RpcError

__all__ = ["History", "Totals", "Transaction", "read_history"]

#: Probes are sent from here: nobody's address, so that no nonce that matters moves.
_PROBE = "0x00000000000000000000000000000000000ba11a"
_PROBE_GAS = hex(20_000_000)
_BLOCK_GAS = hex(10**15)
#: A transaction none of whose events names an account, and that moves no bank, needs no second run.
_ACCOUNT_ARGUMENTS = ("account", "from", "to", "maker", "taker", "liquidatorAccount")


@dataclass(frozen=True)
class Totals:
    """``totals`` of a token, in its units."""

    deposits: int
    borrows: int
    reserves: int
    insurance: int


@dataclass
class Transaction:
    """One transaction that moved the ledger. Healths and answers are missing where a price was
    not usable.

    ``time`` is its block's, in seconds. ``before`` and ``after`` map accounts to healths,
    ``totals_before`` and ``totals_after`` token ids to totals, ``asked_before`` and
    ``asked_after`` further questions to answers. ``replayed`` is false where the second run was
    not possible.
    """

    hash: str
    block: int
    events: list[LoggedEvent]
    sender: str = ""
    time: int = 0
    calls: list[HouseCall] = field(default_factory=list)
    traced: bool = True
    replayed: bool = False
    before: dict[int, Health | None] = field(default_factory=dict)
    after: dict[int, Health | None] = field(default_factory=dict)
    totals_before: dict[int, Totals] = field(default_factory=dict)
    totals_after: dict[int, Totals] = field(default_factory=dict)
    asked_before: dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]] = field(default_factory=dict)
    asked_after: dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]] = field(default_factory=dict)

    def named(self, *names: str) -> list[LoggedEvent]:
        """Its events of these names, in order."""
        return [event for event in self.events if event.name in names]

    @property
    def sets(self) -> frozenset[str]:
        """Names of its events."""
        return frozenset(event.name for event in self.events)

    @property
    def refreshes(self) -> bool:
        """Whether it priced options anew: its two readings are then of other marks."""
        return any(call.name == "refreshStrikes" for call in self.calls)

    @property
    def accounts(self) -> list[int]:
        """Accounts whose balances, positions or model it set."""
        events = self.named("BalanceSet", "PositionSet", "MarginModelSet")
        found = (event["account"] for event in events)
        return list(dict.fromkeys(found))


@dataclass
class History:
    """``first`` to ``last`` block; ``earlier`` are the events before them, from the deployment
    on."""

    view: ChainView
    first: int
    last: int
    earlier: list[LoggedEvent]
    transactions: list[Transaction]
    tokens: dict[int, Token]
    #: Why transactions were not run again; "" where they were.
    replay_error: str = ""

    def walk(self) -> Iterator[tuple[Transaction, Ledger]]:
        """Each transaction with the ledger as it was just before."""
        ledger = Ledger()
        ledger.apply(self.earlier)
        for transaction in self.transactions:
            yield transaction, ledger
            ledger.apply(transaction.events)

    def ledger(self) -> Ledger:
        """The ledger after the last transaction."""
        ledger = Ledger()
        ledger.apply(self.earlier)
        for transaction in self.transactions:
            ledger.apply(transaction.events)
        return ledger


def read_history(view: ChainView, first: int, last: int) -> History:
    """Reads the deployment's logs up to block ``last`` and runs the transactions from ``first``
    on again."""
    start = view.deployment.start_block
    events = view.events(min(start, first), last)
    earlier = [event for event in events if event.event.block < first]
    transactions = _group(event for event in events if event.event.block >= first)
    ledger = Ledger()
    ledger.apply(events)
    history = History(view, first, last, earlier, transactions, ledger.tokens)
    _run_again(history)
    return history


def _group(events: Iterator[LoggedEvent]) -> list[Transaction]:
    found: dict[str, Transaction] = {}
    for event in events:
        known = found.setdefault(event.transaction, Transaction(event.transaction, event.event.block, []))
        known.events.append(event)
    return list(found.values())


# ------------------------------------------------------------------ running again


def _run_again(history: History) -> None:
    by_block: dict[int, dict[str, Transaction]] = {}
    for transaction in history.transactions:
        if _moves_something(transaction):
            by_block.setdefault(transaction.block, {})[transaction.hash] = transaction
    view = history.view
    blocks = view.batch.many([("eth_getBlockByNumber", [hex(n), True]) for n in by_block])
    for block, wanted in zip(blocks, by_block.values(), strict=True):
        if isinstance(block, RpcError):
            raise block
        for raw in block["transactions"]:
            if known := wanted.get(str(raw["hash"]).lower()):
                known.sender = str(raw["from"]).lower()
                known.time = int(block["timestamp"], 16)
                try:
                    known.calls = calls_of(view, raw)
                except TraceMissing:
                    known.traced = False
        if not history.replay_error:
            try:
                _Replay(history, block, wanted).run()
            except RpcError as error:
                history.replay_error = str(error)


def _moves_something(transaction: Transaction) -> bool:
    return any(argument in event.event.args for event in transaction.events for argument in _ACCOUNT_ARGUMENTS) or bool(
        transaction.named("BankAccrued", "InsuranceSet", "FeesCollected")
    )


class _Replay:
    """One block's second run."""

    def __init__(self, history: History, block: dict[str, Any], wanted: dict[str, Transaction]) -> None:
        self.view = history.view
        self.tokens = history.tokens
        self.block = block
        self.wanted = wanted
        self.calls: list[dict[str, Any]] = []
        self.slots: list[tuple[Transaction, bool, Question]] = []
        self.places: list[int] = []
        self.runs: list[tuple[Transaction, int]] = []

    def run(self) -> None:
        for raw in self.block["transactions"]:
            known = self.wanted.get(str(raw["hash"]).lower())
            if known is not None:
                self._probe(known, before=True)
                self.runs.append((known, len(self.calls)))
            self.calls.append(_again(raw))
            if known is not None:
                self._probe(known, before=False)
        overrides = {
            "number": self.block["number"],
            "time": self.block["timestamp"],
            "gasLimit": _BLOCK_GAS,
            "baseFeePerGas": "0x0",
        }
        state = {"blockOverrides": overrides, "calls": self.calls}
        answer = self.view.batch.one(
            "eth_simulateV1",
            {"blockStateCalls": [state], "validation": False},
            hex(int(self.block["number"], 16) - 1),
        )
        results = answer[0]["calls"]
        for transaction, place in self.runs:
            _require_same_logs(self.view, transaction, results[place])
            transaction.replayed = True
        for (transaction, before, question), place in zip(self.slots, self.places, strict=True):
            result = results[place]
            if int(result["status"], 16) == 1:
                self._keep(transaction, before, question, result["returnData"])

    def _probe(self, transaction: Transaction, *, before: bool) -> None:
        for question in _questions(self.view, self.tokens, transaction):
            self.slots.append((transaction, before, question))
            self.places.append(len(self.calls))
            self.calls.append(
                {
                    "from": _PROBE,
                    "to": self.view.house,
                    "data": self.view.codec.encode(*question),
                    "gas": _PROBE_GAS,
                }
            )

    def _keep(self, transaction: Transaction, before: bool, question: Question, data: str) -> None:
        name, arguments = question
        answer = self.view.codec.answer(name, data)
        if name == "health":
            (transaction.before if before else transaction.after)[arguments[0]] = Health(*answer)
        elif name == "totals":
            token = next(t for t, known in self.tokens.items() if known.address == arguments[0])
            totals = transaction.totals_before if before else transaction.totals_after
            totals[token] = Totals(*answer)
        else:
            asked = transaction.asked_before if before else transaction.asked_after
            asked[name, tuple(arguments)] = answer


def _questions(view: ChainView, tokens: dict[int, Token], transaction: Transaction) -> Sequence[Question]:
    """What is read before and after a transaction."""
    addresses = [token.address for token in tokens.values()]
    found: list[Question] = [("health", [account]) for account in transaction.accounts]
    found += [("totals", [address]) for address in addresses]
    found += [("priceOf", [address]) for address in addresses]
    for event in transaction.named("Liquidated"):
        account = event["account"]
        found.append(("accountOf", [account]))
        found += [("balanceOf", [account, address]) for address in addresses]
        found += [("positionOf", [account, number]) for number in view.perpetuals]
        found += [("markOf", [number]) for number in view.perpetuals]
    return list({(name, tuple(arguments)): (name, arguments) for name, arguments in found}.values())


def _again(raw: dict[str, Any]) -> dict[str, Any]:
    call = {"from": raw["from"], "input": raw["input"], "gas": raw["gas"], "value": raw["value"]}
    call["nonce"] = raw["nonce"]
    if raw.get("to") is not None:
        call["to"] = raw["to"]
    return call


def _require_same_logs(view: ChainView, transaction: Transaction, result: dict[str, Any]) -> None:
    """Both runs emitted the same events of the Clearinghouse."""
    house = view.house.lower()
    logs = [log for log in result["logs"] if str(log["address"]).lower() == house]
    again = [view.decode(log) for log in logs]
    if again != [(event.name, event.event.args) for event in transaction.events]:
        raise RpcError(f"transaction {transaction.hash}: its second run emitted other events")
