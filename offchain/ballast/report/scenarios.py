"""A scenario table as a page: heat maps of the moves, floors and weights."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from ballast.chain.scenario_table import ScenarioTable, percent
from ballast.report.charts import INK
from ballast.report.data import Table
from ballast.report.page import chart_section, document, table_sections, write_page

__all__ = ["write_scenarios_page"]

_ROW_HEIGHT = 22
_FLOOR_HEAD = ("underlying", "up", "down", "vol up", "vol down")
_NO_FLOORS = "The table names none: it is enforced with those of the network's parameters."
#: Falls red, rises blue, no move white: told apart by the colour-blind too.
_SCALE = [[0.0, "#b91c1c"], [0.5, "#ffffff"], [1.0, "#1d4ed8"]]


def write_scenarios_page(path: Path, table: ScenarioTable, title: str, subtitle: str) -> Path:
    """Writes the page; ``UsageError`` where that is not possible."""
    body = [
        chart_section("Moves", "Each row is one joint scenario; the numbers are changes.", _heatmap(table)),
        *table_sections(
            [
                Table("Weights", ("scenario", "weight"), tuple(zip(table.names, map(str, table.weights), strict=True))),
                Table("Floors", _FLOOR_HEAD, _floors(table), note="" if table.floors else _NO_FLOORS),
            ]
        ),
    ]
    return write_page(path, document(title, subtitle, "".join(body)))


def _floors(table: ScenarioTable) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (name, *(percent(move) for move in (moves.up, moves.down, moves.vol_up, moves.vol_down)))
        for name, moves in table.floors.items()
    )


def _heatmap(table: ScenarioTable) -> Any:
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=("spot", "vol"))
    labels = [
        name if weight == 1 else f"{name} (x{weight.normalize():f})"
        for name, weight in zip(table.names, table.weights, strict=True)
    ]
    for place, moves in enumerate((table.spot, table.vol), 1):
        reach = float(max((abs(move) for row in moves for move in row), default=Decimal(0))) or 1.0
        figure.add_trace(
            go.Heatmap(
                x=list(table.underlyings),
                y=list(range(table.rows)),
                customdata=[[label] * len(table.underlyings) for label in labels],
                z=[[float(move) for move in row] for row in moves],
                text=[[percent(move) for move in row] for row in moves],
                texttemplate="%{text}",
                hovertemplate="%{customdata}<br>%{x} %{text}<extra></extra>",
                colorscale=_SCALE,
                zmin=-reach,
                zmax=reach,
                showscale=False,
                xgap=1,
                ygap=1,
            ),
            row=1,
            col=place,
        )
    figure.update_yaxes(
        autorange="reversed", tickvals=list(range(table.rows)), ticktext=labels, showgrid=False, zeroline=False
    )
    figure.update_xaxes(side="bottom", type="category")
    figure.update_layout(
        template="plotly_white",
        height=110 + _ROW_HEIGHT * table.rows,
        margin={"l": 230, "r": 24, "t": 36, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
