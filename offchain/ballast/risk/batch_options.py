"""Options of many accounts, summed up by account and expiry: the same integers as ``OptionSums.sol``.

The products are in 64 bits (see ``limbs``); what is once an expiry is done in arrays of Python's integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ballast.risk.arrays import PRICE_UNIT
from ballast.risk.batch_market import DELTA, FLOORS, GAMMA, MARK, ONE, SCALE, VEGA, WIDTH, Market
from ballast.risk.carry import FLOORED
from ballast.risk.limbs import Integers, exact_sums
from ballast.units import E6, WAD

__all__ = ["Expiries", "Guard", "OptionEntries", "Requirements", "div_up"]

E9 = 10**9
_WORD = 256


class Requirements(Protocol):
    """What a batch says of N accounts, USDC 1e18; numbers are nothing where ``reverts``."""

    @property
    def equity(self) -> Integers: ...
    @property
    def initial(self) -> Integers: ...
    @property
    def maintenance(self) -> Integers: ...
    @property
    def reverts(self) -> Integers: ...


class Guard:
    """Products that the contract would not fit into its word."""

    def __init__(self, accounts: int) -> None:
        self.reverts = np.zeros(accounts, dtype=bool)

    def product(self, a: Integers, b: Integers | int, owners: Integers | None = None) -> Integers:
        """a * b, elementwise; ``owners`` are the accounts where elements are not accounts."""
        product: Integers = a * b
        beyond = (abs(product) >> _WORD).astype(bool)
        if beyond.any():
            self.reverts[beyond if owners is None else owners[beyond]] = True
        return product

    def part(self, amount: Integers, rate: Integers | int, owners: Integers | None = None) -> Integers:
        """amount * rate / 1e6, rounded up."""
        return div_up(self.product(amount, rate, owners), E6)


@dataclass(frozen=True)
class OptionEntries:
    """Options that have not expired, of N accounts as CSR in int64.

    Entries ``indptr[i]`` to ``indptr[i + 1]`` are account i's, by ascending ``strike`` (the market's number, once
    each), with their lots of ``calls`` and ``puts``, both below 2^62 in magnitude.
    """

    indptr: Integers
    strike: Integers
    calls: Integers
    puts: Integers

    @classmethod
    def of(cls, options: Sequence[Iterable[tuple[int, int, bool, int]]], market: Market) -> OptionEntries:
        """Of each account's (series, strike's index, is a put, lots); ``PortfolioError`` where the market has no array
        for one."""
        entries: list[tuple[int, int, int]] = []
        indptr = [0]
        for held in options:
            found: dict[int, tuple[int, int]] = {}
            for series, strike, put, lots in held:
                number = market.number(series, strike)
                calls, puts = found.get(number, (0, 0))
                found[number] = (calls, puts + lots) if put else (calls + lots, puts)
            entries += [(number, *found[number]) for number in sorted(found)]
            indptr.append(len(entries))
        columns = (np.array([one[k] for one in entries], dtype=np.int64) for k in range(3))
        return cls(np.array(indptr, dtype=np.int64), *columns)

    @property
    def owner(self) -> Integers:
        """The account of each entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


@dataclass(frozen=True)
class Expiries:
    """Sums of each account's expiries, in lots; ``account`` and ``series`` say whose."""

    account: Integers
    series: Integers
    value: Integers
    calls: Integers
    puts: Integers
    delta: Integers
    gross: Integers
    vega: Integers
    gamma: Integers
    drift: Integers
    floors: Integers

    @classmethod
    def of(cls, entries: OptionEntries, market: Market) -> Expiries:
        owner, series = entries.owner, market.series_of[entries.strike]
        begins = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(series, prepend=-1) != 0))
        indptr = np.append(begins, len(owner)).astype(np.int64)
        net = entries.calls + entries.puts
        long = exact_sums(indptr, entries.strike, np.maximum(net, 0), market.greeks)
        short = exact_sums(indptr, entries.strike, np.maximum(-net, 0), market.greeks)
        puts = exact_sums(indptr, entries.strike, entries.puts, market.strikes)
        calls = exact_sums(indptr, entries.strike, entries.calls, market.strikes)[:, 0]
        which, sizes = series[begins], long + short
        forward = market.forward[which] + (puts[:, 0] > 0)
        value = long[:, MARK] - short[:, MARK] - FLOORED * short[:, ONE]
        return cls(
            account=owner[begins],
            series=which,
            value=value + puts[:, 1] - puts[:, 0] * forward,
            calls=calls,
            puts=puts[:, 0],
            delta=long[:, DELTA] - short[:, DELTA],
            gross=sizes[:, ONE],
            vega=sizes[:, VEGA],
            gamma=sizes[:, GAMMA],
            drift=sizes[:, WIDTH],
            # entries are rounded down, so a short is charged one step more
            floors=long[:, FLOORS:] - short[:, FLOORS:] - short[:, [SCALE]],
        )

    def values(self, market: Market, guard: Guard) -> Integers:
        """What each is worth, USDC 1e18, rounded down."""
        worth: Integers = guard.product(self.value, market.lot[self.series], self.account) // PRICE_UNIT
        return worth

    def notionals(self, market: Market) -> Integers:
        """Net lots in magnitude at the forward, USDC 1e18, rounded up."""
        return div_up(self.gross * market.lot_value[self.series], WAD)

    def vegas(self, market: Market) -> Integers:
        """What doubling the volatility would add, strike by strike in magnitude, USDC 1e18, rounded up."""
        return div_up(self.vega * market.lot_value[self.series], WAD * E9)

    def gammas(self, market: Market) -> Integers:
        """Gamma as it is charged, strike by strike in magnitude, USDC 1e18, rounded up."""
        charged = div_up(self.gamma * market.gamma_root[self.series], E9)
        return div_up(charged * market.lot_value[self.series], WAD * E6)

    def drifts(self, market: Market, guard: Guard) -> Integers:
        """What old arrays and an old surface leave open, USDC 1e18."""
        aged = guard.part(self.vegas(market), market.drift_part[self.series], self.account)
        return div_up(self.drift * market.lot[self.series], E9) + aged

    def doubts(self, market: Market, guard: Guard) -> Integers:
        """What initial margin adds where the surface is not sure, USDC 1e18."""
        return guard.part(self.notionals(market), market.doubt_part[self.series], self.account)


def div_up(a: Integers, d: int) -> Integers:
    """a / d elementwise, rounded up."""
    result: Integers = -(-a // d)
    return result
