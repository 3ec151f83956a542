"""``ballast margin``: figures against the formulas in floating point, and bad input in one line each."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from math import erf, log, sqrt
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.instruments import expiry_of_label
from ballast.chain.local import LocalChain
from ballast.testing import START
from ballast.units import WAD, from_wad
from tests.offchain.commands.shell import Shell
from tests.support.content import changed

YEAR = 365 * 86_400
PLAIN = {"phi_mm": 1.0, "phi_im": 1.3, "floor": {}, "contingencies": {}, "haircuts": {}}
SVI = {"a": 0.02, "b": 0.1, "rho": -0.2, "m": 0.0, "sigma": 0.2}
MARKET: dict[str, Any] = {
    "time": "2026-11-20T12:00:00Z",
    "quote_price": "0.998",
    "underlyings": {
        "ETH": {
            "spot": "3000",
            "perp_mark": "3010.5",
            "expiries": {"26MAR27": {"forward": "3050", "svi": SVI}, "27NOV26": {"forward": "3004", "svi": SVI}},
        },
        "BTC": {"spot": "60000", "perp_mark": "60010", "expiries": {"26MAR27": {"forward": "61000", "svi": SVI}}},
    },
}
PORTFOLIO: dict[str, Any] = {
    "model": "portfolio",
    "collateral": {"USDC": "50000", "ETH": "2.5", "BTC": "-0.1"},
    "positions": {
        "ETH-PERP": "-10",
        "BTC-26MAR27": "0.3",
        "ETH-26MAR27-3500-C": "12",
        "ETH-26MAR27-2500-P": "-7.55",
        "ETH-27NOV26-3000-C": "-3",
        "BTC-26MAR27-60000-P": "0.25",
    },
}


def scenarios(rows: int = 16, tail: int = 3) -> dict[str, Any]:
    moves = [((-1) ** i * (0.02 + 0.03 * (i % 16) + i / 500), (-1) ** (i // 2) * 0.05 * (i % 16)) for i in range(rows)]
    return {
        "version": 1,
        "tail": tail,
        "vol_term_power": 0.3,
        "underlyings": ["BTC", "ETH"],
        "scenarios": [
            {"name": f"row {i}", "weight": 1 - 0.01 * i, "spot": [spot, 1.25 * spot], "vol": [vol, vol]}
            for i, (spot, vol) in enumerate(moves)
        ],
    }


@pytest.fixture
def margin(shell: Shell, tmp_path: Path) -> Callable[..., Any]:
    """Runs the command over the given files; what fails returns the line of the refusal."""

    def run(
        portfolio: Any = PORTFOLIO, market: Any = MARKET, table: Any = None, params: Any = PLAIN, refused: bool = False
    ) -> Any:
        files = []
        for name, content in (
            ("portfolio", portfolio),
            ("market", market),
            ("scenarios", scenarios() if table is None else table),
            ("params", params),
        ):
            path = tmp_path / f"{name}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            files.append(path)
        arguments = ["margin", *files[:3], "--json", *(("--params", files[3]) if params is not None else ())]
        if refused:
            return shell.refuses(*arguments)
        result = shell(*arguments)
        assert (result.code, result.err) == (0, [])
        return json.loads(result.out)

    return run


# ------------------------------------------------------------------ the formulas, in floating point


def call(forward: float, strike: float, deviation: float) -> float:
    d1 = log(forward / strike) / deviation + deviation / 2
    return forward * (1 + erf(d1 / sqrt(2))) / 2 - strike * (1 + erf((d1 - deviation) / sqrt(2))) / 2


def option(name: str, spot: float, vol: float, power: float) -> tuple[float, float]:
    """Value now and after the moves."""
    underlying, label, strike_text, side = name.split("-")
    entry = MARKET["underlyings"][underlying]["expiries"][label]
    forward, strike, svi = float(entry["forward"]), float(strike_text), entry["svi"]
    seconds = expiry_of_label(label) - 1_795_176_000
    k = log(strike / forward) - svi["m"]
    w = svi["a"] + svi["b"] * (svi["rho"] * k + sqrt(k * k + svi["sigma"] ** 2))
    now = min(sqrt(w * YEAR / seconds), 5)
    term = (30 / max(seconds / 86_400, 1)) ** power
    then = min(5.0, now * max(0.05, 1 + vol * term))
    values = [
        call(f, strike, sigma * sqrt(seconds / YEAR)) - (f - strike) * (side == "P")
        for f, sigma in ((forward, now), (forward * (1 + spot), then))
    ]
    return values[0], values[1]


def expected(table: dict[str, Any]) -> tuple[float, list[float]]:
    """Equity and P&L of each row."""
    index = {name: float(one["spot"]) / 0.998 for name, one in MARKET["underlyings"].items()}
    equity = 50_000 + 2.5 * index["ETH"] - 0.1 * index["BTC"]
    profits = []
    for row in table["scenarios"]:
        spot, vol = (dict(zip(table["underlyings"], row[field], strict=True)) for field in ("spot", "vol"))
        profit = 2.5 * index["ETH"] * spot["ETH"] - 0.1 * index["BTC"] * spot["BTC"]
        profit += -10 * 3_010.5 * spot["ETH"] + 0.3 * 61_000 * spot["BTC"]
        for name, size in PORTFOLIO["positions"].items():
            if name[-1] in "CP" and name.count("-") == 3:
                now, then = option(name, spot[name[:3]], vol[name[:3]], table["vol_term_power"])
                profit += float(size) * (then - now)
        profits.append(profit)
    equity += sum(
        float(size) * option(name, 0, 0, 0)[0] for name, size in PORTFOLIO["positions"].items() if name.count("-") == 3
    )
    return equity, profits


@pytest.mark.parametrize("rows", [16, 32, 64])
def test_margin__mixed_portfolio__is_the_formulas(margin: Callable[..., Any], rows: int) -> None:
    table = scenarios(rows)
    found = margin(table=table)
    equity, profits = expected(table)
    gross = 100_000  # about the notional: entries are 1/32767 of an option's largest P&L
    assert found["equity"] == pytest.approx(equity, abs=1e-3)
    assert found["scenario_pnl"] == pytest.approx(profits, abs=gross * 1e-4)
    losses = sorted(
        ((-p * row["weight"], s) for s, (p, row) in enumerate(zip(profits, table["scenarios"], strict=True)))
    )
    worst = losses[::-1][:3]
    assert found["worst_scenarios"] == [s for _, s in worst]
    shortfall = sum(loss for loss, _ in worst) / 3
    assert found["expected_shortfall"] == pytest.approx(shortfall, rel=1e-3)
    assert found["maintenance_margin"] == pytest.approx(found["expected_shortfall"])
    assert found["initial_margin"] == pytest.approx(1.3 * found["expected_shortfall"])
    assert found["health_factor"] == pytest.approx(found["equity"] / found["maintenance_margin"])
    assert (found["floor"], found["model"]) == (0, "portfolio")
    assert not any(found["contingencies"].values())


def test_margin__box_spread__is_the_strikes_distance_without_risk(margin: Callable[..., Any]) -> None:
    box = {"ETH-26MAR27-2500-C": "1", "ETH-26MAR27-2600-C": "-1", "ETH-26MAR27-2600-P": "1", "ETH-26MAR27-2500-P": "-1"}
    found = margin({"collateral": {"USDC": "-100"}, "positions": box})
    assert found["equity"] == pytest.approx(0, abs=1e-4)
    assert found["scenario_pnl"] == pytest.approx([0] * 16, abs=0.5)
    netted = margin({"positions": {"ETH-26MAR27-2500-C": "1", "ETH-26MAR27-2500-P": "-1", "ETH-26MAR27": "-1"}})
    assert netted["scenario_pnl"] == pytest.approx([0] * 16, abs=1e-9)


def test_margin__default_parameters__are_the_deployments(margin: Callable[..., Any]) -> None:
    found = margin(params=None)
    parameters = found["parameters"]
    assert (parameters["phi_mm"], parameters["phi_im"], parameters["minimum"]) == (1, 1.3, 10)
    assert parameters["floor"]["ETH"] == {"up": 0.15, "down": -0.15, "vol_up": 0.4, "vol_down": -0.25}
    assert found["floor"] > 0
    assert all(found["contingencies"][name] > 0 for name in ("basis", "short_option", "vega", "gamma"))
    again = margin(params=parameters)
    assert again == found, "what it prints is what it reads"


def test_margin__nothing_required__has_no_health_factor(margin: Callable[..., Any]) -> None:
    found = margin({"collateral": {"USDC": "5"}})
    assert (found["maintenance_margin"], found["health_factor"]) == (0, None)


def test_margin__of_an_account_on_chain__is_the_contracts(margin: Callable[..., Any]) -> None:
    """Balances and perpetuals: the contract's integers, to the last digit."""
    with LocalChain(held_at=START) as chain:
        chain.open("lender", collateral={"USDC": 1_000_000, "BTC": 10})
        maker = chain.open("maker", collateral={"USDC": 1_000_000})
        owner = chain.open("owner", collateral={"USDC": "40000.123456", "ETH": "3.25"})
        chain.fill(maker, owner, "ETH-PERP", "-2.5")
        chain.fill(maker, owner, "BTC-PERP", "0.31")
        chain.settle(owner)
        chain.send(chain.protocol.house.functions.setMarginModel(owner, 1), chain.key_of(owner).address)
        cash = Decimal(chain.protocol.balance(owner, "USDC")) / 10**6
        marks = {name: str(from_wad(chain.protocol.mark(f"{name}-PERP"))) for name in ("ETH", "BTC")}
        health = chain.health(owner)
        profits, shortfall, worst = chain.protocol.house.functions.risk(owner).call()
    market = copy.deepcopy(MARKET) | {"quote_price": "1"}
    for name, mark in marks.items():
        market["underlyings"][name]["perp_mark"] = mark
    path = Path(__file__).parents[3] / "scripts" / "params" / "scenarios.json"
    held = {"collateral": {"USDC": str(cash), "ETH": "3.25"}, "positions": {"ETH-PERP": "-2.5", "BTC-PERP": "0.31"}}
    found = margin(held, market, path.read_text(), None)
    exact = {
        "equity": health.equity,
        "initial_margin": health.initial,
        "maintenance_margin": health.maintenance,
        "expected_shortfall": shortfall,
    }
    for key, wanted in exact.items():
        assert found[key] == float(from_wad(wanted)), key
    assert found["scenario_pnl"] == [float(from_wad(profit)) for profit in profits]
    assert found["worst_scenarios"] == worst
    assert health.maintenance % WAD, "not a round number"


# ------------------------------------------------------------------ bad input

STEEP = {"a": 0, "b": 2, "rho": 0, "m": "0.5", "sigma": "0.001"}


@pytest.mark.parametrize(
    ("which", "path", "value", "says"),
    [
        ("portfolio", ("positions", "ETH-26MAR27-3500-X"), "1", "portfolio.json: positions.ETH-26MAR27-3500-X"),
        ("portfolio", ("positions", "ETH-25MAR27"), "1", "no expiry 25MAR27 of ETH; there are 26MAR27, 27NOV26"),
        ("portfolio", ("positions", "DOGE-PERP"), "1", "no underlying DOGE; there are ETH, BTC"),
        ("portfolio", ("collateral", "ETH"), "NaN", "portfolio.json: collateral.ETH"),
        ("portfolio", ("collateral", "ETH"), "1e30", "too large"),
        ("portfolio", ("surprise",), 1, "portfolio.json: surprise"),
        ("portfolio", ("model",), "span", "portfolio.json: model"),
        ("portfolio", ("model",), "isolated", "positions.BTC-26MAR27: another market than that of ETH-PERP"),
        ("market", ("time",), "2026-11-20", "market.json: time: '2026-11-20' has no zone"),
        ("market", ("time",), "2027-03-26T08:00:00Z", "expired before the market's time"),
        ("market", ("quote_price",), "0", "market.json: quote_price"),
        ("market", ("underlyings", "ETH", "spot"), "-1", "market.json: underlyings.ETH.spot"),
        ("market", ("underlyings", "ETH", "perp_mark"), None, "no underlyings.ETH.perp_mark"),
        ("market", ("underlyings", "ETH", "expiries", "26MAR27", "svi"), None, "expiries.26MAR27.svi: missing"),
        ("market", ("underlyings", "ETH", "expiries", "26MAR27", "svi", "rho"), 1, "svi.rho"),
        ("market", ("underlyings", "ETH", "expiries", "26MAR27", "svi", "a"), -1, "svi: total variance at"),
        ("market", ("underlyings", "ETH", "expiries", "26MAR27", "svi"), STEEP, "svi: butterfly arbitrage at"),
        ("market", ("underlyings", "ETH", "spot"), "1e-30", "market.json: underlyings.ETH.spot"),
        ("market", ("underlyings", "ETH", "spot"), "1e20", "market.json: underlyings.ETH.spot"),
        (
            "portfolio",
            ("positions", "ETH-PERP"),
            "4e10",
            "positions.ETH-PERP: too large; a size is at most 39614081257",
        ),
        ("portfolio", ("collateral", "ETH"), "1e29", "portfolio.json: collateral.ETH: too large"),
        ("scenarios", ("scenarios", 0, "weight"), 3, "scenarios[0].weight: is 3; the chain takes 0.0001 to 2"),
        ("scenarios", ("underlyings",), ["BTC", "SOL"], "no column for ETH; there are BTC, SOL"),
        ("scenarios", ("tail",), 17, "scenarios.json: tail"),
        ("params", ("phi_mm",), 0, "params.json: phi_mm"),
        ("params", ("floor", "ETH"), "x", "params.json: floor.ETH"),
    ],
)
def test_margin__bad_input__is_one_line(
    margin: Callable[..., Any], which: str, path: tuple[Any, ...], value: Any, says: str
) -> None:
    files: dict[str, Any] = {"portfolio": PORTFOLIO, "market": MARKET, "scenarios": scenarios(), "params": PLAIN}
    files[which] = changed(files[which], *path, value)
    line = margin(files["portfolio"], files["market"], files["scenarios"], files["params"], refused=True)
    assert says in line


def test_margin__file_that_is_not_there__is_one_line(shell: Shell) -> None:
    assert "no such file; give a portfolio.json" in shell.refuses("margin", "a.json", "b.json", "c.json")


def test_margin__more_than_an_account_holds__is_one_line(margin: Callable[..., Any]) -> None:
    many = {f"ETH-26MAR27-{3_000 + i}-C": "1" for i in range(65)}
    line = margin({"collateral": {}, "positions": many}, MARKET, scenarios(), PLAIN, refused=True)
    assert "positions: 65 options; an account holds at most 64" in line


def test_margin__name_that_is_there_twice__is_one_line(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "portfolio.json"
    path.write_text('{"collateral": {"USDC": "1", "USDC": "5"}}')
    assert "USDC is there twice in one object; name it once" in shell.refuses("margin", path, "b.json", "c.json")
