"""Prices as callers get them: live or cached, the slow price, deviation, sync, listing."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import BLOCK_TIME, LocalChain, Revert, logged
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD, Feed

BIT = 1 << ETH


def _move(chain: LocalChain, source: Contract, usd: int) -> None:
    chain.send(source.functions.set(usd * USD))


def _sync(chain: LocalChain, router: Contract, after: int = BLOCK_TIME) -> None:
    chain.send(router.functions.sync(BIT), after=after)


# ------------------------------------------------------------------ prices


def test_prices__several_assets__lowest_bit_first(chain: LocalChain, empty_router: Contract) -> None:
    listed = {0: (8, 1), 3: (18, 60_000), 200: (0, 7)}
    for asset, (decimals, usd) in listed.items():
        aggregator = chain.deploy("SettableAggregator", decimals)
        chain.send(aggregator.functions.set(usd * 10**decimals))
        feed = Feed(aggregator.address, decimals, min_answer=0, max_answer=10 ** (decimals + 9))
        chain.send(empty_router.functions.setFeed(asset, feed.values))

    bits = sum(1 << asset for asset in listed)

    assert empty_router.functions.prices(bits).call() == [[WAD, 60_000 * WAD, 7 * WAD], 0]
    assert empty_router.functions.prices(bits ^ 1).call() == [[60_000 * WAD, 7 * WAD], 0]
    assert empty_router.functions.prices(0).call() == [[], 0]


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_price__decimals__normalised_exactly(chain: LocalChain, empty_router: Contract, decimals: int) -> None:
    aggregator = chain.deploy("SettableAggregator", decimals)
    answer = int("1234567890123456789012345678"[: decimals + 5])
    chain.send(aggregator.functions.set(answer))
    feed = Feed(aggregator.address, decimals, min_answer=0, max_answer=10 ** (decimals + 9))
    chain.send(empty_router.functions.setFeed(ETH, feed.values))

    assert empty_router.functions.price(ETH).call() == answer * 10 ** (18 - decimals)
    assert empty_router.functions.cached(ETH).call()[0] == answer * 10 ** (18 - decimals)


def test_price__unlisted_asset__named_error(router: Contract, chain: LocalChain) -> None:
    for call in (
        router.functions.price(2),
        router.functions.prices(BIT | 4),
        router.functions.slowPrice(2),
        router.functions.feedOf(2),
        router.functions.cached(2),
        router.functions.sync(4),
        router.functions.resetSlowPrice(2, 0, 2**90),
    ):
        assert chain.revert_of(call) == Revert("Oracle_UnknownAsset", (2,))


def test_prices__agree_with__price_and_pricesAndSlow(chain: LocalChain, router: Contract, source: Contract) -> None:
    _move(chain, source, 3_600)
    chain.warp(HOUR // 2)
    price = router.functions.price(ETH).call()
    slow = router.functions.slowPrice(ETH).call()

    assert router.functions.prices(BIT).call() == [[price], BIT]
    assert router.functions.pricesAndSlow(BIT).call() == [[price], [slow], BIT]


# ------------------------------------------------------------------ the cached slot


def test_price__new_answer_without_sync__final_at_once(chain: LocalChain, router: Contract, source: Contract) -> None:
    _move(chain, source, 3_100)

    assert router.functions.price(ETH).call() == 3_100 * WAD


def test_price__new_answer_in_a_later_block_of_the_same_second__final_at_once(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    _sync(chain, router)
    synced_at = chain.now
    chain.send(source.functions.set(3_100 * USD), after=0)

    assert chain.now == synced_at
    assert router.functions.price(ETH).call() == 3_100 * WAD


@pytest.mark.parametrize("blocks", [0, 600])
def test_price__after_sync_in_the_same_block__source_is_not_read(
    chain: LocalChain, router: Contract, source: Contract, blocks: int
) -> None:
    # The slot keeps the low 12 bits of the block number, not fewer.
    chain.rpc("anvil_mine", hex(blocks), "0x0")
    chain.send(source.functions.set(3_000 * USD))
    receipts = chain.send_in_one_block(
        router.functions.sync(BIT),
        source.functions.setMode(1),  # reverts from here on
        router.functions.prices(BIT),
    )

    assert [receipt["status"] for receipt in receipts] == [1, 1, 1]
    assert chain.revert_of(source.functions.latestRoundData()).name == "Error"
    assert router.functions.price(ETH).call() == 3_000 * WAD
    chain.warp(1)
    assert chain.revert_of(router.functions.price(ETH)).name == "Oracle_SourceReverted"


def test_price__within_cache_age__slot_serves_and_not_longer(
    chain: LocalChain, empty_router: Contract, source: Contract
) -> None:
    feed = Feed(source.address, cache_age=60)
    chain.send(empty_router.functions.setFeed(ETH, feed.values))
    listed_at = chain.now
    _move(chain, source, 3_100)

    chain.warp(listed_at + 59 - chain.now)
    assert empty_router.functions.price(ETH).call() == 3_000 * WAD
    chain.warp(1)
    assert empty_router.functions.price(ETH).call() == 3_100 * WAD


def test_price__round_goes_stale_within_cache_age__slot_stops_serving(
    chain: LocalChain, empty_router: Contract, source: Contract
) -> None:
    updated_at = chain.now
    feed = Feed(source.address, max_age=120, cache_age=600)
    chain.send(empty_router.functions.setFeed(ETH, feed.values))

    chain.warp(updated_at + 119 - chain.now)
    assert empty_router.functions.price(ETH).call() == 3_000 * WAD
    chain.warp(2)
    assert chain.revert_of(empty_router.functions.price(ETH)) == Revert(
        "Oracle_Stale", (ETH, updated_at, updated_at + 1)
    )


def test_sync__twice_in_a_block__takes_the_later_answer(chain: LocalChain, router: Contract, source: Contract) -> None:
    chain.send_in_one_block(router.functions.sync(BIT), source.functions.set(3_100 * USD), router.functions.sync(BIT))

    assert router.functions.cached(ETH).call()[:2] == [3_100 * WAD, 3_000 * WAD]


def test_sync__by_anybody__stores_and_logs_what_views_said(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    _move(chain, source, 3_500)
    updated_at = chain.now
    chain.warp(HOUR)
    chain.send(source.functions.set(3_600 * USD), after=0)  # same second: a new round of it
    updated_at = chain.now
    slow_seen = router.functions.slowPrice(ETH).call()
    receipt = chain.send(router.functions.sync(BIT), chain.accounts[7], after=0)

    (event,) = logged(router.events.Synced(), receipt)
    assert event == {
        "asset": ETH,
        "priceWad": 3_600 * WAD,
        "slowWad": slow_seen,
        "updatedAt": updated_at,
    }
    assert router.functions.cached(ETH).call() == [
        3_600 * WAD, slow_seen, chain.now, updated_at, chain.now, True,
    ]  # fmt: skip


def test_sync__one_of_two_sources_dead__nothing_is_written(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    second = chain.deploy("SettableAggregator", 8)
    chain.send(second.functions.set(USD))
    chain.send(router.functions.setFeed(5, Feed(second.address).values))
    before = router.functions.cached(ETH).call()
    chain.send(second.functions.setMode(1))
    _move(chain, source, 3_100)

    assert chain.revert_of(router.functions.sync(BIT | 1 << 5)) == Revert(
        "Oracle_SourceReverted", (5, second.address.lower())
    )
    assert router.functions.cached(ETH).call() == before
    _sync(chain, router)
    assert router.functions.cached(ETH).call()[0] == 3_100 * WAD


# ------------------------------------------------------------------ slow price


def test_slowPrice__listing__starts_at_the_price(router: Contract) -> None:
    assert router.functions.slowPrice(ETH).call() == 3_000 * WAD


def test_slowPrice__one_update_however_large__does_not_move_it(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    chain.warp(DAY)
    _move(chain, source, 6_000)
    _sync(chain, router)

    assert router.functions.slowPrice(ETH).call() == 3_000 * WAD


def test_slowPrice__after_a_sync__follows_the_synced_price_not_the_new_one(
    chain: LocalChain, router: Contract, source: Contract, harness: Contract
) -> None:
    _move(chain, source, 3_300)
    _sync(chain, router)
    slow = router.functions.slowPrice(ETH).call()
    _move(chain, source, 9_000)
    chain.warp(2 * HOUR - BLOCK_TIME)

    expected = harness.functions.advance(slow, 3_300 * WAD, 2 * HOUR, 60_000).call()
    assert router.functions.slowPrice(ETH).call() == expected
    chain.send(source.functions.set(9_000 * USD), after=0)
    _sync(chain, router, after=0)
    assert router.functions.cached(ETH).call()[1] == expected


def test_slowPrice__spike_between_two_syncs__moves_by_its_seconds(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    for usd in (3_000, 9_000, 3_000):
        chain.send_in_one_block(source.functions.set(usd * USD), router.functions.sync(BIT))

    # 12 seconds at three times the price: the limit of 6% an hour binds.
    slow = router.functions.slowPrice(ETH).call()
    limit = 3_000 * WAD * 6 * BLOCK_TIME // (100 * HOUR)
    assert 0 < slow - 3_000 * WAD <= limit


def test_slowPrice__dead_source__still_answers(chain: LocalChain, router: Contract, source: Contract) -> None:
    chain.send(source.functions.setMode(1))
    chain.warp(30 * DAY)

    assert router.functions.slowPrice(ETH).call() == 3_000 * WAD


# ------------------------------------------------------------------ deviation


@pytest.mark.parametrize(("usd", "deviates"), [(3_300, False), (3_301, True), (2_700, False), (2_699, True)])
def test_prices__around_max_deviation__bit_set_beyond_it_only(
    chain: LocalChain, router: Contract, source: Contract, usd: int, deviates: bool
) -> None:
    _move(chain, source, usd)

    assert router.functions.prices(BIT).call() == [[usd * WAD], BIT if deviates else 0]
    _sync(chain, router)
    assert router.functions.prices(BIT).call() == [[usd * WAD], BIT if deviates else 0]
    assert router.functions.cached(ETH).call()[5] is deviates


def test_prices__slow_price_catches_up__deviation_ends_by_itself(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    _move(chain, source, 3_600)
    _sync(chain, router)
    assert router.functions.prices(BIT).call()[1] == BIT

    chain.warp(14 * HOUR)
    _move(chain, source, 3_600)

    assert router.functions.prices(BIT).call()[1] == 0


def test_prices__max_deviation_loose__pump_is_not_seen(chain: LocalChain, router: Contract, source: Contract) -> None:
    chain.send(router.functions.setFeed(ETH, Feed(source.address, max_deviation=1_000_000).values))
    _move(chain, source, 6_000)

    assert router.functions.prices(BIT).call() == [[6_000 * WAD], 0]


# ------------------------------------------------------------------ listing


def test_setFeed__new_asset__readable_back_and_logged(
    chain: LocalChain, empty_router: Contract, source: Contract
) -> None:
    feed = Feed(source.address, 8, 90_000, 30, 50_000, 4_000_000, 70_000, 5, 10**16)
    receipt = chain.send(empty_router.functions.setFeed(9, feed.values))

    assert empty_router.functions.feedOf(9).call() == feed.values
    (event,) = logged(empty_router.events.FeedSet(), receipt)
    assert event["asset"] == 9
    assert tuple(event["feed"].values()) == feed.values
    (event,) = logged(empty_router.events.Synced(), receipt)
    assert event["slowWad"] == 3_000 * WAD


def test_setFeed__listed_asset__keeps_its_slow_price(chain: LocalChain, router: Contract, source: Contract) -> None:
    other = chain.deploy("SettableAggregator", 8)
    chain.send(other.functions.set(4_500 * USD))
    chain.send(router.functions.setFeed(ETH, Feed(other.address).values))

    assert router.functions.prices(BIT).call() == [[4_500 * WAD], BIT]
    assert router.functions.slowPrice(ETH).call() == 3_000 * WAD


def test_setFeed__listed_asset_and_a_source_beyond_the_hard_bounds__refused(
    chain: LocalChain, router: Contract
) -> None:
    wrong_scale = chain.deploy("SettableAggregator", 8)
    chain.send(wrong_scale.functions.set(3_000 * 10**6))  # claims 8 decimals, answers in 6

    assert chain.revert_of(router.functions.setFeed(ETH, Feed(wrong_scale.address).values)) == (
        Revert("Oracle_OutsideHardBounds", (ETH, 30 * WAD, 3_000 * WAD))
    )


def test_resetSlowPrice__real_jump_beyond_the_hard_bounds__prices_again(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    _move(chain, source, 300)
    assert chain.revert_of(router.functions.sync(BIT)).name == "Oracle_OutsideHardBounds"

    chain.send(router.functions.resetSlowPrice(ETH, 200 * WAD, 400 * WAD))

    assert router.functions.pricesAndSlow(BIT).call() == [[300 * WAD], [300 * WAD], 0]
    chain.warp(1)
    assert router.functions.pricesAndSlow(BIT).call() == [[300 * WAD], [300 * WAD], 0]


@pytest.mark.parametrize(("lowest", "highest"), [(301, 400), (200, 299)])
def test_resetSlowPrice__price_outside_what_was_expected__refused(
    chain: LocalChain, router: Contract, source: Contract, lowest: int, highest: int
) -> None:
    _move(chain, source, 300)

    assert chain.revert_of(router.functions.resetSlowPrice(ETH, lowest * WAD, highest * WAD)) == Revert(
        "Oracle_UnexpectedPrice", (ETH, 300 * WAD, lowest * WAD, highest * WAD)
    )


def test_setters__without_the_role__refused(chain: LocalChain, router: Contract, source: Contract) -> None:
    attacker = chain.accounts[9]
    zero = "0x" + "00" * 20
    for call in (
        router.functions.setFeed(ETH, Feed(source.address).values),
        router.functions.resetSlowPrice(ETH, 0, 2**90),
        router.functions.setSequencer(zero, 0),
    ):
        assert chain.revert_of(call, attacker) == Revert("AccessManagedUnauthorized", (attacker.lower(),))
