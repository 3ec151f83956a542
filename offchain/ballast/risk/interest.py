"""Interest of a token bank, as ``contracts/ledger/Interest.sol`` computes it."""

from __future__ import annotations

from typing import Protocol

from ballast.risk.rounding import mul_div_down, mul_div_up
from ballast.units import WAD

__all__ = ["INDEX_MAX", "BankIndices", "amount_of", "indices"]

#: An index stays within the 72 bits of its slot.
INDEX_MAX = 2**72 - 1
_RATE_SCALE = 10**17
_UINT32_MAX = 2**32 - 1


class BankIndices(Protocol):
    """What interest needs of a bank: indices in 1e18, rates in parts per 1e17 and second."""

    @property
    def deposit_index(self) -> int: ...
    @property
    def borrow_index(self) -> int: ...
    @property
    def deposit_rate(self) -> int: ...
    @property
    def borrow_rate(self) -> int: ...
    @property
    def updated_at(self) -> int: ...


def indices(bank: BankIndices, now: int) -> tuple[int, int]:
    """Deposit and borrow index at second ``now``, 1e18: deposits rounded down, debts up."""
    deposit, borrow = bank.deposit_index, bank.borrow_index
    elapsed = (now & _UINT32_MAX) - bank.updated_at
    if elapsed < 0:
        raise OverflowError("the bank was updated later than now, where the contract reverts")
    if elapsed == 0:
        return deposit, borrow
    borrow += mul_div_up(borrow, bank.borrow_rate * elapsed, _RATE_SCALE)
    if borrow > INDEX_MAX:  # debts grow no further, so deposits do not either
        return deposit, INDEX_MAX
    deposit += mul_div_down(deposit, bank.deposit_rate * elapsed, _RATE_SCALE)
    return min(deposit, INDEX_MAX), borrow


def amount_of(shares: int, deposit_index: int, borrow_index: int) -> int:
    """Signed token units behind shares: a deposit rounded down, a debt away from zero."""
    if shares >= 0:
        return mul_div_down(shares, deposit_index, WAD)
    return -mul_div_up(-shares, borrow_index, WAD)
