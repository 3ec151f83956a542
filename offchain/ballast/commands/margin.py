"""``ballast margin``: the margin of a portfolio that is in a file."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ballast.chain.params import NetworkParams
from ballast.chain.scenario_file import read_scenarios
from ballast.chain.scenario_table import ScenarioTable
from ballast.commands.options import json_option, stdout_console
from ballast.errors import UsageError
from ballast.market.margin_files import ParamsFile, read_market, read_params, read_portfolio
from ballast.risk.file_margin import default_params, file_margin
from ballast.risk.portfolio import PortfolioError, PortfolioMargin
from ballast.units import WAD, from_wad

__all__ = ["command"]

_FILE = click.Path(path_type=Path)
_NUMBER = re.compile(r'"@(-?[0-9.]+)@"')


@click.command(name="margin")
@click.argument("portfolio", type=_FILE)
@click.argument("market", type=_FILE)
@click.argument("scenarios", type=_FILE)
@click.option("--params", type=_FILE, metavar="FILE", help="Parameters (default: those of the local deployment).")
@click.option(
    "--model",
    type=click.Choice(["portfolio"]),
    help="The margin model (default: the portfolio file's).",
)
@json_option
def command(
    portfolio: Path, market: Path, scenarios: Path, params: Path | None, model: str | None, as_json: bool
) -> None:
    """The margin of PORTFOLIO at MARKET's prices over SCENARIOS, by the same integers as the contract.

    \b
    Example:
      ballast margin portfolio.json market.json scenarios.json --json
    """
    held = read_portfolio(portfolio)
    chosen = model or held.model
    if chosen != "portfolio":
        raise UsageError(f"{portfolio}: model: {chosen} is not computed from files; give --model portfolio")
    prices, table = read_market(market), read_scenarios(scenarios)
    network = NetworkParams.load("local")
    terms = read_params(params) if params is not None else default_params(network, table)
    lots = {asset.symbol: asset.options.lot for asset in network.assets if asset.options is not None}
    try:
        found = file_margin(held, prices, table, terms, lots)
    except (PortfolioError, UsageError) as error:
        where = market if str(error).startswith("underlyings.") else portfolio
        raise UsageError(f"{where}: {error}") from None
    if as_json:
        click.echo(_to_json(_content(found, terms, chosen)))
    else:
        _print(stdout_console(), found, table, held.account)


# ------------------------------------------------------------------ output


def _content(found: PortfolioMargin, terms: ParamsFile, model: str) -> dict[str, Any]:
    return {
        "equity": from_wad(found.equity),
        "initial_margin": from_wad(found.initial),
        "maintenance_margin": from_wad(found.maintenance),
        "health_factor": _factor(found),
        "expected_shortfall": from_wad(found.shortfall),
        "floor": from_wad(found.floor),
        "contingencies": {name: from_wad(value) for name, value in found.contingencies.items()},
        "initial_only": {name: from_wad(value) for name, value in found.initial_only.items()},
        "scenario_pnl": [from_wad(profit) for profit in found.profits],
        "worst_scenarios": list(found.worst),
        "model": model,
        "parameters": terms.model_dump(),
    }


def _factor(found: PortfolioMargin) -> Decimal | None:
    """Equity over maintenance margin, rounded down; 0 with negative equity, ``None`` without a requirement."""
    if found.maintenance == 0:
        return None
    return from_wad(max(found.equity, 0) * WAD // found.maintenance)


def _to_json(content: dict[str, Any]) -> str:
    """JSON whose numbers have all their digits."""
    marked = json.dumps(content, indent=2, default=lambda value: f"@{value:f}@")
    return _NUMBER.sub(r"\1", marked)


def _print(console: Console, found: PortfolioMargin, table: ScenarioTable, account: str) -> None:
    shown = Table(title=account or None)
    shown.add_column("USDC")
    shown.add_column("", justify="right")
    for name, value in (
        ("equity", found.equity),
        ("initial margin", found.initial),
        ("maintenance margin", found.maintenance),
        ("Expected Shortfall", found.shortfall),
        ("floor", found.floor),
        *((f"+ {name.replace('_', ' ')}", value) for name, value in found.contingencies.items() if value),
        *((f"+ {name.replace('_', ' ')}, initial only", value) for name, value in found.initial_only.items() if value),
    ):
        shown.add_row(name, f"{from_wad(value):,.2f}")
    factor = _factor(found)
    shown.add_row("health factor", "-" if factor is None else f"{factor:.4f}")
    console.print(shown)
    for row in found.worst:
        console.print(f"worst: {table.names[row]}, {from_wad(found.profits[row]):,.2f} USDC")
