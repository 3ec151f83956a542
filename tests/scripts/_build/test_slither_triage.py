"""An unexplained finding fails ``make slither``, and docs/security.md shows what is explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ballast.errors import UsageError
from scripts._build import slither
from scripts._build.settings import ROOT
from scripts._build.triage import Explanation, Finding, load_explanations, read_findings, table, triage


def _element(kind: str, name: str, parent: tuple[str, str], file: str = "contracts/ledger/Banks.sol") -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "source_mapping": {"filename_relative": file, "lines": [1]},
        "type_specific_fields": {"parent": {"type": parent[0], "name": parent[1]}},
    }


FUNCTION = _element("function", "_move", ("contract", "Banks"))
EQUALITY = {
    "check": "incorrect-equality",
    "impact": "Medium",
    "elements": [FUNCTION, _element("node", "amount == 0", ("function", "_move"))],
}
STATE = {
    "check": "uninitialized-state",
    "impact": "High",
    "elements": [_element("variable", "_router", ("contract", "LedgerStorage")), FUNCTION],
}
LOCAL = {
    "check": "uninitialized-local",
    "impact": "Medium",
    "elements": [_element("variable", "loss", ("function", "_take"))],
}
LOW = {"check": "timestamp", "impact": "Low", "elements": [FUNCTION]}
EXPLAINED = [
    Explanation("incorrect-equality", ("ledger/Banks.sol:_move: amount == 0",), "an early return"),
    Explanation("uninitialized-state", ("ledger/Banks.sol:_router",), "written by a module"),
    Explanation("uninitialized-local", ("ledger/Banks.sol:_take: loss",), "starts at zero"),
]


def _document(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "error": None, "results": {"detectors": list(findings)}}


def test_read_findings__each_kind_of_element__names_its_place() -> None:
    assert read_findings(_document(EQUALITY, STATE, LOCAL, STATE, LOW)) == [
        Finding("incorrect-equality", "ledger/Banks.sol:_move: amount == 0", "Medium"),
        Finding("uninitialized-local", "ledger/Banks.sol:_take: loss", "Medium"),
        Finding("uninitialized-state", "ledger/Banks.sol:_router", "High"),
    ]


def test_read_findings__nothing_found__is_empty() -> None:
    assert read_findings({"success": True, "results": {}}) == []


def test_verdict__all_explained__passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert slither.verdict(_document(EQUALITY, STATE, LOCAL, LOW), EXPLAINED, "list.toml") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_verdict__one_unexplained__fails_and_names_it(left_out: int, capsys: pytest.CaptureFixture[str]) -> None:
    explained = [entry for at, entry in enumerate(EXPLAINED) if at != left_out]
    assert slither.verdict(_document(EQUALITY, STATE, LOCAL), explained, "list.toml") == 1
    lines = capsys.readouterr().err.splitlines()
    missing = EXPLAINED[left_out]
    assert len(lines) == 1
    assert f"{missing.detector} at {missing.places[0]}" in lines[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"check": "arbitrary-send-erc20"},
        {"elements": [FUNCTION, _element("node", "shares == 0", ("function", "_move"))]},
        {"elements": [_element("function", "_change", ("contract", "Banks")), EQUALITY["elements"][1]]},
        {"elements": [{**FUNCTION, "source_mapping": {"filename_relative": "contracts/ledger/Bank2.sol"}}]},
    ],
    ids=["detector", "expression", "function", "file"],
)
def test_triage__another_finding_beside_an_explained_one__is_unexplained(changed: dict[str, Any]) -> None:
    findings = read_findings(_document(EQUALITY, {**EQUALITY, **changed}))
    assert len(triage(findings, EXPLAINED).unexplained) == 1


def test_triage__explanation_without_a_finding__is_told_but_excuses_nothing() -> None:
    result = triage(read_findings(_document(EQUALITY, STATE)), EXPLAINED)
    assert result.unexplained == ()
    assert result.unused == (("uninitialized-local", "ledger/Banks.sol:_take: loss"),)


@pytest.mark.parametrize(
    "text",
    [
        "[[explained]]\ndetector = 'a'\nplaces = ['x']\n",
        "[[explained]]\ndetector = 'a'\nplaces = ['x']\nwhy = ' '\n",
        "[[explained]]\ndetector = 'a'\nplaces = []\nwhy = 'b'\n",
        "[[explained]]\ndetector = 'a'\nplaces = ['x', 'x']\nwhy = 'b'\n",
        "[[explained]\n",
    ],
    ids=["no reason", "empty reason", "no place", "twice", "no TOML"],
)
def test_load_explanations__malformed__says_where(text: str, tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"list\.toml"):
        load_explanations(path)


def test_main__unexplained__exits_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(json.dumps(_document({**EQUALITY, "check": "suicidal", "impact": "High"})))
    monkeypatch.setattr(slither, "_analyse", lambda options: document)
    assert slither.main([]) == 1
    assert "high, not explained in docs/security-findings.toml: suicidal at ledger/Banks.sol:_move" in (
        capsys.readouterr().err
    )


def test_security_md__table__is_that_of_the_explanations() -> None:
    assert table(load_explanations(slither.EXPLAINED)) in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
