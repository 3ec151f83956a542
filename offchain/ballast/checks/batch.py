"""Many JSON-RPC requests in one round trip, where one that fails does not fail the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from web3 import Web3
from web3.types import RPCEndpoint

from ballast.errors import RpcError

__all__ = ["Batch", "Request"]

_SIZE = 250

#: Method and parameters.
Request = tuple[str, Sequence[Any]]


class Batch:
    """A node, asked in batches where its transport can."""

    def __init__(self, w3: Web3) -> None:
        self._provider: Any = w3.provider
        self._batches = hasattr(w3.provider, "make_batch_request")

    def one(self, method: str, *parameters: Any) -> Any:
        """The result of one request; ``RpcError`` where the node refuses it."""
        found = self.many([(method, parameters)])[0]
        if isinstance(found, RpcError):
            raise found
        return found

    def many(self, requests: Sequence[Request]) -> list[Any]:
        """Results in order; in place of a refused request's result its ``RpcError``.

        Raises ``RpcError`` where the node does not answer at all.
        """
        results: list[Any] = []
        for start in range(0, len(requests), _SIZE):
            results += self._send(requests[start : start + _SIZE])
        return results

    def _send(self, requests: Sequence[Request]) -> list[Any]:
        chunk = [(RPCEndpoint(method), list(parameters)) for method, parameters in requests]
        answers: Any
        try:
            if self._batches and len(chunk) > 1:
                answers = self._provider.make_batch_request(chunk)
            else:
                answers = [self._provider.make_request(*request) for request in chunk]
        except (
            OSError,
            ValueError,
        ) as error:  # every transport error is an OSError; not JSON is a ValueError
            raise RpcError(f"node: no answer ({type(error).__name__}); is it running?") from error
        if not isinstance(answers, list):  # one error for the whole batch
            answers = [answers] * len(chunk)
        if len(answers) != len(chunk):
            raise RpcError(f"node: {len(answers)} answers to a batch of {len(chunk)}")
        return [_result(answer, method) for answer, (method, _) in zip(answers, requests, strict=True)]


def _result(answer: Any, method: str) -> Any:
    error = cast("dict[str, Any]", answer).get("error")
    if error is None:
        return answer.get("result")
    if isinstance(error, str):
        return RpcError(f"{method}: {error}")
    data = error.get("data")
    shown = f"{method}: {error.get('message', error)}" + (f" {data}" if data else "")
    return RpcError(shown, data=data if isinstance(data, str) else "0x")
