"""The PORTFOLIO model for many accounts at once: the same integers as ``ballast.risk.portfolio.evaluate``.

What is many times larger than the number of accounts - options times rows - is one sparse product in 64 bits (see
``limbs``); what is once an account, an expiry or a row is done in arrays of Python's integers, which have no bound.
USDC in 1e18 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ballast.risk.arrays import FLOOR_ROWS, PRICE_UNIT, QUANTUM, Series
from ballast.risk.carry import FLOORED, Move, carry
from ballast.risk.limbs import Integers, Limbs, exact_sums
from ballast.risk.portfolio import Contingency, Factors, Holdings, PortfolioError, Rows
from ballast.risk.terms import Terms
from ballast.units import E6, WAD

__all__ = ["Accounts", "Batch", "Market", "evaluate_many"]

E9 = 10**9
_HOUR = 3_600
_WORD = 256
#: Columns of a strike's sums besides the floor's entries, and of what scenario rows need.
_ONE, _MARK, _DELTA, _GAMMA, _VEGA, _WIDTH, _SCALE = range(7)
_FLOORS = 7


class Market:
    """What all accounts share at one moment: table, arrays, parameters, and USDC per unit by asset.

    Strikes are numbered through, series by series in ascending order; ``first`` is each series' first. ``tokens`` are
    the collaterals' (token, asset), in the order of ``Accounts.tokens``. Series without a price or a column are left
    out, and tokens without a column must not be there.
    """

    def __init__(
        self, terms: Terms, tokens: Sequence[tuple[int, int]], indices: Mapping[int, int], quote_usd: int, now: int
    ) -> None:
        rows = terms.rows
        self.terms, self.tokens, self.quote_usd = terms, tuple(tokens), quote_usd
        self.token_columns = [rows.column(asset) for _, asset in tokens]
        known = [one for one in sorted(terms.arrays) if one >> 14 in indices and one >> 14 in rows.assets]
        self.series = known
        arrays = [terms.arrays[one] for one in known]
        self.column_of = np.array([rows.assets.index(one >> 14) for one in known], dtype=np.int64)
        sizes = [len(one.records) for one in arrays]
        self.first = {one: sum(sizes[:i]) for i, one in enumerate(known)}
        self.series_of = np.repeat(np.arange(len(known)), sizes)
        moves = [Move.since(one, indices[series >> 14]) for series, one in zip(known, arrays, strict=True)]
        self.lot = _ints([one.lot for one in arrays])
        self.stored_lot_value = _ints([one.lot * one.forward for one in arrays])
        self.forward = _ints([move.forward for move in moves])
        self.lot_value = self.lot * self.forward * PRICE_UNIT
        self.lot_spot = _ints([one.lot * indices[series >> 14] for series, one in zip(known, arrays, strict=True)])
        self.drift_part = _ints([_drift_part(one, terms.factors, now) for one in arrays])
        self.doubt_part = _ints([_doubt_part(one, terms.factors) for one in arrays])
        self.is_stale = np.array([_is_stale(*pair, terms.factors, now) for pair in zip(arrays, moves, strict=True)])
        self.strikes = Limbs([(1, record.strike) for one in arrays for record in one.records], 2)
        self.greeks = Limbs(list(_greeks(arrays, moves)), _FLOORS + FLOOR_ROWS)
        self.entries = Limbs(
            [
                (*(entry * record.scale for entry in record.entries[FLOOR_ROWS:]), record.scale)
                for one in arrays
                for record in one.records
            ],
            len(rows.weights) + 1,
        )


@dataclass(frozen=True)
class Accounts:
    """N accounts as plain arrays; n is the table's columns.

    Python's integers: ``cash`` (N), ``tokens`` (N, tokens) values, ``linear`` and ``linear_gross`` (N, n) notionals of
    perpetuals and futures net and in magnitude, ``pnl`` (N) their unsettled result and ``profit`` (N) its positive
    parts. int64: entries ``indptr[i]`` to ``indptr[i + 1]`` are account i's options, by ascending ``strike`` (the
    market's number, once each), with their lots of ``calls`` and ``puts``, both below 2^62 in magnitude.
    """

    cash: Integers
    tokens: Integers
    linear: Integers
    linear_gross: Integers
    pnl: Integers
    profit: Integers
    indptr: Integers
    strike: Integers
    calls: Integers
    puts: Integers

    @classmethod
    def of(cls, holdings: Sequence[Holdings], market: Market) -> Accounts:
        """``PortfolioError`` where an account holds what the market has no column or no array for."""
        rows = market.terms.rows
        size = len(holdings)
        tokens = np.zeros((size, len(market.tokens)), dtype=object)
        linear, gross = (np.zeros((size, len(rows.assets)), dtype=object) for _ in range(2))
        places = {pair: place for place, pair in enumerate(market.tokens)}
        entries: list[tuple[int, int, int]] = []
        indptr = [0]
        for i, held in enumerate(holdings):
            for token, asset, value in held.tokens:
                if (token, asset) not in places:
                    raise PortfolioError(f"Margin_NoColumn({asset})")
                tokens[i, places[token, asset]] += value
            for asset, notional, _ in held.linears:
                if notional:
                    linear[i, rows.column(asset)] += notional
                    gross[i, rows.column(asset)] += abs(notional)
            entries += _strikes(held, market)
            indptr.append(len(entries))
        strike, calls, puts = (np.array([one[k] for one in entries], dtype=np.int64) for k in range(3))
        return cls(
            cash=_ints([held.cash for held in holdings]),
            tokens=tokens,
            linear=linear,
            linear_gross=gross,
            pnl=_ints([sum(pnl for _, _, pnl in held.linears) for held in holdings]),
            profit=_ints([sum(max(0, pnl) for _, _, pnl in held.linears) for held in holdings]),
            indptr=np.array(indptr, dtype=np.int64),
            strike=strike,
            calls=calls,
            puts=puts,
        )


@dataclass(frozen=True)
class Batch:
    """As ``PortfolioMargin``, one entry or row an account; ``stale`` (N, series) by the market's series.

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
    reverts: Integers


class _Guard:
    """Products that the contract would not fit into its word."""

    def __init__(self, accounts: int) -> None:
        self.reverts = np.zeros(accounts, dtype=bool)

    def product(self, a: Integers, b: Integers | int, owners: Integers | None = None) -> Integers:
        """a * b, elementwise; ``owners`` are the accounts where elements are not accounts."""
        product: Integers = a * b
        beyond = (abs(product) >> _WORD).astype(bool)
        if beyond.any():
            self.reverts[beyond if owners is None else owners[beyond]] = True
        return product

    def part(self, amount: Integers, rate: Integers | int, owners: Integers | None = None) -> Integers:
        """amount * rate / 1e6, rounded up."""
        return _div_up(self.product(amount, rate, owners), E6)


@dataclass
class _Expiries:
    """Sums of each account's expiries, in lots; ``account`` and ``series`` say whose."""

    account: Integers
    series: Integers
    value: Integers
    calls: Integers
    puts: Integers
    delta: Integers
    gross: Integers
    vega: Integers
    gamma: Integers
    drift: Integers
    floors: Integers


def evaluate_many(accounts: Accounts, market: Market) -> Batch:
    """The margins of all accounts."""
    rows, factors = market.terms.rows, market.terms.factors
    size = len(accounts.cash)
    guard = _Guard(size)
    equity = accounts.cash + accounts.tokens.sum(axis=1) + accounts.pnl
    exposures = accounts.linear.copy()
    for place, token_column in enumerate(market.token_columns):
        exposures[:, token_column] += accounts.tokens[:, place]
    has_options = np.diff(accounts.indptr) > 0
    owes = (accounts.cash < 0) | (accounts.tokens < 0).any(axis=1) | (accounts.linear_gross > 0).any(axis=1)

    expiries = _sum_expiries(accounts, market)
    whose, which = expiries.account, expiries.series
    column = market.column_of[which]
    value = guard.product(expiries.value, market.lot[which], whose)
    np.add.at(equity, whose, value // PRICE_UNIT)
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
        initial += guard.part(_div_up(guard.product(initial, missing), WAD), factors.depeg_slope)
    initial += sum(only.values())
    owing = (owes | has_options).astype(bool)
    maintenance[owing] = np.maximum(maintenance[owing], market.terms.minimum)
    credited = np.maximum(equity - accounts.profit, 0)
    only["uncredited_profit"] = np.where(accounts.profit > 0, np.maximum(accounts.profit - credited, 0), 0)
    initial = np.maximum(initial, maintenance) + only["uncredited_profit"]
    stale = np.zeros((size, len(market.series)), dtype=bool)
    stale[whose, which] = market.is_stale[which]
    return Batch(equity, initial, maintenance, shortfall, floor, both, only, profits, worst, stale, guard.reverts)


# ------------------------------------------------------------------ options


def _sum_expiries(accounts: Accounts, market: Market) -> _Expiries:
    owner = np.repeat(np.arange(len(accounts.cash)), np.diff(accounts.indptr))
    series = market.series_of[accounts.strike]
    begins = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(series, prepend=-1) != 0))
    indptr = np.append(begins, len(owner)).astype(np.int64)
    net = accounts.calls + accounts.puts
    long = exact_sums(indptr, accounts.strike, np.maximum(net, 0), market.greeks)
    short = exact_sums(indptr, accounts.strike, np.maximum(-net, 0), market.greeks)
    puts = exact_sums(indptr, accounts.strike, accounts.puts, market.strikes)
    calls = exact_sums(indptr, accounts.strike, accounts.calls, market.strikes)[:, 0]
    which, sizes = series[begins], long + short
    forward = market.forward[which] + (puts[:, 0] > 0)
    value = long[:, _MARK] - short[:, _MARK] - FLOORED * short[:, _ONE]
    return _Expiries(
        account=owner[begins],
        series=which,
        value=value + puts[:, 1] - puts[:, 0] * forward,
        calls=calls,
        puts=puts[:, 0],
        delta=long[:, _DELTA] - short[:, _DELTA],
        gross=sizes[:, _ONE],
        vega=sizes[:, _VEGA],
        gamma=sizes[:, _GAMMA],
        drift=sizes[:, _WIDTH],
        # entries are rounded down, so a short is charged one step more
        floors=long[:, _FLOORS:] - short[:, _FLOORS:] - short[:, [_SCALE]],
    )


def _profits(accounts: Accounts, market: Market, exposures: Integers) -> Integers:
    net = accounts.calls + accounts.puts
    long = exact_sums(accounts.indptr, accounts.strike, np.maximum(net, 0), market.entries)
    short = exact_sums(accounts.indptr, accounts.strike, np.maximum(-net, 0), market.entries)
    options = long[:, :-1] - short[:, :-1] - short[:, [-1]]
    moves = np.array(market.terms.rows.spot, dtype=object) - WAD
    profits: Integers = options * QUANTUM + exposures.dot(moves) // WAD
    return profits


def _shortfall(profits: Integers, rows: Rows) -> tuple[Integers, Integers]:
    """Expected Shortfall and the tail's rows, worst first; of equal ones the first row comes first."""
    gains = profits * np.array(rows.weights, dtype=object)
    worst = np.argsort(gains, axis=1, kind="stable")[:, : rows.tail]
    total = -np.take_along_axis(gains, worst, axis=1).sum(axis=1)
    return _div_up(np.maximum(total, 0), rows.tail * WAD), worst


def _floor(expiries: _Expiries, market: Market, exposures: Integers) -> Integers:
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
    accounts: Accounts, expiries: _Expiries, market: Market, guard: _Guard
) -> tuple[dict[str, Integers], dict[str, Integers]]:
    size, columns = accounts.linear.shape
    whose, which = expiries.account, expiries.series
    place = whose, market.column_of[which]

    def by_column(amounts: Integers) -> Integers:
        sums = np.zeros((size, columns), dtype=object)
        np.add.at(sums, place, amounts)
        return sums

    lot_value = market.lot_value[which]
    gross = _div_up(expiries.gross * lot_value, WAD)
    vega = _div_up(expiries.vega * lot_value, WAD * E9)
    naked = np.maximum(-expiries.calls, 0) + np.maximum(-expiries.puts, 0)
    delta: Integers = expiries.delta * lot_value // (WAD * E9) - expiries.puts * lot_value // WAD
    shorts = by_column(_div_up(naked * market.lot_spot[which], WAD))
    vegas, gammas = by_column(vega), by_column(_div_up(expiries.gamma * lot_value, WAD * E6))
    netted: Integers = (by_column(np.abs(delta)) - np.abs(by_column(delta))) // 2
    notional: Integers = accounts.linear_gross + by_column(gross)

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

    drift = _div_up(expiries.drift * market.lot[which], E9) + guard.part(vega, market.drift_part[which], whose)
    both["drift"], only["confidence"] = _zeros(size), _zeros(size)
    np.add.at(both["drift"], whose, drift)
    np.add.at(only["confidence"], whose, guard.part(gross, market.doubt_part[which], whose))
    return both, only


def _concentration(notional: Integers, term: Contingency, guard: _Guard) -> Integers:
    charge = _zeros(len(notional))
    free = term.free * WAD
    beyond = np.flatnonzero(notional > free)
    if term.concentration == 0 or not len(beyond):
        return charge
    amount = notional[beyond]
    if free:
        rate = guard.product(guard.part(amount, term.concentration, beyond), amount - free, beyond)
        amount = np.minimum(amount, _div_up(rate, free))
    charge[beyond] = amount
    return charge


def _drift_part(arrays: Series, factors: Factors, now: int) -> int:
    """Of the value of doubling the volatility, 1e6: what old arrays and an old surface leave open."""
    elapsed, surface_elapsed = now - arrays.time, now - arrays.surface_time
    part = 0
    if elapsed > factors.array_age:
        part = -(-elapsed * E6 // arrays.remaining) if elapsed < arrays.remaining else E6
    if surface_elapsed > factors.surface_age:
        part += -(-(surface_elapsed - factors.surface_age) * factors.stale_vol // _HOUR)
    return min(part, 2 * E6)


def _doubt_part(arrays: Series, factors: Factors) -> int:
    """Of the gross notional, 1e6: what the surface's confidence lacks."""
    return 0 if arrays.confidence >= factors.confidence else E6 - min(arrays.confidence, E6)


def _is_stale(arrays: Series, move: Move, factors: Factors, now: int) -> bool:
    old = now - arrays.time > factors.array_age or now - arrays.surface_time > factors.surface_age
    return old or move.outside != 0


# ------------------------------------------------------------------ the pieces


def _greeks(arrays: Sequence[Series], moves: Sequence[Move]) -> list[tuple[int, ...]]:
    found = []
    for one, move in zip(arrays, moves, strict=True):
        for record in one.records:
            mark, width = carry(record, move)
            floors = (entry * record.scale for entry in record.entries[:FLOOR_ROWS])
            found.append((1, mark, record.delta, record.gamma, record.vega, width, record.scale, *floors))
    return found


def _strikes(held: Holdings, market: Market) -> list[tuple[int, int, int]]:
    """(strike, lots of calls, lots of puts) in ascending order, each strike once."""
    found: dict[int, tuple[int, int]] = {}
    for series, strike, put, lots in held.options:
        if series not in market.first:
            raise PortfolioError(f"Margin_NoArrays({series})")
        if strike >= len(market.terms.arrays[series].records):
            raise PortfolioError(f"Margin_NoArray({series}, {strike})")
        number = market.first[series] + strike
        calls, puts = found.get(number, (0, 0))
        found[number] = (calls, puts + lots) if put else (calls + lots, puts)
    return [(number, *found[number]) for number in sorted(found)]


def _ints(values: Sequence[int]) -> Integers:
    return np.array([*values, None], dtype=object)[:-1]


def _zeros(size: int) -> Integers:
    return np.zeros(size, dtype=object)


def _div_up(a: Integers, d: int) -> Integers:
    result: Integers = -(-a // d)
    return result
