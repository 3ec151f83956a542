"""``ballast up``: a local chain with everything deployed, until somebody stops it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from ballast.chain.expiries import list_expiries
from ballast.chain.local import LocalChain
from ballast.chain.seeds import MAX_SEEDS, seed_accounts
from ballast.commands.options import LOCAL_CHAIN_ID, print_json, stderr_console
from ballast.errors import NodeError

__all__ = ["command"]

DEPLOYMENT_FILE = Path("deployments", "local.json")


class _Stop(BaseException):
    """A signal asked to end; not an error, so no ``except Exception`` may swallow it."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, TERM and HUP end the block as one clean stop."""

    def stop(number: int, frame: FrameType | None) -> None:
        # A second signal must not break the clean-up that the first has begun.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise _Stop

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    except _Stop:
        pass
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@click.command(name="up")
@click.option("--port", type=click.IntRange(1, 65535), default=8545, show_default=True)
@click.option("--chain-id", type=click.IntRange(1), default=LOCAL_CHAIN_ID, show_default=True)
@click.option("--fork", metavar="URL", help="Start from the state of this node.")
@click.option(
    "--seed-accounts",
    type=click.IntRange(0, MAX_SEEDS),
    default=0,
    show_default=True,
    help="Open this many accounts of mixed shape.",
)
@click.option("--json", "as_json", is_flag=True, help="The ready line is JSON anyway.")
def command(port: int, chain_id: int, fork: str | None, seed_accounts: int, as_json: bool) -> None:
    """Start a local chain with everything deployed and markets listed.

    Prints one JSON line when it is ready and stays in the foreground; Ctrl-C stops it. Anvil's
    account 0 is governor, pushes the prices and signs surfaces, accounts 1-9 are yours. Each coin
    has a perpetual, and two expiries with a dated future and seven strikes.

    \b
    Example:
      ballast up --port 8555 --seed-accounts 20
    """
    with _stoppable():
        _serve(port, chain_id, fork, seed_accounts)


def _serve(port: int, chain_id: int, fork: str | None, seeds: int) -> None:
    console = stderr_console()
    with LocalChain(port=port, chain_id=chain_id, fork_url=fork) as chain:
        opened = seed_accounts(chain, seeds)
        list_expiries(chain).save(DEPLOYMENT_FILE)
        line = {
            "rpc": chain.url,
            "deployment": str(DEPLOYMENT_FILE.resolve()),
            "chain_id": chain.deployment.chain_id,
            "accounts": len(opened),
        }
        print_json(line)
        if console.is_terminal:
            console.print(f"ready at {chain.url}, chain {chain_id}; Ctrl-C stops it")
        assert chain.anvil is not None
        while chain.anvil.running:
            time.sleep(0.2)
        raise NodeError(f"anvil: ended by itself: {chain.anvil.log_tail(3)}")
