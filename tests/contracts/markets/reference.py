"""A perpetual market as a ledger of cash flows: what the contract's quotes, costs and sums must come to.

No entry prices, quotes or sides here: an account's profit is what it received for what it sold, less what it paid for
what it bought, plus its size at the mark, less funding, less what was settled already. USDC in 1e18 unless named units.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ballast.units import QUOTE_UNIT, WAD

__all__ = ["Holding", "ReferenceMarket"]


def _exact(product: int) -> int:
    quotient, rest = divmod(product, WAD)
    assert rest == 0, "a size times a price is a whole number of 1e-18 USDC"
    return quotient


def _towards_zero(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


@dataclass
class Holding:
    """One account in one market."""

    size: int = 0
    flow: int = 0  # received minus paid for units, minus funding, minus what was realised
    claim: int = 0  # realised profit that the pool could not pay yet

    def worth(self, price: int) -> int:
        """Profit of the open position at a price."""
        return self.flow + _exact(self.size * price)


@dataclass
class ReferenceMarket:
    holdings: defaultdict[int, Holding] = field(default_factory=lambda: defaultdict(Holding))
    cash: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))  # units paid to each account
    pool: int = 0  # units
    residual: int = 0
    swept: int = 0  # units that insurance got

    def fill(self, maker: int, taker: int, size: int, price: int) -> None:
        """The taker buys ``size`` (negative sells) at ``price``."""
        self._trade(taker, size, price)
        self._trade(maker, -size, price)
        self._pay_claim(taker)
        self._sweep()

    def fund(self, per_unit: int) -> None:
        """Longs pay shorts so much per unit."""
        for holding in self.holdings.values():
            holding.flow -= _exact(holding.size * per_unit)

    def settle(self, account: int, mark: int) -> None:
        """Cash for the open profit or loss, whole units towards zero, a profit as far as the pool reaches."""
        holding = self.holdings[account]
        if holding.size:
            units = _towards_zero(holding.worth(mark), QUOTE_UNIT)
            units = min(units, self.pool)
            holding.flow -= units * QUOTE_UNIT
            self._pay(account, units)
        self._pay_claim(account)
        self._sweep()

    def unsettled(self, account: int, mark: int) -> int:
        holding = self.holdings[account]
        return (holding.worth(mark) if holding.size else 0) + holding.claim

    @property
    def open_interest(self) -> int:
        return sum(max(0, holding.size) for holding in self.holdings.values())

    def _trade(self, account: int, change: int, price: int) -> None:
        holding = self.holdings[account]
        before, worth = abs(holding.size), holding.worth(price)
        reduces = holding.size * change < 0
        holding.size += change
        holding.flow -= _exact(change * price)
        if not reduces:
            return
        closed = min(before, abs(change))
        realised = worth
        if closed != before:  # a part of the profit in whole units, the rest stays with the position
            realised = _towards_zero(_towards_zero(worth * closed, before), QUOTE_UNIT) * QUOTE_UNIT
        holding.flow -= realised
        # a loss is rounded up to units, a profit down; the market keeps the difference
        units = realised // QUOTE_UNIT
        self.residual += realised - units * QUOTE_UNIT
        affordable = min(units, self.pool)
        self._pay(account, affordable)
        holding.claim += (units - affordable) * QUOTE_UNIT

    def _pay_claim(self, account: int) -> None:
        holding = self.holdings[account]
        units = min(holding.claim // QUOTE_UNIT, self.pool)
        holding.claim -= units * QUOTE_UNIT
        self._pay(account, units)

    def _pay(self, account: int, units: int) -> None:
        self.pool -= units
        self.cash[account] += units

    def _sweep(self) -> None:
        units = min(self.residual // QUOTE_UNIT, self.pool)
        self.residual -= units * QUOTE_UNIT
        self.pool -= units
        self.swept += units
