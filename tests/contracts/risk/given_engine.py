"""A margin engine over tables and arrays of the test's making, and what the twin says of the same book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from web3.contract import Contract

from ballast.chain.instruments import expiry_of_series
from ballast.chain.local import LocalChain
from ballast.index.state import Rates
from ballast.risk.portfolio import Factors, PortfolioMargin, evaluate
from ballast.units import WAD
from tests.contracts.ledger.tools import deploy
from tests.contracts.risk.books import FACTORS, Book, given, rows_of

__all__ = ["MINIMUM", "GivenEngine"]

MINIMUM = 10 * WAD
#: Gas of a view's call: the widest books take a few millions.
GAS = 30_000_000


@dataclass(frozen=True)
class GivenEngine:
    """``engine`` reads ``risk`` as scenario book and risk arrays, ``expiries`` as strike book and settlement oracle."""

    chain: LocalChain
    risk: Contract
    expiries: Contract
    engine: Contract

    @classmethod
    def on(cls, chain: LocalChain, factors: Factors = FACTORS) -> GivenEngine:
        risk = deploy(chain, "GivenRisk")
        authority = chain.protocol.contract("AccessManager").address
        expiries = deploy(chain, "GivenExpiries")
        sources = (risk.address, risk.address, "0x" + "00" * 20, expiries.address, expiries.address)
        arguments = (authority, sources, MINIMUM, astuple(factors))
        return cls(chain, risk, expiries, deploy(chain, "MarginEngine", *arguments))

    def place(self, book: Book) -> None:
        """Table, arrays and terms."""
        send, governor = self.chain.send, self.chain.governor
        send(self.risk.functions.setTable(book.table), governor)
        for series, arrays in book.arrays.items():
            send(self.risk.functions.setBlob(series, arrays.encode()), governor)
        for series, end in book.ends.items():
            what = (series >> 14, expiry_of_series(series), end.lot, (end.strikes, end.price, end.is_fixed))
            send(self.expiries.functions.set(*what), governor)
        for asset, terms in book.contingencies.items():
            send(self.engine.functions.setContingency(asset, astuple(terms)), governor)
        for token, haircut in book.haircuts.items():
            send(self.engine.functions.setHaircut(token, haircut), governor)

    def rate(self, tokens: Mapping[int, Rates], instruments: Mapping[int, Rates]) -> None:
        """Sets what the STANDARD model charges."""
        send, governor = self.chain.send, self.chain.governor
        for token, rates in tokens.items():
            send(self.engine.functions.setTokenRates(token, tuple(rates)), governor)
        for instrument, rates in instruments.items():
            send(self.engine.functions.setInstrumentRates(instrument, tuple(rates)), governor)

    def requirement(self, book: Book, model: int = 1) -> tuple[int, int, int, frozenset[int]]:
        """Equity, initial, maintenance and the stale series."""
        portfolio = given(book.holdings, model, book.over)
        *found, stale = self.engine.functions.requirement(portfolio).call({"gas": GAS})
        series = list(dict.fromkeys(one[0] for one in (*book.over, *book.holdings.options)))
        assert stale >> len(series) == 0
        return found[0], found[1], found[2], frozenset(one for i, one in enumerate(series) if stale >> i & 1)

    def scenarios(self, book: Book, model: int = 1) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
        """P&L by row, shortfall and the worst rows."""
        portfolio = given(book.holdings, model, book.over)
        profits, shortfall, worst = self.engine.functions.scenarios(portfolio).call({"gas": GAS})
        return tuple(profits), shortfall, tuple(worst)

    def twin(self, book: Book, factors: Factors = FACTORS) -> PortfolioMargin:
        return evaluate(
            book.holdings,
            rows_of(book.table),
            book.arrays,
            factors,
            book.contingencies,
            book.haircuts,
            MINIMUM,
            self.chain.now(),
        )

    def agree(self, book: Book) -> PortfolioMargin:
        """Places the book and compares both views with the twin's, which it returns."""
        self.place(book)
        return self.compare(book)

    def compare(self, book: Book) -> PortfolioMargin:
        """The same of a book whose table, arrays and terms are in place."""
        wanted = self.twin(book)
        assert self.requirement(book) == (wanted.equity, wanted.initial, wanted.maintenance, wanted.stale)
        assert self.scenarios(book) == (wanted.profits, wanted.shortfall, wanted.worst)
        return wanted
