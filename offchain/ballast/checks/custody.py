"""I2: every token is accounted for, and each part moves only with its event."""

from __future__ import annotations

from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.view import LoggedEvent
from ballast.units import QUOTE_UNIT

__all__ = ["check_custody"]

_QUOTE = 0
#: Index of what is read of ``BankView``.
_HELD, _POOLS, _FEES, _UNCOVERED = 10, 11, 12, 13
_DEPOSIT_SHARES, _BORROW_SHARES = 8, 9


def check_custody(history: History) -> Result:
    """held = deposits - borrows + reserves + insurance + pools, with the tokens that are really
    there."""
    findings = Findings()
    for token, known in history.tokens.items():
        _check_token(findings, history, token, known.address)
        findings.count("tokens")
    for transaction, ledger in history.walk():
        if transaction.sets & {"InsuranceSet", "PoolSet", "Settled"}:
            _check_cash(findings, transaction, ledger)
            findings.count("moves of pools and insurance")
    return findings.result()


def _check_token(findings: Findings, history: History, token: int, address: str) -> None:
    view, block, ledger = history.view, history.last, history.ledger()
    name = _name(history, address)
    accounts = sorted(ledger.accounts)
    (bank, _), (deposits, borrows, reserves, insurance), *found = view.must(
        [
            ("bankOf", [address]),
            ("totals", [address]),
            *(("balanceOf", [account, address]) for account in accounts),
        ],
        block,
    )
    held, pools = bank[_HELD], bank[_POOLS]
    there = view.held_by_vault([address], block)[0]
    if there > held:
        findings.note(f"{there - held} units of {name} were sent to the contract and belong to nobody")
    findings.require(there >= held, f"{name}: {there} units are there, the ledger counts {held}")
    sum_of_parts = deposits - borrows + reserves + insurance + pools
    findings.require(
        held == sum_of_parts,
        f"{name}: held {held} is not deposits {deposits} - borrows {borrows} + reserves {reserves}"
        f" + insurance {insurance} + pools {pools}",
    )
    balances = [balance for (balance,) in found]
    lent, owed = sum(b for b in balances if b > 0), -sum(b for b in balances if b < 0)
    uncovered = bank[_UNCOVERED]
    findings.require(
        0 <= deposits - lent <= len(balances),
        f"{name}: positive balances sum to {lent}, deposits are {deposits}",
    )
    findings.require(
        0 <= owed - (borrows - uncovered) <= len(balances),
        f"{name}: debts sum to {owed}, borrows are {borrows - uncovered}",
    )
    shares = [value for (_, held_token), value in ledger.shares.items() if held_token == token]
    for what, ours, theirs in (
        ("deposit shares", sum(s for s in shares if s > 0), bank[_DEPOSIT_SHARES]),
        ("borrow shares", -sum(s for s in shares if s < 0), bank[_BORROW_SHARES]),
        ("tokens in and out", _flow(history, token, address), held),
    ):
        findings.require(ours == theirs, f"{name}: {what} sum to {ours}, the bank has {theirs}")
    findings.require(bank[_FEES] <= reserves, f"{name}: fees {bank[_FEES]} exceed the reserves {reserves}")
    if token == _QUOTE:
        markets = sum(market.pool for market in ledger.markets.values())
        findings.require(markets == pools, f"market pools sum to {markets}, the bank has {pools}")
        findings.require(
            ledger.insurance == insurance,
            f"insurance is {insurance}, its last event says {ledger.insurance}",
        )
    else:
        findings.require(insurance == pools == 0, f"{name}: insurance or pools in a token but USDC")


def _flow(history: History, token: int, address: str) -> int:
    """What transfers since the deployment leave in custody, token units."""
    events = [*history.earlier, *(e for t in history.transactions for e in t.events)]
    return sum(_flow_of(event, token, address) for event in events)


def _flow_of(event: LoggedEvent, token: int, address: str) -> int:
    match event.name:
        case "Deposited" if event["token"] == address:
            return int(event["amount"])
        case "Withdrawn" if event["token"] == address:
            return -int(event["amount"])
        case "InsuranceFunded" if token == _QUOTE:
            return int(event["amount"])
        case "FeesCollected" if event["token"] == address:
            return -int(event["fees"])
        case "ReservesCollected" if event["token"] == address:
            return -int(event["reserves"])
    return 0


def _check_cash(findings: Findings, transaction: Transaction, ledger: Ledger) -> None:
    """Pools move with settlements, insurance with what funds and drains it, and whole units of
    rounding pass between them."""
    before = {number: market.pool for number, market in ledger.markets.items()}
    after = dict(before)
    insurance = ledger.insurance
    for event in transaction.events:
        if event.name == "PoolSet":
            after[event["instrument"]] = event["pool"]
        elif event.name == "InsuranceSet":
            insurance = event["insurance"]
    moved = sum(after.values()) - sum(before.values()) + insurance - ledger.insurance
    stated = -sum(event["amount"] for event in transaction.named("Settled"))
    stated += sum(event["amount"] for event in transaction.named("InsuranceFunded"))
    for event in transaction.named("Liquidated"):
        stated += event["insuranceFee"] // QUOTE_UNIT - event["fundReward"] // QUOTE_UNIT
    for event in transaction.named("LossAllocated"):
        stated -= -(-event["insurance"] // QUOTE_UNIT)
    findings.require(
        moved == stated,
        f"{transaction.hash[:10]}: pools and insurance moved by {moved}, their events say {stated}",
    )


def _name(history: History, address: str) -> str:
    for symbol, entry in history.view.deployment.tokens.items():
        if entry.address.lower() == address:
            return symbol
    return address
