"""``ballast market``: prices and surfaces as the file that margins are computed from."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.progress import track
from rich.table import Table

from ballast.chain.deployment import write_atomically
from ballast.chain.protocol import Protocol
from ballast.commands.options import (
    deployment_option,
    json_option,
    open_protocol,
    print_json,
    stderr_console,
    stdout_console,
)
from ballast.config import load_settings
from ballast.errors import UsageError
from ballast.market.chain_csv import read_chain
from ballast.market.deployed import ExpiryRead, read_market_at
from ballast.market.snapshot import ExpiryFit, fit_chain, snapshot_of_chain
from ballast.units import E6

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.group(name="market")
def command() -> None:
    """Prices and volatility surfaces.

    \b
    Example:
      ballast market snapshot --rpc http://127.0.0.1:8545 --out market.json
    """


@command.command(name="snapshot")
@click.option("--rpc", metavar="URL", help="The node of a live deployment.")
@deployment_option
@click.option("--chain-csv", type=_FILE, metavar="CSV", help="An exchange's option chain.")
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="The market.json to write.")
@json_option
def snapshot(rpc: str | None, deployment: Path | None, chain_csv: Path | None, out: Path, as_json: bool) -> None:
    """Writes a market.json from a live deployment, or from an exchange's option chain.

    With --rpc everything is what the contracts say at the latest block: expiries that have passed or have no
    surface are left out, and said so on stderr.

    With --chain-csv a surface is fitted to each expiry. Errors are in vol points: 1 is 1% a year. An expiry of too
    few strikes is left out, and said so.

    \b
    Examples:
      ballast market snapshot --rpc http://127.0.0.1:8545 --out market.json
      ballast market snapshot --chain-csv chain.csv --out market.json
    """
    if rpc is None and chain_csv is None:
        rpc = load_settings().rpc
    if (rpc is None) == (chain_csv is None):
        raise UsageError("market snapshot: give one source, --rpc URL (or BALLAST_RPC) or --chain-csv CSV")
    if chain_csv is not None:
        if deployment is not None:
            raise UsageError("market snapshot: --deployment goes with --rpc, not with --chain-csv")
        _from_chain_csv(chain_csv, out, as_json)
    else:
        _from_deployment(open_protocol(rpc, deployment), out, as_json)


# ------------------------------------------------------------------ a live deployment


def _from_deployment(protocol: Protocol, out: Path, as_json: bool) -> None:
    found = read_market_at(protocol)
    write_atomically(out, json.dumps(found.content, indent=1) + "\n")
    for notice in found.notices:
        click.echo(f"ballast: {notice}", err=True)
    if as_json:
        rows = [_live_row(one) for one in found.expiries]
        print_json({"block": found.block, "time": found.content["time"], "expiries": rows})
        return
    table = Table(title=f"block {found.block}, {found.content['time']}")
    for name in ("underlying", "spot", "mark of the perpetual", "expiry", "forward", "age of the surface"):
        table.add_column(name, justify="left" if name in ("underlying", "expiry") else "right")
    for name, entry in found.content["underlyings"].items():
        table.add_row(name, entry["spot"], entry.get("perp_mark", ""))
        for one in found.expiries:
            if one.underlying == name and one.entry:
                table.add_row("", "", "", one.label, one.entry["forward"], f"{one.age} s")
    stdout = stdout_console()
    stdout.print(table)
    stdout.print(f"written to {out}")


def _live_row(one: ExpiryRead) -> dict[str, object]:
    row: dict[str, object] = {
        "underlying": one.underlying,
        "expiry": one.label,
        "left_out": one.left_out or None,
    }
    if one.entry is not None:
        row |= {"forward": one.entry["forward"], "surface_age": one.age, "confidence": one.confidence / E6}
    return row


# ------------------------------------------------------------------ an exchange's option chain


def _from_chain_csv(chain_csv: Path, out: Path, as_json: bool) -> None:
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
