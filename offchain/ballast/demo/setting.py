"""The local network's parameters, fitted to a price path."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from ballast import units
from ballast.chain.params import AssetParams, NetworkParams
from ballast.errors import UsageError
from ballast.market import PricePath

__all__ = ["listed_prices", "params_for"]

_DAY = 86_400


def listed_prices(symbols: Collection[str] | None = None) -> dict[str, Decimal]:
    """Starting prices (USD) of the local network's coins, the quote token left out."""
    params = NetworkParams.load("local")
    found = {asset.symbol: asset.feed.price for asset in params.assets[1:]}
    return {
        symbol: price for symbol, price in found.items() if price is not None and (symbols is None or symbol in symbols)
    }


def params_for(path: PricePath) -> NetworkParams:
    """The local network with the path's coins only, starting at its first prices.

    ``UsageError`` where the path leaves the bounds within which a coin's feed answers.
    """
    params = NetworkParams.load("local")
    assets = [params.assets[0]]
    lowest, highest = path.lowest, path.highest
    for asset in params.assets[1:]:
        if asset.symbol in path.symbols:
            _require_bounds(asset, lowest[asset.symbol], highest[asset.symbol])
            _require_steps(asset, path)
            feed = asset.feed.model_copy(update={"price": path.start[asset.symbol]})
            assets.append(asset.model_copy(update={"feed": feed}))
    scenarios = params.scenarios.model_copy(update={"table": params.scenarios.table.only(path.symbols)})
    return params.model_copy(update={"assets": assets, "scenarios": scenarios})


def _require_bounds(asset: AssetParams, lowest: Decimal, highest: Decimal) -> None:
    feed = asset.feed
    for price in (lowest, highest):
        if not feed.min_answer < price < feed.max_answer:
            raise UsageError(
                f"{asset.symbol}: a price of {price:f} USD is outside its feed's bounds, above"
                f" {feed.min_answer:f} and below {feed.max_answer:f}; are the prices in USD?"
            )


def _require_steps(asset: AssetParams, path: PricePath) -> None:
    """Refuses a move within a day that the router's hard bounds would: the slow price cannot follow it."""
    factor = Decimal(asset.feed.hard_factor) / units.E6
    for at, point in enumerate(path.points):
        price = point.prices[asset.symbol]
        for earlier in reversed(path.points[:at]):
            if point.seconds - earlier.seconds > _DAY:
                break
            before = earlier.prices[asset.symbol]
            if not before < price * factor or not price < before * factor:
                raise UsageError(
                    f"{asset.symbol}: goes from {before:f} to {price:f} USD within a day ({point.label}); the protocol"
                    f" takes no price {factor:f} times off its slow price: leave the day or the coin out"
                )
