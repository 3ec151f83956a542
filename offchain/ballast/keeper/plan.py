"""From a simulated liquidation to a decision: what it earns, what it costs, at what price it is
sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ballast import units
from ballast.keeper.duty import Action, Desk
from ballast.keeper.fees import Fees
from ballast.keeper.logs import shown_account, shown_usdc
from ballast.keeper.settings import KeeperSettings
from ballast.keeper.simulate import Simulation, encode_liquidation

__all__ = ["Plan", "action_of", "details_of", "gas_cost", "gas_limit", "plan_liquidation"]

#: A refund comes after execution: the limit covers what was used before it (a fifth more), and a
#: state that changed.
_GAS_MARGIN_PERCENT = 50
_GAS_SPARE = 50_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A liquidation with its account, USDC 1e18: what it earns (in ``simulation``), what its gas
    costs, what is left. ``ceiling`` is the fee in wei per gas at which the least profit is just
    left."""

    simulation: Simulation
    fees: Fees
    cost: int
    profit: int
    ceiling: int
    pays: bool


def gas_limit(used: int) -> int:
    """Gas to allow a transaction that used ``used`` in a simulation."""
    return used + used * _GAS_MARGIN_PERCENT // 100 + _GAS_SPARE


def gas_cost(gas: int, fee: int, coin_price: int) -> int:
    """USDC 1e18, rounded up, of ``gas`` at ``fee`` wei; ``coin_price`` in USDC 1e18."""
    return -(-gas * fee * coin_price // units.WAD)


def plan_liquidation(simulation: Simulation, fees: Fees, coin_price: int, settings: KeeperSettings) -> Plan:
    """Gas counts at the highest fee that the bid allows, so the profit is the least to expect."""
    cost = gas_cost(simulation.gas, fees.max_fee, coin_price) + settings.overhead
    profit = simulation.reward - cost
    budget = simulation.reward - settings.overhead - settings.min_profit
    ceiling = max(budget, 0) * units.WAD // (simulation.gas * coin_price)
    return Plan(simulation, fees, cost, profit, ceiling, profit >= settings.min_profit)


def action_of(plan: Plan, desk: Desk) -> Action:
    """The transaction of a plan: at a drift of the price within the tolerance, and for no slice too
    small to pay its gas."""
    simulation = plan.simulation
    candidate = simulation.order.candidate
    slice_maintenance = candidate.health.maintenance * simulation.fraction // units.WAD
    drift = slice_maintenance * desk.settings.tolerance // units.WAD
    least = 0
    if simulation.reward > 0:
        least = min(simulation.fraction, simulation.fraction * plan.cost // simulation.reward)
    data = encode_liquidation(
        candidate,
        desk.liquidator,
        max_fraction=simulation.order.fraction,
        min_fraction=least,
        max_paid=simulation.paid + drift,
    )
    return Action(
        duty="liquidate",
        subject=shown_account(candidate.account),
        to=desk.house,
        data=data,
        gas=gas_limit(simulation.gas),
        fees=plan.fees,
        ceiling=plan.ceiling,
        account=candidate.account,
        step=candidate.steps,
        profit=plan.profit,
    )


def details_of(plan: Plan) -> dict[str, Any]:
    """Figures of a plan; amounts as decimal strings in USDC."""
    simulation = plan.simulation
    candidate = simulation.order.candidate
    return {
        "equity": shown_usdc(candidate.health.equity),
        "maintenance": shown_usdc(candidate.health.maintenance),
        "health_factor": str(units.from_wad(candidate.factor)),
        "step": candidate.steps,
        "fraction": str(units.from_wad(simulation.fraction)),
        "paid": shown_usdc(simulation.paid),
        "reward": shown_usdc(simulation.reward),
        "gas": simulation.gas,
        "max_fee_wei": plan.fees.max_fee,
        "tip_wei": plan.fees.tip,
        "gas_cost": shown_usdc(plan.cost),
        "profit": shown_usdc(plan.profit),
    }
