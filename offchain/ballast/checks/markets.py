"""I1: in every market sizes sum to zero, and unsettled profits and claims to the pool."""

from __future__ import annotations

from ballast.checks.history import History
from ballast.checks.ledger import Ledger
from ballast.checks.result import Findings, Result
from ballast.checks.view import CLAIM
from ballast.units import QUOTE_UNIT, WAD

__all__ = ["check_markets"]

#: Costs of a side are stored in 1e12.
_COST_SCALE = 10**6


def check_markets(history: History) -> Result:
    """After every transaction from the logs, and at the last block from the chain's own views as
    well."""
    findings = Findings()
    for transaction, ledger in history.walk():
        ledger.apply(transaction.events)
        for instrument in {event["instrument"] for event in transaction.named("PoolSet")}:
            name = history.view.perpetuals.get(instrument, str(instrument))
            _check_identity(findings, ledger, instrument, f"{name} after {transaction.hash[:10]}")
            findings.count("market changes")
    ledger = history.ledger()
    for instrument, name in history.view.perpetuals.items():
        _check_views(findings, history, ledger, instrument, name)
        findings.count("markets")
    return findings.result()


def _check_identity(findings: Findings, ledger: Ledger, instrument: int, where: str) -> None:
    """Sums over the accounts' entries, without any price: mark and funding cancel between the
    sides."""
    market = ledger.markets[instrument]
    entries = ledger.positions_in(instrument)
    total = sum(size for size, _ in entries)
    findings.require(total == 0, f"{where}: sizes sum to {total}, not 0")
    longs = sum(size for size, _ in entries if size > 0)
    findings.require(
        longs == market.open_interest,
        f"{where}: longs sum to {longs}, open interest is {market.open_interest}",
    )
    shares = sum(ledger.claims_in(instrument))
    findings.require(
        shares == market.claim_shares,
        f"{where}: claims sum to {shares}, the market's are {market.claim_shares}",
    )
    haircuts = market.open_interest * (market.loss_long + market.loss_short) * _COST_SCALE // WAD
    profits = sum(quote for _, quote in entries) - haircuts
    claims = market.claim_shares * market.claim_index // WAD
    owed, pool = profits + claims + market.residual, market.pool * QUOTE_UNIT
    findings.require(owed == pool, f"{where}: unsettled profits are {owed}, the pool is {pool} (1e-18 USDC)")


def _check_views(findings: Findings, history: History, ledger: Ledger, instrument: int, name: str) -> None:
    view, block = history.view, history.last
    accounts = sorted(ledger.accounts)
    (shown, _), *sizes = view.must(
        [("marketOf", [instrument]), *(("positionOf", [a, instrument]) for a in accounts)], block
    )
    open_interest, pool, residual = shown[5:8]
    total = sum(size for (size,) in sizes)
    longs = sum(max(size, 0) for (size,) in sizes)
    findings.require(total == 0, f"{name}: positionOf sums to {total}, not 0")
    findings.require(longs == open_interest, f"{name}: longs are {longs}, open interest is {open_interest}")
    answers = view.ask([("unsettledOf", [account, instrument]) for account in accounts], block)
    if any(answer is None for answer in answers):
        findings.note(f"{name}: no usable price, unsettled profits from the logs only")
        return
    unsettled = sum(answer[0] for answer in answers if answer is not None)
    # a view floors each claim by itself, so claims may miss less than 1e-18 USDC each
    claims = sum(1 for (_, found) in ledger.positions if found == instrument | CLAIM)
    missing = pool * QUOTE_UNIT - residual - unsettled
    findings.require(
        0 <= missing <= claims,
        f"{name}: unsettledOf sums to {unsettled}, pool less remainder is {pool * QUOTE_UNIT - residual}",
    )
