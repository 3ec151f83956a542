"""I10 on a local chain: the twin's health of hundreds of accounts is the contract's, whatever prices and time do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.index import Index
from ballast.index.audit import audit
from ballast.index.prices import read_prices
from ballast.index.state import LedgerState
from ballast.risk.batch import Accounts, Market, evaluate_many
from ballast.risk.margin import PORTFOLIO, STANDARD, Margins, holdings_of
from ballast.risk.portfolio import PortfolioMargin
from ballast.testing import START
from ballast.units import WAD
from tests.offchain.index.options import propose_again

OWNERS, EACH = 8, 40
PERPS = {"BTC-PERP": "0.02", "ETH-PERP": "0.4", "SOL-PERP": "8"}
TOKENS = {"BTC": "0.01", "ETH": "0.3", "SOL": "5"}
_EXPECTED = ("Ledger_BelowInitialMargin", "Ledger_ModelUnchanged")


@dataclass
class _Crowd:
    """Accounts of both models on one chain, and the makers they trade with."""

    chain: LocalChain
    accounts: list[int] = field(default_factory=list)

    def populate(self, source: random.Random) -> None:
        chain = self.chain
        lender = chain.open("lender", 0, {"USDC": "90000000", "BTC": "500", "ETH": "9000", "SOL": "90000"})
        makers = [lender, chain.open("maker", 0, {"USDC": "90000000"})]
        chain.choose_model(makers[1], PORTFOLIO)
        for number in range(OWNERS):
            owner = chain.actor(f"owner {number}")
            for symbol, amount in {"USDC": 10**13, "BTC": 10**12, "ETH": 10**22, "SOL": 10**15}.items():
                chain.mint(symbol, owner.address, amount)
            for index in range(EACH):
                self._open(source, chain.open(owner, index), makers)

    def _open(self, source: random.Random, account: int, makers: list[int]) -> None:
        """Random balances, then in any order the model, positions and debts, as far as margin allows."""
        chain = self.chain
        chain.deposit(account, "USDC", source.randrange(500, 30_000), minted=False)
        for symbol in source.sample(list(TOKENS), source.randrange(3)):
            chain.deposit(account, symbol, Decimal(TOKENS[symbol]) * source.randrange(1, 12), minted=False)
        self.accounts.append(account)
        steps = [self._choose] * 2 + [self._trade] * source.randrange(4) + [self._borrow] * source.randrange(2)
        source.shuffle(steps)
        for step in steps:
            try:
                step(source, account, source.choice(makers))
            except ContractError as error:
                if error.name not in _EXPECTED:
                    raise

    def _choose(self, source: random.Random, account: int, _: int) -> None:
        self.chain.choose_model(account, source.choice((STANDARD, PORTFOLIO, PORTFOLIO)))

    def _trade(self, source: random.Random, account: int, maker: int) -> None:
        symbol = source.choice(list(PERPS))
        size = Decimal(PERPS[symbol]) * source.randrange(1, 40) * source.choice((-1, 1))
        self.chain.fill(maker, account, symbol, size)

    def _borrow(self, source: random.Random, account: int, _: int) -> None:
        symbol = source.choice(list(TOKENS))
        self.chain.withdraw(account, symbol, Decimal(TOKENS[symbol]) * source.randrange(12, 30))


@pytest.fixture(scope="module")
def crowd() -> Iterator[_Crowd]:
    with LocalChain(held_at=START) as chain:
        crowd = _Crowd(chain)
        crowd.populate(random.Random(1))
        yield crowd


def _raise_floor(chain: LocalChain) -> None:
    """A table whose rows count less and whose floor is lower, as far as the rate limit allows at once."""
    book = chain.protocol.contract("ScenarioBook").functions
    _, table = book.table().call()
    weights = [weight * 3 // 4 for weight in table[3]]
    floors = [tuple(8_000 + (move - 8_000) * 5 // 4 for move in moves) for moves in table[6]]
    propose_again(chain, weights=weights, floors=floors)
    chain.send(book.activate(), chain.governor)


@dataclass
class _Seen:
    """Kinds of accounts that were compared."""

    kinds: set[str] = field(default_factory=set)
    portfolios: int = 0

    def add(self, found: PortfolioMargin) -> None:
        self.portfolios += 1
        self.kinds.add("floor" if found.floor > found.shortfall else "shortfall")
        self.kinds.add("healthy" if found.equity >= found.maintenance else "liquidatable")
        self.kinds |= {"insolvent"} if found.equity < 0 else set()
        self.kinds |= {name for name, value in {**found.contingencies, **found.initial_only}.items() if value}


def _require_parity(crowd: _Crowd, index: Index, seen: _Seen) -> None:
    chain = crowd.chain
    index.sync(chain.w3, chain.deployment)
    state = index.state()
    sheet = read_prices(chain.w3, state)
    assert not sheet.refused
    margins = Margins(state, sheet.usd, sheet.time)
    for account in state.accounts:
        assert margins.health(account) == chain.protocol.health(account, state.block), account
        if state.account(account).model == PORTFOLIO:
            seen.add(margins.scenarios(margins.portfolio(account)))
    _require_same_scenarios(chain, state, margins, crowd.accounts[::16])
    _require_same_batch(state, margins, sheet.usd, sheet.time)


def _require_same_scenarios(chain: LocalChain, state: LedgerState, margins: Margins, sample: list[int]) -> None:
    """The contract's own scenarios, of accounts of either model."""
    for account in sample:
        found = margins.scenarios(margins.portfolio(account))
        theirs = tuple(chain.protocol.house.functions.risk(account).call(block_identifier=state.block))
        assert (list(found.profits), found.shortfall, list(found.worst)) == theirs


def _require_same_batch(state: LedgerState, margins: Margins, usd: dict[int, int], now: int) -> None:
    tokens = [(bank.token, bank.asset) for bank in state.banks.values() if bank.token]
    indices = {asset: margins.valuation.index_of(asset) for asset in usd}
    market = Market(margins.terms, tokens, indices, usd[0], now)
    portfolios = [margins.portfolio(account) for account in state.accounts]
    batch = evaluate_many(Accounts.of([holdings_of(one) for one in portfolios], market), market)
    for i, portfolio in enumerate(portfolios):
        found = margins.scenarios(portfolio)
        assert (batch.equity[i], batch.initial[i], batch.maintenance[i]) == (
            found.equity,
            found.initial,
            found.maintenance,
        )


def test_health__hundreds_of_accounts_through_prices_and_time__the_contracts(crowd: _Crowd) -> None:
    chain, source, seen = crowd.chain, random.Random(2), _Seen()
    with Index("sqlite://") as index:
        _require_parity(crowd, index, seen)
        for prices in (
            {"ETH": "2610.07", "BTC": "60000", "SOL": "151.5"},
            {"ETH": "3333.33", "BTC": "52345.6", "SOL": "180"},
            {"USDC": "0.98", "ETH": "2000.01", "BTC": "41000", "SOL": "88.888"},
            {"USDC": "1.01", "ETH": "4400", "BTC": "91234.5", "SOL": "222"},
        ):
            chain.set_prices(prices)
            for symbol in PERPS:
                price = chain.price(symbol.removesuffix("-PERP"))
                skew = 1 + Decimal(source.randrange(-40, 41)) / 10_000
                tick = Decimal(1).scaleb(-1)
                middle = (price / chain.price("USDC") * skew).quantize(tick)
                chain.submit_quote(symbol, middle - tick, middle + tick)
            _require_parity(crowd, index, seen)
            chain.warp(source.choice((13, 3_600, 40_000)), refresh=True)
            _require_parity(crowd, index, seen)
        assert audit(chain.w3, index).differences == ()
        models = [account.model for account in index.state().accounts.values()]
    assert len(models) > OWNERS * EACH
    assert min(models.count(STANDARD), models.count(PORTFOLIO)) > 80
    assert seen.portfolios > 1_000
    wanted = {"shortfall", "healthy", "liquidatable", "insolvent", "basis", "haircuts", "uncredited_profit"}
    assert wanted <= seen.kinds


def test_health__table_and_parameters_changed__the_contracts(crowd: _Crowd) -> None:
    chain, seen = crowd.chain, _Seen()
    engine = chain.protocol.engine.functions
    snapshot = chain.snapshot()
    chain.send(engine.setFactors((1_100_000, 1_500_000, 995_000, 6_000_000, 1, 1, 1, 1)), chain.governor)
    for asset in (1, 2, 3):
        terms = (30_000, 20_000, 3_000, 2_000, 50_000, 1_000, 10_000, 40_000, 5_000 * asset)
        chain.send(engine.setContingency(asset, terms), chain.governor)
    chain.send(engine.setHaircut(2, 123_456), chain.governor)
    chain.send(engine.setMinimumMaintenance(500 * WAD), chain.governor)
    _raise_floor(chain)
    chain.set_price("USDC", "0.99")
    with Index("sqlite://") as index:
        _require_parity(crowd, index, seen)
    assert {"floor", "shortfall", "concentration"} <= seen.kinds
    chain.revert(snapshot)
