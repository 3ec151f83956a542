"""Logs to events, straight from the 32-byte words.

Nearly all events have static arguments only, so a log is a row of words: decoding them directly is
many times faster than a general ABI decoder, which the tests keep beside it as the reference. An
event with arrays, or bytes of any length, is left to the general one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from eth_abi.abi import decode as decode_data
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic

from ballast.errors import IndexingError
from ballast.typing import Abi

__all__ = ["Decoder", "Event", "RawLog"]

#: A log as JSON-RPC returns it.
RawLog: TypeAlias = Mapping[str, Any]

_WORD = 32
_Reader: TypeAlias = Callable[[bytes, int], Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log.

    ``source`` is the lower-case address that emitted it, ``time`` the block's timestamp in seconds.
    Arguments are ``int``, ``bool``, ``bytes``, ``str`` (text, or a lower-case address), for a
    struct a ``dict`` and for an array a ``list``.
    """

    name: str
    source: str
    args: Mapping[str, Any]
    block: int
    time: int
    position: int


@dataclass(frozen=True, slots=True)
class _Argument:
    name: str
    indexed: bool
    words: int
    read: _Reader


@dataclass(frozen=True, slots=True)
class _Layout:
    """``data`` are the ABI's entries of what the topics do not hold, where the words alone do not say where it is."""

    name: str
    arguments: tuple[_Argument, ...]
    topics: int
    data: tuple[Mapping[str, Any], ...] = ()


class Decoder:
    """Decodes the events of one or more ABIs by their first topic.

    An event that several ABIs declare must be the same in all of them, which its topic guarantees
    up to what is indexed.
    """

    def __init__(self, abis: Iterable[Abi]) -> None:
        self._layouts: dict[bytes, _Layout] = {}
        for abi in abis:
            for entry in abi:
                if entry["type"] == "event" and not entry.get("anonymous", False):
                    layout = _layout(entry["name"], entry["inputs"])
                    self._layouts[bytes(event_abi_to_log_topic(entry))] = layout  # type: ignore[arg-type]

    @property
    def names(self) -> frozenset[str]:
        """Names of all events that can be decoded."""
        return frozenset(layout.name for layout in self._layouts.values())

    def decode(self, log: RawLog, time: int) -> Event | None:
        """The event of a log; ``None`` where no ABI knows its topic.

        ``IndexingError`` where the topic is known but the log has another shape.
        """
        topics = log["topics"]
        layout = self._layouts.get(_bytes(topics[0])) if topics else None
        if layout is None:
            return None
        block, position = _number(log["blockNumber"]), _number(log["logIndex"])
        data = _bytes(log["data"])
        arguments: dict[str, Any] = {}
        offset, topic = 0, 1
        if len(topics) != layout.topics:
            raise _misshapen(layout.name, block, position)
        if layout.data:
            try:
                values = decode_data([collapse_if_tuple(dict(item)) for item in layout.data], data)
            except DecodingError:
                raise _misshapen(layout.name, block, position) from None
            arguments.update(_named(layout.data, values))
        for argument in layout.arguments:
            if argument.indexed:
                arguments[argument.name] = argument.read(_bytes(topics[topic]), 0)
                topic += 1
            else:
                if offset + _WORD * argument.words > len(data):
                    raise _misshapen(layout.name, block, position)
                arguments[argument.name] = argument.read(data, offset)
                offset += _WORD * argument.words
        return Event(layout.name, str(log["address"]).lower(), arguments, block, time, position)


def _misshapen(name: str, block: int, position: int) -> IndexingError:
    return IndexingError(
        f"block {block}, log {position}: a {name} of another shape than the ABI's; "
        "the ABI files are of another version than the contracts"
    )


def _bytes(value: str | bytes) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)


def _number(value: str | int) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _layout(name: str, inputs: Sequence[Mapping[str, Any]]) -> _Layout:
    topics = 1 + sum(item["indexed"] for item in inputs)
    if not any(_is_dynamic(item) for item in inputs):
        return _Layout(name, tuple(_argument(item) for item in inputs), topics)
    data = tuple(item for item in inputs if not item["indexed"])
    for item in data:
        _require_known(item)
    return _Layout(name, tuple(_argument(item) for item in inputs if item["indexed"]), topics, data)


def _is_dynamic(item: Mapping[str, Any]) -> bool:
    """Arrays and bytes of any length, also inside a struct; a text is read by its own reader."""
    kind: str = item["type"]
    return kind == "bytes" or kind.endswith("]") or any(_is_dynamic(part) for part in item.get("components", ()))


def _require_known(item: Mapping[str, Any]) -> None:
    """Refuses what ``_value`` would not know how to give back."""
    kind = item["type"].partition("[")[0]
    if kind == "tuple":
        for part in item["components"]:
            _require_known(part)
    elif kind != "bytes":
        _reader({**item, "type": kind})


def _named(items: Iterable[Mapping[str, Any]], values: Iterable[Any]) -> dict[str, Any]:
    return {item["name"]: _value(item, value) for item, value in zip(items, values, strict=True)}


def _value(item: Mapping[str, Any], value: Any) -> Any:
    """What the general decoder gives, as this one does."""
    kind: str = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_value(inner, one) for one in value]
    if kind == "tuple":
        return _named(item["components"], value)
    return value.lower() if kind == "address" else value


def _argument(item: Mapping[str, Any]) -> _Argument:
    words, read = _reader(item)
    return _Argument(item["name"], bool(item.get("indexed", False)), words, read)


def _reader(item: Mapping[str, Any]) -> tuple[int, _Reader]:
    """Words that an argument takes, and what reads it at an offset."""
    kind: str = item["type"]
    if kind == "tuple":
        fields = tuple(_argument(component) for component in item["components"])
        return sum(field.words for field in fields), _struct_reader(fields)
    reader = _READERS.get(kind) or _READERS.get(kind.rstrip("0123456789"))
    if reader is None or kind == "bytes":
        raise IndexingError(f"event argument {item['name']!r}: type {kind} is not decoded")
    return 1, reader


def _struct_reader(fields: tuple[_Argument, ...]) -> _Reader:
    def read(data: bytes, offset: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in fields:
            values[field.name] = field.read(data, offset)
            offset += _WORD * field.words
        return values

    return read


def _read_unsigned(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + _WORD], "big")


def _read_signed(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + _WORD], "big", signed=True)


def _read_bool(data: bytes, offset: int) -> bool:
    return data[offset + _WORD - 1] != 0


def _read_address(data: bytes, offset: int) -> str:
    return "0x" + data[offset + 12 : offset + _WORD].hex()


def _read_word(data: bytes, offset: int) -> bytes:
    return data[offset : offset + _WORD]


def _read_text(data: bytes, offset: int) -> str:
    start = _read_unsigned(data, offset)
    length = _read_unsigned(data, start)
    return data[start + _WORD : start + _WORD + length].decode("utf-8", "replace")


_READERS: dict[str, _Reader] = {
    "uint": _read_unsigned,
    "int": _read_signed,
    "bool": _read_bool,
    "address": _read_address,
    "bytes32": _read_word,
    "string": _read_text,
}
