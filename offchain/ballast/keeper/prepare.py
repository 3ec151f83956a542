"""What has to be known before an account may be liquidated: arrays at the spot, and prices of what has expired.

The contract refuses to liquidate on numbers that anybody could bring up to date, and names the expiry. Whoever wants to
liquidate does it, and looks again: more often than not the account is healthy then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ballast.chain.instruments import FUTURE, OPTION, expiry_label, expiry_of_series, kind_of, series_of_instrument
from ballast.chain.settlement import Settlement
from ballast.errors import ContractError, StaleDataError
from ballast.index import LedgerState
from ballast.keeper.candidates import error_name
from ballast.keeper.duty import Action, Decision, Desk, Moment
from ballast.keeper.fees import Fees
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.plan import gas_cost, gas_limit
from ballast.keeper.rpc import Fault, quantity
from ballast.keeper.simulate import Refusal
from ballast.keeper.view import signature_call

__all__ = ["STALE", "UNPRICED", "Preparation"]

#: Refusals that a refresh, and a settlement price, mend.
STALE, UNPRICED = "RiskArrays_Stale", "Liquidation_AwaitsPrice"
#: Of strikes: all that an expiry has.
_ALL = 255


@dataclass(frozen=True, slots=True)
class _Want:
    duty: str
    subject: str
    to: str
    data: str


class Preparation:
    """Refreshes and fixes what the refusals ask for, each once, where its gas is less than what the accounts it is for
    are asked to keep."""

    def __init__(self, desk: Desk, prices: Settlement) -> None:
        self._desk = desk
        self._prices = prices

    def decide(self, refusals: Iterable[Refusal], moment: Moment, fees: Fees, coin_price: int) -> list[Decision]:
        """One decision for each expiry that some account waits for."""
        wants: dict[_Want, list[Refusal]] = {}
        decisions: list[Decision] = []
        for refusal in refusals:
            try:
                for want in self._wants(refusal, moment.state):
                    wants.setdefault(want, []).append(refusal)
            except (StaleDataError, ContractError) as error:
                account = refusal.order.candidate.account
                decisions.append(Decision("fix_price", shown_account(account), "skip", str(error)))
        for want, waiting in wants.items():
            if (want.duty, want.subject) in moment.busy:
                decisions.append(Decision(want.duty, want.subject, "wait", "a transaction is under way"))
            else:
                decisions.append(self._send(want, waiting, moment, fees, coin_price))
        return decisions

    def _wants(self, refusal: Refusal, state: LedgerState) -> Iterator[_Want]:
        expiry = int(refusal.error.arguments["expiry"])
        held = state.account(refusal.order.candidate.account).positions
        dated = {series_of_instrument(number) for number in held if kind_of(number) in (FUTURE, OPTION)}
        for series in sorted(one for one in dated if expiry_of_series(one) == expiry):
            asset = series >> 14
            subject = f"asset {asset}, {expiry_label(expiry)}"
            if refusal.error.name == STALE:
                signature = "refreshStrikes(uint32,uint64,uint256,uint256)"
                yield _Want("refresh", subject, self._desk.house, signature_call(signature, asset, expiry, 0, _ALL))
            else:
                data = self._prices.call_data(asset, expiry)
                yield _Want("fix_price", subject, self._prices.contract.address, data)

    def _send(self, want: _Want, waiting: list[Refusal], moment: Moment, fees: Fees, coin_price: int) -> Decision:
        desk = self._desk
        call = {"from": desk.caller, "to": want.to, "data": want.data}
        used = desk.rpc.attempt("eth_estimateGas", call, moment.view.tag)
        if isinstance(used, Fault):
            return Decision(want.duty, want.subject, "skip", f"the contract refuses: {error_name(used)}")
        gas = quantity(used)
        cost = gas_cost(gas, fees.max_fee, coin_price)
        at_stake = sum(one.order.candidate.health.maintenance for one in waiting)
        if cost >= at_stake:
            return Decision(
                want.duty, want.subject, "skip", f"its gas is {shown_usdc(cost)} USDC, more than is at stake"
            )
        action = Action(
            duty=want.duty,
            subject=want.subject,
            to=want.to,
            data=want.data,
            gas=gas_limit(gas),
            fees=fees,
            ceiling=fees.max_fee * 2,
        )
        reason = f"{len(waiting)} accounts wait for it before they can be liquidated"
        return Decision(want.duty, want.subject, "send", reason, action)
