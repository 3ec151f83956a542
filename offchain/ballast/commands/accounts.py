"""``ballast accounts``: live accounts, riskiest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ballast import units
from ballast.chain.protocol import Health
from ballast.commands.ledger import (
    LedgerView,
    block_option,
    database_option,
    factor_text,
    health_json,
    open_ledger,
)
from ballast.commands.options import deployment_option, json_option, print_json, rpc_option, stdout_console
from ballast.index import Account
from ballast.index.state import CLAIM
from ballast.risk.many import healths_of
from ballast.risk.valuation import NoHealthError

__all__ = ["command"]

#: Positions that a row of the table names.
_SHOWN = 3


@dataclass(frozen=True)
class _Row:
    number: int
    account: Account
    health: Health | None
    reason: str = ""

    @property
    def rank(self) -> tuple[int, int, int]:
        """Insolvent first (by equity), then by factor, then without requirement, then without
        health."""
        if self.health is None:
            return 3, 0, self.number
        if self.health.factor is None:
            return 2, 0, self.number
        return (0, self.health.equity, self.number) if self.health.equity < 0 else (1, self.health.factor, self.number)


@click.command(name="accounts")
@click.option("--riskiest", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@rpc_option
@deployment_option
@database_option
@block_option
@json_option
def command(
    riskiest: int | None,
    rpc: str | None,
    deployment: Path | None,
    database: str | None,
    block: int | None,
    as_json: bool,
) -> None:
    """Lists live accounts, riskiest first, with margins computed from the index.

    \b
    Example:
      ballast accounts --riskiest 10 --rpc http://127.0.0.1:8545
    """
    with open_ledger(rpc, deployment, database, block) as view:
        rows = sorted(_rows(view), key=lambda row: row.rank)
        shown = rows if riskiest is None else rows[:riskiest]
        if as_json:
            print_json(_json(view, rows, shown))
        else:
            _print(view, rows, shown)


def _rows(view: LedgerView) -> Iterator[_Row]:
    accounts = view.state.accounts
    for number, health in healths_of(view.margin, view.state.banks, accounts).items():
        if isinstance(health, NoHealthError):
            yield _Row(number, accounts[number], None, str(health))
        else:
            yield _Row(number, accounts[number], health)


def _json(view: LedgerView, rows: list[_Row], shown: list[_Row]) -> dict[str, Any]:
    return {
        "block": view.state.block,
        "time": view.prices.time,
        "total": len(rows),
        "liquidatable": sum(1 for row in rows if row.health is not None and not row.health.is_healthy),
        "unpriced_assets": {str(asset): reason for asset, reason in view.prices.refused.items()},
        "accounts": [
            {
                "account": units.format_account(row.number),
                "id": str(row.number),
                "flagged_at": row.account.flagged_at or None,
                "liquidation_steps": row.account.steps,
                "positions": {name: str(units.from_wad(size)) for name, size in _positions(view, row.account)},
                **({"error": row.reason} if row.health is None else health_json(row.health)),
            }
            for row in shown
        ],
    }


def _positions(view: LedgerView, account: Account) -> Iterator[tuple[str, int]]:
    """Names and sizes (1e18), claims apart."""
    for number, held in sorted(account.positions.items()):
        if not number & CLAIM:
            yield view.instrument_name(number), held.size


def _named(view: LedgerView, account: Account) -> str:
    """The first positions, long ones with a plus."""
    found = [f"{'-' if size < 0 else '+'}{name}" for name, size in _positions(view, account)]
    more = len(found) - _SHOWN
    return " ".join(found[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _print(view: LedgerView, rows: list[_Row], shown: list[_Row]) -> None:
    console = stdout_console()
    table = Table(title=f"block {view.state.block}: {len(rows)} accounts", title_justify="left")
    table.add_column("account", no_wrap=True)
    for name in ("equity", "initial", "maintenance", "health factor"):
        table.add_column(name, justify="right")
    table.add_column("state")
    table.add_column("positions")
    for row in shown:
        name = units.format_account(row.number)
        if row.health is None:
            table.add_row(name, "", "", "", "", row.reason, _named(view, row.account))
            continue
        health = row.health
        amounts = (f"{units.from_wad(v):,.2f}" for v in (health.equity, health.initial, health.maintenance))
        table.add_row(name, *amounts, factor_text(health), _remark(row), _named(view, row.account))
    console.print(table)
    for asset, reason in view.prices.refused.items():
        console.print(f"asset {asset} has no usable price: {reason}")


def _remark(row: _Row) -> str:
    if row.health is not None and not row.health.is_healthy:
        return "insolvent" if row.health.equity < 0 else "liquidatable"
    return "flagged" if row.account.flagged_at else ""
