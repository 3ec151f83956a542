"""The page around the charts. Everything is inside: no font, script or style is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from ballast.errors import UsageError
from ballast.report.charts import health_chart, losses_chart, price_chart
from ballast.report.data import ReportData, Table

__all__ = ["chart_section", "document", "render", "table_sections", "write_page", "write_report"]

_STYLE = """
:root { --ink: #1f2933; --muted: #616e7c; --line: #e4e7eb; --good: #0f7b6c; --bad: #c81e3a; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 0 0 4px; }
p { margin: 0; color: var(--muted); }
header { margin-bottom: 20px; }
.notice { margin-top: 10px; padding: 8px 12px; border-left: 3px solid #d97706; background: #fffbeb;
  color: #7c4a03; border-radius: 4px; }
.figures { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.figure, section { background: #fff; border: 1px solid var(--line); border-radius: 10px; }
.figure { padding: 12px 16px; }
.figure b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.figure span { color: var(--muted); font-size: 13px; }
section { padding: 18px 20px 12px; margin-top: 16px; }
.pair { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); }
table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); }
th, td { padding: 6px 10px 6px 0; vertical-align: top; }
tr + tr td { border-top: 1px solid #f0f2f5; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.sub { padding-left: 18px; color: var(--muted); }
td:first-child { white-space: nowrap; }
td.detail { color: var(--muted); overflow-wrap: anywhere; }
td.words { min-width: 300px; }
.pill { display: inline-block; padding: 0 9px; border-radius: 99px; font-size: 12px; font-weight: 600;
  color: #fff; background: var(--good); }
.pill.bad { background: var(--bad); }
footer { margin-top: 24px; color: var(--muted); font-size: 13px; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""

_CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False}


def write_report(path: str | Path, data: ReportData) -> Path:
    """Writes the page and returns its path. ``UsageError`` where that is not possible."""
    return write_page(Path(path), render(data))


def write_page(path: Path, text: str) -> Path:
    """Writes a page and returns its path. ``UsageError`` where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"report {path}: cannot be written ({error.strerror})") from None
    return path


def render(data: ReportData) -> str:
    """The page of a demo."""
    figures = "".join(
        f'<div class="figure"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in data.figures
    )
    sections = [
        chart_section(
            "Prices and liquidations",
            "Each dot is a liquidation on the price of the coin it was mostly in; its area grows with the"
            " value taken over.",
            price_chart(data),
        ),
        chart_section(
            "Health factors",
            "All accounts that owe something, after each block. Red dots: health just before a liquidation,"
            " which happens in the block of the price that caused it.",
            health_chart(data),
        ),
        chart_section("Taken over, and lost", "Running sums.", losses_chart(data)),
        *table_sections(data.tables),
    ]
    footer = "Every number was read from the chain that the demo ran on: its logs, its views, its receipts."
    body = f'<div class="figures">{figures}</div>{"".join(sections)}<footer>{footer}</footer>'
    return document(data.title, data.subtitle, body, data.notices)


def document(title: str, subtitle: str, body: str, notices: Sequence[str] = ()) -> str:
    """A whole page around sections."""
    warnings = "".join(f'<p class="notice">{escape(words)}</p>' for words in notices)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<main>
<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>{warnings}</header>
{body}
</main>
</body>
</html>
"""


def chart_section(title: str, words: str, figure: Any) -> str:
    """A plotly figure under its title."""
    inner = figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG)
    return f"<section><h2>{escape(title)}</h2><p>{escape(words)}</p>{inner}</section>"


def table_sections(tables: Sequence[Table]) -> list[str]:
    """Plain tables side by side, those with verdicts by themselves."""
    plain = [_table_section(table) for table in tables if table.flags is None]
    wide = [_table_section(table) for table in tables if table.flags is not None]
    pair = f'<div class="pair">{"".join(plain)}</div>' if plain else ""
    return [pair, *wide]


def _table_section(table: Table) -> str:
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    head = "".join(f"<th{_class(table, n)}>{escape(c)}</th>" for n, c in enumerate(table.head))
    rows = []
    for place, row in enumerate(table.rows):
        cells = [_cell(table, number, cell) for number, cell in enumerate(row)]
        if table.flags is not None:
            good = table.flags[place]
            pill = f'<span class="pill{"" if good else " bad"}">{"PASS" if good else "FAIL"}</span>'
            cells.insert(1, f"<td>{pill}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    if table.flags is not None:
        first, rest = head.split("</th>", 1)
        head = f"{first}</th><th></th>{rest}"
    return (
        f"<section><h2>{escape(table.title)}</h2>{note}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _cell(table: Table, number: int, cell: str) -> str:
    if number == 0 and cell.startswith("  "):
        return f'<td class="sub">{escape(cell.strip())}</td>'
    return f"<td{_class(table, number)}>{escape(cell)}</td>"


def _class(table: Table, number: int) -> str:
    """Columns of numbers stand to the right; what explains is set back."""
    cells: Sequence[str] = [row[number] for row in table.rows]
    if table.flags is not None:
        return ("", ' class="words"', ' class="detail"')[min(number, 2)]
    numeric = number > 0 and any(cell[:1].isdigit() or cell[:1] == "-" for cell in cells)
    return ' class="number"' if numeric else ""
