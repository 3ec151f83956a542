"""What a price costs a caller with everything cold: bounds for docs/oracles.md's figures.

Measured inside a contract around the call: with the call's 2,600 and the decoding of its answer.
"""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain
from tests.contracts.oracles.feeds import USD, Feed

#: Assets 0-3 read pushed aggregators, 4-7 proxies before them.
DIRECT, PROXIED = 0, 4
COLD_SLOT, COLD_ACCOUNT = 2_000, 2_500


@pytest.fixture
def eight(chain: LocalChain, empty_router: Contract) -> Contract:
    """Eight listed assets."""
    poster = chain.accounts[0]
    for asset in range(4):
        pushed = chain.deploy("PushedAggregator", poster, 8, "X / USD", 1, 10**17)
        chain.send(pushed.functions.submit(3_000 * USD))
        proxy = chain.deploy("PhaseProxy", pushed.address)
        for offset, feed in ((DIRECT, pushed), (PROXIED, proxy)):
            values = Feed(feed.address).values
            chain.send(empty_router.functions.setFeed(asset + offset, values))
    chain.warp(1)
    return empty_router


@pytest.mark.parametrize(
    ("first", "count", "bound"),
    [(DIRECT, 1, 25_000), (DIRECT, 4, 79_000), (PROXIED, 1, 34_000), (PROXIED, 4, 115_000)],
)
def test_prices__live__within_the_documented_gas(
    eight: Contract, harness: Contract, first: int, count: int, bound: int
) -> None:
    assets = (2**count - 1) << first

    assert harness.functions.gasOfPrices(eight.address, assets).call() <= bound


@pytest.mark.parametrize(
    ("first", "count", "bound"),
    [(DIRECT, 1, 7_500), (DIRECT, 4, 16_500), (PROXIED, 1, 7_500), (PROXIED, 4, 16_500)],
)
def test_prices__synced_in_this_block__one_slot_each_whatever_the_source(
    chain: LocalChain, eight: Contract, harness: Contract, first: int, count: int, bound: int
) -> None:
    assets = (2**count - 1) << first

    chain.send(eight.functions.sync(assets))
    cold = harness.functions.gasOfPrices(eight.address, assets).call()

    assert cold <= bound
    # The same in one transaction with the sync: only the slots and the router itself were cold.
    warm = harness.functions.gasAfterSync(eight.address, assets).call()
    assert cold - warm - COLD_ACCOUNT - count * COLD_SLOT in range(20)
