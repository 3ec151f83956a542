"""A desk whose chain has options and a dated future listed, priced and fresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ballast.chain.instruments import expiry_of_label, instrument_of_name, series_market, series_of
from ballast.chain.settlement import Settlement
from ballast.chain.signers import UnlockedSigner
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.scenes import Scenes

__all__ = ["CALL", "EXPIRY", "FUTURE", "LABEL", "PUT", "STRIKES", "OptionDesk"]

LABEL = "27MAR26"
EXPIRY = expiry_of_label(LABEL)
STRIKES = (2_500, 2_800, 3_000, 3_200, 3_500)
CALL = f"ETH-{LABEL}-3200-C"
PUT = f"ETH-{LABEL}-2800-P"
FUTURE = f"ETH-{LABEL}"


class OptionDesk(Scenes):
    """``Scenes`` with what expires."""

    def list_options(self, symbol: str = "ETH", label: str = LABEL, strikes: Sequence[int] = STRIKES) -> None:
        self.chain.options.list_strikes(symbol, label, strikes)
        self.chain.options.list_future(symbol, label)
        self.refresh(symbol, label)

    def refresh(self, symbol: str = "ETH", label: str = LABEL, vol: float = 0.6) -> None:
        """A new surface at the spot, and arrays of it."""
        self.chain.options.set_surface(symbol, label, vol)
        self.chain.options.refresh(symbol, label)

    def index(self, symbol: str = "ETH") -> int:
        """USDC per unit, 1e18, rounded down."""
        return int(self.chain.options._index(symbol))

    def series(self, symbol: str = "ETH", label: str = LABEL) -> int:
        return series_of(self.chain.deployment.underlyings[symbol], expiry_of_label(label))

    def fill_at_mark(self, seller: int, buyer: int, name: str, size: int) -> None:
        """A fill at the mark to the wei, whatever the tick."""
        mark = self.protocol.mark(name)
        made, taken = self.chain.order(seller, name, -size), self.chain.order(buyer, name, size)
        self.match(replace(made, limitPrice=mark), replace(taken, limitPrice=mark))

    def options(self, account: int) -> dict[int, int]:
        """Sizes by instrument, 1e18."""
        return dict(zip(*self.house.functions.optionsOf(account).call(), strict=True))

    def interest(self, symbol: str) -> int:
        """Open interest, 1e18."""
        return int(self.market(symbol)["openInterest"])

    def pool(self, symbol: str = "ETH", label: str = LABEL) -> dict[str, Any]:
        """The market of a series' options together."""
        return dict(self._named("marketOf", series_market(self.series(symbol, label)))[0])

    def expire(self, price: int, symbol: str = "ETH", label: str = LABEL) -> None:
        """Moves time to the expiry, with the feed at ``price`` for the window before it."""
        expiry = expiry_of_label(label)
        self.chain.advance(expiry - 3_600 - self.chain.now())
        self.chain.refresh_prices()
        self.chain.set_price(symbol, price)
        self.chain.reset_slow_price(symbol)
        self.chain.advance(expiry - self.chain.now())
        self.chain.refresh_prices()

    def fix(self, symbol: str = "ETH", label: str = LABEL) -> int:
        """Fixes the settlement price of an expiry that has passed; USDC 1e18."""
        signer = UnlockedSigner(self.chain.actor("settler").address)
        asset, expiry = self.chain.deployment.underlyings[symbol], expiry_of_label(label)
        settlement = Settlement(self.protocol)
        settlement.settle(signer, asset, expiry)
        price = settlement.price(asset, expiry)
        assert price is not None
        return price

    def require_options(self, names: Sequence[str], accounts: Sequence[int]) -> None:
        """I1 of options that have not settled: sizes of each sum to zero, longs to its open interest."""
        for name in names:
            sizes = [self.protocol.position(account, name) for account in accounts]
            assert sum(sizes) == 0, f"I1: sizes of {name} sum to {sum(sizes)}"
            assert self.interest(name) == sum(size for size in sizes if size > 0), f"I1: open interest of {name}"

    def require_series(self, price: int, names: Sequence[str], accounts: Sequence[int]) -> None:
        """I1 of a settled series: what is still to be paid and claimed, and the remainder, is what the pool has."""
        left = 0
        for name in names:
            strike, side = int(name.split("-")[2]) * WAD, name[-1]
            payoff = max(0, price - strike if side == "C" else strike - price)
            left += sum(self.protocol.position(account, name) for account in accounts) * payoff // WAD
        number = series_market(self.series())
        claims = sum(int(self.house.functions.unsettledOf(account, number).call()) for account in accounts)
        pool = self.pool()
        gap = pool["pool"] * QUOTE_UNIT - pool["residual"] - left - claims
        assert 0 <= gap <= len(accounts), f"I1: payoffs are {gap} off the pool"

    def number(self, name: str) -> int:
        asset = self.chain.deployment.underlyings[name.partition("-")[0]]
        strikes = self.protocol.strikes(asset, expiry_of_label(name.split("-")[1]))
        return instrument_of_name(name, asset, strikes)
