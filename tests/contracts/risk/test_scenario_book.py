"""The table that holds and the one that is to follow. Branches: ``test_scenario_book.tree``."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from tests.contracts.ledger.tools import DAY, deploy, logged, reverts
from tests.contracts.risk.scenarios import (
    ONE,
    UNIT,
    Table,
    as_arguments,
    differing,
    packed,
    simple_table,
    unnamed,
)
from tests.support.fuzz import examples
from tests.support.mutants import Mutant

pytestmark = pytest.mark.ballast(check=False)

LIMITS = (DAY, 250_000)
#: What the largest table may cost.
PROPOSE_GAS = 15_000_000
WAD_OF_ONE = 10**18 // ONE
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
SOURCE = "contracts/risk/ScenarioBook.sol"
exact = examples(120)


@pytest.fixture
def book(chain: LocalChain, authority: Contract) -> Contract:
    """Without a table; 25% and a day."""
    return deploy(chain, "ScenarioBook", authority.address, LIMITS)


@pytest.fixture
def running(chain: LocalChain, book: Contract) -> Contract:
    """With ``simple_table`` as version 1."""
    propose(chain, book, simple_table())
    return book


@pytest.fixture
def harness(chain: LocalChain) -> Contract:
    return deploy(chain, "ScenarioHarness")


def propose(chain: LocalChain, book: Contract, table: Table) -> Any:
    return chain.send(book.functions.propose(as_arguments(table)), chain.governor, gas=PROPOSE_GAS)


def try_propose(chain: LocalChain, book: Contract, table: Table) -> int:
    return int(book.functions.propose(as_arguments(table)).call({"from": Web3.to_checksum_address(chain.governor)}))


def changed(*path: Any, **options: Any) -> Table:
    """``simple_table`` with the value at all but the last of ``path`` set to the last."""
    table = deepcopy(simple_table(**options))
    *inner, key, value = path
    place: Any = table
    for step in inner:
        place = place[step]
    place[key] = value
    return table


def floor(at: int, value: int) -> Table:
    moves = [9200, 6800, 11200, 6000]
    moves[at] = value
    return changed("floors", 1, tuple(moves))


# ---------------------------------------------------------------- bounds of a table

ROWS = "Scenario_Rows"
BAD: dict[str, tuple[Table, str, dict[str, Any]]] = {
    "no rows": (changed("weights", []), ROWS, {"rows": 0, "multiple": 16, "bound": 64}),
    "fifteen rows": (simple_table(15), ROWS, {"rows": 15}),
    "seventeen rows": (simple_table(17), ROWS, {"rows": 17}),
    "too many rows": (simple_table(80), ROWS, {"rows": 80}),
    "no columns": (simple_table(assets=()), "Scenario_Columns", {"columns": 0, "bound": 16}),
    "too many columns": (simple_table(assets=tuple(range(1, 18))), "Scenario_Columns", {"columns": 17}),
    "the quote token": (simple_table(assets=(0, 1)), "Scenario_Order", {"column": 0, "underlying": 0}),
    "asset too high": (simple_table(assets=(1, 128)), "Scenario_Order", {"column": 1, "underlying": 128}),
    "asset twice": (simple_table(assets=(2, 2)), "Scenario_Order", {"column": 1, "underlying": 2}),
    "assets descend": (simple_table(assets=(3, 2)), "Scenario_Order", {"column": 1, "underlying": 2}),
    "spot columns": (
        changed("spot", []),
        "Scenario_Length",
        {"field": "spot columns", "column": 0, "length": 0, "expected": 3},
    ),
    "vol columns": (changed("vol", []), "Scenario_Length", {"field": "vol columns", "length": 0, "expected": 3}),
    "floors": (changed("floors", []), "Scenario_Length", {"field": "floors", "length": 0, "expected": 3}),
    "names": (changed("names", []), "Scenario_Length", {"field": "names", "length": 0, "expected": 16}),
    "spot rows": (
        changed("spot", 2, [UNIT] * 15),
        "Scenario_Length",
        {"field": "spot", "column": 2, "length": 15, "expected": 16},
    ),
    "vol rows": (changed("vol", 1, [UNIT] * 17), "Scenario_Length", {"field": "vol", "column": 1, "length": 17}),
    "no tail": (changed("tail", 0), "Scenario_Tail", {"tail": 0, "bound": 16}),
    "tail": (changed("tail", 17), "Scenario_Tail", {"tail": 17, "bound": 16}),
    "term power": (changed("termPower", 10_001), "Scenario_TermPower", {"termPower": 10_001, "bound": 10_000}),
    "no weight": (changed("weights", 3, 0), "Scenario_Weight", {"row": 3, "weight": 0, "bound": 1}),
    "weight": (changed("weights", 3, 20_001), "Scenario_Weight", {"row": 3, "weight": 20_001, "bound": 20_000}),
    "spot low": (changed("spot", 1, 5, 799), "Scenario_Spot", {"row": 5, "column": 1, "move": 799, "bound": 800}),
    "spot high": (changed("spot", 1, 5, 56_001), "Scenario_Spot", {"row": 5, "column": 1, "bound": 56_000}),
    "vol low": (changed("vol", 0, 15, 399), "Scenario_Vol", {"row": 15, "column": 0, "move": 399, "bound": 400}),
    "vol high": (changed("vol", 0, 15, 56_001), "Scenario_Vol", {"row": 15, "column": 0, "bound": 56_000}),
}
for _at, (_field, _low, _high) in enumerate(
    (("up", 8_400, 16_000), ("down", 2_400, 7_600), ("volUp", 8_000, 24_000), ("volDown", 1_600, 8_000))
):
    for _bound, _beyond in ((_low, _low - 1), (_high, _high + 1)):
        BAD[f"floor {_field} {_beyond}"] = (
            floor(_at, _beyond),
            "Scenario_FloorBounds",
            {"column": 1, "field": _field, "move": _beyond, "bound": _bound},
        )
GOOD: dict[str, Table] = {
    "most rows": simple_table(64),
    "most columns": simple_table(assets=tuple(range(1, 17))),
    "highest asset": simple_table(assets=(1, 127)),
    "one column": simple_table(assets=(1,)),
    "longest tail": changed("tail", 16),
    "no term power": changed("termPower", 0),
    "most term power": changed("termPower", 10_000),
    "least weight": changed("weights", 0, 1),
    "most weight": changed("weights", 0, 20_000),
    "least spot": changed("spot", 0, 0, 800),
    "most spot": changed("spot", 0, 0, 56_000),
    "least vol": changed("vol", 0, 0, 400),
    "most vol": changed("vol", 0, 0, 56_000),
    **{
        f"floor {at} {bound}": floor(at, bound)
        for at, bounds in enumerate(((8_400, 16_000), (2_400, 7_600), (8_000, 24_000), (1_600, 8_000)))
        for bound in bounds
    },
}


@pytest.mark.parametrize("name", BAD)
def test_propose__one_beyond_a_bound__reverts_with_it(chain: LocalChain, book: Contract, name: str) -> None:
    table, error, arguments = BAD[name]
    with reverts(error, **arguments):
        try_propose(chain, book, table)


@pytest.mark.parametrize("name", GOOD)
def test_propose__at_a_bound__is_accepted(chain: LocalChain, book: Contract, name: str) -> None:
    assert try_propose(chain, book, GOOD[name]) == 1


# ---------------------------------------------------------------- proposing and holding


def test_propose__first_table__holds_at_once(chain: LocalChain, book: Contract) -> None:
    for view in ("active", "table"):
        with reverts("Scenario_NoTable"):
            book.functions[view]().call()
    table = simple_table(32)
    receipt = propose(chain, book, table)
    (proposed,) = logged(book, "TableProposed", receipt)
    assert (proposed["version"], proposed["readyAt"]) == (1, chain.w3.eth.get_block("latest")["timestamp"])
    assert list(proposed["table"]["names"]) == table["names"]
    assert logged(book, "TableActivated", receipt) == [{"version": 1}]
    version, pointer = book.functions.active().call()
    assert version == 1
    assert bytes(chain.w3.eth.get_code(pointer)) == b"\0" + packed(table, 1)
    found_version, found = book.functions.table().call()
    assert found_version == 1
    assert plain(found) == plain(unnamed(table))
    assert book.functions.proposed().call() == [0, "0x" + "0" * 40, 0]


def plain(value: Any) -> Any:
    return tuple(plain(inner) for inner in value) if isinstance(value, list | tuple) else value


def test_propose__second_table__waits_for_the_delay(chain: LocalChain, running: Contract) -> None:
    table = changed("spot", 0, 0, UNIT + 210)
    receipt = propose(chain, running, table)
    now = chain.w3.eth.get_block("latest")["timestamp"]
    assert logged(running, "TableActivated", receipt) == []
    version, pointer, ready = running.functions.proposed().call()
    assert (version, ready) == (2, now + DAY)
    assert bytes(chain.w3.eth.get_code(pointer)) == b"\0" + packed(table, 2)
    assert running.functions.active().call()[0] == 1
    with reverts("Scenario_AlreadyProposed", version=2):
        try_propose(chain, running, table)


def test_propose__anybody__is_not_authorised(chain: LocalChain, running: Contract) -> None:
    for call in (
        running.functions.propose(as_arguments(simple_table())),
        running.functions.withdrawProposal(),
        running.functions.setLimits(LIMITS),
        running.functions.setArrays(running.address),
    ):
        with reverts("AccessManagedUnauthorized", caller=STRANGER):
            call.call({"from": Web3.to_checksum_address(STRANGER)})


def test_withdrawProposal__without_one__reverts_and_with_one_takes_it_back(
    chain: LocalChain, running: Contract
) -> None:
    with reverts("Scenario_NothingProposed"):
        chain.send(running.functions.withdrawProposal(), chain.governor)
    propose(chain, running, simple_table())
    receipt = chain.send(running.functions.withdrawProposal(), chain.governor)
    assert logged(running, "TableWithdrawn", receipt) == [{"version": 2}]
    assert running.functions.proposed().call()[0] == 0
    assert running.functions.active().call()[0] == 1
    with reverts("Scenario_NothingProposed"):
        running.functions.activate().call()
    # arrays are kept by version: one that was withdrawn must not come again with another table; and by its parity, so
    # that a proposal's never take the place of those in force
    assert try_propose(chain, running, simple_table()) == 4


def test_activate__by_time__holds_from_its_second_on_whoever_calls(chain: LocalChain, running: Contract) -> None:
    with reverts("Scenario_NothingProposed"):
        running.functions.activate().call()
    propose(chain, running, simple_table(32))
    ready = running.functions.proposed().call()[2]
    now = chain.w3.eth.get_block("latest")["timestamp"]
    chain.advance(ready - 1 - now)
    with reverts("Scenario_NotReady", readyAt=ready, time=ready - 1):
        running.functions.activate().call()
    chain.advance(1)
    receipt = chain.send(running.functions.activate(), STRANGER)
    assert logged(running, "TableActivated", receipt) == [{"version": 2}]
    assert running.functions.active().call()[0] == 2
    assert len(running.functions.table().call()[1][3]) == 32
    assert running.functions.proposed().call()[0] == 0


def test_activate__arrays_missing__reverts_until_they_are_there(chain: LocalChain, running: Contract) -> None:
    arrays = deploy(chain, "SettableArrays")
    chain.send(running.functions.setArrays(arrays.address), chain.governor)
    propose(chain, running, simple_table())
    chain.advance(DAY)
    with reverts("Scenario_ArraysMissing", version=2, underlying=2, expiry=1_800_000_000):
        running.functions.activate().call()
    chain.send(arrays.functions.complete(2), STRANGER)
    chain.send(running.functions.activate(), STRANGER)
    assert running.functions.active().call()[0] == 2


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("limits", [(0, 1), (14 * DAY, 10**6)])
def test_setLimits__at_the_bounds__sets_and_emits(
    chain: LocalChain, running: Contract, authority: Contract, limits: tuple[int, int]
) -> None:
    receipt = chain.send(running.functions.setLimits(limits), chain.governor)
    assert logged(running, "LimitsSet", receipt) == [{"limits": {"delay": limits[0], "maxChange": limits[1]}}]
    assert running.functions.limits().call() == limits
    assert deploy(chain, "ScenarioBook", authority.address, limits).functions.limits().call() == limits


@pytest.mark.parametrize(
    ("limits", "parameter", "bound"),
    [
        ((14 * DAY + 1, 1), "delay", 14 * DAY),
        ((0, 0), "maxChange", 1),
        ((0, 10**6 + 1), "maxChange", 10**6),
    ],
)
def test_setLimits__beyond_the_bounds__reverts(
    chain: LocalChain, running: Contract, authority: Contract, limits: tuple[int, int], parameter: str, bound: int
) -> None:
    with reverts("Scenario_Bounds", parameter=parameter, bound=bound):
        chain.send(running.functions.setLimits(limits), chain.governor)
    built = artifact("ScenarioBook")
    factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
    with reverts("Scenario_Bounds", parameter=parameter, bound=bound):
        factory.constructor(authority.address, limits).estimate_gas({"from": Web3.to_checksum_address(chain.governor)})


def test_setLimits__with_a_proposal__leaves_its_time(chain: LocalChain, running: Contract) -> None:
    propose(chain, running, simple_table())
    before = running.functions.proposed().call()
    chain.send(running.functions.setLimits((0, 250_000)), chain.governor)
    assert running.functions.proposed().call() == before


def test_setArrays__once__sets_and_emits(chain: LocalChain, running: Contract) -> None:
    arrays = deploy(chain, "SettableArrays").address
    for empty in (STRANGER, "0x" + "0" * 40):
        with reverts("Scenario_NoCode", arrays=empty):
            chain.send(running.functions.setArrays(empty), chain.governor)
    receipt = chain.send(running.functions.setArrays(arrays), chain.governor)
    assert logged(running, "ArraysSet", receipt) == [{"arrays": arrays}]
    assert running.functions.arrays().call() == arrays
    with reverts("Scenario_ArraysAlreadySet", arrays=arrays):
        chain.send(running.functions.setArrays(running.address), chain.governor)


# ---------------------------------------------------------------- the rate limit


def test_propose__column_gone__reverts_and_new_ones_are_exempt(chain: LocalChain, running: Contract) -> None:
    for assets, gone in (((2, 3), 1), ((1, 3), 2), ((1, 2), 3), ((1, 2, 4), 3), ((4, 5), 1)):
        with reverts("Scenario_ColumnRemoved", underlying=gone):
            try_propose(chain, running, simple_table(assets=assets))
    table = simple_table(assets=(1, 2, 3, 4))
    table["spot"][3], table["vol"][3], table["floors"][3] = [800] * 16, [56_000] * 16, (16_000, 2_400, 24_000, 1_600)
    assert try_propose(chain, running, table) == 2


def test_propose__tail_or_power__may_not_jump(chain: LocalChain, running: Contract) -> None:
    with reverts("Scenario_Tail", tail=2, bound=1):
        try_propose(chain, running, changed("tail", 2))
    for power, bound in ((3_501, 3_500), (2_499, 2_500)):
        with reverts("Scenario_TermPower", termPower=power, bound=bound):
            try_propose(chain, running, changed("termPower", power))
        assert try_propose(chain, running, changed("termPower", bound)) == 2


def one_row(value: int) -> Table:
    """The loss of a long unit of asset 1 is ``value`` / 8000, nothing else moves."""
    still = [UNIT] * 16
    return simple_table(assets=(1, 2), spot=[[UNIT - value, *still[1:]], still], vol=[still, still])


@pytest.mark.parametrize(("value", "passes"), [(2_508, True), (2_509, False), (1_492, True), (1_491, False)])
def test_propose__at_the_limit__passes_and_one_beyond_reverts(
    chain: LocalChain, book: Contract, value: int, passes: bool
) -> None:
    # 25% of 2000 and 0.1% of 8000
    propose(chain, book, one_row(2_000))
    if passes:
        assert try_propose(chain, book, one_row(value)) == 2
    else:
        with reverts(
            "Scenario_RateLimit",
            direction="+delta 1",
            lossWad=value * 10**18 // UNIT,
            previousWad=10**18 // 4,
            maxChange=250_000,
        ):
            try_propose(chain, book, one_row(value))


@pytest.mark.parametrize(("value", "passes"), [(8, True), (9, False)])
def test_propose__direction_without_loss__may_get_the_tolerance(
    chain: LocalChain, book: Contract, value: int, passes: bool
) -> None:
    propose(chain, book, one_row(0))
    if passes:
        assert try_propose(chain, book, one_row(value)) == 2
    else:
        with reverts("Scenario_RateLimit", direction="+delta 1", previousWad=0):
            try_propose(chain, book, one_row(value))


FLOORS = {
    # sizes 1200, 1200, 3200, 2000 of 8000; 25% and 8 more
    "floor up 2": (0, 9_509, 9_508),
    "floor down 2": (1, 6_491, 6_492),
    "floor volUp 2": (2, 12_009, 12_008),
    "floor volDown 2": (3, 5_491, 5_492),
}


@pytest.mark.parametrize("direction", FLOORS)
def test_propose__floor__may_not_jump_either(chain: LocalChain, running: Contract, direction: str) -> None:
    at, beyond, bound = FLOORS[direction]
    assert try_propose(chain, running, floor(at, bound)) == 2
    with reverts("Scenario_RateLimit", direction=direction):
        try_propose(chain, running, floor(at, beyond))


@exact
@given(
    seed=st.integers(0, 2**32),
    rows=st.sampled_from([(16, 16), (16, 32), (32, 16)]),
    assets=st.sampled_from([(1,), (1, 3), (2, 5, 127), (1, 2, 3, 4)]),
    extra=st.booleans(),
    reach=st.sampled_from([0.02, 0.1, 0.2, 0.4]),
    max_change=st.sampled_from([1, 50_000, 250_000, 10**6]),
)
def test_propose__any_change__is_refused_where_the_reference_refuses(
    harness: Contract,
    seed: int,
    rows: tuple[int, int],
    assets: tuple[int, ...],
    extra: bool,
    reach: float,
    max_change: int,
) -> None:
    rng = random.Random(seed)
    old = wiggled(rng, simple_table(rows[0], assets), 0.3)
    widened = (*assets[:-1], assets[-1] - 1, assets[-1]) if extra and assets[-1] - 1 not in (0, *assets) else assets
    new = wiggled(rng, widen(old, rows[1], widened), reach)
    refused = differing(old, new, max_change)
    call = harness.functions.checkRate(as_arguments(old), as_arguments(new), max_change)
    if not refused:
        assert call.call()
        return
    with reverts("Scenario_RateLimit", maxChange=max_change) as found:
        call.call()
    assert found.error is not None
    said = found.error.arguments
    loss, before = refused[said["direction"]]
    assert (said["lossWad"], said["previousWad"]) == (loss * WAD_OF_ONE, before * WAD_OF_ONE)


def wiggled(rng: random.Random, table: Table, reach: float) -> Table:
    """The same with every move and weight a bit off."""

    def off(move: int) -> int:
        return UNIT + round((move - UNIT) * (1 + rng.uniform(-reach, reach)))

    return {
        **table,
        "weights": [max(1, round(weight * (1 + rng.uniform(-reach, reach) / 2))) for weight in table["weights"]],
        "spot": [[off(move) for move in column] for column in table["spot"]],
        "vol": [[off(move) for move in column] for column in table["vol"]],
        "floors": [tuple(off(move) for move in moves) for moves in table["floors"]],
    }


def widen(old: Table, rows: int, assets: tuple[int, ...]) -> Table:
    """The old table cut or repeated to ``rows``, with columns of its own for new assets."""
    new = simple_table(rows, assets)
    places = {asset: c for c, asset in enumerate(old["underlyings"])}
    for c, asset in enumerate(assets):
        if asset in places:
            for field in ("spot", "vol"):
                new[field][c] = (old[field][places[asset]] * 2)[:rows]
            new["floors"][c] = old["floors"][places[asset]]
    new["weights"] = (old["weights"] * 2)[:rows]
    return new


# ---------------------------------------------------------------- guards taken out


NO_LIMIT = Mutant(
    "a table may follow whatever another",
    "ScenarioBook",
    SOURCE,
    passages=((SOURCE, "if (!first) ScenarioRate.check(SSTORE2.read(_active.pointer), data, _limits.maxChange);", ""),),
)
NO_DELAY = Mutant(
    "a table holds as soon as it is proposed",
    "ScenarioBook",
    SOURCE,
    passages=(
        (
            SOURCE,
            "if (block.timestamp < next.readyAt) revert Scenario_NotReady(next.readyAt, block.timestamp);",
            "",
        ),
    ),
)
REUSED_VERSION = Mutant(
    "a version comes again after a withdrawal",
    "ScenarioBook",
    SOURCE,
    passages=((SOURCE, "version = _lastVersion + 1;", "version = _active.version + 1;"),),
)


def longs_worst_loss(book: Contract) -> int:
    """Of a unit of asset 1 held long, 1 / 8000, by the table that holds."""
    spot = book.functions.table().call()[1][4][0]
    return UNIT - min(spot)


def mutant(chain: LocalChain, authority: Contract, planted: Mutant) -> Contract:
    made = deploy(chain, planted.build(), authority.address, LIMITS)
    propose(chain, made, simple_table())
    return made


def calm() -> Table:
    """No move at all: no margin but the floor's."""
    still = [[UNIT] * 16] * 3
    return simple_table(spot=still, vol=still)


def test_guard__rate_limit__a_day_takes_all_margin_away_without_it(
    chain: LocalChain, running: Contract, authority: Contract
) -> None:
    with reverts("Scenario_RateLimit", direction="-delta 1", lossWad=0):
        propose(chain, running, calm())
    weak = mutant(chain, authority, NO_LIMIT)
    assert longs_worst_loss(weak) == 3_200  # 40%
    propose(chain, weak, calm())
    chain.advance(DAY)
    chain.send(weak.functions.activate(), STRANGER)
    assert longs_worst_loss(weak) == 0


def test_guard__delay__a_minute_takes_a_quarter_a_block_without_it(
    chain: LocalChain, running: Contract, authority: Contract
) -> None:
    def steps(book: Contract) -> int:
        """Ten proposals a few blocks apart, each a fifth below the table that holds."""
        for _ in range(10):
            held = book.functions.table().call()[1]
            shrunk = simple_table(
                spot=[[UNIT + (move - UNIT) * 4 // 5 for move in column] for column in held[4]],
                vol=[[UNIT + (move - UNIT) * 4 // 5 for move in column] for column in held[5]],
            )
            propose(chain, book, shrunk)
            chain.send(book.functions.activate(), STRANGER)
        return longs_worst_loss(book)

    with reverts("Scenario_NotReady"):
        steps(running)
    assert longs_worst_loss(running) == 3_200
    assert steps(mutant(chain, authority, NO_DELAY)) < 3_200 // 8


def test_guard__fresh_version__arrays_of_a_withdrawn_table_would_count(
    chain: LocalChain, running: Contract, authority: Contract
) -> None:
    def rush(book: Contract) -> None:
        """Arrays of one table are made, another takes its place."""
        arrays = deploy(chain, "SettableArrays")
        chain.send(book.functions.setArrays(arrays.address), chain.governor)
        propose(chain, book, simple_table())
        chain.send(arrays.functions.complete(2), STRANGER)
        chain.send(book.functions.withdrawProposal(), chain.governor)
        propose(chain, book, changed("spot", 0, 14, UNIT + 3_008))
        chain.advance(DAY)
        chain.send(book.functions.activate(), STRANGER)

    with reverts("Scenario_ArraysMissing", version=4):
        rush(running)
    weak = mutant(chain, authority, REUSED_VERSION)
    rush(weak)
    assert weak.functions.table().call()[1][4][0][14] == UNIT + 3_008  # with arrays of the other table


# ---------------------------------------------------------------- gas


@pytest.mark.parametrize(("rows", "columns", "bound"), [(32, 3, 1_000_000), (64, 16, PROPOSE_GAS)])
def test_propose__gas__is_bounded(chain: LocalChain, book: Contract, rows: int, columns: int, bound: int) -> None:
    table = simple_table(rows, tuple(range(1, columns + 1)))
    propose(chain, book, table)
    receipt = propose(chain, book, table)
    print(f"propose, {rows} x {columns}: {receipt['gasUsed']:,} gas")
    assert receipt["gasUsed"] < bound
