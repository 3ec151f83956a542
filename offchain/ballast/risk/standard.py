"""The STANDARD model: the same integers as the contract's ``health``, for any account and block.

Twin of ``contracts/ledger/Valuation.sol``, ``contracts/risk/MarginEngine.sol`` and
``contracts/risk/StandardModel.sol``. Pure: the state, the prices and the second are arguments.
Values are USDC in 1e18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ballast.chain.protocol import Health
from ballast.errors import TaskError
from ballast.index.state import CLAIM, Account, LedgerState, Rates
from ballast.risk import interest, perpetual
from ballast.risk.rounding import mul_div_down, mul_div_floor, mul_div_up
from ballast.units import E6, QUOTE_UNIT, WAD

__all__ = [
    "STANDARD",
    "Health",
    "LinearLeg",
    "NoHealthError",
    "Portfolio",
    "StandardMargin",
    "TokenLeg",
    "health",
]

#: The model's number.
STANDARD = 0
#: The quote token's id, and its asset's.
QUOTE = 0


class NoHealthError(TaskError):
    """The contract's ``health`` reverts for this account too; the message says at what."""


class TokenLeg(NamedTuple):
    """A balance but the quote token's: signed token units, and their value floored."""

    token: int
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
    """A valued account. ``cash`` is the quote token's balance in USDC 1e18."""

    model: int
    cash: int
    tokens: tuple[TokenLeg, ...]
    linears: tuple[LinearLeg, ...]


class StandardMargin:
    """Margins of many accounts at one block: indices and marks are computed once.

    ``prices`` are USD in 1e18 by the router's asset number, ``now`` is the block's time in seconds.
    """

    def __init__(self, state: LedgerState, prices: Mapping[int, int], now: int) -> None:
        self._state = state
        self._prices = prices
        self._now = now
        self._indices: dict[int, tuple[int, int]] = {}
        self._marks: dict[int, tuple[perpetual.Hot, int]] = {}

    def health(self, account: int) -> Health:
        """Equity, initial and maintenance margin; ``NoHealthError`` where the contract reverts."""
        return self.requirement(self.portfolio(account))

    def portfolio(self, account: int) -> Portfolio:
        """The account's balances and positions with their values; errors as ``health``."""
        found = self._state.account(account)
        try:
            self._require_prices(found)
            cash = 0
            if found.balances.get(QUOTE):
                cash = self._amount(QUOTE, found.balances[QUOTE]) * QUOTE_UNIT
            return Portfolio(
                model=found.model,
                cash=cash,
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
        return TokenLeg(token, amount, value)

    def _linear_leg(self, instrument: int, size: int, quote: int) -> LinearLeg:
        if instrument & CLAIM:
            market = self._state.markets[instrument & ~CLAIM]
            live = size == market.claim_epoch  # else all of its epoch's claims were taken for a loss
            return LinearLeg(instrument, 0, 0, perpetual.claim_of(market.claim_index, quote) if live else 0)
        hot, mark = self.mark_of(instrument)
        notional = perpetual.product(size, mark)
        return LinearLeg(instrument, size, notional, perpetual.profit(hot, size, quote, mark))

    # -------------------------------------------------------------- requirement

    def requirement(self, portfolio: Portfolio) -> Health:
        """What a valued account must keep: each leg is charged and rounded up by itself."""
        engine = self._state.parameters.engine
        if engine is None:
            raise NoHealthError("no margin engine is set")
        if portfolio.model != STANDARD:
            raise NoHealthError(f"Margin_UnknownModel({portfolio.model})")
        equity, initial, maintenance = portfolio.cash, 0, 0
        owes = portfolio.cash < 0
        for token in portfolio.tokens:
            rates = _known(engine.token_rates.get(token.token), "Margin_NoTokenRates", token.token)
            equity += token.value
            initial += mul_div_up(abs(token.value), rates.initial, E6)
            maintenance += mul_div_up(abs(token.value), rates.maintenance, E6)
            owes = owes or token.value < 0
        profit = 0
        for leg in portfolio.linears:
            profit += max(0, leg.pnl)
            equity += leg.pnl
            if leg.notional == 0:
                continue
            found = engine.instrument_rates.get(leg.instrument)
            rates = _known(found, "Margin_NoInstrumentRates", leg.instrument)
            initial += mul_div_up(abs(leg.notional), rates.initial, E6)
            maintenance += mul_div_up(abs(leg.notional), rates.maintenance, E6)
            owes = True
        if owes:
            maintenance = max(maintenance, engine.minimum)
        initial = max(initial, maintenance) + uncredited_profit(equity, profit)
        return Health(equity, initial, maintenance)


def uncredited_profit(equity: int, profit: int) -> int:
    """Of the sum of unsettled profits, losses apart, what initial margin does not credit: what exceeds other equity."""
    if profit <= 0:
        return 0
    return max(0, profit - max(0, equity - profit))


def health(state: LedgerState, account: int, prices: Mapping[int, int], now: int) -> Health:
    """Health of one account; see ``StandardMargin``."""
    return StandardMargin(state, prices, now).health(account)


def _known(rates: Rates | None, error: str, offender: int) -> Rates:
    if rates is None or rates.initial == 0:
        raise NoHealthError(f"{error}({offender})")
    return rates
