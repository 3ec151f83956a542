"""Calls and answers of one contract, straight from its ABI: fast enough for thousands of views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import (
    function_abi_to_4byte_selector,
    get_abi_input_names,
    get_abi_input_types,
    get_abi_output_types,
)

from ballast.typing import Abi

__all__ = ["Codec", "Function", "unhex"]

_SELECTOR = 4


def unhex(value: str | bytes) -> bytes:
    """Bytes of ``0x`` hexadecimal, or of what is bytes already."""
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)


@dataclass(frozen=True)
class Function:
    """A function of the ABI."""

    name: str
    selector: bytes
    names: tuple[str | None, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Codec:
    """Encodes and decodes calls by function name. Overloaded names are not supported."""

    def __init__(self, abi: Abi) -> None:
        self._by_name: dict[str, Function] = {}
        self._by_selector: dict[bytes, Function] = {}
        for entry in abi:
            if entry["type"] != "function":
                continue
            function = Function(
                name=entry["name"],
                selector=function_abi_to_4byte_selector(entry),  # type: ignore[arg-type]
                names=tuple(get_abi_input_names(entry)),  # type: ignore[arg-type]
                inputs=tuple(get_abi_input_types(entry)),  # type: ignore[arg-type]
                outputs=tuple(get_abi_output_types(entry)),  # type: ignore[arg-type]
            )
            self._by_name[function.name] = function
            self._by_selector[function.selector] = function

    def encode(self, name: str, arguments: Sequence[Any] = ()) -> str:
        """Call data as ``0x`` hexadecimal."""
        function = self._by_name[name]
        return "0x" + (function.selector + encode(function.inputs, arguments)).hex()

    def answer(self, name: str, data: str | bytes) -> tuple[Any, ...]:
        """What a call returned, one entry per output."""
        return tuple(decode(self._by_name[name].outputs, unhex(data)))

    def question(self, data: bytes) -> tuple[Function, tuple[Any, ...]] | None:
        """Function and arguments of call data; ``None`` where the ABI has no such function."""
        function = self._by_selector.get(data[:_SELECTOR])
        if function is None:
            return None
        return function, tuple(decode(function.inputs, data[_SELECTOR:]))
