"""Types that several modules share."""

from __future__ import annotations

from os import PathLike
from typing import Any, TypeAlias

__all__ = ["Abi", "AccountId", "Address", "Amount", "InstrumentId", "Json", "StrPath", "Wad"]

#: Checksummed hexadecimal address.
Address: TypeAlias = str
#: ``owner << 8 | index``.
AccountId: TypeAlias = int
#: ``kind << 28 | asset << 20 | serial``.
InstrumentId: TypeAlias = int
#: Token units.
Amount: TypeAlias = int
#: A number in 1e18.
Wad: TypeAlias = int
#: A contract's ABI as the compiler prints it.
Abi: TypeAlias = list[dict[str, Any]]
#: Whatever ``json.loads`` returns.
Json: TypeAlias = Any
#: A path or its string.
StrPath: TypeAlias = str | PathLike[str]
