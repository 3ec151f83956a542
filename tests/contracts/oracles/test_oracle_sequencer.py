"""Prices of a rollup: none while its sequencer is down, nor until everybody could react."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain, Revert, logged
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD, Feed

UP, DOWN = 0, 1
BIT = 1 << ETH
ZERO = "0x" + "00" * 20


@pytest.fixture
def uptime(chain: LocalChain) -> Contract:
    """An uptime feed that says: up for a month."""
    feed = chain.deploy("SettableAggregator", 0)
    _report(chain, feed, UP, chain.now - 30 * DAY)
    return feed


@pytest.fixture
def rollup(chain: LocalChain, router: Contract, uptime: Contract) -> Contract:
    """The router with a sequencer feed and an hour of grace."""
    chain.send(router.functions.setSequencer(uptime.address, HOUR))
    return router


def _report(chain: LocalChain, feed: Contract, answer: int, since: int) -> None:
    chain.send(feed.functions.setRound((1, answer, since, since, 1)))


def _fresh(chain: LocalChain, source: Contract, usd: int = 3_000) -> None:
    chain.send(source.functions.set(usd * USD))


def test_sequencer_up__prices_and_liveSince(chain: LocalChain, rollup: Contract) -> None:
    assert rollup.functions.price(ETH).call() == 3_000 * WAD
    assert rollup.functions.liveSince().call() < chain.now


def test_liveSince__no_feed__zero(router: Contract) -> None:
    assert router.functions.liveSince().call() == 0


@pytest.mark.parametrize("status", [DOWN, 2, -1])
def test_sequencer_down__no_price_and_a_stale_world_is_priced_without_the_guard(
    chain: LocalChain, rollup: Contract, uptime: Contract, status: int
) -> None:
    since = chain.now
    _report(chain, uptime, status, since)

    for call in (
        rollup.functions.price(ETH),
        rollup.functions.prices(BIT),
        rollup.functions.pricesAndSlow(BIT),
        rollup.functions.liveSince(),
    ):
        assert chain.revert_of(call) == Revert("Oracle_SequencerDown", (since,))

    chain.send(rollup.functions.setSequencer(ZERO, HOUR))
    assert rollup.functions.price(ETH).call() == 3_000 * WAD


def test_grace_period__no_price_until_its_last_second(
    chain: LocalChain, rollup: Contract, uptime: Contract, source: Contract
) -> None:
    up_since = chain.now
    _report(chain, uptime, UP, up_since)
    _fresh(chain, source, 2_000)
    assert rollup.functions.liveSince().call() == up_since + HOUR
    now = chain.warp(up_since + HOUR - 1 - chain.now)

    assert chain.revert_of(rollup.functions.price(ETH)) == Revert("Oracle_SequencerGrace", (up_since + HOUR, now))
    chain.warp(1)
    assert rollup.functions.price(ETH).call() == 2_000 * WAD


def test_grace_period__without_grace__price_at_once(
    chain: LocalChain, rollup: Contract, uptime: Contract, source: Contract
) -> None:
    # What the guard is for: nobody could add collateral yet, and the crash is priced already.
    _report(chain, uptime, UP, chain.now)
    _fresh(chain, source, 2_000)
    assert chain.revert_of(rollup.functions.price(ETH)).name == "Oracle_SequencerGrace"

    chain.send(rollup.functions.setSequencer(uptime.address, 0))

    assert rollup.functions.price(ETH).call() == 2_000 * WAD


def test_sync_in_the_grace_period__slow_price_goes_on_but_the_slot_serves_nobody(
    chain: LocalChain, rollup: Contract, uptime: Contract, source: Contract
) -> None:
    _report(chain, uptime, UP, chain.now)
    receipts = chain.send_in_one_block(
        source.functions.set(2_000 * USD), rollup.functions.sync(BIT), rollup.functions.prices(BIT)
    )

    assert [receipt["status"] for receipt in receipts] == [1, 1, 0]
    assert chain.revert_of(rollup.functions.prices(BIT)).name == "Oracle_SequencerGrace"
    assert rollup.functions.cached(ETH).call()[:2] == [2_000 * WAD, 3_000 * WAD]
    chain.warp(HOUR // 2)
    assert rollup.functions.slowPrice(ETH).call() < 3_000 * WAD


def test_outage_within_cache_age__the_slot_does_not_hide_it(
    chain: LocalChain, rollup: Contract, uptime: Contract, source: Contract
) -> None:
    chain.send(rollup.functions.setFeed(ETH, Feed(source.address, cache_age=600).values))
    chain.send(rollup.functions.sync(BIT))
    _report(chain, uptime, DOWN, chain.now)
    assert rollup.functions.cached(ETH).call()[4] > chain.now

    assert chain.revert_of(rollup.functions.price(ETH)).name == "Oracle_SequencerDown"


def test_synced_in_this_block_while_live__uptime_feed_is_not_read(
    chain: LocalChain, rollup: Contract, uptime: Contract
) -> None:
    receipts = chain.send_in_one_block(
        rollup.functions.sync(BIT), uptime.functions.setMode(1), rollup.functions.prices(BIT)
    )

    assert [receipt["status"] for receipt in receipts] == [1, 1, 1]


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 5])
def test_uptime_feed_misbehaves__named_error(chain: LocalChain, rollup: Contract, uptime: Contract, mode: int) -> None:
    chain.send(uptime.functions.setMode(mode))

    error = Revert("Oracle_SequencerUnreadable", (uptime.address.lower(),))
    assert chain.revert_of(rollup.functions.price(ETH)) == error
    assert chain.revert_of(rollup.functions.liveSince()) == error
    chain.send(rollup.functions.sync(BIT))  # goes on, unserved
    assert chain.revert_of(rollup.functions.price(ETH)) == error


@pytest.mark.parametrize("since", [0, 2**64, 2**256 - 1])
def test_uptime_feed_without_a_status__named_error(
    chain: LocalChain, rollup: Contract, uptime: Contract, since: int
) -> None:
    chain.send(uptime.functions.setRound((1, UP, since, chain.now, 1)))

    assert chain.revert_of(rollup.functions.price(ETH)) == Revert(
        "Oracle_SequencerUnreadable", (uptime.address.lower(),)
    )


def test_setSequencer__readable_feed__readable_back_and_logged(
    chain: LocalChain, router: Contract, uptime: Contract
) -> None:
    receipt = chain.send(router.functions.setSequencer(uptime.address, 1_800))

    assert router.functions.sequencer().call() == [uptime.address, 1_800]
    (event,) = logged(router.events.SequencerSet(), receipt)
    assert event == {"source": uptime.address, "grace": 1_800}


def test_setSequencer__unreadable_or_too_much_grace__refused(
    chain: LocalChain, router: Contract, uptime: Contract
) -> None:
    nobody = chain.accounts[5]

    assert chain.revert_of(router.functions.setSequencer(nobody, HOUR)) == Revert(
        "Oracle_SequencerUnreadable", (nobody.lower(),)
    )
    assert chain.revert_of(router.functions.setSequencer(uptime.address, DAY + 1)) == Revert(
        "Oracle_FeedBounds", (b"grace".ljust(32, b"\0"), DAY + 1, DAY)
    )
