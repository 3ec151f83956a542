"""``ballast bench``: what things cost, beside a named peer measured in the same run."""

from __future__ import annotations

from pathlib import Path

import click

from ballast.commands.options import json_option, print_json, stdout_console
from ballast.errors import UsageError

__all__ = ["command"]


@click.group(name="bench", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Benchmarks side by side with other protocols; without a name all that there are.

    \b
    Example:
      ballast bench gas --json
    """
    if context.invoked_subcommand is None:
        context.invoke(gas, as_json=as_json)


@command.command()
@json_option
def gas(as_json: bool) -> None:
    """Gas of deposits, borrowing, fills, health and liquidation beside Morpho Blue and Aave v3.

    Everything is deployed to one private chain, with the same tokens and feeds; each step is a transaction of its own
    on slots that are in use. Needs the source tree: the peers are compiled from their npm packages.

    \b
    Example:
      ballast bench gas
    """
    from ballast.bench.gas import gas_table, measure_gas

    rows = measure_gas(_project())
    if as_json:
        print_json([row.to_json() for row in rows])
        return
    console = stdout_console()
    console.print(gas_table(rows))
    for system in dict.fromkeys((row.system, row.version) for row in rows):
        console.print(f"{system[0]}: {system[1]}", highlight=False)
    for row in rows:
        if row.value is None:
            console.print(f"{row.system} {row.work}: {row.reason}", highlight=False)


def _project() -> Path:
    """The nearest folder above, or the package's own tree, that has ``node_modules``."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "node_modules").is_dir() and (folder / "package.json").is_file():
            return folder
    raise UsageError("bench gas: no node_modules here or above; run it in the source tree after `make setup`")
