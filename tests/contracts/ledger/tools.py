"""What the contract tests of the ledger share: calls, reverts, logs, listings, and contracts of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import TxReceipt

from ballast.chain.artifacts import Artifact, artifact
from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.testing import Trader
from tests.support.mutants import Mutant

__all__ = [
    "BORROW_CAP",
    "DAY",
    "HOUR",
    "MAX",
    "PERP_CONFIG",
    "SUPPLY_CAP",
    "TOKEN_CONFIG",
    "WAD",
    "YEAR",
    "Reverted",
    "calls_of",
    "compiled",
    "deploy",
    "encode",
    "fund",
    "list_token",
    "logged",
    "reverts",
    "selector",
    "spare_token",
]

WAD = 10**18
MAX = 2**256 - 1
HOUR = 3_600
DAY = 24 * HOUR
YEAR = 365 * DAY
SUPPLY_CAP = 10**30
BORROW_CAP = 10**30
#: Asset 2 is ETH on the local chain.
TOKEN_CONFIG: dict[str, int] = {
    "asset": 2,
    "supplyCap": SUPPLY_CAP,
    "borrowCap": BORROW_CAP,
    "reserveFactor": 200_000,
    "kink": 850_000,
    "baseRate": 20_000,
    "kinkSlope": 80_000,
    "maxSlope": 900_000,
}
PERP_CONFIG: dict[str, int] = {
    "lot": 10**14,
    "tick": 10**16,
    "minSize": 10**16,
    "makerFee": 200,
    "takerFee": 500,
    "band": 50_000,
    "bandAbsolute": WAD,
    "openInterestCap": 10**23,
}
_RATES = {"maintenance": 150_000, "initial": 200_000}


# ---------------------------------------------------------------- calls


def encode(function: ContractFunction) -> bytes:
    """Call data, as a batch takes it."""
    return bytes.fromhex(function._encode_transaction_data()[2:])


def calls_of(*functions: ContractFunction) -> list[bytes]:
    return [encode(function) for function in functions]


def selector(signature: str) -> str:
    """``0x`` and four bytes: how an error is named whose ABI is not the protocol's."""
    return "0x" + Web3.keccak(text=signature)[:4].hex()


def logged(contract: Contract, event: str, receipt: TxReceipt) -> list[dict[str, Any]]:
    """Arguments of a contract's logs of one kind, in order."""
    kind = contract.events[event]()
    return [
        dict(log["args"]) for log in kind.process_receipt(receipt, errors=DISCARD) if log["address"] == contract.address
    ]


@dataclass
class Reverted:
    """The error of a ``reverts`` block, once it is left."""

    error: ContractError | None = None


@contextmanager
def reverts(name: str, **arguments: Any) -> Iterator[Reverted]:
    """The block must revert with this very error; the arguments given must be equal."""
    found = Reverted()
    with pytest.raises(ContractError) as caught:
        yield found
    found.error = caught.value
    assert caught.value.name == name, str(caught.value)
    shown = {key: caught.value.arguments.get(key) for key in arguments}
    assert shown == arguments


# ---------------------------------------------------------------- contracts


def deploy(chain: LocalChain, made: str | Artifact, *arguments: Any) -> Contract:
    """A contract by its artifact's name, or of the tests' own; sent by the governor."""
    built = artifact(made) if isinstance(made, str) else made
    factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    sent = factory.constructor(*arguments).transact({"from": chain.governor, "gas": 16_000_000})
    receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
    assert receipt["status"] == 1, made
    return chain.w3.eth.contract(address=cast(Any, receipt["contractAddress"]), abi=built["abi"])


def compiled(contract: str) -> Artifact:
    """A contract of ``tests/contracts/ledger/sol``, by the build's compiler and cache."""
    return Mutant(contract, contract, f"tests/contracts/ledger/sol/{contract}.sol").build()


# ---------------------------------------------------------------- tokens


def spare_token(chain: LocalChain, decimals: int = 18, symbol: str = "SPARE") -> Contract:
    """A token that is not listed."""
    return deploy(chain, "TestToken", symbol, symbol, decimals)


def list_token(chain: LocalChain, token: Contract, rates: Mapping[str, int] | None = None, **config: int) -> int:
    """Lists a token at ETH's price unless ``config`` names another asset; returns its id."""
    house, engine = chain.protocol.house, chain.protocol.engine
    number = int(house.functions.tokenCount().call())
    chain.send(house.functions.listToken(token.address, tuple({**TOKEN_CONFIG, **config}.values())), chain.governor)
    chain.send(engine.functions.setTokenRates(number, tuple((rates or _RATES).values())), chain.governor)
    return number


def fund(chain: LocalChain, token: Contract, holder: Trader | str, amount: int) -> None:
    """Token units for a wallet, which lets the Clearinghouse pull them."""
    address = holder if isinstance(holder, str) else holder.address
    chain.send(token.functions.mint(address, amount), chain.governor)
    chain.send(token.functions.approve(chain.protocol.house.address, MAX), address)
