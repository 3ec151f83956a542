"""What expires in the demo: of each coin one expiry after the replay's end, with five strikes and a future, whose
surface is signed and whose arrays are refreshed as prices go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from ballast.chain.instruments import expiry_label
from ballast.chain.local import LocalChain

__all__ = ["Expiry"]

_DAY = 86_400
_EXPIRES = 8 * 3_600  # 08:00 UTC
#: Days from the replay's end to the expiry.
_AHEAD = 30
#: Strikes in parts of the first spot, and what they are rounded to.
_PARTS = {"low": 70, "put": 85, "money": 100, "call": 115, "high": 130}
_DIGITS = 2
#: Volatility in calm days; it rises by as much as the price has fallen from the highest of the last points.
_VOL = 0.7
_MEMORY = 8


class Expiry:
    """``symbols`` are the coins, ``end`` is the replay's last second."""

    def __init__(self, chain: LocalChain, symbols: tuple[str, ...], end: int) -> None:
        self.chain = chain
        self.symbols = symbols
        self.time = (end // _DAY + _AHEAD) * _DAY + _EXPIRES
        self.label = expiry_label(self.time)
        self._strikes: dict[str, dict[str, Decimal]] = {}
        self._recent: dict[str, list[Decimal]] = {symbol: [] for symbol in symbols}

    def list_all(self) -> None:
        """Lists strikes and futures, and prices them."""
        for symbol in self.symbols:
            spot = self.chain.price(symbol)
            step = Decimal(1).scaleb(spot.adjusted() - _DIGITS + 1)
            strikes = {name: (spot * part / 100 / step).quantize(Decimal(1)) * step for name, part in _PARTS.items()}
            self._strikes[symbol] = strikes
            self.chain.options.list_strikes(symbol, self.time, list(strikes.values()))
            self.chain.options.list_future(symbol, self.time)
        self.refresh()

    def refresh(self) -> None:
        """New surfaces at the spot, and arrays of them."""
        for symbol in self.symbols:
            recent = self._recent[symbol]
            recent.append(self.chain.price(symbol))
            del recent[:-_MEMORY]
            fallen = 1 - recent[-1] / max(recent)
            self.chain.options.set_surface(symbol, self.time, _VOL * (1 + float(fallen)))
            self.chain.options.refresh(symbol, self.time)

    def future(self, symbol: str) -> str:
        return f"{symbol}-{self.label}"

    def option(self, symbol: str, strike: str, side: str) -> str:
        """``strike`` is a name: low, put, money, call or high; ``side`` is C or P."""
        return f"{symbol}-{self.label}-{self._strikes[symbol][strike].normalize():f}-{side}"

    @contextmanager
    def automine(self) -> Iterator[None]:
        """Each transaction is a block of its own while this is open."""
        self.chain.rpc("evm_setAutomine", True)
        yield
        self.chain.rpc("evm_setAutomine", False)
