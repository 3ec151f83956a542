"""A crowd of accounts of the three models that hold tokens, debts, perpetuals, dated futures and options, and moves of
prices, surfaces and time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ballast.chain.instruments import expiry_of_label
from ballast.chain.local import LocalChain
from ballast.chain.settlement import Settlement
from ballast.chain.signers import UnlockedSigner
from ballast.errors import ContractError
from ballast.risk.margin import ISOLATED, PORTFOLIO, STANDARD

__all__ = ["EXPIRIES", "Crowd"]

EXPIRIES: Mapping[str, Sequence[str]] = {"ETH": ("2JAN26", "27MAR26"), "BTC": ("2JAN26", "26JUN26")}
_STRIKES = {"ETH": (2_400, 2_700, 3_000, 3_300, 3_900), "BTC": (48_000, 54_000, 60_000, 66_000)}
_LOTS = {"ETH": Decimal("0.1"), "BTC": Decimal("0.01")}
_FORWARDS = {"ETH": "3020", "BTC": "60500"}
_EXPECTED = ("Ledger_BelowInitialMargin", "Ledger_ModelUnchanged", "Margin_NotIsolated")
#: Below what the local parameters let be supplied.
_MAKERS = {"USDC": 400_000_000, "BTC": 500}
#: What a move multiplies a price by, drift apart: up to two times this away from one.
_STEP = 0.02


@dataclass
class Crowd:
    """``owners`` each with ``each`` accounts, and a market maker who takes the other side of all they trade."""

    chain: LocalChain
    source: random.Random
    owners: int
    each: int
    accounts: list[int] = field(default_factory=list)

    def list_all(self) -> None:
        """Lists options and futures of four expiries, with surfaces and arrays."""
        options = self.chain.options
        for symbol, labels in EXPIRIES.items():
            for label in labels:
                options.list_strikes(symbol, label, _STRIKES[symbol])
                options.list_future(symbol, label)
                self.quote(symbol, label, 0.6, Decimal(_FORWARDS[symbol]))

    def quote(self, symbol: str, label: str, vol: float, forward: Decimal) -> None:
        """A new surface of one expiry, and arrays of it."""
        self.chain.options.set_surface(symbol, label, vol, forward=forward)
        self.chain.options.refresh(symbol, label)

    def populate(self, progress: Callable[[], None] = lambda: None) -> None:
        """Opens the accounts and lets each trade; ``progress`` is called once an account."""
        maker = self.chain.open("maker", 0, _MAKERS)
        self.chain.choose_model(maker, PORTFOLIO)
        for number in range(self.owners):
            for index in range(self.each):
                cash = {"USDC": self.source.randrange(2_000, 60_000)}
                coins = {"ETH": self.source.randrange(1, 5)} if self.source.random() < 0.2 else {}
                account = self.chain.open(f"owner {number}", index, cash | coins)
                self.accounts.append(account)
                self._trade(account, maker)
                progress()

    def _trade(self, account: int, maker: int) -> None:
        steps = [(self._option, self.source.randrange(7)), (self._linear, self.source.randrange(3))]
        steps += [(self._choose, 2), (self._borrow, self.source.randrange(2))]
        todo = [step for step, times in steps for _ in range(times)]
        self.source.shuffle(todo)
        for step in todo:
            try:
                step(account, maker)
            except ContractError as error:
                if error.name not in _EXPECTED:
                    raise

    def _choose(self, account: int, maker: int) -> None:
        self.chain.choose_model(account, self.source.choice((STANDARD, PORTFOLIO, PORTFOLIO, ISOLATED)))

    def _option(self, account: int, maker: int) -> None:
        symbol = self.source.choice(list(EXPIRIES))
        strike, side = self.source.choice(_STRIKES[symbol]), self.source.choice("CP")
        name = f"{symbol}-{self.source.choice(EXPIRIES[symbol])}-{strike}-{side}"
        self.chain.fill(maker, account, name, _LOTS[symbol] * self.source.randrange(1, 30) * self._side())

    def _linear(self, account: int, maker: int) -> None:
        symbol = self.source.choice(list(EXPIRIES))
        name = f"{symbol}-{self.source.choice((*EXPIRIES[symbol], 'PERP'))}"
        self.chain.fill(maker, account, name, _LOTS[symbol] * self.source.randrange(1, 20) * self._side())

    def _borrow(self, account: int, maker: int) -> None:
        """Takes BTC out that it has not."""
        self.chain.withdraw(account, "BTC", "0.01")

    def _side(self) -> int:
        return self.source.choice((-1, 1))

    # ------------------------------------------------------------ moves

    def move(self, turn: int) -> str:
        """A price, then a surface, then time, in turns; says which."""
        return (self._move_prices, self._move_surface, self._move_time)[turn % 3]()

    def _move_prices(self) -> str:
        factors = {symbol: 1 + self.source.uniform(-2, 2) * _STEP for symbol in EXPIRIES}
        moved = {symbol: self.chain.price(symbol) * Decimal(round(part, 6)) for symbol, part in factors.items()}
        prices = {symbol: str(round(price, 4)) for symbol, price in moved.items()}
        self.chain.set_prices(prices)
        return "prices " + " ".join(f"{symbol} {price}" for symbol, price in prices.items())

    def _move_surface(self) -> str:
        symbol = self.source.choice(list(EXPIRIES))
        label, vol = EXPIRIES[symbol][1], self.source.choice((0.45, 0.5, 0.6, 0.8))
        self.quote(symbol, label, vol, self.chain.price(symbol) * 101 / 100)
        return f"surface {symbol}-{label} {vol:.0%}"

    def _move_time(self) -> str:
        seconds = self.source.choice((13, 700, 5_000))
        self.chain.warp(seconds, refresh=True)
        return f"time {seconds} s"

    def expire(self) -> None:
        """Time to the first expiry, with prices around it; the settlement prices are not fixed."""
        expiry = expiry_of_label(EXPIRIES["ETH"][0])
        self.chain.advance(expiry - self.chain.now() - 600)
        self.chain.refresh_prices()
        self.chain.advance(expiry - self.chain.now())
        self.chain.set_prices({"ETH": "2650.123", "BTC": "61000"})
        self.chain.refresh_prices()

    def settle_prices(self) -> None:
        """Fixes the settlement prices of the first expiry."""
        signer = UnlockedSigner(self.chain.actor("settler").address)
        settlement = Settlement(self.chain.protocol)
        for symbol, labels in EXPIRIES.items():
            settlement.settle(signer, self.chain.deployment.underlyings[symbol], expiry_of_label(labels[0]))

    def settle_accounts(self, accounts: Sequence[int]) -> None:
        """Settles those that are solvent."""
        for account in accounts:
            if self.chain.health(account).equity >= 0:
                self.chain.settle(account)
