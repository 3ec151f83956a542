"""I5: only the unhealthy are liquidated, no step makes them less healthy, and each ends at the
target or closes."""

from __future__ import annotations

from dataclasses import dataclass

from ballast.chain.instruments import FUTURE, OPTION, expiry_of_series, kind_of, series_of_instrument
from ballast.checks.history import History, Transaction
from ballast.checks.ledger import Ledger, Token
from ballast.checks.result import Findings, Result
from ballast.checks.values import Values
from ballast.checks.view import CLAIM, ChainView, Health, LoggedEvent
from ballast.units import QUOTE_UNIT, WAD, format_account

__all__ = ["check_liquidations"]

#: Positions in ``LiquidationConfig``.
_TARGET, _DUST = 0, 9
#: The model's number.
_PORTFOLIO = 1
#: Somebody who holds nothing here, to ask whether a healthy account could be liquidated.
_STRANGER = "0x00000000000000000000000000000000000ba115"
_ANY_STEP = 2**64 - 1
_ANY_PAID = 2**255 - 1


@dataclass(frozen=True)
class _Scene:
    """What the steps of one transaction are judged by."""

    view: ChainView
    transaction: Transaction
    ledger: Ledger
    tokens: dict[int, Token]
    target: int
    dust: int


def check_liquidations(history: History) -> Result:
    """Every step's health from the contract itself, just before and just after; and, at the last
    block, that no healthy account can be liquidated."""
    findings = Findings()
    if history.replay_error:
        findings.note(f"not run again: {history.replay_error}")
    for transaction, ledger in history.walk():
        steps = transaction.named("Liquidated")
        if not steps:
            continue
        config = history.view.must([("liquidationConfig", [])], transaction.block)[0][0]
        scene = _Scene(history.view, transaction, ledger, history.tokens, config[_TARGET], config[_DUST])
        for event in steps:
            findings.count("liquidation steps")
            _check_step(findings, scene, event)
    _probe_healthy(findings, history)
    return findings.result()


def _check_step(findings: Findings, scene: _Scene, event: LoggedEvent) -> None:
    transaction, account = scene.transaction, event["account"]
    where = f"{transaction.hash[:10]}: {format_account(account)}"
    equity, maintenance = event["equity"], event["maintenance"]
    findings.require(
        equity < maintenance,
        f"{where}: liquidated with equity {equity} and maintenance {maintenance}",
    )
    steps = [other for other in transaction.named("Liquidated") if other["account"] == account]
    direct = len(transaction.calls) == 1 and len(steps) == 1
    before, after = transaction.before.get(account), transaction.after.get(account)
    if not transaction.replayed or not direct or before is None:
        return
    said = f"{where}: the step says {equity}/{maintenance}, the view {before.equity}/{before.maintenance}"
    if expired := _expired(transaction, account):
        # these were settled first: that costs what rounding to units does, and they are not charged any more
        findings.require(0 <= before.equity - equity <= (expired + 1) * QUOTE_UNIT, said)
    else:
        findings.require((before.equity, before.maintenance) == (equity, maintenance), said)
    ended = Ledger(shares=dict(scene.ledger.shares), positions=dict(scene.ledger.positions))
    ended.apply(transaction.events)
    if event["fraction"] == WAD:
        _check_closed(findings, ended, account, where)
    elif after is not None:
        _check_partial(findings, scene, event, after, where)


def _expired(transaction: Transaction, account: int) -> int:
    """Entries of an account that a step closed because they had expired and had their price."""
    return sum(
        event["account"] == account
        and kind_of(event["instrument"]) in (FUTURE, OPTION)
        and transaction.time >= expiry_of_series(series_of_instrument(event["instrument"]))
        and event["size"] == 0
        for event in transaction.named("PositionSet")
    )


def _check_closed(findings: Findings, ended: Ledger, account: int, where: str) -> None:
    positions = [number for number in ended.entries_of(account) if not number & CLAIM]
    findings.require(not positions, f"{where}: closed whole, {len(positions)} positions stayed")
    tokens = [t for (owner, t), s in ended.shares.items() if owner == account and (t or s < 0)]
    claims = any(number & CLAIM for number in ended.entries_of(account))
    if claims:  # they back what is left of a USDC debt
        tokens = [token for token in tokens if token]
    findings.require(not tokens, f"{where}: closed whole, balances of tokens {tokens} stayed")


def _check_partial(findings: Findings, scene: _Scene, event: LoggedEvent, after: Health, where: str) -> None:
    equity, maintenance = event["equity"], event["maintenance"]
    better = after.equity * maintenance - equity * after.maintenance
    if equity >= 0:
        findings.require(better >= 0, f"{where}: the step lowered the health factor")
        share_below_factor = event["accountReward"] * WAD < equity * event["fraction"]
        if share_below_factor:
            findings.require(better > 0, f"{where}: the step did not raise the health factor")
    limit = _limit_of(scene.transaction, event["account"])
    if event["fraction"] < limit:
        # what one unit of each token is worth: the roundings of a step
        values = Values.before(scene.transaction, scene.tokens)
        slack = 2 * QUOTE_UNIT + (values.of_units() if values else 0) + _lots(scene, event["account"])
        missing = after.maintenance * scene.target // WAD - after.equity
        findings.require(missing <= slack, f"{where}: ended {missing} (1e-18 USDC) below the target")
    gross = _gross(scene)
    if gross is not None and not _expired(scene.transaction, event["account"]):
        left = gross * (WAD - event["fraction"]) // WAD
        findings.require(left >= scene.dust, f"{where}: dust of {left} (1e-18 USDC) stayed")


def _lots(scene: _Scene, account: int) -> int:
    """What slices of whole lots may leave unhedged in the PORTFOLIO model, USDC 1e18: a lot of each perpetual, future
    and option, moved by all of its value."""
    view, block = scene.view, scene.transaction.block
    if view.must([("accountOf", [account])], block - 1)[0][2] != _PORTFOLIO:
        return 0
    lots = 0
    for number in view.perpetuals:
        config, mark = view.must([("marketOf", [number]), ("markOf", [number])], block)
        lots += config[1][0] * mark[0] // WAD
    values = Values.before(scene.transaction, scene.tokens)
    for number in scene.ledger.entries_of(account):
        if kind_of(number) in (FUTURE, OPTION) and values is not None:
            ((_, terms),) = view.must([("marketOf", [number])], block)
            lots += terms[0] * values.prices[number >> 20 & 0xFF] // WAD
    return lots * scene.target // WAD


def _limit_of(transaction: Transaction, account: int) -> int:
    asked = [call.arguments["l"] for call in transaction.calls if call.name == "liquidate"]
    return min((wanted[2] for wanted in asked if wanted[0] == account), default=WAD)


def _gross(scene: _Scene) -> int | None:
    """Gross value of the liquidated account just before the step, USDC 1e18; ``None`` without
    prices."""
    transaction, view = scene.transaction, scene.view
    account = transaction.named("Liquidated")[0]["account"]
    asked = transaction.asked_before
    values = Values.before(transaction, scene.tokens)
    if values is None:
        return None
    gross = 0
    for token, known in scene.tokens.items():
        balance = asked[("balanceOf", (account, known.address))][0]
        gross += abs(values.of(token, balance))
    for number in view.perpetuals:
        size = asked[("positionOf", (account, number))][0]
        if size:
            gross += abs(size * asked[("markOf", (number,))][0]) // WAD
    for number, (size, _) in scene.ledger.entries_of(account).items():
        if kind_of(number) in (FUTURE, OPTION):
            gross += abs(size) * values.prices[number >> 20 & 0xFF] // WAD
    return gross


def _probe_healthy(findings: Findings, history: History) -> None:
    """Asks the chain, without sending anything, to liquidate every account that is healthy at the
    last block."""
    view, block = history.view, history.last
    accounts = sorted(history.ledger().accounts)
    healths = view.ask([("health", [account]) for account in accounts], block)
    healthy = [
        account
        for account, health in zip(accounts, healths, strict=True)
        if health is not None and health[0] >= health[2]
    ]
    receiver = int(_STRANGER, 16) << 8
    tries = [("liquidate", [(account, receiver, WAD, 0, _ANY_PAID, _ANY_STEP, b"")]) for account in healthy]
    for account, error in zip(healthy, view.refusals(tries, block, sender=_STRANGER), strict=True):
        findings.count("healthy accounts that refuse it")
        # any other error comes later, from what the stranger lacks
        findings.require(
            error == "Liquidation_Healthy",
            f"{format_account(account)}: healthy, and a liquidation at block {block} ends with {error or 'success'}",
        )
