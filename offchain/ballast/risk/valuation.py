"""What an account is worth, leg by leg: twin of ``contracts/ledger/Valuation.sol``.

Pure: the state, the prices and the second are arguments. Values are USDC in 1e18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ballast.errors import TaskError
from ballast.index.state import CLAIM, Account, LedgerState
from ballast.risk import interest, perpetual
from ballast.risk.rounding import mul_div_down, mul_div_floor
from ballast.units import QUOTE_UNIT, WAD

__all__ = ["QUOTE", "LinearLeg", "NoHealthError", "Portfolio", "TokenLeg", "Valuation"]

#: The quote token's id, and its asset's.
QUOTE = 0


class NoHealthError(TaskError):
    """The contract's ``health`` reverts for this account too; the message says at what."""


class TokenLeg(NamedTuple):
    """A balance but the quote token's: signed token units, and their value floored."""

    token: int
    asset: int
    amount: int
    value: int


class LinearLeg(NamedTuple):
    """A position (``notional`` = size * mark) or a claim (size and notional 0)."""

    instrument: int
    size: int
    notional: int
    pnl: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A valued account. ``cash`` is the quote token's balance in USDC 1e18, ``quote_usd`` its price in USD 1e18."""

    model: int
    cash: int
    quote_usd: int
    tokens: tuple[TokenLeg, ...]
    linears: tuple[LinearLeg, ...]


class Valuation:
    """Values of many accounts at one block: indices and marks are computed once.

    ``prices`` are USD in 1e18 by the router's asset number, ``now`` is the block's time in seconds.
    """

    def __init__(self, state: LedgerState, prices: Mapping[int, int], now: int) -> None:
        self._state = state
        self._prices = prices
        self._now = now
        self._indices: dict[int, tuple[int, int]] = {}
        self._marks: dict[int, tuple[perpetual.Hot, int]] = {}

    def portfolio(self, account: int) -> Portfolio:
        """The account's balances and positions with their values; ``NoHealthError`` where the contract reverts."""
        found = self._state.account(account)
        try:
            self._require_prices(found)
            cash = 0
            if found.balances.get(QUOTE):
                cash = self._amount(QUOTE, found.balances[QUOTE]) * QUOTE_UNIT
            return Portfolio(
                model=found.model,
                cash=cash,
                quote_usd=self._prices[QUOTE],
                tokens=tuple(
                    self._token_leg(token, shares) for token, shares in sorted(found.balances.items()) if token != QUOTE
                ),
                linears=tuple(
                    self._linear_leg(instrument, position.size, position.quote)
                    for instrument, position in sorted(found.positions.items())
                ),
            )
        except (OverflowError, ZeroDivisionError) as error:
            raise NoHealthError(f"Panic: {error}") from None

    # -------------------------------------------------------------- values

    def _require_prices(self, account: Account) -> None:
        for asset in sorted({QUOTE, *self._assets(account)}):
            if asset not in self._prices:
                raise NoHealthError(f"asset {asset}: no usable price")

    def _assets(self, account: Account) -> Iterator[int]:
        for token in account.balances:
            yield self._state.banks[token].asset
        for instrument in account.positions:
            if not instrument & CLAIM:
                yield instrument >> 20 & 0xFF

    def index_of(self, asset: int) -> int:
        """USDC per unit of an asset, 1e18, rounded down."""
        if asset == QUOTE:
            return WAD
        return mul_div_down(self._prices[asset], WAD, self._prices[QUOTE])

    def mark_of(self, instrument: int) -> tuple[perpetual.Hot, int]:
        """A perpetual's hot state as of now, and its mark (USDC 1e18)."""
        if instrument not in self._marks:
            index = self.index_of(instrument >> 20 & 0xFF)
            market = self._state.markets[instrument]
            hot = perpetual.accrue(market, index, self._state.parameters.premium, self._now)
            self._marks[instrument] = (hot, perpetual.mark(index, hot.premium))
        return self._marks[instrument]

    def _amount(self, token: int, shares: int) -> int:
        if token not in self._indices:
            self._indices[token] = interest.indices(self._state.banks[token], self._now)
        return interest.amount_of(shares, *self._indices[token])

    def _token_leg(self, token: int, shares: int) -> TokenLeg:
        bank = self._state.banks[token]
        amount = self._amount(token, shares)
        value = mul_div_floor(amount, self.index_of(bank.asset), 10**bank.decimals)
        return TokenLeg(token, bank.asset, amount, value)

    def _linear_leg(self, instrument: int, size: int, quote: int) -> LinearLeg:
        if instrument & CLAIM:
            market = self._state.markets[instrument & ~CLAIM]
            live = size == market.claim_epoch  # else all of its epoch's claims were taken for a loss
            return LinearLeg(instrument, 0, 0, perpetual.claim_of(market.claim_index, quote) if live else 0)
        hot, mark = self.mark_of(instrument)
        notional = perpetual.product(size, mark)
        return LinearLeg(instrument, size, notional, perpetual.profit(hot, size, quote, mark))
