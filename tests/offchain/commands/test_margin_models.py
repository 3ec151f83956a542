"""``ballast margin --model``: STANDARD and ISOLATED against their rules, the fields of every model."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ballast.risk.file_models import MODELS
from tests.offchain.commands.shell import Shell
from tests.offchain.commands.test_margin import MARKET, PLAIN, PORTFOLIO, option, scenarios

FIELDS = {
    "equity",
    "initial_margin",
    "maintenance_margin",
    "health_factor",
    "expected_shortfall",
    "floor",
    "contingencies",
    "scenario_pnl",
    "worst_scenarios",
    "model",
    "parameters",
}
ISOLATED = {"collateral": {"USDC": "9000", "ETH": "1"}, "positions": {"ETH-26MAR27-3500-C": "-2"}}

Margin = Callable[..., Any]


@pytest.fixture
def margin(shell: Shell, tmp_path: Path) -> Margin:
    """Runs the command with a model; what fails returns the line of the refusal."""

    def run(model: str | None, portfolio: Any = PORTFOLIO, params: Any = None, refused: bool = False) -> Any:
        files = []
        for name, content in (("portfolio", portfolio), ("market", MARKET), ("scenarios", scenarios())):
            files.append(tmp_path / f"{name}.json")
            files[-1].write_text(json.dumps(content))
        arguments: list[object] = ["margin", *files, "--json", *(("--model", model) if model else ())]
        if params is not None:
            (tmp_path / "params.json").write_text(json.dumps(params))
            arguments += ["--params", tmp_path / "params.json"]
        if refused:
            return shell.refuses(*arguments)
        result = shell(*arguments)
        assert (result.code, result.err) == (0, [])
        return json.loads(result.out)

    return run


@pytest.mark.parametrize("model", MODELS)
def test_margin__every_model__has_the_fields_and_one_equity(margin: Margin, model: str) -> None:
    found = margin(model, ISOLATED)
    assert set(found) >= FIELDS
    assert found["model"] == model
    assert found["equity"] == margin("portfolio", ISOLATED)["equity"]
    assert found["initial_margin"] > found["maintenance_margin"] > 0
    assert found["health_factor"] == pytest.approx(found["equity"] / found["maintenance_margin"])
    assert all(0 <= row < len(found["scenario_pnl"]) for row in found["worst_scenarios"])
    again = margin(model, ISOLATED, found["parameters"])
    assert again == found, "what it prints under parameters is what --params reads"


@pytest.mark.parametrize("model", MODELS)
def test_margin__every_model__prints_a_table(shell: Shell, margin: Margin, tmp_path: Path, model: str) -> None:
    wanted = margin(model, ISOLATED)
    result = shell(
        "margin", *(tmp_path / f"{name}.json" for name in ("portfolio", "market", "scenarios")), "--model", model
    )
    assert (result.code, result.err) == (0, [])
    assert f"{wanted['initial_margin']:,.2f}" in result.out
    assert "worst" in result.out


def test_standard__mixed_portfolio__charges_each_leg_by_itself(margin: Margin) -> None:
    found = margin("standard")
    spot = {name: float(one["spot"]) / 0.998 for name, one in MARKET["underlyings"].items()}
    worth = {name: option(name, 0, 0, 0)[0] for name in PORTFOLIO["positions"] if name[-2:] in ("-C", "-P")}
    long = {
        "ETH-26MAR27-3500-C": 12 * worth["ETH-26MAR27-3500-C"],
        "BTC-26MAR27-60000-P": 0.25 * worth["BTC-26MAR27-60000-P"],
    }

    def short(units: float, rate: float, otm: float) -> float:
        return units * max(rate * spot["ETH"] - otm, rate * spot["ETH"] / 2)

    wanted = {
        "ETH": (0.15 * 2.5 * spot["ETH"], 0.20 * 2.5 * spot["ETH"]),
        "BTC": (0.15 * 0.1 * spot["BTC"], 0.20 * 0.1 * spot["BTC"]),
        "ETH-PERP": (0.065 * 10 * 3_010.5, 0.10 * 10 * 3_010.5),
        "BTC-26MAR27": (0.05 * 0.3 * 61_000, 0.075 * 0.3 * 61_000),  # its perpetual's rates
        "ETH-26MAR27-2500-P": tuple(short(7.55, rate, spot["ETH"] - 2_500) for rate in (0.09, 0.15)),
        "ETH-27NOV26-3000-C": tuple(short(3, rate, 0) for rate in (0.09, 0.15)),
        **{name: (value, value) for name, value in long.items()},
    }
    charges = {name: (one["maintenance"], one["initial"]) for name, one in found["charges"].items()}
    assert set(charges) == set(wanted)
    for name, pair in wanted.items():
        assert charges[name] == pytest.approx(pair, abs=1e-4), name
    assert found["maintenance_margin"] == pytest.approx(sum(one for one, _ in charges.values()))
    assert found["initial_margin"] == pytest.approx(sum(one for _, one in charges.values()))
    assert (found["contingencies"], found["initial_only"]) == ({}, {"uncredited_profit": 0})
    view = margin("portfolio")
    for field in ("expected_shortfall", "floor", "scenario_pnl", "worst_scenarios"):
        assert found[field] == view[field], f"{field} stays the scenario table's"


@pytest.mark.parametrize(
    ("collateral", "positions", "maintenance"),
    [
        ({"USDC": "100"}, {}, 0),
        ({"USDC": "100"}, {"ETH-26MAR27-9000-C": "0.01"}, None),  # a long alone owes nothing
        ({"USDC": "-0.5", "ETH": "0.001"}, {}, 10),
        ({"ETH": "-0.001"}, {}, 10),
        ({}, {"ETH-PERP": "0.01"}, 10),
        ({}, {"ETH-26MAR27": "0.01"}, 10),
        ({}, {"ETH-26MAR27-9000-C": "-0.01"}, 10),
    ],
)
def test_standard__who_owes__keeps_at_least_the_minimum(
    margin: Margin, collateral: dict[str, str], positions: dict[str, str], maintenance: float | None
) -> None:
    found = margin("standard", {"collateral": collateral, "positions": positions})
    if maintenance is None:
        maintenance = max(0.01 * option("ETH-26MAR27-9000-C", 0, 0, 0)[0], 0)
        assert 0 < maintenance < 10
    assert found["maintenance_margin"] == pytest.approx(maintenance, abs=1e-6)
    assert found["initial_margin"] >= found["maintenance_margin"]
    plain = margin("standard", {"collateral": collateral, "positions": positions}, PLAIN)
    assert plain["maintenance_margin"] <= min(2.0, found["maintenance_margin"]), "a file without a minimum has none"


def test_standard__rates_of_the_parameters__are_used(margin: Margin) -> None:
    given = {
        "tokens": {"ETH": {"maintenance": 0.3, "initial": 0.4}},
        "options": {"ETH": {"maintenance": 0.1, "initial": 0.2}},
    }
    found = margin("standard", ISOLATED, PLAIN | {"standard": given})
    index = 3_000 / 0.998
    charges = found["charges"]
    assert charges["ETH"] == pytest.approx({"maintenance": 0.3 * index, "initial": 0.4 * index})
    short = charges["ETH-26MAR27-3500-C"]
    assert short == pytest.approx(
        {"maintenance": 2 * 0.05 * index, "initial": 2 * max(0.1, 0.2 - (3500 / index - 1)) * index}
    )
    line = margin("standard", PORTFOLIO, PLAIN | {"standard": given}, refused=True)
    assert "collateral.BTC: the parameters have no standard.tokens.BTC" in line
    line = margin("standard", {"positions": {"BTC-26MAR27": "1"}}, PLAIN | {"standard": given}, refused=True)
    assert "positions.BTC-26MAR27: the parameters have no standard.instruments.BTC-PERP" in line


@pytest.mark.parametrize(
    "positions",
    [
        {"ETH-PERP": "1"},
        {"ETH-26MAR27": "-1"},
        {"ETH-26MAR27-3500-C": "1", "ETH-26MAR27-2500-P": "-1", "BTC-PERP": "0"},
        {},
    ],
)
def test_isolated__one_market__is_standard(margin: Margin, positions: dict[str, str]) -> None:
    held = {"collateral": ISOLATED["collateral"], "positions": positions, "model": "isolated"}
    found = margin(None, held)
    assert found["model"] == "isolated"
    assert found | {"model": "standard"} == margin("standard", held)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ETH-PERP", "BTC-PERP"),
        ("ETH-PERP", "ETH-26MAR27"),
        ("ETH-26MAR27", "ETH-26MAR27-3500-C"),
        ("ETH-26MAR27-3500-C", "ETH-27NOV26-3500-C"),
        ("ETH-26MAR27-3500-C", "BTC-26MAR27-60000-C"),
    ],
)
def test_isolated__two_markets__is_one_line(margin: Margin, first: str, second: str) -> None:
    line = margin("isolated", {"positions": {first: "1", second: "1"}}, refused=True)
    assert f"portfolio.json: positions.{second}: another market than that of {first}" in line


# ------------------------------------------------------------------ grids of others


@pytest.mark.parametrize(("model", "rows"), [("span", 16), ("derive", 34)])
def test_grids__two_underlyings__add_up_without_netting(margin: Margin, model: str, rows: int) -> None:
    held = {"collateral": {"USDC": "9000"}, "positions": {"ETH-PERP": "-10", "BTC-PERP": "0.5"}}
    found = margin(model, held)
    assert len(found["scenario_pnl"]) == rows
    parts = [margin(model, {"positions": {name: size}}) for name, size in held["positions"].items()]
    for field in ("initial_margin", "maintenance_margin", "expected_shortfall"):
        assert found[field] == pytest.approx(sum(part[field] for part in parts)), field
    for row, profit in enumerate(found["scenario_pnl"]):
        assert profit == pytest.approx(sum(part["scenario_pnl"][row] for part in parts), abs=1e-5)
    worst = [found["underlyings"][name]["worst_scenario"] for name in ("ETH", "BTC")]
    assert found["worst_scenarios"] == sorted(worst, key=lambda row: row != worst[0]), "ETH's loss is the larger"
    assert found["floor"] == 0
    assert margin("portfolio", held)["expected_shortfall"] < found["expected_shortfall"]


def test_span__ranges__are_the_floors_of_the_parameters(margin: Margin) -> None:
    held = {"positions": {"ETH-PERP": "1"}}
    assert margin("span", held)["expected_shortfall"] == pytest.approx(0.15 * 3_010.5)
    assert margin("span", held, PLAIN)["expected_shortfall"] == pytest.approx(0.15 * 3_010.5), (
        "none given: the deployment's"
    )
    found = margin("span", held, PLAIN | {"floor": {"ETH": 0.3}})
    assert found["expected_shortfall"] == pytest.approx(0.3 * 3_010.5)
    assert found["initial_margin"] == pytest.approx(1.1 * 0.3 * 3_010.5, abs=1e-5)
    assert found["model_parameters"]["ranges"]["ETH"] == {"price": 0.3, "vol_up": 0.4, "vol_down": 0.25}


def test_derive__depeg__widens_initial_alone(margin: Margin, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"positions": {"ETH-PERP": "1"}}
    before = margin("derive", held)
    cheap = copy.deepcopy(MARKET) | {"quote_price": "0.94"}
    monkeypatch.setattr("tests.offchain.commands.test_margin_models.MARKET", cheap)
    after = margin("derive", held)
    loss = 0.18 * 3_010.5
    assert before["initial_only"]["depeg"] == 0
    assert after["initial_only"]["depeg"] == pytest.approx(4 * 0.05 * loss, abs=1e-5)
    assert after["expected_shortfall"] == pytest.approx(loss)
