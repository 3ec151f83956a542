"""Rows of `ballast bench --json`."""

from __future__ import annotations

import pytest

from ballast.bench.rows import BALLAST, Row, RowError, with_ratios


def _row(system: str, value: int | None, **fields: object) -> Row:
    return Row("borrow", system, value, "gas", "1.0", **fields)  # type: ignore[arg-type]


def test_row__no_value_and_no_reason__refused() -> None:
    with pytest.raises(RowError, match="aave borrow: a row without a value needs a reason"):
        _row("aave", None)


def test_to_json__value__has_the_fields_of_the_interface() -> None:
    assert _row(BALLAST, 139_000, n=64, k=32).to_json() == {
        "work": "borrow",
        "system": "ballast",
        "n": 64,
        "k": 32,
        "value": 139_000,
        "unit": "gas",
        "ratio_to_ballast": None,
        "version": "1.0",
    }


def test_to_json__no_value__prints_null_and_the_reason() -> None:
    printed = _row("aave", None, reason="no compiler", source="a paper").to_json()
    assert printed["value"] is None
    assert (printed["reason"], printed["source"]) == ("no compiler", "a paper")


def test_with_ratios__same_work_and_size__divides_by_ballast() -> None:
    rows = with_ratios([_row("aave", 300, n=1), _row(BALLAST, 200, n=1, k=16)])
    assert [row.ratio_to_ballast for row in rows] == [1.5, 1.0]
    assert [row.system for row in rows] == ["aave", BALLAST]


def test_with_ratios__other_size_or_no_value__stays_without_ratio() -> None:
    rows = with_ratios(
        [
            _row(BALLAST, 200, n=1),
            _row("aave", 300, n=4),
            _row("morpho", None, n=1, reason="not installed"),
        ]
    )
    assert [row.ratio_to_ballast for row in rows] == [1.0, None, None]


def test_with_ratios__different_units__refused() -> None:
    with pytest.raises(RowError, match="aave borrow: s compared with gas"):
        with_ratios([_row(BALLAST, 200), Row("borrow", "aave", 3, "s", "1.0")])
