"""What an account is worth, leg by leg: twin of ``contracts/ledger/Valuation.sol``.

Pure: the state, the prices and the second are arguments. Values are USDC in 1e18.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ballast.chain.instruments import FUTURE, OPTION, expiry_of_series, kind_of, option_parts, series_of_instrument
from ballast.errors import TaskError
from ballast.index.state import CLAIM, Account, Books, LedgerState
from ballast.risk import interest, perpetual
from ballast.risk.completed import owes_anything
from ballast.risk.rounding import mul_div_down, mul_div_floor
from ballast.units import QUOTE_UNIT, WAD

__all__ = [
    "QUOTE",
    "ExpiredLeg",
    "LinearLeg",
    "NoHealthError",
    "OptionLeg",
    "Portfolio",
    "SeriesEnd",
    "TokenLeg",
    "Valuation",
]

#: The quote token's id, and its asset's.
QUOTE = 0
#: Scale of a surface's forward over spot.
_BASIS_ONE = 10**15


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


class OptionLeg(NamedTuple):
    """A position in an option that has not expired: the strike's index in the strike book, and signed lots."""

    series: int
    strike: int
    put: bool
    lots: int


class SeriesEnd(NamedTuple):
    """What a series that has expired is settled by: the lot in 1e18, its strikes, and the price, both USDC 1e18. The
    price is the index until the settlement price is fixed."""

    lot: int
    strikes: Sequence[int]
    price: int
    is_fixed: bool

    def payoff(self, strike: int, put: bool) -> int:
        """What a unit pays, USDC 1e18; ``strike`` is the index of its strike."""
        level = self.strikes[strike]
        return max(0, level - self.price if put else self.price - level)


class ExpiredLeg(NamedTuple):
    """An account's options of one series that has expired, together.

    ``value`` in USDC 1e18, rounded down: at the settlement price, or, where that is not fixed, at the index; ``moving``
    is what moves with the index then, USDC 1e18, and ``shorts`` the short ones' units in 1e18, one a position.
    """

    series: int
    value: int
    is_fixed: bool
    moving: int
    shorts: tuple[int, ...]

    @classmethod
    def of(cls, series: int, legs: Iterable[OptionLeg], end: SeriesEnd) -> ExpiredLeg:
        """Twin of ``PortfolioMargin._addExpired``."""
        worth = moving = 0
        shorts = []
        for leg in legs:
            payoff = end.payoff(leg.strike, leg.put)
            if payoff:
                worth += leg.lots * payoff
                moving += -leg.lots if leg.put else leg.lots
            if leg.lots < 0:
                shorts.append(-leg.lots * end.lot)
        moved = 0 if end.is_fixed else moving * end.lot * end.price // WAD
        return cls(series, worth * end.lot // WAD, end.is_fixed, moved, tuple(shorts))


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A valued account. ``cash`` is the quote token's balance in USDC 1e18, ``quote_usd`` its price in USD 1e18,
    ``indices`` USDC per unit in 1e18 of the options' assets."""

    model: int
    cash: int
    quote_usd: int
    tokens: tuple[TokenLeg, ...]
    linears: tuple[LinearLeg, ...]
    options: tuple[OptionLeg, ...] = ()
    expired: tuple[ExpiredLeg, ...] = ()
    indices: Mapping[int, int] = field(default_factory=dict)

    @property
    def owes(self) -> bool:
        """``owes_anything`` of it."""
        return owes_anything(
            (self.cash, *(leg.value for leg in self.tokens)),
            ((leg.notional, leg.pnl) for leg in self.linears),
            (leg.lots for leg in self.options),
            self.owes_expired,
        )

    @property
    def owes_expired(self) -> bool:
        """Whether an option that has expired is short."""
        return any(leg.shorts for leg in self.expired)


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
            options, expired = self._options(found)
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
                    if kind_of(instrument) != OPTION
                ),
                options=options,
                expired=expired,
                indices={asset: self.index_of(asset) for asset in _assets_of(options, expired)},
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

    @property
    def quote_usd(self) -> int:
        """USD per unit of the quote token, 1e18; ``NoHealthError`` where it has no price."""
        if QUOTE not in self._prices:
            raise NoHealthError(f"asset {QUOTE}: no usable price")
        return self._prices[QUOTE]

    def indices(self) -> dict[int, int]:
        """USDC per unit in 1e18 of all assets that have a price; errors as ``quote_usd``."""
        return {asset: mul_div_down(usd, WAD, self.quote_usd) for asset, usd in self._prices.items()}

    def index_of(self, asset: int) -> int:
        """USDC per unit of an asset, 1e18, rounded down."""
        if asset == QUOTE:
            return WAD
        return mul_div_down(self._prices[asset], WAD, self._prices[QUOTE])

    def mark_of(self, instrument: int) -> tuple[perpetual.Hot, int]:
        """A perpetual's or dated future's hot state as of now, and its mark (USDC 1e18)."""
        if instrument not in self._marks:
            index = self.index_of(instrument >> 20 & 0xFF)
            market = self._state.markets[instrument]
            if kind_of(instrument) == FUTURE:
                price = self._future(series_of_instrument(instrument), index)
                self._marks[instrument] = (perpetual.stored(market), perpetual.quantise(price))
                return self._marks[instrument]
            hot = perpetual.accrue(market, index, self._state.parameters.premium, self._now)
            self._marks[instrument] = (hot, perpetual.mark(index, hot.premium))
        return self._marks[instrument]

    def end_of(self, series: int) -> SeriesEnd:
        """What a series with options that has expired is settled by."""
        books = self._books()
        return SeriesEnd(books.lots[series >> 14], books.strikes[series], *self._price_at_expiry(series))

    def _price_at_expiry(self, series: int) -> tuple[int, bool]:
        """USDC 1e18: the settlement price, or the index until that is fixed; and whether it is."""
        settled = self._books().settled
        return (settled[series], True) if series in settled else (self.index_of(series >> 14), False)

    def _future(self, series: int, index: int) -> int:
        """Twin of ``MarginEngine.futureMark``."""
        books = self._books()
        if self._now < expiry_of_series(series):
            if series not in books.forwards:
                raise NoHealthError(f"Surface_NoSurface({series >> 14}, {expiry_of_series(series)})")
            return mul_div_down(index, books.forwards[series].basis, _BASIS_ONE)
        return self._price_at_expiry(series)[0]

    def _options(self, account: Account) -> tuple[tuple[OptionLeg, ...], tuple[ExpiredLeg, ...]]:
        live: list[OptionLeg] = []
        over: dict[int, list[OptionLeg]] = {}
        for instrument, position in sorted(account.positions.items()):
            if kind_of(instrument) != OPTION:
                continue
            series, strike, put = option_parts(instrument)
            lots = position.size // self._books().lots[series >> 14]
            leg = OptionLeg(series, strike, put, lots)
            if self._now < expiry_of_series(series):
                live.append(leg)
            else:
                over.setdefault(series, []).append(leg)
        return tuple(live), tuple(ExpiredLeg.of(series, legs, self.end_of(series)) for series, legs in over.items())

    def _books(self) -> Books:
        engine = self._state.parameters.engine
        if engine is None or engine.books is None:
            raise NoHealthError("no margin engine is set")
        return engine.books

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


def _assets_of(options: Iterable[OptionLeg], expired: Iterable[ExpiredLeg]) -> set[int]:
    return {leg.series >> 14 for leg in options} | {leg.series >> 14 for leg in expired}
