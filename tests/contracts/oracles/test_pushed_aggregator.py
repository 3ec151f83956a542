"""The aggregator of local chains: real rounds, one poster, Chainlink's behaviour at its bounds."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain, Revert, logged
from tests.contracts.oracles.feeds import ETH, USD, Feed

FLOOR, CAP = 100, 10**17


@pytest.fixture
def aggregator(chain: LocalChain) -> Contract:
    """Posted by account 1."""
    poster = chain.accounts[1]
    return chain.deploy("PushedAggregator", poster, 8, "ETH / USD", FLOOR, CAP)


def _submit(chain: LocalChain, aggregator: Contract, answer: int, poster: int = 1) -> int:
    chain.send(aggregator.functions.submit(answer), chain.accounts[poster])
    return chain.now


def test_constructor__fixes_what_a_feed_states(chain: LocalChain, aggregator: Contract) -> None:
    calls = aggregator.functions

    assert calls.decimals().call() == 8
    assert calls.description().call() == "ETH / USD"
    assert (calls.minAnswer().call(), calls.maxAnswer().call()) == (FLOOR, CAP)
    assert calls.aggregator().call() == aggregator.address
    assert calls.owner().call() == chain.accounts[1]
    assert calls.version().call() == 1


def test_submit__three_answers__a_round_each_and_all_stay_readable(chain: LocalChain, aggregator: Contract) -> None:
    answers = [3_000 * USD, 3_100 * USD, 2_900 * USD]
    times = [_submit(chain, aggregator, answer) for answer in answers]

    for i, (answer, time) in enumerate(zip(answers, times, strict=True), start=1):
        assert aggregator.functions.getRoundData(i).call() == [i, answer, time, time, i]
    assert len(set(times)) == 3
    assert aggregator.functions.latestRoundData().call() == [3, answers[2], times[2], times[2], 3]
    assert aggregator.functions.latestAnswer().call() == answers[2]
    assert aggregator.functions.latestRound().call() == 3
    assert aggregator.functions.latestTimestamp().call() == times[2]


def test_submit__answer__logged_as_chainlink_does(chain: LocalChain, aggregator: Contract) -> None:
    receipt = chain.send(aggregator.functions.submit(5 * USD), chain.accounts[1])

    assert logged(aggregator.events.AnswerUpdated(), receipt) == [
        {"current": 5 * USD, "roundId": 1, "updatedAt": chain.now}
    ]


def test_latestRoundData__no_round_yet__reverts(chain: LocalChain, aggregator: Contract) -> None:
    assert chain.revert_of(aggregator.functions.latestRoundData()) == Revert("PushedAggregator_NoRound", (0, 0))
    assert aggregator.functions.latestAnswer().call() == 0


@pytest.mark.parametrize("round_id", [0, 2, 2**80 - 1])
def test_getRoundData__unknown_round__reverts(chain: LocalChain, aggregator: Contract, round_id: int) -> None:
    _submit(chain, aggregator, 3_000 * USD)

    assert chain.revert_of(aggregator.functions.getRoundData(round_id)) == Revert(
        "PushedAggregator_NoRound", (round_id, 1)
    )


@pytest.mark.parametrize(
    ("answer", "reported", "error"),
    [
        (-(2**255), FLOOR, "Oracle_AtMinAnswer"),
        (0, FLOOR, "Oracle_AtMinAnswer"),
        (FLOOR, FLOOR, "Oracle_AtMinAnswer"),
        (CAP, CAP, "Oracle_AtMaxAnswer"),
        (2**255 - 1, CAP, "Oracle_AtMaxAnswer"),
    ],
)
def test_submit__beyond_a_bound__reports_the_bound_and_the_router_refuses_it(
    chain: LocalChain,
    empty_router: Contract,
    aggregator: Contract,
    answer: int,
    reported: int,
    error: str,
) -> None:
    _submit(chain, aggregator, 3_000 * USD)
    feed = Feed(aggregator.address, min_answer=FLOOR, max_answer=CAP)
    chain.send(empty_router.functions.setFeed(ETH, feed.values))
    _submit(chain, aggregator, answer)

    assert aggregator.functions.latestAnswer().call() == reported
    assert chain.revert_of(empty_router.functions.price(ETH)) == Revert(error, (ETH, reported, reported))


def test_submit__not_the_poster__refused(chain: LocalChain, aggregator: Contract) -> None:
    attacker = chain.accounts[9]

    assert chain.revert_of(aggregator.functions.submit(1), attacker) == Revert(
        "OwnableUnauthorizedAccount", (attacker.lower(),)
    )


def test_transferOwnership__accepted__only_the_new_poster_submits(chain: LocalChain, aggregator: Contract) -> None:
    old, new = chain.accounts[1], chain.accounts[2]
    chain.send(aggregator.functions.transferOwnership(new), old)
    _submit(chain, aggregator, 3_000 * USD, poster=1)  # until it is accepted
    chain.send(aggregator.functions.acceptOwnership(), new)
    _submit(chain, aggregator, 3_100 * USD, poster=2)

    assert chain.revert_of(aggregator.functions.submit(1), old).name == "OwnableUnauthorizedAccount"
    assert aggregator.functions.latestRound().call() == 2


@pytest.mark.parametrize(("lowest", "highest"), [(-1, 5), (5, 5), (6, 5)])
def test_constructor__bounds_negative_or_crossed__refused(chain: LocalChain, lowest: int, highest: int) -> None:
    with pytest.raises(AssertionError, match="not deployed"):
        chain.deploy("PushedAggregator", chain.accounts[0], 8, "X / USD", lowest, highest)
