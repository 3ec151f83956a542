"""What a call's mark becomes when the forward moves on. Branches: ``test_mark_carry.tree``.

The width covers what lies beyond the band; within it delta and gamma leave a third-order error, which nothing covers.
With the band at a quarter of a standard deviation, as the networks have it, that error is at most 5.4e-5 of the forward
over the lattice below (a day left, 150% volatility, at the band's edge); at half of one it would be 4e-4.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from mpmath import mp, mpf
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.risk.arrays import Market, Record, price_strike
from ballast.risk.carry import FLOORED, Move, carry
from ballast.risk.svi import Slice
from ballast.units import WAD
from tests.contracts.ledger.tools import deploy
from tests.contracts.risk.arrays import DAY, YEAR, Column, exact_call
from tests.support.mutants import Mutant

pytestmark = pytest.mark.ballast(check=False)

E9 = 10**9
HOUR = 3_600
FORWARD = 60_000
#: The networks' band: part of the forward, and of the standard deviation until expiry.
BAND_CAP, BAND_VOL = mpf("0.02"), mpf("0.25")
#: What no width covers: part of the forward.
UNCOVERED = mpf("5.4e-5")
FLAT = Column((8_000,) * 16, (8_000,) * 16)
STRIKES = range(80, 121, 2)
VOLATILITIES = ("0.2", "0.5", "1", "1.5")

SOURCE = "contracts/risk/MarkCarry.sol"
HARNESS = ("OptionHarness", "contracts/test/OptionHarness.sol")
NO_BAND = Mutant(
    "delta and gamma carry a mark however far",
    *HARNESS,
    passages=((SOURCE, "change > most ? most : change < -most ? -most : change;", "change;"),),
)
NO_BOUNDS = Mutant(
    "a mark may be below zero",
    *HARNESS,
    passages=((SOURCE, "if (mark < least) mark = least;\n            if (mark < 0) mark = 0;", ""),),
)


@pytest.fixture(autouse=True)
def _digits() -> Iterator[None]:
    with mp.workdps(30):
        yield


@pytest.fixture
def harness(chain: LocalChain) -> Contract:
    return deploy(chain, "OptionHarness")


def priced(volatility: str, remaining: int, part: int, band_vol: mpf = BAND_VOL) -> tuple[Record, mpf, int]:
    """A strike's record (per cent of the forward), its standard deviation until expiry, and the band in 1e9."""
    variance = int(mpf(volatility) ** 2 * remaining / YEAR * 10**12)
    market = Market(FORWARD * WAD, FORWARD * WAD, remaining, remaining, 10**15, Slice(variance, 0, 0, 0, 1))
    deviation = mpf(market.deviation(0)) / WAD
    band = int(min(BAND_CAP, band_vol * deviation) * E9)
    return price_strike(market, FLAT.moves(remaining), FORWARD * WAD * part // 100), deviation, band


def moved(thousandths: int) -> int:
    return FORWARD * (1_000 + thousandths) * E9 // 1_000


def on_chain(harness: Contract, record: Record, now: int, band: int) -> tuple[int, int]:
    word = int.from_bytes(record.encode()[:32], "big")
    mark, width, _ = harness.functions.carry(word, FORWARD * E9, now, band).call()
    return mark, width


# ------------------------------------------------------------------ twin, bounds


def random_word(source: random.Random, forward: int) -> Record:
    """Any record that fits its widths, likely ones among them."""
    likely = source.random() < 0.5
    return Record(
        strike=int(forward * source.uniform(0.3, 3)),
        mark=source.randrange(forward + 1) if likely else source.randrange(2**63),
        delta=source.randrange(E9 + 1),
        gamma=source.choice([0, source.randrange(10**7), 2**32 - 1]),
        vega=0,
        scale=1,
        entries=(),
    )


@pytest.mark.parametrize("seed", range(6))
def test_carry__any_record_and_move__is_the_twins_within_bounds(harness: Contract, seed: int) -> None:
    source = random.Random(seed)
    for _ in range(50):
        then = int(10 ** source.uniform(6, 18))
        now = max(1, int(then * source.choice([1, source.uniform(0.98, 1.02), source.uniform(0.1, 9)])))
        band = source.choice([0, source.randrange(20_000_000), 100_000_000])
        record, move = random_word(source, then), Move.of(then, now, band)
        word = int.from_bytes(record.encode()[:32], "big")
        mark, width, found = harness.functions.carry(word, then, now, band).call()
        assert (mark, width) == carry(record, move)
        assert tuple(found) == (move.forward, move.inside, move.outside, move.square, move.slope)
        assert max(0, now - record.strike) <= mark <= now, "within what no-arbitrage allows"
        assert width >= 0
        assert move.outside or width == 0


def test_carry__further_beyond_the_band__width_grows() -> None:
    for part in STRIKES:
        record, _, band = priced("0.5", DAY, part)
        for sign in (-1, 1):
            widths = [carry(record, Move.of(FORWARD * E9, moved(sign * step), band))[1] for step in range(0, 300, 10)]
            assert widths == sorted(widths)


# ------------------------------------------------------------------ no equity out of nothing


def gains(record: Record, deviation: mpf, now: int, mark: int) -> tuple[mpf, mpf]:
    """What a long and a short have gained beyond Black's formula at the unchanged surface, as parts of the forward.

    A put's are the call's: the difference is the forward, which is exact.
    """
    exact = exact_call(mpf(now), mpf(record.strike), deviation)
    return (mark - exact) / (FORWARD * E9), (exact - mark - FLOORED) / (FORWARD * E9)


@pytest.mark.parametrize("move", [-50, 50])
@pytest.mark.parametrize("volatility", VOLATILITIES)
def test_carry__an_hour_left_and_a_move_of_5_percent__invents_no_equity(
    harness: Contract, volatility: str, move: int
) -> None:
    for part in STRIKES:
        record, deviation, band = priced(volatility, HOUR, part)
        now = moved(move)
        mark, width = on_chain(harness, record, now, band)
        for gain in gains(record, deviation, now, mark):
            assert gain <= mpf(width) / (FORWARD * E9) + mpf("1e-4"), "charged as drift, or there is none"


def forwards(band: int) -> Iterator[int]:
    """The lattice's moves: fixed ones, and fifths of the band up to its edge."""
    for move in (-200, -50, -20, -10, -5, -2, 0, 2, 5, 10, 20, 50, 200):
        yield moved(move)
    for fifth in range(-5, 6):
        yield FORWARD * (E9 + band * fifth // 5)


def uncovered(remaining: int, band_vol: mpf) -> mpf:
    """The most that a long or a short of the lattice gains beyond the width: part of the forward."""
    most = mpf(-1)
    for volatility in VOLATILITIES:
        for part in STRIKES:
            record, deviation, band = priced(volatility, remaining, part, band_vol)
            for now in forwards(band):
                mark, width = carry(record, Move.of(FORWARD * E9, now, band))
                most = max(most, max(gains(record, deviation, now, mark)) - mpf(width) / (FORWARD * E9))
    return most


@pytest.mark.parametrize("remaining", [HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY])
def test_carry__any_tenor_and_move__exact_value_is_within_mark_and_width(remaining: int) -> None:
    assert uncovered(remaining, BAND_VOL) <= UNCOVERED


def test_carry__band_of_half_a_deviation__leaves_seven_times_the_error() -> None:
    """Why the band is a quarter: the largest errors are those of six hours and of a day."""
    assert mpf("3.9e-4") < uncovered(6 * HOUR, mpf("0.5")) < mpf("4e-4")
    assert mpf("5.3e-5") < uncovered(DAY, BAND_VOL)


@pytest.mark.slow
def test_carry__without_the_band__long_call_gains_5_percent_of_the_forward(
    harness: Contract, chain: LocalChain
) -> None:
    record, deviation, band = priced("0.5", HOUR, 100)
    broken = deploy(chain, NO_BAND.build())
    now = moved(50)
    mark, width = on_chain(broken, record, now, band)
    assert gains(record, deviation, now, mark)[0] > mpf("0.05")
    assert width == 0, "and nothing is charged for it"
    mark, width = on_chain(harness, record, now, band)
    assert gains(record, deviation, now, mark)[0] <= mpf(width) / (FORWARD * E9)


@pytest.mark.slow
def test_carry__without_the_bounds__short_call_gains_1_percent_of_the_forward(
    harness: Contract, chain: LocalChain
) -> None:
    record, deviation, band = priced("0.5", HOUR, 100)
    broken = deploy(chain, NO_BOUNDS.build())
    now = moved(-50)
    mark, _ = on_chain(broken, record, now, band)
    assert gains(record, deviation, now, mark)[1] > mpf("0.01")
    mark, width = on_chain(harness, record, now, band)
    assert gains(record, deviation, now, mark)[1] <= mpf(width) / (FORWARD * E9)
