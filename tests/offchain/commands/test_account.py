"""``ballast account``: two views of one account, and what happens when they part."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ballast.chain.local import LocalChain
from ballast.index.layout import ACCOUNT_BALANCES, GLOBALS, mapping_slot
from ballast.testing import START
from ballast.units import WAD, format_account, from_wad
from tests.offchain.commands.conftest import Ballast, Ledger


def test_account__json__both_views_equal_to_the_last_digit(ballast: Ballast, ledger: Ledger) -> None:
    ran = ballast("account", format_account(ledger.long), "--json", *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    found = ran.json
    health = ledger.chain.health(ledger.long)
    assert found["agree"] is True
    assert found["contract"] == found["own"]
    assert found["own"] == {
        "equity": str(from_wad(health.equity)),
        "initial_margin": str(from_wad(health.initial)),
        "maintenance_margin": str(from_wad(health.maintenance)),
        "health_factor": str(from_wad(health.equity * WAD // health.maintenance)),
    }
    assert (found["account"], found["id"]) == (format_account(ledger.long), str(ledger.long))
    (cash, perp) = found["holdings"]
    assert cash["name"] == "USDC"
    assert (perp["name"], perp["amount"], Decimal(perp["value"])) == ("ETH-PERP", "6", 18_000)


def test_account__as_an_integer__the_same_account(ballast: Ballast, ledger: Ledger) -> None:
    for text in (str(ledger.borrower), format_account(ledger.borrower)):
        found = ballast("account", text, "--json", *ledger.options).json
        assert found["account"] == format_account(ledger.borrower)
        assert found["agree"] is True
    amounts = {row["name"]: Decimal(row["amount"]) for row in found["holdings"]}
    assert amounts["ETH"] == 10
    assert -9_001 < amounts["USDC"] <= Decimal("-9000.25")


def test_account__table__both_columns_and_the_verdict(ballast: Ballast, ledger: Ledger) -> None:
    ran = ballast("account", format_account(ledger.long), *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    for words in ("contract", "own computation", "they agree", "ETH-PERP", "USDC"):
        assert words in ran.out


def test_account__portfolio_model__json_has_scenarios_and_parts_of_the_requirement(
    ballast: Ballast, ledger: Ledger
) -> None:
    ran = ballast("account", ledger.hedged, "--json", *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    found = ran.json
    contract, own = found["contract"], found["own"]
    assert (found["agree"], found["model"]) == (True, 1)
    assert {name: own[name] for name in contract} == contract
    assert len(contract["scenario_pnl"]) == 32
    (worst,) = contract["worst_scenarios"]
    assert own["scenario_names"][worst]
    shortfall, floor = Decimal(own["expected_shortfall"]), Decimal(own["floor"])
    # perpetuals of 12,000 and 6,000: 2% of both for their basis
    assert Decimal(own["contingencies"]["basis"]) == 360
    assert Decimal(own["maintenance_margin"]) == max(shortfall, floor) + 360
    assert Decimal(own["initial_only"]["haircuts"]) == 450
    assert "expected_shortfall" not in ballast("account", ledger.long, "--json", *ledger.options).json["own"]


def test_account__portfolio_model__worst_scenarios_by_name(ballast: Ballast, ledger: Ledger) -> None:
    ran = ballast("account", ledger.hedged, *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    own = ballast("account", ledger.hedged, "--json", *ledger.options).json["own"]
    for words in ("PORTFOLIO", "Expected Shortfall", "floor", "basis", "haircuts, initial only", "they agree"):
        assert words in ran.out
    assert own["scenario_names"][own["worst_scenarios"][0]] in ran.out


def test_account__earlier_block__as_of_then(ballast: Ballast, ledger: Ledger) -> None:
    block = ledger.chain.w3.eth.block_number - 3
    found = ballast("account", ledger.borrower, "--json", "--block", block, *ledger.options).json
    assert (found["block"], found["agree"]) == (block, True)


def test_account__stale_price__neither_makes_a_number_of_it(ballast: Ballast, tmp_path: Path) -> None:
    with LocalChain(held_at=START) as chain:
        chain.deployment.save(tmp_path / "d.json")
        account = chain.open("saver", 0, {"USDC": "500", "ETH": "1"})
        chain.warp(90_001)
        options = ("--rpc", chain.url, "--deployment", tmp_path / "d.json")
        found = ballast("account", account, "--json", *options).json
        assert found["contract"]["error"].startswith("Oracle_Stale")
        assert found["own"] == {"error": "asset 0: no usable price"}
        assert found["agree"] is True
        assert "Oracle_Stale" in ballast("account", account, *options).out


def test_account__ledger_changed_without_an_event__they_part_and_1(ballast: Ballast, tmp_path: Path) -> None:
    with LocalChain(held_at=START) as chain:
        chain.deployment.save(tmp_path / "d.json")
        account = chain.open("saver", 0, {"USDC": "500"})
        slot = mapping_slot(account, GLOBALS.fields["_accounts"].slot) + ACCOUNT_BALANCES
        house = chain.protocol.house.address
        chain.rpc("anvil_setStorageAt", house, hex(slot), "0x" + f"{499_999_999:064x}")
        chain.mine()
        ran = ballast("account", account, "--json", "--rpc", chain.url, "--deployment", tmp_path / "d.json")
    assert ran.code == 1
    assert ran.json["agree"] is False
    assert (ran.json["contract"]["equity"], ran.json["own"]["equity"]) == ("499.999999", "500")
    assert len(ran.complaints) == 1
    assert "I10" in ran.complaints[0]


def test_account__help__has_an_example(ballast: Ballast) -> None:
    assert "Example:" in ballast("account", "--help").out


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (str(2**168), "out of range"),
        ("0x" + "11" * 20 + ":256", "0 to 255"),
        ("0x" + "11" * 20 + ":0", "holds nothing at block"),
        ("nobody", "not an account"),
        ("12", "holds nothing at block"),
    ],
)
def test_account__unknown_or_out_of_range__one_line_and_2(
    ballast: Ballast, ledger: Ledger, text: str, words: str
) -> None:
    ran = ballast("account", text, *ledger.options)
    assert ran.code == 2
    assert len(ran.complaints) == 1
    assert words in ran.complaints[0]
    assert ran.out == ""


def test_account__no_id__one_line_and_2(ballast: Ballast) -> None:
    ran = ballast("account")
    assert (ran.code, len(ran.complaints)) == (2, 1)
