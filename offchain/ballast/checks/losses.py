"""I6: the loss of an emptied account is recorded at once, and allocated in the order of the rule,
to the wei."""

from __future__ import annotations

from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.values import Values
from ballast.checks.view import CLAIM, LoggedEvent
from ballast.units import QUOTE_UNIT, WAD, format_account

__all__ = ["check_losses"]

#: A haircut is a whole multiple of 1e-12 USDC a unit.
_HAIRCUT_QUANTUM = 10**6


def check_losses(history: History) -> Result:
    """Every allocated loss adds up and moved what it says; no account is left empty and in debt."""
    findings = Findings()
    for transaction, ledger in history.walk():
        losses = transaction.named("LossAllocated")
        for event in losses:
            findings.count("losses")
            _check_parts(findings, history, transaction, ledger, event)
        insolvent = [event for event in transaction.named("Liquidated") if event["equity"] < 0]
        findings.require(
            sorted(event["account"] for event in insolvent) == sorted(event["account"] for event in losses),
            f"{transaction.hash[:10]}: {len(insolvent)} insolvent steps, {len(losses)} losses",
        )
        if losses:
            _check_sources(findings, history, transaction, ledger, losses)
    _check_emptied(findings, history)
    return findings.result()


def _check_parts(
    findings: Findings,
    history: History,
    transaction: Transaction,
    ledger: Ledger,
    event: LoggedEvent,
) -> None:
    """loss = insurance + winners + deposits + uncovered, and it is the step's share of the
    negative equity."""
    account = event["account"]
    where = f"{transaction.hash[:10]}: {format_account(account)}"
    parts = sum(event[part] for part in ("insurance", "winners", "deposits", "uncovered"))
    findings.require(event["loss"] == parts, f"{where}: loss {event['loss']}, its parts sum to {parts}")
    step = next((s for s in transaction.named("Liquidated") if s["account"] == account), None)
    if step is None or step["equity"] >= 0:
        return
    total = -(step["equity"] * step["fraction"] // WAD)
    slack = _slack(history, transaction, ledger)
    findings.require(
        abs(event["loss"] - total) <= slack,
        f"{where}: loss {event['loss']} of a negative equity of {total} (1e-18 USDC)",
    )
    if step["fraction"] == WAD:
        ended = Ledger(shares=dict(ledger.shares), positions=dict(ledger.positions))
        ended.apply(transaction.events)
        claims = any(number & CLAIM for number in ended.entries_of(account))
        debts = [s for (owner, _), s in ended.shares.items() if owner == account and s < 0]
        findings.require(claims or not debts, f"{where}: emptied, and still in debt")


def _slack(history: History, transaction: Transaction, ledger: Ledger) -> int:
    """What the roundings of one step come to: some units of USDC and two more a position (the
    contract's own allowance), a unit of each token, and per unit of open interest the step of a
    haircut. USDC, 1e18.
    """
    values = Values.before(transaction, history.tokens)
    emptied = [event["account"] for event in transaction.named("LossAllocated")]
    positions = max((len(ledger.entries_of(account)) for account in emptied), default=0)
    units: int = (4 + 2 * positions) * QUOTE_UNIT + (values.of_units() if values else 0)
    steps: int = sum(market.open_interest * _HAIRCUT_QUANTUM // WAD + 1 for market in ledger.markets.values())
    return units + steps


def _check_sources(
    findings: Findings,
    history: History,
    transaction: Transaction,
    ledger: Ledger,
    losses: list[LoggedEvent],
) -> None:
    """Each part moved what it says; nobody pays before those who come first are exhausted."""
    where = transaction.hash[:10]
    levels = [event["insurance"] for event in transaction.named("InsuranceSet")]
    lowest = min([ledger.insurance, *levels])
    beyond = sum(event["winners"] + event["deposits"] + event["uncovered"] for event in losses)
    findings.require(
        lowest == 0 or beyond <= _slack(history, transaction, ledger) * len(losses),
        f"{where}: others bore {beyond} (1e-18 USDC) while insurance had {lowest} units",
    )
    haircuts = sum(
        event["fromLongs"] + event["fromShorts"] + event["fromClaims"] for event in transaction.named("WinnersHaircut")
    )
    winners = sum(event["winners"] for event in losses)
    findings.require(haircuts == winners, f"{where}: haircuts sum to {haircuts}, losses say {winners}")
    written = transaction.named("DebtWrittenOff")
    for event in written:
        rest = event["amount"] - event["fromDeposits"] - event["uncovered"]
        findings.require(
            0 <= rest <= event["amount"],
            f"{where}: a write-off of {event['amount']} units does not add up",
        )
    deposits = sum(event["deposits"] + event["uncovered"] for event in losses)
    findings.require(
        (deposits == 0) == (not any(event["amount"] for event in written)) or deposits < QUOTE_UNIT,
        f"{where}: losses name lenders for {deposits}, {len(written)} write-offs",
    )


def _check_emptied(findings: Findings, history: History) -> None:
    """An account with nothing but debt has had its loss recorded and the debt written off."""
    ledger = history.ledger()
    for account in sorted(ledger.accounts):
        shares = [s for (owner, _), s in ledger.shares.items() if owner == account]
        emptied = bool(shares) and all(s < 0 for s in shares) and not ledger.entries_of(account)
        findings.require(not emptied, f"{format_account(account)}: nothing but debt, and no loss recorded")
        findings.count("accounts")
