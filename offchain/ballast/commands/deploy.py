"""``ballast deploy``: rehearse, deploy or resume, hand over, and check against the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from eth_utils.address import to_checksum_address
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from web3 import Web3

from ballast.chain.deployer import deploy, known_addresses, open_journal
from ballast.chain.deployment import Deployment
from ballast.chain.journal import Journal
from ballast.chain.params import NetworkParams, known_networks
from ballast.chain.plan import build_plan
from ballast.chain.reads import Difference, plain
from ballast.chain.rehearsal import Rehearsal, rehearse
from ballast.chain.rpc import connect, hide_secrets, require_chain
from ballast.chain.sender import Record
from ballast.chain.signers import Signer, keystore_address
from ballast.chain.verify import preflight, verify
from ballast.commands.options import (
    LOCAL_CHAIN_ID,
    account_options,
    json_option,
    open_signer,
    print_json,
    rpc_option,
    stderr_console,
    stdout_console,
)
from ballast.config import load_settings
from ballast.errors import DeploymentError, UsageError
from ballast.units import from_wad

__all__ = ["Job", "command"]

_GWEI = 10**9


@dataclass(frozen=True)
class Job:
    """One deployment: what, where, and which files."""

    params: NetworkParams
    w3: Web3
    url: str
    out: Path

    @property
    def journal_path(self) -> Path:
        return self.out.with_suffix(".journal.json")

    def known(self) -> Deployment | None:
        """The finished deployment of the file, whose contracts are not to be deployed again.

        ``UsageError`` where its contracts are not on this chain; on a local chain, which starts
        anew each time, such a file counts for nothing.
        """
        if not self.out.exists():
            return None
        found = Deployment.load(self.out)
        require_chain(self.w3, found.chain_id, str(self.out))
        for name, address in known_addresses(found).items():
            if not self.w3.eth.get_code(Web3.to_checksum_address(address)):
                if found.chain_id == LOCAL_CHAIN_ID:
                    return None
                raise UsageError(
                    f"{self.out}: {name} at {address} has no code on this chain; move the file away to deploy anew"
                )
        return found


def load_params(network: str, file: Path | None, holders: Sequence[str], own_feeds: bool) -> NetworkParams:
    """Parameters as the options change them; ``UsageError`` names file and field."""
    if file is None:
        params = NetworkParams.load(network)
    else:
        if network not in known_networks() and not file.is_file():
            NetworkParams.load(network)  # says which networks are known
        params = NetworkParams.load(file)
    origin = str(file or known_networks()[network])
    if params.network != network:
        raise UsageError(f"{origin}: network: is {params.network}, --network says {network}")
    given: dict[str, str] = {}
    for text in holders:
        role, equals, address = text.partition("=")
        if not equals:
            raise UsageError(f"--holder {text}: write ROLE=ADDRESS, such as governor=0x...")
        given[role] = address
    params = params.with_holders(given)
    params.require_holders(origin)
    return params.with_own_feeds() if own_feeds else params


@click.command(name="deploy")
@click.option("--network", required=True, metavar="NAME", help="local, sepolia, base-sepolia, ...")
@click.option(
    "--params",
    "params_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Parameters (default: those that come with the package for this network).",
)
@rpc_option
@account_options
@click.option(
    "--holder",
    "holders",
    multiple=True,
    metavar="ROLE=ADDRESS",
    help="Who gets a role at the end, such as governor=0x...; `all` is every open one.",
)
@click.option(
    "--own-feeds",
    is_flag=True,
    help="Own pushed aggregators in place of public feeds: for a rehearsal on a bare chain.",
)
@click.option("--dry-run", is_flag=True, help="Show every transaction and its cost; send nothing.")
@click.option("--check", is_flag=True, help="Compare a finished deployment with the parameters.")
@click.option(
    "--rehearse/--no-rehearse",
    default=None,
    help="Deploy on a private fork first (default: yes, but on local chains).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Deployment file (default: deployments/NETWORK.json).",
)
@json_option
def command(
    network: str,
    params_file: Path | None,
    rpc: str | None,
    account: str | None,
    passphrase_file: Path | None,
    holders: tuple[str, ...],
    own_feeds: bool,
    dry_run: bool,
    check: bool,
    rehearse: bool | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Deploy to a network, or resume a half-done deployment; writes deployments/NETWORK.json.

    It can be killed at any point and run again: nothing is deployed twice, what is there already
    is not sent again. At the end every role goes to its holder and the whole deployment is read
    back from the chain and compared with the parameters.

    \b
    Example:
      ballast deploy --network base-sepolia --account deployer \\
        --holder all=0x1234... --dry-run
    """
    if dry_run and check:
        raise UsageError("--dry-run and --check: choose one")
    params = load_params(network, params_file, holders, own_feeds)
    settings = load_settings()
    url = rpc or settings.rpc or params.chain.rpc
    w3 = connect(url, timeout=settings.rpc_timeout)
    require_chain(w3, params.chain.id, f"network {params.network}")
    job = Job(params, w3, url, out or Path("deployments", f"{network}.json"))
    console = stderr_console()
    if check:
        _report_check(job, Deployment.load(job.out), as_json)
        return
    _require_feeds(job)
    if dry_run:
        sender = _sender_address(account, passphrase_file, params.chain.id)
        _report_rehearsal(job, _rehearse(job, sender), as_json)
        return
    signer = open_signer(account, passphrase_file, params.chain.id, settings)
    if signer is None:
        raise UsageError(f"account: network {network} needs --account, a keystore file or alias")
    if rehearse is None:
        rehearse = params.chain.id != LOCAL_CHAIN_ID
    with open_journal(w3, params, signer.address, job.journal_path) as journal:
        if rehearse:
            with console.status(f"rehearsing on a fork of {hide_secrets(url)}"):
                rehearsal = _rehearse_with(job, signer.address, journal)
            _require_rehearsal(job, signer, rehearsal)
        deployment = _deploy(job, signer, journal, console)
    deployment.save(job.out)
    _report_check(job, deployment, as_json)


# ------------------------------------------------------------ steps


def _sender_address(account: str | None, passphrase_file: Path | None, chain_id: int) -> str:
    """Who would deploy: a keystore names its address, so a dry run needs no passphrase."""
    named = account or load_settings().account
    if named is not None and (address := keystore_address(named)) is not None:
        return address
    signer = open_signer(account, passphrase_file, chain_id)
    if signer is None:
        raise UsageError("account: a dry run needs --account, it shows that account's deployment")
    return signer.address


def _require_feeds(job: Job) -> None:
    differing = preflight(job.w3, job.params)
    if differing:
        first = differing[0]
        raise UsageError(
            f"{first}; {len(differing)} such in the parameters: a public feed or token is not what"
            " they say (--own-feeds deploys own ones instead)"
        )


def _rehearse(job: Job, sender: str) -> Rehearsal:
    with open_journal(job.w3, job.params, sender, job.journal_path) as journal:
        return _rehearse_with(job, sender, journal)


def _rehearse_with(job: Job, sender: str, journal: Journal) -> Rehearsal:
    return rehearse(job.w3, job.url, job.params, sender, journal=journal, known=job.known())


def _require_rehearsal(job: Job, signer: Signer, rehearsal: Rehearsal) -> None:
    if rehearsal.differences:
        raise DeploymentError(
            f"rehearsal: {rehearsal.differences[0]} ({len(rehearsal.differences)} differences); nothing was sent"
        )
    balance = job.w3.eth.get_balance(to_checksum_address(signer.address))
    if balance < rehearsal.cost:
        raise UsageError(
            f"account {signer.address}: has {from_wad(balance):f} ETH, the deployment costs about"
            f" {from_wad(rehearsal.cost):f}; send it some"
        )


def _deploy(job: Job, signer: Signer, journal: Journal, console: Console) -> Deployment:
    plan = build_plan(job.params, signer.address)
    columns = (
        TextColumn("deploying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=len(plan))
        done: set[str] = set()

        def notify(record: Record) -> None:
            if record.action == "sent":
                progress.update(task, description=record.step)
            else:
                done.add(record.step)
                progress.update(task, completed=len(done))

        return deploy(job.w3, job.params, signer, journal=journal, known=job.known(), notify=notify)


# ------------------------------------------------------------ output


def _report_rehearsal(job: Job, rehearsal: Rehearsal, as_json: bool) -> None:
    price = rehearsal.fees.expected
    if as_json:
        print_json(
            {
                "network": job.params.network,
                "transactions": [
                    {
                        "step": record.step,
                        "nonce": record.nonce,
                        "to": record.to,
                        "creates": record.address,
                        "gas": record.gas,
                        "cost_wei": record.gas * price,
                    }
                    for record in rehearsal.records
                ],
                "gas": rehearsal.gas,
                "gas_price_wei": price,
                "cost_wei": rehearsal.cost,
                "differences": [_as_row(difference) for difference in rehearsal.differences],
            }
        )
    else:
        _print_transactions(job, rehearsal, price)
    if rehearsal.differences:
        raise DeploymentError(f"rehearsal: {rehearsal.differences[0]}")


def _print_transactions(job: Job, rehearsal: Rehearsal, price: int) -> None:
    table = Table(title=f"{job.params.network}: {len(rehearsal.records)} transactions")
    for name in ("nonce", "step", "to"):
        table.add_column(name, no_wrap=True)
    for name in ("gas", "cost, ETH"):
        table.add_column(name, justify="right")
    for record in rehearsal.records:
        target = f"creates {record.address}" if record.address else record.to
        cost = f"{from_wad(record.gas * price):.9f}"
        table.add_row(str(record.nonce), record.step, target, f"{record.gas:,}", cost)
    table.add_section()
    table.add_row("", "sum", "", f"{rehearsal.gas:,}", f"{from_wad(rehearsal.cost):.9f}")
    console = stdout_console()
    console.print(table)
    console.print(f"at {price / _GWEI:.6g} gwei, from a rehearsal on a fork; nothing was sent")


def _as_row(difference: Difference) -> dict[str, Any]:
    return {
        "path": difference.path,
        "wanted": plain(difference.wanted),
        "found": plain(difference.found),
    }


def _report_check(job: Job, deployment: Deployment, as_json: bool) -> None:
    """Prints the result of the check; ``DeploymentError`` where the chain differs."""
    differing = verify(job.w3, job.params, deployment)
    if as_json:
        print_json(
            {
                "network": job.params.network,
                "deployment": str(job.out),
                "differences": [_as_row(difference) for difference in differing],
                **deployment.model_dump(),
            }
        )
    else:
        _print_deployment(job, deployment)
        for difference in differing:
            click.echo(str(difference))
    if differing:
        raise DeploymentError(
            f"{job.out}: {len(differing)} differences between the chain and the parameters, the first: {differing[0]}"
        )
    if not as_json:
        click.echo(f"the chain is what the parameters say; {job.out}")


def _print_deployment(job: Job, deployment: Deployment) -> None:
    table = Table(title=f"{job.params.network} (chain {deployment.chain_id})")
    table.add_column("contract")
    table.add_column("address")
    for name, address in deployment.contracts.items():
        table.add_row(name, address)
    for symbol, token in deployment.tokens.items():
        table.add_row(f"token {symbol}", token.address)
    for asset in job.params.assets:
        kind = "own" if asset.feed.kind == "pushed" else "Chainlink"
        table.add_row(f"feed {asset.symbol} ({kind})", deployment.feeds[asset.symbol])
    stdout_console().print(table)
