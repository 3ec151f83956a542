"""``ballast margin``: the margin of a portfolio that is in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ballast.chain.params import NetworkParams
from ballast.chain.scenario_file import read_scenarios
from ballast.commands.options import json_option, stdout_console
from ballast.errors import UsageError
from ballast.market.margin_files import ParamsFile, read_market, read_params, read_portfolio
from ballast.risk.file_models import MODELS, FileModels
from ballast.risk.model_margin import GridMargin, ModelMargin
from ballast.risk.portfolio import PortfolioError
from ballast.units import WAD, from_wad

__all__ = ["command"]

_FILE = click.Path(path_type=Path)
_NUMBER = re.compile(r'"@(-?[0-9.]+)@"')


@click.command(name="margin")
@click.argument("portfolio", type=_FILE)
@click.argument("market", type=_FILE)
@click.argument("scenarios", type=_FILE)
@click.option("--params", type=_FILE, metavar="FILE", help="Parameters (default: those of the local deployment).")
@click.option("--model", type=click.Choice(MODELS), help="The margin model (default: the portfolio file's).")
@json_option
def command(
    portfolio: Path, market: Path, scenarios: Path, params: Path | None, model: str | None, as_json: bool
) -> None:
    """The margin of PORTFOLIO at MARKET's prices over SCENARIOS, by the same integers as the contract.

    portfolio, standard and isolated are the contract's models; span and derive are others', in floating point, to
    compare with.

    \b
    Example:
      ballast margin portfolio.json market.json scenarios.json --json
      ballast margin portfolio.json market.json scenarios.json --model derive
    """
    held = read_portfolio(portfolio)
    prices, table = read_market(market), read_scenarios(scenarios)
    chosen = model or held.model
    terms = None if params is None else read_params(params)
    models = FileModels(prices, table, terms, NetworkParams.load("local"))
    try:
        found = models.margin(held, chosen)
    except (PortfolioError, UsageError, OverflowError) as error:
        where = market if str(error).startswith("underlyings.") else portfolio
        raise UsageError(f"{where}: {error}") from None
    if as_json:
        click.echo(_to_json(_content(found, models.params, chosen)))
    else:
        _print(stdout_console(), found, held.account)


# ------------------------------------------------------------------ output


def _content(found: ModelMargin, terms: ParamsFile, model: str) -> dict[str, Any]:
    content: dict[str, Any] = {
        "equity": from_wad(found.equity),
        "initial_margin": from_wad(found.initial),
        "maintenance_margin": from_wad(found.maintenance),
        "health_factor": _factor(found),
        "expected_shortfall": from_wad(found.shortfall),
        "floor": from_wad(found.floor),
        "contingencies": _amounts(found.contingencies),
        "initial_only": _amounts(found.initial_only),
        "scenario_pnl": [from_wad(profit) for profit in found.profits],
        "worst_scenarios": list(found.worst),
        "model": model,
        "parameters": terms.model_dump(),
    }
    if found.charges:
        content["charges"] = {name: _amounts(charge._asdict()) for name, charge in found.charges.items()}
    if found.constants:
        content["underlyings"] = {name: _grid(grid) for name, grid in found.underlyings.items()}
        content["model_parameters"] = found.constants
    return content


def _amounts(values: Mapping[str, int]) -> dict[str, Decimal]:
    return {name: from_wad(value) for name, value in values.items()}


def _grid(grid: GridMargin) -> dict[str, Any]:
    return {
        "initial_margin": from_wad(grid.initial),
        "maintenance_margin": from_wad(grid.maintenance),
        "expected_shortfall": from_wad(grid.shortfall),
        "contingencies": _amounts(grid.contingencies),
        "initial_only": _amounts(grid.initial_only),
        "scenario_pnl": [from_wad(profit) for profit in grid.profits],
        "worst_scenario": grid.worst,
    }


def _factor(found: ModelMargin) -> Decimal | None:
    """Equity over maintenance margin, rounded down; 0 with negative equity, ``None`` without a requirement."""
    if found.maintenance == 0:
        return None
    return from_wad(max(found.equity, 0) * WAD // found.maintenance)


def _to_json(content: dict[str, Any]) -> str:
    """JSON whose numbers have all their digits."""
    marked = json.dumps(content, indent=2, default=lambda value: f"@{value:f}@")
    return _NUMBER.sub(r"\1", marked)


def _print(console: Console, found: ModelMargin, account: str) -> None:
    shown = Table(title=account or None)
    shown.add_column("USDC")
    shown.add_column("", justify="right")
    for name, value in (
        ("equity", found.equity),
        ("initial margin", found.initial),
        ("maintenance margin", found.maintenance),
        ("Expected Shortfall", found.shortfall),
        ("floor", found.floor),
        *((f"charge of {name}", charge.maintenance) for name, charge in found.charges.items()),
        *((f"+ {name.replace('_', ' ')}", value) for name, value in found.contingencies.items() if value),
        *((f"+ {name.replace('_', ' ')}, initial only", value) for name, value in found.initial_only.items() if value),
    ):
        shown.add_row(name, f"{from_wad(value):,.2f}")
    factor = _factor(found)
    shown.add_row("health factor", "-" if factor is None else f"{factor:.4f}")
    console.print(shown)
    if found.constants:
        for name, grid in found.underlyings.items():
            if grid.worst is not None:
                _print_worst(console, f"worst of {name}", found.rows[grid.worst], grid.profits[grid.worst])
        return
    for row in found.worst:
        _print_worst(console, "worst", found.rows[row], found.profits[row])


def _print_worst(console: Console, what: str, row: str, profit: int) -> None:
    console.print(f"{what}: {row}, {from_wad(profit):,.2f} USDC")
