"""Names of instruments, as people write them."""

from __future__ import annotations

from collections.abc import Mapping

from ballast.chain.instruments import (
    FUTURE,
    OPTION,
    SERIES,
    expiry_label,
    expiry_of_series,
    kind_of,
    name_of_instrument,
    series_of_instrument,
)
from ballast.index.state import CLAIM, LedgerState

__all__ = ["instrument_name"]


def instrument_name(state: LedgerState, underlyings: Mapping[str, int], instrument: int) -> str:
    """``ETH-PERP``, ``ETH-26MAR27``, ``ETH-26MAR27-3500-C``; of a claim its market's name and ``claim``.

    ``underlyings`` are assets by symbol, a deployment's. An instrument that the state does not know has its number.
    """
    number = instrument & ~CLAIM
    name = _market_name(state, {asset: symbol for symbol, asset in underlyings.items()}, number)
    return f"{name} claim" if instrument & CLAIM else name


def _market_name(state: LedgerState, symbols: Mapping[int, str], number: int) -> str:
    kind, asset = kind_of(number), number >> 20 & 0xFF
    if asset in symbols and kind in (FUTURE, OPTION, SERIES):
        series = series_of_instrument(number)
        if kind == SERIES:
            return f"{symbols[asset]}-{expiry_label(expiry_of_series(series))} options"
        engine = state.parameters.engine
        strikes = () if engine is None or engine.books is None else engine.books.strikes.get(series, ())
        if kind == FUTURE or number >> 1 & 31 < len(strikes):
            return name_of_instrument(number, symbols[asset], strikes)
    return state.markets[number].symbol if number in state.markets else str(number)
