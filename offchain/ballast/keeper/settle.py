"""A service: turns losers' unsettled losses into cash, out of which winners are paid, settles what has
expired, and clears flags of accounts that are back at the target. Earns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ballast.chain.instruments import expiry_label, expiry_of_series
from ballast.chain.protocol import Health
from ballast.chain.reverts import decode_revert
from ballast.chain.settlement import Settlement
from ballast.errors import ContractError, StaleDataError
from ballast.index import LedgerState
from ballast.keeper.candidates import Candidate, error_name
from ballast.keeper.duty import Action, Decision, Desk, Moment
from ballast.keeper.expired import Due, payable_claims, settleable, unpaid, unpriced
from ballast.keeper.fees import bid
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.plan import gas_limit
from ballast.keeper.rpc import Fault, quantity
from ballast.keeper.simulate import encode_liquidation
from ballast.keeper.view import View, signature_call
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD

__all__ = ["SettleDuty", "largest_losses", "recovered"]

#: Services of one block: the rest waits for the next.
_AT_ONCE = 8
_LAST_RESORT = "what rounds cannot fix, the governor can, a day after the expiry (setPriceByGovernor)"


@dataclass(frozen=True, slots=True)
class _Want:
    """A call; ``account`` is whose it is, if anybody's."""

    duty: str
    subject: str
    to: str
    data: str
    reason: str
    account: int | None = None


class SettleDuty:
    """Settles where somebody waits for the money: the market's pool owes more than it holds, or what an account holds
    has expired. ``prices`` fixes what that is settled at."""

    name = "settle"

    def __init__(self, desk: Desk, prices: Settlement) -> None:
        self._desk = desk
        self._prices = prices

    def decide(self, moment: Moment) -> list[Decision]:
        """Decisions on prices to fix and accounts to settle, then on flags to clear."""
        desk, view = self._desk, moment.view
        refused: list[Decision] = []
        found = (want for want in self._wants(moment, refused) if (want.duty, want.subject) not in moment.busy)
        wants = list({(want.duty, want.subject): want for want in found}.values())[:_AT_ONCE]
        if not wants:
            return refused
        fees = bid(view, tip=desk.settings.priority_fee, max_fee=desk.settings.service_max_fee)
        if fees is None:
            reason = "fees are above service_max_fee"
            return [*refused, *(_decision(want, "wait", reason) for want in wants)]
        calls = [{"from": desk.caller, "to": want.to, "data": want.data} for want in wants]
        answers = desk.rpc.batch([("eth_estimateGas", [call, view.tag]) for call in calls])
        decisions = refused
        for want, used in zip(wants, answers, strict=True):
            if isinstance(used, Fault):
                decisions.append(_decision(want, "skip", _words(used)))
                continue
            action = Action(
                duty=want.duty,
                subject=want.subject,
                to=want.to,
                data=want.data,
                gas=gas_limit(quantity(used)),
                fees=fees,
                ceiling=desk.settings.service_max_fee,
                account=want.account,
            )
            decisions.append(Decision(want.duty, action.subject, "send", want.reason, action))
        return decisions

    def _wants(self, moment: Moment, refused: list[Decision]) -> Iterator[_Want]:
        settings, state, view = self._desk.settings, moment.state, moment.view
        for series in unpriced(state, view.time):
            want = self._price(series)
            if isinstance(want, Decision):
                refused.append(want)
            else:
                yield want
        margins = Margins(state, view.prices, view.time)
        for due in unpaid(margins, state):
            yield self._close(state, due)
        for due in settleable(margins, state):
            owed = "owes" if due.amount < 0 else "is owed"
            yield self._settle(due.account, f"{owed} {shown_usdc(abs(due.amount))} USDC for what has expired")
        for due in payable_claims(state, settings.settle_above):
            yield self._settle(due.account, f"{shown_usdc(due.amount)} USDC of a claim can be paid")
        for account, loss in largest_losses(state, view, settings.settle_above):
            yield self._settle(account, f"{shown_usdc(loss)} USDC of losses that winners wait for")
        for account in recovered(state, view):
            yield self._want("clear_flag", account, "flag(uint256)", "flagged, and back at the target")

    def _settle(self, account: int, reason: str) -> _Want:
        return self._want("settle", account, "settle(uint256)", reason)

    def _close(self, state: LedgerState, due: Due) -> _Want:
        """A liquidation that moves nothing: it pays what the account owes and books the loss."""
        desk, steps = self._desk, state.account(due.account).steps
        candidate = Candidate(due.account, Health(due.amount, 0, 0), 0, steps)
        data = encode_liquidation(candidate, desk.liquidator, max_fraction=WAD)
        reason = f"expired, and owes {shown_usdc(-due.amount)} USDC more than it has"
        return _Want("close", shown_account(due.account), desk.house, data, reason, due.account)

    def _want(self, duty: str, account: int, signature: str, reason: str) -> _Want:
        data = signature_call(signature, account)
        return _Want(duty, shown_account(account), self._desk.house, data, reason, account)

    def _price(self, series: int) -> _Want | Decision:
        """Fixes a settlement price, or a part of the way to it."""
        asset, expiry = series >> 14, expiry_of_series(series)
        subject = f"asset {asset}, {expiry_label(expiry)}"
        try:
            data = self._prices.call_data(asset, expiry)
        except (StaleDataError, ContractError) as error:
            return Decision("fix_price", subject, "skip", f"{error}; {_LAST_RESORT}")
        return _Want("fix_price", subject, self._prices.contract.address, data, "expired, and has no settlement price")


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
    return Decision(want.duty, want.subject, verdict, reason)


def _words(fault: Fault) -> str:
    data = bytes.fromhex(fault.data[2:])
    return str(decode_revert(data)) if len(data) >= 4 else error_name(fault)
