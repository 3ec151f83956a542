"""The checks with options and dated futures: they hold on what happened, and find what is changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ballast.chain.instruments import FUTURE, OPTION, SERIES, kind_of
from ballast.checks import Result, check_history
from ballast.checks.authority import check_authority
from ballast.checks.history import History, Transaction
from ballast.checks.liquidations import check_liquidations
from ballast.checks.markets import check_markets
from ballast.checks.rounding import check_rounding
from ballast.checks.view import CLAIM, LoggedEvent
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.markets.options import EXPIRY
from tests.offchain.checks.conftest import Scene


def _event(transaction: Transaction, name: str, kind: int) -> LoggedEvent:
    """The first of a name about an instrument of a kind, claims apart."""
    return next(e for e in transaction.named(name) if kind_of(e["instrument"]) == kind)


def _find(scene: Scene, name: str, kind: int, *, over: bool, without: str = "Liquidated") -> Transaction:
    """The first transaction with such an event, before or after the expiry."""
    return next(
        t
        for t in scene.history.transactions
        if any(kind_of(e["instrument"]) == kind for e in t.named(name))
        and (t.time >= EXPIRY) == over
        and without not in t.sets
    )


def _changed(scene: Scene, transaction: Transaction, event: LoggedEvent, **changes: int) -> History:
    """The history with one event's arguments changed, or, without changes, left out."""
    events = list(transaction.events)
    place = next(i for i, one in enumerate(events) if one is event)
    if changes:
        args = {**event.event.args, **changes}
        events[place] = LoggedEvent(replace(event.event, args=args), event.transaction)
    else:
        del events[place]
    return scene.with_fields(transaction, events=events)


def _fails(check: Callable[[History], Result], history: History, words: str) -> None:
    found = check(history)
    assert not found.held
    assert words in found.detail


def test_check_history__options_and_futures_to_the_end__holds_and_looked_at_everything(option_scene: Scene) -> None:
    assert option_scene.history.replay_error == ""
    verdicts = check_history(option_scene.history)
    assert {number: verdict.detail for number, verdict in verdicts.items() if not verdict.held} == {}
    assert "option changes" in verdicts["I1"].detail
    assert "9 liquidation steps" in verdicts["I5"].detail
    assert "2 losses" in verdicts["I6"].detail
    assert "1 transactions that priced options anew" in verdicts["I7"].detail


def test_check_history__options_open_at_the_last_block__open_interest_is_the_chains(option_scene: Scene) -> None:
    history = option_scene.history
    fills = [t for t in history.transactions if "Filled" in t.sets]
    until = [t for t in history.transactions if t.block <= fills[-1].block]
    early = replace(history, transactions=until, last=fills[-1].block)
    found = check_markets(early)
    assert found.held, found.detail
    assert "4 options" in found.detail
    transaction = _find(option_scene, "PositionSet", OPTION, over=False)
    event = _event(transaction, "PositionSet", OPTION)
    spoilt = _changed(option_scene, transaction, event, size=-event["size"])
    _fails(
        check_markets, replace(spoilt, transactions=spoilt.transactions[: len(until)], last=early.last), "sizes sum to"
    )


# ------------------------------------------------------------------ I1


def test_markets__option_without_its_other_side__found_by_its_name(option_scene: Scene) -> None:
    transaction = _find(option_scene, "PositionSet", OPTION, over=False)
    event = _event(transaction, "PositionSet", OPTION)
    history = _changed(option_scene, transaction, event, size=event["size"] + 10**16)
    _fails(check_markets, history, "-C after ")
    _fails(check_markets, history, "sizes sum to 10000000000000000, not 0")


@pytest.mark.parametrize(("kind", "name"), [(SERIES, "ETH-27MAR26 options after"), (FUTURE, "ETH-27MAR26 after")])
@pytest.mark.parametrize("field", ["pool", "residual"])
def test_markets__pool_of_what_has_expired_otherwise__found(
    option_scene: Scene, kind: int, name: str, field: str
) -> None:
    transaction = _find(option_scene, "PoolSet", kind, over=True)
    event = [one for one in transaction.named("PoolSet") if kind_of(one["instrument"]) == kind][-1]
    history = _changed(option_scene, transaction, event, **{field: event[field] + 1})
    _fails(check_markets, history, "the pool is")
    _fails(check_markets, history, name)


def test_markets__option_paid_and_not_closed__found(option_scene: Scene) -> None:
    transaction = _find(option_scene, "PositionSet", OPTION, over=True)
    ledger = next(before for found, before in option_scene.history.walk() if found is transaction)
    paid = next(
        e
        for e in transaction.named("PositionSet")
        if kind_of(e["instrument"]) == OPTION and not e["instrument"] & 1 and e["account"] == option_scene.trader
        and ledger.positions[e["account"], e["instrument"]][0] > 0
    )  # fmt: skip
    _fails(check_markets, _changed(option_scene, transaction, paid), "the pool is")


def test_markets__claim_on_a_series_otherwise__found(option_scene: Scene) -> None:
    transaction = next(
        t
        for t in option_scene.history.transactions
        if any(e["instrument"] & CLAIM and kind_of(e["instrument"] & ~CLAIM) == SERIES for e in t.named("PositionSet"))
    )
    event = next(e for e in transaction.named("PositionSet") if e["instrument"] & CLAIM)
    history = _changed(option_scene, transaction, event, quote=event["quote"] + 1)
    _fails(check_markets, history, "claims sum to")


# ------------------------------------------------------------------ I3, I5, I7


def test_authority__settlement_that_leaves_an_option_smaller__without_a_cause(option_scene: Scene) -> None:
    transaction = _find(option_scene, "PositionSet", OPTION, over=True)
    event = _event(transaction, "PositionSet", OPTION)
    assert event["size"] == 0
    assert check_authority(option_scene.history).held
    _fails(check_authority, _changed(option_scene, transaction, event, size=10**16), "without a cause")


def test_authority__settlement_before_the_price__may_close_nothing(option_scene: Scene) -> None:
    """As if what happened in the settlement had happened before the price was fixed."""
    transaction = _find(option_scene, "PositionSet", OPTION, over=True)
    fill = _find(option_scene, "PositionSet", OPTION, over=False)
    early = option_scene.with_fields(transaction, block=fill.block)
    _fails(check_authority, early, "without a cause")


def test_liquidations__expired_settled_first__equity_within_the_units_it_rounds(option_scene: Scene) -> None:
    step = next(t for t in option_scene.history.transactions if "Liquidated" in t.sets and t.time >= EXPIRY)
    event = step.named("Liquidated")[0]
    for change in (1, -4 * QUOTE_UNIT):
        history = _changed(option_scene, step, event, equity=step.before[event["account"]].equity + change)  # type: ignore[union-attr]
        _fails(check_liquidations, history, "the step says")


@pytest.mark.parametrize("gain", [QUOTE_UNIT, QUOTE_UNIT // 5])
def test_rounding__option_fill_that_gains_more_than_marks_round__found(option_scene: Scene, gain: int) -> None:
    fill = next(t for t in option_scene.history.transactions if _is_option_fill(t))
    account = fill.accounts[0]
    health = fill.after[account]
    assert health is not None
    richer = replace(health, equity=health.equity + gain + _gap(fill))
    history = option_scene.with_fields(fill, after={**fill.after, account: richer})
    _fails(check_rounding, history, "gained")


def _is_option_fill(transaction: Transaction) -> bool:
    fills = transaction.named("Filled")
    return bool(fills) and kind_of(fills[0]["instrument"]) == OPTION and not transaction.refreshes


def _gap(fill: Transaction) -> int:
    """What rounding left both short of; the fees are stated."""
    before = sum(h.equity for h in fill.before.values() if h)
    after = sum(h.equity for h in fill.after.values() if h)
    fees = sum(e["makerFee"] + e["takerFee"] for e in fill.named("Filled")) * QUOTE_UNIT
    assert 0 <= before - after - fees <= WAD
    return before - after - fees
