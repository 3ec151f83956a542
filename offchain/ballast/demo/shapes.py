"""The accounts of the demo: what each shape holds and owes, opened with real deposits and signed
orders.

Sizes are drawn from a seeded generator, in USD at the prices of the moment, so that the same
shapes fit any prices. Leverage runs from careful to close to the initial margin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from random import Random

from ballast import units
from ballast.chain.local import LocalChain
from ballast.demo.expiry import Expiry
from ballast.errors import ContractError, UsageError
from ballast.risk.margin import PORTFOLIO

__all__ = ["LENDERS", "SHAPES", "Opened", "Population"]

#: Lenders of USDC and coins; they owe nothing.
LENDERS = 6
_LENDER_USD = Decimal(2_000_000)
#: USD that the market maker holds in USDC, and in each coin: the other side of every trade.
_MAKER_CASH = Decimal(30_000_000)
_MAKER_COIN = Decimal(10_000_000)
#: USD that the buyer of coins holds.
_BUYER_CASH = Decimal(10_000_000)
_GRAIN = 10_000


@dataclass(frozen=True)
class Opened:
    """An account of the demo."""

    account: int
    name: str
    shape: str


class Population:
    """Opens accounts on a chain, and remembers them. ``symbols`` are the coins that have markets."""

    def __init__(self, chain: LocalChain, symbols: tuple[str, ...], seed: int, expiry: Expiry) -> None:
        self.chain = chain
        self.expiry = expiry
        self.symbols = symbols
        self.opened: list[Opened] = []
        self._random = Random(seed)
        self._shapes = self._turns()
        self._min_sizes = {
            market.symbol: units.from_wad(market.min_size) for asset in chain.params.assets for market in asset.markets
        }
        self._charges = _initial_charges(chain)
        self._option_lots = {asset.symbol: asset.options.lot for asset in chain.params.assets if asset.options}
        #: The market maker and the buyer, once they are there.
        self.maker = 0
        self.buyer = 0

    def open_lenders(self) -> list[Opened]:
        """The market maker, who takes the other side of every trade, a buyer of coins, and the lenders."""
        self.maker = self._open("market maker", "market maker", {"USDC": _MAKER_CASH})
        for symbol in self.symbols:
            self._deposit(self.maker, symbol, _MAKER_COIN)
        self.buyer = self._open("buyer", "buyer", {"USDC": _BUYER_CASH})
        for number in range(LENDERS):
            account = self._open(f"lender {number}", "lender", {"USDC": _LENDER_USD})
            symbol = self.symbols[number % len(self.symbols)]
            self._deposit(account, symbol, self._between(50_000, 500_000))
        return self.opened[: LENDERS + 2]

    def open_traders(self, count: int) -> list[Opened]:
        """``count`` accounts, the shapes in turn."""
        first = len(self.opened)
        for _ in range(count):
            shape, symbol = next(self._shapes)
            name = f"{shape} {len(self.opened)}"
            account = self._open(name, shape, {})
            SHAPES[shape](self, account, symbol)
        return self.opened[first:]

    def _turns(self) -> Iterator[tuple[str, str]]:
        """Every shape with every coin, over and over."""
        while True:
            for turn in range(len(self.symbols)):
                for place, shape in enumerate(SHAPES):
                    yield shape, self.symbols[(turn + place) % len(self.symbols)]

    # ------------------------------------------------------------ shapes

    def levered_spot(self, account: int, symbol: str) -> None:
        """Coins bought with borrowed USDC."""
        equity = self._cash(account)
        self._trade(account, symbol, equity / self._spot(symbol) * self._tightness())

    def borrower(self, account: int, symbol: str) -> None:
        """Coins deposited, USDC borrowed and taken away."""
        worth = self._equity()
        self._deposit(account, symbol, worth)
        self._borrow(account, "USDC", worth * (1 - self._spot(symbol)) * self._tightness())

    def coin_borrower(self, account: int, symbol: str) -> None:
        """USDC deposited, coins borrowed and taken away."""
        equity = self._cash(account)
        self._borrow(account, symbol, equity / (1 + self._spot(symbol)) * self._tightness())

    def hedged(self, account: int, symbol: str) -> None:
        """Coins deposited and sold with the perpetual, USDC borrowed on top."""
        worth = self._equity()
        self._deposit(account, symbol, worth)
        self._trade(account, f"{symbol}-PERP", -worth)
        free = 1 - self._spot(symbol) - self._perp(symbol)
        self._borrow(account, "USDC", worth * free * self._tightness())

    def carry(self, account: int, symbol: str) -> None:
        """Coins bought with borrowed USDC, as many sold with the perpetual."""
        charge = self._spot(symbol) + self._perp(symbol)
        size = self._cash(account) / charge * self._tightness()
        self._trade(account, symbol, size)
        self._trade(account, f"{symbol}-PERP", -size)

    def perp_long(self, account: int, symbol: str) -> None:
        """A perpetual bought on USDC."""
        size = self._cash(account) / self._perp(symbol) * self._tightness()
        self._trade(account, f"{symbol}-PERP", size)

    def perp_short(self, account: int, symbol: str) -> None:
        """The same, sold."""
        size = self._cash(account) / self._perp(symbol) * self._tightness()
        self._trade(account, f"{symbol}-PERP", -size)

    def strangle(self, account: int, symbol: str) -> None:
        """A call and a put sold on USDC, margined as a portfolio."""
        self.chain.choose_model(account, PORTFOLIO)
        size = self._lots(symbol, self._cash(account) * 2 * self._tightness())
        for strike, side in (("call", "C"), ("put", "P")):
            self._sell(account, self.expiry.option(symbol, strike, side), size, symbol)

    def covered_call(self, account: int, symbol: str) -> None:
        """Coins deposited, calls on them sold, USDC borrowed."""
        self.chain.choose_model(account, PORTFOLIO)
        worth = self._equity()
        self._deposit(account, symbol, worth)
        self._sell(account, self.expiry.option(symbol, "call", "C"), self._lots(symbol, worth), symbol)
        self._borrow(account, "USDC", worth / 5 * self._tightness())

    def basis_trade(self, account: int, symbol: str) -> None:
        """A dated future bought, the perpetual sold, as a portfolio; and a put for the worst."""
        self.chain.choose_model(account, PORTFOLIO)
        worth = self._cash(account) * Decimal("1.5") * self._tightness()
        size = self._size(f"{symbol}-PERP", worth, ROUND_FLOOR)
        self.chain.fill(self.maker, account, self.expiry.future(symbol), size)
        self.chain.fill(self.maker, account, f"{symbol}-PERP", -size)
        put = self._lots(symbol, worth / 10)
        self.chain.fill(self.maker, account, self.expiry.option(symbol, "put", "P"), put)

    # ------------------------------------------------------------ hands

    def _lots(self, symbol: str, worth: Decimal) -> Decimal:
        """Units of an option on coins worth so many USD, whole lots, at least one."""
        lot = units.from_wad(self._option_lots[symbol])
        return max(lot, (worth / self.chain.price(symbol) / lot).to_integral_value(ROUND_FLOOR) * lot)

    def _sell(self, account: int, option: str, size: Decimal, symbol: str) -> None:
        """Sells as much as initial margin allows: half where it does not."""
        while True:
            try:
                self.chain.fill(account, self.maker, option, size)
            except ContractError as error:
                half = self._lots(symbol, size * self.chain.price(symbol) / 2)
                if error.name != "Ledger_BelowInitialMargin" or half == size:
                    raise
                size = half
            else:
                return

    def _spot(self, symbol: str) -> Decimal:
        """Initial charge of the coin's balance, a part of its value."""
        return self._charges[symbol][0]

    def _perp(self, symbol: str) -> Decimal:
        """Initial charge of the coin's perpetual."""
        return self._charges[symbol][1]

    def _tightness(self) -> Decimal:
        """How much of what initial margin allows an account uses."""
        return self._between(0.3, 0.95)

    def _open(self, name: str, shape: str, collateral: dict[str, Decimal]) -> int:
        account = self.chain.open(name, collateral=dict(collateral))
        self.opened.append(Opened(account, name, shape))
        return account

    def _between(self, low: float, high: float) -> Decimal:
        """Drawn evenly; exact, so that it is the same everywhere."""
        bottom, top = round(low * _GRAIN), round(high * _GRAIN)
        return Decimal(self._random.randint(bottom, top)) / _GRAIN

    def _equity(self) -> Decimal:
        """5,000 to 200,000 USD, small ones more often."""
        return (5_000 * 40 ** self._between(0, 1)).quantize(Decimal(1))

    def _cash(self, account: int) -> Decimal:
        equity = self._equity()
        self.chain.deposit(account, "USDC", equity)
        return equity

    def _deposit(self, account: int, symbol: str, worth: Decimal) -> None:
        self.chain.deposit(account, symbol, self._size(symbol, worth, ROUND_CEILING))

    def _borrow(self, account: int, symbol: str, worth: Decimal) -> None:
        amount = worth if symbol == "USDC" else self._size(symbol, worth, ROUND_FLOOR)
        self.chain.withdraw(account, symbol, amount.quantize(Decimal("0.000001"), ROUND_FLOOR))

    def _trade(self, account: int, market: str, worth: Decimal) -> None:
        """Buys (positive) or sells ``worth`` USD at the mark, from or to the market maker."""
        size = self._size(market, abs(worth), ROUND_FLOOR)
        self.chain.fill(self.maker, account, market, size if worth > 0 else -size)

    def _size(self, market: str, worth: Decimal, rounding: str) -> Decimal:
        """Units worth so many USD, a multiple of the market's smallest position."""
        step = self._min_sizes[market]
        price = self.chain.price(market.removesuffix("-PERP"))
        size = (worth / price / step).to_integral_value(rounding) * step
        if size <= 0:
            raise UsageError(
                f"{market}: at a price of {price:f} its smallest position is worth more than"
                f" {worth:.0f} USD; the demo's markets do not fit these prices"
            )
        return size


def _initial_charges(chain: LocalChain) -> dict[str, tuple[Decimal, Decimal]]:
    """Initial charge of each coin's balance and of its perpetual, 1 = 100%."""
    found = {}
    for asset in chain.params.assets[1:]:
        perp = next(market for market in asset.markets if market.rates is not None)
        assert asset.token.rates is not None
        assert perp.rates is not None
        rates = (asset.token.rates.initial, perp.rates.initial)
        found[asset.symbol] = (Decimal(rates[0]) / units.E6, Decimal(rates[1]) / units.E6)
    return found


#: Shape by name: opens the position of one account.
SHAPES: dict[str, Callable[[Population, int, str], None]] = {
    "levered spot": Population.levered_spot,
    "perp long": Population.perp_long,
    "borrower": Population.borrower,
    "perp short": Population.perp_short,
    "carry": Population.carry,
    "hedged": Population.hedged,
    "coin borrower": Population.coin_borrower,
    "strangle": Population.strangle,
    "covered call": Population.covered_call,
    "basis trade": Population.basis_trade,
}
