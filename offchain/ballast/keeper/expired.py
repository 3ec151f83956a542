"""What has expired and waits: series without a price, accounts that hold what has one, claims that can be paid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ballast.chain.instruments import (
    FUTURE,
    OPTION,
    SERIES,
    expiry_of_series,
    kind_of,
    option_parts,
    series_of_instrument,
)
from ballast.index.state import CLAIM, Account, Books, LedgerState
from ballast.risk.margin import Margins
from ballast.risk.perpetual import claim_of
from ballast.risk.valuation import QUOTE, NoHealthError, Portfolio
from ballast.units import QUOTE_UNIT, WAD

__all__ = ["Due", "payable_claims", "settleable", "unpaid", "unpriced"]

_DATED = (FUTURE, OPTION)


class Due(NamedTuple):
    """An account and what a settlement brings it, USDC 1e18: negative, it pays."""

    account: int
    amount: int


def unpriced(state: LedgerState, now: int) -> list[int]:
    """Series that somebody holds, that have expired at second ``now`` and have no settlement price yet."""
    books = _books(state)
    numbers = {number for one in state.accounts.values() for number in one.positions if _is_dated(number)}
    held = {series_of_instrument(number) for number in numbers}
    return sorted(one for one in held if expiry_of_series(one) <= now and (books is None or one not in books.settled))


def settleable(margins: Margins, state: LedgerState) -> list[Due]:
    """Accounts that hold what has expired and has its price; those first that pay most, so that the pools fill.

    An insolvent account's losses go through liquidation: of these only who has long options to be paid for.
    """
    found = []
    for account, held in state.accounts.items():
        over = dict(_over(state, held))
        if not over:
            continue
        try:
            portfolio = margins.portfolio(account)
            is_insolvent = margins.requirement(portfolio).equity < 0
        except NoHealthError:
            continue
        if is_insolvent:
            over = {number: size for number, size in over.items() if kind_of(number) == OPTION and size > 0}
        if over:
            found.append(Due(account, sum(_worth(margins, portfolio, *one) for one in over.items())))
    return sorted(found, key=lambda due: (due.amount, due.account))


def unpaid(margins: Margins, state: LedgerState) -> list[Due]:
    """Insolvent accounts that hold nothing but cash and what has expired and has its price, with their equity; the
    largest losses first.

    Their liquidation moves nothing and earns nothing, but until somebody does it those whom they owe are not paid.
    """
    found = []
    for account, held in state.accounts.items():
        rest = {number for number in held.positions if not number & CLAIM} - {
            number for number, _ in _over(state, held)
        }
        if rest or not any(_over(state, held)) or held.balances.keys() - {QUOTE}:
            continue
        try:
            equity = margins.health(account).equity
        except NoHealthError:
            continue
        if equity < 0:
            found.append(Due(account, equity))
    return sorted(found, key=lambda due: (due.amount, due.account))


def payable_claims(state: LedgerState, least: int) -> list[Due]:
    """Claims on the pools of what has expired, as far as these reach, from ``least`` on (USDC 1e18); the largest
    first."""
    pools = {number: market.pool * QUOTE_UNIT for number, market in state.markets.items()}
    found: dict[int, int] = {}
    for amount, account, number in sorted(_claims(state), reverse=True):
        paid = min(amount, pools[number])
        if paid >= least:
            pools[number] -= paid
            found[account] = found.get(account, 0) + paid
    return sorted((Due(*one) for one in found.items()), key=lambda due: (-due.amount, due.account))


def _claims(state: LedgerState) -> Iterator[tuple[int, int, int]]:
    """What each is worth, whose it is and on which market."""
    for account, held in state.accounts.items():
        for number, (epoch, shares) in held.positions.items():
            if number & CLAIM and kind_of(number & ~CLAIM) in (FUTURE, SERIES):
                market = state.markets[number & ~CLAIM]
                if epoch == market.claim_epoch:
                    yield claim_of(market.claim_index, shares), account, market.instrument


def _over(state: LedgerState, held: Account) -> Iterator[tuple[int, int]]:
    """Numbers and sizes of what has expired and has its price."""
    books = _books(state)
    for number, position in held.positions.items():
        if books is not None and _is_dated(number) and series_of_instrument(number) in books.settled:
            yield number, position.size


def _worth(margins: Margins, portfolio: Portfolio, number: int, size: int) -> int:
    if kind_of(number) == OPTION:
        series, strike, put = option_parts(number)
        return size * margins.valuation.end_of(series).payoff(strike, put) // WAD
    return sum(leg.pnl for leg in portfolio.linears if leg.instrument == number)


def _is_dated(number: int) -> bool:
    return kind_of(number) in _DATED


def _books(state: LedgerState) -> Books | None:
    engine = state.parameters.engine
    return None if engine is None else engine.books
