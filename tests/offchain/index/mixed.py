"""A random walk that touches everything the ledger stores, refusals included."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

from ballast.chain.local import LocalChain
from ballast.errors import BallastError, ContractError
from ballast.units import WAD

START = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "SOL": Decimal(150)}
MARKETS = ("ETH-PERP", "BTC-PERP", "SOL-PERP", "ETH", "BTC", "SOL")
SIZES = {"BTC": "0.05", "ETH": "1", "SOL": "20"}
ROLES = ("maker", "taker", "borrower", "depositor")


class MixedUse:
    """``run(steps)`` performs random actions; ``done`` counts those that were not refused."""

    #: Each as often as it is wanted.
    ACTIONS = (
        *("deposit", "withdraw", "borrow", "fill", "fill", "fill", "settle", "quote", "price"),
        *("price", "warp", "liquidate", "flag", "cancel", "operator", "operated_fill"),
        *("transfer", "insure", "collect", "pause", "parameters", "unhealthy", "thin", "model", "terms"),
    )

    def __init__(self, chain: LocalChain, seed: int) -> None:
        self.chain = chain
        self.rng = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.prices = dict(START)
        self.accounts = [chain.open(role, index, {"USDC": "40000", "ETH": "5"}) for role in ROLES for index in (0, 3)]
        self.liquidator = chain.open("liquidator", 0, {"USDC": "5000000"})
        self.lender = chain.open("lender", 0, {"USDC": "900000", "BTC": "9", "ETH": "90", "SOL": "900"})
        self.operator = chain.actor("operator")
        chain.fund_insurance("500")

    def run(self, steps: int) -> None:
        for _ in range(steps):
            name = self.rng.choice(self.ACTIONS)
            try:
                getattr(self, f"_{name}")()
                self.done[name] += 1
            except ContractError as error:
                self.refused[error.name] += 1

    # ------------------------------------------------------------ choices

    def _account(self) -> int:
        return self.rng.choice(self.accounts)

    def _two(self) -> tuple[int, int]:
        maker, taker = self.rng.sample(self.accounts, 2)
        return maker, taker

    def _owner(self, account: int) -> str:
        return str(self.chain.key_of(account).address)

    def _size(self, market: str) -> Decimal:
        unit = Decimal(SIZES[market.removesuffix("-PERP")])
        return unit * self.rng.choice((1, 2, 5)) * self.rng.choice((1, -1))

    # ------------------------------------------------------------ users

    def _deposit(self) -> None:
        token, most = self.rng.choice((("USDC", 9_000), ("ETH", 3), ("SOL", 40), ("BTC", 1)))
        self.chain.deposit(self._account(), token, self.rng.randrange(1, most + 1))

    def _withdraw(self) -> None:
        self.chain.withdraw(self._account(), self.rng.choice(("USDC", "ETH", "SOL")), None)

    def _borrow(self) -> None:
        token, amount = self.rng.choice((("ETH", "2"), ("SOL", "30"), ("BTC", "0.1"), ("USDC", "60000")))
        self.chain.withdraw(self._account(), token, amount)

    def _model(self) -> None:
        account = self.rng.choice(self.accounts[1::2])
        model = self.chain.protocol.house.functions.accountOf(account).call()[2]
        self.chain.choose_model(account, 1 - model)

    def _fill(self) -> None:
        market = self.rng.choice(MARKETS)
        maker, taker = self._two()
        self.chain.fill(maker, taker, market, self._size(market))

    def _settle(self) -> None:
        self.chain.settle(self._account())

    def _transfer(self) -> None:
        account = self.rng.choice(self.accounts[::2])
        token = self.chain.protocol.token("USDC").address
        call = self.chain.protocol.house.functions.transfer(account, account + 3, token, 77_000_000)
        self.chain.send(call, self._owner(account))

    def _cancel(self) -> None:
        account = self._account()
        nonce = self.rng.choice((self.rng.randrange(600), self.rng.randrange(2**256)))
        call = self.chain.protocol.house.functions.cancel(account, nonce)
        self.chain.send(call, self._owner(account))

    def _operator(self) -> None:
        account, house = self._account(), self.chain.protocol.house
        until = self.rng.choice((0, self.chain.now() + 500_000, 2**64 - 1))
        self.chain.send(house.functions.setOperator(account, self.operator.address, until), self._owner(account))
        budget = self.rng.choice((0, 40 * WAD, 4_000 * WAD))
        self.chain.send(
            house.functions.setOperatorBudget(account, self.operator.address, budget),
            self._owner(account),
        )

    def _operated_fill(self) -> None:
        """The operator signs for the taker, and spends of its budget."""
        maker, taker = self._two()
        size = self._size("ETH-PERP")
        made = self.chain.order(maker, "ETH-PERP", -size)
        taken = self.chain.order(taker, "ETH-PERP", size, Decimal(made.limitPrice) / WAD)
        signature = self.chain.sign(taken, self.operator)
        self.chain.fill_orders(made, self.chain.sign(made), taken, signature, abs(made.size))

    # ------------------------------------------------------------ market

    def _quote(self) -> None:
        price = self.prices["ETH"] * (1 + Decimal(self.rng.randrange(-90, 91)) / 10_000)
        self.chain.warp(3)
        self.chain.submit_quote("ETH-PERP", round(price, 2) - 1, round(price, 2) + 1)

    def _price(self) -> None:
        asset = self.rng.choice(list(START))
        move = 1 + Decimal(self.rng.randrange(-120, 121)) / 1_000
        bounded = min(max(self.prices[asset] * move, START[asset] / 2), START[asset] * 2)
        self.prices[asset] = round(bounded, 2)
        self.chain.set_price(asset, self.prices[asset])
        self.chain.reset_slow_price(asset)

    def _warp(self) -> None:
        self.chain.warp(self.rng.choice((7, 3_600, 80_000)), refresh=True)

    # ------------------------------------------------------------ keepers

    def _liquidate(self) -> None:
        account = min(self.accounts, key=self._distance)
        fraction = self.rng.choice((WAD, WAD // 2))
        self.chain.liquidate(account, self.liquidator, max_fraction=fraction)

    def _distance(self, account: int) -> int:
        found = self.chain.health(account)
        return found.equity - found.maintenance

    def _flag(self) -> None:
        account = min(self.accounts, key=self._distance)
        self.chain.send(self.chain.protocol.house.functions.flag(account), self.chain.governor)

    def _unhealthy(self) -> None:
        """A jump that leaves somebody without equity, liquidated at the new price."""
        maker, taker = self._two()
        room = max(0, min(self._excess(maker), self._excess(taker)))
        size = Decimal(room * 9 // (3_000 * WAD))
        if size:
            self.chain.fill(maker, taker, "ETH-PERP", size)
        self.prices["ETH"] = START["ETH"] * self.rng.choice((Decimal("0.7"), Decimal("1.4")))
        self.chain.set_price("ETH", self.prices["ETH"])
        self.chain.reset_slow_price("ETH")
        for account in (maker, taker):
            try:
                self.chain.liquidate(account, self.liquidator)
            except BallastError:
                continue

    def _thin(self) -> None:
        """A fall to where hardly any equity is left, so that the fund shares the reward."""
        self._insure()
        account = min(self.accounts, key=self._distance)
        low, high = START["ETH"] / 2, START["ETH"] * 2
        for _ in range(14):
            price = round((low + high) / 2, 2)
            self.chain.set_price("ETH", price)
            found = self.chain.health(account)
            if 0 < found.equity < found.maintenance // 10:
                break
            falls = self.chain.protocol.position(account, "ETH-PERP") >= 0
            low, high = (low, price) if (found.equity > 0) == falls else (price, high)
        self.prices["ETH"] = price
        self.chain.reset_slow_price("ETH")
        self._flag()
        self.done["flag"] += 1
        self.chain.liquidate(account, self.liquidator)

    def _excess(self, account: int) -> int:
        found = self.chain.health(account)
        return found.equity - found.initial

    # ------------------------------------------------------------ governance

    def _insure(self) -> None:
        self.chain.fund_insurance(self.rng.randrange(1, 50))

    def _collect(self) -> None:
        token = self.chain.protocol.token(self.rng.choice(("USDC", "ETH", "SOL"))).address
        self.chain.send(self.chain.protocol.house.functions.collect(token), self.chain.governor)

    def _pause(self) -> None:
        house = self.chain.protocol.house
        self.chain.send(house.functions.pause(self.chain.now() + 100), self.chain.governor)
        if self.rng.random() < 0.8:
            self.chain.send(house.functions.unpause(), self.chain.governor)

    def _terms(self) -> None:
        """Parameters of the PORTFOLIO model, within what leaves most accounts healthy."""
        engine = self.chain.protocol.engine.functions
        asset, part = self.rng.choice((1, 2, 3)), self.rng.randrange(10_000)
        contingency = (20_000 + part, 10_000, 3_000, 2_000, 50_000, 1_000, 10_000, part, 10_000 + part)
        call = self.rng.choice(
            (
                engine.setFactors(
                    (1_000_000 + part, 1_300_000 + part, 990_000, 4_000_000, 550_000, 600, 1_200, 50_000)
                ),
                engine.setContingency(asset, contingency),
                engine.setHaircut(asset, part),
            )
        )
        self.chain.send(call, self.chain.governor)

    def _parameters(self) -> None:
        house, engine = self.chain.protocol.house, self.chain.protocol.engine
        perp = self.chain.protocol.instrument("SOL-PERP")
        rate = self.rng.randrange(100_000, 200_000)
        call = self.rng.choice(
            (
                house.functions.setMarketStatus(perp, self.rng.random() < 0.3),
                house.functions.setQuoter(self.operator.address, self.rng.random() < 0.5),
                engine.functions.setInstrumentRates(perp, (rate, rate + 1)),
                engine.functions.setMinimumMaintenance(self.rng.randrange(10, 20) * WAD),
                self.chain.protocol.router.functions.sync(0b1111),
            )
        )
        self.chain.send(call, self.chain.governor)
