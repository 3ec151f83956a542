"""The page of a scenario table: whole, and escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ballast.chain.params import known_networks
from ballast.chain.scenario_file import read_scenarios
from ballast.chain.scenario_table import FloorMoves, ScenarioTable
from ballast.errors import UsageError
from ballast.report.scenarios import write_scenarios_page


@pytest.fixture
def table() -> ScenarioTable:
    found = read_scenarios(known_networks()["local"].with_name("scenarios.json"))
    floor = FloorMoves(Decimal("0.2"), Decimal("-0.2"), Decimal("0.4"), Decimal("-0.25"))
    return replace(found, names=("<b>first</b>", *found.names[1:]), floors={"SOL": floor})


def test_write__page__stands_alone_with_every_number(table: ScenarioTable, tmp_path: Path) -> None:
    path = write_scenarios_page(tmp_path / "new" / "page.html", table, "A <table>", "of & for tests")
    page = path.read_text()
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page) == []
    body = page.split("<body>")[1]
    for words in ("A &lt;table&gt;", "of &amp; for tests", "-42.3%", "+90%", "(x0.35)", "-25%", "2022-11-09"):
        assert words in body
    assert "<b>first</b>" not in body
    assert "The table names none" not in body


def test_write__no_floors_and_no_moves__still_a_page(table: ScenarioTable, tmp_path: Path) -> None:
    still = tuple((Decimal(0),) * 3 for _ in range(table.rows))
    flat = replace(table, spot=still, vol=still, floors={})
    page = write_scenarios_page(tmp_path / "page.html", flat, "", "").read_text()
    assert "0%" in page
    assert "The table names none" in page


def test_write__place_that_cannot_be_written__is_refused(table: ScenarioTable, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_scenarios_page(tmp_path / "occupied" / "page.html", table, "", "")
