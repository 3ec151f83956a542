"""The PORTFOLIO model for one account, integer by integer as ``MarginEngine.sol`` and what it is made of.

    L_s = - sum of P&L in row s            options by their arrays, all else by the spot's move
    R   = max(0, mean of the m largest weighted L_s, floor) + contingencies
    MM  = factor R,   IM = factor R depeg + what is charged in initial margin alone

Slow and obvious, in Python's integers; ``ballast.risk.batch`` does many accounts at once and is tested against it.
USDC in 1e18 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import NamedTuple

from ballast.errors import TaskError
from ballast.risk.arrays import FLOOR_ROWS, PRICE_UNIT, QUANTUM, Series
from ballast.risk.carry import FLOORED, Move, carry
from ballast.risk.completed import completed, owes_anything, uncredited_profit
from ballast.risk.rounding import mul_div_floor, mul_div_up
from ballast.units import E6, WAD

__all__ = [
    "Contingency",
    "Factors",
    "FloorMoves",
    "Holdings",
    "OptionWorth",
    "PortfolioError",
    "PortfolioMargin",
    "Rows",
    "evaluate",
    "gamma_root",
    "worth_of_options",
]

E9 = 10**9
_HOUR, _DAY = 3_600, 86_400


class PortfolioError(TaskError):
    """The contract reverts for this portfolio too; the message is its error's name and arguments."""


@dataclass(frozen=True)
class Factors:
    """``IPortfolioTerms.Factors``: parts in 1e6, ages in seconds."""

    maintenance: int
    initial: int
    depeg_start: int
    depeg_slope: int
    confidence: int
    array_age: int
    surface_age: int
    stale_vol: int


@dataclass(frozen=True)
class Contingency:
    """``IPortfolioTerms.Contingency`` of one underlying: parts in 1e6, ``free`` in USDC."""

    basis: int = 0
    basis_initial: int = 0
    short_option: int = 0
    short_option_initial: int = 0
    vega: int = 0
    gamma: int = 0
    calendar: int = 0
    concentration: int = 0
    free: int = 0


@dataclass(frozen=True)
class FloorMoves:
    """1 + spot move of the floor, 1e18. The volatility's part is in the arrays."""

    up: int
    down: int


@dataclass(frozen=True)
class Rows:
    """A scenario table: weights and 1 + spot move in 1e18, one tuple of K per underlying; assets are numbers.

    A floor of ``None`` is none.
    """

    version: int
    tail: int
    weights: tuple[int, ...]
    assets: tuple[int, ...]
    spot: tuple[tuple[int, ...], ...]
    floors: tuple[FloorMoves | None, ...]

    def column(self, asset: int) -> int:
        if asset not in self.assets:
            raise PortfolioError(f"Margin_NoColumn({asset})")
        return self.assets.index(asset)


@dataclass(frozen=True)
class Holdings:
    """A valued account: ``IMarginEngine.Portfolio``.

    ``tokens`` are (token, asset, value), ``linears`` (asset, notional, unsettled profit), ``options`` (series, strike's
    index, is a put, lots), ``expired`` (series, value, what of it moves with the spot) of options together, ``indices``
    USDC per unit by asset, ``quote_usd`` USD per unit of the quote token. ``unfixed`` are the series that have expired
    and have no settlement price yet; ``owes_expired`` says whether an option that has expired is short.
    """

    cash: int = 0
    quote_usd: int = WAD
    tokens: tuple[tuple[int, int, int], ...] = ()
    linears: tuple[tuple[int, int, int], ...] = ()
    options: tuple[tuple[int, int, bool, int], ...] = ()
    expired: tuple[tuple[int, int, int], ...] = ()
    unfixed: frozenset[int] = frozenset()
    owes_expired: bool = False
    indices: Mapping[int, int] = field(default_factory=dict)

    @property
    def owes(self) -> bool:
        """``owes_anything`` of it."""
        return owes_anything(
            (self.cash, *(value for *_, value in self.tokens)),
            ((notional, pnl) for _, notional, pnl in self.linears),
            (lots for *_, lots in self.options),
            self.owes_expired,
        )


@dataclass(frozen=True)
class PortfolioMargin:
    """What the model says of a portfolio.

    ``profits`` are the K unweighted P&L, ``worst`` the rows of the tail, worst first; ``contingencies`` by name in
    both requirements, ``initial_only`` by name in initial alone; ``stale`` the series whose arrays are.
    """

    equity: int
    initial: int
    maintenance: int
    shortfall: int
    floor: int
    contingencies: dict[str, int]
    initial_only: dict[str, int]
    profits: tuple[int, ...]
    worst: tuple[int, ...]
    stale: frozenset[int]


@dataclass
class _Gross:
    """Sums of one underlying: ``PortfolioModel.Gross``."""

    linear: int = 0
    shorts: int = 0
    vega: int = 0
    gamma: int = 0
    notional: int = 0
    delta: int = 0
    absolute_delta: int = 0


@dataclass
class _Sums:
    """Sums of one series, in lots: ``OptionSums.Series``."""

    arrays: Series
    move: Move
    value: int = 0
    puts: int = 0
    calls: int = 0
    delta: int = 0
    gross: int = 0
    vega: int = 0
    gamma: int = 0
    drift: int = 0
    entries: list[int] = field(default_factory=list)

    @property
    def lot_value(self) -> int:
        """Lot times forward, 1e36."""
        return self.arrays.lot * self.move.forward * PRICE_UNIT


def evaluate(
    holdings: Holdings,
    rows: Rows,
    arrays: Mapping[int, Series],
    factors: Factors,
    contingencies: Mapping[int, Contingency],
    haircuts: Mapping[int, int],
    minimum: int,
    now: int,
) -> PortfolioMargin:
    """The margin of one portfolio; ``PortfolioError`` where the contract reverts.

    ``arrays`` by series, ``contingencies`` by asset, ``haircuts`` (1e6) by token; ``minimum`` is the least maintenance
    of who owes anything, ``now`` the block's time in seconds.
    """
    exposures = [0] * len(rows.assets)
    gross = [_Gross() for _ in rows.assets]
    equity, profit = holdings.cash, 0
    for _, asset, value in holdings.tokens:
        equity += value
        exposures[rows.column(asset)] += value
    for asset, notional, pnl in holdings.linears:
        equity += pnl
        profit += max(0, pnl)
        if notional == 0:
            continue
        column = rows.column(asset)
        exposures[column] += notional
        gross[column].linear += abs(notional)
        gross[column].notional += abs(notional)

    for series, value, moving in holdings.expired:
        equity += value
        exposures[rows.column(series >> 14)] += moving

    sums = _sum_options(holdings, arrays)
    for series, one in sums.items():
        asset = series >> 14
        column = rows.column(asset)
        equity += mul_div_floor(one.value, one.arrays.lot, PRICE_UNIT)
        exposures[column] += mul_div_floor(-one.puts, one.arrays.lot * one.arrays.forward, WAD)
        _add_series(gross[column], one, holdings.indices[asset])

    profits = _profits(rows, exposures, list(sums.values()))
    ranked = _rank(rows, profits)
    total = sum(loss for loss, _ in ranked)
    shortfall = -(-total // (rows.tail * WAD)) if total > 0 else 0
    floor = _floor(rows, exposures, sums)

    both, only = _contingencies(rows, gross, contingencies)
    both["drift"] = sum(_drift(one, factors, now) for one in sums.values())
    only["confidence"] = sum(_doubt(one, factors) for one in sums.values())
    only["haircuts"] = sum(mul_div_up(max(0, value), haircuts.get(token, 0), E6) for token, _, value in holdings.tokens)
    required = max(shortfall, floor) + sum(both.values())
    maintenance = _part(required, factors.maintenance)
    initial = _part(required, factors.initial)
    start = factors.depeg_start * (WAD // E6)
    if holdings.quote_usd < start:
        initial += _part(mul_div_up(initial, start - holdings.quote_usd, WAD), factors.depeg_slope)
    initial += sum(only.values())
    equity, initial, maintenance = completed(equity, initial, maintenance, minimum if holdings.owes else None)
    only["uncredited_profit"] = uncredited_profit(equity, profit)
    initial += only["uncredited_profit"]
    return PortfolioMargin(
        equity=equity,
        initial=initial,
        maintenance=maintenance,
        shortfall=shortfall,
        floor=floor,
        contingencies=both,
        initial_only=only,
        profits=tuple(profits),
        worst=tuple(row for _, row in ranked),
        stale=holdings.unfixed | {series for series, one in sums.items() if _is_stale(one, factors, now)},
    )


# ------------------------------------------------------------------ options


class OptionWorth(NamedTuple):
    """Options by themselves: their value, what old arrays and unsure surfaces add to both requirements and to initial
    alone, USDC 1e18."""

    value: int
    drift: int
    doubt: int


def worth_of_options(
    holdings: Holdings, rows: Rows, arrays: Mapping[int, Series], factors: Factors, now: int
) -> OptionWorth:
    """Twin of ``MarginEngine._optionWork`` and ``_ageOf``; ``PortfolioError`` where the contract reverts."""
    value = 0
    for series, expired, _ in holdings.expired:
        rows.column(series >> 14)
        value += expired
    sums = _sum_options(holdings, arrays)
    for series, one in sums.items():
        rows.column(series >> 14)
        value += mul_div_floor(one.value, one.arrays.lot, PRICE_UNIT)
    drift = sum(_drift(one, factors, now) for one in sums.values())
    return OptionWorth(value, drift, sum(_doubt(one, factors) for one in sums.values()))


def _sum_options(holdings: Holdings, arrays: Mapping[int, Series]) -> dict[int, _Sums]:
    """Nets calls and puts by strike, then adds each strike's array times its net size."""
    nets: dict[tuple[int, int], int] = {}
    sums: dict[int, _Sums] = {}
    for series, strike, put, lots in holdings.options:
        if series not in arrays:
            raise PortfolioError(f"Margin_NoArrays({series})")
        one = sums.setdefault(series, _open(arrays[series], holdings.indices[series >> 14]))
        if strike >= len(one.arrays.records):
            raise PortfolioError(f"Margin_NoArray({series}, {strike})")
        nets[series, strike] = nets.get((series, strike), 0) + lots
        if put:
            one.puts += lots
            one.value += lots * one.arrays.records[strike].strike
        else:
            one.calls += lots
    for one in sums.values():
        one.value -= one.puts * (one.move.forward + 1 if one.puts > 0 else one.move.forward)
    for (series, strike), net in nets.items():
        if net:
            _add_strike(sums[series], strike, net)
    return sums


def _open(arrays: Series, index: int) -> _Sums:
    return _Sums(arrays, Move.since(arrays, index), entries=[0] * (FLOOR_ROWS + arrays.rows))


def _add_strike(one: _Sums, strike: int, net: int) -> None:
    record = one.arrays.records[strike]
    mark, width = carry(record, one.move)
    one.value += net * (mark if net > 0 else mark + FLOORED)
    one.delta += net * record.delta
    one.gross += abs(net)
    one.vega += abs(net) * record.vega
    one.gamma += abs(net) * record.gamma
    one.drift += abs(net) * width
    for row, entry in enumerate(record.entries):
        # entries are rounded down, so a short is charged one step more
        one.entries[row] += net * record.scale * (entry if net > 0 else entry + 1)


# ------------------------------------------------------------------ scenarios


def _profits(rows: Rows, exposures: Sequence[int], sums: Sequence[_Sums]) -> list[int]:
    profits = []
    for s in range(len(rows.weights)):
        options = sum(one.entries[FLOOR_ROWS + s] for one in sums)
        linear = sum(exposure * (moves[s] - WAD) for exposure, moves in zip(exposures, rows.spot, strict=True))
        profits.append(options * QUANTUM + linear // WAD)
    return profits


def _rank(rows: Rows, profits: Sequence[int]) -> list[tuple[int, int]]:
    """The tail's losses times weights, 1e36, and their rows; of equal ones the first row comes first."""
    losses = [(-profit * weight, s) for s, (profit, weight) in enumerate(zip(profits, rows.weights, strict=True))]
    return sorted(losses, key=lambda one: (-one[0], one[1]))[: rows.tail]


def _floor(rows: Rows, exposures: Sequence[int], sums: Mapping[int, _Sums]) -> int:
    """The largest loss in a floor move of one underlying, all others unmoved."""
    largest = 0
    for column, moves in enumerate(rows.floors):
        if moves is None:
            continue
        for i, move in enumerate((moves.up, moves.up, moves.down, moves.down)):
            options = sum(one.entries[i] for series, one in sums.items() if series >> 14 == rows.assets[column])
            largest = max(largest, -(options * QUANTUM + exposures[column] * (move - WAD) // WAD))
    return largest


# ------------------------------------------------------------------ contingencies


def gamma_root(remaining: int) -> int:
    """What gamma is charged at so many seconds before an expiry, 1e9: below a day as that of a day, by the root of the
    time, rounded up."""
    return E9 if remaining >= _DAY else isqrt(remaining * WAD // _DAY) + 1


def _add_series(gross: _Gross, one: _Sums, index: int) -> None:
    gross.notional += _div_up(one.gross * one.lot_value, WAD)
    gross.vega += _div_up(one.vega * one.lot_value, WAD * E9)
    gamma = _div_up(one.gamma * gamma_root(one.arrays.remaining), E9)
    gross.gamma += _div_up(gamma * one.lot_value, WAD * E6)
    naked = max(0, -one.calls) + max(0, -one.puts)
    gross.shorts += _div_up(naked * one.arrays.lot * index, WAD)
    delta = one.delta * one.lot_value // (WAD * E9) - one.puts * one.lot_value // WAD
    gross.delta += delta
    gross.absolute_delta += abs(delta)


def _contingencies(
    rows: Rows, gross: Sequence[_Gross], terms: Mapping[int, Contingency]
) -> tuple[dict[str, int], dict[str, int]]:
    both = dict.fromkeys(("basis", "short_option", "vega", "gamma", "calendar", "concentration"), 0)
    only = dict.fromkeys(("basis", "short_option"), 0)
    for asset, one in zip(rows.assets, gross, strict=True):
        term = terms.get(asset, Contingency())
        both["basis"] += _part(one.linear, term.basis)
        both["short_option"] += _part(one.shorts, term.short_option)
        both["vega"] += _part(one.vega, term.vega)
        both["gamma"] += _part(one.gamma, term.gamma)
        both["calendar"] += _part((one.absolute_delta - abs(one.delta)) // 2, term.calendar)
        both["concentration"] += _concentration(one.notional, term)
        only["basis"] += _part(one.linear, term.basis_initial)
        only["short_option"] += _part(one.shorts, term.short_option_initial)
    return both, only


def _concentration(notional: int, term: Contingency) -> int:
    free = term.free * WAD
    if term.concentration == 0 or notional <= free:
        return 0
    if free == 0:
        return notional
    return min(notional, mul_div_up(_part(notional, term.concentration), notional - free, free))


def _drift(one: _Sums, factors: Factors, now: int) -> int:
    charge = _div_up(one.drift * one.arrays.lot, E9)
    elapsed, surface_elapsed = now - one.arrays.time, now - one.arrays.surface_time
    part = 0
    if elapsed > factors.array_age:
        part = mul_div_up(elapsed, E6, one.arrays.remaining) if elapsed < one.arrays.remaining else E6
    if surface_elapsed > factors.surface_age:
        part += mul_div_up(surface_elapsed - factors.surface_age, factors.stale_vol, _HOUR)
    if part == 0:
        return charge
    return charge + _part(_div_up(one.vega * one.lot_value, WAD * E9), min(part, 2 * E6))


def _doubt(one: _Sums, factors: Factors) -> int:
    if one.arrays.confidence >= factors.confidence:
        return 0
    return _part(_div_up(one.gross * one.lot_value, WAD), E6 - min(one.arrays.confidence, E6))


def _is_stale(one: _Sums, factors: Factors, now: int) -> bool:
    old = now - one.arrays.time > factors.array_age or now - one.arrays.surface_time > factors.surface_age
    return old or one.move.outside != 0


def _part(amount: int, rate: int) -> int:
    return mul_div_up(amount, rate, E6)


def _div_up(a: int, d: int) -> int:
    return -(-a // d)
