"""The same integers as the contract's ``health``, for any account and block, by the model that the account has chosen.

Twin of ``contracts/risk/MarginEngine.sol``. Pure: the state, the prices and the second are arguments. Values are USDC
in 1e18.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from ballast.chain.protocol import Health
from ballast.index.state import Engine, LedgerState
from ballast.risk import standard
from ballast.risk.portfolio import Holdings, PortfolioError, PortfolioMargin, evaluate, worth_of_options
from ballast.risk.terms import Terms
from ballast.risk.valuation import NoHealthError, Portfolio, Valuation

__all__ = ["ISOLATED", "MODEL_NAMES", "PORTFOLIO", "STANDARD", "Margins", "holdings_of"]

#: The models' numbers.
STANDARD = 0
PORTFOLIO = 1
ISOLATED = 2
MODEL_NAMES = {STANDARD: "STANDARD", PORTFOLIO: "PORTFOLIO", ISOLATED: "ISOLATED"}


class Margins:
    """Margins of many accounts at one block: indices, marks, the table and the arrays are read once.

    ``prices`` are USD in 1e18 by the router's asset number, ``now`` is the block's time in seconds.
    """

    def __init__(self, state: LedgerState, prices: Mapping[int, int], now: int) -> None:
        self.valuation = Valuation(state, prices, now)
        self._engine = state.parameters.engine
        self.now = now

    def health(self, account: int) -> Health:
        """Equity, initial and maintenance margin; ``NoHealthError`` where the contract reverts."""
        return self.requirement(self.portfolio(account))

    def portfolio(self, account: int) -> Portfolio:
        """The account's balances and positions with their values; errors as ``health``."""
        return self.valuation.portfolio(account)

    def requirement(self, portfolio: Portfolio) -> Health:
        """What a valued account must keep under its model; errors as ``health``."""
        if portfolio.model in (STANDARD, ISOLATED):
            if portfolio.model == ISOLATED:
                standard.require_isolated(portfolio)
            return self._standard(portfolio)
        if portfolio.model == PORTFOLIO:
            found = self.scenarios(portfolio)
            return Health(found.equity, found.initial, found.maintenance)
        raise NoHealthError(f"Margin_UnknownModel({portfolio.model})")

    def _standard(self, portfolio: Portfolio) -> Health:
        engine = self.engine
        if not portfolio.options and not portfolio.expired:
            return standard.requirement(engine, portfolio)
        terms = self.terms
        try:
            worth = worth_of_options(holdings_of(portfolio), terms.rows, terms.arrays, terms.factors, self.now)
            return standard.requirement(engine, portfolio, worth, terms.arrays)
        except PortfolioError as error:
            raise NoHealthError(str(error)) from None
        except OverflowError as error:
            raise NoHealthError(f"Panic: {error}") from None

    def scenarios(self, portfolio: Portfolio) -> PortfolioMargin:
        """The PORTFOLIO model's view of a valued account, whatever its model; errors as ``health``."""
        terms = self.terms
        try:
            return evaluate(
                holdings_of(portfolio),
                terms.rows,
                terms.arrays,
                terms.factors,
                terms.contingencies,
                terms.haircuts,
                terms.minimum,
                self.now,
            )
        except PortfolioError as error:
            raise NoHealthError(str(error)) from None
        except OverflowError as error:
            raise NoHealthError(f"Panic: {error}") from None

    @cached_property
    def terms(self) -> Terms:
        """Table, arrays and parameters of the PORTFOLIO model; ``NoHealthError`` where there is no table."""
        return Terms.of(self.engine, self.now)

    @property
    def engine(self) -> Engine:
        """``NoHealthError`` where there is none."""
        if self._engine is None:
            raise NoHealthError("no margin engine is set")
        return self._engine


def holdings_of(portfolio: Portfolio) -> Holdings:
    """A valued account as the PORTFOLIO model takes it."""
    return Holdings(
        cash=portfolio.cash,
        quote_usd=portfolio.quote_usd,
        tokens=tuple((leg.token, leg.asset, leg.value) for leg in portfolio.tokens),
        linears=tuple((leg.instrument >> 20 & 0xFF, leg.notional, leg.pnl) for leg in portfolio.linears),
        options=portfolio.options,
        expired=tuple((leg.series, leg.value, leg.moving) for leg in portfolio.expired),
        unfixed=frozenset(leg.series for leg in portfolio.expired if not leg.is_fixed),
        owes_expired=portfolio.owes_expired,
        indices=portfolio.indices,
    )
