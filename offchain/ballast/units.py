"""Account numbers and exact decimal conversions.

On-chain amounts are ``int`` everywhere. A conversion is exact or a ``UsageError``; where a result
may be inexact the function's name says the direction (``_down``, ``_up``).
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, DecimalException, localcontext

from eth_utils.address import is_checksum_address, is_hex_address, to_checksum_address

from ballast.errors import UsageError

__all__ = [
    "ACCOUNT_BOUND",
    "E6",
    "E9",
    "QUOTE_DECIMALS",
    "QUOTE_UNIT",
    "WAD",
    "account_id",
    "decimal_of",
    "format_account",
    "from_units",
    "from_wad",
    "index_of",
    "owner_of",
    "parse_account",
    "parse_address",
    "to_units",
    "to_units_down",
    "to_units_nearest",
    "to_units_up",
    "to_wad",
]

#: Fixed point one.
WAD = 10**18
#: 100% of a rate.
E6 = 10**6
#: 100% of a premium.
E9 = 10**9
#: Decimals of the quote token.
QUOTE_DECIMALS = 6
#: USDC in 1e18 for one unit of the six-decimal quote token.
QUOTE_UNIT = 10 ** (18 - QUOTE_DECIMALS)
#: Account ids are below it: a 160-bit owner and an 8-bit index.
ACCOUNT_BOUND = 1 << 168

# Wide enough for any product of a uint256 and a power of ten that occurs here: nothing is rounded.
_EXACT = Context(prec=200, Emax=999_999, Emin=-999_999)
_INTEGER = re.compile(r"0[xX][0-9a-fA-F]{1,64}|[0-9]{1,80}")


def account_id(owner: str, index: int = 0) -> int:
    """``owner << 8 | index``.

    ``UsageError`` where ``owner`` is no address or ``index`` is not 0 to 255.
    """
    if not 0 <= index <= 0xFF:
        raise UsageError(f"account {owner}:{index}: index out of range; an index is 0 to 255")
    return int(parse_address(owner), 16) << 8 | index


def owner_of(account: int) -> str:
    """Checksummed address of the account's owner."""
    _require_account(account)
    return to_checksum_address((account >> 8).to_bytes(20, "big"))


def index_of(account: int) -> int:
    """Index of the account among its owner's, 0 to 255."""
    _require_account(account)
    return account & 0xFF


def format_account(account: int) -> str:
    """``0xOWNER:INDEX``, which ``parse_account`` reads back."""
    return f"{owner_of(account)}:{index_of(account)}"


def parse_account(text: str) -> int:
    """Account id from ``0xOWNER:INDEX``, ``0xOWNER`` (index 0) or an integer.

    A 40-digit hexadecimal is an owner, any other an id. ``UsageError`` where it is neither, or out
    of range.
    """
    text = text.strip()
    owner, colon, index = text.partition(":")
    if colon:
        if not re.fullmatch(r"[0-9]{1,3}", index):
            raise UsageError(f"account {text!r}: {index!r} is no index; write 0xOWNER:INDEX with an index of 0 to 255")
        return account_id(owner, int(index))
    if is_hex_address(text) and text[:2].lower() == "0x":
        return account_id(text)
    if not _INTEGER.fullmatch(text):
        raise UsageError(f"account {text!r}: not an account; write 0xOWNER:INDEX or an integer")
    account = int(text, 16) if text[:2].lower() == "0x" else int(text)
    if account >= ACCOUNT_BOUND:
        raise UsageError(f"account {text}: out of range; an id is owner << 8 | index, below 2^168")
    return account


def parse_address(text: str) -> str:
    """Checksummed address; ``UsageError`` where ``text`` is none, or its mixed-case checksum is
    wrong."""
    if not (is_hex_address(text) and text[:2].lower() == "0x"):
        raise UsageError(f"address {text!r}: not an address; write 0x and 40 hexadecimal digits")
    digits = text[2:]
    mixed = digits != digits.lower() and digits != digits.upper()
    if mixed and not is_checksum_address(text):
        raise UsageError(f"address {text}: wrong checksum; a digit or a letter's case is mistyped")
    return to_checksum_address(text)


def _require_account(account: int) -> None:
    if not 0 <= account < ACCOUNT_BOUND:
        raise UsageError(f"account {account}: out of range; an id is owner << 8 | index, below 2^168")


def decimal_of(value: Decimal | str | int) -> Decimal:
    """Exact finite decimal of a number; ``UsageError`` otherwise. Floats are refused: they are not
    exact."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise UsageError(f"number {value!r}: write a decimal string, it is exact")
    try:
        number = _EXACT.create_decimal(value)
    except DecimalException:
        raise UsageError(f"number {value!r}: not a decimal number") from None
    if not number.is_finite():
        raise UsageError(f"number {value!r}: not finite")
    return number


def to_units(amount: Decimal | str | int, decimals: int) -> int:
    """Token units of ``amount`` whole tokens, exact; ``UsageError`` where it has more than
    ``decimals`` decimals."""
    scaled = _scaled(amount, decimals)
    if scaled != scaled.to_integral_value():
        raise UsageError(f"number {amount}: more than {decimals} decimals")
    return int(scaled)


def to_units_down(amount: Decimal | str | int, decimals: int) -> int:
    """Token units of ``amount``, towards minus infinity."""
    return int(_scaled(amount, decimals).to_integral_value(ROUND_FLOOR))


def to_units_up(amount: Decimal | str | int, decimals: int) -> int:
    """Token units of ``amount``, towards plus infinity."""
    return int(_scaled(amount, decimals).to_integral_value(ROUND_CEILING))


def from_units(units: int, decimals: int) -> Decimal:
    """Whole tokens of ``units`` token units, exact."""
    with localcontext(_EXACT):
        number = Decimal(units).scaleb(-decimals).normalize()
        return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def to_units_nearest(amount: Decimal | str | int, decimals: int) -> int:
    """Units of ``amount``, to the nearest, ties to even: of what is no money."""
    return int(_scaled(amount, decimals).to_integral_value(ROUND_HALF_EVEN))


def to_wad(amount: Decimal | str | int) -> int:
    """``amount`` in 1e18, exact; ``UsageError`` beyond 18 decimals."""
    return to_units(amount, 18)


def from_wad(wad: int) -> Decimal:
    """Decimal of a number in 1e18, exact."""
    return from_units(wad, 18)


def _scaled(amount: Decimal | str | int, decimals: int) -> Decimal:
    with localcontext(_EXACT):
        return decimal_of(amount).scaleb(decimals)
