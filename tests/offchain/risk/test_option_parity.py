"""I10 with options and dated futures: the twin's health, of one account and of all at once, is the contract's, whatever
prices, surfaces and time do, through the expiry."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from ballast.chain.instruments import expiry_of_label, expiry_of_series, kind_of, series_of
from ballast.chain.local import LocalChain
from ballast.chain.settlement import Settlement
from ballast.chain.signers import UnlockedSigner
from ballast.errors import ContractError
from ballast.index import Index
from ballast.index.audit import audit
from ballast.index.prices import read_prices
from ballast.risk.batch import Accounts, Market, evaluate_many
from ballast.risk.many import healths_of
from ballast.risk.margin import ISOLATED, PORTFOLIO, STANDARD, Margins, holdings_of
from ballast.testing import START

EXPIRIES = {"ETH": ("2JAN26", "27MAR26"), "BTC": ("2JAN26", "26JUN26")}
STRIKES = {"ETH": (2_400, 2_700, 3_000, 3_300, 3_900), "BTC": (48_000, 54_000, 60_000, 66_000)}
LOTS = {"ETH": Decimal("0.1"), "BTC": Decimal("0.01")}
FORWARDS = {"ETH": "3020", "BTC": "60500"}
OWNERS, EACH = 4, 12
_EXPECTED = ("Ledger_BelowInitialMargin", "Ledger_ModelUnchanged", "Margin_NotIsolated")


@dataclass
class _Crowd:
    """Accounts of the three models that hold options, futures, perpetuals and tokens."""

    chain: LocalChain
    accounts: list[int] = field(default_factory=list)

    def list_all(self) -> None:
        options = self.chain.options
        for symbol, labels in EXPIRIES.items():
            for label in labels:
                options.list_strikes(symbol, label, STRIKES[symbol])
                options.list_future(symbol, label)
                self.quote(symbol, label, 0.6, Decimal(FORWARDS[symbol]))

    def quote(self, symbol: str, label: str, vol: float, forward: Decimal) -> None:
        self.chain.options.set_surface(symbol, label, vol, forward=forward)
        self.chain.options.refresh(symbol, label)

    def populate(self, source: random.Random) -> None:
        chain = self.chain
        maker = chain.open("maker", 0, {"USDC": "90000000"})
        chain.choose_model(maker, PORTFOLIO)
        for number in range(OWNERS):
            for index in range(EACH):
                account = chain.open(f"owner {number}", index, {"USDC": source.randrange(2_000, 60_000)})
                self.accounts.append(account)
                self._trade(source, account, maker)

    def _trade(self, source: random.Random, account: int, maker: int) -> None:
        steps = [(self._option, source.randrange(7)), (self._linear, source.randrange(3)), (self._choose, 2)]
        todo = [step for step, times in steps for _ in range(times)]
        source.shuffle(todo)
        for step in todo:
            try:
                step(source, account, maker)
            except ContractError as error:
                if error.name not in _EXPECTED:
                    raise

    def _choose(self, source: random.Random, account: int, _: int) -> None:
        self.chain.choose_model(account, source.choice((STANDARD, PORTFOLIO, PORTFOLIO, ISOLATED)))

    def _option(self, source: random.Random, account: int, maker: int) -> None:
        symbol = source.choice(list(EXPIRIES))
        name = f"{symbol}-{source.choice(EXPIRIES[symbol])}-{source.choice(STRIKES[symbol])}-{source.choice('CP')}"
        self.chain.fill(maker, account, name, LOTS[symbol] * source.randrange(1, 30) * source.choice((-1, 1)))

    def _linear(self, source: random.Random, account: int, maker: int) -> None:
        symbol = source.choice(list(EXPIRIES))
        name = f"{symbol}-{source.choice((*EXPIRIES[symbol], 'PERP'))}"
        self.chain.fill(maker, account, name, LOTS[symbol] * source.randrange(1, 20) * source.choice((-1, 1)))

    def settle_prices(self) -> None:
        signer = UnlockedSigner(self.chain.actor("settler").address)
        settlement = Settlement(self.chain.protocol)
        for symbol, labels in EXPIRIES.items():
            asset = self.chain.deployment.underlyings[symbol]
            settlement.settle(signer, asset, expiry_of_label(labels[0]))


@pytest.fixture(scope="module")
def crowd() -> Iterator[_Crowd]:
    with LocalChain(held_at=START) as chain:
        crowd = _Crowd(chain)
        crowd.list_all()
        crowd.populate(random.Random(1))
        yield crowd


def _require_parity(crowd: _Crowd, index: Index) -> None:
    chain = crowd.chain
    index.sync(chain.w3, chain.deployment)
    state = index.state()
    sheet = read_prices(chain.w3, state)
    assert not sheet.refused
    margins = Margins(state, sheet.usd, sheet.time)
    together = healths_of(margins, state.banks, state.accounts)
    assert together.keys() == state.accounts.keys()
    for account in state.accounts:
        assert margins.health(account) == chain.protocol.health(account, state.block), account
        assert together[account] == margins.health(account), account
    for account in crowd.accounts[::5]:
        found = margins.scenarios(margins.portfolio(account))
        theirs = tuple(chain.protocol.house.functions.risk(account).call(block_identifier=state.block))
        assert (list(found.profits), found.shortfall, list(found.worst)) == theirs
    tokens = [(bank.token, bank.asset) for bank in state.banks.values() if bank.token]
    indices = {asset: margins.valuation.index_of(asset) for asset in sheet.usd}
    market = Market(margins.terms, tokens, indices, sheet.usd[0], sheet.time)
    portfolios = [margins.portfolio(account) for account in state.accounts]
    batch = evaluate_many(Accounts.of([holdings_of(one) for one in portfolios], market), market)
    for i, portfolio in enumerate(portfolios):
        found = margins.scenarios(portfolio)
        assert (batch.equity[i], batch.initial[i], batch.maintenance[i]) == (
            found.equity,
            found.initial,
            found.maintenance,
        )
    assert audit(chain.w3, index).differences == ()


def test_health__options_and_futures_through_prices_surfaces_and_expiry__the_contracts(crowd: _Crowd) -> None:
    chain, source = crowd.chain, random.Random(2)
    with Index("sqlite://") as index:
        _require_parity(crowd, index)
        for prices in ({"ETH": "3010.07"}, {"ETH": "2610.5", "BTC": "66000"}, {"USDC": "0.98", "BTC": "51234.5"}):
            chain.set_prices(prices)
            _require_parity(crowd, index)
            for symbol, labels in EXPIRIES.items():
                crowd.quote(symbol, labels[1], source.choice((0.5, 0.8)), chain.price(symbol) * 101 / 100)
            _require_parity(crowd, index)
            chain.warp(source.choice((13, 700, 5_000)), refresh=True)
            _require_parity(crowd, index)
        held = index.state().accounts
        models = {account.model for account in held.values() if any(kind_of(i) == 4 for i in account.positions)}
        assert models == {STANDARD, PORTFOLIO, ISOLATED}
        first = series_of(chain.deployment.underlyings["ETH"], expiry_of_label(EXPIRIES["ETH"][0]))
        chain.advance(expiry_of_series(first) - chain.now() - 600)
        chain.refresh_prices()
        chain.advance(expiry_of_series(first) - chain.now())
        chain.set_prices({"ETH": "2650.123", "BTC": "61000"})
        chain.refresh_prices()
        _require_parity(crowd, index)  # expired, and not fixed yet
        crowd.settle_prices()
        _require_parity(crowd, index)
        for account in crowd.accounts[::2]:
            if chain.health(account).equity >= 0:
                chain.settle(account)
        _require_parity(crowd, index)
        for account in index.state().accounts:
            if chain.health(account).equity >= 0:
                chain.settle(account)
        _require_parity(crowd, index)
        left = [i for account in index.state().accounts.values() for i in account.positions if kind_of(i) == 4]
        assert left
        assert all((i >> 6 & 0x3FFFFF) != first for i in left)
