"""Reads the ledger's own words at a block, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ballast.chain.instruments import OPTION
from ballast.index import layout
from ballast.index.layout import Struct, mapping_slot
from ballast.index.rpc import Node
from ballast.index.state import Position

__all__ = ["LedgerStorage", "StoredAccount"]

_HALF = 128
_INSTRUMENT_SHIFT = 96
_SERIES_MASK = 0x3FFFFF


@dataclass(frozen=True)
class StoredAccount:
    """An account as its words say: header fields, shares by token, entries by instrument, lots by option, and how many
    options it has by series."""

    header: Mapping[str, int]
    balances: Mapping[int, int]
    positions: Mapping[int, Position]
    lots: Mapping[int, int]
    series: Mapping[int, int]


class LedgerStorage:
    """Storage of one Clearinghouse at the end of one block."""

    def __init__(self, node: Node, house: str, block: int) -> None:
        self._node = node
        self._house = house
        self._block = hex(block)
        self._roots = {name: field.slot for name, field in layout.GLOBALS.fields.items() if name[0] == "_"}

    def words(self, slots: Sequence[int]) -> list[int]:
        """Words at some slots, in order."""
        found = self._node.call_many([("eth_getStorageAt", [self._house, hex(slot), self._block]) for slot in slots])
        return [int(word, 16) for word in found]

    def global_fields(self) -> dict[str, int]:
        """Everything that is in no mapping."""
        return layout.GLOBALS.read(self.words(range(layout.GLOBALS.words)))

    def banks(self, tokens: Iterable[int]) -> dict[int, dict[str, int]]:
        return self._structs("_banks", tokens, layout.BANK)

    def markets(self, instruments: Iterable[int]) -> dict[int, dict[str, int]]:
        return self._structs("_markets", instruments, layout.MARKET)

    def _structs(self, root: str, keys: Iterable[int], struct: Struct) -> dict[int, dict[str, int]]:
        keys = list(keys)
        firsts = [mapping_slot(key, self._roots[root]) for key in keys]
        words = self.words([first + i for first in firsts for i in range(struct.words)])
        return {key: struct.read(words[i * struct.words : (i + 1) * struct.words]) for i, key in enumerate(keys)}

    def accounts(self, accounts: Iterable[int], tokens: int) -> dict[int, StoredAccount]:
        """Accounts in full; ``tokens`` is how many tokens are listed."""
        accounts = list(accounts)
        firsts = [mapping_slot(account, self._roots["_accounts"]) for account in accounts]
        headers = [layout.ACCOUNT_HEADER.read([word]) for word in self.words(firsts)]
        balance_words = (tokens + 1) // 2
        wanted: list[int] = []
        for first, header in zip(firsts, headers, strict=True):
            entry_words, option_words = (header["linears"] + 1) // 2, (header["options"] + 3) // 4
            for start, count in (
                (layout.ACCOUNT_BALANCES, balance_words),
                (layout.ACCOUNT_SIZES, entry_words),
                (layout.ACCOUNT_QUOTES, entry_words),
                (layout.ACCOUNT_SERIES, 1 if option_words else 0),
                (layout.ACCOUNT_OPTIONS, option_words),
            ):
                wanted += [first + start + i for i in range(count)]
        words = iter(self.words(wanted))
        found: dict[int, StoredAccount] = {}
        for account, header in zip(accounts, headers, strict=True):
            entries = header["linears"]
            shares = [_half(word, i) for word in _take(words, balance_words) for i in (0, 1)]
            sizes = _halves(_take(words, (entries + 1) // 2))
            quotes = _halves(_take(words, (entries + 1) // 2))
            series_word = next(words) if header["options"] else 0
            options = _options(series_word, words, header["options"])
            found[account] = StoredAccount(
                header=header,
                balances={token: value for token, value in enumerate(shares) if value},
                positions={
                    sizes[i] >> _INSTRUMENT_SHIFT: Position(
                        _signed(sizes[i], _INSTRUMENT_SHIFT), _signed(quotes[i], _HALF)
                    )
                    for i in range(entries)
                },
                lots=options,
                series=_counts(series_word),
            )
        return found

    def operators(self, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], dict[str, int]]:
        """Grants by (account, operator); ``day`` is that of ``spentWad``."""
        keys = list(keys)
        slots: list[int] = []
        for account, operator in keys:
            for root in ("_operators", "_operatorDays"):
                outer = mapping_slot(account, self._roots[root])
                slots.append(mapping_slot(int(operator, 16), outer))
        words = self.words(slots)
        return {key: {**layout.OPERATOR.read([words[2 * i]]), "day": words[2 * i + 1]} for i, key in enumerate(keys)}

    def filled(self, orders: Iterable[bytes]) -> dict[bytes, int]:
        """Units filled by order hash."""
        orders = list(orders)
        root = self._roots["_filled"]
        words = self.words([mapping_slot(int.from_bytes(order, "big"), root) for order in orders])
        return dict(zip(orders, words, strict=True))

    def cancelled(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Bitmaps of cancelled nonces by (account, nonce >> 8)."""
        keys = list(keys)
        root = self._roots["_cancelled"]
        words = self.words([mapping_slot(word, mapping_slot(account, root)) for account, word in keys])
        return dict(zip(keys, words, strict=True))

    def quoters(self, quoters: Iterable[str]) -> dict[str, bool]:
        quoters = list(quoters)
        root = self._roots["_quoters"]
        words = self.words([mapping_slot(int(quoter, 16), root) for quoter in quoters])
        return {quoter: word != 0 for quoter, word in zip(quoters, words, strict=True)}


def _take(words: Iterable[int], count: int) -> list[int]:
    iterator = iter(words)
    return [next(iterator) for _ in range(count)]


def _options(series: int, words: Iterator[int], count: int) -> dict[int, int]:
    """Signed lots by instrument: entries four a word, as ``OptionBook.sol`` packs them, of the series in its word."""
    entries = [word >> 64 * i & (1 << 64) - 1 for word in _take(words, (count + 3) // 4) for i in range(4)]
    lots: dict[int, int] = {}
    for entry in entries[:count]:
        held = series >> 32 * (entry >> 1 & 7) & _SERIES_MASK
        lots[OPTION << 28 | held << 6 | (entry >> 4 & 31) << 1 | entry & 1] = _signed(entry >> 9, 55)
    return lots


def _counts(word: int) -> dict[int, int]:
    """Entries by series, as the series word counts them."""
    lanes = (word >> 32 * slot & (1 << 32) - 1 for slot in range(8))
    return {lane & _SERIES_MASK: lane >> 22 for lane in lanes if lane}


def _halves(words: Iterable[int]) -> list[int]:
    """Two unsigned halves a word, the low one first."""
    return [word >> shift & (1 << _HALF) - 1 for word in words for shift in (0, _HALF)]


def _half(word: int, index: int) -> int:
    return _signed(word >> (_HALF * index), _HALF)


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
