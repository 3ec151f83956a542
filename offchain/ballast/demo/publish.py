"""An outcome as the report's data."""

from __future__ import annotations

from datetime import datetime

from ballast.demo.run import Outcome
from ballast.demo.summary import result_rows, shape_rows, shown_money, verdict_rows
from ballast.report import Liquidated, ReportData, Table
from ballast.units import from_wad

__all__ = ["report_of"]

_IDLE = frozenset({"lender", "market maker", "buyer"})
_DAY = 86_400


def report_of(outcome: Outcome) -> ReportData:
    """Charts and tables of one demo."""
    frames, found = outcome.frames, outcome.tally
    shapes = {opened.account: opened for opened in outcome.opened}
    symbols = outcome.scenario.path.symbols
    traders = {account for account, opened in shapes.items() if opened.shape not in _IDLE}
    x, x_title = _axis(outcome)
    return ReportData(
        title="Ballast demo",
        subtitle=f"{outcome.scenario.title}: {len(outcome.opened)} accounts, {len(frames)} price points",
        x=x,
        x_title=x_title,
        prices={s: [float(frame.point.prices[s]) for frame in frames] for s in symbols},
        factors=[
            [
                health.equity / health.maintenance
                for account, health in frame.healths.items()
                if account in traders and health.maintenance
            ]
            for frame in frames
        ],
        target=float(from_wad(outcome.target)),
        liquidations=[
            Liquidated(
                index=step.frame,
                symbol=step.symbol,
                who=shapes[step.account].name,
                worth=float(from_wad(step.sold)),
                factor=float(step.factor),
                loss=float(from_wad(step.loss)),
            )
            for step in found.liquidations
        ],
        figures=[
            ("accounts liquidated", f"{found.accounts}"),
            ("taken over, USDC", shown_money(found.collateral_sold + found.positions_closed)),
            ("liquidator profit after gas, USDC", shown_money(found.profit)),
            ("insurance used, USDC", shown_money(found.insurance_used)),
            ("bad debt, USDC", shown_money(found.bad_debt)),
        ],
        tables=_tables(outcome),
        marks=outcome.scenario.marks,
        notices=outcome.scenario.notices,
    )


def _axis(outcome: Outcome) -> tuple[list[datetime] | list[float], str]:
    points = [frame.point for frame in outcome.frames]
    if outcome.scenario.marks:  # days that do not follow each other
        return [point.seconds / _DAY for point in points], "days since the start"
    return [point.time for point in points], ""


def _tables(outcome: Outcome) -> list[Table]:
    verdicts = verdict_rows(outcome)
    return [
        Table(
            "Results",
            ("", "value"),
            [list(row) for row in result_rows(outcome)],
            note=f"The liquidator's account also moved by {shown_money(outcome.tally.holding)} USDC with the prices"
            " of what it held until it could sell it: points are hours apart here.",
        ),
        Table(
            "Accounts by shape",
            ("shape", "accounts", "liquidated", "taken over", "bad debt"),
            [[str(cell) for cell in row] for row in shape_rows(outcome)],
            note="USDC.",
        ),
        Table(
            "Invariants",
            ("", "what it says", "what was looked at"),
            [[number, words, detail] for number, words, _, detail in verdicts],
            note="Checked against the chain after the replay.",
            flags=[held for _, _, held, _ in verdicts],
        ),
    ]
