"""What the tests of markets and liquidation share: a chain with its parameters, books, events and clock at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain, Number
from ballast.chain.orders import Order
from ballast.errors import ContractError
from ballast.units import QUOTE_UNIT, to_wad

__all__ = ["Desk", "Mined", "encode", "reverts"]


def encode(function: ContractFunction) -> bytes:
    """Call data, as ``batch`` takes it."""
    return bytes.fromhex(function._encode_transaction_data()[2:])


@contextmanager
def reverts(name: str, **arguments: Any) -> Iterator[None]:
    """The block must revert with this error, and with these of its arguments."""
    with pytest.raises(ContractError) as caught:
        yield
    error = caught.value
    assert error.name == name, f"{error} instead of {name}"
    found = {key: error.arguments[key] for key in arguments}
    assert found == arguments, f"{name}: {found} instead of {arguments}"


@dataclass(frozen=True)
class Mined:
    """One transaction of a block of several."""

    receipt: TxReceipt
    error: ContractError | None


class Desk:
    """A chain, with what its contracts know in words. Sizes, prices and amounts as ``LocalChain`` takes them."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.protocol = chain.protocol
        self.house: Contract = chain.protocol.house
        self.governor = chain.governor

    # ------------------------------------------------------------ state

    def market(self, symbol: str) -> dict[str, Any]:
        """``MarketView`` by field."""
        return self._market(symbol)[0]

    def config(self, symbol: str) -> dict[str, Any]:
        """``MarketConfig`` by field."""
        return self._market(symbol)[1]

    def _market(self, symbol: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._named("marketOf", self.protocol.instrument(symbol))

    def bank(self, symbol: str) -> dict[str, Any]:
        """``BankView`` by field."""
        return self._named("bankOf", self.protocol.token(symbol).address)[0]

    def insurance(self) -> int:
        """USDC units."""
        return int(self.house.functions.totals(self.protocol.token("USDC").address).call()[3])

    def unsettled(self, account: int, symbol: str) -> int:
        """USDC, 1e18."""
        return int(self.house.functions.unsettledOf(account, self.protocol.instrument(symbol)).call())

    def liquidation_state(self, account: int) -> tuple[int, int]:
        """When it was flagged (0: not), and its steps so far."""
        flagged_at, steps = self.house.functions.liquidationStateOf(account).call()
        return int(flagged_at), int(steps)

    def require_books(self, symbol: str, accounts: Sequence[int]) -> None:
        """I1 over all accounts of a market: sizes sum to zero, profits and remainder to the pool."""
        sizes = [self.protocol.position(account, symbol) for account in accounts]
        assert sum(sizes) == 0, f"I1: sizes of {symbol} sum to {sum(sizes)}"
        market = self.market(symbol)
        assert market["openInterest"] == sum(size for size in sizes if size > 0), "I1: open interest"
        total = sum(self.unsettled(account, symbol) for account in accounts)
        gap = market["pool"] * QUOTE_UNIT - market["residual"] - total
        # exact; only claims are rounded down, each by less than a wei
        allowed = len(accounts) if market["claimShares"] else 0
        assert 0 <= gap <= allowed, f"I1: profits of {symbol} are {gap} off the pool"

    def _named(self, function: str, *arguments: Any) -> Any:
        entry = next(e for e in self.house.abi if e["type"] == "function" and e["name"] == function)
        values = self.house.functions[function](*arguments).call()
        return [
            dict(zip((c["name"] for c in output["components"]), value, strict=True))
            for output, value in zip(entry["outputs"], values, strict=True)
        ]

    # ------------------------------------------------------------ events

    def events(self, receipt: TxReceipt, name: str) -> list[dict[str, Any]]:
        """Arguments of one kind of the Clearinghouse's events in a receipt, in order."""
        topic, event = self._topics[name]
        return [
            dict(event.process_log(log)["args"])
            for log in receipt["logs"]
            if log["address"] == self.house.address and bytes(log["topics"][0]) == topic
        ]

    def event(self, receipt: TxReceipt, name: str) -> dict[str, Any]:
        """The only one."""
        (found,) = self.events(receipt, name)
        return found

    @cached_property
    def _topics(self) -> dict[str, tuple[bytes, Any]]:
        names = [entry["name"] for entry in self.house.abi if entry["type"] == "event"]
        made = {name: self.house.events[name]() for name in names}
        return {name: (bytes(Web3.keccak(text=event.signature)), event) for name, event in made.items()}

    # ------------------------------------------------------------ parameters

    def govern(self, function: ContractFunction) -> TxReceipt:
        return self.chain.send(function, self.governor)

    def set_market(self, symbol: str, **changes: int) -> None:
        config = {**self.config(symbol), **changes}
        self.govern(self.house.functions.setMarketConfig(self.protocol.instrument(symbol), tuple(config.values())))

    def set_token(self, symbol: str, **changes: int) -> None:
        address = self.protocol.token(symbol).address
        bank, config = self._named("bankOf", address)
        self.govern(self.house.functions.setTokenConfig(bank["id"], tuple({**config, **changes}.values())))

    def set_premium(self, **changes: int) -> None:
        config = {**self.premium_config(), **changes}
        self.govern(self.house.functions.setPremiumConfig(tuple(config.values())))

    def set_liquidation(self, **changes: int) -> None:
        config = {**self.liquidation_config(), **changes}
        self.govern(self.house.functions.setLiquidationConfig(tuple(config.values())))

    def premium_config(self) -> dict[str, int]:
        return self._struct("premiumConfig")

    def liquidation_config(self) -> dict[str, int]:
        return self._struct("liquidationConfig")

    def _struct(self, function: str) -> dict[str, int]:
        entry = next(e for e in self.house.abi if e["type"] == "function" and e["name"] == function)
        names = [component["name"] for component in entry["outputs"][0]["components"]]
        return dict(zip(names, self.house.functions[function]().call(), strict=True))

    def pause(self, seconds: int = 3_600) -> None:
        self.govern(self.house.functions.pause(self.chain.now() + seconds))

    # ------------------------------------------------------------ actions

    def open(self, name: str, index: int = 0, **collateral: Number) -> int:
        """Account ``index`` of the actor of this name, with deposits of whole tokens by symbol."""
        key = self.chain.actor(name)
        self.chain.adopt(key)
        return self.chain.open(key, index, collateral)

    def owner(self, account: int) -> str:
        return str(self.chain.key_of(account).address)

    def match(
        self,
        maker: Order,
        taker: Order,
        size: Number | None = None,
        sender: str | None = None,
        maker_sig: bytes | None = None,
        taker_sig: bytes | None = None,
    ) -> TxReceipt:
        """Submits two orders for ``size`` units, signed by their owners unless a signature is given."""
        return self.chain.fill_orders(
            maker,
            self.chain.sign(maker) if maker_sig is None else maker_sig,
            taker,
            self.chain.sign(taker) if taker_sig is None else taker_sig,
            abs(taker.size) if size is None else to_wad(size),
            sender,
        )

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """A contract of the tests, by the governor."""
        made = artifact(name)
        factory = self.chain.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        data = factory.constructor(*arguments).data_in_transaction
        request = {"from": self.governor, "data": data, "gas": hex(10**7)}
        address = self.chain.rpc("eth_sendTransactionSync", request)["contractAddress"]
        return self.chain.w3.eth.contract(address=Web3.to_checksum_address(address), abi=made["abi"])

    # ------------------------------------------------------------ clock

    def next_block_at(self, time: int) -> None:
        """The next transaction's block has this time, Unix seconds."""
        self.chain.rpc("evm_setNextBlockTimestamp", time)

    def in_one_block(self, *calls: tuple[ContractFunction, str], time: int | None = None) -> list[Mined]:
        """Mines calls of several senders in this order in one block; reverts are told, not raised."""
        self.chain.rpc("evm_setAutomine", False)
        try:
            sent = []
            for at, (function, sender) in enumerate(calls):
                # the node orders by fee
                request = {
                    "from": sender,
                    "to": function.address,
                    "data": function._encode_transaction_data(),
                    "gas": hex(8_000_000),
                    "gasPrice": hex((200 - at) * 10**9),
                }
                sent.append(self.chain.rpc("eth_sendTransaction", request))
            if time is not None:
                self.next_block_at(time)
            self.chain.rpc("evm_mine")
        finally:
            self.chain.rpc("evm_setAutomine", True)
        mined = []
        for tx in sent:
            receipt = self.chain._receipt(self.chain.rpc("eth_getTransactionReceipt", tx))
            mined.append(Mined(receipt, None if receipt["status"] == 1 else self.chain._reason(receipt)))
        assert [m.receipt["transactionIndex"] for m in mined] == list(range(len(mined)))
        return mined
