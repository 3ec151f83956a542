"""``ballast bench gas``: the rows it prints, and that no shared step costs more than Aave's."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from ballast.cli import run
from tests.offchain.bench.conftest import PROJECT

WORKS = {
    "deposit.collateral",
    "deposit.loan",
    "borrow",
    "repay",
    "withdraw",
    "fill",
    "settle",
    "health",
    "liquidate",
    "liquidate.in-kind",
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    with redirect_stdout(StringIO()) as out:
        assert run(["bench", "gas", "--json"]) == 0
    found: list[dict[str, object]] = json.loads(out.getvalue())
    return found


def value(rows: list[dict[str, object]], system: str, work: str, n: int) -> int | None:
    found = [row["value"] for row in rows if (row["system"], row["work"], row["n"]) == (system, work, n)]
    return int(str(found[0])) if found and found[0] is not None else None


def test_bench__every_step__has_a_row_of_ours(rows: list[dict[str, object]]) -> None:
    assert {row["work"] for row in rows if row["system"] == "ballast"} >= WORKS
    assert {(row["work"], row["n"]) for row in rows if row["work"] == "health"} == {("health", n) for n in (1, 4, 16)}
    assert all(row["unit"] == "gas" and row["version"] for row in rows)
    assert not [row for row in rows if row["value"] is None], "every peer ran"


def test_bench__every_shared_step__costs_at_most_what_aave_takes(rows: list[dict[str, object]]) -> None:
    shared = {(str(row["work"]), int(str(row["n"]))) for row in rows if row["system"] == "aave-v3"}
    assert len(shared) >= 10
    dearer = {
        step: (ours, aaves)
        for step in shared
        if (ours := value(rows, "ballast", *step)) is not None
        and (aaves := value(rows, "aave-v3", *step)) is not None
        and ours > aaves
    }
    assert not dearer


def test_bench__figures_in_the_docs__are_those_measured(rows: list[dict[str, object]]) -> None:
    """To a thousandth: a change of the code shows in the table."""
    text = (Path(PROJECT) / "docs" / "benchmarks.md").read_text("utf-8")
    shown = re.findall(r"^\| `([^`]+)`(?:, K = ([0-9]+))? \| ([0-9]+) \| ([0-9,]+) \|", text, re.MULTILINE)
    assert len(shown) >= 25
    for work, k, n, ours in shown:
        found = [
            int(str(row["value"]))
            for row in rows
            if (row["system"], row["work"], row["n"]) == ("ballast", work, int(n)) and (not k or row["k"] == int(k))
        ]
        assert int(ours.replace(",", "")) == pytest.approx(found[0], rel=1e-3), (work, n, k)


def test_bench__portfolio__has_the_published_figures_beside_ours(rows: list[dict[str, object]]) -> None:
    derive = [row for row in rows if row["system"] == "derive-pmrm-2"]
    assert [row["n"] for row in derive] == [1, 4, 16, 32, 64]
    assert all(row["source"] for row in derive)
    assert all(float(str(row["ratio_to_ballast"])) > 1 for row in derive)
    assert {row["k"] for row in rows if row["work"] == "health.portfolio" and row["system"] == "ballast"} == {32, 64}
