"""A market.json from a live deployment: what its contracts say at one block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.chain.instruments import expiry_label
from ballast.chain.protocol import Protocol
from ballast.chain.reads import scan_events
from ballast.errors import ContractError, ReorgError, StaleDataError
from ballast.units import E6, WAD, from_units, from_wad

__all__ = ["ExpiryRead", "LiveMarket", "read_market_at"]

#: ``ISurfaceOracle.Current.basis`` of a forward that is the spot.
_BASIS = 10**15
#: Decimals of the SVI parameters, in the contract as in the file.
_SVI_DECIMALS = 12
_SVI_NAMES = ("a", "b", "rho", "m", "sigma")
_EXACT = Context(prec=60)
_QUOTE = 0


@dataclass(frozen=True)
class ExpiryRead:
    """What became of one expiry. ``entry`` is that of the file; without one, ``left_out`` says why. ``age`` is the
    surface's in seconds, ``confidence`` in 1e6."""

    underlying: str
    label: str
    entry: dict[str, Any] | None = None
    age: int = 0
    confidence: int = E6
    left_out: str = ""


@dataclass(frozen=True)
class LiveMarket:
    """``content`` is that of a market.json. ``notices`` say, one a line, what a file cannot or does not hold."""

    block: int
    time: int
    content: dict[str, Any]
    expiries: tuple[ExpiryRead, ...]
    notices: tuple[str, ...] = field(default=())


def read_market_at(protocol: Protocol, block: int | None = None) -> LiveMarket:
    """The market of all underlyings at the end of a block, default the latest; every call is of that block.

    Prices are the contract's integers, written exactly. A forward is index * basis, rounded down, as a refresh of the
    arrays would take it. ``StaleDataError`` where a price fails one of the router's guards, ``ReorgError`` where the
    block is replaced meanwhile.
    """
    return _Reading(protocol, block).market()


class _Reading:
    """The contracts that the Clearinghouse uses at one block, and what they say there."""

    def __init__(self, protocol: Protocol, block: int | None) -> None:
        head = protocol.w3.eth.get_block("latest" if block is None else block)
        self._protocol = protocol
        self._block, self._hash, self._time = head["number"], bytes(head["hash"]), head["timestamp"]
        _, router, engine_address = self._call(protocol.house.functions.modules())
        self._router = protocol.contract("OracleRouter", router)
        engine = protocol.contract("MarginEngine", engine_address)
        arrays = protocol.contract("RiskArrays", self._call(engine.functions.ARRAYS()))
        self._surfaces: Contract = protocol.contract("SurfaceOracle", self._call(arrays.functions.SURFACES()))
        self._strikes: Contract = protocol.contract("StrikeBook", self._call(arrays.functions.STRIKES()))

    def market(self) -> LiveMarket:
        quote = self._price("quote_price", _QUOTE)
        underlyings, expiries = {}, list(self._passed())
        for name, asset in self._protocol.deployment.underlyings.items():
            spot = self._price(f"underlyings.{name}.spot", asset)
            live = [
                self._expiry(name, asset, expiry, spot * WAD // quote)
                for expiry in sorted(self._call(self._strikes.functions.expiriesOf(asset)))
            ]
            underlyings[name] = self._underlying(name, spot, live)
            expiries += live
        if bytes(self._protocol.w3.eth.get_block(self._block)["hash"]) != self._hash:
            raise ReorgError(f"block {self._block}: replaced while it was read; take the snapshot again")
        content = {
            "time": f"{datetime.fromtimestamp(self._time, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "quote_price": _text(from_wad(quote)),
            "underlyings": underlyings,
        }
        return LiveMarket(self._block, self._time, content, tuple(expiries), tuple(self._notices(expiries)))

    # ------------------------------------------------------------ parts

    def _underlying(self, name: str, spot: int, live: list[ExpiryRead]) -> dict[str, Any]:
        """A file has one confidence for all expiries: the lowest."""
        confidence = min((one.confidence for one in live if one.entry), default=E6)
        made: dict[str, Any] = {"spot": _text(from_wad(spot)), "confidence": _text(from_units(confidence, 6))}
        perpetual = f"{name}-PERP"
        if perpetual in self._protocol.deployment.instruments:
            function = self._protocol.house.functions.markOf(self._protocol.instrument(perpetual))
            made["perp_mark"] = _text(from_wad(self._priced(f"underlyings.{name}.perp_mark", function)))
        return made | {"expiries": {one.label: one.entry for one in live if one.entry}}

    def _expiry(self, name: str, asset: int, expiry: int, index: int) -> ExpiryRead:
        label = expiry_label(expiry)
        if expiry <= self._time:  # nodes that answer calls of a block at a time before it
            return ExpiryRead(name, label, left_out="has passed")
        try:
            found = self._call(self._surfaces.functions.surfaceOf(asset, expiry))
        except ContractError as error:
            if error.name != "Surface_NoSurface":
                raise
            return ExpiryRead(name, label, left_out="no surface yet")
        slice_, signed, basis, time, confidence, _ = found
        forward = index * basis // _BASIS
        svi = dict(zip(_SVI_NAMES, slice_, strict=True))
        svi["m"] = _moved(svi["m"], signed, forward)
        entry = {
            "forward": _text(from_wad(forward)),
            "svi": {key: _text(from_units(value, _SVI_DECIMALS)) for key, value in svi.items()},
        }
        return ExpiryRead(name, label, entry, self._time - time, confidence)

    def _passed(self) -> Iterator[ExpiryRead]:
        """Expiries that were listed and are over: the contract forgets them, its log does not."""
        symbols = {asset: name for name, asset in self._protocol.deployment.underlyings.items()}
        start = self._protocol.deployment.start_block
        events = scan_events(self._protocol.w3, self._strikes, "StrikesListed", start, self._block)
        listed = sorted({(one["args"]["underlying"], one["args"]["expiry"]) for one in events})
        for asset, expiry in listed:
            if expiry <= self._time and asset in symbols:
                yield ExpiryRead(symbols[asset], expiry_label(expiry), left_out="has passed")

    def _notices(self, expiries: list[ExpiryRead]) -> Iterator[str]:
        fresh = self._call(self._surfaces.functions.limits())[0]
        for one in expiries:
            if one.left_out:
                yield f"{one.underlying} {one.label}: left out, {one.left_out}"
            elif one.age > fresh:
                yield (
                    f"{one.underlying} {one.label}: the surface is {one.age} s old, fresh is {fresh} s;"
                    " the contract charges for that, a file cannot say it"
                )
        for name in self._protocol.deployment.underlyings:
            found = {one.confidence for one in expiries if one.underlying == name and one.entry}
            if len(found) > 1:
                yield f"{name}: confidence differs between expiries; the lowest, {min(found) / E6:g}, is taken for all"

    # ------------------------------------------------------------ calls

    def _price(self, where: str, asset: int) -> int:
        """USD per whole unit, 1e18."""
        return self._priced(where, self._router.functions.price(asset))

    def _priced(self, where: str, function: ContractFunction) -> int:
        try:
            return int(self._call(function))
        except ContractError as error:
            raise StaleDataError(
                f"{where}: no usable price at block {self._block}: {error}; wait for the feed, or mend it"
            ) from None

    def _call(self, function: ContractFunction) -> Any:
        return function.call(block_identifier=self._block)


def _moved(m: int, signed: int, forward: int) -> int:
    """``m`` in 1e12 for a file whose k counts from ``forward``: volatilities stick to the strikes that they have at
    the signed forward. To the nearest: within 5e-13."""
    with localcontext(_EXACT):
        return int((m + (Decimal(signed) / Decimal(forward)).ln() * 10**_SVI_DECIMALS).to_integral_value())


def _text(number: Decimal) -> str:
    return f"{number:f}"
