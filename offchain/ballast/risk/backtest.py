"""Forecasts of every day of a history, each from the days before it alone, beside what then happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ballast.errors import UsageError
from ballast.market.panel import Days, Returns
from ballast.risk.backtests import (
    Z2,
    Likelihood,
    Zone,
    acerbi_szekely,
    christoffersen,
    conditional_coverage,
    hits_of,
    kupiec,
    traffic_light,
)
from ballast.risk.measures import Tail, require_level
from ballast.risk.models.scenario_model import ScenarioModel
from ballast.risk.pricing.options import Bools, Floats

__all__ = ["Forecasts", "Portfolio", "Verdict", "forecast", "judge", "random_portfolios"]

#: Innovations of each asset before a day that it is counted from.
_LEAST = 250
#: Places in a tail that a simulated loss beyond value at risk is taken from.
_PLACES = 32


@dataclass(frozen=True)
class Portfolio:
    """Constant exposures by asset, in money per 100% move. What an asset adds before it trades is nothing."""

    name: str
    exposures: dict[str, float]


@dataclass(frozen=True)
class Forecasts:
    """Of D days and P portfolios. ``losses``, ``value_at_risk`` and ``shortfalls`` (D, P); ``tails`` (D, P, places) are
    losses over the shortfall, equally likely, of a day beyond ``shortfall_level``; ``held`` (D, P) says where a
    portfolio holds anything; ``assets`` (D, n) which assets count."""

    model: str
    symbols: tuple[str, ...]
    portfolios: tuple[Portfolio, ...]
    days: Days
    assets: Bools
    losses: Floats
    value_at_risk: Floats
    shortfalls: Floats
    tails: NDArray[np.float32]
    held: Bools
    level: float
    shortfall_level: float

    @property
    def hits(self) -> Bools:
        """Days and portfolios whose loss exceeded the forecast, (D, P)."""
        return np.asarray((self.losses > self.value_at_risk) & self.held)


@dataclass(frozen=True)
class Verdict:
    """Of one portfolio. ``z2`` is None where nobody asked for it."""

    portfolio: str
    days: int
    hits: int
    expected: float
    unconditional: Likelihood
    independence: Likelihood
    conditional: Likelihood
    zone: Zone
    z2: Z2 | None


def random_portfolios(count: int, symbols: Sequence[str], seed: int) -> list[Portfolio]:
    """Long and short exposures whose magnitudes add up to one; directions evenly spread."""
    drawn = np.random.default_rng(seed).standard_normal((count, len(symbols)))
    drawn /= np.abs(drawn).sum(axis=1, keepdims=True)
    return [
        Portfolio(f"random {i + 1}", dict(zip(symbols, map(float, row), strict=True))) for i, row in enumerate(drawn)
    ]


def forecast(
    model: ScenarioModel,
    returns: Returns,
    portfolios: Sequence[Portfolio],
    first: date,
    last: date,
    *,
    level: float = 0.995,
    shortfall_level: float = 0.975,
    on_day: Callable[[], None] = lambda: None,
) -> Forecasts:
    """Value at risk at ``level`` and Expected Shortfall at ``shortfall_level`` of every day from ``first`` to ``last``.

    An asset counts from the day on which 250 innovations of it lie before; a portfolio's scenarios are of the assets
    that it holds and no others, so that a young one shortens nobody else's history. ``UsageError`` where a day is not
    in the history, or no asset counts on the first one.
    """
    require_level(level)
    require_level(shortfall_level, "shortfall's confidence")
    places = _places(returns, first, last)
    exposures = _exposures(portfolios, returns.symbols)
    fitted = model.fit(returns)
    history = np.cumsum(np.isfinite(fitted.z), axis=0)
    shape = len(places), len(portfolios)
    losses, at_risk, shortfalls = (np.zeros(shape) for _ in range(3))
    tails = np.zeros((*shape, _PLACES), dtype=np.float32)
    assets = np.zeros((len(places), len(returns.symbols)), dtype=bool)
    for row, place in enumerate(places):
        known = np.isfinite(returns.values[place]) & (history[place - 1] >= _LEAST)
        if not known.any():
            raise UsageError(f"backtest: no asset has {_LEAST} days before {first}; begin later")
        assets[row] = known
        for held, which in _groups(exposures, known):
            moves = fitted.moves(place, tuple(np.array(returns.symbols)[held]))
            amounts = exposures[np.ix_(which, held)]
            tail = Tail.of(moves.losses(moves.symbols, amounts), min(level, shortfall_level), moves.weights)
            at_risk[row, which], shortfalls[row, which] = tail.value_at_risk(level), tail.shortfall(shortfall_level)
            tails[row, which] = _ratios(tail, shortfalls[row, which], shortfall_level)
            losses[row, which] = -(amounts @ np.expm1(returns.values[place, held]))
        on_day()
    holds = (assets.astype(float) @ np.abs(exposures.T)) > 0
    return Forecasts(
        model=model.name,
        symbols=returns.symbols,
        portfolios=tuple(portfolios),
        days=returns.days[places],
        assets=assets,
        losses=losses,
        value_at_risk=at_risk,
        shortfalls=shortfalls,
        tails=tails,
        held=holds,
        level=level,
        shortfall_level=shortfall_level,
    )


def judge(forecasts: Forecasts, portfolio: int, *, z2: bool = False, seed: int = 0) -> Verdict:
    """What the tests say of one portfolio's forecasts on the days that it holds anything; ``z2`` simulates the critical
    value of the shortfall's test too."""
    held = forecasts.held[:, portfolio]
    losses, at_risk = forecasts.losses[held, portfolio], forecasts.value_at_risk[held, portfolio]
    hits = hits_of(losses, at_risk)
    level, days, count = forecasts.level, len(hits), int(hits.sum())
    return Verdict(
        portfolio=forecasts.portfolios[portfolio].name,
        days=days,
        hits=count,
        expected=days * (1 - level),
        unconditional=kupiec(count, days, level),
        independence=christoffersen(hits),
        conditional=conditional_coverage(hits, level),
        zone=traffic_light(count, days, level),
        z2=_shortfall_test(forecasts, portfolio, seed) if z2 else None,
    )


def _shortfall_test(forecasts: Forecasts, portfolio: int, seed: int) -> Z2:
    held = forecasts.held[:, portfolio]
    shortfalls, tails = forecasts.shortfalls[held, portfolio], forecasts.tails[held, portfolio]
    share = 1 - forecasts.shortfall_level
    days = np.arange(len(shortfalls))

    def draw(generator: np.random.Generator, count: int) -> Floats:
        drawn = tails[days, generator.integers(0, _PLACES, (count, len(days)))]
        return np.asarray(np.where(generator.random((count, len(days))) < share, drawn, 0.0))

    # the tail's least loss is what it begins beyond
    begins = shortfalls * tails[:, -1]
    losses = forecasts.losses[held, portfolio]
    return acerbi_szekely(losses, begins, shortfalls, forecasts.shortfall_level, draw, simulations=5_000, seed=seed)


def _groups(exposures: Floats, known: Bools) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Assets that some portfolios hold, of those that count, and these portfolios: each is computed on the days that
    its own assets share."""
    patterns, places = np.unique((exposures != 0) & known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if pattern.any():
            yield np.flatnonzero(pattern), np.flatnonzero(places == number)


def _ratios(tail: Tail, shortfalls: Floats, level: float) -> Floats:
    """Losses over the shortfall at evenly spaced places of the tail, the largest first, (P, places)."""
    probabilities = np.broadcast_to(
        tail.probabilities if tail.probabilities.ndim == 2 else tail.probabilities[:, None], tail.losses.shape
    )
    reached = np.cumsum(probabilities, axis=0) / (1 - level)
    wanted = (np.arange(_PLACES) + 0.5) / _PLACES
    last = len(tail.losses) - 1
    if tail.probabilities.ndim == 1:
        places = np.minimum(np.searchsorted(reached[:, 0], wanted), last)
        found = tail.losses[places].T
    else:
        columns = range(tail.losses.shape[1])
        found = np.array([tail.losses[np.minimum(np.searchsorted(reached[:, i], wanted), last), i] for i in columns])
    safe = np.where(shortfalls > 0, shortfalls, 1.0)
    return np.asarray(found / safe[:, None])


def _places(returns: Returns, first: date, last: date) -> list[int]:
    if first > last:
        raise UsageError(f"backtest: from {first} to {last}; swap the two days")
    begin, end = np.datetime64(first), np.datetime64(last)
    if not (returns.days[0] < begin and end <= returns.days[-1]):
        raise UsageError(
            f"backtest: from {first} to {last}: not within the history, {returns.days[0]} to {returns.days[-1]}"
        )
    return [int(place) for place in np.flatnonzero((returns.days >= begin) & (returns.days <= end))]


def _exposures(portfolios: Sequence[Portfolio], symbols: tuple[str, ...]) -> Floats:
    if not portfolios:
        raise UsageError("backtest: no portfolios; give at least one")
    found = np.zeros((len(portfolios), len(symbols)))
    for row, portfolio in enumerate(portfolios):
        for symbol, exposure in portfolio.exposures.items():
            if symbol not in symbols:
                raise UsageError(f"backtest: {portfolio.name}: no history of {symbol}; there are {', '.join(symbols)}")
            if not np.isfinite(exposure):
                raise UsageError(f"backtest: {portfolio.name}: {symbol}: exposure {exposure}; give a finite number")
            found[row, symbols.index(symbol)] = exposure
    return found
