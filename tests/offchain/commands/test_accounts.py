"""``ballast accounts``: order, figures and refusals."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ballast.chain.local import LocalChain
from ballast.testing import START
from ballast.units import format_account
from tests.offchain.commands.conftest import Ballast, Ledger


def _names(ledger: Ledger, *accounts: int) -> list[str]:
    return [format_account(account) for account in accounts]


def test_accounts__json__all_accounts_riskiest_first_with_the_contracts_figures(
    ballast: Ballast, ledger: Ledger
) -> None:
    ran = ballast("accounts", "--json", *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    found = ran.json
    assert found["block"] == ledger.chain.w3.eth.block_number
    assert (found["total"], found["liquidatable"], found["unpriced_assets"]) == (4, 0, {})
    names = [row["account"] for row in found["accounts"]]
    assert names == _names(ledger, ledger.long, ledger.borrower, ledger.hedged, ledger.saver)
    factors = [Decimal(row["health_factor"]) for row in found["accounts"]]
    assert factors == sorted(factors)
    for row in found["accounts"]:
        health = ledger.chain.health(int(row["id"]))
        assert Decimal(row["equity"]) * 10**18 == health.equity
        assert Decimal(row["maintenance_margin"]) * 10**18 == health.maintenance


def test_accounts__riskiest__only_so_many(ballast: Ballast, ledger: Ledger) -> None:
    found = ballast("accounts", "--riskiest", 1, "--json", *ledger.options).json
    assert [row["account"] for row in found["accounts"]] == _names(ledger, ledger.long)
    assert found["total"] == 4


def test_accounts__table__names_and_amounts(ballast: Ballast, ledger: Ledger) -> None:
    ran = ballast("accounts", *ledger.options)
    assert (ran.code, ran.complaints) == (0, [])
    for name in _names(ledger, ledger.saver, ledger.long, ledger.borrower, ledger.hedged):
        assert name in ran.out
    assert "4 accounts" in ran.out


def test_accounts__unhealthy_insolvent_and_unpriced__ranked_and_named(ballast: Ballast, tmp_path: Path) -> None:
    with LocalChain(held_at=START) as chain:
        chain.deployment.save(tmp_path / "d.json")
        options = ("--rpc", chain.url, "--deployment", tmp_path / "d.json")
        saver = chain.open("saver", 0, {"USDC": "500000"})
        thin = chain.open("thin", 0, {"USDC": "4000"})
        gone = chain.open("gone", 0, {"USDC": "4000"})
        chain.fill(saver, thin, "ETH-PERP", "6")
        chain.fill(saver, gone, "ETH-PERP", "11")
        chain.set_price("ETH", "2480")
        found = ballast("accounts", "--json", *options).json
        names = _names_of(gone, thin, saver)
        assert [row["account"] for row in found["accounts"]] == names
        assert found["liquidatable"] == 2
        assert found["accounts"][0]["health_factor"] == "0"
        text = ballast("accounts", *options).out
        assert "insolvent" in text
        assert "liquidatable" in text

        chain.warp(90_001)
        chain.set_price("USDC", "1")
        found = ballast("accounts", "--json", *options).json
        assert set(found["unpriced_assets"]) == {"1", "2", "3"}
        assert {row["error"] for row in found["accounts"]} == {"asset 2: no usable price"}
        assert "Oracle_Stale" in ballast("accounts", *options).out


def _names_of(*accounts: int) -> list[str]:
    return [format_account(account) for account in accounts]


def test_accounts__database_given__kept_and_used_again(ballast: Ballast, ledger: Ledger, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/index.sqlite"
    first = ballast("accounts", "--json", "--database", url, *ledger.options)
    assert (tmp_path / "deep" / "index.sqlite").exists()
    assert ballast("accounts", "--json", "--database", url, *ledger.options).json == first.json


def test_accounts__earlier_block__as_of_then(ballast: Ballast, ledger: Ledger) -> None:
    start = ledger.chain.w3.eth.block_number - 3
    found = ballast("accounts", "--json", "--block", start, *ledger.options).json
    assert found["block"] == start
    assert found["total"] == 4
    assert ballast("accounts", "--json", "--block", 40, *ledger.options).json["total"] == 0


def test_accounts__help__has_an_example(ballast: Ballast) -> None:
    ran = ballast("accounts", "--help")
    assert ran.code == 0
    assert "Example:" in ran.out


# ------------------------------------------------------------------ bad input


def _refused(ran: object, *words: str) -> None:
    code, complaints = ran.code, ran.complaints  # type: ignore[attr-defined]
    assert code == 2
    assert len(complaints) == 1, complaints
    for word in words:
        assert word in complaints[0]


def test_accounts__no_node_there__one_line_and_2(ballast: Ballast, ledger: Ledger) -> None:
    ran = ballast("accounts", "--rpc", "http://127.0.0.1:9", "--deployment", ledger.deployment)
    _refused(ran, "http://127.0.0.1:9", "no node answers")


def test_accounts__deployment_file_missing__one_line_and_2(ballast: Ballast, ledger: Ledger, tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    _refused(
        ballast("accounts", "--rpc", ledger.chain.url, "--deployment", missing), str(missing), "no deployment file"
    )


def test_accounts__deployment_file_half_written__one_line_and_2(
    ballast: Ballast, ledger: Ledger, tmp_path: Path
) -> None:
    half = tmp_path / "half.json"
    text = ledger.deployment.read_text()
    half.write_text(text[: len(text) // 2])
    _refused(ballast("accounts", "--rpc", ledger.chain.url, "--deployment", half), str(half), "not a whole")


@pytest.mark.parametrize("block", [10**9, -1])
def test_accounts__block_that_does_not_exist__one_line_and_2(ballast: Ballast, ledger: Ledger, block: int) -> None:
    _refused(ballast("accounts", f"--block={block}", *ledger.options), "block")


def test_accounts__database_of_another_chain__one_line_and_2(ballast: Ballast, ledger: Ledger, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/index.sqlite"
    assert ballast("accounts", "--database", url, *ledger.options).code == 0
    with LocalChain(timestamp=1_600_000_000) as other:
        other.deployment.save(tmp_path / "other.json")
        options = ("--rpc", other.url, "--deployment", tmp_path / "other.json")
        ran = ballast("accounts", "--database", url, *options)
    _refused(ran, "index of another chain", "--database")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "sqlite:///PATH"),
        ("oracle9://host/name", "sqlite:///PATH"),
        ("postgresql+nodriver://host/name", "sqlite:///PATH"),
        ("sqlite:////proc/none/index.sqlite", "proc"),
    ],
)
def test_accounts__database_url_that_is_none__one_line_and_2(
    ballast: Ballast, ledger: Ledger, url: str, words: str
) -> None:
    _refused(ballast("accounts", "--database", url, *ledger.options), words)


def test_accounts__file_that_is_no_database__one_line_and_2(ballast: Ballast, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database at all, but long enough to be looked at\n" * 9)
    ran = ballast("accounts", "--database", f"sqlite:///{tmp_path}/notes.txt", *ledger.options)
    _refused(ran, "not a database")


def test_accounts__count_of_nothing__one_line_and_2(ballast: Ballast, ledger: Ledger) -> None:
    _refused(ballast("accounts", "--riskiest", 0, *ledger.options), "riskiest")
