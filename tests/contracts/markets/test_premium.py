"""Premium.sol: the average of signed two-sided quotes. Branches: test_premium.tree."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ballast.chain.orders import Quote, sign_quote
from ballast.errors import ContractError
from ballast.units import WAD, to_wad
from tests.contracts.markets.desk import Desk, reverts
from tests.contracts.markets.test_perpetual import decayed

pytestmark = pytest.mark.ballast(check=False)

PERP = "ETH-PERP"
E9 = 10**9
CAP = 5 * 10**6
WINDOW = 1_800


def trunc(value: Fraction) -> int:
    """Towards zero."""
    return int(value)


def quote(desk: Desk, bid: str | int, ask: str | int, age: int = 0) -> Quote:
    """Of the next block's time, which it sets, less ``age``."""
    now = desk.chain.now() + 2
    desk.next_block_at(now)
    return Quote(desk.protocol.instrument(PERP), to_wad(bid), to_wad(ask), now - age)


def sign(desk: Desk, signed: Quote, signer: int = 0, **domain: Any) -> bytes:
    known = {"chain_id": desk.protocol.deployment.chain_id, "house": desk.house.address, **domain}
    return sign_quote(signed, desk.chain.accounts[signer].key, **known)


def submit(desk: Desk, quotes: Sequence[Quote], signatures: Sequence[bytes]) -> dict[str, Any]:
    """The ``Sampled`` event; anybody may submit."""
    call = desk.house.functions.submitQuotes([q.as_tuple() for q in quotes], list(signatures))
    return desk.event(desk.chain.send(call, desk.chain.accounts[7].address), "Sampled")


def submit_one(desk: Desk, made: Quote) -> dict[str, Any]:
    return submit(desk, [made], [sign(desk, made)])


def register(desk: Desk, *signers: int) -> list[int]:
    """Makes quoters of anvil's accounts; returns them by ascending address."""
    for signer in signers:
        desk.govern(desk.house.functions.setQuoter(desk.chain.accounts[signer].address, True))
    return sorted(signers, key=lambda at: int(desk.chain.accounts[at].address, 16))


# ------------------------------------------------------------ sample


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        ("3001.23", "3002"),
        ("3000.000001", "3000.01"),
        ("3000", "3001"),
        ("2999", "3000"),
        ("2999", "3001"),
        ("2997", "2998.77"),
        ("2999", "2999.999999"),
    ],
)
def test_sample__quote_beside_or_around_the_index__is_its_distance(desk: Desk, bid: str, ask: str) -> None:
    index = Fraction(3_000)
    expected = trunc(max(Fraction(bid) - index, 0) / index * E9) - trunc(max(index - Fraction(ask), 0) / index * E9)
    assert submit_one(desk, quote(desk, bid, ask))["sampleE9"] == expected
    assert desk.market(PERP)["premium"] == trunc(Fraction(expected, 5))


@pytest.mark.parametrize(("mid", "sample"), [(3_100, CAP), (2_900, -CAP), (3_014, 14 * E9 // 3_000 - 333_333)])
def test_sample__beyond_the_cap__is_bounded(desk: Desk, mid: int, sample: int) -> None:
    assert submit_one(desk, quote(desk, mid - 1, mid + 1))["sampleE9"] == sample


def test_sample__bid_beyond_twice_the_index__counts_as_twice(desk: Desk) -> None:
    """One absurd quote among others weighs no more than the index itself: the rest still outvotes the clamp."""
    desk.set_premium(premiumCap=10**8, fundingCap=2 * 10**7, fundingPeriod=28_800)
    low, high = register(desk, 0, 5)
    made = quote(desk, 3_000_000, 3_000_001)
    others = replace(made, bidPrice=30 * WAD, askPrice=to_wad("30.1"))
    event = submit(desk, [made, others], [sign(desk, made, low), sign(desk, others, high)])
    assert event["sampleE9"] == trunc(Fraction(E9 - trunc(Fraction(3_000 * 10 - 301, 30_000) * E9), 2))


def test_sample__several_quotes__is_their_mean_towards_zero(desk: Desk) -> None:
    signers = register(desk, 0, 4, 5)
    base = quote(desk, 1, 2)
    prices = [("3001", "3002"), ("2990", "2999.9"), ("2999", "3001")]
    quotes = [replace(base, bidPrice=to_wad(bid), askPrice=to_wad(ask)) for bid, ask in prices]
    event = submit(desk, quotes, [sign(desk, q, s) for q, s in zip(quotes, signers, strict=True)])
    mean = trunc(Fraction(trunc(Fraction(E9, 3_000)) - trunc(Fraction(E9, 30_000)), 3))
    assert event == {
        "instrument": desk.protocol.instrument(PERP),
        "sampleE9": mean,
        "quotes": 3,
        "time": desk.chain.now(),
    }


# ------------------------------------------------------------ average


@pytest.mark.parametrize(("elapsed", "weight"), [(100, 100), (359, 359), (360, 360), (361, 360), (7_200, 360)])
def test_average__moves_by_elapsed_over_the_window__a_fifth_at_most(desk: Desk, elapsed: int, weight: int) -> None:
    submit_one(desk, quote(desk, 3_100, 3_101))
    first = desk.market(PERP)
    assert first["premium"] == CAP // 5  # the first sample, with nothing before it
    time = first["updatedAt"] + elapsed
    desk.next_block_at(time)
    submit_one(desk, Quote(desk.protocol.instrument(PERP), 2_900 * WAD, 2_901 * WAD, time))
    before = decayed(CAP // 5, elapsed)
    assert desk.market(PERP)["premium"] == before + trunc(Fraction((-CAP - before) * weight, WINDOW))


def test_average__random_quotes__is_the_references(desk: Desk) -> None:
    rng = random.Random(7)
    premium, updated = 0, None
    for _ in range(40):
        elapsed = rng.choice((1, 30, 300, 1_000, 6_000))
        index = Decimal(rng.randrange(2_800 * 10**8, 3_200 * 10**8)) / 10**8
        desk.chain.set_price("ETH", index)
        bid = (index * Decimal(rng.randrange(9_930, 10_070)) / 10_000).quantize(Decimal("0.01"))
        ask = bid + Decimal(rng.randrange(1, 2_000)) / 100
        time = desk.chain.now() + elapsed
        desk.next_block_at(time)
        event = submit_one(desk, Quote(desk.protocol.instrument(PERP), to_wad(bid), to_wad(ask), time))
        above, below = max(bid - index, Decimal(0)), max(index - ask, Decimal(0))
        sample = trunc(Fraction(above) / Fraction(index) * E9) - trunc(Fraction(below) / Fraction(index) * E9)
        sample = max(-CAP, min(CAP, sample))
        assert event["sampleE9"] == sample
        weight = WINDOW // 5
        if updated is not None:
            premium = decayed(premium, time - updated)
            weight = min(weight, time - updated)
        premium += trunc(Fraction((sample - premium) * weight, WINDOW))
        updated = time
        assert desk.market(PERP)["premium"] == premium
    assert premium != 0


def test_average__of_a_market__leaves_the_others_alone(desk: Desk) -> None:
    submit_one(desk, quote(desk, 3_100, 3_101))
    assert desk.market("BTC-PERP")["premium"] == 0


# ------------------------------------------------------------ quotes and signatures


def test_submit_quotes__none__reverts(desk: Desk) -> None:
    with reverts("Trade_NoQuotes", quotes=0, minimum=1):
        submit(desk, [], [])


def test_submit_quotes__fewer_than_the_minimum__reverts(desk: Desk) -> None:
    desk.set_premium(minQuotes=2)
    made = quote(desk, 2_999, 3_001)
    with reverts("Trade_NoQuotes", quotes=1, minimum=2):
        submit_one(desk, made)
    signers = register(desk, 0, 5)
    made = quote(desk, 2_999, 3_001)
    assert submit(desk, [made, made], [sign(desk, made, s) for s in signers])["quotes"] == 2


@pytest.mark.parametrize("count", [0, 2])
def test_submit_quotes__not_as_many_signatures__reverts(desk: Desk, count: int) -> None:
    made = quote(desk, 2_999, 3_001)
    with reverts("Trade_NoQuotes", quotes=count):
        submit(desk, [made], [sign(desk, made)] * count)


def test_submit_quotes__signer_not_registered__reverts(desk: Desk) -> None:
    made = quote(desk, 2_999, 3_001)
    with reverts("Trade_NotQuoter", signer=desk.chain.accounts[5].address):
        submit(desk, [made], [sign(desk, made, 5)])
    desk.govern(desk.house.functions.setQuoter(desk.governor, False))
    made = quote(desk, 2_999, 3_001)
    with reverts("Trade_NotQuoter", signer=desk.governor):
        submit_one(desk, made)


@pytest.mark.parametrize("forgery", ["chain", "contract", "bidPrice", "askPrice", "time"])
def test_submit_quotes__signed_for_something_else__reverts(desk: Desk, forgery: str) -> None:
    made = quote(desk, 2_999, 3_001, age=1)
    signature = sign(desk, made)
    if forgery == "chain":
        signature = sign(desk, made, chain_id=1)
    elif forgery == "contract":
        signature = sign(desk, made, house=desk.protocol.router.address)
    else:
        made = replace(made, **{forgery: getattr(made, forgery) + 1})
    with reverts("Trade_NotQuoter"):
        submit(desk, [made], [signature])


def test_submit_quotes__signers_not_ascending__reverts(desk: Desk) -> None:
    low, high = register(desk, 0, 5)
    for pair in ((high, low), (low, low)):
        made = quote(desk, 2_999, 3_001)
        first, second = (desk.chain.accounts[s].address for s in pair)
        with reverts("Trade_QuotersNotAscending", previous=first, next=second):
            submit(desk, [made, made], [sign(desk, made, s) for s in pair])


@pytest.mark.parametrize(
    "mangle", [lambda s: b"", lambda s: s[:64], lambda s: bytes(65)], ids=["none", "short", "zeros"]
)
def test_submit_quotes__malformed_signature__reverts(desk: Desk, mangle: Any) -> None:
    made = quote(desk, 2_999, 3_001)
    with pytest.raises(ContractError, match=r"ECDSA|NotQuoter"):
        submit(desk, [made], [mangle(sign(desk, made))])
    assert desk.market(PERP)["premium"] == 0


# ------------------------------------------------------------ market, time, spread, index


@pytest.mark.parametrize("instrument", [0x20F00000, None])
def test_submit_quotes__no_perpetual__reverts(desk: Desk, instrument: int | None) -> None:
    number = desk.protocol.instrument("ETH") if instrument is None else instrument
    made = replace(quote(desk, 2_999, 3_001), instrument=number)
    with reverts("Trade_UnknownInstrument", instrument=number):
        submit_one(desk, made)


def test_submit_quotes__of_two_markets__reverts(desk: Desk) -> None:
    signers = register(desk, 0, 5)
    made = quote(desk, 2_999, 3_001)
    other = replace(made, instrument=desk.protocol.instrument("BTC-PERP"))
    with reverts("Trade_InstrumentMismatch", maker=made.instrument, taker=other.instrument):
        submit(desk, [made, other], [sign(desk, q, s) for q, s in zip((made, other), signers, strict=True)])


def test_submit_quotes__age_of_a_quote__up_to_the_longest(desk: Desk) -> None:
    submit_one(desk, quote(desk, 2_999, 3_001, age=60))
    desk.chain.warp(100)
    for age in (61, -1):
        made = quote(desk, 2_999, 3_001, age=age)
        now = made.time + age
        with reverts("Trade_QuoteTime", time=made.time, earliest=now - 60, latest=now):
            submit_one(desk, made)


def test_submit_quotes__sent_again_or_from_before_the_last_sample__reverts(desk: Desk) -> None:
    made = quote(desk, 2_999, 3_001)
    submit_one(desk, made)
    sampled = desk.chain.now()
    for again in (made, replace(made, time=sampled - 1)):
        with reverts("Trade_QuoteTime", time=again.time, earliest=sampled + 1):
            submit_one(desk, again)
    later = quote(desk, 2_999, 3_001, age=1)
    assert later.time == sampled + 1
    submit_one(desk, later)


@pytest.mark.parametrize(
    ("bid", "ask", "fits"),
    [
        (3_000 * WAD, 3_030 * WAD, True),
        (3_000 * WAD, 3_030 * WAD + 1, False),
        (3_000 * WAD, 3_000 * WAD + 1, True),
        (3_000 * WAD, 3_000 * WAD, False),
        (3_001 * WAD, 3_000 * WAD, False),
        (0, 1, False),
    ],
)
def test_submit_quotes__spread(desk: Desk, bid: int, ask: int, fits: bool) -> None:
    made = replace(quote(desk, 1, 2), bidPrice=bid, askPrice=ask)
    if fits:
        submit_one(desk, made)
    else:
        with reverts("Trade_QuoteSpread", bidPrice=bid, askPrice=ask, maxSpreadE6=10_000):
            submit_one(desk, made)


def test_submit_quotes__index_stale__reverts(desk: Desk) -> None:
    desk.chain.warp(90_001)
    made = quote(desk, 2_999, 3_001)
    with pytest.raises(ContractError, match="Oracle_"):
        submit_one(desk, made)
