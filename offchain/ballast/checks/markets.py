"""I1: in every market sizes sum to zero, and unsettled profits and claims to the pool; sizes of every option sum to
zero."""

from __future__ import annotations

from ballast.chain.instruments import FUTURE, OPTION, SERIES, expiry_of_series, kind_of, series_of_instrument
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
            _check_identity(findings, ledger, instrument, f"{name} after {transaction.hash[:10]}", transaction.time)
            findings.count("market changes")
        for instrument in {event["instrument"] for event in transaction.named("PositionSet")}:
            if kind_of(instrument) == OPTION and not _is_over(instrument, transaction.time):
                total = sum(size for size, _ in ledger.positions_in(instrument))
                findings.require(total == 0, f"option {instrument} after {transaction.hash[:10]}: sizes sum to {total}")
                findings.count("option changes")
    ledger = history.ledger()
    held = {number for _, number in ledger.positions if kind_of(number) in (FUTURE, OPTION)}
    now = history.transactions[-1].time if history.transactions else 0
    dated = {number: str(number) for number in sorted(held) if not _is_over(number, now)}
    for instrument, name in (history.view.perpetuals | dated).items():
        if kind_of(instrument) == OPTION:
            _check_open(findings, history, ledger, instrument)
        else:
            _check_views(findings, history, ledger, instrument, name)
        findings.count("options" if kind_of(instrument) == OPTION else "markets")
    return findings.result()


def _is_over(instrument: int, time: int) -> bool:
    """Expired: its accounts are settled one by one, so that sizes sum to zero at the end alone."""
    return kind_of(instrument) in (FUTURE, OPTION) and time >= expiry_of_series(series_of_instrument(instrument))


def _check_open(findings: Findings, history: History, ledger: Ledger, instrument: int) -> None:
    """The contract's open interest is what longs hold."""
    ((shown, _),) = history.view.must([("marketOf", [instrument])], history.last)
    longs = sum(size for size, _ in ledger.positions_in(instrument) if size > 0)
    findings.require(longs == shown[5], f"option {instrument}: longs sum to {longs}, open interest is {shown[5]}")


def _check_identity(findings: Findings, ledger: Ledger, instrument: int, where: str, time: int) -> None:
    """Sums over the accounts' entries, without any price: mark and funding cancel between the
    sides."""
    market = ledger.markets[instrument]
    entries = ledger.positions_in(instrument)
    if kind_of(instrument) == SERIES or _is_over(instrument, time):
        claimed = sum(ledger.claims_in(instrument))
        findings.require(claimed == market.claim_shares, f"{where}: claims sum to {claimed}, not {market.claim_shares}")
        return
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
