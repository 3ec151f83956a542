"""The keeper and what expires: options liquidated, prices fixed, holders settled, claims paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ballast.chain.local import LocalChain
from ballast.keeper.sender import Status
from ballast.testing import START
from ballast.units import WAD
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, OptionDesk
from tests.offchain.keeper.conftest import Stage


class _Stage(Stage):
    """With options and a future of one expiry."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.desk = OptionDesk(chain)
        self.desk.list_options()

    def seller(self, model: int, usdc: str = "9000") -> int:
        """Short of calls, long of others and a put."""
        account = self.chain.open("trader", model, {"USDC": usdc})
        if model:
            self.chain.choose_model(account, model)
        self.chain.fill(account, self.maker, CALL, 8)
        self.chain.fill(self.maker, account, f"ETH-{LABEL}-3500-C", 3)
        self.chain.fill(self.maker, account, PUT, "1.37")
        return account

    def rise(self, account: int) -> None:
        """The spot, with fresh arrays, until the account can be liquidated."""
        price = 3_000
        while self.chain.health(account).is_healthy:
            price += 20
            assert price < 6_000
            self.desk.price(ETH=price)
            self.desk.refresh()


@pytest.fixture(scope="module")
def _option_stage() -> Iterator[_Stage]:
    with LocalChain(held_at=START) as chain:
        yield _Stage(chain)


@pytest.fixture
def stage(_option_stage: _Stage) -> Iterator[_Stage]:
    chain = _option_stage.chain
    snapshot = chain.snapshot()
    chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    yield _option_stage
    chain.rpc("anvil_dropAllTransactions")
    chain.rpc("evm_setAutomine", True)
    chain.revert(snapshot)


@pytest.mark.parametrize("model", [0, 1, 2])
def test_step__seller_below_maintenance__liquidated_and_the_slice_is_in_the_inventory(
    stage: _Stage, model: int
) -> None:
    account = stage.seller(model)
    with stage.make() as keeper:
        assert keeper.step("latest").at_risk == ()
        stage.rise(account)
        before = stage.chain.health(account)
        held = stage.desk.options(account)
        report = keeper.step("latest", wait=5)
        assert [one.health for one in report.at_risk] == [before]
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE]
        (event,) = stage.liquidations()
        assert report.liquidations[0].reward == (
            event["args"]["accountReward"] + event["args"]["fundReward"] - event["args"]["insuranceFee"]
        )
        taken = stage.desk.options(stage.keeper)
        assert taken.keys() == held.keys()
        holds = keeper.step("latest").own.holds
    assert {name: int(size * WAD) for name, size in holds.items() if name in (CALL, PUT)} == {
        name: taken[stage.desk.number(name)] for name in (CALL, PUT)
    }
    assert stage.chain.health(account).is_healthy


def test_step__price_update_in_the_pool__arrays_refreshed_behind_it_and_liquidated_in_the_next_block(
    stage: _Stage,
) -> None:
    account = stage.seller(0)
    stage.hold()
    with stage.make() as keeper:
        assert keeper.step("pending").at_risk == ()
        stage.push("ETH", "4000")
        report = keeper.step("pending")
        stage.mine()
        assert [one.account for one in report.at_risk] == [account]
        assert ("refresh", f"asset 2, {LABEL}") in sent(report)
        assert stage.liquidations() == []
        keeper.step("pending")
        stage.mine()
    assert [event["args"]["account"] for event in stage.liquidations()] == [account]


def test_step__expired_without_a_price_and_below_maintenance__price_fixed_first(stage: _Stage) -> None:
    account = stage.seller(0, "4500")
    stage.desk.expire(3_800)
    assert not stage.chain.health(account).is_healthy
    with stage.make(duties="liquidate") as keeper:
        report = keeper.step("latest", wait=5)
        assert [one.account for one in report.at_risk] == [account]
        assert sent(report) == [("fix_price", f"asset 2, {LABEL}")]
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE]
    assert stage.liquidations() == []


def test_settle__expired__price_fixed_then_who_owes_then_who_is_owed(stage: _Stage) -> None:
    seller = stage.seller(0, "30000")
    stage.chain.fill(stage.maker, stage.rival, FUTURE, 2)
    desk, chain = stage.desk, stage.chain
    with stage.make(duties="settle", settle_above_usdc="1000000") as keeper:
        assert keeper.step("latest").decisions == ()
        desk.expire(3_400)
        (sent,) = keeper.step("latest", wait=5).sent
        assert (sent.action.duty, sent.action.subject) == ("fix_price", f"asset 2, {LABEL}")
        report = keeper.step("latest", wait=5)
        assert {outcome.status for outcome in report.outcomes} == {Status.DONE}
        reasons = {sent.action.account: one.reason for sent, one in zip(report.sent, report.decisions, strict=True)}
        # 8 calls of 3,200, against which the maker has two futures, sold at the spot
        assert [sent.action.account for sent in report.sent] == [seller, stage.maker, stage.rival]
        assert reasons[seller] == "owes 1600.000000 USDC for what has expired"
        assert reasons[stage.rival].startswith("is owed 800.")
        assert reasons[stage.maker].startswith("is owed 800.")
        assert keeper.step("latest").decisions == ()
    for account in (seller, stage.maker, stage.rival):
        assert desk.options(account) == {}
        assert chain.protocol.position(account, FUTURE) == 0
        assert chain.health(account).maintenance == 0
    assert desk.pool()["pool"] == desk.pool()["claimShares"] == 0


def test_settle__winner_settled_first__its_claim_is_paid_when_the_pool_can(stage: _Stage) -> None:
    seller = stage.seller(0, "30000")
    desk, chain = stage.desk, stage.chain
    desk.expire(3_400)
    desk.fix()
    chain.settle(stage.maker)
    assert desk.pool()["claimShares"] == 1_600 * WAD
    with stage.make(duties="settle") as keeper:
        (sent,) = keeper.step("latest", wait=5).sent
        assert sent.action.account == seller
        report = keeper.step("latest", wait=5)
        assert [one.reason for one in report.decisions] == ["1600.000000 USDC of a claim can be paid"]
        assert report.sent[0].action.account == stage.maker
        assert keeper.step("latest").decisions == ()
    assert desk.pool()["pool"] == desk.pool()["claimShares"] == 0


def test_settle__insolvent_with_nothing_but_what_has_expired__closed_though_it_earns_nothing(stage: _Stage) -> None:
    desk, chain = stage.desk, stage.chain
    account = chain.open("trader", 9, {"USDC": "2500"})
    chain.fill(account, stage.maker, CALL, 4)
    desk.expire(4_400)
    desk.fix()
    health = chain.health(account)
    assert health.equity < 0
    assert health.maintenance == 10 * WAD, "of what has its price nothing is charged but the minimum"
    owed = chain.protocol.balance(stage.maker, "USDC") + 4 * 1_200 * 10**6
    with stage.make(duties="liquidate") as keeper:
        report = keeper.step("latest", wait=5)
        assert [one.factor for one in report.at_risk] == [health.equity // 10]
        assert [one.verdict for one in report.decisions] == ["skip"]
    with stage.make(duties="settle") as keeper:
        report = keeper.step("latest", wait=5)
        assert [(sent.action.duty, sent.action.account) for sent in report.sent] == [
            ("close", account),
            ("settle", stage.maker),
        ]
        assert {outcome.status for outcome in report.outcomes} == {Status.DONE}
        assert keeper.step("latest").decisions == ()
    assert desk.options(account) == desk.options(stage.maker) == {}
    assert chain.health(account).equity >= 0
    # all that the longs are owed; the lenders of whom they are one bear the loss
    assert 0 <= owed - chain.protocol.balance(stage.maker, "USDC") < 1_000 * 10**6
    assert desk.pool()["pool"] == desk.pool()["claimShares"] == 0


# ------------------------------------------------------------------ what has to be known first


def sent(report: object) -> list[tuple[str, str]]:
    return [(one.duty, one.subject) for one in report.decisions if one.verdict == "send"]  # type: ignore[attr-defined]


def test_step__arrays_left_behind_by_the_spot__refreshes_and_then_liquidates(stage: _Stage) -> None:
    account = stage.seller(1)
    stage.rise(account)
    stage.desk.price(ETH=int(stage.chain.price("ETH")) + 100)
    with stage.make() as keeper:
        report = keeper.step("latest", wait=5)
        assert sent(report) == [("refresh", f"asset 2, {LABEL}")]
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE]
        assert report.liquidations == ()
        report = keeper.step("latest", wait=5)
        assert [one.account for one in report.liquidations] == [account]


def test_step__healthy_once_its_arrays_are_refreshed__is_left_alone(stage: _Stage) -> None:
    """A sold spread with a day left: its requirement on old arrays is a multiple of what it is on fresh ones."""
    chain, desk = stage.chain, stage.desk
    chain.advance(EXPIRY - 86_400 - chain.now())
    chain.refresh_prices()
    desk.price(ETH=3_000)
    desk.refresh()
    account = desk.open("trader", 7, USDC=1_000_000)
    chain.choose_model(account, 1)
    desk.fill_at_mark(account, stage.maker, f"ETH-{LABEL}-3000-C", 100)
    desk.fill_at_mark(stage.maker, account, CALL, 100)
    health = chain.health(account)
    chain.withdraw(account, "USDC", (health.equity - health.initial) // WAD - 1)
    chain.advance(60)
    desk.price(ETH=3_240)
    assert not chain.health(account).is_healthy
    with stage.make(duties="liquidate") as keeper:
        first, second = (keeper.step("latest", wait=5) for _ in range(2))
    assert sent(first) == [("refresh", f"asset 2, {LABEL}")]
    assert (second.at_risk, sent(second)) == ((), [])
    assert stage.liquidations() == []


def test_step__expired_and_no_price__fixes_it_and_leaves_who_is_healthy_alone(stage: _Stage) -> None:
    chain, desk = stage.chain, stage.desk
    chain.advance(EXPIRY - 7_200 - chain.now())
    chain.refresh_prices()
    desk.price(ETH=3_000)
    desk.refresh()
    account = desk.open("trader", 7, USDC=1_000_000)
    chain.choose_model(account, 1)
    desk.fill_at_mark(stage.maker, account, f"ETH-{LABEL}-2800-C", 200)
    desk.fill_at_mark(account, stage.maker, CALL, 200)
    health = chain.health(account)
    chain.withdraw(account, "USDC", (health.equity - health.initial) // WAD - 1)
    chain.advance(EXPIRY - chain.now())
    chain.refresh_prices()
    assert not chain.health(account).is_healthy
    with stage.make(duties="liquidate") as keeper:
        first, second = (keeper.step("latest", wait=5) for _ in range(2))
    assert sent(first) == [("fix_price", f"asset 2, {LABEL}")]
    assert (second.at_risk, sent(second)) == ((), [])
    assert stage.liquidations() == []
    assert chain.health(account).is_healthy


def test_step__paper__what_it_would_refresh_is_not_scored(stage: _Stage) -> None:
    account = stage.seller(1)
    stage.rise(account)
    stage.desk.price(ETH=int(stage.chain.price("ETH")) + 100)
    with stage.make(None, liquidator=f"0x{stage.keeper >> 8:040x}:{stage.keeper & 255}") as keeper:
        report = keeper.step("latest")
        assert sent(report) == [("refresh", f"asset 2, {LABEL}")]
        assert report.recorded == ()
