"""I10 with options and dated futures: the twin's health, of one account and of all at once, is the contract's, whatever
prices, surfaces and time do, through the expiry."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from ballast.chain.instruments import expiry_of_label, kind_of, series_of
from ballast.chain.local import LocalChain
from ballast.index import Index
from ballast.index.audit import audit
from ballast.index.prices import read_prices
from ballast.risk.batch import Accounts, Market, evaluate_many
from ballast.risk.many import healths_of
from ballast.risk.margin import ISOLATED, PORTFOLIO, STANDARD, Margins, holdings_of
from ballast.testing import START
from scripts.parity import require_parity
from tests.support.crowd import EXPIRIES, Crowd

OWNERS, EACH = 4, 12


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with LocalChain(held_at=START) as chain:
        crowd = Crowd(chain, random.Random(1), OWNERS, EACH)
        crowd.list_all()
        crowd.populate()
        yield crowd


def _require_parity(crowd: Crowd, index: Index) -> None:
    chain = crowd.chain
    state = require_parity(chain, index)
    sheet = read_prices(chain.w3, state)
    assert not sheet.refused
    margins = Margins(state, sheet.usd, sheet.time)
    one_by_one = {account: margins.health(account) for account in state.accounts}
    assert healths_of(margins, state.banks, state.accounts) == one_by_one
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


def test_health__options_and_futures_through_prices_surfaces_and_expiry__the_contracts(crowd: Crowd) -> None:
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
        crowd.expire()
        _require_parity(crowd, index)  # expired, and not fixed yet
        crowd.settle_prices()
        _require_parity(crowd, index)
        crowd.settle_accounts(crowd.accounts[::2])
        _require_parity(crowd, index)
        crowd.settle_accounts(list(index.state().accounts))
        _require_parity(crowd, index)
        left = [i for account in index.state().accounts.values() for i in account.positions if kind_of(i) == 4]
        assert left
        assert all((i >> 6 & 0x3FFFFF) != first for i in left)
