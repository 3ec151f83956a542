"""A private chain for contract tests: deploys built contracts, mines at known times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress
from eth_utils import function_abi_to_4byte_selector  # type: ignore[attr-defined]
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError
from web3.logs import DISCARD
from web3.types import Nonce, TxParams, TxReceipt

from ballast.chain.anvil import Anvil
from ballast.chain.artifacts import artifact

__all__ = ["BLOCK_TIME", "LocalChain", "Revert", "logged"]

#: Seconds between two transactions, unless told otherwise.
BLOCK_TIME = 12
_GAS_LIMIT = 16_000_000


@dataclass(frozen=True)
class Revert:
    """A decoded revert: ``Error`` for a reason, ``Panic`` for a panic, else the custom error."""

    name: str
    arguments: tuple[Any, ...] = ()


class LocalChain:
    """One anvil node. Account 0 deploys and is the default sender; each transaction is a block."""

    def __init__(self, node: Anvil) -> None:
        self._node = node
        self.w3 = Web3(Web3.HTTPProvider(node.url))
        self.accounts: list[ChecksumAddress] = list(self.w3.eth.accounts)

    @property
    def now(self) -> int:
        """Time of the latest block, which is what a call sees."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def rpc(self, method: str, *arguments: Any) -> Any:
        return self._node.rpc(method, *arguments)

    def warp(self, seconds: int) -> int:
        """Mines an empty block so many seconds after the latest; returns its time."""
        self.rpc("evm_setNextBlockTimestamp", self.now + seconds)
        self.rpc("evm_mine")
        return self.now

    def deploy(self, name: str, *arguments: Any) -> Contract:
        built = artifact(name)
        factory = self.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
        receipt = self._mine(factory.constructor(*arguments), None, BLOCK_TIME)
        assert receipt["status"] == 1, f"{name}: not deployed"
        assert receipt["contractAddress"] is not None
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])

    def send(
        self,
        call: ContractFunction,
        sender: ChecksumAddress | None = None,
        *,
        after: int = BLOCK_TIME,
    ) -> TxReceipt:
        """Mines ``call`` ``after`` seconds from the latest block; a revert fails the test."""
        receipt = self._mine(call, sender, after)
        if receipt["status"] != 1:
            call.call({"from": sender or self.accounts[0]})
            raise AssertionError(f"{call.fn_name} reverted")
        return receipt

    def send_in_one_block(self, *calls: ContractFunction) -> list[TxReceipt]:
        """Mines the calls of account 0 in this order in one block."""
        self.rpc("evm_setAutomine", False)
        try:
            nonce = self.w3.eth.get_transaction_count(self.accounts[0])
            sent = []
            for i, call in enumerate(calls):
                tx: TxParams = {"from": self.accounts[0], "gas": 3_000_000}
                tx["nonce"] = Nonce(nonce + i)
                sent.append(call.transact(tx))
            self.warp(BLOCK_TIME)
        finally:
            self.rpc("evm_setAutomine", True)
        receipts = [self.w3.eth.wait_for_transaction_receipt(tx, poll_latency=0.01) for tx in sent]
        assert len({receipt["blockNumber"] for receipt in receipts}) == 1
        return receipts

    def revert_of(self, call: ContractFunction, sender: ChecksumAddress | None = None) -> Revert:
        """What a call (not a transaction) reverts with; fails the test where it returns."""
        try:
            found = call.call({"from": sender or self.accounts[0]})
        except ContractCustomError as error:
            return _decode(call, bytes.fromhex(str(error.data).removeprefix("0x")))
        except ContractPanicError as error:
            return Revert("Panic", (str(error),))
        except ContractLogicError as error:
            return Revert("Error", (error.message,))
        raise AssertionError(f"{call.fn_name} returned {found}, a revert was expected")

    def _mine(self, call: Any, sender: ChecksumAddress | None, after: int) -> TxReceipt:
        self.rpc("evm_setNextBlockTimestamp", self.now + after)
        sent = call.transact({"from": sender or self.accounts[0], "gas": _GAS_LIMIT})
        return self.w3.eth.wait_for_transaction_receipt(sent, timeout=60, poll_latency=0.01)


def logged(event: Any, receipt: TxReceipt) -> list[dict[str, Any]]:
    """Arguments of the logs of one kind, such as ``router.events.Synced()``, in a receipt."""
    return [dict(log["args"]) for log in event.process_receipt(receipt, errors=DISCARD)]


def _decode(call: ContractFunction, data: bytes) -> Revert:
    for entry in call.contract_abi or []:
        if entry["type"] == "error" and function_abi_to_4byte_selector(entry) == data[:4]:
            types = [argument["type"] for argument in entry.get("inputs", [])]
            return Revert(entry["name"], tuple(Web3().codec.decode(types, data[4:])))
    return Revert(data.hex())
