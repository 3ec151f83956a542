"""What expires on a local chain that somebody is going to look at: two expiries of each underlying, with strikes around
the spot and a dated future, priced and fresh."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ballast.chain.deployment import Deployment
from ballast.chain.instruments import expiry_label
from ballast.chain.local import LocalChain

__all__ = ["list_expiries"]

_DAY: Final = 86_400
_EXPIRES: Final = 8 * 3_600  # 08:00 UTC
#: Days ahead, and the volatility of each expiry's surface at the forward.
_EXPIRIES: Final = {30: 0.65, 90: 0.6}
#: Strikes in percent of the spot.
_PARTS: Final = range(70, 131, 10)


def list_expiries(chain: LocalChain) -> Deployment:
    """Lists, signs and refreshes; returns the deployment with the new instruments among its own."""
    names: list[str] = []
    for asset in chain.params.assets:
        if asset.options is None or asset.futures is None:
            continue
        symbol, spot = asset.symbol, chain.price(asset.symbol)
        for days, vol in _EXPIRIES.items():
            expiry = (chain.now() // _DAY + days) * _DAY + _EXPIRES
            strikes = [_plain(spot * part / 100) for part in _PARTS]
            chain.options.list_strikes(symbol, expiry, strikes)
            chain.options.list_future(symbol, expiry)
            chain.options.set_surface(symbol, expiry, vol)
            chain.options.refresh(symbol, expiry)
            dated = f"{symbol}-{expiry_label(expiry)}"
            names += [dated, *(f"{dated}-{strike:f}-{side}" for strike in strikes for side in "CP")]
    listed = {name: chain.protocol.instrument(name) for name in names}
    return chain.deployment.model_copy(update={"instruments": {**chain.deployment.instruments, **listed}})


def _plain(strike: Decimal) -> Decimal:
    """Without superfluous zeros, as the names have it."""
    return strike.quantize(Decimal("0.000000001")).normalize()
