"""The results of a demo as rows for people and as JSON for programs. Money is rounded to the
cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from ballast.checks import INVARIANTS
from ballast.demo.run import Outcome
from ballast.units import from_wad

__all__ = ["cents", "result_rows", "shape_rows", "shown_money", "to_json", "verdict_rows"]

_CENT = Decimal("0.01")
_BEARERS = {
    "insurance": "insurance fund",
    "winners": "winners of those markets",
    "deposits": "lenders",
    "uncovered": "nobody yet",
}


def cents(wad: int) -> Decimal:
    """USDC to the cent of an amount in 1e18, half to even."""
    return from_wad(wad).quantize(_CENT, ROUND_HALF_EVEN)


def shown_money(wad: int) -> str:
    return f"{cents(wad):,}"


def result_rows(outcome: Outcome) -> list[tuple[str, str]]:
    """What the table shows: name and value."""
    found = outcome.tally
    rows = [
        ("accounts opened", f"{len(outcome.opened)}"),
        ("accounts liquidated", f"{found.accounts} in {len(found.liquidations)} steps"),
        ("collateral sold (USDC)", shown_money(found.collateral_sold)),
        ("positions closed (USDC notional)", shown_money(found.positions_closed)),
        ("liquidator profit after gas (USDC)", shown_money(found.profit)),
        ("  its gas (USDC)", shown_money(found.liquidation_gas.cost)),
        ("  what it took, until it was sold (USDC)", shown_money(found.holding)),
        ("insurance used (USDC)", shown_money(found.insurance_used)),
        ("bad debt (USDC)", shown_money(found.bad_debt)),
    ]
    rows += [
        (f"  borne by {_BEARERS[bearer]}", shown_money(amount))
        for bearer, amount in found.borne.items()
        if cents(amount)
    ]
    return [
        *rows,
        ("worst health factor", _worst(found.worst)),
        (
            "blocks from breach to liquidation",
            f"{found.longest_delay} at most, {float(found.mean_delay):.2f} on average",
        ),
        ("unhealthy accounts left", f"{found.unliquidated}"),
    ]


def _worst(factor: Fraction) -> str:
    if factor >= 0:
        return f"{float(factor):.4f}"
    return f"0 (equity {float(factor):.2f} of maintenance)"


def shape_rows(outcome: Outcome) -> list[tuple[str, int, int, str, str]]:
    """Per shape: accounts, of these liquidated, value sold, bad debt."""
    shapes = {opened.account: opened.shape for opened in outcome.opened}
    counts = Counter(shapes.values())
    rows = []
    for shape, count in counts.items():
        steps = [s for s in outcome.tally.liquidations if shapes.get(s.account) == shape]
        rows.append(
            (
                shape,
                count,
                len({step.account for step in steps}),
                shown_money(sum(step.sold for step in steps)),
                shown_money(sum(step.loss for step in steps)),
            )
        )
    return rows


def verdict_rows(outcome: Outcome) -> list[tuple[str, str, bool, str]]:
    """Number, what it says, whether it holds, detail."""
    return [(number, INVARIANTS[number], verdict.held, verdict.detail) for number, verdict in outcome.verdicts.items()]


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Everything the table shows, as numbers: USDC to the cent, counts as integers."""
    found = outcome.tally
    return {
        "scenario": outcome.scenario.title,
        "notices": list(outcome.scenario.notices),
        "points": len(outcome.frames),
        "accounts": len(outcome.opened),
        "accounts_liquidated": found.accounts,
        "liquidations": len(found.liquidations),
        "collateral_sold": _number(found.collateral_sold),
        "positions_closed": _number(found.positions_closed),
        "liquidator_profit": _number(found.profit),
        "liquidation_gas": _number(found.liquidation_gas.cost),
        "liquidator_holding": _number(found.holding),
        "service_gas": _number(found.service_gas.cost),
        "insurance_used": _number(found.insurance_used),
        "bad_debt": _number(found.bad_debt),
        "bad_debt_borne_by": {bearer: _number(amount) for bearer, amount in found.borne.items()},
        "worst_health_factor": round(float(found.worst_factor), 6),
        "worst_equity_over_maintenance": round(float(found.worst), 6),
        "blocks_to_liquidate": found.longest_delay,
        "blocks_to_liquidate_mean": round(float(found.mean_delay), 6),
        "unliquidated": found.unliquidated,
        "liquidation_days": list(_days(outcome)),
        "invariants": {number: verdict.held for number, verdict in outcome.verdicts.items()},
        "invariant_details": {n: verdict.detail for n, verdict in outcome.verdicts.items()},
    }


def _number(wad: int) -> float:
    # two decimals survive a float up to 10^13
    return float(cents(wad))


def _days(outcome: Outcome) -> Iterable[str]:
    """Days of the path on which somebody was liquidated."""
    frames = outcome.frames
    days = (frames[step.frame].point.label for step in outcome.tally.liquidations)
    return dict.fromkeys(map(str, days))
