"""Nodes that misbehave: a real provider with a fault put into some of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from web3 import Web3
from web3.providers.base import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

Fault = Callable[[str, Any], RPCResponse | None]


class FaultyProvider(BaseProvider):
    """Asks ``fault(method, params)`` first; what it returns is the answer, None lets the node answer."""

    def __init__(self, inner: Any, fault: Fault) -> None:
        super().__init__()
        self._inner = inner
        self.fault = fault
        self.calls: list[str] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.calls.append(method)
        answer = self.fault(method, params)
        return answer if answer is not None else self._inner.make_request(method, params)


def faulty(w3: Web3, fault: Fault) -> tuple[Web3, FaultyProvider]:
    """A connection to the same node with faults; single requests only."""
    provider = FaultyProvider(w3.provider, fault)
    return Web3(provider), provider


def error(message: str, code: int = -32000) -> RPCResponse:
    """An error answer."""
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}
