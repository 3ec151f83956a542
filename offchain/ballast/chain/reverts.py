"""Names for what contracts revert with: every failing call becomes one ``ContractError``.

Installed as a web3 middleware (``install``), so that plain ``contract.functions.f().call()`` raises
it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.middleware import Web3Middleware
from web3.types import RPCEndpoint, RPCResponse

from ballast.chain.artifacts import artifact
from ballast.errors import ContractError
from ballast.typing import Abi

__all__ = ["NAMED_BY", "decode_revert", "install", "revert_data"]

#: Artifacts whose errors can reach a caller. The Clearinghouse's lists those of its modules, router
#: and engine.
NAMED_BY = (
    "Clearinghouse",
    "AccessManager",
    "OracleRouter",
    "SettlementOracle",
    "MarginEngine",
    "ScenarioBook",
    "StrikeBook",
    "SurfaceOracle",
    "RiskArrays",
    "PushedAggregator",
    "TestToken",
)

_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_METHODS = frozenset({"eth_call", "eth_estimateGas", "eth_sendTransaction", "eth_sendRawTransaction"})


@lru_cache(maxsize=1)
def _known() -> dict[bytes, dict[str, Any]]:
    return _errors_of(artifact(name)["abi"] for name in NAMED_BY)


def _errors_of(abis: Iterable[Abi]) -> dict[bytes, dict[str, Any]]:
    return {
        function_abi_to_4byte_selector(cast(Any, entry)): entry
        for abi in abis
        for entry in abi
        if entry["type"] == "error"
    }


def decode_revert(data: bytes, abis: Iterable[Abi] = ()) -> ContractError:
    """The error behind a revert's bytes. Unknown ones keep their selector as name; no bytes at all
    have none."""
    text = "0x" + data.hex()
    selector, body = data[:4], data[4:]
    if len(data) < 4:
        return ContractError("", {}, data=text)
    try:
        if selector == _ERROR:
            return ContractError("Error", {"message": decode(["string"], body)[0]}, data=text)
        if selector == _PANIC:
            return ContractError("Panic", {"code": decode(["uint256"], body)[0]}, data=text)
        entry = (_errors_of(abis) | _known()).get(selector)
        if entry is None:
            return ContractError("0x" + selector.hex(), {"data": "0x" + body.hex()}, data=text)
        inputs = entry["inputs"]
        values = decode([parameter["type"] for parameter in inputs], body)
        names = [parameter["name"] or str(at) for at, parameter in enumerate(inputs)]
        shown = (_readable(value) for value in values)
        return ContractError(entry["name"], dict(zip(names, shown, strict=True)), data=text)
    except DecodingError:
        return ContractError("0x" + selector.hex(), {"data": "0x" + body.hex()}, data=text)


def _readable(value: Any) -> Any:
    """Short names that travel as bytes32 become text, other bytes hexadecimal, addresses their
    checksum."""
    if isinstance(value, bytes):
        stripped = value.rstrip(b"\0")
        return stripped.decode() if stripped.isascii() and stripped else "0x" + value.hex()
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return Web3.to_checksum_address(value)
    return value


def revert_data(error: Any) -> bytes | None:
    """The revert's bytes in a node's error object; None where the error is of another kind."""
    if not isinstance(error, dict):
        return None
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    if isinstance(data, str):
        # Some nodes write words before the bytes.
        cut = data.rfind("0x")
        try:
            return bytes.fromhex(data[cut + 2 :]) if cut >= 0 else None
        except ValueError:
            return None
    message = str(error.get("message", ""))
    return b"" if error.get("code") == 3 or "revert" in message.lower() else None


class _RevertMiddleware(Web3Middleware):
    def wrap_make_request(
        self, make_request: Callable[[RPCEndpoint, Any], RPCResponse]
    ) -> Callable[[RPCEndpoint, Any], RPCResponse]:
        def checked(method: RPCEndpoint, params: Any) -> RPCResponse:
            response = make_request(method, params)
            if method in _METHODS and "error" in response:
                data = revert_data(response["error"])
                if data is not None:
                    raise decode_revert(data)
            return response

        return cast(Callable[[RPCEndpoint, Any], RPCResponse], checked)


def install(w3: Web3) -> None:
    """Makes every reverting request of ``w3`` raise ``ContractError``. Safe to call twice."""
    if w3.middleware_onion.get("ballast-reverts") is None:
        w3.middleware_onion.add(_RevertMiddleware, "ballast-reverts")
