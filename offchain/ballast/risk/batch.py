"""The PORTFOLIO model for many accounts at once: the same integers as ``ballast.risk.portfolio.evaluate``.

What is many times larger than the number of accounts - options times rows - is one sparse product in 64 bits (see
``limbs``); what is once an account, an expiry or a row is done in arrays of Python's integers, which have no bound.
USDC in 1e18 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ballast.risk.arrays import FLOOR_ROWS, QUANTUM
from ballast.risk.batch_market import Market
from ballast.risk.batch_options import Expiries, Guard, OptionEntries, div_up
from ballast.risk.completed import completed_many, uncredited_profit_many
from ballast.risk.limbs import Integers, exact_sums, integers
from ballast.risk.portfolio import Contingency, Holdings, PortfolioError, Rows
from ballast.units import E6, WAD

__all__ = ["Accounts", "Batch", "Market", "evaluate_many"]


@dataclass(frozen=True)
class Accounts:
    """N accounts as plain arrays; n is the table's columns.

    Python's integers: ``cash`` (N), ``tokens`` (N, tokens) values, ``linear`` and ``linear_gross`` (N, n) notionals of
    perpetuals and futures net and in magnitude, ``pnl`` (N) their unsettled result and ``profit`` (N) its positive
    parts. ``options`` have not expired; ``expired`` (N) is the value of those that have, ``moving`` (N, n) what of it
    moves with the spot. ``owes`` (N) says who owes anything, ``unfixed`` (N) who holds options that have expired and
    have no settlement price yet.
    """

    cash: Integers
    tokens: Integers
    linear: Integers
    linear_gross: Integers
    pnl: Integers
    profit: Integers
    options: OptionEntries
    expired: Integers
    moving: Integers
    owes: Integers
    unfixed: Integers

    @classmethod
    def of(cls, holdings: Sequence[Holdings], market: Market) -> Accounts:
        """``PortfolioError`` where an account holds what the market has no column or no array for."""
        rows = market.terms.rows
        size = len(holdings)
        tokens = np.zeros((size, len(market.tokens)), dtype=object)
        linear, gross, moving = (np.zeros((size, len(rows.assets)), dtype=object) for _ in range(3))
        places = {pair: place for place, pair in enumerate(market.tokens)}
        for i, held in enumerate(holdings):
            for token, asset, value in held.tokens:
                if (token, asset) not in places:
                    raise PortfolioError(f"Margin_NoColumn({asset})")
                tokens[i, places[token, asset]] += value
            for asset, notional, _ in held.linears:
                if notional:
                    linear[i, rows.column(asset)] += notional
                    gross[i, rows.column(asset)] += abs(notional)
            for series, _, amount in held.expired:
                moving[i, rows.column(series >> 14)] += amount
        return cls(
            cash=integers([held.cash for held in holdings]),
            tokens=tokens,
            linear=linear,
            linear_gross=gross,
            pnl=integers([sum(pnl for _, _, pnl in held.linears) for held in holdings]),
            profit=integers([sum(max(0, pnl) for _, _, pnl in held.linears) for held in holdings]),
            options=OptionEntries.of([held.options for held in holdings], market),
            expired=integers([sum(value for _, value, _ in held.expired) for held in holdings]),
            moving=moving,
            owes=np.array([held.owes for held in holdings], dtype=bool),
            unfixed=np.array([bool(held.unfixed) for held in holdings], dtype=bool),
        )


@dataclass(frozen=True)
class Batch:
    """As ``PortfolioMargin``, one entry or row an account.

    ``stale`` (N, series) is by the market's series, ``unfixed`` (N) where options have expired and have no price.
    ``reverts`` marks accounts with a product beyond 256 bits: the contract reverts for them, and their numbers are
    nothing.
    """

    equity: Integers
    initial: Integers
    maintenance: Integers
    shortfall: Integers
    floor: Integers
    contingencies: dict[str, Integers]
    initial_only: dict[str, Integers]
    profits: Integers
    worst: Integers
    stale: Integers
    unfixed: Integers
    reverts: Integers


def evaluate_many(accounts: Accounts, market: Market) -> Batch:
    """The margins of all accounts."""
    rows, factors = market.terms.rows, market.terms.factors
    size = len(accounts.cash)
    guard = Guard(size)
    equity = accounts.cash + accounts.tokens.sum(axis=1) + accounts.pnl + accounts.expired
    exposures = accounts.linear + accounts.moving
    for place, token_column in enumerate(market.token_columns):
        exposures[:, token_column] += accounts.tokens[:, place]

    expiries = Expiries.of(accounts.options, market)
    whose, which = expiries.account, expiries.series
    column = market.column_of[which]
    np.add.at(equity, whose, expiries.values(market, guard))
    forwards = guard.product(-expiries.puts, market.stored_lot_value[which], whose)
    np.add.at(exposures, (whose, column), forwards // WAD)

    profits = _profits(accounts, market, exposures)
    shortfall, worst = _shortfall(profits, rows)
    floor = _floor(expiries, market, exposures)
    both, only = _contingencies(accounts, expiries, market, guard)
    haircuts = _zeros(size)
    for place, (token, _) in enumerate(market.tokens):
        credited = np.maximum(accounts.tokens[:, place], 0)
        haircuts += guard.part(credited, market.terms.haircuts.get(token, 0))
    only["haircuts"] = haircuts

    required: Integers = np.maximum(shortfall, floor) + sum(both.values())
    maintenance = guard.part(required, factors.maintenance)
    initial = guard.part(required, factors.initial)
    missing = factors.depeg_start * (WAD // E6) - market.quote_usd
    if missing > 0:
        initial += guard.part(div_up(guard.product(initial, missing), WAD), factors.depeg_slope)
    initial += sum(only.values())
    equity, initial, maintenance = completed_many(equity, initial, maintenance, accounts.owes, market.terms.minimum)
    only["uncredited_profit"] = uncredited_profit_many(equity, accounts.profit)
    initial = initial + only["uncredited_profit"]
    stale = np.zeros((size, len(market.series)), dtype=bool)
    stale[whose, which] = market.is_stale[which]
    return Batch(
        equity=equity,
        initial=initial,
        maintenance=maintenance,
        shortfall=shortfall,
        floor=floor,
        contingencies=both,
        initial_only=only,
        profits=profits,
        worst=worst,
        stale=stale,
        unfixed=accounts.unfixed,
        reverts=guard.reverts,
    )


# ------------------------------------------------------------------ scenarios


def _profits(accounts: Accounts, market: Market, exposures: Integers) -> Integers:
    held = accounts.options
    net = held.calls + held.puts
    long = exact_sums(held.indptr, held.strike, np.maximum(net, 0), market.entries)
    short = exact_sums(held.indptr, held.strike, np.maximum(-net, 0), market.entries)
    options = long[:, :-1] - short[:, :-1] - short[:, [-1]]
    moves = np.array(market.terms.rows.spot, dtype=object) - WAD
    profits: Integers = options * QUANTUM + exposures.dot(moves) // WAD
    return profits


def _shortfall(profits: Integers, rows: Rows) -> tuple[Integers, Integers]:
    """Expected Shortfall and the tail's rows, worst first; of equal ones the first row comes first."""
    gains = profits * np.array(rows.weights, dtype=object)
    worst = np.argsort(gains, axis=1, kind="stable")[:, : rows.tail]
    total = -np.take_along_axis(gains, worst, axis=1).sum(axis=1)
    return div_up(np.maximum(total, 0), rows.tail * WAD), worst


def _floor(expiries: Expiries, market: Market, exposures: Integers) -> Integers:
    size, columns = exposures.shape
    options = np.zeros((size, columns, FLOOR_ROWS), dtype=object)
    np.add.at(options, (expiries.account, market.column_of[expiries.series]), expiries.floors)
    largest = _zeros(size)
    for column, moves in enumerate(market.terms.rows.floors):
        if moves is None:
            continue
        for i, move in enumerate((moves.up, moves.up, moves.down, moves.down)):
            profit = options[:, column, i] * QUANTUM + exposures[:, column] * (move - WAD) // WAD
            largest = np.maximum(largest, -profit)
    return largest


# ------------------------------------------------------------------ contingencies


def _contingencies(
    accounts: Accounts, expiries: Expiries, market: Market, guard: Guard
) -> tuple[dict[str, Integers], dict[str, Integers]]:
    size, columns = accounts.linear.shape
    whose, which = expiries.account, expiries.series
    place = whose, market.column_of[which]

    def by_column(amounts: Integers) -> Integers:
        sums = np.zeros((size, columns), dtype=object)
        np.add.at(sums, place, amounts)
        return sums

    lot_value = market.lot_value[which]
    naked = np.maximum(-expiries.calls, 0) + np.maximum(-expiries.puts, 0)
    delta: Integers = expiries.delta * lot_value // (WAD * 10**9) - expiries.puts * lot_value // WAD
    shorts = by_column(div_up(naked * market.lot_spot[which], WAD))
    vegas, gammas = by_column(expiries.vegas(market)), by_column(expiries.gammas(market))
    netted: Integers = (by_column(np.abs(delta)) - np.abs(by_column(delta))) // 2
    notional: Integers = accounts.linear_gross + by_column(expiries.notionals(market))

    names = ("basis", "short_option", "vega", "gamma", "calendar", "concentration")
    both = {name: _zeros(size) for name in names}
    only = {name: _zeros(size) for name in names[:2]}
    for column, asset in enumerate(market.terms.rows.assets):
        term = market.terms.contingencies.get(asset, Contingency())
        linear = accounts.linear_gross[:, column]
        both["basis"] += guard.part(linear, term.basis)
        both["short_option"] += guard.part(shorts[:, column], term.short_option)
        both["vega"] += guard.part(vegas[:, column], term.vega)
        both["gamma"] += guard.part(gammas[:, column], term.gamma)
        both["calendar"] += guard.part(netted[:, column], term.calendar)
        both["concentration"] += _concentration(notional[:, column], term, guard)
        only["basis"] += guard.part(linear, term.basis_initial)
        only["short_option"] += guard.part(shorts[:, column], term.short_option_initial)

    both["drift"], only["confidence"] = _zeros(size), _zeros(size)
    np.add.at(both["drift"], whose, expiries.drifts(market, guard))
    np.add.at(only["confidence"], whose, expiries.doubts(market, guard))
    return both, only


def _concentration(notional: Integers, term: Contingency, guard: Guard) -> Integers:
    charge = _zeros(len(notional))
    free = term.free * WAD
    beyond = np.flatnonzero(notional > free)
    if term.concentration == 0 or not len(beyond):
        return charge
    amount = notional[beyond]
    if free:
        rate = guard.product(guard.part(amount, term.concentration, beyond), amount - free, beyond)
        amount = np.minimum(amount, div_up(rate, free))
    charge[beyond] = amount
    return charge


def _zeros(size: int) -> Integers:
    return np.zeros(size, dtype=object)
