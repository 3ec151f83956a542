"""Accounts in trouble, and the accounting around a liquidation step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3.types import TxReceipt

from ballast.chain.local import Number
from ballast.chain.protocol import Health
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.markets.desk import Desk

__all__ = ["Scenes", "Step"]


@dataclass(frozen=True)
class Step:
    """One liquidation with what it did; money in USDC 1e18."""

    receipt: TxReceipt
    event: dict[str, Any]
    before: Health
    after: Health
    gained: int  # the liquidator's equity
    insured: int  # the insurance fund

    @property
    def cost(self) -> int:
        """What the account lost."""
        return self.before.equity - self.after.equity


class Scenes(Desk):
    """A ``Desk`` with a lender of 10,000,000 USDC and 1,000 of each token, opened when first needed."""

    def lender(self) -> int:
        account = self.open("lender")
        if self.protocol.balance(account, "USDC") == 0:
            self.open("lender", USDC=10_000_000, BTC=1_000, ETH=1_000, SOL=1_000)
        return account

    def maker(self) -> int:
        """The other side of every trade, with 10,000,000 USDC."""
        account = self.open("market maker")
        if self.protocol.balance(account, "USDC") == 0:
            self.open("market maker", USDC=10_000_000)
        return account

    def free_trading(self) -> None:
        """No fees in the perpetual markets."""
        for symbol in ("BTC-PERP", "ETH-PERP", "SOL-PERP"):
            self.set_market(symbol, makerFee=0, takerFee=0)

    # ------------------------------------------------------------ accounts

    def borrower(self, name: str = "borrower", owes: dict[str, Number] | None = None, **collateral: Number) -> int:
        """Deposits collateral and borrows what it ``owes``."""
        self.lender()
        account = self.open(name, **collateral)
        for symbol, amount in (owes or {}).items():
            self.chain.withdraw(account, symbol, amount)
        return account

    def trader(self, name: str = "trader", positions: dict[str, Number] | None = None, **collateral: Number) -> int:
        """Deposits collateral and trades positions with the maker at mark."""
        maker = self.maker()
        account = self.open(name, **collateral)
        for symbol, size in (positions or {}).items():
            self.chain.fill(maker, account, symbol, size)
        return account

    def price(self, **prices: Number) -> None:
        """Sets prices and lets everybody get used to them: nothing deviates."""
        for symbol, price in prices.items():
            self.chain.set_price(symbol, price)
            self.chain.reset_slow_price(symbol)

    def mint_to(self, owner: str, amount: int, symbol: str = "USDC") -> None:
        """Whole tokens into an owner's wallet, with the Clearinghouse allowed to pull them."""
        self.chain.mint(symbol, owner, amount * 10 ** self.protocol.decimals(symbol))
        self.chain.approve(owner, symbol)

    # ------------------------------------------------------------ steps

    def insurance_wad(self) -> int:
        return self.insurance() * QUOTE_UNIT

    def health_at(self, account: int, time: int) -> Health:
        """What ``health`` says in a block of that time, which is then undone."""
        snapshot = self.chain.snapshot()
        self.next_block_at(time)
        self.chain.rpc("evm_mine")
        health = self.chain.health(account)
        self.chain.revert(snapshot)
        return health

    def step(self, account: int, liquidator: int, time: int | None = None, **options: Any) -> Step:
        """Liquidates at ``time`` (default: the second of the latest block, so that no interest moves a reading)."""
        at = self.chain.now() if time is None else time
        before, rich = self.health_at(account, at), self.health_at(liquidator, at)
        fund = self.insurance_wad()
        self.next_block_at(at)
        receipt = self.chain.liquidate(account, liquidator, **options)
        after = self.chain.health(account)
        return Step(
            receipt=receipt,
            event=self.event(receipt, "Liquidated"),
            before=before,
            after=after,
            gained=self.chain.health(liquidator).equity - rich.equity,
            insured=self.insurance_wad() - fund,
        )

    def step_then_undo(self, account: int, liquidator: int) -> dict[str, Any]:
        """The event of a step that is undone again."""
        snapshot = self.chain.snapshot()
        event = self.event(self.chain.liquidate(account, liquidator), "Liquidated")
        self.chain.revert(snapshot)
        return event

    def rounding(self, account: int) -> int:
        """What rounding may come to in one step: two units of USDC and of each token held, USDC 1e18."""
        total = 4 * QUOTE_UNIT
        for symbol in self.protocol.deployment.tokens:
            if symbol != "USDC" and self.protocol.balance(account, symbol):
                total += 2 * (self.protocol.price(symbol) // 10 ** self.protocol.decimals(symbol) + 1)
        return total

    def factor(self, health: Health) -> float:
        """Health factor, to look at."""
        return health.equity / health.maintenance

    def flag(self, account: int) -> TxReceipt:
        return self.chain.send(self.house.functions.flag(account), self.governor)

    def liquidate_call(self, account: int, liquidator: int, fraction: int = WAD, data: bytes = b"") -> Any:
        return self.house.functions.liquidate((account, liquidator, fraction, 0, 2**200, 2**64 - 1, data))
