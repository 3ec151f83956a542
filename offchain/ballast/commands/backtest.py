"""``ballast backtest``: what scenario models would have asked for over a history, and whether it was enough."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ballast.commands.options import json_option, print_json, stderr_console, stdout_console
from ballast.market.panel import Panel, Returns
from ballast.market.prices import parse_day, read_histories
from ballast.market.series_csv import daily_sums, read_series
from ballast.risk.backtest import Forecasts, Portfolio, Verdict, forecast, judge, random_portfolios
from ballast.risk.models import MODELS, model_of

__all__ = ["command"]

_FILE = click.Path(path_type=Path)
_DEFAULT_MODELS = ("historical", "filtered-ewma", "filtered-garch", "copula-ewma")
#: Days that every report shows, where they are in the history.
_KNOWN_DAYS = ("2020-03-12", "2021-05-19", "2022-11-09")
_FUNDING_HOURS = 8
_SIGNIFICANCE = 0.05


@click.command(name="backtest")
@click.argument("prices", type=_FILE)
@click.option("--funding", type=_FILE, metavar="CSV", help="Funding rates of the first asset: adds cash-and-carry.")
@click.option("--from", "first", metavar="DAY", default="2018-01-01", show_default=True, help="First day forecast.")
@click.option("--to", "last", metavar="DAY", help="Last day forecast (default: the prices' last).")
@click.option("--model", "names", multiple=True, metavar="NAME", help=f"Of {', '.join(MODELS)}; may be repeated.")
@click.option("--random", "count", type=click.IntRange(0, 10_000), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the random portfolios.")
@click.option("--level", type=float, default=0.995, show_default=True, help="Confidence of the margin, one day.")
@click.option("--html", type=_FILE, metavar="PATH", help="Also a report with pictures.")
@json_option
def command(
    prices: Path,
    funding: Path | None,
    first: str,
    last: str | None,
    names: tuple[str, ...],
    count: int,
    seed: int,
    level: float,
    html: Path | None,
    as_json: bool,
) -> None:
    """Forecasts of every day of PRICES, a CSV of daily bars, each from the days before it alone.

    Portfolios: the first asset long and short, the first two against each other, cash-and-carry, and random ones.
    A hit is a day whose loss exceeded the forecast. Kupiec's test asks whether there were as many as the confidence
    says, Christoffersen's whether they came one after the other, Acerbi and Szekely's whether the losses in the tail
    were as large as forecast.

    \b
    Example:
      ballast backtest prices.csv --from 2018-01-01 --to 2024-12-31 --html report/backtest.html
    """
    models = [model_of(name) for name in names or _DEFAULT_MODELS]
    returns = Panel.of(read_histories(prices)).returns()
    begin = parse_day(first, "--from")
    end = date.fromisoformat(str(returns.days[-1])) if last is None else parse_day(last, "--to")
    portfolios, returns, notices = _portfolios(returns, funding, count, seed)
    for words in notices:
        stderr_console().print(words)
    days = (end - begin).days + 1
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found: list[tuple[Forecasts, list[Verdict]]] = []
    with Progress(*columns, console=stderr_console(), transient=True) as progress:
        for model in models:
            task = progress.add_task(model.name, total=max(days, 0))
            step = partial(progress.advance, task)
            forecasts = forecast(model, returns, portfolios, begin, end, level=level, on_day=step)
            named = len(portfolios) - count
            verdicts = [judge(forecasts, place, z2=place < named) for place in range(len(portfolios))]
            found.append((forecasts, verdicts))
    if html is not None:
        from ballast.report.backtest import write_backtest_page

        write_backtest_page(html, found, count, _KNOWN_DAYS, f"{prices}, {begin} to {end}")
    if as_json:
        print_json([_content(forecasts, verdicts, count) for forecasts, verdicts in found])
        return
    _print(found, count)


def _portfolios(
    returns: Returns, funding: Path | None, count: int, seed: int
) -> tuple[list[Portfolio], Returns, list[str]]:
    symbols = returns.symbols
    one = symbols[0]
    portfolios = [Portfolio(f"long {one}", {one: 1.0}), Portfolio(f"short {one}", {one: -1.0})]
    if len(symbols) > 1:
        portfolios.append(Portfolio(f"{one} against {symbols[1]}", {one: 1.0, symbols[1]: -1.0}))
    notices: list[str] = []
    if funding is not None:
        series = read_series(funding, "funding_rate", every=_FUNDING_HOURS * 3_600)
        days, sums, missing = daily_sums(series)
        carry = f"{one} carry"
        # what a short perpetual is paid on the coins that it is held against; the basis is not in these files
        returns = returns.beside(carry, days, np.log1p(sums))
        portfolios.append(Portfolio(f"cash-and-carry {one}", {carry: 1.0}))
        notices = [*series.findings, *(f"{funding}: {words}" for words in missing)]
    return portfolios + random_portfolios(count, symbols, seed), returns, notices


def _content(forecasts: Forecasts, verdicts: list[Verdict], count: int) -> dict[str, Any]:
    named = len(verdicts) - count
    return {
        "model": forecasts.model,
        "level": forecasts.level,
        "shortfall_level": forecasts.shortfall_level,
        "assets": {
            symbol: str(forecasts.days[int(np.argmax(counts))]) if counts.any() else None
            for symbol, counts in zip(forecasts.symbols, forecasts.assets.T, strict=True)
        },
        "portfolios": [_verdict(one) for one in verdicts],
        "random_accepted": _accepted(verdicts[named:]),
        "known_days": {
            day: {
                forecasts.portfolios[place].name: {
                    "loss": float(forecasts.losses[row, place]),
                    "value_at_risk": float(forecasts.value_at_risk[row, place]),
                    "hit": bool(forecasts.hits[row, place]),
                }
                for place in range(named)
                if forecasts.held[row, place]
            }
            for day in _KNOWN_DAYS
            for row in np.flatnonzero(forecasts.days == np.datetime64(day))
        },
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    found: dict[str, Any] = {
        "portfolio": one.portfolio,
        "days": one.days,
        "hits": one.hits,
        "expected": one.expected,
        "kupiec": one.unconditional.p_value,
        "christoffersen": one.independence.p_value,
        "conditional_coverage": one.conditional.p_value,
        "zone": one.zone,
    }
    if one.z2 is not None:
        found |= {"z2": one.z2.value, "z2_critical": one.z2.critical}
    return found


def _accepted(verdicts: list[Verdict]) -> float | None:
    """The share that Kupiec's test does not reject."""
    if not verdicts:
        return None
    return float(np.mean([one.unconditional.p_value > _SIGNIFICANCE for one in verdicts]))


def _print(found: list[tuple[Forecasts, list[Verdict]]], count: int) -> None:
    console = stdout_console()
    for forecasts, verdicts in found:
        named = len(verdicts) - count
        shown = Table(title=f"{forecasts.model}, {forecasts.level:.1%}, one day", title_justify="left")
        shown.add_column("portfolio", no_wrap=True)
        for name in ("days", "hits", "expected", "Kupiec p", "Christoffersen p", "both p", "zone", "Z2", "Z2 5%"):
            shown.add_column(name, justify="right")
        for one in verdicts[:named]:
            z2 = ("", "") if one.z2 is None else (f"{one.z2.value:.2f}", f"{one.z2.critical:.2f}")
            tests = (one.unconditional.p_value, one.independence.p_value, one.conditional.p_value)
            shown.add_row(
                one.portfolio,
                str(one.days),
                str(one.hits),
                f"{one.expected:.1f}",
                *(f"{p:.3f}" for p in tests),
                one.zone,
                *z2,
            )
        console.print(shown)
        share = _accepted(verdicts[named:])
        if share is not None:
            console.print(f"{share:.1%} of {count} random portfolios are not rejected by Kupiec's test at 5%")
        for day in _KNOWN_DAYS:
            for row in np.flatnonzero(forecasts.days == np.datetime64(day)):
                words = [
                    f"{forecasts.portfolios[place].name} {forecasts.losses[row, place]:+.3f}"
                    f" of {forecasts.value_at_risk[row, place]:.3f}{' hit' if forecasts.hits[row, place] else ''}"
                    for place in range(named)
                    if forecasts.held[row, place]
                ]
                console.print(f"{day}: {'; '.join(words)}")
