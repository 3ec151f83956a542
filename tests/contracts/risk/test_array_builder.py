"""Records of strikes against the definition at 50 digits and the twin. Branches: ``test_array_builder.tree``."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from mpmath import mp, mpf
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.risk.arrays import FLOOR_ROWS, LARGEST, Market, Record, price_strike
from ballast.risk.svi import Slice
from ballast.units import WAD
from tests.contracts.ledger.tools import deploy, reverts
from tests.contracts.risk.arrays import DAY, E12, YEAR, Column, exact_profit, random_column, random_market

pytestmark = pytest.mark.ballast(check=False)

FLAT = Column((8_000,) * 32, (8_000,) * 32)


@pytest.fixture
def arrays(chain: LocalChain) -> Contract:
    return deploy(chain, "ArrayHarness")


def on_chain(arrays: Contract, market: Market, column: Column, strikes: list[int]) -> list[bytes]:
    return list(_call(arrays, market, column.table, 0, strikes).call({"gas": 60_000_000})[0])


def _call(arrays: Contract, market: Market, table: tuple[Any, ...], column: int, strikes: list[int]) -> Any:
    slice_ = tuple(vars(market.slice).values())
    given = (market.forward, market.signed_forward, market.remaining, market.signed_remaining, market.lot, slice_)
    return arrays.functions.records(given, table, column, strikes)


def strikes_of(market: Market) -> list[int]:
    """From 30% to 300% of the forward, on the strike's grid."""
    return [market.forward * part // 100 // 10**9 * 10**9 for part in (30, 70, 90, 100, 105, 130, 300)]


def twin(market: Market, column: Column, strike: int) -> Record:
    return price_strike(market, column.moves(market.remaining), strike)


@pytest.mark.parametrize("seed", range(12))
def test_write__any_market__equals_the_twin(arrays: Contract, seed: int) -> None:
    source = random.Random(seed)
    market, column = random_market(source), random_column(source, rows=source.choice([16, 32, 48, 64]))
    strikes = strikes_of(market)
    assert on_chain(arrays, market, column, strikes) == [twin(market, column, strike).encode() for strike in strikes]


@pytest.mark.parametrize("seed", range(6))
def test_write__any_row__is_the_exact_profit_rounded_down(seed: int) -> None:
    source = random.Random(100 + seed)
    market, column = random_market(source), random_column(source)
    with mp.workdps(50):
        for strike in strikes_of(market):
            record = twin(market, column, strike)
            # the value's error, 1e-15 of the larger forward, can move an entry that lies at a step's edge
            slack = mpf(market.forward) / WAD * 7 * mpf("2e-15") * market.lot / WAD
            for row, entry in enumerate(record.entries):
                step = mpf(record.scale) / 10**6
                exact = exact_profit(market, column, row, strike)
                assert entry * step <= exact + slack, "a long makes at least that"
                assert (entry + 1) * step >= exact - slack, "a short loses at most that"
            assert record.scale == 1 or max(map(abs, record.entries)) > LARGEST // 2


def test_write__dust_lot__scale_is_one_and_entries_are_small(arrays: Contract) -> None:
    market = Market(WAD // 1_000, WAD // 1_000, DAY, DAY, 10**13, Slice(E12 // 1_000, 0, 0, 0, E12))
    record = twin(market, FLAT, WAD // 1_000)
    assert (record.scale, set(record.entries[FLOOR_ROWS:])) == (1, {0})
    assert on_chain(arrays, market, FLAT, [WAD // 1_000]) == [record.encode()]


@pytest.mark.parametrize(("variance", "deviation"), [(-1, "0.01"), (0, "0.01"), (100, "5")])
def test_write__volatility_out_of_bounds__is_kept_within(arrays: Contract, variance: int, deviation: str) -> None:
    market = Market(3_000 * WAD, 3_000 * WAD, YEAR, YEAR, 10**15, Slice(variance * E12, 0, 0, 0, 1))
    record = twin(market, FLAT, 3_000 * WAD)
    assert on_chain(arrays, market, FLAT, [3_000 * WAD]) == [record.encode()]
    with mp.workdps(50):
        v = mpf(deviation)
        assert market.deviation(0) == int(v * WAD)
        assert abs(mpf(record.delta) / 10**9 - mp.ncdf(v / 2)) < 1e-8


def test_write__volatility_beyond_500_percent_after_the_move__stays_there(arrays: Contract) -> None:
    market = Market(3_000 * WAD, 3_000 * WAD, YEAR, YEAR, 10**15, Slice(16 * E12, 0, 0, 0, 1))
    doubled = replace(FLAT, vol=(16_000,) * 32, term_power=0)
    a_quarter = replace(FLAT, vol=(10_000,) * 32, term_power=0)
    found = on_chain(arrays, market, doubled, [3_000 * WAD])
    assert found == [twin(market, doubled, 3_000 * WAD).encode()]
    assert (
        twin(market, doubled, 3_000 * WAD).entries[FLOOR_ROWS:]
        == twin(market, a_quarter, 3_000 * WAD).entries[FLOOR_ROWS:]
    )


def test_write__profit_of_a_lot_beyond_the_record__reverts(arrays: Contract) -> None:
    market = Market(10**9 * WAD, 10**9 * WAD, YEAR, YEAR, WAD, Slice(E12, 0, 0, 0, E12))
    column = replace(FLAT, spot=(56_000,) * 32)
    with reverts("RiskArrays_LotBounds"):
        _call(arrays, market, column.table, 0, [10**9 * WAD]).call({"gas": 60_000_000})
    with pytest.raises(OverflowError, match="beyond what a record can hold"):
        twin(market, column, 10**9 * WAD).encode()


def test_prepare__second_column__has_its_own_moves(arrays: Contract) -> None:
    source = random.Random(7)
    one, two = random_column(source), replace(random_column(source), floor=(10_000, 5_000, 12_000, 4_000))
    table = (
        1,
        3_000,
        [1, 2],
        [10_000] * 32,
        [one.spot, two.spot],
        [one.vol, two.vol],
        [one.floor, two.floor],
        [b"\0" * 32] * 32,
    )
    market = random_market(source)
    for index, column in enumerate((one, two)):
        found = _call(arrays, market, table, index, strikes_of(market)).call({"gas": 60_000_000})[0]
        assert found == [twin(market, column, strike).encode() for strike in strikes_of(market)]


def test_encodeHeader__any__comes_back(arrays: Contract) -> None:
    source = random.Random(5)
    widths = (96, 96, 40, 8, 8, 32, 32, 40, 32, 32, 64, 24)
    for pick in (lambda bits: 2**bits - 1, lambda bits: 0, source.getrandbits):
        header = tuple(pick(bits) for bits in widths)
        assert arrays.functions.decodeHeader(*arrays.functions.encodeHeader(header).call()).call() == header
