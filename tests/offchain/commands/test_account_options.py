"""Options and dated futures in ``ballast account`` and ``ballast accounts``, until they have settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from ballast.chain.local import LocalChain
from ballast.testing import START
from ballast.units import from_wad
from tests.contracts.markets.options import CALL, FUTURE, LABEL, PUT, OptionDesk
from tests.offchain.commands.conftest import Ballast


@dataclass(frozen=True)
class _Holders:
    """A desk and accounts of the three models; ``options`` lead a command to the chain."""

    desk: OptionDesk
    standard: int
    portfolio: int
    isolated: int
    options: tuple[object, ...]


@pytest.fixture(scope="module")
def _all_holders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Holders]:
    deployment = tmp_path_factory.mktemp("deployment") / "d.json"
    with LocalChain(held_at=START) as chain:
        desk = OptionDesk(chain)
        desk.list_options()
        standard, portfolio, isolated = (desk.open(name, USDC=50_000) for name in ("standard", "portfolio", "isolated"))
        chain.choose_model(portfolio, 1)
        chain.choose_model(isolated, 2)
        chain.fill(portfolio, standard, CALL, 3)
        chain.fill(portfolio, standard, FUTURE, 2)
        chain.fill(standard, isolated, PUT, "-1.5")
        chain.deployment.save(deployment)
        yield _Holders(desk, standard, portfolio, isolated, ("--rpc", chain.url, "--deployment", deployment))


@pytest.fixture
def holders(_all_holders: _Holders) -> Iterator[_Holders]:
    chain = _all_holders.desk.chain
    snapshot = chain.snapshot()
    yield _all_holders
    chain.revert(snapshot)


def _shown(ballast: Ballast, holders: _Holders, account: int) -> dict[str, dict[str, str]]:
    ran = ballast("account", account, "--json", *holders.options)
    assert (ran.code, ran.complaints) == (0, [])
    assert ran.json["agree"] is True
    return {row["name"]: row for row in ran.json["holdings"]}


def test_account__options_and_a_future__by_name_with_size_and_value(ballast: Ballast, holders: _Holders) -> None:
    held = _shown(ballast, holders, holders.standard)
    assert list(held) == ["USDC", FUTURE, PUT, CALL]
    assert [held[name]["amount"] for name in (FUTURE, PUT, CALL)] == ["2", "1.5", "3"]
    assert Decimal(held[FUTURE]["value"]) == 2 * from_wad(holders.desk.protocol.mark(FUTURE))
    for name, size in ((CALL, 3), (PUT, Decimal("1.5"))):
        assert Decimal(held[name]["value"]) == size * from_wad(holders.desk.protocol.mark(name))
    short = _shown(ballast, holders, holders.portfolio)[CALL]
    assert short["amount"] == "-3"
    # a short is worth what rounding may have taken less
    assert 0 < -Decimal(short["value"]) - 3 * from_wad(holders.desk.protocol.mark(CALL)) <= Decimal("1.5e-8")


@pytest.mark.parametrize(
    ("who", "name"), [("standard", "STANDARD"), ("portfolio", "PORTFOLIO"), ("isolated", "ISOLATED")]
)
def test_account__model__by_name_and_both_sides_agree(ballast: Ballast, holders: _Holders, who: str, name: str) -> None:
    ran = ballast("account", getattr(holders, who), *holders.options)
    assert (ran.code, ran.complaints) == (0, [])
    assert name in ran.out
    assert "they agree" in ran.out


def test_account__through_the_expiry__payoff_then_claim(ballast: Ballast, holders: _Holders) -> None:
    desk = holders.desk
    desk.expire(3_400)
    held = _shown(ballast, holders, holders.standard)
    assert [Decimal(held[name]["value"]) for name in (CALL, PUT)] == [600, 0]
    price = desk.fix()
    assert price == 3_400 * 10**18
    assert Decimal(_shown(ballast, holders, holders.portfolio)[CALL]["value"]) == -600
    desk.chain.settle(holders.standard)
    held = _shown(ballast, holders, holders.standard)
    series = f"ETH-{LABEL} options claim"
    assert held[series]["amount"] is None
    assert Decimal(held[series]["unsettled"]) == 600
    assert CALL not in held


def test_accounts__json_and_table__positions_by_name(ballast: Ballast, holders: _Holders) -> None:
    found = ballast("accounts", "--json", *holders.options).json
    positions = {int(row["id"]): row["positions"] for row in found["accounts"]}
    assert positions[holders.standard] == {FUTURE: "2", PUT: "1.5", CALL: "3"}
    assert positions[holders.isolated] == {PUT: "-1.5"}
    for row in found["accounts"]:
        health = holders.desk.chain.health(int(row["id"]))
        assert Decimal(row["initial_margin"]) * 10**18 == health.initial
    out = ballast("accounts", *holders.options).out
    assert f"-{PUT}" in out.replace("\n", "")
