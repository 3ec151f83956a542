"""I7: rounding never favours who acts: no transaction makes its accounts together richer than its
events say."""

from __future__ import annotations

from ballast.chain.instruments import OPTION, kind_of
from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.values import Values
from ballast.risk.arrays import PRICE_UNIT
from ballast.risk.carry import FLOORED
from ballast.units import QUOTE_UNIT, WAD, format_account

__all__ = ["check_rounding"]

_QUOTE = 0
#: USDC 1e18 per unit of an option: of the call's mark, and of the forward that a put is less.
_MARK_ROUNDING = (FLOORED + 1) * PRICE_UNIT


def check_rounding(history: History) -> Result:
    """In each transaction, at its own prices: the equity its accounts gain is at most what came
    in, and a bank's reserves do not pay for anybody's rounding. Interest is left out of it by
    reading both sides in one second."""
    findings = Findings()
    if history.replay_error:
        findings.note(f"not run again: {history.replay_error}")
    for transaction, ledger in history.walk():
        if not transaction.replayed:
            continue
        for token in history.tokens:
            _check_reserves(findings, history, transaction, token)
        if transaction.refreshes:
            findings.count("transactions that priced options anew")
        elif _check_equity(findings, history, transaction, _rounded_marks(transaction, ledger)):
            findings.count("transactions")
        elif transaction.accounts:
            findings.count("transactions without a usable price")
    return findings.result()


def _check_reserves(findings: Findings, history: History, transaction: Transaction, token: int) -> None:
    """Reserves move by fees, collections and write-offs; rounding only adds to them."""
    before, after = transaction.totals_before.get(token), transaction.totals_after.get(token)
    if before is None or after is None:
        return
    address = history.tokens[token].address
    stated = 0
    if token == _QUOTE:
        stated += sum(e["makerFee"] + e["takerFee"] for e in transaction.named("Filled"))
    for event in transaction.named("FeesCollected", "ReservesCollected"):
        if event["token"] == address:
            stated -= event["fees"] if event.name == "FeesCollected" else event["reserves"]
    for event in transaction.named("DebtWrittenOff"):
        if event["token"] == token:
            stated -= event["amount"] - event["fromDeposits"] - event["uncovered"]
    moved = after.reserves - before.reserves
    findings.require(
        moved >= stated,
        f"{transaction.hash[:10]}: reserves of token {token} moved by {moved}, not at least {stated}",
    )


def _rounded_marks(transaction: Transaction, ledger: Ledger) -> int:
    """USDC 1e18 that options may seem to gain: a short one is worth its mark and what rounding may have taken of that,
    which is got back when it is closed."""
    changed = 0
    sizes = {key: size for key, (size, _) in ledger.positions.items()}
    for event in transaction.named("PositionSet"):
        key = event["account"], event["instrument"]
        if kind_of(event["instrument"]) == OPTION:
            changed += abs(event["size"] - sizes.get(key, 0))
        sizes[key] = event["size"]
    return -(-changed * _MARK_ROUNDING // WAD)


def _check_equity(findings: Findings, history: History, transaction: Transaction, rounded: int) -> bool:
    """False where a health or a price is missing."""
    accounts = transaction.accounts
    values = Values.before(transaction, history.tokens)
    before = [transaction.before.get(account) for account in accounts]
    after = [transaction.after.get(account) for account in accounts]
    if values is None or not accounts or None in before or None in after:
        return False
    gained = sum(h.equity for h in after if h) - sum(h.equity for h in before if h)
    # values are floored leg by leg: moving one between two accounts can move 1e-18 USDC a leg
    legs = len(transaction.named("BalanceSet", "PositionSet"))
    bound = _stated(transaction, history, values) + legs + rounded
    findings.require(
        gained <= bound,
        f"{transaction.hash[:10]}: {', '.join(map(format_account, accounts[:2]))} gained {gained},"
        f" its events say {bound} (1e-18 USDC)",
    )
    return True


def _stated(transaction: Transaction, history: History, values: Values) -> int:
    """USDC 1e18 that the events bring to the accounts, rounded up."""
    ids = {known.address: token for token, known in history.tokens.items()}
    stated = 0
    for event in transaction.events:
        match event.name:
            case "Deposited":
                stated += -values.of(ids[event["token"]], -event["amount"])
            case "Withdrawn":
                stated -= values.of(ids[event["token"]], event["amount"])
            case "Filled":
                stated -= (event["makerFee"] + event["takerFee"]) * QUOTE_UNIT
            case "Liquidated":
                stated += event["fundReward"] - event["insuranceFee"] // QUOTE_UNIT * QUOTE_UNIT
            case "LossAllocated":
                stated += event["loss"] - event["insurance"]
                stated += -(-event["insurance"] // QUOTE_UNIT) * QUOTE_UNIT
    return stated
