"""Multiplication and division whose names say the direction: ``contracts/libraries/Rounding.sol``.

As on the chain, what does not fit the word is an error (``OverflowError``), not a larger number.
"""

from __future__ import annotations

__all__ = [
    "div_trunc",
    "mul_div_down",
    "mul_div_floor",
    "mul_div_trunc",
    "mul_div_up",
    "signed",
    "wrap_signed",
]

_BITS = 256


def _product(a: int, b: int) -> int:
    product = a * b
    if product >> _BITS:
        raise OverflowError("a product exceeds 256 bits, where the contract reverts")
    return product


def mul_div_down(a: int, b: int, d: int) -> int:
    """a * b / d towards zero, for a, b >= 0 and d > 0."""
    return _product(a, b) // d


def mul_div_up(a: int, b: int, d: int) -> int:
    """a * b / d away from zero, for a, b >= 0 and d > 0."""
    product = _product(a, b)
    return -(-product // d) if product else 0


def mul_div_floor(a: int, b: int, d: int) -> int:
    """a * b / d towards minus infinity, for b >= 0 and d > 0."""
    return _negated(mul_div_up(-a, b, d)) if a < 0 else _cast(mul_div_down(a, b, d))


def mul_div_trunc(a: int, b: int, d: int) -> int:
    """a * b / d towards zero, keeping the sign, for b >= 0 and d > 0."""
    return _negated(mul_div_down(-a, b, d)) if a < 0 else _cast(mul_div_down(a, b, d))


def _cast(magnitude: int) -> int:
    """``int256(uint256)``, which is not checked."""
    return wrap_signed(magnitude, _BITS)


def _negated(magnitude: int) -> int:
    return signed(-_cast(magnitude), _BITS)


def div_trunc(a: int, d: int) -> int:
    """a / d towards zero, as Solidity divides signed numbers; d > 0."""
    return -(-a // d) if a < 0 else a // d


def signed(value: int, bits: int = _BITS) -> int:
    """The value itself; an error where it does not fit a signed number of so many bits."""
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise OverflowError(f"a number exceeds {bits} bits, where the contract reverts")
    return value


def wrap_signed(value: int, bits: int) -> int:
    """What a narrowing cast to a signed number of so many bits leaves."""
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half
