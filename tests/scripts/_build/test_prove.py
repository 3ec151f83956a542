"""What ``make prove`` says of halmos' report."""

from __future__ import annotations

from typing import Any

import pytest

from scripts._build.prove import read_proofs, verdict


def document(exitcode: int, *, loops: int = 0, canary: int = 1) -> dict[str, Any]:
    def one(name: str, code: int, bounded: int) -> dict[str, Any]:
        return {
            "name": name,
            "exitcode": code,
            "num_paths": [3, 3, 0],
            "time": [0.5, 0.1, 0.4],
            "num_bounded_loops": bounded,
        }

    return {
        "test_results": {
            "tests/symbolic/PackingProofs.sol:PackingProofs": [one("check_a(uint8)", exitcode, loops)],
            "tests/symbolic/CanaryProofs.sol:CanaryProofs": [one("check_canary(uint16)", canary, 0)],
        }
    }


def test_verdict__all_hold_and_the_canary_is_refuted__0(capsys: pytest.CaptureFixture[str]) -> None:
    proofs = read_proofs(document(0))
    assert [(one.contract, one.name, one.paths) for one in proofs] == [
        ("PackingProofs", "check_a", 3),
        ("CanaryProofs", "check_canary", 3),
    ]
    assert verdict(proofs) == 0
    assert "check_a: holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (document(1), "COUNTEREXAMPLE"),
        (document(2), "not decided in time"),
        (document(0, loops=1), "a loop was not followed to its end"),
        (document(0, canary=0), "the run proves nothing"),
    ],
    ids=["counterexample", "timeout", "loop", "canary"],
)
def test_verdict__anything_else__1(capsys: pytest.CaptureFixture[str], found: dict[str, Any], said: str) -> None:
    assert verdict(read_proofs(found)) == 1
    assert said in capsys.readouterr().out


def test_verdict__no_canary__1(capsys: pytest.CaptureFixture[str]) -> None:
    proofs = [one for one in read_proofs(document(0)) if one.contract != "CanaryProofs"]
    assert verdict(proofs) == 1
    assert "no canary was run" in capsys.readouterr().err
