"""Deploying and driving contracts on a local chain whose accounts the node signs for.

Every transaction is mined alone, `BLOCK_TIME` seconds after the one before, so interest accrues in
each step and two runs on fresh chains cost the same gas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint, TxParams, TxReceipt, Wei

from ballast.bench.compile import Artifact, PeerError

__all__ = ["BLOCK_TIME", "INTRINSIC_GAS", "Chain", "deploy_linked"]

BLOCK_TIME: Final = 12
"""Seconds between the blocks of two consecutive transactions."""

INTRINSIC_GAS: Final = 21_000
"""What any transaction costs before it does anything; taken off the gas of a view."""

_GAS_LIMIT: Final = 16_000_000  # below the per-transaction cap of the Osaka hardfork (2**24)


@dataclass(frozen=True)
class Chain:
    """A node, and the account that deploys, owns and configures what is deployed."""

    w3: Web3
    governor: ChecksumAddress

    def send(self, call: ContractFunction, sender: ChecksumAddress, note: str = "") -> int:
        """Mines `call` as a transaction of its own and returns its receipt's gasUsed.

        Raises `PeerError` naming the function, `note` and the revert when it fails.
        """
        receipt = self._mine(call.transact, sender, call.fn_name)
        if receipt["status"] != 1:
            reason = self._revert_of(call, sender, receipt)
            raise PeerError(f"{call.fn_name}{' ' + note if note else ''} reverted: {reason}")
        return int(receipt["gasUsed"])

    def view_gas(self, call: ContractFunction, sender: ChecksumAddress) -> int:
        """Gas of a view: of a transaction that calls it, less the 21,000 of any transaction.

        Calldata is included. `eth_estimateGas` would add what the 63/64 rule asks to be left over
        (3% for Aave), and would leave out interest: it runs at the time of the last block.
        """
        return self.send(call, sender) - INTRINSIC_GAS

    def deploy(
        self,
        artifact: Artifact,
        *arguments: Any,
        links: Mapping[str, ChecksumAddress] | None = None,
    ) -> Contract:
        """Deploys `artifact`, its libraries at `links` (keyed as in `Artifact.links`)."""
        factory = self.w3.eth.contract(abi=artifact.abi, bytecode="0x" + _link(artifact, links or {}))
        constructor = factory.constructor(*arguments)
        receipt = self._mine(constructor.transact, self.governor, artifact.name)
        if receipt["status"] != 1 or receipt["contractAddress"] is None:
            raise PeerError(
                f"deploying {artifact.name} failed: its constructor reverted, or its code is "
                "larger than the chain allows"
            )
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)

    def at(self, address: ChecksumAddress, artifact: Artifact) -> Contract:
        """The contract at `address`, seen through the ABI of `artifact` (a proxy, say)."""
        return self.w3.eth.contract(address=address, abi=artifact.abi)

    def _mine(self, transact: Callable[[TxParams], Any], sender: ChecksumAddress, what: str) -> TxReceipt:
        latest = self.w3.eth.get_block("latest")["timestamp"]
        try:
            self._rpc("evm_setNextBlockTimestamp", latest + BLOCK_TIME)
            sent = transact({"from": sender, "gas": _GAS_LIMIT, "gasPrice": self._gas_price()})
            return self.w3.eth.wait_for_transaction_receipt(sent, timeout=60, poll_latency=0.01)
        except Web3Exception as error:
            raise PeerError(f"{what}: {error}") from error

    def _gas_price(self) -> Wei:
        base = self.w3.eth.get_block("latest").get("baseFeePerGas", Wei(0))
        return Wei(2 * base + 1)

    def _revert_of(self, call: ContractFunction, sender: ChecksumAddress, receipt: TxReceipt) -> str:
        try:
            call.call({"from": sender}, block_identifier=receipt["blockNumber"])
        except Web3Exception as error:
            return str(error)
        return "for want of gas, or by the state of its own block"

    def _rpc(self, method: str, *arguments: Any) -> Any:
        answer = self.w3.provider.make_request(RPCEndpoint(method), list(arguments))
        if "error" in answer:
            raise PeerError(f"{method}: {answer['error']}; the benchmark needs a local anvil")
        return answer.get("result")


def deploy_linked(
    chain: Chain,
    artifacts: Mapping[str, Artifact],
    name: str,
    *arguments: Any,
    libraries: dict[str, ChecksumAddress],
) -> Contract:
    """Deploys `artifacts[name]` after the libraries it links to, and those they link to.

    `libraries` (`source:Library` to address) is read and added to, so that each library is
    deployed once for all contracts of a system.
    """
    for reference in artifacts[name].links:
        if reference not in libraries:
            library = reference.rpartition(":")[2]
            if library not in artifacts:
                raise PeerError(f"{name} links to {reference}, which was not compiled")
            deployed = deploy_linked(chain, artifacts, library, libraries=libraries)
            libraries[reference] = deployed.address
    return chain.deploy(artifacts[name], *arguments, links=libraries)


def _link(artifact: Artifact, links: Mapping[str, ChecksumAddress]) -> str:
    code = artifact.bytecode
    for reference, offsets in artifact.links.items():
        if reference not in links:
            raise PeerError(f"{artifact.name}: no address for library {reference}")
        address = links[reference].removeprefix("0x").lower()
        for offset in offsets:
            code = code[: 2 * offset] + address + code[2 * offset + 40 :]
    return code
