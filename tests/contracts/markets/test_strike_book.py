"""What the strike book lists, refuses and never forgets. Branches: ``test_strike_book.tree``."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from web3.contract import Contract

from ballast.chain.instruments import FUTURE, OPTION, PERPETUAL, Dated, instrument_id, instrument_of_name
from tests.contracts.harness import LocalChain, Revert, logged

WAD = 10**18
DAY = 86_400
BTC, ETH, LAST = 1, 2, 127
LOT, LOT_QUANTUM = 10**15, 10**12
UNIT = 10**9
MAX_STRIKE = (2**64 - 1) * UNIT
MAX_STRIKES, MAX_EXPIRIES, MAX_DAYS = 30, 12, 1_100
FIRST_EXPIRY = 1_577_865_600
STRIKES = [3_000 * WAD, 3_500 * WAD, 55 * 10**16]


@pytest.fixture
def empty(chain: LocalChain) -> Contract:
    """Nothing open; account 0 may."""
    authority = chain.deploy("AccessManager", chain.accounts[0])
    return chain.deploy("StrikeBook", authority.address)


@pytest.fixture
def book(chain: LocalChain, empty: Contract) -> Contract:
    """ETH open."""
    chain.send(empty.functions.openUnderlying(ETH, LOT))
    return empty


@pytest.fixture
def expiry(chain: LocalChain) -> int:
    """08:00 UTC of a day, 30 to 31 days from now."""
    return first_after(chain.now + 30 * DAY)


def first_after(time: int) -> int:
    return FIRST_EXPIRY + -(-(time - FIRST_EXPIRY) // DAY) * DAY


def day_of(expiry: int) -> int:
    return (expiry - FIRST_EXPIRY) // DAY


def listed(
    chain: LocalChain, book: Contract, expiry: int, strikes: Sequence[int] = STRIKES, underlying: int = ETH
) -> None:
    chain.send(book.functions.listStrikes(underlying, expiry, list(strikes)))


# ------------------------------------------------------------------ openUnderlying


def test_open_underlying__no_role__refused(chain: LocalChain, empty: Contract) -> None:
    stranger = chain.accounts[7]
    assert chain.revert_of(empty.functions.openUnderlying(ETH, LOT), stranger) == Revert(
        "AccessManagedUnauthorized", (stranger.lower(),)
    )


@pytest.mark.parametrize(("underlying", "bound"), [(0, 1), (LAST + 1, LAST), (256 + ETH, LAST), (2**32 - 1, LAST)])
def test_open_underlying__beyond_the_bounds__refused(
    chain: LocalChain, empty: Contract, underlying: int, bound: int
) -> None:
    found = chain.revert_of(empty.functions.openUnderlying(underlying, LOT))
    assert found == Revert("Strikes_UnderlyingBounds", (underlying, bound))


@pytest.mark.parametrize("underlying", [1, LAST])
@pytest.mark.parametrize("lot", [LOT_QUANTUM, LOT_QUANTUM * 999_999, WAD])
def test_open_underlying__at_the_bounds__keeps_the_lot_and_tells(
    chain: LocalChain, empty: Contract, underlying: int, lot: int
) -> None:
    receipt = chain.send(empty.functions.openUnderlying(underlying, lot))

    assert empty.functions.lotOf(underlying).call() == lot
    assert empty.functions.expiriesOf(underlying).call() == []
    assert logged(empty.events.UnderlyingOpened(), receipt) == [{"underlying": underlying, "lotWad": lot}]


@pytest.mark.parametrize("lot", [0, 1, LOT_QUANTUM - 1, LOT_QUANTUM + 1, WAD + LOT_QUANTUM, 2**64, 2**256 - 1])
def test_open_underlying__lot_out_of_bounds__refused(chain: LocalChain, empty: Contract, lot: int) -> None:
    found = chain.revert_of(empty.functions.openUnderlying(ETH, lot))
    assert found == Revert("Strikes_LotBounds", (lot, LOT_QUANTUM, WAD))


def test_open_underlying__twice__refused(chain: LocalChain, book: Contract) -> None:
    assert chain.revert_of(book.functions.openUnderlying(ETH, WAD)) == Revert("Strikes_UnderlyingOpened", (ETH, LOT))


# ------------------------------------------------------------------ listStrikes


def test_list_strikes__no_role__refused(chain: LocalChain, book: Contract, expiry: int) -> None:
    stranger = chain.accounts[7]
    assert chain.revert_of(book.functions.listStrikes(ETH, expiry, STRIKES), stranger) == Revert(
        "AccessManagedUnauthorized", (stranger.lower(),)
    )


@pytest.mark.parametrize("underlying", [0, BTC, 256 + ETH])
def test_list_strikes__underlying_not_open__refused(
    chain: LocalChain, book: Contract, expiry: int, underlying: int
) -> None:
    found = chain.revert_of(book.functions.listStrikes(underlying, expiry, STRIKES))
    assert found == Revert("Strikes_UnknownUnderlying", (underlying,))


@pytest.mark.parametrize("beside", [-8 * 3_600, -1, 1])
def test_list_strikes__not_eight_oclock__refused(chain: LocalChain, book: Contract, expiry: int, beside: int) -> None:
    found = chain.revert_of(book.functions.listStrikes(ETH, expiry + beside, STRIKES))
    assert found == Revert("Strikes_NotAnExpiry", (expiry + beside,))


@pytest.mark.parametrize(
    "time", [0, FIRST_EXPIRY - DAY, FIRST_EXPIRY + 2**14 * DAY, FIRST_EXPIRY + (2**14 + 2_641) * DAY]
)
def test_list_strikes__day_that_no_number_can_hold__refused(chain: LocalChain, book: Contract, time: int) -> None:
    assert chain.revert_of(book.functions.listStrikes(ETH, time, STRIKES)) == Revert("Strikes_NotAnExpiry", (time,))


def test_list_strikes__passed_or_now__refused_and_a_second_before_accepted(
    chain: LocalChain, book: Contract, expiry: int
) -> None:
    call = book.functions.listStrikes(ETH, expiry, STRIKES)
    chain.warp(expiry - 1 - chain.now)
    assert call.call({"from": chain.accounts[0]}) == []
    for now in (expiry, expiry + 1):
        chain.warp(1)
        assert chain.revert_of(call) == Revert("Strikes_Expired", (expiry, now))


def test_list_strikes__three_years_and_a_few_days__at_the_bound_and_beyond(chain: LocalChain, book: Contract) -> None:
    now = chain.warp(first_after(chain.now + 1) - chain.now)
    bound = now + MAX_DAYS * DAY
    assert book.functions.listStrikes(ETH, bound, STRIKES).call({"from": chain.accounts[0]}) == []
    found = chain.revert_of(book.functions.listStrikes(ETH, bound + DAY, STRIKES))
    assert found == Revert("Strikes_TooFar", (bound + DAY, bound))


def test_list_strikes__none_given__refused(chain: LocalChain, book: Contract, expiry: int) -> None:
    assert chain.revert_of(book.functions.listStrikes(ETH, expiry, [])) == Revert("Strikes_NoStrikes")


@pytest.mark.parametrize(
    "strike", [0, 1, UNIT - 1, UNIT + 1, 3_000 * WAD + 1, MAX_STRIKE + 1, MAX_STRIKE + UNIT, 2**256 - 1]
)
def test_list_strikes__strike_out_of_bounds__refused(
    chain: LocalChain, book: Contract, expiry: int, strike: int
) -> None:
    found = chain.revert_of(book.functions.listStrikes(ETH, expiry, [STRIKES[0], strike]))
    assert found == Revert("Strikes_StrikeBounds", (strike, UNIT, MAX_STRIKE))


def test_list_strikes__at_the_bounds__kept(chain: LocalChain, book: Contract, expiry: int) -> None:
    listed(chain, book, expiry, [UNIT, MAX_STRIKE])
    assert book.functions.strikesOf(ETH, expiry).call() == [UNIT, MAX_STRIKE]


def test_list_strikes__listed_already__refused(chain: LocalChain, book: Contract, expiry: int) -> None:
    again = [4_000 * WAD, STRIKES[1], 4_500 * WAD]
    within = [4_000 * WAD, 4_500 * WAD, 4_000 * WAD]
    found = chain.revert_of(book.functions.listStrikes(ETH, expiry, within))
    assert found == Revert("Strikes_StrikeListed", (expiry, 4_000 * WAD))
    listed(chain, book, expiry)
    found = chain.revert_of(book.functions.listStrikes(ETH, expiry, again))
    assert found == Revert("Strikes_StrikeListed", (expiry, STRIKES[1]))
    listed(chain, book, expiry + DAY)  # the same strikes at another expiry are others


@pytest.mark.parametrize("first", [0, 1, 3, 4, 29])
def test_list_strikes__thirty__are_kept_in_order_and_one_more_is_refused(
    chain: LocalChain, book: Contract, expiry: int, first: int
) -> None:
    strikes = [(1_000 + 7 * i % 30) * WAD for i in range(MAX_STRIKES + 1)]
    strikes[-1] = WAD
    if first:
        listed(chain, book, expiry, strikes[:first])
    call = book.functions.listStrikes(ETH, expiry, strikes[first:])
    assert chain.revert_of(call) == Revert("Strikes_TooManyStrikes", (expiry, MAX_STRIKES + 1, MAX_STRIKES))
    listed(chain, book, expiry, strikes[first:-1])
    assert book.functions.strikesOf(ETH, expiry).call() == strikes[:-1]
    call = book.functions.listStrikes(ETH, expiry, [WAD])
    assert chain.revert_of(call) == Revert("Strikes_TooManyStrikes", (expiry, MAX_STRIKES + 1, MAX_STRIKES))


@pytest.mark.parametrize("seed", range(3))
def test_list_strikes__any_split__keeps_order_and_index_and_tells_all(
    chain: LocalChain, book: Contract, expiry: int, seed: int
) -> None:
    source = random.Random(seed)
    strikes = [source.randrange(1, 2**64) * UNIT for _ in range(MAX_STRIKES)]
    rebuilt: list[int] = []
    while len(rebuilt) < MAX_STRIKES:
        part = strikes[len(rebuilt) : len(rebuilt) + source.randint(1, 9)]
        receipt = chain.send(book.functions.listStrikes(ETH, expiry, part))
        (event,) = logged(book.events.StrikesListed(), receipt)
        assert event == {"underlying": ETH, "expiry": expiry, "first": len(rebuilt), "strikesWad": part}
        rebuilt += event["strikesWad"]
        assert book.functions.strikesOf(ETH, expiry).call() == rebuilt
    for index, strike in enumerate(strikes):
        for put in (0, 1):
            number = instrument_id(OPTION, ETH, day_of(expiry) << 6 | index << 1 | put)
            assert book.functions.strikeOf(number).call() == strike


def test_list_strikes__thirteenth_expiry__refused_until_one_has_passed(chain: LocalChain, book: Contract) -> None:
    nearest = first_after(chain.now + 3_600)
    opened = [nearest + i * DAY for i in (5, 0, *range(6, 16))]
    for expiry in opened:
        listed(chain, book, expiry, [WAD])
    assert book.functions.expiriesOf(ETH).call() == opened
    another = nearest + 20 * DAY
    call = book.functions.listStrikes(ETH, another, [WAD])
    assert chain.revert_of(call) == Revert("Strikes_TooManyExpiries", (ETH, MAX_EXPIRIES))
    chain.send(book.functions.listStrikes(ETH, opened[0], [2 * WAD]))  # more strikes of a known one are fine
    chain.warp(nearest - chain.now)
    live = [expiry for expiry in opened if expiry != nearest]
    assert book.functions.expiriesOf(ETH).call() == live
    listed(chain, book, another, [WAD])
    assert book.functions.expiriesOf(ETH).call() == [*live, another]
    assert book.functions.strikesOf(ETH, nearest).call() == [WAD]  # what has passed is still known
    assert book.functions.lotOf(ETH).call() == LOT
    assert chain.revert_of(book.functions.listStrikes(ETH, nearest + 21 * DAY, [WAD])).name == "Strikes_TooManyExpiries"


def test_list_strikes__other_underlying__has_expiries_of_its_own(
    chain: LocalChain, book: Contract, expiry: int
) -> None:
    chain.send(book.functions.openUnderlying(LAST, WAD))
    listed(chain, book, expiry)
    listed(chain, book, expiry + DAY, [WAD], LAST)
    assert book.functions.expiriesOf(ETH).call() == [expiry]
    assert book.functions.expiriesOf(LAST).call() == [expiry + DAY]
    assert (book.functions.lotOf(ETH).call(), book.functions.lotOf(LAST).call()) == (LOT, WAD)


# ------------------------------------------------------------------ views


@pytest.mark.parametrize("underlying", [0, BTC, 256 + ETH, 2**32 - 1])
def test_lot_of__not_open__refused(chain: LocalChain, book: Contract, underlying: int) -> None:
    found = chain.revert_of(book.functions.lotOf(underlying))
    assert found == Revert("Strikes_UnknownUnderlying", (underlying,))
    assert book.functions.expiriesOf(underlying).call() == []


def test_strikes_of__nothing_listed_or_no_expiry__refused(chain: LocalChain, book: Contract, expiry: int) -> None:
    listed(chain, book, expiry)
    # The second half would be read as a listed series if it were not looked at.
    unknown = [(BTC, expiry), (ETH, expiry + DAY), (ETH, expiry + 1), (ETH, 0), (ETH, 2**64 - 1)]
    unknown += [
        (256 + ETH, expiry),
        (ETH, FIRST_EXPIRY + (day_of(expiry) + 2**14) * DAY),
        (ETH - 1, expiry + 2**14 * DAY),
    ]
    for underlying, time in unknown:
        found = chain.revert_of(book.functions.strikesOf(underlying, time))
        assert found == Revert("Strikes_UnknownExpiry", (underlying, time))


@pytest.mark.parametrize("count", [4, 30])
def test_strikes_of__cold__reads_a_slot_per_four_strikes(
    chain: LocalChain, book: Contract, expiry: int, count: int
) -> None:
    listed(chain, book, expiry, [(1_000 + i) * WAD for i in range(count)])
    call = book.functions.strikesOf(ETH, expiry)
    tx = {"from": chain.accounts[0], "to": book.address, "data": call._encode_transaction_data()}
    traced = chain.rpc("debug_traceCall", {key: str(value) for key, value in tx.items()}, "latest", {})
    assert sum(step["op"] == "SLOAD" for step in traced["structLogs"]) == {4: 2, 30: 8}[count]


def test_strike_of__listed__by_the_name_off_chain(chain: LocalChain, book: Contract, expiry: int) -> None:
    listed(chain, book, expiry)
    for strike in STRIKES:
        for put in (False, True):
            name = str(Dated("ETH", expiry, strike, put))
            assert book.functions.strikeOf(instrument_of_name(name, ETH, STRIKES)).call() == strike


def test_strike_of__not_listed__refused(chain: LocalChain, book: Contract, expiry: int) -> None:
    listed(chain, book, expiry, [(1_000 + i) * WAD for i in range(MAX_STRIKES)])
    day = day_of(expiry)
    unknown = [
        instrument_id(FUTURE, ETH, day << 6),
        instrument_id(PERPETUAL, ETH),
        instrument_id(OPTION, BTC, day << 6),
        instrument_id(OPTION, 128 + ETH, day << 6),
        instrument_id(OPTION, ETH, day + 1 << 6),
        instrument_id(OPTION, ETH, day << 6 | 30 << 1),
        instrument_id(OPTION, ETH, day << 6 | 31 << 1 | 1),
        1 << 31 | instrument_id(OPTION, ETH, day << 6),
        instrument_id(8 | FUTURE, ETH, day << 6),
        0,
        2**32 - 1,
    ]
    for number in unknown:
        found = chain.revert_of(book.functions.strikeOf(number))
        assert found == Revert("Strikes_UnknownInstrument", (number,))
