"""``ballast keeper``: configure a keeper, let it decide once, let it work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ballast.chain.signers import Signer
from ballast.commands.options import (
    LOCAL_CHAIN_ID,
    deployment_option,
    json_option,
    open_protocol,
    open_signer,
    print_json,
    rpc_option,
    stdout_console,
)
from ballast.config import load_settings
from ballast.errors import UsageError
from ballast.index import Index
from ballast.keeper import Keeper, KeeperSettings, json_log
from ballast.keeper.init import write_config
from ballast.keeper.keys import create_keystore, local_signer, read_passphrase_file
from ballast.keeper.loop import run, stopped_by_signals
from ballast.keeper.report import StepReport

__all__ = ["command"]

_CONFIG = Path("keeper.toml")
_IN_MEMORY = "sqlite://"

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(name="keeper")
def command() -> None:
    """Liquidates what can be liquidated, where it pays; syncs prices and settles losers.

    \b
    Example:
      ballast keeper init
      ballast keeper check
      ballast keeper run --account keeper.json --passphrase-file keeper.pass
    """


# ------------------------------------------------------------------ init


@command.command()
@click.option("--config", type=_FILE, default=_CONFIG, show_default=True, help="File to write.")
@click.option("--rpc", help="URL of the node, written into it.")
@click.option("--deployment", help="Deployment file, written into it.")
@click.option("--keystore", type=_FILE, help="Make a new key in this encrypted file, too.")
@click.option("--passphrase-file", type=_FILE, help="Its passphrase (default: asked for).")
@click.option("--force", is_flag=True, help="Replace a configuration that is there.")
@json_option
def init(
    config: Path,
    rpc: str | None,
    deployment: str | None,
    keystore: Path | None,
    passphrase_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Writes a commented configuration, and on request a keystore.

    \b
    Example:
      ballast keeper init --keystore keeper.json
    """
    given = {
        "rpc": rpc,
        "deployment": _from(config, deployment),
        "account": _from(config, keystore),
        "passphrase_file": _from(config, passphrase_file),
    }
    values = {name: value for name, value in given.items() if value is not None}
    if config.exists() and not force:
        write_config(config, values, force=False)  # says what to do, before a key is made
    passphrase = _new_passphrase(keystore, passphrase_file) if keystore is not None else None
    address = None
    if keystore is not None and passphrase is not None:
        address = create_keystore(keystore, passphrase)
    write_config(config, values, force=force)
    if as_json:
        made = {"config": str(config), "keystore": str(keystore) if keystore else None}
        print_json({**made, "address": address})
        return
    click.echo(f"{config}: written; every setting is explained in it.")
    if address is not None:
        click.echo(f"{keystore}: a new key, {address}; send it coins for gas and USDC to work with.")
    else:
        click.echo("Without an account it runs in paper mode. Make a key with one of:")
        click.echo("  ballast keeper init --force --keystore keeper.json")
        click.echo("  ape accounts generate keeper")
    click.echo("Next: ballast keeper check")


def _new_passphrase(keystore: Path, passphrase_file: Path | None) -> str:
    if passphrase_file is not None:
        return read_passphrase_file(passphrase_file)
    settings = load_settings()
    if settings.passphrase is not None:
        return settings.passphrase.get_secret_value()
    if not sys.stdin.isatty():
        raise UsageError(
            f"keystore {keystore}: no passphrase; give --passphrase-file or BALLAST_PASSPHRASE,"
            " there is no terminal to ask at"
        )
    words = f"Passphrase for {keystore}"
    found: str = click.prompt(words, hide_input=True, confirmation_prompt=True, err=True)
    return found


def _from(config: Path, path: str | Path | None) -> str | None:
    """A path as the configuration should name it: settings read it relative to their file."""
    return None if path is None else os.path.relpath(path, config.parent)


# ------------------------------------------------------------------ check and run


def _options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--config", type=_FILE, help="Settings [default: keeper.toml, if there]."),
            rpc_option,
            deployment_option,
            click.option("--database", metavar="URL", help="Where the index lives."),
            click.option(
                "--account",
                metavar="ALIAS|PATH|N",
                help="Keystore file, alias of an ape account; 0 to 9 on a local chain.",
            ),
            click.option("--passphrase-file", type=_FILE, help="File with its passphrase."),
            click.option("--liquidator", help="Account that receives slices, 0xOWNER:INDEX."),
            click.option("--tag", type=click.Choice(["auto", "pending", "latest"])),
            json_option,
        )
    ):
        function = option(function)
    return function


@command.command()
@_options
def check(as_json: bool, **given: Any) -> None:
    """Looks, decides once and sends nothing; shows each account at risk with figures and decision.

    \b
    Example:
      ballast keeper check --rpc http://127.0.0.1:8545 --account 3
    """
    with _keeper(given) as keeper:
        report = keeper.decide()
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)


@command.command(name="run")
@_options
@click.option("--once", is_flag=True, help="One step, then end.")
@click.option("--blocks", type=click.IntRange(min=1), help="End after so many further blocks.")
def run_(as_json: bool, once: bool, blocks: int | None, **given: Any) -> None:
    """Works until Ctrl-C. Without an account it is paper mode: it sends nothing and scores itself.

    Logs are JSON lines on standard error. With --json each step that did something is a line on
    standard output.

    \b
    Example:
      ballast keeper run --account keeper.json --passphrase-file keeper.pass
    """

    def tell(report: StepReport) -> None:
        if as_json and (once or report.decisions or report.outcomes or report.scores):
            print_json(report.to_json())

    with _keeper(given, deposit=True) as keeper, stopped_by_signals() as stop:
        summary = run(keeper, blocks=blocks, once=once, stop=stop, on_report=tell)
    if not as_json:
        print_json(summary.to_json())


@contextmanager
def _keeper(given: dict[str, Any], *, deposit: bool = False) -> Iterator[Keeper]:
    """The keeper that options, environment and configuration describe, with its index up to date."""
    config = given.pop("config")
    if config is None and _CONFIG.is_file():
        config = _CONFIG
    settings = KeeperSettings.load(config, database_url=given.pop("database"), **given)
    common = load_settings()
    protocol = open_protocol(settings.rpc, settings.deployment)
    chain_id = protocol.deployment.chain_id
    signer = _signer(settings.account or common.account, settings.passphrase_file, chain_id)
    database = settings.database_url
    if database is None:
        # local chains come and go under one id: an index on disk would be another chain's
        database = _IN_MEMORY if chain_id == LOCAL_CHAIN_ID else common.database_url
    log = json_log(settings.log_level)
    with Index(database) as index, Keeper(protocol, signer, settings, index=index, log=log) as keeper:
        index.sync(protocol.w3, protocol.deployment)
        if deposit:
            keeper.prepare()
        mode = "paper" if keeper.is_paper else "live"
        log.info("started", mode=mode, signer=keeper.address, chain_id=chain_id)
        yield keeper


def _signer(account: str | None, passphrase_file: Path | None, chain_id: int) -> Signer | None:
    """Without an account it is paper mode, on a local chain too."""
    if account is None:
        return None
    if account.isdigit():
        return local_signer(int(account), chain_id)
    return open_signer(account, passphrase_file, chain_id)


def _show(report: StepReport) -> None:
    console = stdout_console()
    console.print(
        f"block {report.block} ({report.tag}): {report.accounts} accounts owe something,"
        f" {report.watched} near the line, {len(report.at_risk)} at risk"
    )
    for error, count in report.unreadable.items():
        console.print(f"{count} accounts unreadable: {error}")
    for duty, error in report.errors.items():
        console.print(f"{duty}: {error}")
    own = report.own.to_json()
    holds = ", ".join(f"{amount} {symbol}" for symbol, amount in own["holds"].items()) or "nothing"
    console.print(f"own account {own['account']}: equity {own['equity']} USDC, holds {holds}")
    if not report.decisions:
        console.print("nothing to do")
        return
    table = Table()
    for heading in ("subject", "HF", "fraction", "reward", "gas cost", "profit", "decision"):
        right = heading not in ("subject", "decision")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for decision in report.decisions:
        found = decision.details
        table.add_row(
            decision.subject,
            str(found.get("health_factor", ""))[:7],
            str(found.get("fraction", ""))[:6],
            *(str(found.get(name, ""))[:-4] for name in ("reward", "gas_cost", "profit")),
            f"{decision.verdict}: {decision.reason}",
        )
    console.print(table)
