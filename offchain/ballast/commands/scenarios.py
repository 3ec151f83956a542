"""``ballast scenarios``: show a scenario table, propose one on chain, let the proposed one hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ballast import units
from ballast.chain.instruments import expiry_label
from ballast.chain.localoptions import ALL_STRIKES
from ballast.chain.managed import Sent, send, send_managed
from ballast.chain.protocol import Protocol
from ballast.chain.scenario_book import Proposal, ScenarioBook
from ballast.chain.scenario_file import read_scenarios, scenarios_json
from ballast.chain.scenario_table import ScenarioTable, percent
from ballast.chain.signers import Signer
from ballast.commands.options import (
    account_options,
    deployment_option,
    json_option,
    open_protocol,
    open_signer,
    print_json,
    rpc_option,
    stderr_console,
    stdout_console,
)
from ballast.errors import ContractError, TransactionError, UsageError
from ballast.risk.scenarios import ONE, Change, changes, shape_change

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(name="scenarios")
def command() -> None:
    """The scenario table that portfolio margin is computed over.

    \b
    Example:
      ballast scenarios show
      ballast scenarios publish scenarios.json --dry-run
    """


# ------------------------------------------------------------------ show


@command.command()
@click.argument("file", type=_FILE, required=False)
@rpc_option
@deployment_option
@click.option("--html", type=_FILE, metavar="PATH", help="Also a page with the table as a heat map.")
@json_option
def show(file: Path | None, rpc: str | None, deployment: Path | None, html: Path | None, as_json: bool) -> None:
    """Shows a scenarios.json, or the table that holds on chain and the one that is proposed.

    \b
    Example:
      ballast scenarios show scripts/params/scenarios.json --html scenarios.html
      ballast scenarios show --rpc http://127.0.0.1:8545 --json
    """
    limits: tuple[int, int] | None = None
    proposal: Proposal | None = None
    if file is not None:
        if rpc is not None or deployment is not None:
            raise UsageError("show: FILE and a chain given; choose one")
        table, source = read_scenarios(file), str(file)
    else:
        book = ScenarioBook(open_protocol(rpc, deployment))
        table, proposal, limits = book.active_table(), book.proposal(), book.limits()
        source = f"ScenarioBook {book.address}"
    if html is not None:
        from ballast.report.scenarios import write_scenarios_page

        write_scenarios_page(html, table, f"Scenario table, version {table.version}", _headline(table, source))
    if as_json:
        print_json(_show_json(table, proposal, limits))
        return
    _print_table(table, f"version {table.version}: {_headline(table, source)}")
    if limits is not None:
        change = units.from_units(limits[1], 4)
        click.echo(f"a next one waits {limits[0]:,} s and changes the loss along a direction by at most {change}%")
        if proposal is None:
            click.echo("nothing is proposed")
        else:
            _print_table(
                proposal.table, f"version {proposal.version}: proposed, ready from {_time(proposal.ready_at)} on"
            )


def _headline(table: ScenarioTable, source: str) -> str:
    return (
        f"{source}, {table.rows} scenarios, {len(table.underlyings)} underlyings, tail {table.tail},"
        f" vol term power {table.vol_term_power}"
    )


def _show_json(table: ScenarioTable, proposal: Proposal | None, limits: tuple[int, int] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"table": scenarios_json(table)}
    if limits is not None:
        found["limits"] = {"delay": limits[0], "max_change": str(units.from_units(limits[1], 6))}
        found["proposal"] = None
    if proposal is not None:
        found["proposal"] = {
            "version": proposal.version,
            "ready_at": proposal.ready_at,
            "table": scenarios_json(proposal.table),
        }
    return found


def _print_table(table: ScenarioTable, title: str) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("#", justify="right")
    shown.add_column("scenario", no_wrap=True)
    shown.add_column("weight", justify="right")
    for kind in ("spot", "vol"):
        for name in table.underlyings:
            shown.add_column(f"{name} {kind}", justify="right")
    for s, name in enumerate(table.names):
        moves = (*table.spot[s], *table.vol[s])
        shown.add_row(str(s), name, f"{table.weights[s]:f}", *map(percent, moves))
    if table.floors:
        shown.add_section()
    for name, floor in table.floors.items():
        spot = {name: f"{percent(floor.up)} / {percent(floor.down)}"}
        vol = {name: f"{percent(floor.vol_up)} / {percent(floor.vol_down)}"}
        cells = [column.get(other, "") for column in (spot, vol) for other in table.underlyings]
        shown.add_row("", f"floor of {name}", "1", *cells)
    stdout_console().print(shown)


def _time(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


# ------------------------------------------------------------------ publish


@command.command()
@click.argument("file", type=_FILE)
@rpc_option
@deployment_option
@account_options
@click.option("--dry-run", is_flag=True, help="Show what would change along every direction; send nothing.")
@json_option
def publish(
    file: Path,
    rpc: str | None,
    deployment: Path | None,
    account: str | None,
    passphrase_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Proposes the table of a scenarios.json; `ballast scenarios activate` lets it hold once its time has come.

    Floors that the file does not have stay as they are. Where the signer's role has a delay, the first run schedules
    the call and a second one, after the delay, sends it.

    \b
    Example:
      ballast scenarios publish scenarios.json --dry-run
      ballast scenarios publish scenarios.json --account risk-publisher
    """
    table = read_scenarios(file)
    protocol = open_protocol(rpc, deployment)
    book = ScenarioBook(protocol)
    _, max_change = book.limits()
    held_version, held = book.active()
    floors = ScenarioTable.from_chain(held_version, held, book.symbols).floors
    try:
        content = table.to_chain(protocol.deployment.underlyings, floors)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    if (reason := shape_change(held, content, book.symbols)) is not None:
        raise UsageError(f"{file}: {reason}")
    found = changes(held, content, book.symbols)
    if dry_run:
        _report_changes(found, max_change, as_json)
    _require_slow(file, found, max_change)
    version = _require_accepted(file, book, content)
    if dry_run:
        return
    signer = open_signer(account, passphrase_file, protocol.deployment.chain_id)
    if signer is None:
        raise UsageError("account: publish needs --account, a keystore file or alias of a risk publisher")
    sent = send_managed(
        protocol.w3,
        signer,
        protocol.contract("AccessManager"),
        "propose",
        book.address,
        book.encode_proposal(content),
    )
    _report_sent(book, sent, version, as_json)


def _require_slow(file: Path, found: list[Change], max_change: int) -> None:
    fast = [change for change in found if not change.is_within(max_change)]
    if fast:
        first = fast[0]
        raise UsageError(
            f"{file}: {first.direction}: {_loss(first.after)} where the active table has {_loss(first.before)};"
            f" at most {units.from_units(max_change, 4)}% of change in one step ({len(fast)} of {len(found)} directions"
            " change faster); publish it in several steps"
        )


def _require_accepted(file: Path, book: ScenarioBook, content: Mapping[str, Any]) -> int:
    """The version that the proposal will have."""
    try:
        return book.try_proposal(content)
    except ContractError as error:
        if error.name == "Scenario_AlreadyProposed":
            raise TransactionError(
                f"version {error.arguments['version']} is proposed already; activate it (`ballast scenarios activate`)"
                " or let the risk publisher withdraw it first"
            ) from None
        raise UsageError(f"{file}: the contract refuses it: {error}") from None


def _report_changes(found: list[Change], max_change: int, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "max_change": str(units.from_units(max_change, 6)),
                "directions": [
                    {
                        "direction": change.direction,
                        "before": str(_exact(change.before)),
                        "after": str(_exact(change.after)),
                        "change": None if change.part is None else round(float(change.part), 6),
                        "within": change.is_within(max_change),
                    }
                    for change in found
                ],
            }
        )
        return
    shown = Table(title="Largest loss of one unit along each direction", title_justify="left")
    shown.add_column("direction", no_wrap=True)
    for name in ("before", "after", "change"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for change in found:
        part = "" if change.part is None or not change.part else f"{float(change.part):+.2%}"
        remark = "" if change.is_within(max_change) else "too fast"
        shown.add_row(change.direction, _loss(change.before), _loss(change.after), part, remark)
    stdout_console().print(shown)


def _exact(loss: int) -> Decimal:
    return Decimal(loss) / ONE


def _loss(loss: int) -> str:
    return f"{loss / ONE:.3%}"


def _report_sent(book: ScenarioBook, sent: Sent, version: int, as_json: bool) -> None:
    ready_at = sent.ready_at
    if sent.action == "sent" and (waiting := book.waiting()) is not None:
        version, ready_at = waiting
    action = "proposed" if sent.action == "sent" else sent.action
    if as_json:
        print_json({"action": action, "version": version, "transaction": sent.tx, "ready_at": ready_at})
    elif action == "proposed":
        assert ready_at is not None
        click.echo(f"version {version} is proposed; it can be activated from {_time(ready_at)} on")
    else:
        assert ready_at is not None
        click.echo(f"the proposal is {action} until {_time(ready_at)}, the role's delay; then run this again")


# ------------------------------------------------------------------ activate


@command.command()
@rpc_option
@deployment_option
@account_options
@json_option
def activate(
    rpc: str | None, deployment: Path | None, account: str | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Lets the proposed table hold; anybody may, once its time has come.

    Every expiry that has arrays of the table that holds is priced under the proposed one first, a transaction each.

    \b
    Example:
      ballast scenarios activate
    """
    protocol = open_protocol(rpc, deployment)
    book = ScenarioBook(protocol)
    waiting = book.waiting()
    if waiting is None:
        raise TransactionError("nothing is proposed; propose a table with `ballast scenarios publish`")
    version, ready_at = waiting
    try:
        book.contract.functions.activate().call({}, "pending")
    except ContractError as error:
        if error.name == "Scenario_NotReady":
            raise TransactionError(
                f"version {version} is not ready; it can be activated from {_time(ready_at)} on"
            ) from None
        if error.name != "Scenario_ArraysMissing":
            raise
    signer = open_signer(account, passphrase_file, protocol.deployment.chain_id)
    if signer is None:
        raise UsageError("account: activate needs --account, a keystore file or alias; anybody's will do")
    priced = list(_price_missing(protocol, signer, version))
    tx = send(protocol.w3, signer, "activate", book.address, book.contract.encode_abi("activate"))
    if as_json:
        print_json({"action": "activated", "version": version, "priced": priced, "transaction": tx})
    else:
        click.echo(f"version {version} holds")


def _price_missing(protocol: Protocol, signer: Signer, version: int) -> Iterator[str]:
    """Prices what has no arrays under the proposed table yet, and names each expiry that is done."""
    names = {number: name for name, number in protocol.deployment.underlyings.items()}
    arrays, console = protocol.contract("RiskArrays"), stderr_console()
    while True:
        missing, asset, expiry = arrays.functions.firstMissing(version).call()
        if not missing:
            return
        label = f"{names[asset]}-{expiry_label(expiry)}"
        data = arrays.encode_abi("refreshProposed", [asset, expiry, 0, ALL_STRIKES])
        send(protocol.w3, signer, f"refreshProposed of {label}", arrays.address, data)
        console.print(f"{label} is priced under version {version}")
        yield label
