"""Risk arrays as the chain computes and keeps them. Branches: ``test_risk_arrays.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.instruments import expiry_of_label, series_of
from ballast.chain.local import LocalChain
from ballast.chain.localoptions import LocalOptions
from ballast.chain.surfaces import Surface
from ballast.risk.arrays import Market, Moves, Series, price_strike
from ballast.risk.svi import Slice
from ballast.testing import Trader
from ballast.units import WAD
from tests.contracts.ledger.tools import logged, reverts
from tests.contracts.risk.arrays import DAY, MOVE, YEAR
from tests.support.mutants import Mutant, mutant_chain

pytestmark = pytest.mark.ballast(check=False)

EXPIRY = "27MAR26"
SECONDS = expiry_of_label(EXPIRY)
ETH = 2
SERIES = series_of(ETH, SECONDS)
STRIKES = [2_000, 2_500, 2_800, 3_000, 3_200, 3_500, 4_500]
LIMITS = (600, 20_000, 250_000)
NOWHERE = "0x" + "0" * 40


@pytest.fixture
def options(chain: LocalChain) -> LocalOptions:
    """ETH options of one expiry, with a surface."""
    chain.options.list_strikes("ETH", EXPIRY, STRIKES)
    chain.options.set_surface("ETH", EXPIRY, 0.7, forward="3040")
    return chain.options


@pytest.fixture
def arrays(options: LocalOptions) -> Contract:
    return options.arrays


@pytest.fixture
def anybody(make_account: Callable[..., Trader]) -> str:
    return str(make_account(name="anybody").address)


def blob_of(chain: LocalChain, version: int = 1, series: int = SERIES) -> bytes:
    """The arrays that are in force, as code."""
    (pointer,) = chain.options.arrays.functions.pointersOf([series], version).call()
    return bytes(chain.w3.eth.get_code(Web3.to_checksum_address(pointer)))[1:]


def twin(chain: LocalChain, surface: Surface, time: int, strikes: list[int] = STRIKES) -> Series:
    """The arrays by the twin: ``time`` is that of the refresh."""
    book = chain.protocol.contract("ScenarioBook")
    version, table = book.functions.table().call()
    _, power, assets, _, spot, vol, floors, _ = table
    column = assets.index(surface.underlying)
    up, down, vol_up, vol_down = floors[column]
    moves = Moves.of(
        [move * MOVE for move in (up, up, down, down, *spot[column])],
        [move * MOVE for move in (vol_up, vol_down, vol_up, vol_down, *vol[column])],
        surface.expiry - time,
        power * 10**14,
    )
    usd = [chain.protocol.router.functions.price(asset).call() for asset in (surface.underlying, 0)]
    index = usd[0] * WAD // usd[1]
    basis = surface.forward * 10**15 // surface.spot
    slice_ = Slice(surface.a, surface.b, surface.rho, surface.m, surface.sigma)
    lot = chain.options.strikes.functions.lotOf(surface.underlying).call()
    market = Market(
        index * basis // 10**15, surface.forward, surface.expiry - time, surface.expiry - surface.time, lot, slice_
    )
    at_forward = market.deviation_at_forward
    return Series(
        spot=index,
        forward=market.forward,
        time=time,
        version=version,
        round=chain.options.surfaces.functions.surfaceOf(surface.underlying, surface.expiry).call()[5],
        surface_time=surface.time,
        remaining=market.remaining,
        band=min(LIMITS[1] * 1_000, LIMITS[2] * at_forward // 10**15),
        lot=lot,
        confidence=surface.confidence,
        records=tuple(price_strike(market, moves, strike * WAD) for strike in strikes),
    )


# ------------------------------------------------------------------ in one call


def test_refresh__all_strikes__is_the_twins_blob(chain: LocalChain, options: LocalOptions, arrays: Contract) -> None:
    surface = options.set_surface("ETH", EXPIRY, 0.65, forward="3050", confidence=900_000)
    receipt = options.refresh("ETH", EXPIRY)
    wanted = twin(chain, surface, chain.now())
    assert blob_of(chain) == wanted.encode()
    assert Series.decode(blob_of(chain)) == wanted
    (event,) = logged(arrays, "ArraysStored", receipt)
    (pointer,) = arrays.functions.pointersOf([SERIES], 1).call()
    assert event == {"series": SERIES, "version": 1, "pointer": pointer, "blob": wanted.encode()}


def test_refresh__spot_moved_and_peg_lost__forward_moves_and_volatility_stays_with_the_strike(
    chain: LocalChain, options: LocalOptions
) -> None:
    surface = options.set_surface("ETH", EXPIRY, 0.65, forward="3050")
    chain.advance(300)
    chain.set_price("ETH", "2900")
    chain.set_price("USDC", "0.985")
    options.refresh("ETH", EXPIRY)
    found = Series.decode(blob_of(chain))
    assert found == twin(chain, surface, chain.now())
    assert found.spot == 2_900 * WAD * WAD // (985 * WAD // 1_000)
    assert found.forward * 3_000 // found.spot == 3_050 - 1  # rounded down


def test_refresh__by_the_arrays_own_function__is_the_same(
    chain: LocalChain, options: LocalOptions, arrays: Contract, anybody: str
) -> None:
    options.refresh("ETH", EXPIRY)
    through_the_door = blob_of(chain)
    chain.send(arrays.functions.refresh(ETH, SECONDS, 0, len(STRIKES)), anybody)
    assert blob_of(chain) == through_the_door


def test_refresh__no_surface__reverts(chain: LocalChain) -> None:
    chain.options.list_strikes("ETH", EXPIRY, STRIKES)
    with reverts("Surface_NoSurface", underlying=ETH, expiry=SECONDS):
        chain.options.refresh("ETH", EXPIRY)


def test_refresh__not_listed__reverts(options: LocalOptions) -> None:
    with reverts("Strikes_UnknownExpiry", underlying=ETH, expiry=SECONDS + DAY):
        options.refresh("ETH", SECONDS + DAY)


def test_refresh__at_the_expiry__reverts_and_a_second_before_does_not(chain: LocalChain, options: LocalOptions) -> None:
    chain.advance(SECONDS - 1 - chain.now())
    chain.refresh_prices()
    options.refresh("ETH", EXPIRY)
    assert Series.decode(blob_of(chain)).remaining == 1
    chain.advance(1)
    with reverts("RiskArrays_Expired", expiry=SECONDS):
        options.refresh("ETH", EXPIRY)


def test_refresh__without_a_column__reverts(chain: LocalChain) -> None:
    """The quote token cannot be opened; an asset that no table has can."""
    book = chain.options.strikes
    chain.send(book.functions.openUnderlying(9, 10**16), chain.governor)
    chain.send(book.functions.listStrikes(9, SECONDS, [WAD]), chain.governor)
    surface = Surface(9, SECONDS, chain.now(), WAD, WAD, 10**11, 10**10, 0, 0, 10**11)
    chain.options.submit(surface)
    feed = tuple(chain.protocol.router.functions.feedOf(ETH).call())
    chain.send(chain.protocol.router.functions.setFeed(9, feed), chain.governor)
    with reverts("RiskArrays_UnknownUnderlying", underlying=9):
        chain.send(chain.options.arrays.functions.refresh(9, SECONDS, 0, 1), chain.governor)


# ------------------------------------------------------------------ in parts


def test_refresh__in_parts_by_anybody__is_of_the_moment_of_the_first(
    chain: LocalChain, options: LocalOptions, arrays: Contract, anybody: str
) -> None:
    surface = options.set_surface("ETH", EXPIRY, 0.65)
    (advanced,) = logged(arrays, "ArraysAdvanced", options.refresh("ETH", EXPIRY, 0, 3))
    assert advanced == {"series": SERIES, "version": 1, "count": 3}
    wanted = twin(chain, surface, chain.now())
    chain.advance(100)
    chain.set_price("ETH", "3100")
    options.set_surface("ETH", EXPIRY, 0.9)
    chain.send(arrays.functions.refresh(ETH, SECONDS, 3, 2), anybody)
    assert arrays.functions.pointersOf([SERIES], 1).call() == [NOWHERE]
    options.refresh("ETH", EXPIRY, 5, 99)
    assert blob_of(chain) == wanted.encode()


@pytest.mark.parametrize(("first", "count"), [(0, 2), (1, 2), (4, 1), (3, 0)])
def test_refresh__from_elsewhere_or_of_nothing__reverts(options: LocalOptions, first: int, count: int) -> None:
    options.refresh("ETH", EXPIRY, 0, 3)
    with reverts("RiskArrays_Range", **{"from": first, "expected": 3, "count": count}):
        options.refresh("ETH", EXPIRY, first, count)


def test_refresh__too_long_after_the_first__begins_anew(chain: LocalChain, options: LocalOptions) -> None:
    options.refresh("ETH", EXPIRY, 0, 3)
    chain.advance(LIMITS[0])
    options.refresh("ETH", EXPIRY, 3, 1)
    chain.advance(1)
    with reverts("RiskArrays_Range", **{"from": 4, "expected": 0, "count": 3}):
        options.refresh("ETH", EXPIRY, 4, 3)
    options.refresh("ETH", EXPIRY, 0, 6)
    options.refresh("ETH", EXPIRY, 6, 1)
    assert Series.decode(blob_of(chain)).time == chain.now()


def test_refresh__whole_while_parts_are_under_way__leaves_them(chain: LocalChain, options: LocalOptions) -> None:
    options.refresh("ETH", EXPIRY, 0, 3)
    begun = chain.now()
    chain.advance(60)
    options.refresh("ETH", EXPIRY)
    assert Series.decode(blob_of(chain)).time == begun + 60
    with reverts("RiskArrays_Older", time=begun, current=begun + 60):
        options.refresh("ETH", EXPIRY, 3, 4)


def test_refresh__strike_listed_meanwhile__cannot_take_one_away(chain: LocalChain, options: LocalOptions) -> None:
    options.refresh("ETH", EXPIRY, 0, 3)
    options.list_strikes("ETH", EXPIRY, [5_000])
    options.refresh("ETH", EXPIRY)
    assert len(Series.decode(blob_of(chain)).records) == 8
    with reverts("RiskArrays_FewerStrikes", count=7, current=8):
        options.refresh("ETH", EXPIRY, 3, 4)


# ------------------------------------------------------------------ two tables


def _propose(chain: LocalChain, **changes: Any) -> int:
    book = chain.protocol.contract("ScenarioBook")
    _, table = book.functions.table().call()
    names = ("tail", "termPower", "underlyings", "weights", "spot", "vol", "floors", "names")
    values = dict(zip(names, table, strict=True)) | {"names": [b"\0" * 32] * len(table[3])} | changes
    chain.send(book.functions.propose(tuple(values.values())), chain.governor, gas=15_000_000)
    return int(book.functions.proposed().call()[0])


def test_refreshProposed__nothing_proposed__reverts(chain: LocalChain, arrays: Contract) -> None:
    with reverts("RiskArrays_NothingProposed"):
        chain.send(arrays.functions.refreshProposed(ETH, SECONDS, 0, 9), chain.governor)


def test_refreshProposed__waits_beside_those_in_force_until_all_are_there(
    chain: LocalChain, options: LocalOptions, arrays: Contract
) -> None:
    book = chain.protocol.contract("ScenarioBook")
    options.refresh("ETH", EXPIRY)
    in_force = blob_of(chain)
    options.list_strikes("BTC", EXPIRY, [60_000])  # without arrays: asks for none
    version = _propose(chain)
    assert arrays.functions.firstMissing(version).call() == [True, ETH, SECONDS]
    with reverts("Scenario_ArraysMissing", version=version, underlying=ETH, expiry=SECONDS):
        chain.send(book.functions.activate(), chain.governor)
    chain.send(arrays.functions.refreshProposed(ETH, SECONDS, 0, 99), chain.governor)
    assert blob_of(chain) == in_force
    assert Series.decode(blob_of(chain, version)).version == version
    assert arrays.functions.firstMissing(version).call()[0] is False
    chain.send(book.functions.activate(), chain.governor)
    assert arrays.functions.pointersOf([SERIES], 1).call()[0] != NOWHERE, "still there until it is replaced"
    options.refresh("ETH", EXPIRY)
    assert Series.decode(blob_of(chain, version)).time == chain.now()


SAME_PARITY = Mutant(
    "a proposal may have the parity of the table that holds",
    "ScenarioBook",
    "contracts/risk/ScenarioBook.sol",
    passages=(("contracts/risk/ScenarioBook.sol", "if ((version ^ _active.version) & 1 == 0) ++version;", ""),),
)


def erase_by_a_proposal(chain: LocalChain) -> str:
    """A proposal is withdrawn, another made, and anybody computes its arrays. Where those in force are after that."""
    chain.options.list_strikes("ETH", EXPIRY, STRIKES)
    chain.options.set_surface("ETH", EXPIRY, 0.7)
    chain.options.refresh("ETH", EXPIRY)
    _propose(chain)
    chain.send(chain.protocol.contract("ScenarioBook").functions.withdrawProposal(), chain.governor)
    _propose(chain)
    anybody = chain.actor("anybody").address
    chain.send(chain.options.arrays.functions.refreshProposed(ETH, SECONDS, 0, 99), anybody)
    return str(chain.options.arrays.functions.pointersOf([SERIES], 1).call()[0])


def test_refreshProposed__after_a_withdrawn_proposal__leaves_those_in_force(chain: LocalChain) -> None:
    assert erase_by_a_proposal(chain) != NOWHERE


def test_refreshProposed__of_the_same_parity__erases_those_in_force() -> None:
    """Every account with options would revert, liquidation included."""
    with mutant_chain(SAME_PARITY) as chain:
        assert erase_by_a_proposal(chain) == NOWHERE


def test_refresh__another_table_meanwhile__begins_anew(chain: LocalChain, options: LocalOptions) -> None:
    options.refresh("ETH", EXPIRY, 0, 3)
    _propose(chain)
    chain.send(chain.protocol.contract("ScenarioBook").functions.activate(), chain.governor)
    with reverts("RiskArrays_Range", **{"from": 3, "expected": 0, "count": 4}):
        options.refresh("ETH", EXPIRY, 3, 4)


OTHERS_SESSION = Mutant(
    "a refresh in parts goes on under another table",
    "RiskArrays",
    "contracts/risk/RiskArrays.sol",
    passages=(
        ("contracts/risk/RiskArrays.sol", "if (shared.table != table) revert RiskArrays_Range(from, 0, count);", ""),
    ),
)


def begin_before_two_tables(chain: LocalChain) -> None:
    """A refresh is begun and two tables follow each other at once: the second's arrays have the first one's place."""
    chain.options.list_strikes("ETH", EXPIRY, STRIKES)
    chain.options.set_surface("ETH", EXPIRY, 0.7)
    chain.options.refresh("ETH", EXPIRY, 0, 3)
    for _ in range(2):
        _propose(chain)
        chain.send(chain.protocol.contract("ScenarioBook").functions.activate(), chain.governor)
    chain.options.refresh("ETH", EXPIRY)


def test_refresh__two_tables_meanwhile__begins_anew(chain: LocalChain) -> None:
    begin_before_two_tables(chain)
    in_force = blob_of(chain, 3)
    with reverts("RiskArrays_Range", **{"from": 3, "expected": 0, "count": 4}):
        chain.options.refresh("ETH", EXPIRY, 3, 4)
    assert blob_of(chain, 3) == in_force


def test_refresh__goes_on_under_another_table__erases_those_in_force() -> None:
    with mutant_chain(OTHERS_SESSION) as chain:
        begin_before_two_tables(chain)
        chain.options.refresh("ETH", EXPIRY, 3, 4)
        assert chain.options.arrays.functions.pointersOf([SERIES], 3).call()[0] == NOWHERE


def test_firstMissing__passed_expiry__is_not_missing(
    chain: LocalChain, options: LocalOptions, arrays: Contract
) -> None:
    options.refresh("ETH", EXPIRY)
    assert arrays.functions.firstMissing(2).call()[0] is True
    chain.advance(SECONDS - chain.now())
    assert arrays.functions.firstMissing(2).call()[0] is False


def test_pointersOf__several__one_each(options: LocalOptions, arrays: Contract) -> None:
    options.refresh("ETH", EXPIRY)
    none, found, again = arrays.functions.pointersOf([SERIES + 1, SERIES, SERIES], 1).call()
    assert found == again
    assert none == NOWHERE
    assert arrays.functions.pointersOf([SERIES], 3).call() == [none], "of another version"


# ------------------------------------------------------------------ limits and gas


@pytest.mark.parametrize(
    ("field", "at", "low", "high"),
    [("maxAge", 0, 1, 3_600), ("bandCap", 1, 0, 100_000), ("bandVol", 2, 0, 2_000_000)],
)
def test_setLimits__each__at_its_bound_and_one_beyond(
    chain: LocalChain, arrays: Contract, field: str, at: int, low: int, high: int
) -> None:
    for value in (low, high):
        limits = tuple(value if i == at else held for i, held in enumerate(LIMITS))
        receipt = chain.send(arrays.functions.setLimits(limits), chain.governor)
        assert arrays.functions.limits().call() == limits
        (event,) = logged(arrays, "LimitsSet", receipt)
        assert tuple(event["limits"].values()) == limits
    for value in {high + 1, low - 1} - {-1}:
        limits = tuple(value if i == at else held for i, held in enumerate(LIMITS))
        with reverts("RiskArrays_Bounds", parameter=field, value=value, bound=high):
            chain.send(arrays.functions.setLimits(limits), chain.governor)


def test_refresh__thirty_strikes__costs_less_than_80000_an_option(chain: LocalChain) -> None:
    """A year out, where nothing of the prices vanishes; an option is a call or a put."""
    strikes = [1_500 + 100 * i for i in range(30)]
    expiry = (chain.now() + YEAR) // DAY * DAY + 8 * 3_600
    chain.options.list_strikes("ETH", expiry, strikes)
    chain.options.set_surface("ETH", expiry, 0.7)
    first = chain.options.refresh("ETH", expiry)["gasUsed"]
    again = chain.options.refresh("ETH", expiry)["gasUsed"]
    print(f"refresh of 60 options: {first:,} gas, again {again:,}; {again // 60:,} each")
    assert max(first, again) <= 60 * 80_000


def test_refresh__table_of_64_rows__fits_a_call(chain: LocalChain) -> None:
    _, table = chain.protocol.contract("ScenarioBook").functions.table().call()
    _, _, _, weights, spot, vol, _, _ = table
    _propose(chain, weights=weights * 2, spot=[c * 2 for c in spot], vol=[c * 2 for c in vol], names=[b"\0" * 32] * 64)
    chain.send(chain.protocol.contract("ScenarioBook").functions.activate(), chain.governor)
    strikes = [1_500 + 100 * i for i in range(30)]
    chain.options.list_strikes("ETH", EXPIRY, strikes)
    surface = chain.options.set_surface("ETH", EXPIRY, 0.7)
    used = chain.options.refresh("ETH", EXPIRY)["gasUsed"]
    print(f"refresh of 60 options over 64 rows: {used:,} gas")
    assert used < 15_000_000
    assert blob_of(chain, 2) == twin(chain, surface, chain.now(), strikes).encode()


def test_constructor__limits_out_of_bounds__is_not_deployed(chain: LocalChain, arrays: Contract) -> None:
    books = [arrays.functions[name]().call() for name in ("ROUTER", "SURFACES", "SCENARIOS", "STRIKES")]
    authority = chain.protocol.contract("AccessManager").address
    built = artifact("RiskArrays")
    factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    with reverts("RiskArrays_Bounds", parameter="maxAge", value=0):
        factory.constructor(authority, *books, (0, 0, 0)).estimate_gas({"from": chain.governor})
