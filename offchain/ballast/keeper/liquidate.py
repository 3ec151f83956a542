"""The duty that earns: liquidates what can be, where it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ballast import units
from ballast.chain.settlement import Settlement
from ballast.errors import ContractError
from ballast.keeper.candidates import AtRisk, Candidate, with_steps
from ballast.keeper.duty import Action, Decision, Desk, Moment
from ballast.keeper.fees import Fees, bid
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.plan import Plan, action_of, details_of, gas_cost, gas_limit, plan_liquidation
from ballast.keeper.prepare import STALE, UNPRICED, Preparation
from ballast.keeper.rpc import Fault, quantity
from ballast.keeper.simulate import Order, Refusal, Simulation, Simulator
from ballast.keeper.view import signature_call
from ballast.units import WAD

__all__ = ["LiquidateDuty"]

_SKIP = "skip"
_WAIT = "wait"
_SEND = "send"

#: Parts of an account to try where the liquidator's margin does not carry all that it could take.
_SMALLER = (2, 4, 8, 16, 32)
#: Times a sequence is tried again without those in it that do not pay or weigh too much.
_ROUNDS = 8

_USED_UP = "the liquidator's margin is used up"
_TOO_HEAVY = "the liquidator's margin carries no part of it that pays"


class LiquidateDuty:
    """Riskiest first, each simulated after those before it, so that together they fit the
    liquidator's margin."""

    name = "liquidate"

    def __init__(self, desk: Desk, prices: Settlement) -> None:
        self._desk = desk
        self._preparation = Preparation(desk, prices)
        self._simulator = Simulator(desk.rpc, desk.house, desk.caller, desk.liquidator)

    def decide(self, moment: Moment) -> list[Decision]:
        """One decision for each account at risk."""
        desk, view = self._desk, moment.view
        found, decisions = self._sort_out(moment)
        if not found:
            return decisions
        fees = bid(view, tip=desk.settings.priority_fee, max_fee=desk.settings.max_fee)
        if fees is None:
            reason = "no bid within max_fee gets in behind the waiting price update"
            return decisions + [_decision(one.account, _WAIT, reason) for one in found]
        if view.coin_price is None:
            reason = "the chain's coin has no price yet, so gas cannot be weighed"
            return decisions + [_decision(one.account, _WAIT, reason) for one in found]
        candidates = with_steps(desk.rpc, desk.house, found, view.tag)
        return decisions + self._weigh(candidates, moment, fees, view.coin_price)

    def _sort_out(self, moment: Moment) -> tuple[list[AtRisk], list[Decision]]:
        """Those to look at closely, and decisions about the rest."""
        found: list[AtRisk] = []
        decisions = []
        for one in moment.screening.at_risk:
            if one.account == self._desk.liquidator:
                self._desk.log.error("own_account_unhealthy", account=shown_account(one.account))
                decisions.append(_decision(one.account, _SKIP, "it is the keeper's own account"))
            elif ("liquidate", shown_account(one.account)) in moment.busy:
                decisions.append(_decision(one.account, _WAIT, "a transaction is under way"))
            elif len(found) >= self._desk.settings.max_per_block:
                decisions.append(_decision(one.account, _WAIT, "max_per_block is reached"))
            else:
                found.append(one)
        return found, decisions

    # ------------------------------------------------------------ weighing

    def _weigh(self, candidates: Sequence[Candidate], moment: Moment, fees: Fees, coin_price: int) -> list[Decision]:
        settings, tag = self._desk.settings, moment.view.tag
        orders = [Order(candidate, settings.largest_fraction) for candidate in candidates]
        decisions: list[Decision] = []
        unprepared: list[Refusal] = []
        chosen: list[Plan] = []
        for _ in range(_ROUNDS):
            results = self._simulator.run(orders, tag)
            limit = self._limit(results, moment)
            chosen, idle = [], []
            for result in results[:limit]:
                if isinstance(result, Refusal):
                    idle.append(result.order)
                    decisions.append(self._refused(result))
                    if result.error.name in (STALE, UNPRICED):
                        unprepared.append(result)
                    continue
                plan = plan_liquidation(result, fees, coin_price, settings)
                if plan.pays:
                    chosen.append(plan)
                else:
                    idle.append(result.order)
                    decisions.append(self._unprofitable(plan, moment, coin_price))
            orders = [order for order in orders if order not in idle]
            if limit is None:
                break
            if idle:
                continue  # without them the margin may carry more
            heavy = orders[limit]
            smaller = self._fit(chosen, heavy.candidate, tag)
            if smaller is not None:
                plan = plan_liquidation(smaller, fees, coin_price, settings)
                if plan.pays:
                    chosen.append(plan)
                    break
            reason = _USED_UP if chosen else _TOO_HEAVY
            decisions.append(_decision(heavy.candidate.account, _WAIT, reason))
            orders.remove(heavy)
        rest = [order.candidate.account for order in orders[len(chosen) :]]
        if rest:
            self._desk.log.warning("margin_used_up", waiting=len(rest))
        decisions += [_decision(account, _WAIT, _USED_UP) for account in rest]
        prepared = self._preparation.decide(unprepared, moment, fees, coin_price)
        return [self._send(plan) for plan in chosen] + prepared + decisions

    def _limit(self, results: Sequence[Simulation | Refusal], moment: Moment) -> int | None:
        """Position of the first result that the liquidator's margin does not carry."""
        for at, result in enumerate(results):
            if isinstance(result, Refusal) and self._is_own_margin(result.error):
                return at
        if self._simulator.runs_sequences or moment.own is None:
            return None
        # Each was tried alone. What a slice adds to the requirement is at most its part of the
        # account's.
        equity, initial = moment.own.equity, moment.own.initial
        for at, result in enumerate(results):
            if isinstance(result, Refusal):
                continue
            initial += result.order.candidate.health.initial * result.fraction // WAD
            equity += result.reward
            if at > 0 and equity < initial:
                return at
        return None

    def _is_own_margin(self, error: ContractError) -> bool:
        return error.name == "Ledger_BelowInitialMargin" and error.arguments.get("account") == self._desk.liquidator

    def _fit(self, chosen: Sequence[Plan], candidate: Candidate, tag: str) -> Simulation | None:
        """The largest of some smaller slices that the margin carries after the plans chosen."""
        before = [plan.simulation.order for plan in chosen]
        for part in _SMALLER:
            order = Order(candidate, self._desk.settings.largest_fraction // part)
            if self._simulator.runs_sequences:
                result = self._simulator.run([*before, order], tag)[-1]
            elif before:
                return None  # tried alone it would say nothing
            else:
                result = self._simulator.run([order], tag)[0]
            if isinstance(result, Simulation):
                return result
            if not self._is_own_margin(result.error):
                return None
        return None

    # ------------------------------------------------------------ decisions

    def _send(self, plan: Plan) -> Decision:
        action = action_of(plan, self._desk)
        reason = f"earns {shown_usdc(plan.profit)} USDC after gas"
        return Decision("liquidate", action.subject, _SEND, reason, action, details_of(plan))

    @staticmethod
    def _refused(refusal: Refusal) -> Decision:
        error = refusal.error
        verdict = _WAIT if error.name in _PASSING else _SKIP
        reason = _PASSING.get(error.name, f"the contract refuses: {error}")
        return _decision(refusal.order.candidate.account, verdict, reason)

    def _unprofitable(self, plan: Plan, moment: Moment, coin_price: int) -> Decision:
        candidate = plan.simulation.order.candidate
        subject = shown_account(candidate.account)
        details = details_of(plan)
        floor = shown_usdc(self._desk.settings.min_profit)
        reason = f"would earn {shown_usdc(plan.profit)} USDC, the least is {floor}"
        flag = self._flag(plan, moment, coin_price)
        if flag is not None:
            return Decision("liquidate", subject, "flag", f"{reason}; waiting will pay", flag, details)
        return Decision("liquidate", subject, _SKIP, reason, None, details)

    def _flag(self, plan: Plan, moment: Moment, coin_price: int) -> Action | None:
        """Starts the reward's clock where the account's share of a full ramp would pay for both
        transactions."""
        desk, candidate = self._desk, plan.simulation.order.candidate
        config = moment.state.parameters.liquidation
        subject = shown_account(candidate.account)
        if not desk.settings.flag_unprofitable or candidate.flagged_at or config is None:
            return None
        if ("flag", subject) in moment.busy:
            return None
        data = signature_call("flag(uint256)", candidate.account)
        call = {"from": desk.caller, "to": desk.house, "data": data}
        used = desk.rpc.attempt("eth_estimateGas", call, moment.view.tag)
        if isinstance(used, Fault):
            return None
        gas = quantity(used)
        cost = gas_cost(gas, plan.fees.max_fee, coin_price) + desk.settings.overhead
        later = full_reward(candidate, config) - plan.cost - cost
        if later < desk.settings.min_profit:
            return None
        ceiling = plan.fees.max_fee * 2
        return Action("flag", subject, desk.house, data, gas_limit(gas), plan.fees, ceiling,
                      candidate.account)  # fmt: skip


#: Refusals that pass by themselves.
_PASSING = {
    "Liquidation_Healthy": "healthy on a closer look",
    "Liquidation_Step": "somebody else has just taken a step",
    "Liquidation_InsuranceLocked": "its owner acted in this block; insurance pays from the next",
    STALE: "its options' arrays are refreshed first",
    UNPRICED: "what it holds has expired; the settlement price is fixed first",
}


def full_reward(candidate: Candidate, config: Mapping[str, int]) -> int:
    """The account's share of the reward once the ramp is complete, less the insurance fee; USDC
    1e18, rounded down. What the fund would add is left out: others may have used it up by then."""
    health = candidate.health
    if health.equity <= 0:
        return 0
    shortfall = (health.maintenance - health.equity) * WAD // health.maintenance
    rate = config["startRate"] + config["healthSlope"] * shortfall // WAD + config["rampRate"]
    factor = candidate.factor
    share = min(rate, config["maxRate"], factor)
    target = config["target"]
    fraction = WAD if share >= factor else min(WAD, (target - factor) * WAD // (target - share))
    gross = health.maintenance * fraction // WAD * share // WAD
    return gross - gross * config["insuranceFee"] // WAD


def _decision(account: int, verdict: str, reason: str) -> Decision:
    return Decision("liquidate", units.format_account(account), verdict, reason)
