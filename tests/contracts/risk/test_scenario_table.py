"""The layout of a packed table. Branches: ``test_scenario_table.tree``."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from ballast.chain.local import LocalChain
from tests.contracts.ledger.tools import deploy
from tests.contracts.risk.scenarios import as_arguments, packed, random_table, simple_table, unnamed
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(60)
shapes = st.tuples(
    st.sampled_from([16, 32, 48, 64]),
    st.sets(st.integers(1, 127), min_size=1, max_size=16).map(lambda found: tuple(sorted(found))),
    st.integers(0, 2**32 - 1),
)


@pytest.fixture
def harness(chain: LocalChain) -> Contract:
    return deploy(chain, "ScenarioHarness")


def plain(value: Any) -> Any:
    return tuple(plain(inner) for inner in value) if isinstance(value, list | tuple) else value


@exact
@given(shape=shapes, version=st.integers(1, 2**32 - 1))
def test_pack__any_table__is_the_references_and_comes_back(
    harness: Contract, shape: tuple[int, tuple[int, ...], int], version: int
) -> None:
    rows, assets, seed = shape
    table = random_table(random.Random(seed), rows, assets)
    data = bytes(harness.functions.pack(as_arguments(table), version).call())
    assert data == packed(table, version)
    found_version, found = harness.functions.roundTrip(as_arguments(table), version).call()
    assert found_version == version
    assert plain(found) == plain(unnamed(table))


@pytest.mark.parametrize("rows", [16, 64])
@pytest.mark.parametrize("assets", [(1,), (1, 2, 127), tuple(range(1, 17))])
def test_offsets__of_each_column__lead_to_its_lists(harness: Contract, rows: int, assets: tuple[int, ...]) -> None:
    table = simple_table(rows, assets)
    data = bytes(harness.functions.pack(as_arguments(table), 7).call())
    assert harness.functions.header(data).call() == [7, rows, len(assets), 1, 3000]
    for c in range(len(assets)):
        spot, vol, floor, size = harness.functions.offsets(rows, c).call()
        for at, moves in ((spot, table["spot"][c]), (vol, table["vol"][c])):
            # row s is the s % 16th lane from the top of word s / 16
            for s, move in enumerate(moves):
                word = int.from_bytes(data[at + 32 * (s // 16) :][:32], "big")
                assert word >> (240 - 16 * (s % 16)) & 0xFFFF == move
        assert vol == spot + 2 * rows
        assert floor == vol + 2 * rows
        assert size == floor + 8
    assert size == len(data)
