"""Tables: every piece of state is a row that held from one block to another.

A row holds from ``valid_from`` (the block that wrote it) until ``valid_to`` (the block that
replaced it; ``OPEN`` while it is current). The state at block N is all rows with ``valid_from <= N
< valid_to``, a roll-back to block A deletes what began after A and re-opens what ended after A.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = [
    "ACCOUNT",
    "BALANCE",
    "BANK",
    "BLOCK",
    "CANCELLED",
    "FILLED",
    "LISTING",
    "MARKET",
    "META",
    "METADATA",
    "OPEN",
    "OPERATOR",
    "PARAMETER",
    "POSITION",
    "QUOTER",
    "SCHEMA_VERSION",
    "SOURCE",
    "SYNCED",
    "TOKEN",
    "VERSIONED",
    "Versioned",
]

#: Raised when a table changes, or which contracts are followed; a database of another version is refused.
SCHEMA_VERSION = 3
#: ``valid_to`` of a row that holds now.
OPEN = 2**63 - 1

METADATA = MetaData()


class Wide(TypeDecorator[int]):
    """An integer of up to 256 bits, as decimal text: exact on every database, and readable."""

    impl = String(80)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class AccountKey(TypeDecorator[int]):
    """An account id as ``0x`` and 42 digits: the owner's forty, then the index.

    Of one width, so it sorts.
    """

    impl = String(44)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else f"0x{value:042x}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value, 16)


class Document(TypeDecorator[Any]):
    """JSON as text: a database's own JSON type may round integers beyond 64 bits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


@dataclass(frozen=True)
class Versioned:
    """A table of versions.

    ``defaults`` is the row of a key that has none, ``is_absent`` says which rows mean the same as
    none and are not stored.
    """

    table: Table
    keys: tuple[str, ...]
    defaults: Mapping[str, Any]
    is_absent: Callable[[Mapping[str, Any]], bool] = field(default=lambda row: False)

    @property
    def name(self) -> str:
        return self.table.name


VERSIONED: list[Versioned] = []


def _versioned(
    name: str,
    keys: dict[str, TypeEngine[Any] | type[TypeEngine[Any]]],
    values: dict[str, tuple[TypeEngine[Any] | type[TypeEngine[Any]], Any]],
    is_absent: Callable[[Mapping[str, Any]], bool] = lambda row: False,
) -> Versioned:
    table = Table(
        name,
        METADATA,
        *(Column(key, kind, primary_key=True) for key, kind in keys.items()),
        Column("valid_from", BigInteger, primary_key=True),
        Column("valid_to", BigInteger, nullable=False),
        *(Column(value, kind, nullable=False) for value, (kind, _) in values.items()),
        sqlite_with_rowid=False,
    )
    valid_to = table.c.valid_to
    # one row a key is open: found at once when it is closed, however long the key's history
    is_open = valid_to == OPEN
    Index(
        f"{name}_open",
        *(table.c[key] for key in keys),
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    # for roll-backs; both grow at their end only
    Index(f"{name}_from", table.c.valid_from)
    is_closed = valid_to != OPEN
    Index(f"{name}_to", valid_to, sqlite_where=is_closed, postgresql_where=is_closed)
    entry = Versioned(table, tuple(keys), {value: default for value, (_, default) in values.items()}, is_absent)
    VERSIONED.append(entry)
    return entry


_HASH = LargeBinary(32)
_ADDRESS = String(42)
_WAD = 10**18

META = Table("meta", METADATA, Column("key", String(32), primary_key=True), Column("value", Text))
BLOCK = Table(
    "block",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", _HASH, nullable=False),
    Column("time", BigInteger, nullable=False),
)
#: Replaceable contracts that are followed, from the block that named them on.
SOURCE = Table(
    "source",
    METADATA,
    Column("address", _ADDRESS, primary_key=True),
    Column("since", BigInteger, nullable=False),
)

ACCOUNT = _versioned(
    "account",
    {"account": AccountKey},
    {"model": (Integer, 0), "flagged_at": (BigInteger, 0), "steps": (BigInteger, 0)},
)
BALANCE = _versioned(
    "balance",
    {"account": AccountKey, "token": Integer},
    {"shares": (Wide, 0)},
    lambda row: row["shares"] == 0,
)
POSITION = _versioned(
    "position",
    {"account": AccountKey, "instrument": BigInteger},
    {"size": (Wide, 0), "quote": (Wide, 0)},
    lambda row: row["size"] == 0 and row["quote"] == 0,
)
OPERATOR = _versioned(
    "operator",
    {"account": AccountKey, "operator": _ADDRESS},
    {"valid_until": (Wide, 0), "budget": (Wide, 0), "day": (BigInteger, 0), "spent": (Wide, 0)},
)
CANCELLED = _versioned("cancelled", {"account": AccountKey, "nonce": Wide}, {})
FILLED = _versioned("filled", {"order_hash": _HASH}, {"filled": (Wide, 0)})
TOKEN = _versioned(
    "token",
    {"token": Integer},
    {"address": (_ADDRESS, ""), "decimals": (Integer, 0), "config": (Document, {})},
)
BANK = _versioned(
    "bank",
    {"token": Integer},
    {
        "deposit_index": (Wide, _WAD),
        "borrow_index": (Wide, _WAD),
        "deposit_rate": (BigInteger, 0),
        "borrow_rate": (BigInteger, 0),
        "updated_at": (BigInteger, 0),
        "held": (Wide, 0),
        "insurance": (Wide, 0),
        "fees": (Wide, 0),
        "uncovered": (Wide, 0),
    },
)
LISTING = _versioned(
    "listing",
    {"instrument": BigInteger},
    {"symbol": (Text, ""), "reduce_only": (Boolean, False), "config": (Document, {})},
)
MARKET = _versioned(
    "market",
    {"instrument": BigInteger},
    {
        "funding": (Wide, 0),
        "loss_long": (Wide, 0),
        "loss_short": (Wide, 0),
        "premium": (BigInteger, 0),
        "updated_at": (BigInteger, 0),
        "open_interest": (Wide, 0),
        "pool": (Wide, 0),
        "residual": (Wide, 0),
        "claim_shares": (Wide, 0),
        "claim_index": (Wide, _WAD),
        "claim_epoch": (BigInteger, 0),
        "sampled_at": (BigInteger, 0),
    },
)
QUOTER = _versioned("quoter", {"quoter": _ADDRESS}, {"allowed": (Boolean, False)}, lambda row: not row["allowed"])
#: What governance sets, by the contract it is set in.
PARAMETER = _versioned("parameter", {"source": _ADDRESS, "name": String(64)}, {"value": (Document, None)})
#: The routers' cached slots.
SYNCED = _versioned(
    "synced",
    {"source": _ADDRESS, "asset": Integer},
    {
        "price": (Wide, 0),
        "slow": (Wide, 0),
        "synced_at": (BigInteger, 0),
        "updated_at": (BigInteger, 0),
    },
)
