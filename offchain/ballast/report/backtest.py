"""Backtests as a page: every day's loss beside its forecast, the tests, and the worst days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]

from ballast.report.charts import ALARM, CALM, COINS, GRID, INK, MUTED
from ballast.report.data import Table
from ballast.report.page import chart_section, document, table_sections, write_page
from ballast.risk.backtest import Forecasts, Verdict

__all__ = ["write_backtest_page"]

Found = Sequence[tuple[Forecasts, list[Verdict]]]

_SIGNIFICANCE = 0.05
_WORST = 10
_DAY_HEAD = ("day", "portfolio", "loss", "forecast", "")
_METHODS = (
    ("hit", "a day whose loss exceeded the forecast, which was made from the days before it alone"),
    ("Kupiec", "were there as many hits as the confidence says? Likelihood ratio, chi-squared, 1 degree of freedom"),
    ("Christoffersen", "is a hit as likely after a hit as after none? Chi-squared, 1 degree of freedom"),
    ("both", "the sum of the two, chi-squared, 2 degrees of freedom"),
    ("zone", "Basel: yellow from a cumulative probability of 95%, red from 99.99%"),
    ("Z2", "Acerbi and Szekely: below its 5% quantile, simulated from the forecasts, the shortfall was too low"),
    ("assets", "one counts from the day on which 250 innovations lie before; earlier a portfolio holds nothing of it"),
)


def write_backtest_page(path: Path, found: Found, random: int, days: Sequence[str], subtitle: str) -> Path:
    """Writes the page; ``UsageError`` where that is not possible. The last ``random`` portfolios are random ones,
    ``days`` those to show by name."""
    body = []
    first = found[0][0]
    named = len(first.portfolios) - random
    for place in range(named):
        body.append(
            chart_section(
                first.portfolios[place].name,
                f"Loss of each day as a part of the exposure, and value at risk at {first.level:.1%}. Dots are hits.",
                _days(found, place),
            )
        )
    tables = [_tests(forecasts, verdicts[:named]) for forecasts, verdicts in found]
    if random:
        body.append(
            chart_section(
                "Random portfolios",
                "Hits of each, and what Kupiec's test accepts at 5%.",
                _hits(found, named),
            )
        )
    known = [_known(forecasts, named, days) for forecasts, _ in found]
    worst = [_worst_days(forecasts, named) for forecasts, _ in found]
    body += [section for table in tables for section in table_sections([table])]
    body += table_sections([table for table in known if table.rows])
    body += table_sections(worst)
    body += table_sections([Table("What is shown", ("", ""), _METHODS)])
    return write_page(path, document("Backtest", subtitle, "".join(body), _notices(found, named)))


def _notices(found: Found, named: int) -> list[str]:
    words = []
    for forecasts, verdicts in found:
        rejected = [one.portfolio for one in verdicts[:named] if one.unconditional.p_value <= _SIGNIFICANCE]
        if rejected:
            words.append(f"{forecasts.model}: Kupiec's test rejects {', '.join(rejected)}")
        drawn = verdicts[named:]
        if drawn:
            share = np.mean([one.unconditional.p_value > _SIGNIFICANCE for one in drawn])
            if share < 0.9:
                words.append(f"{forecasts.model}: only {share:.1%} of the random portfolios are accepted")
    return words


def _days(found: Found, place: int) -> Any:
    figure = go.Figure()
    first = found[0][0]
    held = first.held[:, place]
    days = [str(day) for day in first.days[held]]
    figure.add_bar(x=days, y=first.losses[held, place], name="loss", marker={"color": MUTED, "line": {"width": 0}})
    for colour, (forecasts, _) in zip(COINS, found, strict=False):
        at_risk, losses = forecasts.value_at_risk[held, place], forecasts.losses[held, place]
        hits = forecasts.hits[held, place]
        figure.add_scatter(
            x=days, y=at_risk, name=forecasts.model, mode="lines", line={"color": colour, "width": 1.3, "shape": "hv"}
        )
        figure.add_scatter(
            x=[day for day, hit in zip(days, hits, strict=True) if hit],
            y=losses[hits],
            name=f"{int(hits.sum())} hits",
            mode="markers",
            marker={"color": colour, "size": 8, "line": {"color": "white", "width": 1}},
            hovertemplate=f"{forecasts.model}<br>%{{x}}: %{{y:.3f}}<extra></extra>",
        )
    _layout(figure, 420, "loss")
    figure.update_layout(bargap=0)
    figure.update_yaxes(tickformat=".0%")
    return figure


def _hits(found: Found, named: int) -> Any:
    figure = go.Figure()
    for colour, (forecasts, verdicts) in zip(COINS, found, strict=False):
        counts = [one.hits for one in verdicts[named:]]
        values, times = np.unique(counts, return_counts=True)
        figure.add_bar(x=values, y=times, name=forecasts.model, marker={"color": colour})
    verdicts = found[0][1][named:]
    days, level = max(one.days for one in verdicts), found[0][0].level
    accepted = _accepted_counts(days, level)
    for bound in (accepted[0] - 0.5, accepted[1] + 0.5):
        figure.add_vline(x=bound, line={"color": ALARM, "width": 1, "dash": "dash"})
    figure.add_vline(x=days * (1 - level), line={"color": CALM, "width": 1})
    _layout(figure, 300, "portfolios")
    figure.update_xaxes(title="hits")
    return figure


def _accepted_counts(days: int, level: float) -> tuple[int, int]:
    from ballast.risk.backtests import kupiec

    inside = [hits for hits in range(min(days, 1_000)) if kupiec(hits, days, level).p_value > _SIGNIFICANCE]
    return inside[0], inside[-1]


def _tests(forecasts: Forecasts, verdicts: Sequence[Verdict]) -> Table:
    head = ("portfolio", "days", "hits", "expected", "Kupiec p", "Christoffersen p", "both p", "zone", "Z2", "Z2 5%")
    rows = []
    for one in verdicts:
        tests = (one.unconditional.p_value, one.independence.p_value, one.conditional.p_value)
        z2 = ("", "") if one.z2 is None else (f"{one.z2.value:.2f}", f"{one.z2.critical:.2f}")
        numbers = (str(one.days), str(one.hits), f"{one.expected:.1f}", *(f"{p:.3f}" for p in tests))
        rows.append((one.portfolio, *numbers, one.zone, *z2))
    return Table(f"{forecasts.model}", head, rows)


def _known(forecasts: Forecasts, named: int, days: Sequence[str]) -> Table:
    rows = []
    for day in days:
        for row in np.flatnonzero(forecasts.days == np.datetime64(day)):
            rows += [_row(forecasts, int(row), place) for place in range(named) if forecasts.held[row, place]]
    return Table(f"Known days, {forecasts.model}", _DAY_HEAD, rows)


def _worst_days(forecasts: Forecasts, named: int) -> Table:
    """By what the loss was of the forecast."""
    part = forecasts.losses[:, :named] / np.maximum(forecasts.value_at_risk[:, :named], 1e-12)
    part = np.where(forecasts.held[:, :named], part, -np.inf)
    order = np.argsort(-part, axis=None)[:_WORST]
    rows = [_row(forecasts, *divmod(int(one), named)) for one in order]
    return Table(f"Largest losses of their forecast, {forecasts.model}", _DAY_HEAD, rows)


def _row(forecasts: Forecasts, row: int, place: int) -> tuple[str, ...]:
    return (
        str(forecasts.days[row]),
        forecasts.portfolios[place].name,
        f"{forecasts.losses[row, place]:.2%}",
        f"{forecasts.value_at_risk[row, place]:.2%}",
        "hit" if forecasts.hits[row, place] else "",
    )


def _layout(figure: Any, height: int, title: str) -> None:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 64, "r": 24, "t": 36, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=GRID)
    figure.update_yaxes(title=title, gridcolor=GRID, zeroline=False)
