"""``ballast strategies``: what well-known strategies need under each margin model.

A command of its own: ``ballast margin`` takes one portfolio and says everything about it, this one builds ten out of a
market and says one thing of each.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ballast.chain.params import NetworkParams
from ballast.chain.scenario_file import read_scenarios
from ballast.commands.options import json_option, print_json, stdout_console
from ballast.errors import UsageError
from ballast.market.margin_files import read_market, read_params
from ballast.risk.file_models import FileModels
from ballast.risk.portfolio import PortfolioError
from ballast.risk.strategies import COLUMNS, Capital, capitals, outright_of, strategies_of
from ballast.units import decimal_of, from_wad

__all__ = ["command"]

_FILE = click.Path(path_type=Path)
_MOST = Decimal(10) ** 9


class _Size(click.ParamType):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        if isinstance(value, Decimal):
            return value
        try:
            size = decimal_of(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if not 0 < size <= _MOST:
            self.fail(f"{value} is no size; give more than 0, at most {_MOST:f}", param, ctx)
        return size


@click.command(name="strategies")
@click.argument("market", type=_FILE)
@click.argument("scenarios", type=_FILE)
@click.option("--params", type=_FILE, metavar="FILE", help="Parameters (default: those of the local deployment).")
@click.option("--underlying", default="ETH", show_default=True, help="What the strategies are in.")
@click.option("--other", default="BTC", show_default=True, help="The other leg of the pair.")
@click.option("--size", type=_Size(), default=Decimal(10), show_default=True, help="Units of the underlying.")
@click.option("--html", type=_FILE, metavar="PATH", help="Also a page with bars side by side.")
@json_option
def command(
    market: Path,
    scenarios: Path,
    params: Path | None,
    underlying: str,
    other: str,
    size: Decimal,
    html: Path | None,
    as_json: bool,
) -> None:
    """Ten strategies at MARKET's prices: the margin that each model wants for them over SCENARIOS.

    \b
    Example:
      ballast strategies examples/market.json scripts/params/scenarios.json
    """
    if underlying == other:
        raise UsageError(f"--other {other}: the same as --underlying; a pair has two")
    prices = read_market(market)
    terms = None if params is None else read_params(params)
    models = FileModels(prices, read_scenarios(scenarios), terms, NetworkParams.load("local"))
    try:
        strategies = strategies_of(prices, underlying, other, size)
        found = capitals(strategies, outright_of(underlying, size), models)
    except (PortfolioError, UsageError) as error:
        raise UsageError(f"{market}: {error}") from None
    if html is not None:
        from ballast.report.strategies import write_strategies_page

        write_strategies_page(html, found, f"{size.normalize():f} {underlying}, {market} over {scenarios}")
    if as_json:
        print_json([_content(one) for one in found])
        return
    _print("Initial margin, USDC", found, lambda one, column: _usdc(one.needs[column].initial))
    _print("USDC to bring, beyond what is held", found, lambda one, column: _usdc(one.needs[column].to_bring))
    title = f"Initial margin, as a part of the model's for {size.normalize():f} {underlying}-PERP"
    _print(title, found, lambda one, column: f"{one.of_outright[column]:.0%}")


def _content(one: Capital) -> dict[str, Any]:
    strategy = one.strategy
    return {
        "strategy": strategy.name,
        "words": strategy.words,
        "collateral": {name: f"{amount:f}" for name, amount in strategy.collateral.items()},
        "positions": {name: f"{size:f}" for name, size in strategy.positions.items()},
        "initial_margin": {column: float(from_wad(need.initial)) for column, need in one.needs.items()},
        "to_bring": {column: float(from_wad(need.to_bring)) for column, need in one.needs.items()},
        "of_outright": {column: round(part, 6) for column, part in one.of_outright.items()},
    }


def _print(title: str, found: list[Capital], cell: Callable[[Capital, str], str]) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("strategy", no_wrap=True)
    for column in COLUMNS:
        shown.add_column(column, justify="right")
    for one in found:
        shown.add_row(one.strategy.name, *(cell(one, column) for column in COLUMNS))
    stdout_console().print(shown)


def _usdc(amount: int) -> str:
    return f"{from_wad(amount):,.0f}"
