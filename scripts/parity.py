"""Invariant I10 at scale: ``python -m scripts.parity`` (or ``make parity``).

Opens thousands of accounts of all models on a private chain, each by transactions of its own, and moves prices,
surfaces and time. After every move the contract's ``health`` of every account and the twin's, computed from the index
alone, must be the same three integers. One line a move; exit code 1 with the first account that differs.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from eth_abi.abi import decode
from rich.console import Console
from rich.progress import Progress

from ballast.chain.anvil import Anvil
from ballast.chain.instruments import FUTURE, OPTION, kind_of
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Health
from ballast.checks.batch import Batch
from ballast.errors import BallastError, RpcError
from ballast.index import Index, LedgerState
from ballast.index.prices import read_prices
from ballast.risk.many import healths_of
from ballast.risk.margin import MODEL_NAMES, Margins
from ballast.risk.valuation import NoHealthError
from ballast.testing import START
from tests.support.crowd import Crowd

__all__ = ["DifferenceError", "main", "require_parity"]

_EACH = 100
_LINE_EVERY = 1_000
_SELECTOR = "health(uint256)"
_TYPES = ["int256", "uint256", "uint256"]


class DifferenceError(BallastError):
    """An account whose two healths differ."""

    exit_code = 1


def require_parity(chain: LocalChain, index: Index) -> LedgerState:
    """Compares all accounts at the latest block; ``DifferenceError`` names the first that differs."""
    index.sync(chain.w3, chain.deployment)
    state = index.state()
    sheet = read_prices(chain.w3, state)
    margins = Margins(state, sheet.usd, sheet.time)
    ours = healths_of(margins, state.banks, state.accounts)
    house = chain.protocol.house
    data = [house.encode_abi(_SELECTOR, [account]) for account in state.accounts]
    block = hex(state.block)
    calls = [("eth_call", [{"to": house.address, "data": one}, block]) for one in data]
    for account, answer in zip(state.accounts, Batch(chain.w3).many(calls), strict=True):
        found = ours[account]
        if isinstance(found, NoHealthError) and isinstance(answer, RpcError):
            continue
        theirs = answer if isinstance(answer, RpcError) else Health(*decode(_TYPES, bytes.fromhex(answer[2:])))
        if found != theirs:
            raise DifferenceError(f"account {account:#x} at block {state.block}: contract {theirs}, twin {found}")
    return state


@contextmanager
def _timed(console: Console, what: str, accounts: int) -> Iterator[None]:
    begun = time.monotonic()
    yield
    console.print(f"{what}: {accounts} accounts, no difference ({time.monotonic() - begun:.0f} s)", highlight=False)


@contextmanager
def _opening(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """What to call once an account: a bar on a terminal, elsewhere a line for every thousand."""
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("accounts", total=total)

        def opened() -> None:
            bar.advance(task)
            done = int(bar.tasks[task].completed)
            if not console.is_terminal and done % _LINE_EVERY == 0:
                console.print(f"{done} of {total} accounts are open", highlight=False)

        yield opened


def _composition(state: LedgerState) -> str:
    models = Counter(account.model for account in state.accounts.values())
    kinds = [{kind_of(number) for number in held.positions} for held in state.accounts.values()]
    with_options, with_futures = (sum(kind in one for one in kinds) for kind in (OPTION, FUTURE))
    of_models = ", ".join(f"{count} {MODEL_NAMES[model]}" for model, count in sorted(models.items()))
    return f"{of_models}; {with_options} with options, {with_futures} with futures"


def _run(console: Console, accounts: int, moves: int, seed: int) -> int:
    """Returns how many healths were compared."""
    compared = 0
    with _chain() as chain, Index("sqlite://") as index:
        each = min(_EACH, accounts)
        crowd = Crowd(chain, random.Random(seed), -(-accounts // each), each)
        crowd.list_all()
        with _opening(console, crowd.owners * crowd.each) as opened:
            crowd.populate(opened)
        state = require_parity(chain, index)
        console.print(_composition(state), highlight=False)
        for turn in range(moves):
            what = crowd.move(turn)
            with _timed(console, f"{turn + 1:3} {what}", len(state.accounts)):
                compared += len(require_parity(chain, index).accounts)
        for name, act in (("expiry", crowd.expire), ("settlement prices", crowd.settle_prices)):
            act()
            with _timed(console, name, len(state.accounts)):
                compared += len(require_parity(chain, index).accounts)
    return compared + len(state.accounts)


@contextmanager
def _chain() -> Iterator[LocalChain]:
    """A fork of a node with everything deployed: a block of a node that does not fork costs more with every account."""
    with (
        LocalChain(held_at=START) as base,
        Anvil(fork_url=base.url, ipc=True, history=False) as node,
        LocalChain(url=str(node.ipc_path), deployment=base.deployment) as chain,
    ):
        chain.hold_time()
        yield chain


@click.command()
@click.option("--accounts", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--moves", type=click.IntRange(min=0), default=50, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(accounts: int, moves: int, seed: int) -> None:
    """Compares the contract's health with the twin's for all accounts, after each of many moves."""
    console = Console()
    begun = time.monotonic()
    try:
        compared = _run(console, accounts, moves, seed)
    except BallastError as error:
        click.echo(f"ballast: parity: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    minutes = (time.monotonic() - begun) / 60
    console.print(f"{compared:,} healths compared, no difference, {minutes:.1f} minutes", highlight=False)


if __name__ == "__main__":
    main()
