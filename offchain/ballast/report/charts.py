"""The charts of a report, as plotly figures: prices with liquidations, the fan of health factors,
and what was sold and lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import log10
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from ballast.report.data import Liquidated, ReportData

__all__ = ["health_chart", "losses_chart", "price_chart"]

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
ALARM = "#c81e3a"
CALM = "#0f7b6c"
#: Line colours of coins, told apart in grey as well.
COINS = ("#d97706", "#4f46e5", "#0891b2", "#be185d", "#4d7c0f")
_FAN = ("rgba(37,99,235,0.10)", "rgba(37,99,235,0.20)")
_MEDIAN = "#1d4ed8"
_FLOOR = 0.4
_CEILING = 30.0
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _layout(figure: Any, data: ReportData, height: int, y_title: str) -> Any:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 72, "r": 84, "t": 36, "b": 48},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        hovermode="closest",
        hoverlabel={"bgcolor": "white", "font": {"color": INK}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(
        title=data.x_title or None,
        range=[data.x[0], data.x[-1]],
        gridcolor=GRID,
        zeroline=False,
        linecolor=GRID,
    )
    figure.update_yaxes(title=y_title, gridcolor=GRID, zeroline=False, automargin=False)
    for index, words in data.marks.items():
        figure.add_vline(x=data.x[index], line={"color": MUTED, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=data.x[index],
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="left",
            text=f" {words}",
            showarrow=False,
            font={"color": MUTED, "size": 12},
        )
    return figure


def price_chart(data: ReportData) -> Any:
    """Prices, the start as 100, and on them every liquidation: its coin, its size, its health."""
    figure = go.Figure()
    for colour, (symbol, prices) in zip(COINS, data.prices.items(), strict=False):
        figure.add_scatter(
            x=list(data.x),
            y=[100 * price / prices[0] for price in prices],
            name=symbol,
            mode="lines",
            line={"color": colour, "width": 2},
            customdata=list(prices),
            hovertemplate=f"{symbol} %{{customdata:,.6~g}} USD<br>%{{x}}<extra></extra>",
        )
    largest = max((step.worth for step in data.liquidations), default=1.0) or 1.0
    for solvent, colour, name in (
        (True, "#f59e0b", "liquidation"),
        (False, ALARM, "liquidation with a loss"),
    ):
        steps = [step for step in data.liquidations if (step.loss < 0.005) is solvent]
        figure.add_scatter(
            x=[data.x[step.index] for step in steps],
            y=[_height(data, step) for step in steps],
            name=name,
            mode="markers",
            marker={
                "color": colour,
                "opacity": 0.7,
                "size": [7 + 24 * (step.worth / largest) ** 0.5 for step in steps],
                "line": {"color": "white", "width": 1},
            },
            text=[_words(step) for step in steps],
            hovertemplate="%{text}<br>%{x}<extra></extra>",
        )
    return _layout(figure, data, 460, "price, start = 100")


def _height(data: ReportData, step: Liquidated) -> float:
    prices = data.prices.get(step.symbol) or next(iter(data.prices.values()))
    return 100 * prices[step.index] / prices[0]


def _words(step: Liquidated) -> str:
    loss = f"<br>loss {step.loss:,.2f} USDC" if step.loss >= 0.005 else ""
    return (
        f"{step.who} ({step.symbol})<br>{step.worth:,.0f} USDC taken over"
        f"<br>health factor {step.factor:.3f} before{loss}"
    )


def health_chart(data: ReportData) -> Any:
    """Quantiles of equity over maintenance, logarithmic: half of the accounts lie in the dark
    band."""
    figure = go.Figure()
    lines = [_quantiles(factors) for factors in data.factors]
    rows = {q: [line[place] for line in lines] for place, q in enumerate(_QUANTILES)}
    for low, high, colour, name in (
        (0.05, 0.95, _FAN[0], "5 to 95% of accounts"),
        (0.25, 0.75, _FAN[1], "25 to 75%"),
    ):
        figure.add_scatter(
            x=[*data.x, *reversed(data.x)],
            y=[*rows[high], *reversed(rows[low])],
            fill="toself",
            fillcolor=colour,
            line={"width": 0},
            name=name,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=list(data.x),
        y=rows[0.5],
        name="median",
        mode="lines",
        line={"color": _MEDIAN, "width": 2},
        hovertemplate="median %{y:.2f}<br>%{x}<extra></extra>",
    )
    figure.add_scatter(
        x=list(data.x),
        y=[_clipped(min(factors, default=1.0)) for factors in data.factors],
        name="lowest after the block",
        mode="lines",
        line={"color": CALM, "width": 1.5},
        hovertemplate="lowest %{y:.3f} after the block<br>%{x}<extra></extra>",
    )
    steps = data.liquidations
    figure.add_scatter(
        x=[data.x[step.index] for step in steps],
        y=[_clipped(step.factor) for step in steps],
        name="liquidated at",
        mode="markers",
        marker={"color": ALARM, "size": 6, "opacity": 0.65},
        text=[_words(step) for step in steps],
        hovertemplate="%{text}<br>%{x}<extra></extra>",
    )
    for level, words, colour, anchor in (
        (1.0, "liquidation", ALARM, "top"),
        (data.target, f"target {data.target:g}", CALM, "bottom"),
    ):
        figure.add_hline(y=level, line={"color": colour, "width": 1, "dash": "dash"})
        figure.add_annotation(
            x=1.005,  # beside the plot, where no line runs through it
            xref="paper",
            xanchor="left",
            y=log10(level),
            yanchor=anchor,
            text=words,
            showarrow=False,
            font={"color": colour, "size": 11},
        )
    figure.update_yaxes(
        type="log",
        range=[-0.45, 1.4],
        tickvals=[0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 20],
        ticktext=["≤ 0.4", "0.6", "0.8", "1", "1.5", "2", "3", "5", "10", "20"],
    )
    return _layout(figure, data, 460, "health factor (equity / maintenance)")


def _quantiles(values: Sequence[float]) -> list[float]:
    """Nearest ranks; 1 where there is nothing."""
    ordered = sorted(values) or [1.0]
    last = len(ordered) - 1
    return [_clipped(ordered[round(q * last)]) for q in _QUANTILES]


def _clipped(factor: float) -> float:
    return min(max(factor, _FLOOR), _CEILING)


def losses_chart(data: ReportData) -> Any:
    """Running sums: value taken over by liquidators, and losses beyond the collateral."""
    figure = go.Figure()
    worth = [0.0] * len(data.x)
    loss = [0.0] * len(data.x)
    for step in data.liquidations:
        worth[step.index] += step.worth
        loss[step.index] += step.loss
    for name, values, colour, axis in (
        ("taken over by liquidators (left)", worth, _MEDIAN, "y"),
        ("bad debt (right)", loss, ALARM, "y2"),
    ):
        figure.add_scatter(
            x=list(data.x),
            y=list(accumulate(values)),
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            fill="tozeroy" if axis == "y" else None,
            fillcolor=_FAN[0],
            yaxis=axis,
            hovertemplate=f"%{{y:,.2f}} USDC<br>%{{x}}<extra>{name.split(' (')[0]}</extra>",
        )
    _layout(figure, data, 340, "USDC")
    figure.update_layout(
        yaxis={"rangemode": "tozero"},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "rangemode": "tozero",
            "tickmode": "auto",
            "tickformat": ",",
            "tickfont": {"color": ALARM},
            "showticklabels": any(loss),
        },
    )
    return figure
