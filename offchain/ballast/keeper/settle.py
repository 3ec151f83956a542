"""A service: turns losers' unsettled losses into cash, out of which winners are paid, and clears
flags of accounts that are back at the target. Earns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ballast.chain.reverts import decode_revert
from ballast.index import LedgerState
from ballast.keeper.candidates import error_name
from ballast.keeper.duty import Action, Decision, Desk, Moment
from ballast.keeper.fees import bid
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.plan import gas_limit
from ballast.keeper.rpc import Fault, quantity
from ballast.keeper.view import View, signature_call
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD

__all__ = ["SettleDuty", "largest_losses", "recovered"]

#: Services of one block: the rest waits for the next.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Want:
    duty: str
    account: int
    signature: str
    reason: str


class SettleDuty:
    """Settles where somebody waits for the money: the market's pool owes more than it holds."""

    name = "settle"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def decide(self, moment: Moment) -> list[Decision]:
        """Decisions on losers to settle, then on flags to clear."""
        desk, view = self._desk, moment.view
        wants = [want for want in self._wants(moment) if (want.duty, shown_account(want.account)) not in moment.busy][
            :_AT_ONCE
        ]
        if not wants:
            return []
        fees = bid(view, tip=desk.settings.priority_fee, max_fee=desk.settings.service_max_fee)
        if fees is None:
            reason = "fees are above service_max_fee"
            return [_decision(want, "wait", reason) for want in wants]
        calls = [
            {
                "from": desk.caller,
                "to": desk.house,
                "data": signature_call(want.signature, want.account),
            }
            for want in wants
        ]
        answers = desk.rpc.batch([("eth_estimateGas", [call, view.tag]) for call in calls])
        decisions = []
        for want, call, used in zip(wants, calls, answers, strict=True):
            if isinstance(used, Fault):
                decisions.append(_decision(want, "skip", _words(used)))
                continue
            action = Action(
                duty=want.duty,
                subject=shown_account(want.account),
                to=desk.house,
                data=call["data"],
                gas=gas_limit(quantity(used)),
                fees=fees,
                ceiling=desk.settings.service_max_fee,
                account=want.account,
            )
            decisions.append(Decision(want.duty, action.subject, "send", want.reason, action))
        return decisions

    def _wants(self, moment: Moment) -> Iterator[_Want]:
        settings, view = self._desk.settings, moment.view
        for account, loss in largest_losses(moment.state, view, settings.settle_above):
            reason = f"{shown_usdc(loss)} USDC of losses that winners wait for"
            yield _Want("settle", account, "settle(uint256)", reason)
        for account in recovered(moment.state, view):
            yield _Want("clear_flag", account, "flag(uint256)", "flagged, and back at the target")


def largest_losses(state: LedgerState, view: View, least: int) -> list[tuple[int, int]]:
    """Accounts and their unsettled losses from ``least`` on (USDC 1e18), the largest first.

    A market's unsettled profits and losses add up to its pool, so a loss is always somebody's
    profit that the pool cannot pay yet. Insolvent accounts are left to liquidation, which the
    contract insists on.
    """
    margin = Margins(state, view.prices, view.time)
    found = []
    for account, held in state.accounts.items():
        if not held.positions:
            continue
        try:
            portfolio = margin.portfolio(account)
            if margin.requirement(portfolio).equity < 0:
                continue
        except NoHealthError:
            continue
        loss = sum(-leg.pnl for leg in portfolio.linears if leg.pnl < 0)
        if loss >= least:
            found.append((account, loss))
    return sorted(found, key=lambda one: (-one[1], one[0]))


def recovered(state: LedgerState, view: View) -> list[int]:
    """Flagged accounts whose health factor is back at the target of a liquidation."""
    config = state.parameters.liquidation
    if config is None:
        return []
    margin = Margins(state, view.prices, view.time)
    found = []
    for account, held in state.accounts.items():
        if not held.flagged_at:
            continue
        try:
            health = margin.health(account)
        except NoHealthError:
            continue
        if health.equity >= 0 and health.equity * WAD >= health.maintenance * config["target"]:
            found.append(account)
    return sorted(found)


def _decision(want: _Want, verdict: str, reason: str) -> Decision:
    return Decision(want.duty, shown_account(want.account), verdict, reason)


def _words(fault: Fault) -> str:
    data = bytes.fromhex(fault.data[2:])
    return str(decode_revert(data)) if len(data) >= 4 else error_name(fault)
