"""``make parity`` with few accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from ballast.chain.protocol import Health
from ballast.index.state import Bank
from ballast.risk.margin import Margins
from scripts import parity


@pytest.mark.e2e
def test_main__few_accounts__compares_each_after_each_move() -> None:
    done = CliRunner().invoke(parity.main, ["--accounts", "12", "--moves", "3"])
    assert done.exit_code == 0, done.output
    # 12 and their maker: at first, after three moves, expired, and with settlement prices
    assert f"{13 * 6} healths compared, no difference" in done.output
    assert "surface" in done.output


@pytest.mark.e2e
def test_main__a_twin_that_is_off_by_one__names_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = parity.healths_of

    def wrong(margins: Margins, banks: Mapping[int, Bank], accounts: Iterable[int]) -> dict[int, Any]:
        found = genuine(margins, banks, accounts)
        last = max(found)
        assert isinstance(found[last], Health)
        return {**found, last: replace(found[last], equity=found[last].equity + 1)}

    monkeypatch.setattr(parity, "healths_of", wrong)
    done = CliRunner().invoke(parity.main, ["--accounts", "2", "--moves", "0"])
    assert done.exit_code == 1
    assert "contract Health(" in done.output
    assert "twin Health(" in done.output


@pytest.mark.parametrize("arguments", [["--accounts", "0"], ["--moves", "-1"], ["--seed", "x"]])
def test_main__bad_input__2_and_what_would_be_right(arguments: list[str]) -> None:
    done = CliRunner().invoke(parity.main, arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.output
