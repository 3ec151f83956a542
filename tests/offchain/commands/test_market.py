"""``ballast market snapshot``: an option chain becomes a market.json that margins are computed from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from math import log, sqrt
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.instruments import expiry_label, expiry_of_label
from ballast.market.chain_csv import COLUMNS, read_chain
from ballast.market.snapshot import fit_chain
from tests.offchain.commands.shell import Shell

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
NOW = "2026-11-20T12:00:00+00:00"
SECONDS = 1_795_176_000
SVI = (0.02, 0.1, -0.2, 0.0, 0.2)


def rows(strikes: int = 9, labels: tuple[str, ...] = ("26MAR27", "25JUN27")) -> list[dict[str, Any]]:
    a, b, rho, m, sigma = SVI
    made = []
    for label in labels:
        years = (expiry_of_label(label) - SECONDS) / (365 * 86_400)
        for i in range(strikes):
            strike = 2_000 + 300 * i
            k = log(strike / 3_050)
            vol = sqrt((a + b * (rho * (k - m) + sqrt((k - m) ** 2 + sigma**2))) / years)
            for side in "CP":
                day = f"20{label[5:]}-{'03' if 'MAR' in label else '06'}-{label[:2]}T08:00:00+00:00"
                values = (NOW, f"ETH-{label}-{strike}-{side}", strike, day, vol, 3_050, 3_000)
                made.append(dict(zip(COLUMNS, values, strict=True)) | {"volume": 1})
    return made


@pytest.fixture
def chain_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(made: list[dict[str, Any]], drop: str | None = None) -> Path:
        path = tmp_path / "chain.csv"
        names = [name for name in made[0] if name != drop]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(made)
        return path

    return write


def test_snapshot__chain__surfaces_are_fitted_and_margin_reads_them(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "market.json"
    result = shell("market", "snapshot", "--chain-csv", chain_csv(rows()), "--out", out, "--json")
    assert result.code == 0
    fitted = json.loads(result.out)
    assert [(row["expiry"], row["strikes"], row["left_out"]) for row in fitted] == [
        ("26MAR27", 9, None),
        ("25JUN27", 9, None),
    ]
    assert all(row["largest_error"] < 0.01 and row["lowest_density"] > 0 for row in fitted)
    content = json.loads(out.read_text())
    assert content["time"] == "2026-11-20T12:00:00Z"
    entry = content["underlyings"]["ETH"]
    assert (float(entry["spot"]), float(entry["expiries"]["26MAR27"]["forward"])) == (3_000, 3_050)
    (tmp_path / "portfolio.json").write_text('{"positions": {"ETH-26MAR27-3200-C": "5"}}')
    scenarios = Path(__file__).parents[3] / "scripts" / "params" / "scenarios.json"
    margin = shell("margin", tmp_path / "portfolio.json", out, scenarios, "--json")
    assert margin.code == 0
    assert json.loads(margin.out)["equity"] > 0


def test_snapshot__expiry_of_few_strikes__is_left_out_and_said_so(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    made = rows(labels=("26MAR27",)) + rows(4, ("25JUN27",))
    result = shell("market", "snapshot", "--chain-csv", chain_csv(made), "--out", tmp_path / "market.json")
    assert result.code == 0
    assert "4 strikes; a slice needs 5" in result.out
    expiries = json.loads((tmp_path / "market.json").read_text())["underlyings"]["ETH"]["expiries"]
    assert "svi" in expiries["26MAR27"]
    assert "svi" not in expiries["25JUN27"]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("strike", "x", "chain.csv:2: strike: 'x' is no number"),
        ("implied_volatility", "-0.5", "chain.csv:2: implied_volatility: is -0.5"),
        ("futures_price", "nan", "chain.csv:2: futures_price: is nan"),
        ("timestamp", "today", "chain.csv:2: timestamp: 'today' is no time"),
        ("expiry_datetime", "2027-03-26T09:00:00+00:00", "not one; an expiry is 08:00 UTC"),
    ],
)
def test_snapshot__bad_row__is_one_line_and_writes_nothing(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path, column: str, value: str, says: str
) -> None:
    made = rows()
    made[0][column] = value
    out = tmp_path / "market.json"
    assert says in shell.refuses("market", "snapshot", "--chain-csv", chain_csv(made), "--out", out)
    assert not out.exists()


def test_snapshot__no_such_file_column_or_strikes__is_one_line(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "market.json"
    assert "no such file" in shell.refuses("market", "snapshot", "--chain-csv", tmp_path / "none.csv", "--out", out)
    path = chain_csv(rows(), drop="strike")
    assert "no column strike" in shell.refuses("market", "snapshot", "--chain-csv", path, "--out", out)
    path = chain_csv(rows(3))
    assert "no expiry has strikes enough" in shell.refuses("market", "snapshot", "--chain-csv", path, "--out", out)


def test_fit_chain__real_chain__median_error_is_below_a_third_of_a_vol_point() -> None:
    found = sorted(SHARED.glob("chain_*.csv"))
    if not found:
        pytest.skip("the market data is not beside this tree")
    chain = read_chain(found[0])
    labels = ("30JAN26", "26JUN26", "25DEC26")
    some = {name: {label: expiries[label] for label in labels} for name, expiries in chain.expiries.items()}
    fits = list(fit_chain(type(chain)(chain.time, chain.index, some)))
    assert [one.label for one in fits] == [*labels, *labels]
    for one in fits:
        assert one.fit is not None
        print(
            f"{one.underlying} {one.label}: {one.strikes} strikes, median error {one.fit.median_error:.2f} vol points"
        )
        assert one.fit.median_error < 1 / 3
        assert one.fit.lowest_density >= 0
        assert expiry_label(chain.expiries[one.underlying][one.label].expiry) == one.label
