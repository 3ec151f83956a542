"""Owners of accounts in a test: what they hold, what they do, what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from ballast import units
from ballast.units import WAD, account_id

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3.types import TxReceipt

    from ballast.chain.local import LocalChain, Number
    from ballast.chain.protocol import Health

__all__ = ["Counterparties", "Trader"]

#: What the lender and the market maker of ``Counterparties`` bring, whole tokens.
_DEPTH = {"USDC": 100_000_000, "BTC": 1_000, "ETH": 20_000, "SOL": 200_000}
_MAKER_USDC = 100_000_000


class Trader:
    """An owner with a key. Amounts, sizes and prices are decimals of whole units; ``account`` is its first id."""

    def __init__(self, chain: LocalChain, name: str, counterparties: Counterparties) -> None:
        self.chain = chain
        self.name = name
        self.key: LocalAccount = chain.actor(name)
        chain.adopt(self.key)
        self.account = account_id(self.key.address, 0)
        self._counterparties = counterparties

    def __repr__(self) -> str:
        return f"Trader({self.name}, {units.format_account(self.account)})"

    @property
    def address(self) -> str:
        return str(self.key.address)

    def sub_account(self, index: int) -> int:
        """The id of account ``index`` of this owner."""
        return account_id(self.address, index)

    # ------------------------------------------------------------ actions

    def deposit(self, symbol: str, amount: Number, index: int = 0) -> TxReceipt:
        """Mints to the owner and deposits."""
        return self.chain.deposit(self.sub_account(index), symbol, amount)

    def withdraw(self, symbol: str, amount: Number | None, index: int = 0) -> TxReceipt:
        """Beyond the balance it borrows; None is the whole balance."""
        return self.chain.withdraw(self.sub_account(index), symbol, amount)

    def borrow(self, symbol: str, amount: Number, index: int = 0) -> TxReceipt:
        """As ``withdraw``, from a bank that is sure to have it."""
        self._counterparties.lend(symbol)
        return self.withdraw(symbol, amount, index)

    def trade(self, symbol: str, size: Number, price: Number | None = None, index: int = 0) -> TxReceipt:
        """Buys ``size`` (negative sells) from the market maker, at the mark unless ``price`` says else."""
        maker = self._counterparties.maker()
        return self.chain.fill(maker, self.sub_account(index), symbol, size, price)

    def settle(self, index: int = 0) -> TxReceipt:
        return self.chain.settle(self.sub_account(index))

    # ------------------------------------------------------------ what it has

    @property
    def health(self) -> Health:
        """Of the first account."""
        return self.chain.health(self.account)

    def balance(self, symbol: str, index: int = 0) -> Decimal:
        """Whole tokens in an account, negative is borrowed."""
        protocol = self.chain.protocol
        return units.from_units(protocol.balance(self.sub_account(index), symbol), protocol.decimals(symbol))

    def position(self, symbol: str, index: int = 0) -> Decimal:
        """Signed size, units."""
        return units.from_wad(self.chain.protocol.position(self.sub_account(index), symbol))

    def wallet(self, symbol: str) -> Decimal:
        """Whole tokens outside the protocol."""
        protocol = self.chain.protocol
        held = protocol.token(symbol).functions.balanceOf(self.address).call()
        return units.from_units(held, protocol.decimals(symbol))

    def wealth(self, *indices: int) -> int:
        """Equity of the accounts (default: 0 and 1) plus the wallet at the oracle's prices; USDC, 1e18.

        What an attack gains is the difference of two readings at the same prices.
        """
        protocol = self.chain.protocol
        quote = protocol.price("USDC")
        total = sum(self.chain.health(self.sub_account(index)).equity for index in indices or (0, 1))
        for symbol in protocol.deployment.tokens:
            held = protocol.token(symbol).functions.balanceOf(self.address).call()
            price = WAD if symbol == "USDC" else protocol.price(symbol) * WAD // quote
            total += held * price // 10 ** protocol.decimals(symbol)
        return total


class Counterparties:
    """The others of a market: a lender with depth in every token and a market maker, opened when first needed."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._lent: set[str] = set()
        self._maker: int | None = None

    def lend(self, symbol: str) -> None:
        """Makes sure that the bank of ``symbol`` has something to borrow."""
        if symbol not in self._lent:
            self._lent.add(symbol)
            key = self._chain.actor("lender")
            self._chain.adopt(key)
            self._chain.deposit(account_id(key.address, 0), symbol, _DEPTH.get(symbol, 1_000_000))

    def maker(self) -> int:
        """The market maker's account."""
        if self._maker is None:
            key = self._chain.actor("market maker")
            self._chain.adopt(key)
            self._maker = account_id(key.address, 0)
            self._chain.deposit(self._maker, "USDC", _MAKER_USDC)
        return self._maker


def open_account(
    trader: Trader,
    counterparties: Counterparties,
    collateral: Mapping[str, Number],
    positions: Mapping[str, Number],
) -> Trader:
    """Deposits what is positive, borrows what is negative, then trades the positions with the market maker at mark."""
    amounts = {symbol: units.decimal_of(amount) for symbol, amount in collateral.items()}
    for symbol, amount in amounts.items():
        if amount > 0:
            trader.deposit(symbol, amount)
    for symbol, amount in amounts.items():
        if amount < 0:
            counterparties.lend(symbol)
            trader.withdraw(symbol, -amount)
    for symbol, size in positions.items():
        trader.trade(symbol, size)
    return trader
