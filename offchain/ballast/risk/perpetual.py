"""A perpetual's mark, funding and profit, as ``contracts/markets/Perpetual.sol`` computes them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ballast.risk.fixed import exp_wad
from ballast.risk.rounding import div_trunc, mul_div_down, mul_div_trunc, signed, wrap_signed
from ballast.units import E9, WAD

__all__ = ["Hot", "MarketHot", "PremiumTerms", "accrue", "claim_of", "cost", "mark", "profit", "quantise", "stored"]

PRICE_QUANTUM = 10**6
_UINT32_MAX = 2**32 - 1


class MarketHot(Protocol):
    """A market as stored: costs in USDC per unit and 1e12, the premium in 1e9."""

    @property
    def funding(self) -> int: ...
    @property
    def loss_long(self) -> int: ...
    @property
    def loss_short(self) -> int: ...
    @property
    def premium(self) -> int: ...
    @property
    def updated_at(self) -> int: ...


class PremiumTerms(Protocol):
    """A premium is paid over ``funding_period`` seconds."""

    @property
    def funding_period(self) -> int: ...


class Hot(NamedTuple):
    """A market's hot state as of some second, units as stored."""

    funding: int
    loss_long: int
    loss_short: int
    premium: int


def stored(market: MarketHot) -> Hot:
    """The hot state as of the market's last change."""
    return Hot(market.funding, market.loss_long, market.loss_short, market.premium)


def accrue(market: MarketHot, index: int, terms: PremiumTerms | None, now: int) -> Hot:
    """The hot state at second ``now``: the premium decays exponentially over the period, and what it lost is funding.

    Both are truncated. ``index`` is USDC per unit, 1e18.
    """
    hot = stored(market)
    elapsed = (now & _UINT32_MAX) - market.updated_at
    if elapsed < 0:
        raise OverflowError("the market was updated later than now, where the contract reverts")
    if elapsed == 0 or market.premium == 0:
        return hot
    period = 0 if terms is None else terms.funding_period
    kept = exp_wad(-(elapsed * WAD // period))
    premium = mul_div_trunc(market.premium, kept, WAD)
    paid = mul_div_trunc(market.premium - premium, index, E9 * PRICE_QUANTUM)
    return hot._replace(funding=signed(market.funding + wrap_signed(paid, 64), 64), premium=premium)


def mark(index: int, premium: int) -> int:
    """USDC per unit, 1e18, rounded down to a multiple of the price quantum."""
    return quantise(mul_div_down(index, E9 + premium, E9))


def quantise(price: int) -> int:
    """Rounded down to a multiple of the price quantum."""
    return price - price % PRICE_QUANTUM


def cost(hot: Hot, size: int) -> int:
    """Cumulative cost per unit of the side a size is on, USDC 1e18."""
    if size >= 0:
        return (hot.funding + wrap_signed(hot.loss_long, 64)) * PRICE_QUANTUM
    return (hot.funding - wrap_signed(hot.loss_short, 64)) * PRICE_QUANTUM


def product(size: int, price: int) -> int:
    """size * price, USDC 1e18, exact for multiples of the quanta."""
    return div_trunc(signed(size * price), WAD)


def profit(hot: Hot, size: int, quote: int, mark_wad: int) -> int:
    """Unsettled profit of an open position, USDC 1e18."""
    return product(size, mark_wad - cost(hot, size)) + quote


def claim_of(claim_index: int, shares: int) -> int:
    """USDC 1e18 behind shares of a market's claims of the running epoch, rounded down."""
    return mul_div_down(shares, claim_index, WAD)
