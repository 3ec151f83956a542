"""The STANDARD model: each leg is charged by itself, nothing nets.

Twin of ``contracts/risk/StandardModel.sol`` and of the engine's use of it. Values are USDC in 1e18.
"""

from __future__ import annotations

from collections.abc import Mapping

from ballast.chain.instruments import PERPETUAL, kind_of, options_listing, series_market
from ballast.chain.protocol import Health
from ballast.index.state import CLAIM, Engine, Rates
from ballast.risk.arrays import PRICE_UNIT, Series
from ballast.risk.completed import completed, uncredited_profit
from ballast.risk.portfolio import OptionWorth
from ballast.risk.rounding import mul_div_up
from ballast.risk.standard_options import Charge, OptionRates, option_charge, option_value
from ballast.risk.valuation import NoHealthError, Portfolio
from ballast.units import E6

__all__ = ["instrument_rates", "require_isolated", "requirement", "token_rates"]

_NO_OPTIONS = OptionWorth(0, 0, 0)
_NO_ARRAYS: Mapping[int, Series] = {}
_NO_RATES = OptionRates(0, 0)


def requirement(
    engine: Engine,
    portfolio: Portfolio,
    worth: OptionWorth = _NO_OPTIONS,
    arrays: Mapping[int, Series] = _NO_ARRAYS,
) -> Health:
    """What a valued account must keep: each leg's charge is rounded up by itself.

    ``worth`` is what its options are together, ``arrays`` those of their series. ``NoHealthError`` where the engine has
    no rates for what is held.
    """
    equity, initial, maintenance = portfolio.cash, 0, 0
    for token in portfolio.tokens:
        rates = token_rates(engine, token.token)
        equity += token.value
        initial += mul_div_up(abs(token.value), rates.initial, E6)
        maintenance += mul_div_up(abs(token.value), rates.maintenance, E6)
    profit = 0
    for leg in portfolio.linears:
        profit += max(0, leg.pnl)
        equity += leg.pnl
        if leg.notional == 0:
            continue
        rates = instrument_rates(engine, leg.instrument)
        initial += mul_div_up(abs(leg.notional), rates.initial, E6)
        maintenance += mul_div_up(abs(leg.notional), rates.maintenance, E6)
    equity += worth.value
    charge = _options(engine, portfolio, arrays)
    initial += charge.initial + worth.drift + worth.doubt
    maintenance += charge.maintenance + worth.drift
    equity, initial, maintenance = completed(equity, initial, maintenance, engine.minimum if portfolio.owes else None)
    return Health(equity, initial + uncredited_profit(equity, profit), maintenance)


def _options(engine: Engine, portfolio: Portfolio, arrays: Mapping[int, Series]) -> Charge:
    """Charges of all options."""
    maintenance = initial = 0
    for series, strike, put, lots in portfolio.options:
        index, held = portfolio.indices[series >> 14], arrays[series]
        value = option_value(held, strike, put, lots, index)
        rates = OptionRates(*instrument_rates(engine, options_listing(series >> 14))) if lots < 0 else _NO_RATES
        level = held.records[strike].strike * PRICE_UNIT
        charge = option_charge(value, put, level, index, lots * held.lot, rates)
        maintenance, initial = maintenance + charge.maintenance, initial + charge.initial
    for leg in portfolio.expired:
        if leg.is_fixed:
            continue
        index = portfolio.indices[leg.series >> 14]
        for size in leg.shorts:
            # whatever the strike: what it is out of the money by is not counted any more
            found = OptionRates(*instrument_rates(engine, options_listing(leg.series >> 14)))
            charge = option_charge(0, False, index, index, -size, found)
            maintenance, initial = maintenance + charge.maintenance, initial + charge.initial
    return Charge(maintenance, initial)


def require_isolated(portfolio: Portfolio) -> None:
    """One perpetual, one dated future, or the options of one expiry; ``NoHealthError`` where there are more."""
    linears = [leg.instrument for leg in portfolio.linears if not leg.instrument & CLAIM]
    series = dict.fromkeys([leg.series for leg in portfolio.options] + [leg.series for leg in portfolio.expired])
    markets = [*linears, *map(series_market, series)]
    if len(markets) > 1:
        raise NoHealthError(f"Margin_NotIsolated({markets[0]}, {markets[1]})")


def token_rates(engine: Engine, token: int) -> Rates:
    """``NoHealthError`` where there are none, as the contract reverts."""
    return _known(engine.token_rates.get(token), "Margin_NoTokenRates", token)


def instrument_rates(engine: Engine, instrument: int) -> Rates:
    """Rates of a position; errors as ``token_rates``. An underlying's futures, as its options, have theirs under the
    number without a serial."""
    number = instrument & ~0xFFFFF if kind_of(instrument) > PERPETUAL else instrument
    return _known(engine.instrument_rates.get(number), "Margin_NoInstrumentRates", number)


def _known(rates: Rates | None, error: str, offender: int) -> Rates:
    if rates is None or rates.initial == 0:
        raise NoHealthError(f"{error}({offender})")
    return rates
