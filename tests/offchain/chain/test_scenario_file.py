"""scenarios.json: exact both ways, and what is wrong is named with file, path and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ballast.chain.params import known_networks
from ballast.chain.scenario_file import read_scenarios, scenarios_json, write_scenarios
from ballast.chain.scenario_table import FLOOR_FIELDS, UNIT, FloorMoves, ScenarioTable, percent
from ballast.errors import UsageError
from tests.support.content import changed as change

ASSETS = {"USDC": 0, "BTC": 1, "ETH": 2, "SOL": 3}
FLOOR = FloorMoves(Decimal("0.15"), Decimal("-0.15"), Decimal("0.4"), Decimal("-0.25"))
FLOORS = dict.fromkeys(ASSETS, FLOOR)
CONTENT: dict[str, Any] = {
    "version": 1,
    "tail": 1,
    "vol_term_power": 0.3,
    "underlyings": ["BTC", "ETH"],
    "scenarios": [
        {"name": f"row {s}", "weight": 1.0, "spot": [-0.372, "0.125"], "vol": [0.9, -0.05]} for s in range(16)
    ],
}
Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: Any) -> Path:
        path = tmp_path / "scenarios.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return make


changed = partial(change, CONTENT)


def without(key: str) -> Any:
    return {name: value for name, value in CONTENT.items() if name != key}


def test_read__numbers_and_strings__are_the_same_exact_decimals(write: Write) -> None:
    table = read_scenarios(write(CONTENT))
    assert table.spot[3] == (Decimal("-0.372"), Decimal("0.125"))
    assert table.vol_term_power == Decimal("0.3")
    assert (table.rows, table.tail, table.underlyings, table.floors) == (16, 1, ("BTC", "ETH"), {})
    digits = "-0.1234567890123456789012345678901234567890"
    assert read_scenarios(write(changed("scenarios", 0, "spot", [digits, 0]))).spot[0][0] == Decimal(digits)
    # a JSON number is read digit by digit as well
    text = json.dumps(changed("scenarios", 0, "spot", [777, 0])).replace("777", digits)
    assert read_scenarios(write(text)).spot[0][0] == Decimal(digits)


BAD: dict[str, tuple[Any, str]] = {
    "no version": (without("version"), "version: Field required"),
    "unknown field": (changed("extra", 1), "extra: Extra inputs are not permitted"),
    "unknown field of a row": (changed("scenarios", 3, "colour", "red"), r"scenarios\[3\].colour: Extra inputs"),
    "not a number": (changed("scenarios", 2, "spot", ["x", 0]), r"scenarios\[2\].spot\[0\]: 'x': not a decimal"),
    "NaN": (changed("scenarios", 2, "spot", [float("nan"), 0]), r"scenarios\[2\].spot\[0\]: nan is no finite number"),
    "infinite": (changed("scenarios", 2, "vol", [0, float("inf")]), r"scenarios\[2\].vol\[1\]: inf is no finite"),
    "NaN in words": (changed("scenarios", 2, "vol", [0, "NaN"]), r"scenarios\[2\].vol\[1\]: 'NaN': not finite"),
    "true": (changed("scenarios", 2, "vol", [0, True]), r"scenarios\[2\].vol\[1\]: True is no finite number"),
    "too large": (changed("scenarios", 2, "vol", [0, "1e30"]), r"scenarios\[2\].vol\[1\]: 1e30 is too large"),
    "too few moves": (
        changed("scenarios", 2, "vol", [0]),
        r"scenarios\[2\].vol: 1 numbers; give one for each of the 2",
    ),
    "too many moves": (changed("scenarios", 2, "spot", [0, 0, 0]), r"scenarios\[2\].spot: 3 numbers"),
    "no weight": (changed("scenarios", 2, "weight", 0), r"scenarios\[2\].weight: is 0; the chain takes 0.0001 to 2"),
    "negative weight": (changed("scenarios", 2, "weight", -1), r"scenarios\[2\].weight: is -1"),
    "heavy": (changed("scenarios", 2, "weight", 3), r"scenarios\[2\].weight: is 3; the chain takes 0.0001 to 2"),
    "no vol": (
        changed("scenarios", 2, "vol", [0, -1.5]),
        r"scenarios\[2\].vol\[1\]: is -1.5; the chain takes -0.95 to 6",
    ),
    "a floor of nothing": (
        changed("floors", {"BTC": {"up": 0, "down": "-0.1", "vol_up": 0, "vol_down": 0}}),
        r"floors\.BTC\.up: is 0; the chain takes 0.05 to 1",
    ),
    "power": (changed("vol_term_power", 2), "vol_term_power: is 2; the chain takes 0 to 1"),
    "all lost": (
        changed("scenarios", 2, "spot", [0, -1]),
        r"scenarios\[2\].spot\[1\]: is -1; the chain takes -0.9 to 6",
    ),
    "no rows": (changed("scenarios", []), r"scenarios: 0 of them; give a multiple of 16, at most 64"),
    "seventeen rows": (changed("scenarios", CONTENT["scenarios"][:1] * 17), "scenarios: 17 of them"),
    "eighty rows": (changed("scenarios", CONTENT["scenarios"][:1] * 80), "scenarios: 80 of them"),
    "no tail": (changed("tail", 0), "tail: is 0; give 1 to the number of scenarios, 16"),
    "tail": (changed("tail", 17), "tail: is 17"),
    "half a tail": (changed("tail", 1.5), "tail: Input should be a valid integer"),
    "no underlyings": (changed("underlyings", []), "underlyings: empty"),
    "underlying twice": (changed("underlyings", ["BTC", "BTC"]), "underlyings: empty, or one is there twice"),
    "floor of another": (
        changed("floors", {"DOGE": {"up": 1, "down": 0, "vol_up": 0, "vol_down": 0}}),
        "floors.DOGE: no such underlying; there are BTC, ETH",
    ),
    "half a floor": (changed("floors", {"BTC": {"up": "0.15"}}), "floors.BTC.down: Field required"),
    "not JSON": ("{", "not JSON"),
    "a list": ("[]", "Input should be a valid dictionary"),
}


@pytest.mark.parametrize("name", BAD)
def test_read__wrong_file__names_file_and_field(write: Write, name: str) -> None:
    content, words = BAD[name]
    path = write(content)
    with pytest.raises(UsageError, match=words) as caught:
        read_scenarios(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_read__no_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: no such file"):
        read_scenarios(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_scenarios(tmp_path)


moves = st.decimals("-0.9", 6, allow_nan=False, allow_infinity=False, places=12)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_write__any_table__is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    row = st.tuples(moves, moves)
    rows = st.lists(row, min_size=16, max_size=16).map(tuple)
    table = ScenarioTable(
        version=data.draw(st.integers(0, 2**32 - 1)),
        tail=data.draw(st.integers(1, 16)),
        vol_term_power=data.draw(st.decimals(0, 1, places=12)),
        underlyings=("BTC", "ÆTH"),
        names=tuple(data.draw(st.lists(st.text(max_size=40), min_size=16, max_size=16))),
        weights=(Decimal("0.35"),) * 16,
        spot=data.draw(rows),
        vol=data.draw(rows),
        floors=data.draw(st.sampled_from([{}, {"ÆTH": FLOOR}])),
    )
    path = tmp_path_factory.mktemp("written") / "scenarios.json"
    write_scenarios(path, table)
    assert read_scenarios(path) == table
    assert json.loads(path.read_text())["underlyings"] == list(table.underlyings)
    assert ("floors" in scenarios_json(table)) is bool(table.floors)


# ---------------------------------------------------------------- the chain's grid


def test_to_chain__columns__go_by_asset_and_come_back(write: Write) -> None:
    content = changed("underlyings", ["SOL", "BTC"])
    table = read_scenarios(write(content))
    found = table.to_chain(ASSETS, FLOORS)
    assert found["underlyings"] == [1, 3]
    assert (found["spot"][0][0], found["spot"][1][0]) == (9_000, 5_024)
    assert (found["vol"][0][0], found["vol"][1][0]) == (7_600, 15_200)
    assert (found["weights"][0], found["termPower"], found["tail"]) == (10_000, 3_000, 1)
    assert found["floors"][0] == {"up": 9_200, "down": 6_800, "volUp": 11_200, "volDown": 6_000}
    assert found["names"][2] == b"row 2".ljust(32, b"\0")
    back = ScenarioTable.from_chain(7, found, {1: "BTC", 3: "SOL"}, found["names"])
    assert (back.version, back.underlyings, back.names) == (7, ("BTC", "SOL"), table.names)
    assert back.spot == tuple((bitcoin, solana) for solana, bitcoin in table.spot)
    assert back.floors == {"BTC": FLOOR, "SOL": FLOOR}
    assert back.to_chain(ASSETS) == found
    assert ScenarioTable.from_chain(7, found, {1: "BTC"}).underlyings == ("BTC", "asset 3")


def test_to_chain__every_entry__comes_back(write: Write) -> None:
    table = read_scenarios(write(CONTENT)).to_chain(ASSETS, FLOORS)
    for start in range(1, 56_001, 16 * 97):
        moves = [min(max(start + s, 800), 56_000) for s in range(16)]
        weights = [min(start + s, 20_000) for s in range(16)]
        content = {**table, "spot": [moves, moves], "vol": [moves, moves], "weights": weights}
        assert ScenarioTable.from_chain(1, content, {1: "BTC", 2: "ETH"}, table["names"]).to_chain(ASSETS) == content


OFF_GRID: dict[str, tuple[Any, str]] = {
    "spot": (
        changed("scenarios", 4, "spot", [0, "-0.3721"]),
        r"scenarios\[4\].spot\[1\] \(row 4, ETH\): -0.3721 is not a multiple of 1/8000;"
        r" the nearest are -0.372125 and -0.372$",
    ),
    "tiny": (changed("scenarios", 4, "vol", [f"0.{'0' * 60}1", 0]), r"the nearest are 0 and 0.000125$"),
    "weight": (
        changed("scenarios", 4, "weight", "0.33333"),
        r"scenarios\[4\].weight \(row 4\): 0.33333 is not a multiple of 1/10000; the nearest are 0.3333 and 0.3334",
    ),
    "power": (changed("vol_term_power", "0.00005"), "vol_term_power: 0.00005 is not a multiple of 1/10000"),
    "unlisted": (changed("underlyings", ["BTC", "DOGE"]), r"underlyings\[1\]: DOGE is not listed; there are BTC, ETH"),
    "the quote token": (changed("underlyings", ["BTC", "USDC"]), r"underlyings\[1\]: USDC is not listed"),
    "name too long": (changed("scenarios", 4, "name", "x" * 32), r"scenarios\[4\].name: 'x+' has 32 bytes; give 1"),
    "no name": (changed("scenarios", 4, "name", ""), r"scenarios\[4\].name: '' has 0 bytes"),
}


@pytest.mark.parametrize("name", OFF_GRID)
def test_to_chain__what_it_cannot_hold__is_refused_with_the_nearest(write: Write, name: str) -> None:
    content, words = OFF_GRID[name]
    with pytest.raises(UsageError, match=words):
        read_scenarios(write(content)).to_chain(ASSETS, FLOORS)


def test_to_chain__a_networks_floor_that_does_not_fit__is_refused(write: Write) -> None:
    high = replace(FLOOR, up=Decimal(8))
    with pytest.raises(UsageError, match=r"floors\.BTC\.up: 8 is out of the chain's range; give -1 to 7.191875"):
        read_scenarios(write(CONTENT)).to_chain(ASSETS, {"BTC": high, "ETH": FLOOR})


def test_to_chain__no_floor__is_refused(write: Write) -> None:
    table = read_scenarios(write(CONTENT))
    with pytest.raises(UsageError, match=r"floors\.ETH: missing; give its up, down, vol_up and vol_down"):
        table.to_chain(ASSETS, {"BTC": FLOOR})
    own = {**changed("floors", {"ETH": {"up": "0.2", "down": "-0.2", "vol_up": "0.4", "vol_down": "-0.25"}})}
    found = read_scenarios(write(own)).to_chain(ASSETS, FLOORS)["floors"]
    assert [moves["up"] for moves in found] == [9_200, 9_600]
    assert list(found[0]) == list(FLOOR_FIELDS.values())


def test_only__some_underlyings__keeps_their_columns(write: Write) -> None:
    both = {
        "BTC": {"up": "0.5", "down": "-0.2", "vol_up": 0, "vol_down": 0},
        "ETH": {"up": 1, "down": "-0.1", "vol_up": 0, "vol_down": 0},
    }
    table = read_scenarios(write(changed("floors", both)))
    one = table.only({"ETH", "DOGE"})
    assert (one.underlyings, one.spot[5], one.vol[5]) == (("ETH",), (Decimal("0.125"),), (Decimal("-0.05"),))
    assert (one.names, one.weights, list(one.floors)) == (table.names, table.weights, ["ETH"])
    assert table.only({"BTC", "ETH"}) == table
    with pytest.raises(UsageError, match="underlyings: empty"):
        table.only({"DOGE"})


def test_percent__moves__are_exact_and_signed() -> None:
    assert [percent(Decimal(text)) for text in ("-0.372", "1.0", "0", "0.000125")] == [
        "-37.2%",
        "+100%",
        "0%",
        "+0.0125%",
    ]


# ---------------------------------------------------------------- the first table


def test_first_table__of_the_package__is_on_the_grid_and_says_what_it_is() -> None:
    table = read_scenarios(known_networks()["local"].with_name("scenarios.json"))
    assert (table.rows, table.tail, table.vol_term_power) == (32, 1, Decimal("0.3"))
    assert table.underlyings == ("BTC", "ETH", "SOL")
    content = table.to_chain(ASSETS, FLOORS)
    assert min(map(min, content["spot"])) >= UNIT // 10
    days = [s for s, name in enumerate(table.names) if name[:2] == "20"]
    assert len(days) == 12
    for s in days:
        if "SOL as" in table.names[s]:
            model = table.underlyings.index(table.names[s].partition("SOL as ")[2][:3])
            assert table.spot[s][2] == table.spot[s][model]
            assert abs(table.spot[s][2]) == max(map(abs, table.spot[s][:2]))
    assert len(set(table.names)) == 32
