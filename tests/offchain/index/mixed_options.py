"""The random walk with options and dated futures among its markets, through expiries."""

from __future__ import annotations

from decimal import Decimal

from ballast.chain.instruments import expiry_label, expiry_of_label
from ballast.chain.local import LocalChain
from ballast.chain.settlement import Settlement
from ballast.chain.signers import UnlockedSigner
from ballast.errors import ContractError, StaleDataError
from ballast.units import WAD
from tests.offchain.index.mixed import START, MixedUse

_DAY = 86_400
_PARTS = (70, 85, 100, 115, 140)
SYMBOLS = ("ETH", "BTC")


class MixedOptions(MixedUse):
    """As ``MixedUse``; of ETH and BTC an expiry is listed whenever the last one is near, a week and a half ahead."""

    ACTIONS = (
        *("deposit", "withdraw", "borrow", "fill", "settle", "price", "price", "warp", "liquidate", "flag"),
        *("option", "option", "option", "option", "future", "future", "isolate", "model", "insure"),
        *("surface", "crash", "crash", "expire", "settle_all"),
    )

    def __init__(self, chain: LocalChain, seed: int) -> None:
        super().__init__(chain, seed)
        #: Labels that are listed, and strikes by symbol and label.
        self.labels: list[str] = []
        self.strikes: dict[tuple[str, str], list[Decimal]] = {}
        self.waiting: set[str] = set()
        self._list()

    def _list(self) -> None:
        label = expiry_label(expiry_of_label(expiry_label((self.chain.now() // _DAY + 10) * _DAY + 8 * 3_600)))
        if label in self.labels:
            return
        self.chain.refresh_prices()
        self.labels.append(label)
        self.waiting.add(label)
        for symbol in SYMBOLS:
            self.strikes[symbol, label] = [START[symbol] * part / 100 for part in _PARTS]
            self.chain.options.list_strikes(symbol, label, self.strikes[symbol, label])
            self.chain.options.list_future(symbol, label)
            self._refresh(symbol, label)

    def _refresh(self, symbol: str, label: str) -> None:
        self.chain.options.set_surface(symbol, label, 0.6 + self.rng.randrange(5) / 100)
        self.chain.options.refresh(symbol, label)

    def _live(self) -> str:
        if expiry_of_label(self.labels[-1]) - self.chain.now() < 2 * _DAY:
            self._list()
        return self.rng.choice([one for one in self.labels if expiry_of_label(one) > self.chain.now()])

    def _option(self) -> None:
        label, symbol = self._live(), self.rng.choice(SYMBOLS)
        self._refresh(symbol, label)
        maker, taker = self._two()
        name = f"{symbol}-{label}-{self.rng.choice(self.strikes[symbol, label]).normalize():f}-{self.rng.choice('CP')}"
        self.chain.fill(maker, taker, name, self._size(symbol) * self.rng.choice((1, 2, 6)))

    def _future(self) -> None:
        label, symbol = self._live(), self.rng.choice(SYMBOLS)
        self._refresh(symbol, label)
        maker, taker = self._two()
        self.chain.fill(maker, taker, f"{symbol}-{label}", self._size(symbol))

    def _surface(self) -> None:
        self.chain.refresh_prices()
        self._refresh(self.rng.choice(SYMBOLS), self._live())

    def _isolate(self) -> None:
        self.chain.choose_model(self.rng.choice(self.accounts[::2]), self.rng.choice((0, 2)))

    def _crash(self) -> None:
        """A jump, mostly with new arrays: flags and liquidations, half of them of a part, and mostly back."""
        before = self.prices["ETH"]
        self.prices["ETH"] = START["ETH"] * self.rng.choice((Decimal("0.4"), Decimal("2.2")))
        self.chain.set_price("ETH", self.prices["ETH"])
        self.chain.reset_slow_price("ETH")
        if self.rng.random() < 0.8:
            self.chain.refresh_prices()
            self._fix()
            for label in self.labels:
                for symbol in SYMBOLS if expiry_of_label(label) > self.chain.now() else ():
                    self.chain.options.refresh(symbol, label)
        for account in self.accounts:
            try:
                if self.rng.random() < 0.3:
                    self.chain.send(self.chain.protocol.house.functions.flag(account), self.chain.governor)
                    self.done["flag"] += 1
                    continue
                if self.rng.random() < 0.5:
                    continue
                self.chain.liquidate(account, self.liquidator, max_fraction=self.rng.choice((WAD, WAD // 3)))
                self.done["liquidate"] += 1
            except ContractError as error:
                self.refused[error.name] += 1
        if self.rng.random() < 0.5:
            return
        self.prices["ETH"] = before
        self.chain.set_price("ETH", before)
        self.chain.reset_slow_price("ETH")

    def _expire(self) -> None:
        """Time to the next expiry, then its prices or, for now, none."""
        expiry = expiry_of_label(self._live())
        self.chain.advance(max(1, expiry - 3_600 - self.chain.now()))
        self.chain.refresh_prices()
        self.chain.advance(max(1, expiry - self.chain.now()))
        self.chain.refresh_prices()
        if self.rng.random() < 0.7:
            self._fix()
        self._list()

    def _fix(self) -> None:
        signer = UnlockedSigner(self.chain.actor("settler").address)
        for label in sorted(self.waiting):
            if expiry_of_label(label) > self.chain.now():
                continue
            for symbol in SYMBOLS:
                try:
                    Settlement(self.chain.protocol).settle(
                        signer, self.chain.deployment.underlyings[symbol], expiry_of_label(label)
                    )
                except StaleDataError:
                    self.refused["StaleDataError"] += 1
            self.waiting.discard(label)

    def _settle_all(self) -> None:
        self._fix()
        for account in (*self.accounts, self.liquidator):
            try:
                self.chain.settle(account)
            except ContractError as error:
                self.refused[error.name] += 1
