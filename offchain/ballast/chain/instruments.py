"""Instrument numbers, ``kind << 28 | asset << 20 | serial`` as ``contracts/markets/Instrument.sol`` reads them, and
the names of what expires: ``ETH-26MAR27`` is a dated future, ``ETH-26MAR27-3500-C`` (or ``-P``) an option.

The serial of what expires is ``day << 6 | index << 1 | put``: days since 2020-01-01 at whose 08:00 UTC it expires,
the strike's index in the strike book, and 1 for a put. Each instrument has one name, and each name one instrument.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ballast.errors import UsageError
from ballast.units import from_wad, to_wad

__all__ = [
    "FUTURE",
    "OPTION",
    "PERPETUAL",
    "SERIES",
    "SPOT",
    "Dated",
    "expiry_label",
    "expiry_of_label",
    "expiry_of_series",
    "instrument_id",
    "instrument_of_name",
    "kind_of",
    "name_of_instrument",
    "option_parts",
    "options_listing",
    "parse_dated",
    "series_market",
    "series_of",
    "series_of_instrument",
]

SPOT = 1
PERPETUAL = 2
FUTURE = 3
OPTION = 4
#: The market of an expiry's options together.
SERIES = 5

_MAX_KIND = 0xF
_MAX_ASSET = 0xFF
_MAX_SERIAL = 0xFFFFF
_MAX_DAY = (1 << 14) - 1
#: The first time at which something can expire.
_FIRST_EXPIRY = datetime(2020, 1, 1, 8, tzinfo=UTC)
_DAY = timedelta(days=1)
# Not strftime's: that follows the locale.
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LABEL = re.compile(r"([1-9][0-9]?)([A-Z]{3})([0-9]{2})", re.ASCII)
_STRIKE = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", re.ASCII)
_UNDERLYING = re.compile(r"[A-Z0-9]+", re.ASCII)
_PUT_BY_SIDE = {"C": False, "P": True}


def instrument_id(kind: int, asset: int, serial: int = 0) -> int:
    """The instrument's number. A spot market's serial is its token's id; a perpetual's is 0."""
    if not (0 <= kind <= _MAX_KIND and 0 <= asset <= _MAX_ASSET and 0 <= serial <= _MAX_SERIAL):
        raise UsageError(f"instrument {kind}/{asset}/{serial}: out of range; kind is 4 bits, asset 8, serial 20")
    return kind << 28 | asset << 20 | serial


@dataclass(frozen=True)
class Dated:
    """What expires, as its name says it: ``expiry`` in Unix seconds; ``strike`` in USDC, 1e18, and ``put`` of an
    option, ``None`` and ``False`` of a future."""

    underlying: str
    expiry: int
    strike: int | None = None
    put: bool = False

    def __str__(self) -> str:
        name = f"{self.underlying}-{expiry_label(self.expiry)}"
        return name if self.strike is None else f"{name}-{from_wad(self.strike):f}-{'P' if self.put else 'C'}"


def expiry_label(expiry: int) -> str:
    """``26MAR27`` of the Unix seconds of an expiry."""
    date = _FIRST_EXPIRY + _day_of(expiry) * _DAY
    return f"{date.day}{_MONTHS[date.month - 1]}{date.year % 100:02}"


def expiry_of_label(label: str) -> int:
    """Unix seconds of ``26MAR27``, 08:00 UTC."""
    right = "write day, month and year as in 26MAR27 or 5JAN27"
    match = _LABEL.fullmatch(label)
    if match is None or match[2] not in _MONTHS:
        raise UsageError(f"expiry {label!r}: not a date; {right}")
    try:
        date = datetime(2000 + int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]), 8, tzinfo=UTC)
    except ValueError:
        raise UsageError(f"expiry {label!r}: no such day; {right}") from None
    return _require_expiry(int(date.timestamp()))


def series_of(asset: int, expiry: int) -> int:
    """``asset << 14 | day``: what options on one forward have in common."""
    return asset << 14 | _day_of(expiry)


def expiry_of_series(series: int) -> int:
    """Unix seconds of a series' expiry."""
    return int(_FIRST_EXPIRY.timestamp()) + (series & _MAX_DAY) * 86_400


def kind_of(instrument: int) -> int:
    """What an instrument is, claims apart: theirs is none of the kinds."""
    return instrument >> 28


def series_of_instrument(instrument: int) -> int:
    """The series of a dated future, an option or a series' market."""
    return instrument >> 6 & 0x3FFFFF


def option_parts(instrument: int) -> tuple[int, int, bool]:
    """Series, index of the strike, and whether it is a put, of an option's number."""
    return series_of_instrument(instrument), instrument >> 1 & 31, bool(instrument & 1)


def options_listing(asset: int) -> int:
    """The number under which an underlying's options are listed together."""
    return OPTION << 28 | asset << 20


def series_market(series: int) -> int:
    """The number of the market of a series' options together."""
    return SERIES << 28 | series << 6


def parse_dated(name: str) -> Dated:
    """What a name such as ``ETH-26MAR27`` or ``ETH-26MAR27-3500-C`` says; a ``UsageError`` where it is none."""
    where = f"instrument {name!r}"
    underlying, *parts = name.split("-")
    if len(parts) not in (1, 3) or not _UNDERLYING.fullmatch(underlying):
        raise UsageError(f"{where}: not a future or option; write ETH-26MAR27 or ETH-26MAR27-3500-C")
    try:
        expiry = expiry_of_label(parts[0])
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if len(parts) == 1:
        return Dated(underlying, expiry)
    _, strike, side = parts
    if side not in _PUT_BY_SIDE:
        raise UsageError(f"{where}: {side!r} is neither call nor put; end with -C or -P")
    return Dated(underlying, expiry, _parse_strike(where, strike), _PUT_BY_SIDE[side])


def instrument_of_name(name: str, asset: int, strikes: Sequence[int] = ()) -> int:
    """The number of a future or option. ``asset`` is its underlying's id, ``strikes`` the expiry's listed ones, USDC
    in 1e18 and in the order of their indices; a future needs none."""
    found = parse_dated(name)
    serial = _day_of(found.expiry) << 6
    if found.strike is None:
        return instrument_id(FUTURE, asset, serial)
    if found.strike not in strikes:
        listed = ", ".join(f"{from_wad(strike):f}" for strike in sorted(strikes)) or "none"
        raise UsageError(f"instrument {name!r}: strike {from_wad(found.strike):f} is not listed; listed are {listed}")
    return instrument_id(OPTION, asset, serial | strikes.index(found.strike) << 1 | found.put)


def name_of_instrument(number: int, underlying: str, strikes: Sequence[int] = ()) -> str:
    """The name of a future's or option's number; ``strikes`` as for ``instrument_of_name``."""
    kind, serial = number >> 28, number & _MAX_SERIAL
    day, index, put = serial >> 6, serial >> 1 & 31, bool(serial & 1)
    expiry = int((_FIRST_EXPIRY + day * _DAY).timestamp())
    if kind == FUTURE and index == 0 and not put:
        return str(Dated(underlying, expiry))
    if kind != OPTION:
        raise UsageError(
            f"instrument {number}: neither a future nor an option; kind << 28 | asset << 20 | serial has kind {FUTURE} "
            f"and an even serial without an index, or kind {OPTION}"
        )
    if index >= len(strikes):
        raise UsageError(f"instrument {number}: no strike {index} at {expiry_label(expiry)}; {len(strikes)} are listed")
    return str(Dated(underlying, expiry, strikes[index], put))


def _day_of(expiry: int) -> int:
    return (_require_expiry(expiry) - int(_FIRST_EXPIRY.timestamp())) // 86_400


def _require_expiry(expiry: int) -> int:
    seconds = expiry - int(_FIRST_EXPIRY.timestamp())
    if seconds % 86_400 or not 0 <= seconds // 86_400 <= _MAX_DAY:
        last = _FIRST_EXPIRY + _MAX_DAY * _DAY
        raise UsageError(
            f"expiry {expiry}: not one; an expiry is 08:00 UTC of a day from 2020-01-01 to {last:%Y-%m-%d}"
        )
    return expiry


def _parse_strike(where: str, text: str) -> int:
    if not _STRIKE.fullmatch(text) or text == "0":
        raise UsageError(
            f"{where}: {text!r} is no strike; write a positive number without superfluous zeros, as 3500 or 0.55"
        )
    try:
        return to_wad(text)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
