"""What is left of options and dated futures that have expired: strikes, and settlement prices once they are fixed."""

from __future__ import annotations

from typing import Any

from ballast.chain.artifacts import artifact
from ballast.chain.instruments import (
    FUTURE,
    OPTION,
    SERIES,
    expiry_label,
    expiry_of_series,
    kind_of,
    name_of_instrument,
    option_parts,
    series_of_instrument,
)
from ballast.checks.codec import Codec
from ballast.checks.view import ChainView
from ballast.errors import RpcError

__all__ = ["Expiries"]


class Expiries:
    """Reads of the StrikeBook and the SettlementOracle of one deployment. What is fixed stays, so it is read once."""

    def __init__(self, view: ChainView) -> None:
        self._view = view
        self._codecs = {name: Codec(artifact(name)["abi"]) for name in ("StrikeBook", "SettlementOracle")}
        self._symbols = {asset: symbol for symbol, asset in view.deployment.underlyings.items()}
        self._prices: dict[int, int] = {}
        self._strikes: dict[tuple[int, int], tuple[int, ...]] = {}

    def price(self, series: int, block: int) -> int | None:
        """USDC per unit in 1e18 that a series settles at; ``None`` where it is not fixed at the end of a block."""
        if series not in self._prices:
            place = series >> 14, expiry_of_series(series)
            if not self._ask("SettlementOracle", "isFixed", place, block):
                return None
            self._prices[series] = int(self._ask("SettlementOracle", "priceOf", place, block))
        return self._prices[series]

    def strikes(self, series: int, block: int) -> tuple[int, ...]:
        """Strikes of a series by index at the end of a block, USDC in 1e18."""
        if (series, block) not in self._strikes:
            place = series >> 14, expiry_of_series(series)
            self._strikes[series, block] = tuple(self._ask("StrikeBook", "strikesOf", place, block))
        return self._strikes[series, block]

    def payoff(self, option: int, price: int, block: int) -> int:
        """What a unit of an option pays at a price, USDC 1e18."""
        series, strike, put = option_parts(option)
        level = self.strikes(series, block)[strike]
        return max(0, level - price if put else price - level)

    def name(self, instrument: int, block: int) -> str:
        """An instrument's name; its number where the deployment has none for it."""
        kind, series = kind_of(instrument), series_of_instrument(instrument)
        symbol = self._symbols.get(series >> 14)
        if kind in (FUTURE, OPTION) and symbol is not None:
            strikes = self.strikes(series, block) if kind == OPTION else ()
            return name_of_instrument(instrument, symbol, strikes)
        if kind == SERIES and symbol is not None:
            return f"{symbol}-{expiry_label(expiry_of_series(series))} options"
        return self._view.instruments.get(instrument, str(instrument))

    def _ask(self, contract: str, name: str, place: tuple[int, int], block: int) -> Any:
        codec, address = self._codecs[contract], self._view.deployment.contracts[contract]
        (answer,) = self._view.call([(address, codec.encode(name, place))], block)
        if answer is None:
            raise RpcError(f"{contract}.{name}{place}: reverted at block {block}")
        return codec.answer(name, answer)[0]
