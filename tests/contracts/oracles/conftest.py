"""A router with one listed asset and what its guards are compared with; an oracle of surfaces."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain
from tests.contracts.oracles.feeds import ETH, USD, Feed
from tests.contracts.oracles.smiles import SmileDesk


@pytest.fixture
def empty_router(chain: LocalChain) -> Contract:
    """Nothing listed, no sequencer; account 0 may set both."""
    authority = chain.deploy("AccessManager", chain.accounts[0])
    return chain.deploy("OracleRouter", authority.address)


@pytest.fixture
def source(chain: LocalChain) -> Contract:
    """A source under the test's full control: 8 decimals, 3,000 USD, a round of now."""
    aggregator = chain.deploy("SettableAggregator", 8)
    chain.send(aggregator.functions.set(3_000 * USD))
    return aggregator


@pytest.fixture
def router(chain: LocalChain, empty_router: Contract, source: Contract) -> Contract:
    """``source`` listed as ETH with the default guards."""
    chain.send(empty_router.functions.setFeed(ETH, Feed(source.address).values))
    return empty_router


@pytest.fixture
def naive(chain: LocalChain) -> Contract:
    """A reader without a guard."""
    return chain.deploy("NaiveReader")


@pytest.fixture
def harness(chain: LocalChain) -> Contract:
    return chain.deploy("OracleHarness")


@pytest.fixture
def desk(chain: LocalChain) -> SmileDesk:
    """Five strikes of ETH in three months, three signers of whom one is enough, no surface yet."""
    return SmileDesk(chain)
