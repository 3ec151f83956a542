"""Each check holds on what really happened, and finds what is changed afterwards.

The history is the chain's; a test changes one thing in it and asks the one check that must see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ballast.chain.local import LocalChain
from ballast.checks import INVARIANTS, Result, check_all, check_history
from ballast.checks.actions import check_actions
from ballast.checks.authority import check_authority
from ballast.checks.custody import check_custody
from ballast.checks.history import History, read_history
from ballast.checks.liquidations import check_liquidations
from ballast.checks.losses import check_losses
from ballast.checks.markets import check_markets
from ballast.checks.rounding import check_rounding
from ballast.checks.view import ChainView
from ballast.testing import START
from ballast.units import WAD
from tests.contracts.liquidation.test_liquidation_guards import NO_HEALTH
from tests.offchain.checks.conftest import Scene
from tests.support.mutants import mutant_chain


def test_check_all__what_really_happened__holds(scene: Scene) -> None:
    verdicts = check_all(scene.protocol)
    assert {number: verdict.detail for number, verdict in verdicts.items() if not verdict.held} == {}
    assert list(verdicts) == list(INVARIANTS)


def test_check_history__looked_at_everything(scene: Scene) -> None:
    assert scene.history.replay_error == ""
    assert all(t.replayed and t.traced for t in scene.history.transactions if t.accounts)
    details = {number: verdict.detail for number, verdict in check_history(scene.history).items()}
    assert "3 markets" in details["I1"]
    assert "4 tokens" in details["I2"]
    assert "liquidation steps" in details["I5"]
    assert "losses" in details["I6"]
    assert "without a usable price" not in details["I7"]


def test_check_all__later_blocks_only__judges_those(scene: Scene) -> None:
    tip = scene.history.last
    later = check_all(scene.protocol, since_block=tip)
    assert later["I5"].held
    assert "liquidation steps" not in later["I5"].detail
    assert "1 transactions" in later["I7"].detail or "nothing" in later["I7"].detail


def test_read_history__wallet_contract__calls_are_traced_to_it(scene: Scene) -> None:
    owner = f"0x{scene.wallet >> 8:040x}"
    calls = [c for t in scene.history.transactions for c in t.calls if c.sender == owner]
    assert [call.name for call in calls] == ["deposit"]


def test_read_history__batch__its_calls_appear_by_themselves(scene: Scene) -> None:
    batched = [t for t in scene.history.transactions if len(t.calls) > 1]
    assert [[call.name for call in t.calls] for t in batched] == [["withdraw", "transfer"]]


def _fails(check: Callable[[History], Result], history: History, words: str) -> None:
    found = check(history)
    assert not found.held
    assert words in found.detail
    assert "\n" not in found.detail


# ------------------------------------------------------------------ I1, I2


def test_markets__position_without_its_other_side__found(scene: Scene) -> None:
    fill = scene.named("Filled", "PositionSet")
    size = fill.named("PositionSet")[0]["size"]
    _fails(check_markets, scene.with_event(fill, "PositionSet", size=size + 1), "sizes sum to 1")


def test_markets__profit_out_of_nothing__found(scene: Scene) -> None:
    fill = scene.named("Filled", "PositionSet")
    quote = fill.named("PositionSet")[0]["quote"]
    _fails(check_markets, scene.with_event(fill, "PositionSet", quote=quote + 1), "the pool is")


def test_custody__deposit_that_never_arrived__found(scene: Scene) -> None:
    deposit = scene.named("Deposited")
    amount = deposit.named("Deposited")[0]["amount"]
    changed = scene.with_event(deposit, "Deposited", amount=amount + 1)
    _fails(check_custody, changed, "tokens in and out")


def test_custody__shares_that_no_bank_counts__found(scene: Scene) -> None:
    last = next(t for t in reversed(scene.history.transactions) if "BalanceSet" in t.sets)
    shares = last.named("BalanceSet")[0]["shares"]
    changed = scene.with_event(last, "BalanceSet", shares=shares + 1)
    _fails(check_custody, changed, "shares sum to")


def test_custody__insurance_moved_without_a_cause__found(scene: Scene) -> None:
    funded = scene.named("InsuranceFunded")
    level = funded.named("InsuranceSet")[0]["insurance"]
    _fails(check_custody, scene.with_event(funded, "InsuranceSet", insurance=level + 1), "moved by")


# ------------------------------------------------------------------ I3


def test_authority__withdrawal_by_a_stranger__found(scene: Scene) -> None:
    withdrawal = scene.named("Withdrawn")
    call = replace(withdrawal.calls[0], sender="0x" + "11" * 20)
    changed = scene.with_fields(withdrawal, calls=[call, *withdrawal.calls[1:]])
    _fails(check_authority, changed, "not its owner")


def test_authority__order_with_another_size_than_was_signed__found(scene: Scene) -> None:
    fill = scene.named("Filled")
    call = fill.calls[0]
    maker = list(call.arguments["maker"])
    maker[2] *= 2
    arguments = {**call.arguments, "maker": tuple(maker)}
    changed = scene.with_fields(fill, calls=[replace(call, arguments=arguments)])
    _fails(check_authority, changed, "neither owner nor operator")


def test_authority__operator_whose_grant_ended__found(scene: Scene) -> None:
    granted = scene.named("OperatorSet")
    until = granted.named("OperatorSet")[0]["validUntil"]
    fill = next(t for t in scene.history.transactions if "Filled" in t.sets and t.block > granted.block)
    changed = scene.with_fields(fill, time=until)
    _fails(check_authority, changed, "an order of")


def test_authority__change_without_any_call__found(scene: Scene) -> None:
    deposit = scene.named("Deposited")
    _fails(check_authority, scene.with_fields(deposit, calls=[]), "BalanceSet of")


def test_authority__settlement_that_changes_a_size__found(scene: Scene) -> None:
    settled = next(t for t in scene.history.transactions if t.calls and t.calls[0].name == "settle" and t.events)
    size = settled.named("PositionSet")[0]["size"]
    _fails(check_authority, scene.with_event(settled, "PositionSet", size=size * 2), "PositionSet")


def test_authority__liquidation_of_a_healthy_account__found(scene: Scene) -> None:
    step = scene.named("Liquidated")
    event = step.named("Liquidated")[0]
    account = event["account"]
    before = step.before[account]
    assert before is not None
    healthy = replace(before, equity=before.maintenance)
    changed = scene.with_fields(step, before={**step.before, account: healthy})
    _fails(check_authority, changed, "was healthy just before")
    assert check_authority(scene.history).held


# ------------------------------------------------------------------ I4


def test_actions__withdrawal_below_initial_margin__found(scene: Scene) -> None:
    withdrawal = next(t for t in scene.history.transactions if scene.borrower in t.accounts and "Withdrawn" in t.sets)
    after = withdrawal.after[scene.borrower]
    assert after is not None
    worse = replace(after, equity=after.initial - 1)
    changed = scene.with_fields(withdrawal, after={scene.borrower: worse})
    _fails(check_actions, changed, "less initial margin fell")


def test_actions__equity_that_pays_more_than_fees__found(scene: Scene) -> None:
    fill = scene.named("Filled", "PositionSet")
    account = fill.named("Filled")[0]["taker"]
    before = fill.before[account]
    assert before is not None
    # below initial margin before and after, the excess higher: equity may still not fall
    poor = replace(before, initial=before.equity + 10**24)
    now = replace(before, equity=before.equity - 10**21, initial=before.equity + 10**22)
    changed = scene.with_fields(fill, before={**fill.before, account: poor}, after={**fill.after, account: now})
    _fails(check_actions, changed, "equity fell")


def test_actions__liquidator_left_below_initial_margin__found(scene: Scene) -> None:
    step = scene.named("Liquidated")
    receiver = step.named("Liquidated")[0]["liquidatorAccount"]
    after = step.after[receiver]
    assert after is not None
    poor = replace(after, initial=after.equity + 1)
    changed = scene.with_fields(step, after={**step.after, receiver: poor})
    _fails(check_actions, changed, "took a slice")


# ------------------------------------------------------------------ I5


def test_liquidations__step_that_lowers_health__found(scene: Scene) -> None:
    step = next(t for t in scene.history.transactions if _is_partial(t.named("Liquidated")))
    account = step.named("Liquidated")[0]["account"]
    before = step.before[account]
    assert before is not None
    worse = replace(before, equity=before.equity - 1)
    changed = scene.with_fields(step, after={**step.after, account: worse})
    _fails(check_liquidations, changed, "lowered the health factor")


def test_liquidations__step_that_stops_short_of_the_target__found(scene: Scene) -> None:
    step = next(t for t in scene.history.transactions if _is_partial(t.named("Liquidated")))
    account = step.named("Liquidated")[0]["account"]
    after = step.after[account]
    assert after is not None
    short = replace(after, equity=after.equity - after.maintenance // 100)
    changed = scene.with_fields(step, after={**step.after, account: short})
    _fails(check_liquidations, changed, "below the target")


def test_liquidations__event_that_contradicts_the_view__found(scene: Scene) -> None:
    step = scene.named("Liquidated")
    equity = step.named("Liquidated")[0]["equity"]
    changed = scene.with_event(step, "Liquidated", equity=equity - 1)
    _fails(check_liquidations, changed, "the view")


def test_liquidations__whole_close_that_leaves_a_position__found(scene: Scene) -> None:
    step = next(
        t
        for t in scene.history.transactions
        if any(e["fraction"] == WAD for e in t.named("Liquidated")) and "PositionSet" in t.sets
    )
    account = step.named("Liquidated")[0]["account"]
    events = [event for event in step.events if not (event.name == "PositionSet" and event["account"] == account)]
    _fails(check_liquidations, scene.with_fields(step, events=events), "positions stayed")


def _is_partial(events: list) -> bool:  # type: ignore[type-arg]
    return len(events) == 1 and events[0]["fraction"] < WAD and events[0]["equity"] > 0


# ------------------------------------------------------------------ I6


@pytest.mark.parametrize("part", ["loss", "insurance", "winners", "deposits"])
def test_losses__part_that_is_off_by_one__found(scene: Scene, part: str) -> None:
    loss = scene.named("LossAllocated")
    value = loss.named("LossAllocated")[0][part]
    _fails(check_losses, scene.with_event(loss, "LossAllocated", **{part: value + 1}), "parts sum")


def test_losses__insolvent_step_without_a_record__found(scene: Scene) -> None:
    loss = scene.named("LossAllocated")
    _fails(check_losses, scene.with_event(loss, "LossAllocated"), "insolvent steps, 0 losses")


def test_losses__winners_pay_while_insurance_has_money__found(scene: Scene) -> None:
    loss = next(t for t in scene.history.transactions if any(event["winners"] for event in t.named("LossAllocated")))
    events = [event for event in loss.events if event.name != "InsuranceSet"]
    _fails(check_losses, scene.with_fields(loss, events=events), "while insurance had")


def test_losses__haircut_of_another_size__found(scene: Scene) -> None:
    loss = scene.named("WinnersHaircut")
    value = loss.named("WinnersHaircut")[0]["fromShorts"]
    changed = scene.with_event(loss, "WinnersHaircut", fromShorts=value + 1)
    _fails(check_losses, changed, "haircuts sum to")


def test_losses__account_with_nothing_but_debt__found(scene: Scene) -> None:
    withdrawal = next(t for t in scene.history.transactions if scene.borrower in t.accounts and "Withdrawn" in t.sets)
    last = next(
        t
        for t in reversed(scene.history.transactions)
        if any(e["account"] == scene.trader for e in t.named("BalanceSet"))
    )
    events = [e for e in last.events if not (e.name == "BalanceSet" and e["account"] == scene.trader)]
    debt = next(e for e in withdrawal.named("BalanceSet") if e["token"] == 0)
    args = {"account": scene.trader, "token": 0, "shares": -5}
    events.append(replace(debt, event=replace(debt.event, args=args)))
    _fails(check_losses, scene.with_fields(last, events=events), "nothing but debt")


# ------------------------------------------------------------------ I7


@pytest.mark.parametrize("events", [("Deposited",), ("Withdrawn",), ("Filled",), ("Liquidated",)])
def test_rounding__actor_who_gains_a_hundredth_of_a_cent__found(scene: Scene, events: tuple[str, ...]) -> None:
    transaction = scene.named(*events)
    account = transaction.accounts[0]
    after = transaction.after[account]
    assert after is not None
    richer = replace(after, equity=after.equity + 10**14)
    changed = scene.with_fields(transaction, after={**transaction.after, account: richer})
    _fails(check_rounding, changed, "gained")


def test_rounding__reserves_that_pay_for_it__found(scene: Scene) -> None:
    deposit = scene.named("Deposited")
    after = deposit.totals_after[0]
    poorer = {**deposit.totals_after, 0: replace(after, reserves=after.reserves - 1)}
    _fails(check_rounding, scene.with_fields(deposit, totals_after=poorer), "reserves of token 0")


# ------------------------------------------------------------------ running again


def test_read_history__second_run_that_differs__says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    view = ChainView(scene.protocol)
    one = view.batch.one

    def lossy(method: str, *parameters: object) -> object:
        answer = one(method, *parameters)
        if method == "eth_simulateV1":
            for call in answer[0]["calls"]:
                call["logs"] = []
        return answer

    monkeypatch.setattr(view.batch, "one", lossy)
    history = read_history(view, scene.history.last - 3, scene.history.last)
    assert "emitted other events" in history.replay_error
    assert "not run again" in check_actions(history).detail


def test_check_all__stale_prices__does_not_break() -> None:
    with LocalChain(held_at=START) as chain:
        maker = chain.open("maker", collateral={"USDC": "100000"})
        trader = chain.open("trader", collateral={"USDC": "5000"})
        chain.fill(maker, trader, "ETH-PERP", "1")
        saver = chain.open("saver", collateral={"ETH": "1"})
        chain.warp(3 * 86_400)
        chain.withdraw(saver, "ETH", None)
        verdicts = check_all(chain.protocol)
        assert all(verdict.held for verdict in verdicts.values())
        assert "no usable price" in verdicts["I1"].detail
        assert "without a usable price" in verdicts["I7"].detail


def test_liquidations__healthy_accounts_that_can_be_taken__are_found() -> None:
    """The contract judges by initial margin: a stranger without money is refused all the same, for another reason."""
    with mutant_chain(NO_HEALTH) as chain:
        chain.open("lender", collateral={"USDC": "100000"})
        borrower = chain.open("borrower", collateral={"ETH": "10"})
        chain.withdraw(borrower, "USDC", "23000")
        chain.set_price("ETH", "2800")
        health = chain.health(borrower)
        assert health.maintenance < health.equity < health.initial
        verdict = check_all(chain.protocol)["I5"]
        assert not verdict.held
        assert "ends with Ledger_BelowInitialMargin" in verdict.detail
