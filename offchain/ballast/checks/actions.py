"""I4: after an owner's action equity covers initial margin, or nothing got worse."""

from __future__ import annotations

from ballast.chain.instruments import OPTION, kind_of
from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.view import CLAIM, Health
from ballast.units import QUOTE_UNIT, format_account

__all__ = ["check_actions"]

_QUOTE = 0
#: Units of USDC that a premium may cost a side by rounding: the contract's own allowance, 4 (2 + borrow index).
_SHARE_ROUNDING = 12
#: Calls after which the accounts they name are checked.
_CHECKED = frozenset({"fill", "withdraw", "transfer", "setMarginModel", "liquidate"})


def check_actions(history: History) -> Result:
    """The contract's own health just before and just after each transaction that an owner, or who
    speaks for him, caused."""
    findings = Findings()
    if history.replay_error:
        findings.note(f"not run again: {history.replay_error}")
    for transaction, ledger in history.walk():
        if not transaction.replayed:
            continue
        after = Ledger(shares=dict(ledger.shares), positions=dict(ledger.positions))
        after.apply(transaction.events)
        receivers = {event["liquidatorAccount"] for event in transaction.named("Liquidated")}
        for account in _acting(transaction):
            if after.is_free(account):
                findings.count("actions that left no debt")
                continue
            where = f"{transaction.hash[:10]}: {format_account(account)}"
            healths = (transaction.before.get(account), transaction.after.get(account))
            violation = _judge(transaction, account, healths, ledger, after, account in receivers)
            findings.require(not violation, f"{where}: {violation}")
            findings.count("actions")
    return findings.result()


def _acting(transaction: Transaction) -> list[int]:
    """Accounts of owners' actions: not who was liquidated, settled, or only paid into."""
    named: set[int] = set()
    for call in transaction.calls:
        arguments = call.arguments
        if call.name == "fill":
            named |= {arguments["maker"][0], arguments["taker"][0]}
        elif call.name == "liquidate":
            named.add(arguments["l"][1])
        elif call.name == "transfer":
            named |= {arguments["from"], arguments["to"]}
        elif call.name in _CHECKED:
            named.add(arguments["account"])
    return [account for account in transaction.accounts if account in named]


def _judge(
    transaction: Transaction,
    account: int,
    healths: tuple[Health | None, Health | None],
    ledger: Ledger,
    after: Ledger,
    receiver: bool,
) -> str:
    """What is wrong with an action; "" where nothing is."""
    before, now = healths
    if now is None:
        return "acted with a position or debt while a price was not usable"
    if now.equity >= now.initial:
        return ""
    if receiver:
        return f"took a slice and has equity {now.equity} below initial margin {now.initial}"
    if before is None:
        return "acted while a price was not usable"
    if transaction.refreshes:
        return ""  # before and after are at other marks of options
    if now.equity - now.initial < before.equity - before.initial:
        return f"equity less initial margin fell to {now.equity - now.initial}"
    fees = _fees(transaction, account)
    if now.equity + fees < before.equity:
        return f"equity fell from {before.equity} to {now.equity}, fees were {fees}"
    if before.equity < before.maintenance and _grew(account, ledger, after):
        return "a position or a debt grew below maintenance margin"
    return ""


def _fees(transaction: Transaction, account: int) -> int:
    """USDC, 1e18, with what rounding of a premium and of shares may cost."""
    fees: int = 0
    for event in transaction.named("Filled"):
        fees += event["makerFee"] if event["maker"] == account else 0
        fees += event["takerFee"] if event["taker"] == account else 0
        if kind_of(event["instrument"]) == OPTION and account in (event["maker"], event["taker"]):
            fees += _SHARE_ROUNDING
    return int(fees * QUOTE_UNIT)


def _grew(account: int, ledger: Ledger, after: Ledger) -> bool:
    """A position larger or turned, or a debt but the quote token's larger."""
    before = ledger.entries_of(account)
    for instrument, (size, _) in after.entries_of(account).items():
        size_before = before.get(instrument, (0, 0))[0]
        if not instrument & CLAIM and (size > max(size_before, 0) or size < min(size_before, 0)):
            return True
    return any(
        shares < min(ledger.shares.get((owner, token), 0), 0)
        for (owner, token), shares in after.shares.items()
        if owner == account and token != _QUOTE and shares < 0
    )
