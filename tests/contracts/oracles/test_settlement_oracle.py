"""The price at an expiry: what it is, who may fix it when, and what a feed must show.

Branches: ``test_settlement_oracle.tree``.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from tests.contracts.harness import LocalChain, Revert
from tests.contracts.oracles.feeds import DAY, ETH, HOUR, USD, WAD, Feed
from tests.contracts.oracles.settlements import QUANTUM, QUOTE, WINDOW, Rounds, SettlementDesk, price_of, sum_of
from tests.support.fuzz import examples

#: Of an asset's feed, and of the quote token's.
MAX_AGE = HOUR
MAX_ROUNDS = 256
MAX_PRICE = 2**96 - 1
REVERTS, SHORT, BURNS_GAS, FLOODS = range(1, 5)
#: Three reads of READ_GAS that all burn, and the rest.
FAILURE_GAS = 400_000
ONE_BILLION = 10**9


@pytest.fixture
def desk(chain: LocalChain) -> SettlementDesk:
    return SettlementDesk(chain)


def unchanged(desk: SettlementDesk) -> bool:
    return not desk.is_fixed() and desk.progress(ETH) == desk.progress(QUOTE) == (0, 0, False)


# ------------------------------------------------------------------ the price


def test_settle__one_old_round_each__is_their_quotient(desk: SettlementDesk) -> None:
    """The sparse case: nothing happened in the window, and nothing after it."""
    desk.give(desk.eth, [(-MAX_AGE, 3_001 * USD)])
    desk.give(desk.usdc, [(-20 * HOUR, 99_900_000)])
    desk.expire()

    assert desk.call().call() == 3_001 * WAD * 1_000 // 999 // QUANTUM * QUANTUM
    receipt = desk.settle()

    assert desk.price == price_of([(0, 3_001 * USD)], [(0, 99_900_000)])
    assert desk.is_fixed()
    fixed = {"asset": ETH, "expiry": desk.expiry, "priceWad": desk.price, "byGovernor": False}
    assert desk.events("PriceFixed", receipt) == [fixed]
    for asset, source, usd in ((ETH, desk.eth, 3_001 * WAD), (QUOTE, desk.usdc, 999 * WAD // 1_000)):
        total = usd * WINDOW
        assert desk.progress(asset) == (total, 1, True)
        named = {"asset": asset, "expiry": desk.expiry}
        counted = {**named, "sumWadSeconds": total, "lastRound": 1, "done": True}
        assert counted in desk.events("RoundsCounted", receipt)
        (pinned,) = [event for event in desk.events("FeedPinned", receipt) if event["asset"] == asset]
        assert pinned["feed"]["source"] == source.address
        assert tuple(pinned["feed"].values()) == tuple(desk.router.functions.feedOf(asset).call())


@pytest.mark.parametrize(
    "rounds",
    [
        [(0, 3_000)],  # begins with the window
        [(-1, 3_000), (0, 3_100)],
        [(-1, 3_000), (1, 3_100)],
        [(-1, 3_000), (WINDOW - 1, 3_100)],
        [(-1, 3_000), (WINDOW, 9_999)],  # counts for no second
        [(-1, 3_000), (WINDOW - 1, 3_100), (WINDOW, 9_999), (WINDOW + 1, 1)],
        [(-1, 3_000), (5, 1), (5, 9_999), (5, 3_100), (7, 3_200)],  # several in one second
        [(-1, 1), (0, 2), (0, 3_000)],
        [(-600, 3_000), (600, 3_300), (900, 2_900)],
    ],
)
def test_settle__rounds_at_the_edges__as_in_force_each_second(desk: SettlementDesk, rounds: Rounds) -> None:
    history = [(at, answer * USD) for at, answer in rounds]
    desk.give(desk.eth, history)
    first = max(number for number, (at, _) in enumerate(rounds, 1) if at <= 0)
    desk.expire(after=60)

    desk.settle(rounds=(first, 1))

    assert desk.price == price_of(history, [(0, USD)])


_gap = st.one_of(st.sampled_from([0, 0, 1, 2, 5, 60]), st.integers(0, 900))
_answers = st.one_of(
    st.integers(2, 10**17 - 1), st.integers(2_000 * USD, 4_000 * USD), st.sampled_from([2, 10**17 - 1])
)


@st.composite
def _history(draw: st.DrawFn, bound: int) -> list[tuple[int, int]]:
    """Rounds up to five minutes after the expiry, at least one at or before the window's start."""
    at = draw(st.one_of(st.sampled_from([0, -1, -bound]), st.integers(-bound, 0)))
    rounds = [(at, draw(_answers))]
    for gap in draw(st.lists(_gap, max_size=24)):
        at += gap
        if at > WINDOW + 300:
            break
        rounds.append(
            (draw(st.sampled_from([at, at, at, *(edge for edge in (0, WINDOW) if edge >= rounds[-1][0])])), 0)
        )
        at = rounds[-1][0]
        rounds[-1] = (at, draw(_answers))
    return rounds


@examples(120)
@given(eth=_history(MAX_AGE), usdc=_history(25 * HOUR), counts=st.lists(st.integers(1, 7), max_size=40))
def test_settle__any_history_in_any_split__is_the_reference(
    desk: SettlementDesk, eth: Rounds, usdc: Rounds, counts: list[int]
) -> None:
    chain = desk.chain
    snapshot = chain.rpc("evm_snapshot")
    desk.give(desk.eth, eth)
    desk.give(desk.usdc, usdc)
    desk.expire(after=300)
    hints = [max(number for number, (at, _) in enumerate(rounds, 1) if at <= 0) for rounds in (eth, usdc)]
    wanted = price_of(eth, usdc)
    assert desk.progress(ETH) == (0, 0, False)

    whole = desk.call(rounds=(hints[0], hints[1]))
    if not QUANTUM <= wanted <= MAX_PRICE:
        raw = sum_of(eth) * WAD // sum_of(usdc)
        refused = Revert("Settlement_PriceBounds", (raw - raw % QUANTUM, QUANTUM, MAX_PRICE))
        assert chain.revert_of(whole) == refused
    else:
        assert whole.call() == wanted
        for count in counts:
            # Later hints are not looked at.
            desk.settle(rounds=(hints[0], hints[1]), count=count)
            hints = [2**80 - 1, 0]
            if desk.is_fixed():
                break
        else:
            desk.settle(rounds=(hints[0], hints[1]))
        assert desk.price == wanted
        assert desk.progress(ETH)[::2] == (sum_of(eth), True)
        assert desk.progress(QUOTE)[::2] == (sum_of(usdc), True)
    assert chain.rpc("evm_revert", snapshot)


def test_settle__second_asset__shares_the_quote_token_s_sum(desk: SettlementDesk) -> None:
    desk.list(2, sol := desk.chain.deploy("HistoryAggregator", 8), 100 * USD)
    desk.give(sol, [(-5, 100 * USD)])
    desk.expire()
    desk.settle()
    desk.chain.send(desk.usdc.functions.setMode(0, REVERTS))  # not asked any more

    receipt = desk.settle(asset=2, rounds=(1, 77))

    assert desk.oracle.functions.priceOf(2, desk.expiry).call() == 100 * WAD
    assert [event["asset"] for event in desk.events("FeedPinned", receipt)] == [2]
    assert [event["asset"] for event in desk.events("RoundsCounted", receipt)] == [2]


def test_settle__each_expiry__has_its_own_price(desk: SettlementDesk) -> None:
    later = desk.expiry + DAY
    desk.give(desk.eth, [(-5, 3_000 * USD), (DAY - 5, 3_300 * USD)])
    desk.give(desk.usdc, [(-5, USD), (DAY - 5, USD)])
    desk.expire(after=DAY)
    desk.settle()
    desk.chain.send(desk.oracle.functions.settlePrice(ETH, later, 2, 2, 9))
    assert desk.price == 3_000 * WAD
    assert desk.oracle.functions.priceOf(ETH, later).call() == 3_300 * WAD


@pytest.mark.parametrize("decimals", [0, 6, 18])
def test_settle__other_decimals__same_scale(desk: SettlementDesk, decimals: int) -> None:
    source = desk.chain.deploy("HistoryAggregator", decimals)
    unit = 10**decimals
    guards: dict[str, Any] = {"decimals": decimals, "min_answer": 0, "max_answer": 10**6 * unit}
    desk.list(ETH, source, 3_000 * unit, **guards)
    desk.give(source, [(-5, 3_000 * unit), (900, 3_002 * unit)])
    desk.expire()
    desk.settle()
    assert desk.price == 3_001 * WAD


# ------------------------------------------------------------------ when, and of what


def test_settle__before_the_expiry__refused_and_in_its_second_accepted(desk: SettlementDesk) -> None:
    desk.expire(after=-1)
    refused = Revert("Settlement_NotExpired", (desk.expiry, desk.expiry - 1))
    assert desk.refusal() == refused
    desk.expire()
    assert desk.call().call() == 3_000 * WAD


def test_settle__answer_in_the_second_of_the_expiry__changes_nothing(desk: SettlementDesk) -> None:
    """Who settles first in that second, and what is reported after him in it, does not count."""
    desk.expire()
    before = desk.call().call()
    desk.give(desk.eth, [(-600, 3_000 * USD), (WINDOW, 9_000 * USD)])
    assert desk.call().call() == before


def test_settle__twice__refused(desk: SettlementDesk) -> None:
    desk.expire()
    desk.settle()
    desk.give(desk.eth, [(-600, 6_000 * USD)])
    assert desk.refusal() == Revert("Settlement_AlreadyFixed", (ETH, desk.expiry, 3_000 * WAD))


def test_settle__quote_token__refused(desk: SettlementDesk) -> None:
    desk.expire()
    assert desk.refusal(asset=QUOTE) == Revert("Settlement_QuoteToken")


def test_settle__asset_not_listed__refused(desk: SettlementDesk) -> None:
    desk.expire()
    assert desk.refusal(asset=2) == Revert("Oracle_UnknownAsset", (2,))


@pytest.mark.parametrize("beside", [1, -1, HOUR, 12 * HOUR])
def test_settle__no_expiry__refused(desk: SettlementDesk, beside: int) -> None:
    desk.expire(after=DAY)
    for time in (desk.expiry + beside, 0, 2**64 - 1):
        call = desk.oracle.functions.settlePrice(ETH, time, 1, 1, 1)
        assert desk.chain.revert_of(call) == Revert("Settlement_NotAnExpiry", (time,))


def test_settle__count__at_the_bounds_and_beyond(desk: SettlementDesk) -> None:
    desk.expire()
    for count in (0, MAX_ROUNDS + 1, 2**256 - 1):
        assert desk.refusal(count=count) == Revert("Settlement_RoundCount", (count, MAX_ROUNDS))
    for count in (1, MAX_ROUNDS):
        assert desk.call(count=count).call() == 3_000 * WAD


def test_views__until_it_is_fixed__refuse_by_name(desk: SettlementDesk) -> None:
    missing = Revert("Settlement_NotFixed", (ETH, desk.expiry))
    desk.give(desk.eth, [(-5, 3_000 * USD), (5, 3_000 * USD)])
    desk.expire()
    for _ in range(2):
        assert desk.chain.revert_of(desk.oracle.functions.priceOf(ETH, desk.expiry)) == missing
        assert not desk.is_fixed()
        receipt = desk.settle(count=1)
    assert desk.events("PriceFixed", receipt)
    assert desk.price == 3_000 * WAD
    for asset, expiry in ((ETH, desk.expiry + DAY), (ETH + 1, desk.expiry), (QUOTE, desk.expiry), (255, 2**64 - 1)):
        found = desk.chain.revert_of(desk.oracle.functions.priceOf(asset, expiry))
        assert found == Revert("Settlement_NotFixed", (asset, expiry))
    assert desk.oracle.functions.router().call() == desk.router.address


def test_price_of__any__is_cheap_for_a_ledger(desk: SettlementDesk) -> None:
    desk.expire()
    desk.settle()
    assert desk.oracle.functions.priceOf(ETH, desk.expiry).estimate_gas() < 25_000


# ------------------------------------------------------------------ hints


@pytest.mark.parametrize("leg", [ETH, QUOTE])
def test_settle__wrong_hint__reverts_and_changes_nothing(desk: SettlementDesk, leg: int) -> None:
    rounds = [(-900, 2_800), (-600, 2_900), (0, 3_000), (300, 3_100), (600, 3_200), (WINDOW, 3_300)]
    source = desk.eth if leg == ETH else desk.usdc
    desk.give(source, [(at, answer * USD) for at, answer in rounds])
    desk.expire(after=60)

    def refusal(hint: int) -> Revert:
        return desk.refusal(rounds=(hint, 1) if leg == ETH else (1, hint))

    start = desk.start
    for hint in (1, 2):
        until = start + rounds[hint][0]
        assert refusal(hint) == Revert("Settlement_Superseded", (leg, hint, until, start))
    for hint in (4, 5, 6):
        begun = start + rounds[hint - 1][0]
        assert refusal(hint) == Revert("Settlement_BeginsLate", (leg, hint, begun, start))
    for hint in (0, 7, 2**32, 2**64 | 3, 2**80 - 1):
        assert refusal(hint) == Revert("Settlement_RoundMissing", (leg, hint))
    assert unchanged(desk)
    desk.settle(rounds=(3, 1) if leg == ETH else (1, 3))
    assert desk.is_fixed()


def test_settle__wrong_hint_of_a_begun_walk__is_not_looked_at(desk: SettlementDesk) -> None:
    history = [(-5, 3_000 * USD), (300, 3_100 * USD), (600, 3_200 * USD)]
    desk.give(desk.eth, history)
    desk.expire()
    desk.settle(count=1)
    assert desk.progress(ETH) == (3_000 * WAD * 300, 2, False)
    assert desk.progress(QUOTE) == (WAD * WINDOW, 1, True)
    for hint in (0, 1, 3, 2**80 - 1):
        assert desk.call(rounds=(hint, hint)).call() == price_of(history, [(0, USD)])
    desk.settle(count=1, rounds=(3, 0))
    assert desk.progress(ETH) == (3_000 * WAD * 300 + 3_100 * WAD * 300, 3, False)
    desk.settle(count=1, rounds=(1, 1))
    assert desk.price == price_of(history, [(0, USD)])


def test_settle__begun_with_one_leg_broken__keeps_nothing(desk: SettlementDesk) -> None:
    desk.chain.send(desk.usdc.functions.setMode(1, REVERTS))
    desk.expire()
    assert desk.refusal() == Revert("Settlement_RoundMissing", (QUOTE, 1))
    assert unchanged(desk)


# ------------------------------------------------------------------ guards of the feed


def test_settle__first_round__at_the_greatest_age_and_beyond(desk: SettlementDesk) -> None:
    desk.expire()
    desk.give(desk.eth, [(-MAX_AGE, 3_000 * USD)])
    assert desk.call().call() == 3_000 * WAD
    desk.give(desk.eth, [(-MAX_AGE - 1, 3_000 * USD), (1, 3_000 * USD)])
    stale = Revert("Oracle_Stale", (ETH, desk.start - MAX_AGE - 1, desk.start - MAX_AGE))
    assert desk.refusal() == stale
    assert unchanged(desk)


@pytest.mark.parametrize("at", [-5, 600])
@pytest.mark.parametrize(
    ("answer", "error", "bound"),
    [
        (0, "Oracle_NotPositive", ()),
        (-1, "Oracle_NotPositive", ()),
        (-(2**255), "Oracle_NotPositive", ()),
        (1, "Oracle_AtMinAnswer", (1,)),
        (10**17, "Oracle_AtMaxAnswer", (10**17,)),
        (2**255 - 1, "Oracle_AtMaxAnswer", (10**17,)),
    ],
)
def test_settle__answer_out_of_bounds__refused_where_it_counts(
    desk: SettlementDesk, at: int, answer: int, error: str, bound: tuple[int, ...]
) -> None:
    good = (-10, 3_000 * USD)
    rounds = [(at, answer)] if at < 0 else [good, (at, answer)]
    desk.give(desk.eth, rounds)
    desk.expire(after=60)
    assert desk.refusal() == Revert(error, (ETH, answer, *bound))
    # Replaced in its own second, or only after the expiry, it never held.
    desk.give(desk.eth, [good, (600, answer), (600, 3_000 * USD), (WINDOW, answer)])
    assert desk.call().call() == 3_000 * WAD


def test_settle__round_carried_over__refused_where_it_counts(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (600, 3_000 * USD)])
    time = desk.start + 600
    desk.chain.send(desk.eth.functions.setRound(2, (2, 3_000 * USD, time, time, 1)))
    desk.expire(after=60)
    assert desk.refusal() == Revert("Oracle_IncompleteRound", (ETH, 2, 1))
    desk.chain.send(desk.eth.functions.setRound(2, (2, 3_000 * USD, time, desk.expiry, 1)))
    assert desk.call().call() == 3_000 * WAD


def test_settle__round_of_the_future__refused(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (WINDOW + 61, 3_000 * USD)])
    desk.expire(after=60)
    assert desk.refusal() == Revert("Oracle_FutureRound", (ETH, desk.expiry + 61, desk.expiry + 60))
    desk.expire(after=61)
    assert desk.call().call() == 3_000 * WAD


def test_settle__times_run_back__refused(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (600, 3_000 * USD), (599, 3_000 * USD)])
    desk.expire()
    refused = Revert("Settlement_OutOfOrder", (ETH, 3, desk.start + 599, desk.start + 600))
    assert desk.refusal() == refused


def test_settle__gap_in_the_ids__refused(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (600, 3_000 * USD), (700, 9_000 * USD)])
    desk.chain.send(desk.eth.functions.setRound(2, (0, 0, 0, 0, 0)))
    desk.expire()
    assert desk.refusal() == Revert("Settlement_RoundMissing", (ETH, 2))


@pytest.mark.parametrize(
    "words",
    [
        (2, 3_000 * USD, 1, 1, 2),  # of another round
        (2**80 + 1, 3_000 * USD, 1, 1, 1),
        (1, 3_000 * USD, 1, 0, 1),
        (1, 3_000 * USD, 1, 1, 2**80),
    ],
)
def test_settle__round_that_is_none__refused(desk: SettlementDesk, words: tuple[int, ...]) -> None:
    desk.chain.send(desk.eth.functions.setRound(1, words))
    desk.expire()
    missing = Revert("Settlement_RoundMissing", (ETH, 1))
    reverted = Revert("Oracle_SourceReverted", (ETH, desk.eth.address.lower()))  # it is the latest as well
    assert desk.refusal() == (reverted if words[0] > 2**80 else missing)


@pytest.mark.parametrize("mode", [REVERTS, SHORT, BURNS_GAS, FLOODS])
@pytest.mark.parametrize("where", ["latest", "first", "next"])
def test_settle__source_misbehaves__named_error_at_bounded_gas(
    chain: LocalChain, desk: SettlementDesk, mode: int, where: str
) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (600, 3_000 * USD)])
    desk.chain.send(desk.eth.functions.setMode({"latest": 0, "first": 1, "next": 2}[where], mode))
    desk.expire()
    refused = {
        "latest": Revert("Oracle_SourceReverted", (ETH, desk.eth.address.lower())),
        "first": Revert("Settlement_RoundMissing", (ETH, 1)),
        "next": Revert("Settlement_RoundMissing", (ETH, 2)),
    }
    assert desk.refusal() == refused[where]
    sent = desk.call().transact({"from": chain.accounts[0], "gas": 10_000_000})
    receipt = chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
    assert receipt["status"] == 0
    assert receipt["gasUsed"] < FAILURE_GAS
    assert unchanged(desk)


def test_settle__source_without_code_or_rounds__named_error(desk: SettlementDesk) -> None:
    refused = Revert("Oracle_SourceReverted", (ETH, desk.eth.address.lower()))
    desk.expire()
    desk.chain.send(desk.eth.functions.setLatest(9))
    assert desk.refusal() == refused
    desk.chain.rpc("anvil_setCode", desk.eth.address, "0x")
    assert desk.refusal() == refused


@pytest.mark.parametrize(("decimals", "error"), [(9, "Oracle_DecimalsChanged"), (2**8, "Oracle_SourceReverted")])
def test_settle__other_decimals_than_listed__refused(desk: SettlementDesk, decimals: int, error: str) -> None:
    desk.chain.send(desk.eth.functions.setDecimals(decimals))
    desk.expire()
    arguments = (ETH, 9, 8) if decimals == 9 else (ETH, desk.eth.address.lower())
    assert desk.refusal() == Revert(error, arguments)


@pytest.mark.parametrize(("eth", "usdc"), [(2, 10**17 - 1), (10**17 - 1, 2)])
def test_settle__price_beyond_what_a_ledger_takes__refused(desk: SettlementDesk, eth: int, usdc: int) -> None:
    desk.give(desk.eth, [(-5, eth)])
    desk.give(desk.usdc, [(-5, usdc)])
    desk.expire()
    price = eth * WAD // usdc // QUANTUM * QUANTUM
    assert desk.refusal() == Revert("Settlement_PriceBounds", (price, QUANTUM, MAX_PRICE))


def test_settle__feed_changed_after_the_first_call__stays_pinned(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (600, 3_000 * USD)])
    desk.expire()
    other = desk.chain.deploy("HistoryAggregator", 8)
    listed = desk.router.functions.feedOf(ETH).call()
    assert desk.oracle.functions.feedOf(ETH, desk.expiry).call() == listed
    desk.settle(count=1)
    desk.list(ETH, other, 6_000 * USD)
    desk.give(other, [(-5, 6_000 * USD), (600, 6_000 * USD)])

    assert desk.oracle.functions.feedOf(ETH, desk.expiry).call() == listed
    assert desk.oracle.functions.feedOf(ETH, desk.expiry + DAY).call()[0] == other.address
    desk.settle()
    assert desk.price == 3_000 * WAD


# ------------------------------------------------------------------ phases of a proxy


def phase(number: int, round_: int) -> int:
    return number << 64 | round_


@pytest.fixture
def two(desk: SettlementDesk) -> tuple[Contract, Contract]:
    """ETH's proxy in its second phase: old and new aggregator, their histories still to be given."""
    old, new = (desk.chain.deploy("HistoryAggregator", 8) for _ in range(2))
    desk.put_proxy(old, new)
    return old, new


def test_settle__phase_changes_in_the_window__goes_on_in_the_next(
    desk: SettlementDesk, two: tuple[Contract, Contract]
) -> None:
    old, new = two
    desk.give(old, [(-700, 2_900 * USD), (-5, 3_000 * USD), (300, 3_100 * USD)])
    desk.give(new, [(600, 3_200 * USD), (900, 3_300 * USD), (WINDOW, 1)])
    desk.expire()
    wanted = price_of([(-5, 3_000 * USD), (300, 3_100 * USD), (600, 3_200 * USD), (900, 3_300 * USD)], [(0, USD)])
    assert desk.call(rounds=(phase(1, 2), 1)).call() == wanted
    for _ in range(4):
        assert not desk.is_fixed()
        desk.settle(rounds=(phase(1, 2), 1), count=1)
    assert desk.price == wanted
    assert desk.progress(ETH)[1] == phase(2, 2)


@pytest.mark.parametrize("begins", [WINDOW, WINDOW + 30])
def test_settle__next_phase_after_the_window__old_one_counts(
    desk: SettlementDesk, two: tuple[Contract, Contract], begins: int
) -> None:
    old, new = two
    history = [(-5, 3_000 * USD), (300, 3_100 * USD)]
    desk.give(new, [(begins, 9_000 * USD)])
    desk.expire(after=60)
    for more in ([], [(WINDOW, 1)], [(begins + 5, 1)]):
        desk.give(old, [*history, *more])
        assert desk.call(rounds=(phase(1, 1), 1)).call() == price_of(history, [(0, USD)])
        refused = Revert("Settlement_BeginsLate", (ETH, phase(2, 1), desk.start + begins, desk.start))
        assert desk.refusal(rounds=(phase(2, 1), 1)) == refused


def test_settle__new_phase_began_before_the_window__old_one_is_refused(
    desk: SettlementDesk, two: tuple[Contract, Contract]
) -> None:
    old, new = two
    desk.give(new, [(-900, 3_000 * USD), (0, 3_300 * USD)])
    desk.expire(after=60)
    # The old aggregator had ended, went on before the window, in it, or after it.
    start = desk.start
    for at, refused in (
        (-905, Revert("Settlement_Superseded", (ETH, phase(1, 1), start - 900, start))),
        (-895, Revert("Settlement_OutOfOrder", (ETH, phase(2, 1), start - 900, start - 895))),
    ):
        desk.give(old, [(at, 6_000 * USD)])
        assert desk.refusal(rounds=(phase(1, 1), 1)) == refused
    for at in (1, WINDOW, WINDOW + 60):
        desk.give(old, [(-895, 6_000 * USD), (at, 6_000 * USD)])
        refused = Revert("Settlement_PhasesOverlap", (ETH, phase(1, 2), start + at, start - 900))
        assert desk.refusal(rounds=(phase(1, 1), 1)) == refused
    assert desk.call(rounds=(phase(2, 2), 1)).call() == 3_300 * WAD


@pytest.mark.parametrize("last", [601, WINDOW + 10])
def test_settle__both_phases_go_on_in_the_window__refused_whatever_the_hint(
    desk: SettlementDesk, two: tuple[Contract, Contract], last: int
) -> None:
    old, new = two
    desk.give(old, [(-5, 3_000 * USD), (last, 9_000 * USD)])
    desk.give(new, [(600, 3_200 * USD)])
    desk.expire(after=60)
    overlap = Revert("Settlement_PhasesOverlap", (ETH, phase(1, 2), desk.start + last, desk.start + 600))
    assert desk.refusal(rounds=(phase(1, 1), 1)) == overlap
    late = Revert("Settlement_BeginsLate", (ETH, phase(2, 1), desk.start + 600, desk.start))
    assert desk.refusal(rounds=(phase(2, 1), 1)) == late


def test_settle__phase_without_rounds__refused(desk: SettlementDesk) -> None:
    first, silent, third = (desk.chain.deploy("HistoryAggregator", 8) for _ in range(3))
    desk.put_proxy(first, silent, third)
    desk.chain.send(silent.functions.setRound(1, (0, 0, 0, 0, 0)))
    desk.give(first, [(-5, 3_000 * USD)])
    desk.give(third, [(600, 3_000 * USD)])
    desk.expire()
    assert desk.refusal(rounds=(phase(1, 1), 1)) == Revert("Settlement_RoundMissing", (ETH, phase(2, 1)))


def test_settle__later_phases_out_of_order__only_one_walk_is_proven(desk: SettlementDesk) -> None:
    """A third phase that ran before the second: without looking at all later ones both walks would pass."""
    first, second, third = (desk.chain.deploy("HistoryAggregator", 8) for _ in range(3))
    desk.put_proxy(first, second, third)
    desk.give(first, [(-5, 3_000 * USD)])
    desk.give(second, [(WINDOW + 5, 3_000 * USD)])
    desk.give(third, [(-10, 6_000 * USD)])
    desk.expire(after=60)
    overlap = Revert("Settlement_PhasesOverlap", (ETH, phase(2, 1), desk.expiry + 5, desk.start - 10))
    assert desk.refusal(rounds=(phase(1, 1), 1)) == overlap
    assert desk.call(rounds=(phase(3, 1), 1)).call() == 6_000 * WAD


def test_settle__three_phases_in_the_window__one_after_the_other(desk: SettlementDesk) -> None:
    parts = [desk.chain.deploy("HistoryAggregator", 8) for _ in range(3)]
    desk.put_proxy(*parts)
    history = [(-5, 3_000 * USD), (600, 3_100 * USD), (1_200, 3_200 * USD)]
    for part, round_ in zip(parts, history, strict=True):
        desk.give(part, [round_])
    desk.expire()
    desk.settle(rounds=(phase(1, 1), 1))
    assert desk.price == price_of(history, [(0, USD)])


_phase_rounds = st.lists(st.integers(-HOUR, WINDOW + 60), max_size=4).map(sorted)


@examples(60)
@given(times=st.tuples(_phase_rounds, _phase_rounds, _phase_rounds.filter(bool)))
def test_settle__any_phases_and_any_hint__at_most_one_price_and_the_right_one(
    desk: SettlementDesk, times: tuple[list[int], ...]
) -> None:
    """In each second the greatest id so far is in force; every answer is another, so that a wrong one shows."""
    chain = desk.chain
    snapshot = chain.rpc("evm_snapshot")
    parts = [chain.deploy("HistoryAggregator", 8) for _ in times]
    desk.put_proxy(*parts)
    history = []
    for number, (part, begins) in enumerate(zip(parts, times, strict=True), 1):
        chain.send(part.functions.setRound(1, (0, 0, 0, 0, 0)))
        rounds = [(at, (1_000 * number + 7**serial) * USD) for serial, at in enumerate(begins)]
        desk.give(part, rounds)
        history += [(phase(number, serial), at, answer) for serial, (at, answer) in enumerate(rounds, 1)]
    desk.expire(after=60)
    total = sum(max((r for r in history if r[1] <= second), default=(0, 0, 0))[2] for second in range(WINDOW))
    wanted = total * WAD // (WINDOW * USD)

    found = set()
    for hint, *_ in history:
        call = desk.call(rounds=(hint, 1))
        try:
            found.add((hint, call.call()))
        except ContractCustomError:
            continue
    assert found <= {(hint, wanted - wanted % QUANTUM) for hint, *_ in history}
    assert len(found) <= 1
    if not times[0] and not times[1] and times[2][0] <= 0:
        assert len(found) == 1
    assert chain.rpc("evm_revert", snapshot)


def test_settle__pushed_feeds_behind_a_proxy__missing_rounds_revert_there(desk: SettlementDesk) -> None:
    """Real times and the other way to have no round: our aggregator reverts, Chainlink's answers zeros."""
    chain = desk.chain
    old, new = (chain.deploy("PushedAggregator", chain.accounts[0], 8, "ETH / USD", 1, 10**17) for _ in range(2))
    chain.send(old.functions.submit(3_000 * USD))
    proxy = chain.deploy("PhaseProxy", old.address)
    chain.send(desk.router.functions.setFeed(ETH, Feed(proxy.address).values))
    chain.warp(desk.start - 30 - chain.now)
    chain.send(old.functions.submit(3_000 * USD), after=20)
    chain.send(new.functions.submit(3_600 * USD), after=610)
    chain.send(proxy.functions.confirmAggregator(new.address))
    desk.expire()
    desk.settle(rounds=(phase(1, 2), 1))
    assert desk.price == 3_400 * WAD


@pytest.mark.parametrize("leg", ["old", "new"])
def test_settle__any_gas__gives_this_price_or_none(
    desk: SettlementDesk, two: tuple[Contract, Contract], leg: str
) -> None:
    """Too little gas for a read of the old phase must not look like its end."""
    old, new = two
    rounds = [(-5, 3_000 * USD), (300, 3_100 * USD), (400, 3_200 * USD)]
    desk.give(old, rounds)
    desk.give(new, [(WINDOW - 1 if leg == "old" else 401, 9_000 * USD)])
    desk.expire()
    call = desk.call(rounds=(phase(1, 1), 1))
    wanted = call.call()
    enough = call.estimate_gas()
    prices = set()
    for gas in range(60_000, enough + 4_000, 997):
        try:
            prices.add(call.call({"gas": gas}))
        except Exception:  # noqa: BLE001 - any failure is fine, a price is not
            continue
    assert prices == {wanted}


# ------------------------------------------------------------------ sequencer


def test_settle__sequencer_down_in_the_window__the_answer_keeps_holding(desk: SettlementDesk) -> None:
    """No round can come while it is down: what was in force stays so, and counts, whenever the price is asked for."""
    chain = desk.chain
    uptime = chain.deploy("SettableAggregator", 0)
    chain.send(uptime.functions.setRound((1, 0, chain.now, chain.now, 1)))
    chain.send(desk.router.functions.setSequencer(uptime.address, HOUR))
    history = [(-5, 3_000 * USD), (WINDOW - 60, 2_000 * USD)]
    desk.give(desk.eth, history)
    desk.expire()
    wanted = price_of(history, [(0, USD)])
    for answer, since in ((1, 60), (0, WINDOW - 120)):
        began = desk.start + since
        chain.send(uptime.functions.setRound((2, answer, began, began, 2)))
        assert desk.call().call() == wanted
    assert chain.revert_of(desk.router.functions.price(ETH)).name == "Oracle_SequencerGrace"
    desk.settle()
    assert desk.price == wanted


# ------------------------------------------------------------------ governor


def test_governor__delay__at_it_and_before(desk: SettlementDesk) -> None:
    call = desk.by_governor(2_900 * WAD)
    desk.expire(after=DAY - 1)
    refused = Revert("Settlement_TooEarly", (desk.expiry + DAY - 1, desk.expiry + DAY))
    assert desk.chain.revert_of(call) == refused
    receipt = desk.chain.send(call, after=1)
    fixed = {"asset": ETH, "expiry": desk.expiry, "priceWad": 2_900 * WAD, "byGovernor": True}
    assert desk.events("PriceFixed", receipt) == [fixed]
    assert desk.price == 2_900 * WAD


def test_governor__stranger__refused(desk: SettlementDesk) -> None:
    stranger = desk.chain.accounts[7]
    desk.expire(after=DAY)
    refused = Revert("AccessManagedUnauthorized", (stranger.lower(),))
    assert desk.chain.revert_of(desk.by_governor(3_000 * WAD), stranger) == refused


def test_governor__fixed__neither_can_change_it(desk: SettlementDesk) -> None:
    desk.expire()
    desk.settle()
    desk.expire(after=DAY)
    refused = Revert("Settlement_AlreadyFixed", (ETH, desk.expiry, 3_000 * WAD))
    assert desk.chain.revert_of(desk.by_governor(2_000 * WAD)) == refused


def test_governor__first__then_anybody_is_too_late(desk: SettlementDesk) -> None:
    desk.give(desk.eth, [(-5, 3_000 * USD), (5, 3_000 * USD)])
    desk.expire(after=DAY)
    desk.settle(count=1)
    desk.chain.send(desk.by_governor(2_900 * WAD))
    assert desk.refusal() == Revert("Settlement_AlreadyFixed", (ETH, desk.expiry, 2_900 * WAD))


def test_governor__band__at_it_and_beyond(desk: SettlementDesk) -> None:
    """Half to double the slow price, here 3,000 USD / 0.8 USD, with a dead feed."""
    usdc = desk.chain.deploy("HistoryAggregator", 8)
    desk.list(QUOTE, usdc, 80_000_000)
    desk.chain.send(desk.router.functions.resetSlowPrice(QUOTE, 0, WAD))
    desk.chain.send(desk.eth.functions.setMode(0, REVERTS))
    desk.expire(after=DAY)
    lowest, highest = 1_875 * WAD, 7_500 * WAD
    for price in (lowest - QUANTUM, highest + QUANTUM, 0, 2**256 - 1):
        refused = Revert("Settlement_OutsideBand", (price, lowest, highest))
        assert desk.chain.revert_of(desk.by_governor(price)) == refused
    for price in (lowest, highest):
        desk.by_governor(price).call({"from": desk.chain.accounts[0]})


def test_governor__not_a_multiple__refused(desk: SettlementDesk) -> None:
    desk.expire(after=DAY)
    price = 3_000 * WAD + 1
    refused = Revert("Settlement_PriceBounds", (price, QUANTUM, MAX_PRICE))
    assert desk.chain.revert_of(desk.by_governor(price)) == refused


def test_governor__of_what_does_not_settle__refused(desk: SettlementDesk) -> None:
    oracle = desk.oracle.functions
    desk.expire(after=2 * DAY)
    for call, refused in (
        (oracle.setPriceByGovernor(QUOTE, desk.expiry, WAD), Revert("Settlement_QuoteToken")),
        (oracle.setPriceByGovernor(ETH, desk.expiry + 1, WAD), Revert("Settlement_NotAnExpiry", (desk.expiry + 1,))),
        (oracle.setPriceByGovernor(2, desk.expiry, WAD), Revert("Oracle_UnknownAsset", (2,))),
    ):
        assert desk.chain.revert_of(call) == refused


# ------------------------------------------------------------------ gas


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(
    ("count", "bounds"), [(1, (250_000, 275_000)), (10, (305_000, 345_000)), (64, (625_000, 745_000))]
)
def test_settle__rounds_of_one_call__within_the_documented_gas(
    desk: SettlementDesk, count: int, bounds: tuple[int, int], proxied: bool
) -> None:
    """``count`` rounds of ETH and one of USDC, everything cold, the transaction's 21,000 included."""
    chain = desk.chain
    sources = [chain.deploy("PushedAggregator", chain.accounts[0], 8, "X / USD", 1, 10**17) for _ in range(2)]
    for asset, source, usd in ((ETH, sources[0], 3_000), (QUOTE, sources[1], 1)):
        chain.send(source.functions.submit(usd * USD))
        target = chain.deploy("PhaseProxy", source.address) if proxied else source
        chain.send(desk.router.functions.setFeed(asset, Feed(target.address, max_age=7 * DAY).values))
    chain.warp(desk.start - 60 - chain.now)
    for _ in range(count):
        chain.send(sources[0].functions.submit(3_000 * USD), after=25 if count > 60 else 60)
    if count == 64:
        assert chain.now < desk.expiry
    desk.expire()
    first = phase(1, 0) if proxied else 0
    hint = max(r for r in range(1, count + 2) if sources[0].functions.getRoundData(r).call()[3] <= desk.start)

    receipt = desk.settle(rounds=(first | hint, first | 1))

    assert desk.price == 3_000 * WAD
    assert receipt["gasUsed"] <= bounds[proxied]
