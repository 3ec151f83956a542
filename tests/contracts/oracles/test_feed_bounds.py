"""`setFeed` refuses what lies outside its bounds, and sources that do not answer as listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain, Revert
from tests.contracts.oracles.feeds import DAY, ETH, MAX_PRICE, USD, Feed


def _bounds_error(name: str, value: int, bound: int) -> Revert:
    return Revert("Oracle_FeedBounds", (name.encode().ljust(32, b"\0"), value % 2**256, bound))


def _set_feed(router: Contract, feed: Feed) -> Any:
    return router.functions.setFeed(ETH, feed.values)


def _with(feed: Feed, field: str, value: int) -> Feed:
    change: dict[str, Any] = {field: value}
    return replace(feed, **change)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("max_age", 60, 7 * DAY),
        ("max_deviation", 1_000, 1_000_000),
        ("hard_factor", 1_100_000, 10_000_000),
        ("slow_rate", 1_000, 200_000),
    ],
)
def test_setFeed__range__ends_accepted_and_beyond_refused(
    chain: LocalChain,
    empty_router: Contract,
    source: Contract,
    field: str,
    lowest: int,
    highest: int,
) -> None:
    head, *tail = field.split("_")
    name = head + "".join(part.title() for part in tail)
    feed = Feed(source.address)

    for value, bound in ((lowest - 1, lowest), (highest + 1, highest), (2**32 - 1, highest)):
        found = chain.revert_of(_set_feed(empty_router, _with(feed, field, value)))
        assert found == _bounds_error(name, value, bound)
    for value in (lowest, highest):
        chain.send(_set_feed(empty_router, _with(feed, field, value)))
        assert empty_router.functions.feedOf(ETH).call() == _with(feed, field, value).values


def test_setFeed__cache_age__at_most_ten_minutes(chain: LocalChain, empty_router: Contract, source: Contract) -> None:
    feed = Feed(source.address, cache_age=601)

    assert chain.revert_of(_set_feed(empty_router, feed)) == _bounds_error("cacheAge", 601, 600)
    chain.send(_set_feed(empty_router, replace(feed, cache_age=600)))
    assert empty_router.functions.cached(ETH).call()[4] == chain.now + 600


def test_setFeed__answer_bounds__ordered_not_negative_and_representable(
    chain: LocalChain, empty_router: Contract, source: Contract
) -> None:
    feed = Feed(source.address)
    largest = MAX_PRICE // 10**10

    assert chain.revert_of(_set_feed(empty_router, replace(feed, min_answer=-1))) == _bounds_error("minAnswer", -1, 0)
    assert chain.revert_of(_set_feed(empty_router, replace(feed, min_answer=7, max_answer=7))) == _bounds_error(
        "maxAnswer", 7, 7
    )
    for value in (largest + 1, 2**112, 2**191 - 1):
        found = chain.revert_of(_set_feed(empty_router, replace(feed, max_answer=value)))
        assert found == _bounds_error("maxAnswer", value, largest)
    chain.send(_set_feed(empty_router, replace(feed, min_answer=0, max_answer=largest)))


def test_setFeed__largest_price__kept_exactly(chain: LocalChain, empty_router: Contract) -> None:
    aggregator = chain.deploy("SettableAggregator", 18)
    chain.send(aggregator.functions.set(MAX_PRICE - 1))
    feed = Feed(aggregator.address, 18, max_answer=MAX_PRICE)
    chain.send(_set_feed(empty_router, feed))
    chain.warp(DAY // 48)

    assert empty_router.functions.pricesAndSlow(1 << ETH).call() == ([[MAX_PRICE - 1], [MAX_PRICE - 1], 0])


def test_setFeed__bounds_looser_than_the_aggregator__refused(chain: LocalChain, empty_router: Contract) -> None:
    aggregator = chain.deploy("BoundedAggregator", 8, 10 * USD, 9_000 * USD)
    chain.send(aggregator.functions.set(3_000 * USD))
    tight = Feed(aggregator.address, min_answer=10 * USD, max_answer=9_000 * USD)

    assert chain.revert_of(_set_feed(empty_router, replace(tight, min_answer=10 * USD - 1))) == _bounds_error(
        "minAnswer", 10 * USD - 1, 10 * USD
    )
    assert chain.revert_of(_set_feed(empty_router, replace(tight, max_answer=9_000 * USD + 1))) == _bounds_error(
        "maxAnswer", 9_000 * USD + 1, 9_000 * USD
    )
    chain.send(_set_feed(empty_router, tight))


def test_setFeed__aggregator_behind_a_proxy__its_bounds_count(chain: LocalChain, empty_router: Contract) -> None:
    poster = chain.accounts[0]
    aggregator = chain.deploy("PushedAggregator", poster, 8, "ETH / USD", 100, 9_000 * USD)
    chain.send(aggregator.functions.submit(3_000 * USD))
    proxy = chain.deploy("PhaseProxy", aggregator.address)

    assert chain.revert_of(
        _set_feed(empty_router, Feed(proxy.address, min_answer=99, max_answer=9_000 * USD))
    ) == _bounds_error("minAnswer", 99, 100)


@pytest.mark.parametrize("decimals", [0, 7, 9, 18])
def test_setFeed__decimals_other_than_the_source_says__refused(
    chain: LocalChain, empty_router: Contract, source: Contract, decimals: int
) -> None:
    feed = Feed(source.address, decimals, min_answer=0, max_answer=10**9)
    chain.send(source.functions.set(3_000))

    assert chain.revert_of(_set_feed(empty_router, feed)) == Revert("Oracle_DecimalsChanged", (ETH, 8, decimals))


def test_setFeed__more_than_18_decimals__refused(chain: LocalChain, empty_router: Contract, source: Contract) -> None:
    chain.send(source.functions.setDecimals(19))

    assert chain.revert_of(_set_feed(empty_router, Feed(source.address, 19))) == _bounds_error("decimals", 19, 18)


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 5])
def test_setFeed__source_whose_first_read_fails__refused_and_nothing_listed(
    chain: LocalChain, empty_router: Contract, source: Contract, mode: int
) -> None:
    chain.send(source.functions.setMode(mode))

    assert chain.revert_of(_set_feed(empty_router, Feed(source.address))) == Revert(
        "Oracle_SourceReverted", (ETH, source.address.lower())
    )
    assert chain.revert_of(empty_router.functions.feedOf(ETH)).name == "Oracle_UnknownAsset"


def test_setFeed__no_contract_or_stale_source__refused(
    chain: LocalChain, empty_router: Contract, source: Contract
) -> None:
    nobody = chain.accounts[3]
    assert chain.revert_of(_set_feed(empty_router, Feed(nobody))) == Revert(
        "Oracle_SourceReverted", (ETH, nobody.lower())
    )

    chain.warp(DAY)

    assert chain.revert_of(_set_feed(empty_router, Feed(source.address))).name == "Oracle_Stale"
