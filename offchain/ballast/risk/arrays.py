"""Risk arrays: each strike's profit and loss under every scenario, integer by integer as ``ArrayBuilder.sol``.

A scenario multiplies the forward and each strike's volatility; the volatility sticks to the strike, no time passes,
rates are zero:

    P&L  = forward (f c(f forward, vol') - c(forward, vol)) lot          f = 1 + spot move
    vol' = min(5, vol max(0.05, 1 + vol move (30 days / max(remaining, 1 day))^p))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from ballast.risk.black76 import call_value, call_with_greeks
from ballast.risk.fixed import ln_wad, pow_wad
from ballast.risk.rounding import div_trunc
from ballast.risk.svi import Slice, total_variance
from ballast.units import WAD

__all__ = ["FLOOR_ROWS", "LARGEST", "PRICE_UNIT", "QUANTUM", "Market", "Moves", "Record", "Series", "price_strike"]

#: Floor entries of a record: spot up with volatility up, up with down, down with up, down with down.
FLOOR_ROWS = 4
#: Strikes and marks are multiples of it, within 1e18: 1e-9 USDC.
PRICE_UNIT = 10**9
#: The P&L quantum within 1e18: 1e-6 USDC.
QUANTUM = 10**12
#: Largest entry in magnitude.
LARGEST = 2**15 - 1

_DAY = 86_400
_YEAR = 365 * _DAY
_MIN_FACTOR = WAD // 20
_MIN_VOL = WAD // 100
_MAX_VOL = 5 * WAD
_MAX_32 = 2**32 - 1
_MAX_64 = 2**64 - 1
#: From sum times forward times lot to 1e-6 USDC; all four factors of the product are in 1e18.
_SCALE = WAD * WAD * WAD * QUANTUM


@dataclass(frozen=True)
class Market:
    """What strikes of one expiry share: USDC per unit in 1e18, seconds, units in 1e18. The surface was read off at
    ``signed_forward``, where its k is zero, ``signed_remaining`` seconds before the expiry; ``forward`` and
    ``remaining`` are now's. Volatility stays, so variance is in proportion to the time."""

    forward: int
    signed_forward: int
    remaining: int
    signed_remaining: int
    lot: int
    slice: Slice

    @property
    def root_time(self) -> int:
        """sqrt(years), 1e18, rounded down."""
        return isqrt(self.remaining * WAD * WAD // _YEAR)

    def deviation(self, log_strike: int) -> int:
        """vol * sqrt(years) of a strike in 1e18, with the volatility within 1% and 500%."""
        return self._within(total_variance(self.slice, log_strike - ln_wad(self.signed_forward)))

    @property
    def deviation_at_forward(self) -> int:
        """The same at the signed forward."""
        return self._within(total_variance(self.slice, 0))

    def _within(self, w: int) -> int:
        deviation = isqrt(w * self.remaining // self.signed_remaining * WAD) if w > 0 else 0
        least, most = _MIN_VOL * self.root_time // WAD, _MAX_VOL * self.root_time // WAD
        return min(max(deviation, least), most)


@dataclass(frozen=True)
class Moves:
    """One underlying's column of a scenario table for one expiry: per row 1 + spot move and the volatility's factor,
    both 1e18; the floor's four rows first."""

    spot: tuple[int, ...]
    factors: tuple[int, ...]

    @classmethod
    def of(cls, spot: Sequence[int], vol: Sequence[int], remaining: int, term_power: int) -> Moves:
        """``spot`` and ``vol`` are 1 + move in 1e18; ``remaining`` is in seconds, ``term_power`` is p in 1e18."""
        term = pow_wad(30 * _DAY * WAD // max(remaining, _DAY), term_power)
        factors = tuple(max(_MIN_FACTOR, WAD + div_trunc((one - WAD) * term, WAD)) for one in vol)
        return cls(tuple(spot), factors)


@dataclass(frozen=True)
class Record:
    """A strike's array: what the contract stores of it.

    ``strike`` and ``mark`` (of the call, per unit) are in 1e-9 USDC, ``delta`` in 1e9, ``gamma`` times the forward in
    1e6, ``vega`` times the volatility over the forward in 1e9, ``scale`` in 1e-6 USDC per lot and step. ``entries``
    are the call's P&L per lot over the scale, rounded down: the floor's four, then the scenarios'.
    """

    strike: int
    mark: int
    delta: int
    gamma: int
    vega: int
    scale: int
    entries: tuple[int, ...]

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """From the record's bytes in the blob."""
        word = int.from_bytes(data[:32], "big")
        raw = (int.from_bytes(data[at : at + 2], "big") for at in range(32, len(data), 2))
        return cls(
            strike=word >> 192,
            mark=word >> 128 & _MAX_64,
            delta=word >> 96 & _MAX_32,
            gamma=word >> 64 & _MAX_32,
            vega=word >> 32 & _MAX_32,
            scale=word & _MAX_32,
            entries=tuple(entry - LARGEST - 1 for entry in raw),
        )

    def encode(self) -> bytes:
        """The record's bytes in the blob. ``OverflowError`` where a lot's P&L is beyond their range."""
        if self.scale > _MAX_32:
            raise OverflowError(
                f"strike {self.strike}: a lot's P&L is beyond what a record can hold, scale {self.scale}"
            )
        word = (
            self.strike << 192 | self.mark << 128 | self.delta << 96 | self.gamma << 64 | self.vega << 32 | self.scale
        )
        return word.to_bytes(32, "big") + b"".join((entry + LARGEST + 1).to_bytes(2, "big") for entry in self.entries)


@dataclass(frozen=True)
class Series:
    """The arrays of one expiry, as their blob has them.

    ``spot`` and ``forward`` are USDC per unit in 1e18 when they were computed at ``time``, ``remaining`` seconds before
    the expiry; ``band`` in 1e9 of the forward, ``lot`` in units of 1e18, ``confidence`` in 1e6.
    """

    spot: int
    forward: int
    time: int
    version: int
    round: int
    surface_time: int
    remaining: int
    band: int
    lot: int
    confidence: int
    records: tuple[Record, ...]

    @property
    def rows(self) -> int:
        """K."""
        return len(self.records[0].entries) - FLOOR_ROWS if self.records else 0

    @classmethod
    def decode(cls, blob: bytes) -> Series:
        """From the blob's bytes, the code of its contract without the first byte."""
        first, second = (int.from_bytes(blob[at : at + 32], "big") for at in (0, 32))
        count, rows = first >> 16 & 0xFF, first >> 8 & 0xFF
        size = 32 + 2 * (FLOOR_ROWS + rows)
        return cls(
            spot=first >> 160,
            forward=first >> 64 & 2**96 - 1,
            time=first >> 24 & 2**40 - 1,
            version=second >> 224,
            round=second >> 192 & _MAX_32,
            surface_time=second >> 152 & 2**40 - 1,
            remaining=second >> 120 & _MAX_32,
            band=second >> 88 & _MAX_32,
            lot=second >> 24 & _MAX_64,
            confidence=second & 0xFFFFFF,
            records=tuple(Record.decode(blob[64 + i * size : 64 + (i + 1) * size]) for i in range(count)),
        )

    def encode(self) -> bytes:
        """The blob's bytes."""
        first = self.spot << 160 | self.forward << 64 | self.time << 24 | len(self.records) << 16 | self.rows << 8
        second = (self.version << 224 | self.round << 192 | self.surface_time << 152 | self.remaining << 120) | (
            self.band << 88 | self.lot << 24 | self.confidence
        )
        return first.to_bytes(32, "big") + second.to_bytes(32, "big") + b"".join(one.encode() for one in self.records)


def price_strike(market: Market, moves: Moves, strike: int) -> Record:
    """The record of one strike (USDC in 1e18)."""
    log_strike = ln_wad(strike)
    moneyness = ln_wad(market.forward) - log_strike
    ratio = strike * WAD // market.forward
    deviation = market.deviation(log_strike)
    value, delta, density = call_with_greeks(moneyness, ratio, deviation)
    most = _MAX_VOL * market.root_time // WAD
    profits = []
    for move, factor in zip(moves.spot, moves.factors, strict=True):
        then = call_value(moneyness + ln_wad(move), ratio * WAD // move, min(deviation * factor // WAD, most))
        profits.append(move * then - WAD * value)
    size = market.forward * market.lot
    scale = max(map(abs, profits)) * size // (_SCALE * LARGEST) + 1
    return Record(
        strike=strike // PRICE_UNIT,
        mark=value * market.forward // (WAD * PRICE_UNIT),
        delta=delta // 10**9,
        gamma=min(density * 10**6 // max(deviation, 1), _MAX_32),
        vega=min(density * deviation // (WAD * 10**9), _MAX_32),
        scale=scale,
        entries=tuple(profit * size // (_SCALE * scale) for profit in profits),
    )
