"""``ballast demo``: the whole system at work, with a table and a report at the end."""

from __future__ import annotations

import json
import logging
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ballast.chain.deployment import write_atomically
from ballast.commands.options import stderr_console, stdout_console
from ballast.demo import Outcome, Scenario, Watcher, from_crashes, from_prices, run_demo
from ballast.demo.publish import report_of
from ballast.demo.replay import Frame
from ballast.demo.setting import listed_prices, params_for
from ballast.demo.summary import result_rows, to_json, verdict_rows
from ballast.errors import InvariantError, UsageError
from ballast.market import parse_day, read_prices
from ballast.report import write_report

__all__ = ["command"]

REPORT = Path("report", "index.html")


@click.command(name="demo")
@click.option("--fast", is_flag=True, help="Fewer accounts and prices: under half a minute.")
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Daily prices: date,symbol,open,high,low,close,volume (default: historical crash days).",
)
@click.option("--from", "first", metavar="DAY", help="First day of the prices, like 2020-03-01.")
@click.option("--to", "last", metavar="DAY", help="Last day of the prices.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the results here as JSON.",
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path),
    default=REPORT,
    show_default=True,
    metavar="PATH",
    help="Where the report goes.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True)
def command(
    fast: bool,
    prices: Path | None,
    first: str | None,
    last: str | None,
    json_path: Path | None,
    report_path: Path,
    seed: int,
) -> None:
    """Replay a crash on a local chain while the keeper works, and check every invariant.

    Starts a chain of its own, deploys, opens accounts of mixed shape, walks the prices, and stops
    the chain. Ends with 0 only when every invariant holds.

    \b
    Example:
      ballast demo --fast
      ballast demo --prices prices.csv --from 2020-03-01 --to 2020-03-20 --json demo.json
    """
    for path in (report_path, json_path):
        if path is not None:
            _require_writable(path)
    scenario = _scenario(fast, prices, first, last, seed)
    params_for(scenario.path)
    console = stderr_console()
    for notice in scenario.notices:
        console.print(notice, soft_wrap=True)
    with _Stop() as stop, _Progress(console, scenario, stop) as progress:
        outcome = run_demo(scenario, seed=seed, watcher=progress)
    written = write_report(report_path, report_of(outcome))
    if json_path is not None:
        write_atomically(json_path, json.dumps(to_json(outcome), indent=2) + "\n")
    _show(outcome, written)
    broken = [number for number, verdict in outcome.verdicts.items() if not verdict.held]
    if broken:
        raise InvariantError(f"{', '.join(broken)} did not hold; the table says where")


def _scenario(fast: bool, prices: Path | None, first: str | None, last: str | None, seed: int) -> Scenario:
    start = None if first is None else parse_day(first, "--from")
    end = None if last is None else parse_day(last, "--to")
    if prices is None:
        if start or end:
            raise UsageError("--from and --to choose days of a file; name it with --prices CSV")
        return from_crashes(listed_prices(), fast=fast, seed=seed)
    table = read_prices(prices, list(listed_prices()), first=start, last=end)
    return from_prices(table, fast=fast, seed=seed)


def _require_writable(path: Path) -> None:
    """Before the work is done, not after."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file in it")
    folder = next(parent for parent in path.resolve().parents if parent.exists())
    try:
        # asked of the system itself: permissions do not say it all
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        raise UsageError(f"{path}: cannot be written; name another place") from None


class _Stop:
    """Ctrl-C, TERM and HUP end the demo once, and quietly."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Stop:
        self._before = {number: signal.signal(number, self._stop) for number in self._SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        # a second signal must not break the clean-up that the first has begun
        for each in self._SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        # nor is what the interrupt breaks on its way worth a word
        logging.disable(logging.CRITICAL)
        sys.unraisablehook = lambda _: None
        self._asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Again, where the first was lost: Python drops what is raised inside a finalizer."""
        if self._asked:
            raise KeyboardInterrupt


class _Progress(Watcher):
    """A bar on stderr: stages, points walked, liquidations sent."""

    def __init__(self, console: Console, scenario: Scenario, stop: _Stop) -> None:
        self._stop = stop
        self._total = len(scenario.path.points)
        self._sent = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=self._total, words="")

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def stage(self, words: str) -> None:
        self._stop.check()
        self._bar.update(self._task, description=words)

    def frame(self, frame: Frame, done: int) -> None:
        self._stop.check()
        self._sent += frame.liquidations
        words = f"{frame.point.label}  {self._sent} liquidations"
        self._bar.update(self._task, completed=done, words=words)


def _show(outcome: Outcome, report: Path) -> None:
    console = stdout_console()
    table = Table(title=f"Ballast demo: {outcome.scenario.title}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in result_rows(outcome):
        table.add_row(name, value)
    console.print(table)
    verdicts = Table(title="Invariants")
    for column in ("", "", "what it says", "what was looked at"):
        verdicts.add_column(column)
    for number, words, held, detail in verdict_rows(outcome):
        shown = "[green]PASS[/green]" if held else "[bold red]FAIL[/bold red]"
        verdicts.add_row(number, shown, words, detail)
    console.print(verdicts)
    console.print(f"report: {report}")
