"""Prices and time of a test's chain."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ballast import units

if TYPE_CHECKING:
    from ballast.chain.local import LocalChain, Number

__all__ = ["Market"]


class Market:
    """Moves prices through the feeds' own rounds, and time. Prices are USD per whole unit."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain

    def price(self, symbol: str) -> Decimal:
        """The feed's last answer."""
        return self.chain.price(symbol)

    def set_price(self, symbol: str, price: Number) -> None:
        self.chain.set_price(symbol, price)

    def move(self, symbol: str, by: Number) -> Decimal:
        """Multiplies a price by 1 + ``by`` (``"-0.3"`` is a fall of 30%). Returns the new price, in cents."""
        price = (self.price(symbol) * (1 + units.decimal_of(by))).quantize(Decimal("0.01"))
        self.set_price(symbol, price)
        return price

    def crash(self, date: str) -> dict[str, Decimal]:
        """Moves every listed asset by what it did on a historical day (``"2020-03-12"``). Returns the returns used."""
        from ballast.market.crashes import returns_on

        moves = {s: r for s, r in returns_on(date).items() if s in self.chain.deployment.feeds}
        for symbol, change in moves.items():
            self.move(symbol, change)
        return moves

    def warp(self, seconds: int) -> None:
        """Moves time on; every feed answers again, so that none is stale."""
        self.chain.warp(seconds, refresh=True)

    def accept_prices(self) -> None:
        """Starts the slow prices anew at today's, as the governor may: nothing deviates any more."""
        for symbol in self.chain.deployment.feeds:
            self.chain.reset_slow_price(symbol)

    def pump(self, symbol: str, price: Number) -> None:
        """A price that everybody has had time to get used to: set, then accepted as the slow price."""
        self.set_price(symbol, price)
        self.chain.reset_slow_price(symbol)
