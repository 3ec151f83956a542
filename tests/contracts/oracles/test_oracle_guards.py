"""Each guard of a read: its own error, and what is accepted without it (invariant I8).

A guard with a parameter is compared with itself set loose, one without with a naive reader.
"""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain, Revert
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD, Feed

REVERTS, SHORT, SILENT, BURNS_GAS, FLOODS = range(1, 6)
#: What a source may burn (two bounded calls) and the router's own work; no copy of what it returns.
FAILURE_GAS = 250_000


def _guarded(chain: LocalChain, router: Contract) -> Revert:
    """The error of views and of ``sync``, which must be the same."""
    errors = {
        chain.revert_of(router.functions.price(ETH)),
        chain.revert_of(router.functions.prices(1 << ETH)),
        chain.revert_of(router.functions.pricesAndSlow(1 << ETH)),
        chain.revert_of(router.functions.sync(1 << ETH)),
    }
    assert len(errors) == 1
    return errors.pop()


def _set_round(
    chain: LocalChain,
    source: Contract,
    answer: int = 4_000 * USD,
    *,
    round_id: int = 7,
    answered_in: int | None = None,
    updated_at: int | None = None,
) -> None:
    updated_at = chain.now if updated_at is None else updated_at
    answered_in = round_id if answered_in is None else answered_in
    values = (round_id, answer, updated_at, updated_at, answered_in)
    chain.send(source.functions.setRound(values))


# ------------------------------------------------------------------ guards with a parameter


def test_stale_round__refused_and_accepted_with_a_loose_age(
    chain: LocalChain, router: Contract, source: Contract
) -> None:
    updated_at = chain.now - 12  # the fixture's round, one block before listing
    now = chain.warp(updated_at + HOUR - chain.now)
    assert router.functions.price(ETH).call() == 3_000 * WAD
    now = chain.warp(1)

    assert _guarded(chain, router) == Revert("Oracle_Stale", (ETH, updated_at, now - HOUR))

    chain.send(router.functions.setFeed(ETH, Feed(source.address, max_age=7 * DAY).values))
    chain.warp(6 * DAY)
    assert router.functions.price(ETH).call() == 3_000 * WAD  # six days old


@pytest.mark.parametrize("answer", [1_000 * USD, 999 * USD])
def test_answer_at_the_floor__refused_and_accepted_with_a_loose_floor(
    chain: LocalChain, router: Contract, source: Contract, answer: int
) -> None:
    feed = Feed(source.address, min_answer=1_000 * USD)
    chain.send(router.functions.setFeed(ETH, feed.values))
    chain.send(source.functions.set(answer))

    assert _guarded(chain, router) == Revert("Oracle_AtMinAnswer", (ETH, answer, 1_000 * USD))

    chain.send(router.functions.setFeed(ETH, Feed(source.address, min_answer=0).values))
    assert router.functions.price(ETH).call() == answer * 10**10


@pytest.mark.parametrize("answer", [9_000 * USD, 9_001 * USD])
def test_answer_at_the_cap__refused_and_accepted_with_a_loose_cap(
    chain: LocalChain, router: Contract, source: Contract, answer: int
) -> None:
    feed = Feed(source.address, max_answer=9_000 * USD)
    chain.send(router.functions.setFeed(ETH, feed.values))
    chain.send(source.functions.set(answer))

    assert _guarded(chain, router) == Revert("Oracle_AtMaxAnswer", (ETH, answer, 9_000 * USD))

    chain.send(router.functions.setFeed(ETH, Feed(source.address).values))
    assert router.functions.price(ETH).call() == answer * 10**10


@pytest.mark.parametrize(("usd", "inside"), [(15_000, True), (15_001, False), (600, True), (599, False)])
def test_price_outside_hard_bounds__refused_and_accepted_with_a_loose_factor(
    chain: LocalChain, router: Contract, source: Contract, usd: int, inside: bool
) -> None:
    chain.send(source.functions.set(usd * USD))
    if inside:
        assert router.functions.price(ETH).call() == usd * WAD
        return

    assert _guarded(chain, router) == Revert("Oracle_OutsideHardBounds", (ETH, usd * WAD, 3_000 * WAD))

    loose = Feed(source.address, hard_factor=10_000_000)
    chain.send(router.functions.setFeed(ETH, loose.values))
    assert router.functions.price(ETH).call() == usd * WAD


@pytest.mark.parametrize("shift", [10, -6])
def test_answer_in_another_scale__outside_hard_bounds_and_naive_reader_takes_it(
    chain: LocalChain, router: Contract, source: Contract, naive: Contract, shift: int
) -> None:
    wrong = 3_000 * 10 ** (8 + shift) if shift > 0 else 3_000 * USD // 10**-shift
    chain.send(router.functions.setFeed(ETH, Feed(source.address, hard_factor=10**7).values))
    chain.send(source.functions.set(min(wrong, 10**17 - 1)))

    assert _guarded(chain, router).name == "Oracle_OutsideHardBounds"
    naive_price = naive.functions.price(source.address, 8).call()
    assert not 300 * WAD < naive_price < 30_000 * WAD


# ------------------------------------------------------------------ guards without one


@pytest.mark.parametrize("ahead", [1, HOUR, 2**64, 2**256 - 1 - 2_000_000_000])
def test_round_from_the_future__refused_and_naive_reader_takes_it(
    chain: LocalChain, router: Contract, source: Contract, naive: Contract, ahead: int
) -> None:
    # A round dated ahead would never go stale.
    updated_at = chain.now + 12 + ahead
    _set_round(chain, source, updated_at=updated_at)

    assert _guarded(chain, router) == Revert("Oracle_FutureRound", (ETH, updated_at, chain.now))
    assert naive.functions.price(source.address, 8).call() == 4_000 * WAD


@pytest.mark.parametrize("answer", [0, -1, -(2**255)])
def test_answer_not_positive__refused_and_naive_reader_takes_it(
    chain: LocalChain, router: Contract, source: Contract, naive: Contract, answer: int
) -> None:
    _set_round(chain, source, answer)

    assert _guarded(chain, router) == Revert("Oracle_NotPositive", (ETH, answer))
    if answer > -(2**200):
        assert naive.functions.price(source.address, 8).call() == answer * 10**10


@pytest.mark.parametrize(("round_id", "answered_in", "updated_at"), [(0, 0, None), (7, 6, None), (7, 7, 0)])
def test_incomplete_round__refused_and_naive_reader_takes_it(
    chain: LocalChain,
    router: Contract,
    source: Contract,
    naive: Contract,
    round_id: int,
    answered_in: int,
    updated_at: int | None,
) -> None:
    _set_round(chain, source, round_id=round_id, answered_in=answered_in, updated_at=updated_at)

    assert _guarded(chain, router) == Revert("Oracle_IncompleteRound", (ETH, round_id, answered_in))
    assert naive.functions.price(source.address, 8).call() == 4_000 * WAD


def test_decimals_changed__refused_and_naive_reader_takes_it(
    chain: LocalChain, router: Contract, source: Contract, naive: Contract
) -> None:
    # One decimal more while the price halves: five times the old one, just inside the bounds.
    chain.send(source.functions.setDecimals(9))
    chain.send(source.functions.set(1_500 * 10**9))

    assert _guarded(chain, router) == Revert("Oracle_DecimalsChanged", (ETH, 9, 8))
    assert naive.functions.price(source.address, 8).call() == 15_000 * WAD


def test_proxy_moves_to_an_aggregator_of_other_decimals__refused(chain: LocalChain, empty_router: Contract) -> None:
    poster = chain.accounts[0]
    old = chain.deploy("PushedAggregator", poster, 8, "ETH / USD", 1, 10**17)
    new = chain.deploy("PushedAggregator", poster, 18, "ETH / USD", 1, 10**27)
    chain.send(old.functions.submit(3_000 * USD))
    chain.send(new.functions.submit(3_000 * WAD))
    proxy = chain.deploy("PhaseProxy", old.address)
    chain.send(empty_router.functions.setFeed(ETH, Feed(proxy.address).values))
    assert empty_router.functions.price(ETH).call() == 3_000 * WAD

    chain.send(proxy.functions.confirmAggregator(new.address))

    # The answer is also beyond maxAnswer in the old scale, which is looked at first.
    assert _guarded(chain, empty_router) == Revert("Oracle_AtMaxAnswer", (ETH, 3_000 * WAD, 10**17))


@pytest.mark.parametrize("mode", [REVERTS, SHORT, SILENT, BURNS_GAS, FLOODS])
def test_source_misbehaves__named_error_at_bounded_gas(
    chain: LocalChain, router: Contract, source: Contract, harness: Contract, mode: int
) -> None:
    chain.send(source.functions.setMode(mode))

    assert _guarded(chain, router) == Revert("Oracle_SourceReverted", (ETH, source.address.lower()))
    data = router.encode_abi("prices", [1 << ETH])
    gas = harness.functions.gasOfFailure(router.address, data).call({"gas": 10_000_000})
    assert 0 < gas < FAILURE_GAS


def test_source_burns_gas__naive_reader_loses_all_of_it(
    chain: LocalChain, source: Contract, naive: Contract, harness: Contract
) -> None:
    chain.send(source.functions.setMode(BURNS_GAS))

    data = naive.encode_abi("price", [source.address, 8])
    gas = harness.functions.gasOfFailure(naive.address, data).call({"gas": 10_000_000})
    assert gas > 9_000_000


@pytest.mark.parametrize(("round_id", "answered_in"), [(2**80, 2**80), (7, 2**256 - 1)])
def test_words_out_of_range__named_error_and_naive_reader_reverts_without_one(
    chain: LocalChain,
    router: Contract,
    source: Contract,
    naive: Contract,
    round_id: int,
    answered_in: int,
) -> None:
    _set_round(chain, source, round_id=round_id, answered_in=answered_in)

    assert _guarded(chain, router) == Revert("Oracle_SourceReverted", (ETH, source.address.lower()))
    assert chain.revert_of(naive.functions.price(source.address, 8)) != (
        Revert("Oracle_SourceReverted", (ETH, source.address.lower()))
    )


def test_source_loses_its_code__named_error(chain: LocalChain, router: Contract, source: Contract) -> None:
    chain.rpc("anvil_setCode", source.address, "0x")
    chain.warp(1)

    assert _guarded(chain, router) == Revert("Oracle_SourceReverted", (ETH, source.address.lower()))


@pytest.mark.parametrize("decimals", [2**8, 2**256 - 1])
def test_decimals_out_of_range__named_error(
    chain: LocalChain, router: Contract, source: Contract, decimals: int
) -> None:
    chain.send(source.functions.setDecimals(decimals))

    assert _guarded(chain, router) == Revert("Oracle_SourceReverted", (ETH, source.address.lower()))
