"""One local chain for all keeper tests, put back to the same stage before each."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from ballast import units
from ballast.chain.local import LocalChain
from ballast.keeper import Keeper, KeeperSettings
from ballast.risk.margin import PORTFOLIO
from ballast.testing import START

ACTORS = ("lender", "keeper", "rival", "borrower", "trader", "maker", "saver", "hedger", "attacker", "other")


class Stage:
    """A chain with a lender, a keeper with margin, and accounts near the line."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.keys: dict[str, LocalAccount] = {name: chain.actor(name) for name in ACTORS}
        self.lender = chain.open("lender", collateral={"USDC": "10000000", "ETH": "1000"})
        self.keeper = chain.open("keeper", collateral={"USDC": "200000"})
        self.rival = chain.open("rival", collateral={"USDC": "200000"})
        self.maker = chain.open("maker", collateral={"USDC": "500000"})

    def borrower(self, index: int = 0, eth: str = "10", debt: str = "22000") -> int:
        """Levered spot: below maintenance from about 2,590 USD on (with the defaults)."""
        account = self.chain.open("borrower", index, {"ETH": eth})
        self.chain.withdraw(account, "USDC", debt)
        return account

    def trader(self, index: int = 0, usdc: str = "4000", size: str = "10") -> int:
        account = self.chain.open("trader", index, {"USDC": usdc})
        self.chain.fill(self.maker, account, "ETH-PERP", size)
        return account

    def hedger(self, index: int = 0, debt: str = "24800") -> int:
        """Coins against a slightly larger short under the PORTFOLIO model: below maintenance from about 4,000 USD on,
        where STANDARD would be at 3,000."""
        account = self.chain.open("hedger", index, {"ETH": "10"})
        self.chain.choose_model(account, PORTFOLIO)
        self.chain.fill(self.maker, account, "ETH-PERP", "-12")
        self.chain.withdraw(account, "USDC", debt)
        return account

    def saver(self) -> int:
        """Owes a little: far from the line."""
        account = self.chain.open("saver", 0, {"ETH": "10"})
        self.chain.withdraw(account, "USDC", "2000")
        return account

    # ------------------------------------------------------------ blocks by hand

    def hold(self) -> None:
        """From here on blocks are mined by ``mine`` only."""
        self.chain.rpc("evm_setAutomine", False)

    def push(self, symbol: str, price: str, sender: str | None = None, **fields: Any) -> str:
        """A price update that waits in the pool; returns its hash."""
        feed = self.chain.protocol.feed(symbol)
        answer = units.to_units(Decimal(price), 8)
        request = {
            "from": sender or self.chain.governor,
            "to": feed.address,
            "data": feed.encode_abi("submit", [answer]),
            "gas": hex(200_000),
            **{name: hex(value) for name, value in fields.items()},
        }
        return str(self.chain.rpc("eth_sendTransaction", request))

    def mine(self) -> int:
        self.chain.rpc("evm_mine")
        return int(self.chain.w3.eth.block_number)

    def set_base_fee(self, wei: int) -> None:
        """Mines a block with this base fee; the next ones start from it."""
        self.chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))
        self.mine()

    def receipt(self, hash_: str) -> Any:
        return self.chain.w3.eth.get_transaction_receipt(hash_)

    def make(self, who: str | None = "keeper", **options: Any) -> Keeper:
        """A keeper; ``who`` None is paper mode."""
        signer = None if who is None else self.keys[who]
        return Keeper(self.chain.protocol, signer, KeeperSettings.load(**options))

    # ------------------------------------------------------------ what happened

    def liquidations(self) -> list[Any]:
        """All ``Liquidated`` events so far."""
        return list(self.chain.protocol.house.events.Liquidated().get_logs(from_block=0))

    def equity(self, account: int) -> int:
        return self.chain.health(account).equity

    def coins(self, who: str) -> int:
        return int(self.chain.w3.eth.get_balance(self.keys[who].address))


@pytest.fixture(scope="session")
def _keeper_chain() -> Iterator[LocalChain]:
    with LocalChain(held_at=START) as chain:
        yield chain


@pytest.fixture(scope="session")
def _keeper_stage(_keeper_chain: LocalChain) -> Stage:
    return Stage(_keeper_chain)


@pytest.fixture
def stage(_keeper_stage: Stage) -> Iterator[Stage]:
    """The stage as it was built, whatever the test before did to it."""
    chain = _keeper_stage.chain
    snapshot = chain.snapshot()
    # reverting leaves the next block's base fee where it was
    chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    yield _keeper_stage
    chain.rpc("anvil_dropAllTransactions")
    chain.rpc("evm_setAutomine", True)
    chain.revert(snapshot)
