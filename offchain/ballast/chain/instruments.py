"""Instrument numbers: ``kind << 28 | asset << 20 | serial``, as
``contracts/markets/Instrument.sol`` reads them."""

from __future__ import annotations

from ballast.errors import UsageError

__all__ = ["PERPETUAL", "SPOT", "instrument_id"]

SPOT = 1
PERPETUAL = 2

_MAX_KIND = 0xF
_MAX_ASSET = 0xFF
_MAX_SERIAL = 0xFFFFF


def instrument_id(kind: int, asset: int, serial: int = 0) -> int:
    """The instrument's number. A spot market's serial is its token's id; a perpetual's is 0."""
    if not (0 <= kind <= _MAX_KIND and 0 <= asset <= _MAX_ASSET and 0 <= serial <= _MAX_SERIAL):
        raise UsageError(f"instrument {kind}/{asset}/{serial}: out of range; kind is 4 bits, asset 8, serial 20")
    return kind << 28 | asset << 20 | serial
