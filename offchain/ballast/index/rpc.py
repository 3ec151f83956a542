"""Raw JSON-RPC: what a back-fill needs, without the formatting that makes it slow.

Quantities come back as the node wrote them; callers read the few fields they use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import RPCEndpoint, RPCResponse

from ballast.chain.rpc import hide_secrets
from ballast.errors import RpcError
from ballast.index.decode import RawLog

__all__ = ["Header", "Node", "RefusedError"]

_BATCH = 100
_ATTEMPTS = 3
_FIRST_PAUSE = 0.2
_TOO_MANY = 429


class RefusedError(RpcError):
    """The node answered, and the answer is an error: asking for less may help."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the index keeps of a block, and the bloom filter of its logs."""

    number: int
    hash: bytes
    parent: bytes
    time: int
    bloom: int

    def may_hold(self, address: str) -> bool:
        """False where no log of this block can be of ``address``."""
        digest = keccak(hexstr=address)
        bits = (int.from_bytes(digest[i : i + 2], "big") & 0x7FF for i in (0, 2, 4))
        return all(self.bloom >> bit & 1 for bit in bits)


class Node:
    """A node's answers. Lost connections are tried again; refusals are not."""

    def __init__(self, w3: Web3) -> None:
        self._provider = w3.provider
        # HTTP and sockets have it; a provider in this process may not
        self._batch: Callable[[Any], Any] | None = getattr(w3.provider, "make_batch_request", None)

    @property
    def name(self) -> str:
        """The node's URL, for messages."""
        return hide_secrets(str(getattr(self._provider, "endpoint_uri", "of this process")))

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """The result of one request; ``RefusedError`` or ``RpcError``."""
        response = self._send(lambda: self._provider.make_request(RPCEndpoint(method), params))
        return _result(cast(RPCResponse, response), method)

    def call_many(self, requests_: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several requests, in order."""
        send = self._batch
        if send is None:
            return [self.call(method, params) for method, params in requests_]
        results: list[Any] = []
        for start in range(0, len(requests_), _BATCH):
            chunk = requests_[start : start + _BATCH]
            batch = [(RPCEndpoint(method), list(params)) for method, params in chunk]
            responses = self._send(lambda batch=batch: send(batch))
            if not isinstance(responses, list):
                responses = [responses] * len(chunk)  # one error for the whole batch
            # results are matched by order: web3 sorts them by the ids it gave
            for (method, _), response in zip(chunk, responses, strict=True):
                results.append(_result(response, method))
        return results

    def _send(self, request: Any) -> Any:
        pause = _FIRST_PAUSE
        for attempt in range(_ATTEMPTS):
            try:
                return request()
            except ValueError as error:  # not JSON
                raise RefusedError(f"node {self.name}: not a JSON-RPC answer") from error
            except OSError as error:  # every transport error is one
                status = getattr(getattr(error, "response", None), "status_code", 0)
                if 400 <= status < 500 and status != _TOO_MANY:
                    raise RefusedError(f"node {self.name}: HTTP status {status}") from error
                if attempt == _ATTEMPTS - 1:
                    raise RpcError(f"node {self.name}: no answer ({type(error).__name__}); is it running?") from error
                time.sleep(pause)
                pause *= 2
        raise AssertionError("unreachable")

    # -------------------------------------------------------------- what the index asks

    def chain_id(self) -> int:
        return int(self.call("eth_chainId", []), 16)

    def header(self, block: int | str) -> Header | None:
        """Header of a block by number or tag; ``None`` where the chain has none."""
        tag = block if isinstance(block, str) else hex(block)
        return _header(self.call("eth_getBlockByNumber", [tag, False]))

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        found = self.call_many([("eth_getBlockByNumber", [hex(n), False]) for n in numbers])
        return [_header(block) for block in found]

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[RawLog]:
        """Logs of some addresses from block ``first`` to ``last``, both included."""
        span = {"fromBlock": hex(first), "toBlock": hex(last), "address": list(addresses)}
        return cast(list[RawLog], self.call("eth_getLogs", [span]))

    def logs_of_block(self, addresses: Sequence[str], block: bytes) -> list[RawLog]:
        """Logs of some addresses in the block with this hash."""
        span = {"blockHash": "0x" + block.hex(), "address": list(addresses)}
        return cast(list[RawLog], self.call("eth_getLogs", [span]))


def _result(response: RPCResponse, method: str) -> Any:
    error: Any = response.get("error")
    if error is not None:
        message = error.get("message", error) if isinstance(error, dict) else error
        raise RefusedError(f"{method}: {message}")
    return response.get("result")


def _header(block: Any) -> Header | None:
    if block is None:
        return None
    return Header(
        number=_integer(block["number"]),
        hash=_bytes(block["hash"]),
        parent=_bytes(block["parentHash"]),
        time=_integer(block["timestamp"]),
        bloom=int.from_bytes(_bytes(block["logsBloom"]), "big"),
    )


def _integer(value: str | int) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _bytes(value: str | bytes) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
