"""Every event has its rule; the rules whose effect is more than a copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.artifacts import artifact
from ballast.errors import IndexingError
from ballast.index import schema
from ballast.index.decode import Event
from ballast.index.index import _MODULES
from ballast.index.rules import HOUSE_RULES, MODULE_RULES, WITHOUT_STATE, fund_after

WAD = 10**18


def _names(*contracts: str) -> set[str]:
    return {entry["name"] for contract in contracts for entry in artifact(contract)["abi"] if entry["type"] == "event"}


def _event(name: str, time: int = 100, **args: Any) -> Event:
    return Event(name, "0xhouse", args, 7, time, 0)


def test_house_rules__events_of_the_clearinghouse__each_has_a_rule_or_a_reason() -> None:
    names = _names("Clearinghouse")
    assert names - WITHOUT_STATE == HOUSE_RULES.keys()


def test_without_state__each__is_an_event_of_a_followed_contract() -> None:
    assert _names("Clearinghouse", *_MODULES) >= WITHOUT_STATE


def test_module_rules__events_of_the_followed_contracts__each_has_a_rule_or_a_reason() -> None:
    names = _names(*_MODULES)
    assert names - WITHOUT_STATE == set(MODULE_RULES)


def test_module_rules__any__touch_nothing_of_the_ledger() -> None:
    tables = {rule.table.name for rules in MODULE_RULES.values() for rule in rules}
    assert tables == {"parameter", "synced"}


def test_rules__custody_of_a_token_never_listed__error_names_block_and_token() -> None:
    (rule,) = HOUSE_RULES["Deposited"]
    with pytest.raises(IndexingError, match="block 7: Deposited of 0xother"):
        rule.key(_event("Deposited", token="0xother", amount=1), {"0xtoken": 1})


def test_rules__collected_fees_and_reserves__leave_custody_and_only_fees_leave_fees() -> None:
    row = {"held": 100, "fees": 30}
    HOUSE_RULES["FeesCollected"][0].apply(row, _event("FeesCollected", fees=20))
    HOUSE_RULES["ReservesCollected"][0].apply(row, _event("ReservesCollected", reserves=5))
    assert row == {"held": 75, "fees": 10}


def test_rules__index_beyond_its_slot__clamped_as_the_contract_stores_it() -> None:
    row = dict(schema.BANK.defaults)
    event = _event(
        "BankAccrued",
        token=1,
        depositIndex=2**72,
        borrowIndex=2**72 - 1,
        depositRate=3,
        borrowRate=4,
        time=2**32 + 9,
    )
    HOUSE_RULES["BankAccrued"][0].apply(row, event)
    assert (row["deposit_index"], row["borrow_index"]) == (2**72 - 1, 2**72 - 1)


def test_fund_after__several_steps_and_days__sums_each_day_anew() -> None:
    day = 86_400
    fund = fund_after(None, 10 * day + 5, 0)
    assert fund == {"day": 0, "spent": 0}
    fund = fund_after(fund, 10 * day + 6, 7 * 10**12)
    fund = fund_after(fund, 10 * day + 7, 5 * 10**12)
    assert fund == {"day": 10, "spent": 12}
    assert fund_after(fund, 11 * day, 0) == {"day": 10, "spent": 12}
    assert fund_after(fund, 11 * day, 10**12) == {"day": 11, "spent": 1}


def test_docs__table_of_events__names_each_of_them() -> None:
    text = (Path(__file__).parents[3] / "docs" / "index.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([A-Z][A-Za-z0-9]+)`", text))
    assert HOUSE_RULES.keys() | MODULE_RULES.keys() | WITHOUT_STATE <= documented
