"""What strategies need under each model, as a page: bars side by side, and the numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from ballast.report.charts import COINS, GRID, INK
from ballast.report.data import Table
from ballast.report.page import chart_section, document, table_sections, write_page
from ballast.risk.strategies import COLUMNS, Capital
from ballast.units import from_wad

__all__ = ["write_strategies_page"]

Cell = Callable[[Capital, str], float]


def write_strategies_page(path: Path, found: Sequence[Capital], subtitle: str) -> Path:
    """Writes the page; ``UsageError`` where that is not possible."""
    held = [(one.strategy.name, one.strategy.words) for one in found]
    body = [
        chart_section("Initial margin", "USDC.", _bars(found, _initial, "USDC")),
        chart_section(
            "To bring",
            "USDC that each account needs beyond what it holds, premiums counted.",
            _bars(found, _to_bring, "USDC"),
        ),
        chart_section(
            "Netting",
            "Initial margin as a part of the same model's for the perpetual alone.",
            _bars(found, lambda one, column: 100 * one.of_outright[column], "%"),
        ),
        *table_sections([_table("Initial margin, USDC", found, _initial), _table("To bring, USDC", found, _to_bring)]),
        *table_sections([Table("Strategies", ("strategy", "holds"), held)]),
    ]
    return write_page(path, document("Capital efficiency", subtitle, "".join(body)))


def _initial(one: Capital, column: str) -> float:
    return float(from_wad(one.needs[column].initial))


def _to_bring(one: Capital, column: str) -> float:
    return float(from_wad(one.needs[column].to_bring))


def _table(title: str, found: Sequence[Capital], cell: Cell) -> Table:
    rows = [(one.strategy.name, *(f"{cell(one, column):,.0f}" for column in COLUMNS)) for one in found]
    return Table(title, ("strategy", *COLUMNS), rows)


def _bars(found: Sequence[Capital], cell: Cell, unit: str) -> Any:
    figure = go.Figure()
    names = [one.strategy.name for one in found]
    for colour, column in zip(COINS, COLUMNS, strict=False):
        figure.add_bar(
            x=names,
            y=[cell(one, column) for one in found],
            name=column,
            marker={"color": colour},
            customdata=[one.strategy.words for one in found],
            hovertemplate=f"%{{x}}: %{{customdata}}<br>{column} %{{y:,.0f}} {unit}<extra></extra>",
        )
    figure.update_layout(
        template="plotly_white",
        barmode="group",
        height=420,
        margin={"l": 72, "r": 24, "t": 36, "b": 96},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_yaxes(title=unit, gridcolor=GRID, rangemode="tozero")
    return figure
