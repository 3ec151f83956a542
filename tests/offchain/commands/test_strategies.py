"""``ballast strategies``: its output, and that docs/capital-efficiency.md is it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.offchain.commands.shell import Shell

PROJECT = Path(__file__).parents[3]
FILES = (PROJECT / "examples" / "market.json", PROJECT / "scripts" / "params" / "scenarios.json")
COLUMNS = ("portfolio", "standard", "derive", "isolated")
PAGE = (PROJECT / "docs" / "capital-efficiency.md").read_text("utf-8")


def rows(shell: Shell, *options: object) -> list[dict[str, Any]]:
    result = shell("strategies", *FILES, "--json", *options)
    assert (result.code, result.err) == (0, [])
    found: list[dict[str, Any]] = json.loads(result.out)
    return found


def table_of_page(heading: str) -> dict[str, list[str]]:
    """The first table after a heading, by its rows' first cells."""
    section = PAGE.split(f"## {heading}", 1)[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


def test_docs__tables__are_what_the_command_says(shell: Shell) -> None:
    found = rows(shell)
    for heading, field, form in (
        ("Initial margin, USDC", "initial_margin", "{:,.0f}"),
        ("USDC to bring", "to_bring", "{:,.0f}"),
        ("What netting saves", "of_outright", "{:.0%}"),
    ):
        wanted = {row["strategy"]: [form.format(row[field][column]) for column in COLUMNS] for row in found}
        assert table_of_page(heading) == wanted, heading
    held = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE.split("\n## ")[0], flags=re.MULTILINE))
    assert {row["strategy"]: row["words"] for row in found} == {
        name: words for name, words in held.items() if name not in ("strategy", "---")
    }


def test_strategies__table__has_every_number_of_the_json(shell: Shell) -> None:
    result = shell("strategies", *FILES)
    assert (result.code, result.err) == (0, [])
    cells = {cell.strip() for line in result.out.splitlines() for cell in line.split("│")}
    for row in rows(shell):
        assert row["strategy"] in cells
        for column in COLUMNS:
            assert f"{row['initial_margin'][column]:,.0f}" in cells
            assert f"{row['to_bring'][column]:,.0f}" in cells
            assert f"{row['of_outright'][column]:.0%}" in cells


def test_strategies__other_underlying_and_size__scale(shell: Shell) -> None:
    once, twice = (rows(shell, "--underlying", "SOL", "--other", "ETH", "--size", size) for size in ("100", "200"))
    assert once[2]["strategy"] == "ETH-SOL pair"
    assert once[2]["positions"] == {"ETH-PERP": "5", "SOL-PERP": "-100"}
    for before, after in zip(once[:9], twice[:9], strict=True):  # the box keeps the minimum
        assert after["initial_margin"]["portfolio"] == pytest.approx(
            2 * before["initial_margin"]["portfolio"], rel=1e-3
        )


def test_strategies__page__stands_alone_with_every_strategy(shell: Shell, tmp_path: Path) -> None:
    found = rows(shell, "--html", tmp_path / "new" / "page.html")
    page = (tmp_path / "new" / "page.html").read_text()
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page) == []
    body = page.split("<body>")[1]
    for row in found:
        assert f"<td>{row['strategy']}</td>" in body
        assert f">{row['initial_margin']['portfolio']:,.0f}</td>" in body
    assert body.count('"type":"bar"') >= 12, "three charts of four models"


def test_strategies__parameters_of_a_file__are_used(shell: Shell, tmp_path: Path) -> None:
    plain = {"phi_mm": 1.0, "phi_im": 1.0}
    (tmp_path / "params.json").write_text(json.dumps(plain))
    found = rows(shell, "--params", tmp_path / "params.json")
    assert found[-1]["initial_margin"]["portfolio"] < 1, "a box without a minimum"
    assert found[0]["initial_margin"]["portfolio"] < rows(shell)[0]["initial_margin"]["portfolio"] / 1.3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--underlying", "DOGE"), "market.json: underlyings.DOGE: missing; there are BTC, ETH, SOL"),
        (("--underlying", "BTC"), "--other BTC: the same as --underlying"),
        (("--size", "0"), "0 is no size; give more than 0, at most 1000000000"),
        (("--size", "1e30"), "1e30 is no size; give more than 0, at most 1000000000"),
        (("--size", "x"), "not a decimal number"),
        (("--params", "none.json"), "none.json: no such file"),
    ],
)
def test_strategies__bad_input__is_one_line(shell: Shell, options: tuple[str, ...], says: str) -> None:
    assert says in shell.refuses("strategies", *FILES, *options)


def test_strategies__help__has_an_example_and_json(shell: Shell) -> None:
    result = shell("strategies", "--help")
    assert "ballast strategies" in result.out.partition("Example:")[2]
    assert "--json" in result.out
