"""JSON-RPC as the keeper needs it: raw values, batches whose parts may fail on their own, revert
data kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3._utils.threads import (
    Timeout,  # what a socket's provider raises, and nothing public is its base
)
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from ballast.chain.reverts import revert_data
from ballast.chain.rpc import hide_secrets
from ballast.errors import RpcError

__all__ = ["Fault", "Request", "Rpc", "quantity"]

#: Method and parameters.
Request = tuple[str, Sequence[Any]]

_BATCH = 100

# Every transport error of an HTTP provider is an OSError; a socket's provider has its own.
_LOST = (OSError, ValueError, Web3Exception, Timeout)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a node answered instead of a result; ``data`` is what a call reverted with, "0x" where
    it said nothing."""

    code: int
    message: str
    data: str = "0x"

    @classmethod
    def of(cls, error: Any) -> Fault:
        if not isinstance(error, dict):
            return cls(0, str(error))
        data = revert_data(error) or b""
        message = str(error.get("message", error))
        return cls(int(error.get("code") or 0), message, "0x" + data.hex())


class Rpc:
    """One node. A lost connection is an ``RpcError``; an error answer is one, or a ``Fault`` in a
    batch."""

    def __init__(self, w3: Web3) -> None:
        self._provider: Any = w3.provider  # not every provider's type has batches
        self._batches = hasattr(w3.provider, "make_batch_request")

    @property
    def name(self) -> str:
        """The node's URL, for messages."""
        url = getattr(self._provider, "endpoint_uri", None)
        return hide_secrets(str(url)) if url else type(self._provider).__name__

    def call(self, method: str, *params: Any) -> Any:
        """The result of one request; ``RpcError`` where there is none."""
        result = self.attempt(method, *params)
        if isinstance(result, Fault):
            raise RpcError(f"node {self.name}: {method}: {result.message}")
        return result

    def attempt(self, method: str, *params: Any) -> Any:
        """The result of one request, or its ``Fault``; ``RpcError`` where the node is silent."""
        try:
            response = self._provider.make_request(RPCEndpoint(method), list(params))
        except _LOST as error:
            raise self._lost(error) from error
        return _result(response)

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results in order, a ``Fault`` in place of each that failed; ``RpcError`` where the node
        does not answer."""
        if not self._batches:
            return [self.attempt(method, *params) for method, params in requests]
        results: list[Any] = []
        for start in range(0, len(requests), _BATCH):
            chunk = requests[start : start + _BATCH]
            batch = [(RPCEndpoint(method), list(params)) for method, params in chunk]
            try:
                responses = self._provider.make_batch_request(batch)
            except _LOST as error:
                raise self._lost(error) from error
            if not isinstance(responses, list):
                responses = [responses] * len(chunk)  # one error for the whole batch
            if len(responses) != len(chunk):
                raise RpcError(f"node {self.name}: {len(responses)} answers to {len(chunk)} requests")
            # web3 sorts the answers by the ids it gave
            results += [_result(response) for response in responses]
        return results

    def _lost(self, error: Exception) -> RpcError:
        return RpcError(f"node {self.name}: no answer ({type(error).__name__}); is it running?")


def quantity(value: Any) -> int:
    """A quantity as the node wrote it."""
    return int(value, 16) if isinstance(value, str) else int(value)


def _result(response: Any) -> Any:
    error = response.get("error")
    return Fault.of(error) if error is not None else response.get("result")
