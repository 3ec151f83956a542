"""Health of many accounts at one block, each under its own model: the integers of ``Margins.health``, one by one.

What scenarios or options make expensive is computed for many accounts at once (``batch``, ``batch_standard``). Where
the contract would revert for one of them they are gone through one by one, so that each says its own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeAlias

from ballast.chain.protocol import Health
from ballast.index.state import Bank
from ballast.risk import standard
from ballast.risk.batch import Accounts, evaluate_many
from ballast.risk.batch_market import Market
from ballast.risk.batch_options import Requirements
from ballast.risk.batch_standard import StandardAccounts, evaluate_standard
from ballast.risk.margin import ISOLATED, PORTFOLIO, STANDARD, Margins, holdings_of
from ballast.risk.portfolio import PortfolioError
from ballast.risk.valuation import QUOTE, NoHealthError, Portfolio

__all__ = ["healths_of"]

_Found: TypeAlias = dict[int, Health | NoHealthError]
#: Accounts computed together: some 300 MB.
_AT_ONCE = 20_000


def healths_of(margins: Margins, banks: Mapping[int, Bank], accounts: Iterable[int]) -> _Found:
    """Healths by account, or why there is none: where the contract reverts. ``banks`` are the state's."""
    found: _Found = {}
    standard_ones: dict[int, Portfolio] = {}
    portfolio_ones: dict[int, Portfolio] = {}
    for account in accounts:
        try:
            held = margins.portfolio(account)
            if held.model == ISOLATED:
                standard.require_isolated(held)
            if held.model == PORTFOLIO:
                portfolio_ones[account] = held
            elif held.model in (STANDARD, ISOLATED) and (held.options or held.expired):
                standard_ones[account] = held
            else:
                found[account] = margins.requirement(held)
        except NoHealthError as error:
            found[account] = error
    if not standard_ones and not portfolio_ones:
        return found
    market = _market(margins, banks)
    for group, evaluate in ((standard_ones, _standard), (portfolio_ones, _portfolio)):
        for some in _chunks(group):
            found |= _together(margins, market, some, evaluate)
    return found


def _standard(margins: Margins, market: Market, held: Iterable[Portfolio]) -> Requirements:
    return evaluate_standard(StandardAccounts.of(list(held), market, margins.engine), market)


def _portfolio(margins: Margins, market: Market, held: Iterable[Portfolio]) -> Requirements:
    return evaluate_many(Accounts.of([holdings_of(one) for one in held], market), market)


def _chunks(held: Mapping[int, Portfolio]) -> Iterator[dict[int, Portfolio]]:
    items = list(held.items())
    for start in range(0, len(items), _AT_ONCE):
        yield dict(items[start : start + _AT_ONCE])


def _market(margins: Margins, banks: Mapping[int, Bank]) -> Market | None:
    """None where no table holds."""
    try:
        terms, valuation = margins.terms, margins.valuation
    except NoHealthError:
        return None
    tokens = [(one.token, one.asset) for one in banks.values() if one.token != QUOTE and one.asset in terms.rows.assets]
    return Market(terms, tokens, valuation.indices(), valuation.quote_usd, margins.now)


def _together(
    margins: Margins,
    market: Market | None,
    held: Mapping[int, Portfolio],
    evaluate: Callable[[Margins, Market, Iterable[Portfolio]], Requirements],
) -> _Found:
    batch = None
    if market is not None:
        with suppress(PortfolioError, NoHealthError):
            batch = evaluate(margins, market, held.values())
    if batch is None:
        return {account: _one(margins, portfolio) for account, portfolio in held.items()}
    numbers = zip(batch.equity, batch.initial, batch.maintenance, batch.reverts, strict=True)
    return {
        account: _one(margins, portfolio) if reverts else Health(equity, initial, maintenance)
        for (account, portfolio), (equity, initial, maintenance, reverts) in zip(held.items(), numbers, strict=True)
    }


def _one(margins: Margins, portfolio: Portfolio) -> Health | NoHealthError:
    try:
        return margins.requirement(portfolio)
    except NoHealthError as error:
        return error
