"""A development node and what only such a node can do: send from any account, move time, go
back."""

from __future__ import annotations

import time
from typing import Any, cast

from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint, TxReceipt

from ballast.chain.reverts import decode_revert, revert_data
from ballast.errors import ContractError, RpcError

__all__ = ["LocalNode"]

_GAS = 12_000_000
#: What anvil says after half a minute where it lost a transaction or missed its block.
_UNCONFIRMED = "confirmation timeout"
#: How often its receipt is asked for before a block is mined for it, and seconds in between.
_ASKS, _PAUSE = 50, 0.02


class LocalNode:
    """Anvil behind ``w3``. Every transaction is mined when ``send`` returns, and a revert
    raises."""

    w3: Web3

    # ------------------------------------------------------------ transactions

    def rpc(self, method: str, *params: Any) -> Any:
        """A raw request; ``ContractError`` or ``RpcError`` where the node answers with an error."""
        response = self.w3.provider.make_request(RPCEndpoint(method), params)
        if "error" in response:
            raise RpcError(f"{method}: {response['error']}")
        return response["result"]

    def send(self, function: ContractFunction, sender: str, *, value: int = 0, gas: int = _GAS) -> TxReceipt:
        """Mines one call from ``sender``, which anvil holds or this object knows. ``ContractError``
        where it reverts."""
        data = function._encode_transaction_data()
        return self.send_raw(cast(str, function.address), data, sender, value=value, gas=gas)

    def send_raw(self, to: str, data: str, sender: str, *, value: int = 0, gas: int = _GAS) -> TxReceipt:
        """As ``send``, of encoded call data."""
        nonce = self.rpc("eth_getTransactionCount", sender, "latest")
        request = {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(gas), "nonce": nonce}
        try:
            raw = self.rpc("eth_sendTransactionSync", request)
        except RpcError as error:
            if _UNCONFIRMED not in str(error):
                raise
            raw = self._confirm(request)
        receipt = self._receipt(raw)
        if receipt["status"] != 1:
            raise self._reason(receipt, request)
        return receipt

    def _confirm(self, request: dict[str, str]) -> dict[str, Any]:
        """The receipt of a transaction that the node was given and said nothing of: it is mined, waits
        in the pool, or is gone and sent once more."""
        sent = self.rpc("eth_getTransactionBySenderAndNonce", request["from"], request["nonce"])
        digest = self.rpc("eth_sendTransaction", request) if sent is None else sent["hash"]
        for turn in range(_ASKS + 1):
            if turn == _ASKS:
                self.rpc("evm_mine")
            receipt = self.rpc("eth_getTransactionReceipt", digest)
            if receipt is not None:
                return dict(receipt)
            time.sleep(_PAUSE)
        raise RpcError(f"eth_getTransactionReceipt: {digest} is not mined")

    def _receipt(self, raw: dict[str, Any]) -> TxReceipt:
        """The fields of a receipt as web3 gives them."""
        numbers = (
            "status",
            "gasUsed",
            "cumulativeGasUsed",
            "blockNumber",
            "transactionIndex",
            "effectiveGasPrice",
        )
        shown: dict[str, Any] = {
            **raw,
            **{key: int(raw[key], 16) for key in numbers if raw.get(key)},
        }
        shown["transactionHash"] = HexBytes(raw["transactionHash"])
        shown["blockHash"] = HexBytes(raw["blockHash"])
        shown["logs"] = [self._log(log) for log in raw["logs"]]
        return cast(TxReceipt, shown)

    @staticmethod
    def _log(raw: dict[str, Any]) -> dict[str, Any]:
        return {
            **raw,
            "address": Web3.to_checksum_address(raw["address"]),
            "topics": [HexBytes(topic) for topic in raw["topics"]],
            "data": HexBytes(raw["data"]),
            "blockHash": HexBytes(raw["blockHash"]),
            "transactionHash": HexBytes(raw["transactionHash"]),
            **{key: int(raw[key], 16) for key in ("blockNumber", "logIndex", "transactionIndex")},
        }

    def _reason(self, receipt: TxReceipt, request: dict[str, str] | None = None) -> ContractError:
        """Why it reverted: by its trace, or, on a node that keeps no past states, by the same call once more."""
        digest = Web3.to_hex(receipt["transactionHash"])
        try:
            trace = self.rpc("debug_traceTransaction", digest, {"tracer": "callTracer"})
        except RpcError:
            if request is None:
                raise
            call = {key: request[key] for key in ("from", "to", "data", "value", "gas")}
            answer = self.w3.provider.make_request(RPCEndpoint("eth_call"), [call, "latest"])
            return decode_revert(revert_data(answer.get("error")) or b"")
        return decode_revert(bytes.fromhex(str(trace.get("output", "0x")).removeprefix("0x")))

    # ------------------------------------------------------------ time and state

    def now(self) -> int:
        """Time of the latest block, Unix seconds."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def hold_time(self) -> None:
        """Stops the node's clock: from here on blocks have the time of the one before, unless ``mine``,
        ``advance`` or ``evm_setNextBlockTimestamp`` move it."""
        self.rpc("anvil_setBlockTimestampInterval", 0)

    def mine(self, blocks: int = 1, seconds: int = 1) -> None:
        """Mines empty blocks, ``seconds`` apart."""
        now = self.now()
        for block in range(1, blocks + 1):
            self.rpc("evm_setNextBlockTimestamp", now + block * seconds)
            self.rpc("evm_mine")

    def advance(self, seconds: int) -> None:
        """Moves time on and mines a block there."""
        self.mine(seconds=seconds)

    def snapshot(self) -> str:
        """Remembers the state; each snapshot can be reverted to once."""
        return str(self.rpc("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Back to a snapshot; ``RpcError`` where it is not known (any more). What waits in the pool is dropped, and
        with it what is mined and still there: its nonces would count."""
        self.rpc("anvil_dropAllTransactions")
        if not self.rpc("evm_revert", snapshot):
            raise RpcError(f"evm_revert: no snapshot {snapshot}")
        self._forget()

    def _forget(self) -> None:
        """Drops what was remembered of a state that is gone."""
