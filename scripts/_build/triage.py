"""Slither's findings against the explained ones in docs/security-findings.toml.

A place names what a finding is about, without line numbers, so that it survives edits elsewhere::

    ledger/Banks.sol:_move: amount == 0      file below contracts/, function, expression or local variable
    ledger/LedgerStorage.sol:_engine         file, state variable

A second finding in an explained function is a place of its own, and so has to be explained too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ballast.errors import UsageError

__all__ = ["Explanation", "Finding", "Triage", "load_explanations", "read_findings", "table", "triage"]

_SERIOUS = ("High", "Medium")


@dataclass(frozen=True, order=True)
class Finding:
    """One finding; ``impact`` as slither names it."""

    detector: str
    place: str
    impact: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why a detector's findings at ``places`` are safe."""

    detector: str
    places: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Triage:
    """``unexplained`` findings, and explanations as (detector, place) that match nothing any more."""

    unexplained: tuple[Finding, ...]
    unused: tuple[tuple[str, str], ...]


def _place(elements: list[dict[str, Any]]) -> str:
    if not elements:
        return "unknown"
    first = elements[0]
    file = str(first["source_mapping"]["filename_relative"]).removeprefix("contracts/")
    name = str(first["name"])
    if first["type"] == "variable":
        parent = first["type_specific_fields"]["parent"]
        return f"{file}:{parent['name']}: {name}" if parent["type"] == "function" else f"{file}:{name}"
    node = next((element["name"] for element in elements if element["type"] == "node"), None)
    return f"{file}:{name}" if node is None else f"{file}:{name}: {node}"


def read_findings(document: Mapping[str, Any]) -> list[Finding]:
    """The findings of high and medium impact in what ``slither --json`` wrote, sorted, each once."""
    found = document["results"].get("detectors", [])
    return sorted({Finding(f["check"], _place(f["elements"]), f["impact"]) for f in found if f["impact"] in _SERIOUS})


def load_explanations(path: Path) -> list[Explanation]:
    """Reads ``[[explained]]`` tables; ``UsageError`` where one is malformed or a place is there twice."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("explained", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    explanations: list[Explanation] = []
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(tables, 1):
        where = f"{path}: [[explained]] number {number}"
        if set(entry) != {"detector", "places", "why"}:
            raise UsageError(f"{where} must have detector, places and why, and nothing else")
        explanation = Explanation(entry["detector"], tuple(entry["places"]), str(entry["why"]).strip())
        if not explanation.places or not explanation.why:
            raise UsageError(f"{where} needs at least one place and a reason")
        for place in explanation.places:
            if (explanation.detector, place) in seen:
                raise UsageError(f"{where} explains {place!r} a second time")
            seen.add((explanation.detector, place))
        explanations.append(explanation)
    return explanations


def triage(findings: Iterable[Finding], explanations: Iterable[Explanation]) -> Triage:
    """Compares what was found with what is explained."""
    findings = list(findings)
    explained = [(entry.detector, place) for entry in explanations for place in entry.places]
    found = {(finding.detector, finding.place) for finding in findings}
    return Triage(
        unexplained=tuple(f for f in findings if (f.detector, f.place) not in set(explained)),
        unused=tuple(key for key in explained if key not in found),
    )


def table(explanations: Iterable[Explanation]) -> str:
    """The explanations as the Markdown table of docs/security.md."""
    rows = ["| detector | where | why it is safe |", "|---|---|---|"]
    for entry in explanations:
        places = "<br>".join(f"`{place}`".replace("|", "\\|") for place in entry.places)
        rows.append(f"| {entry.detector} | {places} | {' '.join(entry.why.split())} |")
    return "\n".join(rows) + "\n"
