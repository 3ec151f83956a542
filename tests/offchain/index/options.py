"""Listed strikes, signed surfaces and risk arrays on a local chain."""

from __future__ import annotations

from typing import Any

from ballast.chain.instruments import expiry_of_label, series_of
from ballast.chain.local import LocalChain
from ballast.chain.surfaces import Surface, sign_surface

__all__ = ["list_and_refresh", "propose_again", "refresh"]


def list_and_refresh(chain: LocalChain, symbol: str, label: str, strikes: tuple[int, ...] = (90, 100, 110)) -> int:
    """Lists strikes (percent of spot), submits a flat surface and stores the arrays; returns the series."""
    asset, expiry = chain.deployment.underlyings[symbol], expiry_of_label(label)
    book = chain.protocol.contract("StrikeBook").functions
    spot = chain.protocol.price(symbol)
    chain.send(book.listStrikes(asset, expiry, [spot * part // 100 for part in strikes]), chain.governor)
    oracle = chain.protocol.contract("SurfaceOracle")
    surface = Surface(
        underlying=asset,
        expiry=expiry,
        time=chain.now(),
        spot=spot,
        forward=spot,
        a=20_000_000_000,
        b=100_000_000_000,
        rho=-200_000_000_000,
        m=0,
        sigma=200_000_000_000,
    )
    signature = sign_surface(surface, chain.accounts[0].key, chain.deployment.chain_id, oracle.address)
    chain.send(oracle.functions.submit(surface.as_tuple(), [signature]), chain.governor)
    refresh(chain, symbol, label)
    return series_of(asset, expiry)


def refresh(chain: LocalChain, symbol: str, label: str, *, proposed: bool = False, at_once: int = 255) -> None:
    """Prices all strikes, ``at_once`` in a call."""
    asset, expiry = chain.deployment.underlyings[symbol], expiry_of_label(label)
    arrays = chain.protocol.contract("RiskArrays").functions
    count = len(chain.protocol.contract("StrikeBook").functions.strikesOf(asset, expiry).call())
    function = arrays.refreshProposed if proposed else arrays.refresh
    for first in range(0, count, at_once):
        chain.send(function(asset, expiry, first, at_once), chain.governor)


def propose_again(chain: LocalChain, **changes: Any) -> dict[str, Any]:
    """Proposes the table that holds, its names lost, with some fields otherwise; returns it."""
    book = chain.protocol.contract("ScenarioBook").functions
    fields = ("tail", "termPower", "underlyings", "weights", "spot", "vol", "floors", "names")
    table = dict(zip(fields, book.table().call()[1], strict=True))
    table["names"] = [f"again {row}".encode().ljust(32, b"\0") for row in range(len(table["weights"]))]
    table |= changes
    chain.send(book.propose(tuple(table.values())), chain.governor)
    return table
