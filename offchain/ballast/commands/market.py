"""``ballast market``: prices and surfaces as the file that margins are computed from."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.progress import track
from rich.table import Table

from ballast.chain.deployment import write_atomically
from ballast.commands.options import json_option, print_json, stderr_console, stdout_console
from ballast.errors import UsageError
from ballast.market.chain_csv import read_chain
from ballast.market.snapshot import ExpiryFit, fit_chain, snapshot_of_chain

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.group(name="market")
def command() -> None:
    """Prices and volatility surfaces.

    \b
    Example:
      ballast market snapshot --chain-csv chain.csv --out market.json
    """


@command.command(name="snapshot")
@click.option("--chain-csv", type=_FILE, required=True, metavar="CSV", help="An exchange's option chain.")
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="The market.json to write.")
@json_option
def snapshot(chain_csv: Path, out: Path, as_json: bool) -> None:
    """Fits a surface to each expiry of an option chain and writes a market.json.

    Errors are in vol points: 1 is 1% a year. An expiry of too few strikes is left out, and said so.

    \b
    Example:
      ballast market snapshot --chain-csv chain.csv --out market.json
    """
    chain = read_chain(chain_csv)
    count = sum(len(expiries) for expiries in chain.expiries.values())
    console = stderr_console()
    fits = list(
        track(
            fit_chain(chain),
            "fitting surfaces",
            total=count,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    )
    if not any(one.fit for one in fits):
        raise UsageError(f"{chain_csv}: no expiry has strikes enough for a surface")
    write_atomically(out, json.dumps(snapshot_of_chain(chain, fits), indent=1) + "\n")
    if as_json:
        print_json([_row(fit) for fit in fits])
        return
    table = Table(title=f"surfaces fitted to {chain_csv.name}")
    for name in ("underlying", "expiry", "strikes", "forward", "median error", "largest error", "lowest density"):
        table.add_column(name, justify="left" if name in ("underlying", "expiry") else "right")
    for one in fits:
        if one.fit is None:
            table.add_row(one.underlying, one.label, str(one.strikes), f"{one.forward:,.2f}", one.left_out, "", "")
            continue
        errors = (f"{error:.2f}" for error in (one.fit.median_error, one.fit.largest_error))
        shown = (one.underlying, one.label, str(one.strikes), f"{one.forward:,.2f}", *errors)
        table.add_row(*shown, f"{one.fit.lowest_density:.3f}")
    stdout = stdout_console()
    stdout.print(table)
    stdout.print(f"written to {out}")


def _row(one: ExpiryFit) -> dict[str, object]:
    row: dict[str, object] = {
        "underlying": one.underlying,
        "expiry": one.label,
        "strikes": one.strikes,
        "forward": one.forward,
        "left_out": one.left_out or None,
    }
    if one.fit is not None:
        row |= {
            "median_error": one.fit.median_error,
            "largest_error": one.fit.largest_error,
            "lowest_density": one.fit.lowest_density,
        }
    return row
