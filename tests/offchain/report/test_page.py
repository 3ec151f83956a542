from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ballast.errors import UsageError
from ballast.report import Liquidated, ReportData, Table, render, write_report

START = datetime(2020, 3, 12, tzinfo=UTC)
DATA = ReportData(
    title="A <demo>",
    subtitle="two points",
    x=[START, START + timedelta(hours=2)],
    x_title="",
    prices={"ETH": [194.739, 111.211], "BTC": [7913.62, 4860.35]},
    factors=[[1.2, 3.0, 9.0], [0.9, 2.0, 400.0]],
    target=1.15,
    liquidations=[Liquidated(1, "ETH", "perp long 3", 12345.6, -0.5, 321.09)],
    figures=[("bad debt, USDC", "321.09")],
    tables=[
        Table("Results", ("", "value"), [["bad debt (USDC)", "321.09"], ["  borne by lenders", "1.00"]]),
        Table("Invariants", ("", "says", "detail"), [["I1", "a", "b"], ["I2", "c", "d"]], flags=[True, False]),
    ],
    notices=("SOL: left out, <no rows>",),
)


def _body(page: str) -> str:
    return page.split("<body>")[1]


def test_render__page__stands_alone() -> None:
    page = render(DATA)
    assert "plotly.js v" in page
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page) == []
    assert "@import" not in page
    assert "url(http" not in page


def test_render__words__are_escaped_and_shown() -> None:
    body = _body(render(DATA))
    assert "A &lt;demo&gt;" in body
    assert "SOL: left out, &lt;no rows&gt;" in body
    assert "perp long 3" in body
    assert "321.09" in body


def test_render__verdicts__pass_and_fail_are_told_apart() -> None:
    body = _body(render(DATA))
    assert body.count(">PASS<") == 1
    assert body.count('class="pill bad">FAIL<') == 1


def test_render__indented_row__is_set_back() -> None:
    assert '<td class="sub">borne by lenders</td>' in _body(render(DATA))


def test_render__nothing_happened__still_a_page() -> None:
    page = render(replace(DATA, liquidations=[], factors=[[], []], notices=(), marks={1: "12 Mar"}))
    assert "12 Mar" in _body(page)


def test_write_report__folder_that_is_missing__is_made(tmp_path: Path) -> None:
    path = write_report(tmp_path / "new" / "index.html", DATA)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_write_report__place_that_is_a_folder__refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path, DATA)
