"""Which calls a transaction made to the Clearinghouse, and on whose behalf.

A transaction sent to the Clearinghouse itself says so in its input. One that went through another
contract, or asked to be called back, is traced; where the node cannot trace, ``TraceMissing``
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ballast.checks.codec import Codec, unhex
from ballast.checks.view import ChainView
from ballast.errors import RpcError

__all__ = ["HouseCall", "TraceMissing", "calls_of"]


class TraceMissing(RpcError):
    """The node cannot trace a transaction that went through another contract."""


@dataclass(frozen=True)
class HouseCall:
    """One call of the Clearinghouse; those of a batch appear by themselves, under the batch's
    sender."""

    sender: str
    name: str
    arguments: dict[str, Any]


def calls_of(view: ChainView, transaction: dict[str, Any]) -> list[HouseCall]:
    """Calls that a transaction made, in order; reverted ones are left out."""
    house = view.house.lower()
    if str(transaction["to"]).lower() == house:
        data = unhex(transaction["input"])
        found = list(_flatten(view.codec, str(transaction["from"]).lower(), data))
        if not any(_calls_back(call) for call in found):
            return found
    return list(_traced(view, transaction["hash"], house))


def _calls_back(call: HouseCall) -> bool:
    return call.name == "liquidate" and len(call.arguments["l"][6]) != 0


def _flatten(codec: Codec, sender: str, data: bytes) -> Iterator[HouseCall]:
    asked = codec.question(data)
    if asked is None:
        return
    function, values = asked
    if function.name == "batch":
        for call in values[0]:
            yield from _flatten(codec, sender, call)
        return
    names = [name or str(index) for index, name in enumerate(function.names)]
    yield HouseCall(sender, function.name, dict(zip(names, values, strict=True)))


def _traced(view: ChainView, transaction: str, house: str) -> Iterator[HouseCall]:
    try:
        root = view.batch.one("debug_traceTransaction", transaction, {"tracer": "callTracer"})
    except RpcError as error:
        raise TraceMissing(f"transaction {transaction}: not traced ({error})") from None
    yield from _walk(view.codec, root, house)


def _walk(codec: Codec, frame: dict[str, Any], house: str) -> Iterator[HouseCall]:
    if frame.get("error"):
        return
    is_call = frame["type"] == "CALL" and str(frame.get("to", "")).lower() == house
    if is_call:
        yield from _flatten(codec, str(frame["from"]).lower(), unhex(frame["input"]))
    for inner in frame.get("calls", []):
        yield from _walk(codec, inner, house)
