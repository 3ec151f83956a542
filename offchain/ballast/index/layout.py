"""Where the ledger keeps what: ``contracts/ledger/LedgerStorage.sol``, transcribed.

The structs below are the contract's, field by field; slots and offsets follow from Solidity's
packing rules. A test compares every one of them with the compiler's own layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

__all__ = [
    "ACCOUNT_BALANCES",
    "ACCOUNT_HEADER",
    "ACCOUNT_OPTIONS",
    "ACCOUNT_QUOTES",
    "ACCOUNT_SERIES",
    "ACCOUNT_SIZES",
    "BANK",
    "GLOBALS",
    "MARKET",
    "OPERATOR",
    "Field",
    "Struct",
    "mapping_slot",
]

_WORD = 32
_BYTES = {"bool": 1, "address": 20}


@dataclass(frozen=True, slots=True)
class Field:
    """``offset`` bytes from the low end of word ``slot``."""

    slot: int
    offset: int
    kind: str

    @property
    def size(self) -> int:
        return _size(self.kind)

    def read(self, words: Sequence[int]) -> int:
        """The field's number in the struct's words; addresses and bools as numbers too."""
        value = words[self.slot] >> (8 * self.offset) & (1 << 8 * self.size) - 1
        if self.kind.startswith("int") and value >> (8 * self.size - 1):
            value -= 1 << 8 * self.size
        return value


class Struct:
    """Fields of consecutive words.

    A ``Struct`` among them begins and ends at a word, as in Solidity.
    """

    def __init__(self, fields: Mapping[str, str | Struct], first: int = 0) -> None:
        self.fields: dict[str, Field] = {}
        slot: int = first
        offset = 0
        for name, kind in fields.items():
            whole = isinstance(kind, Struct)
            size = _WORD if isinstance(kind, Struct) else _size(kind)
            if offset and (whole or offset + size > _WORD):
                slot, offset = slot + 1, 0
            if isinstance(kind, Struct):
                for inner, field in kind.fields.items():
                    self.fields[f"{name}.{inner}"] = Field(slot + field.slot, field.offset, field.kind)
                slot += kind.words
            else:
                self.fields[name] = Field(slot, offset, kind)
                offset += size
        self.words: int = slot + (offset > 0)

    def read(self, words: Sequence[int]) -> dict[str, int]:
        """All fields of the struct's words."""
        return {name: field.read(words) for name, field in self.fields.items()}


def _size(kind: str) -> int:
    return _BYTES.get(kind) or int(kind.lstrip("uint")) // 8


def mapping_slot(key: int, slot: int) -> int:
    """First slot of a mapping's value, the mapping being at ``slot``."""
    return int.from_bytes(keccak(key.to_bytes(_WORD, "big") + slot.to_bytes(_WORD, "big")), "big")


ACCOUNT_HEADER: Final = Struct(
    {
        "tokens": "uint32",
        "linears": "uint8",
        "model": "uint8",
        "flaggedAt": "uint40",
        "steps": "uint32",
        "riskBlock": "uint48",
        "options": "uint8",
    }
)
#: Words of an account after its header: balances, sizes and quotes, two halves a word; series in one word, and options,
#: four a word.
ACCOUNT_BALANCES: Final = 1
ACCOUNT_SIZES: Final = 17
ACCOUNT_QUOTES: Final = 37
ACCOUNT_SERIES: Final = 57
ACCOUNT_OPTIONS: Final = 58

BANK: Final = Struct(
    {
        "depositIndex": "uint72",
        "borrowIndex": "uint72",
        "depositRate": "uint32",
        "borrowRate": "uint32",
        "updatedAt": "uint32",
        "asset": "uint8",
        "decimals": "uint8",
        "depositShares": "uint128",
        "borrowShares": "uint128",
        "held": "uint128",
        "pools": "uint128",
        "insurance": "uint128",
        "fees": "uint128",
        "token": "address",
        "reserveFactor": "uint32",
        "kink": "uint32",
        "baseRate": "uint32",
        "kinkSlope": "uint32",
        "maxSlope": "uint32",
        "supplyCap": "uint128",
        "borrowCap": "uint128",
        "uncovered": "uint128",
    }
)

MARKET: Final = Struct(
    {
        "hot": Struct(
            {
                "funding": "int64",
                "lossLong": "uint64",
                "lossShort": "uint64",
                "premium": "int32",
                "updatedAt": "uint32",
            }
        ),
        "sums": Struct(
            {
                "openInterest": "uint96",
                "pool": "uint96",
                "residual": "uint64",
                "quoteLong": "int128",
                "quoteShort": "int128",
            }
        ),
        "claims": Struct({"shares": "uint128", "index": "uint64", "epoch": "uint64"}),
        "config": Struct(
            {
                "lot": "uint64",
                "tick": "uint64",
                "minSize": "uint72",
                "makerFee": "uint24",
                "takerFee": "uint24",
                "band": "uint24",
                "bandAbsolute": "uint64",
                "openInterestCap": "uint96",
            }
        ),
        "listed": "bool",
        "reduceOnly": "bool",
        "sampledAt": "uint40",
    }
)

OPERATOR: Final = Struct({"validUntil": "uint64", "budgetWad": "uint96", "spentWad": "uint96"})

#: The ledger's own slots, from 0 on; mappings are named by their slot alone.
GLOBALS: Final = Struct(
    {
        "_authority": "address",
        "_consumingSchedule": "bool",
        "_router": "address",
        "_pausedUntil": "uint40",
        "_engine": "address",
        "_tokenCount": "uint8",
        "_premium": Struct(
            {
                "premiumCap": "uint32",
                "fundingCap": "uint32",
                "sampleWindow": "uint32",
                "fundingPeriod": "uint32",
                "maxQuoteAge": "uint32",
                "maxSpread": "uint32",
                "minQuotes": "uint8",
            }
        ),
        "_liquidation": Struct(
            {
                "target": "uint32",
                "startRate": "uint32",
                "healthSlope": "uint32",
                "rampRate": "uint32",
                "maxRate": "uint32",
                "insuranceFee": "uint32",
                "fundStepCap": "uint32",
                "fundDayCap": "uint32",
                "rampTime": "uint32",
                "dust": "uint96",
            }
        ),
        "_fundDay": "uint40",
        "_fundSpent": "uint128",
        "_tradeFeeRecipient": "address",
        "_reserveRecipient": "address",
        "_accounts": "uint256",
        "_banks": "uint256",
        "_tokenIds": "uint256",
        "_markets": "uint256",
        "_operators": "uint256",
        "_operatorDays": "uint256",
        "_filled": "uint256",
        "_cancelled": "uint256",
        "_quoters": "uint256",
    }
)
