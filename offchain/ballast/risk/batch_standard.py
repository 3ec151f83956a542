"""The STANDARD model for many accounts at once: the same integers as ``ballast.risk.standard.requirement``.

What options are worth together, and what their arrays' age adds, are the sums of ``batch_options``. A charge is rounded
by itself, so it is one product and one division a leg, in arrays of Python's integers, which have no bound. USDC in
1e18 unless said otherwise. ISOLATED accounts are charged the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ballast.chain.instruments import options_listing
from ballast.index.state import Engine, Rates
from ballast.risk.arrays import PRICE_UNIT
from ballast.risk.batch_market import Market
from ballast.risk.batch_options import Expiries, Guard, OptionEntries, div_up
from ballast.risk.completed import completed_many, uncredited_profit_many
from ballast.risk.limbs import Integers, integers
from ballast.risk.standard import instrument_rates, token_rates
from ballast.risk.valuation import Portfolio
from ballast.units import E6, WAD

__all__ = ["StandardAccounts", "StandardBatch", "evaluate_standard"]

#: A short option is charged at least its rate over it.
_SHORT_FLOOR = 2
_SHORT_SCALE = _SHORT_FLOOR * E6 * WAD


@dataclass(frozen=True)
class _Legs:
    """Amounts at least 0 with a rate (1e6) for each requirement; ``owner`` is the account's place."""

    owner: Integers
    amount: Integers
    initial: Integers
    maintenance: Integers

    @classmethod
    def of(cls, legs: Sequence[tuple[int, int, Rates]]) -> _Legs:
        """Of (account's place, amount, rates)."""
        return cls(
            owner=np.array([owner for owner, _, _ in legs], dtype=np.int64),
            amount=integers([amount for _, amount, _ in legs]),
            initial=integers([rates.initial for *_, rates in legs]),
            maintenance=integers([rates.maintenance for *_, rates in legs]),
        )


@dataclass(frozen=True)
class StandardAccounts:
    """N accounts as plain arrays, all of Python's integers but the booleans.

    ``equity`` (N) is without options that have not expired, ``profit`` (N) the positive parts of unsettled results and
    ``owes`` (N) whether the minimum holds. ``legs`` are tokens' values and positions' notionals in magnitude.
    ``options`` are what has not expired, netted by strike; ``owner``, ``strike`` (the market's number), ``puts`` and
    ``lots`` (signed) are the same one by one, and ``rates`` the initial and the maintenance rates of short ones by the
    market's series. ``expired`` are units of short options that wait for their price, ``spot`` their underlying's
    index.
    """

    equity: Integers
    profit: Integers
    owes: Integers
    legs: _Legs
    options: OptionEntries
    owner: Integers
    strike: Integers
    puts: Integers
    lots: Integers
    rates: tuple[Integers, Integers]
    expired: _Legs
    spot: Integers

    @classmethod
    def of(cls, portfolios: Sequence[Portfolio], market: Market, engine: Engine) -> StandardAccounts:
        """``PortfolioError`` or ``NoHealthError`` where the contract reverts for one of them."""
        legs: list[tuple[int, int, Rates]] = []
        expired: list[tuple[int, int, Rates]] = []
        spots: list[int] = []
        options: list[tuple[int, int, bool, int]] = []
        for i, held in enumerate(portfolios):
            legs += [(i, abs(leg.value), token_rates(engine, leg.token)) for leg in held.tokens]
            legs += [
                (i, abs(leg.notional), instrument_rates(engine, leg.instrument)) for leg in held.linears if leg.notional
            ]
            for over in held.expired:
                market.terms.rows.column(over.series >> 14)
                if not over.is_fixed:
                    rates = _option_rates(engine, over.series) if over.shorts else Rates(0, 0)
                    expired += [(i, size, rates) for size in over.shorts]
                    spots += [held.indices[over.series >> 14]] * len(over.shorts)
            options += [(i, market.number(leg.series, leg.strike), leg.put, leg.lots) for leg in held.options]
        lots = integers([one for *_, one in options])
        strike = np.array([number for _, number, _, _ in options], dtype=np.int64)
        return cls(
            equity=integers([_equity(held) for held in portfolios]),
            profit=integers([sum(max(0, leg.pnl) for leg in held.linears) for held in portfolios]),
            owes=np.array([held.owes for held in portfolios], dtype=bool),
            legs=_Legs.of(legs),
            options=OptionEntries.of([held.options for held in portfolios], market),
            owner=np.array([owner for owner, *_ in options], dtype=np.int64),
            strike=strike,
            puts=np.array([put for _, _, put, _ in options], dtype=bool),
            lots=lots,
            rates=_rates_by_series(engine, market, {market.series[one] for one in market.series_of[strike[lots < 0]]}),
            expired=_Legs.of(expired),
            spot=integers(spots),
        )


@dataclass(frozen=True)
class StandardBatch:
    """One entry an account; ``reverts`` as in ``ballast.risk.batch.Batch``."""

    equity: Integers
    initial: Integers
    maintenance: Integers
    reverts: Integers


def evaluate_standard(accounts: StandardAccounts, market: Market) -> StandardBatch:
    """The requirements of all accounts."""
    guard = Guard(len(accounts.equity))
    equity, initial, maintenance = accounts.equity.copy(), *(integers([0] * len(accounts.equity)) for _ in range(2))
    for rate, total in ((accounts.legs.initial, initial), (accounts.legs.maintenance, maintenance)):
        np.add.at(total, accounts.legs.owner, guard.part(accounts.legs.amount, rate, accounts.legs.owner))

    expiries = Expiries.of(accounts.options, market)
    np.add.at(equity, expiries.account, expiries.values(market, guard))
    drifts = expiries.drifts(market, guard)
    for total in (initial, maintenance):
        np.add.at(total, expiries.account, drifts)
        _add_longs(total, accounts, market, guard)
    np.add.at(initial, expiries.account, expiries.doubts(market, guard))
    for rates, total in zip(accounts.rates, (initial, maintenance), strict=True):
        _add_shorts(total, accounts, market, guard, rates)
    over = accounts.expired
    for rate, total in ((over.initial, initial), (over.maintenance, maintenance)):
        # whatever the strike: what it is out of the money by is not counted any more
        twice = _SHORT_FLOOR * guard.product(accounts.spot, rate, over.owner)
        np.add.at(total, over.owner, div_up(guard.product(over.amount, twice, over.owner), _SHORT_SCALE))

    equity, initial, maintenance = completed_many(equity, initial, maintenance, accounts.owes, market.terms.minimum)
    uncredited = uncredited_profit_many(equity, accounts.profit)
    return StandardBatch(equity, initial + uncredited, maintenance, guard.reverts)


# ------------------------------------------------------------------ options


def _add_longs(total: Integers, accounts: StandardAccounts, market: Market, guard: Guard) -> None:
    """A long one's charge is its value, so that it is not credited."""
    chosen = np.flatnonzero(accounts.lots > 0)
    strike, owner = accounts.strike[chosen], accounts.owner[chosen]
    series = market.series_of[strike]
    mark = market.mark[strike]
    put = np.maximum(mark + market.strike[strike] - market.forward[series] - 1, 0)
    size = accounts.lots[chosen] * market.lot[series]
    value = guard.product(size, np.where(accounts.puts[chosen], put, mark), owner) // PRICE_UNIT
    np.add.at(total, owner, value)


def _add_shorts(total: Integers, accounts: StandardAccounts, market: Market, guard: Guard, rates: Integers) -> None:
    """n max(rate S - OTM, rate S / 2), rounded up once; ``rates`` by the market's series."""
    chosen = np.flatnonzero(accounts.lots < 0)
    strike, owner = accounts.strike[chosen], accounts.owner[chosen]
    series = market.series_of[strike]
    spot, level = market.spot[series], market.strike[strike] * PRICE_UNIT
    away = np.maximum(np.where(accounts.puts[chosen], spot - level, level - spot), 0)
    full = guard.product(spot, rates[series], owner)
    twice = np.maximum(_SHORT_FLOOR * (full - away * E6), full)
    size = -accounts.lots[chosen] * market.lot[series]
    np.add.at(total, owner, div_up(guard.product(size, twice, owner), _SHORT_SCALE))


def _rates_by_series(engine: Engine, market: Market, sold: Iterable[int]) -> tuple[Integers, Integers]:
    """Initial and maintenance rates by the market's series; zero where nobody is short."""
    wanted = set(sold)
    found = [_option_rates(engine, series) if series in wanted else Rates(0, 0) for series in market.series]
    return integers([one.initial for one in found]), integers([one.maintenance for one in found])


def _option_rates(engine: Engine, series: int) -> Rates:
    return instrument_rates(engine, options_listing(series >> 14))


# ------------------------------------------------------------------ accounts


def _equity(held: Portfolio) -> int:
    return (
        held.cash
        + sum(leg.value for leg in held.tokens)
        + sum(leg.pnl for leg in held.linears)
        + sum(leg.value for leg in held.expired)
    )
