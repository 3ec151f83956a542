"""I3: an account changes only by those who may, or by rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ballast.chain.instruments import FUTURE, OPTION, SERIES, kind_of, series_of_instrument
from ballast.chain.orders import Order
from ballast.checks.calls import HouseCall
from ballast.checks.expiries import Expiries
from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.signatures import Signed, SignedOrder, signers_of
from ballast.checks.view import CLAIM, LoggedEvent
from ballast.errors import UsageError
from ballast.units import format_account, owner_of

__all__ = ["check_authority"]

_QUOTE = 0
#: Events that say an account changed, and the arguments that name it.
_CHANGES: dict[str, tuple[str, ...]] = {
    "BalanceSet": ("account",),
    "PositionSet": ("account",),
    "Settled": ("account",),
    "Withdrawn": ("account",),
    "Transferred": ("from", "to"),
    "MarginModelSet": ("account",),
    "OperatorSet": ("account",),
    "OperatorBudgetSet": ("account",),
    "OperatorSpent": ("account",),
    "OrderCancelled": ("account",),
}
_OWNERS = frozenset({"setOperator", "setOperatorBudget", "setMarginModel"})


@dataclass
class _Leave:
    """What a transaction may change: accounts without limit, single balances, and settlements."""

    whole: set[int] = field(default_factory=set)
    balances: set[tuple[int, int]] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    fixed: Callable[[int], bool] = lambda _: False

    def covers(self, event: LoggedEvent, account: int, ledger: Ledger) -> bool:
        if account in self.whole:
            return True
        if event.name == "BalanceSet" and (account, event["token"]) in self.balances:
            return True
        if account not in self.settled:
            return False
        if event.name == "PositionSet":
            return self._settles(event, ledger.positions.get((account, event["instrument"]), (0, 0))[0])
        return event.name == "Settled" or (event.name == "BalanceSet" and event["token"] == _QUOTE)

    def _settles(self, event: LoggedEvent, before: int) -> bool:
        """A position keeps its size; what has expired and has its price is closed, against a claim perhaps."""
        number, size = event["instrument"] & ~CLAIM, int(event["size"])
        if size == before:
            return True
        return self.fixed(number) and (size == 0 or bool(event["instrument"] & CLAIM))


def check_authority(history: History) -> Result:
    """Every change stems from the owner, an operator, a signed order, a deposit, a settlement, or
    a liquidation of an account that was below maintenance margin just before."""
    findings, expiries = Findings(), Expiries(history.view)
    signers = _signers(history)
    for transaction, ledger in history.walk():
        if not transaction.traced:
            findings.note(f"{transaction.hash[:10]} went through another contract and is not traced")
            continue
        check = _Check(findings, transaction, ledger, signers)
        leave = check.leave()
        leave.fixed = partial(_is_fixed, expiries, transaction.block)
        for event in transaction.events:
            for argument in _CHANGES.get(event.name, ()):
                account = event[argument]
                findings.count("changes of accounts")
                findings.require(
                    leave.covers(event, account, ledger),
                    f"{transaction.hash[:10]}: {event.name} of {_shown(account)} without a cause",
                )
    return findings.result()


def _is_fixed(expiries: Expiries, block: int, instrument: int) -> bool:
    """Whether something that has expired has its settlement price at the end of a block."""
    dated = kind_of(instrument) in (FUTURE, OPTION, SERIES)
    return dated and expiries.price(series_of_instrument(instrument), block) is not None


class _Check:
    """What one transaction's calls allow, each call judged by who made it."""

    def __init__(
        self,
        findings: Findings,
        transaction: Transaction,
        ledger: Ledger,
        signers: dict[SignedOrder, Signed],
    ) -> None:
        self.findings = findings
        self.transaction = transaction
        self.ledger = ledger
        self.signers = signers
        # grants that the transaction itself makes count for its later calls
        self.operators = dict(ledger.operators)

    def leave(self) -> _Leave:
        leave = _Leave()
        for call in self.transaction.calls:
            self._grant(leave, call)
        return leave

    def _grant(self, leave: _Leave, call: HouseCall) -> None:
        arguments = call.arguments
        if call.name in ("deposit", "depositWithPermit"):
            self._grant_deposit(leave, call)
        elif call.name == "withdraw":
            self._grant_owned(leave, call, arguments["account"])
        elif call.name == "transfer":
            self._grant_owned(leave, call, arguments["from"])
            self._grant_owned(leave, call, arguments["to"])
        elif call.name in _OWNERS:
            self._grant_owned(leave, call, arguments["account"])
            if call.name == "setOperator":
                key = (arguments["account"], str(arguments["operator"]).lower())
                self.operators[key] = arguments["validUntil"]
        elif call.name == "cancel":
            self._grant_operated(leave, (call.sender,), arguments["account"], "cancel")
        elif call.name == "settle":
            leave.settled.add(arguments["account"])
        elif call.name == "fill":
            self._grant_fill(leave, call)
        elif call.name == "liquidate":
            self._grant_liquidation(leave, call)

    def _grant_deposit(self, leave: _Leave, call: HouseCall) -> None:
        account, token = call.arguments["account"], self.ledger.ids.get(call.arguments["token"])
        if token is None:
            return
        may = token == _QUOTE or self._may_trade(call.sender, account)
        may = may or (account, token) in self.ledger.shares
        self._require(may, f"{call.sender} gave {_shown(account)} a token it did not hold")
        leave.balances.add((account, token))

    def _grant_owned(self, leave: _Leave, call: HouseCall, account: int) -> None:
        self._require(
            _owner(account) == call.sender,
            f"{call.name} of {_shown(account)} by {call.sender}, not its owner",
        )
        leave.whole.add(account)

    def _grant_operated(self, leave: _Leave, who: tuple[str, ...], account: int, what: str) -> None:
        self._require(
            any(self._may_trade(each, account) for each in who),
            f"{what} of {_shown(account)} by {' '.join(who) or 'nobody'}, neither owner nor operator",
        )
        leave.whole.add(account)

    def _grant_fill(self, leave: _Leave, call: HouseCall) -> None:
        hashes = {
            value for event in self.transaction.named("Filled") for value in (event["makerHash"], event["takerHash"])
        }
        for signed in _orders_of(call, self.transaction.block):
            found = self.signers[signed]
            self._require(found.hash in hashes, f"an order of {_shown(signed.order.account)} has another hash")
            self._grant_operated(leave, found.speakers, signed.order.account, "an order")

    def _grant_liquidation(self, leave: _Leave, call: HouseCall) -> None:
        account, receiver = call.arguments["l"][:2]
        self._grant_operated(leave, (call.sender,), receiver, "taking a slice")
        health = self.transaction.before.get(account)
        for event in self.transaction.named("Liquidated"):
            if event["account"] == account:
                self._require(
                    event["equity"] < event["maintenance"],
                    f"{_shown(account)} was liquidated with equity {event['equity']}",
                )
        if health is not None and len(self.transaction.calls) == 1:
            self._require(
                health.equity < health.maintenance,
                f"{_shown(account)} was healthy just before its liquidation",
            )
        leave.whole.add(account)

    def _may_trade(self, who: str, account: int) -> bool:
        if _owner(account) == who:
            return True
        return self.operators.get((account, who), 0) > self.transaction.time

    def _require(self, condition: bool, violation: str) -> None:
        self.findings.require(condition, f"{self.transaction.hash[:10]}: {violation}")


def _signers(history: History) -> dict[SignedOrder, Signed]:
    orders = [
        signed
        for transaction in history.transactions
        for call in transaction.calls
        if call.name == "fill"
        for signed in _orders_of(call, transaction.block)
    ]
    return signers_of(history.view, orders)


def _orders_of(call: HouseCall, block: int) -> list[SignedOrder]:
    return [
        SignedOrder(_order(call.arguments[side]), bytes(call.arguments[f"{side}Sig"]), call.sender, block)
        for side in ("maker", "taker")
    ]


def _order(values: tuple[Any, ...]) -> Order:
    return Order(*values)


def _owner(account: int) -> str:
    try:
        return owner_of(account).lower()
    except UsageError:
        return ""


def _shown(account: int) -> str:
    try:
        return format_account(account)
    except UsageError:
        return str(account)
