"""What ``ballast account`` adds for an account of the PORTFOLIO model: scenarios, floor and contingencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ballast import units
from ballast.commands.ledger import LedgerView
from ballast.errors import ContractError
from ballast.risk.margin import PORTFOLIO
from ballast.risk.portfolio import PortfolioMargin, Rows
from ballast.risk.valuation import NoHealthError

__all__ = ["AccountRisk", "Scenarios", "read_risk"]

#: Scenarios that are shown.
_SHOWN = 5


@dataclass(frozen=True)
class Scenarios:
    """``profits`` of all rows and the Expected Shortfall in USDC 1e18; the tail's rows, worst first."""

    profits: tuple[int, ...]
    shortfall: int
    worst: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "expected_shortfall": _exact(self.shortfall),
            "scenario_pnl": [_exact(profit) for profit in self.profits],
            "worst_scenarios": list(self.worst),
        }


@dataclass(frozen=True)
class AccountRisk:
    """Both sides' scenarios, and what only our own computation states: the contract has no view of its parts."""

    margin: PortfolioMargin
    contract: Scenarios | None
    rows: Rows
    names: tuple[str, ...]

    @property
    def own(self) -> Scenarios:
        return Scenarios(self.margin.profits, self.margin.shortfall, self.margin.worst)

    def own_json(self) -> dict[str, Any]:
        return {
            **self.own.to_json(),
            "floor": _exact(self.margin.floor),
            "contingencies": {name: _exact(value) for name, value in self.margin.contingencies.items()},
            "initial_only": {name: _exact(value) for name, value in self.margin.initial_only.items()},
            "scenario_names": list(self.names),
            "table_version": self.rows.version,
        }

    def print(self, console: Console) -> None:
        """The parts of the requirement, then the worst scenarios."""
        table = Table()
        table.add_column("parts, USDC")
        for name in ("contract", "own computation"):
            table.add_column(name, justify="right", overflow="fold")
        theirs = "" if self.contract is None else _shown(self.contract.shortfall)
        table.add_row("Expected Shortfall", theirs, _shown(self.margin.shortfall))
        table.add_row("floor", "", _shown(self.margin.floor))
        for label, parts in (("", self.margin.contingencies), (", initial only", self.margin.initial_only)):
            for name, value in parts.items():
                if value:
                    table.add_row(f"{name.replace('_', ' ')}{label}", "", _shown(value))
        console.print(table)
        table = Table()
        table.add_column(f"worst scenarios of table {self.rows.version}")
        for name in ("weight", "contract", "own computation"):
            table.add_column(name, justify="right")
        for row in self._worst_rows():
            weight = f"{units.from_wad(self.rows.weights[row]):f}"
            said = "" if self.contract is None else _shown(self.contract.profits[row])
            table.add_row(self.names[row], weight, said, _shown(self.margin.profits[row]))
        console.print(table)

    def _worst_rows(self) -> list[int]:
        """The rows of the largest weighted losses, however many the tail has."""
        gains = [profit * weight for profit, weight in zip(self.margin.profits, self.rows.weights, strict=True)]
        return sorted(range(len(gains)), key=gains.__getitem__)[:_SHOWN]


def read_risk(view: LedgerView, number: int) -> AccountRisk | None:
    """None for other models, and where there is no margin."""
    if view.state.account(number).model != PORTFOLIO:
        return None
    try:
        margin = view.margin.scenarios(view.margin.portfolio(number))
    except NoHealthError:
        return None
    try:
        found = view.protocol.house.functions.risk(number).call(block_identifier=view.state.block)
        theirs = Scenarios(tuple(found[0]), found[1], tuple(found[2]))
    except ContractError:
        theirs = None
    return AccountRisk(margin, theirs, view.margin.terms.rows, view.margin.terms.names)


def _exact(value: int) -> str:
    return str(units.from_wad(value))


def _shown(value: int) -> str:
    return f"{units.from_wad(value):,f}"
