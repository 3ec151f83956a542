"""I1: in every market sizes sum to zero, and unsettled profits and claims to the pool; sizes of every option sum to
zero. Of what has expired and has its price accounts are settled one by one: there what is still to be paid, the claims
and the remainder are the pool."""

from __future__ import annotations

from ballast.chain.instruments import FUTURE, OPTION, SERIES, kind_of, series_of_instrument
from ballast.checks.expiries import Expiries
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
    findings, expiries = Findings(), Expiries(history.view)
    for transaction, ledger in history.walk():
        ledger.apply(transaction.events)
        block = transaction.block
        for instrument in {event["instrument"] for event in transaction.named("PoolSet")}:
            where = f"{expiries.name(instrument, block)} after {transaction.hash[:10]}"
            _check_identity(findings, ledger, instrument, where, expiries, block)
            findings.count("market changes")
        for instrument in {event["instrument"] for event in transaction.named("PositionSet")}:
            if kind_of(instrument) == OPTION:
                where = f"{expiries.name(instrument, block)} after {transaction.hash[:10]}"
                _require_no_sum(findings, ledger, instrument, where, _price(expiries, instrument, block))
                findings.count("option changes")
    ledger, last = history.ledger(), history.last
    held = {number for _, number in ledger.positions if kind_of(number) in (FUTURE, OPTION)}
    for instrument in sorted(history.view.perpetuals.keys() | held):
        name, price = expiries.name(instrument, last), _price(expiries, instrument, last)
        if kind_of(instrument) == OPTION:
            _require_no_sum(findings, ledger, instrument, name, price)
            _check_open(findings, history, ledger, instrument, name)
            findings.count("options")
        else:
            _check_views(findings, history, ledger, instrument, name, price)
            findings.count("markets")
    return findings.result()


def _price(expiries: Expiries, instrument: int, block: int) -> int | None:
    """What something that expires settles at, once that is fixed."""
    dated = kind_of(instrument) in (FUTURE, OPTION, SERIES)
    return expiries.price(series_of_instrument(instrument), block) if dated else None


def _require_no_sum(findings: Findings, ledger: Ledger, instrument: int, where: str, price: int | None) -> None:
    """Until there is a settlement price every long has its short."""
    total = sum(size for size, _ in ledger.positions_in(instrument))
    findings.require(total == 0 or price is not None, f"{where}: sizes sum to {total}, not 0")


def _check_open(findings: Findings, history: History, ledger: Ledger, instrument: int, name: str) -> None:
    """The contract's open interest, and its own view of who holds what."""
    accounts = sorted(ledger.accounts)
    (shown, _), *sizes = history.view.must(
        [("marketOf", [instrument]), *(("positionOf", [a, instrument]) for a in accounts)], history.last
    )
    longs = sum(max(size, 0) for (size,) in sizes)
    findings.require(longs == shown[5], f"{name}: longs sum to {longs}, open interest is {shown[5]}")
    ours = [ledger.positions.get((account, instrument), (0, 0))[0] for account in accounts]
    findings.require(ours == [size for (size,) in sizes], f"{name}: positionOf is not what the events say")


def _check_identity(
    findings: Findings, ledger: Ledger, instrument: int, where: str, expiries: Expiries, block: int
) -> None:
    """Sums over the accounts' entries. Mark and funding cancel between the sides, until a settlement price is the
    mark."""
    market, price = ledger.markets[instrument], _price(expiries, instrument, block)
    entries = ledger.positions_in(instrument)
    total = sum(size for size, _ in entries)
    _require_no_sum(findings, ledger, instrument, where, price)
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
    haircuts = (longs * market.loss_long + (longs - total) * market.loss_short) * _COST_SCALE // WAD
    profits = sum(quote for _, quote in entries) - haircuts
    if price is not None:
        series = series_of_instrument(instrument)
        profits += total * price // WAD
        if kind_of(instrument) == SERIES:
            profits += _payoffs(ledger, series, price, expiries, block)
    claims = market.claim_shares * market.claim_index // WAD
    owed, pool = profits + claims + market.residual, market.pool * QUOTE_UNIT
    findings.require(owed == pool, f"{where}: unsettled profits are {owed}, the pool is {pool} (1e-18 USDC)")


def _payoffs(ledger: Ledger, series: int, price: int, expiries: Expiries, block: int) -> int:
    """What the options of a series that are still held pay, USDC 1e18: exact, for sizes and prices are multiples."""
    return sum(
        size * expiries.payoff(number, price, block) // WAD
        for (_, number), (size, _) in ledger.positions.items()
        if kind_of(number) == OPTION and series_of_instrument(number) == series
    )


def _check_views(
    findings: Findings, history: History, ledger: Ledger, instrument: int, name: str, price: int | None
) -> None:
    view, block = history.view, history.last
    accounts = sorted(ledger.accounts)
    (shown, _), *sizes = view.must(
        [("marketOf", [instrument]), *(("positionOf", [a, instrument]) for a in accounts)], block
    )
    open_interest, pool, residual = shown[5:8]
    total = sum(size for (size,) in sizes)
    longs = sum(max(size, 0) for (size,) in sizes)
    findings.require(total == 0 or price is not None, f"{name}: positionOf sums to {total}, not 0")
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
