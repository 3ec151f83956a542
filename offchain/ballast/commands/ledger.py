"""The index and its margins as commands use them: synced, priced, and formatted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ballast import units
from ballast.chain.instruments import OPTION, kind_of
from ballast.chain.protocol import Health, Protocol
from ballast.commands.options import LOCAL_CHAIN_ID, open_protocol, stderr_console
from ballast.config import load_settings
from ballast.index import Index, LedgerState
from ballast.index.names import instrument_name
from ballast.index.prices import PriceSheet, read_prices
from ballast.index.progress import backfill_bar
from ballast.risk.margin import Margins

__all__ = ["LedgerView", "block_option", "database_option", "factor_text", "health_json", "open_ledger"]

_IN_MEMORY = "sqlite://"
_FACTOR_DECIMALS = 4

_F = TypeVar("_F", bound=Callable[..., Any])


def database_option(function: _F) -> _F:
    """``--database URL``; without it BALLAST_DATABASE_URL decides."""
    return click.option(
        "--database",
        metavar="URL",
        help="Where the index is kept (default: BALLAST_DATABASE_URL, else .data/ballast.sqlite; memory for a"
        " local chain).",
    )(function)


def block_option(function: _F) -> _F:
    """``--block N``."""
    return click.option(
        "--block", type=click.IntRange(min=0), metavar="N", help="At the end of this block (default: the latest)."
    )(function)


@dataclass(frozen=True)
class LedgerView:
    """The ledger at the end of one block, with that block's prices and the margins they make."""

    protocol: Protocol
    state: LedgerState
    prices: PriceSheet
    margin: Margins

    def token_name(self, token: int) -> str:
        """The deployment file's name of a token, its address where it has none."""
        address = self.state.banks[token].address
        named = (name for name, entry in self.protocol.deployment.tokens.items() if entry.address == address)
        return next(named, address)

    def instrument_name(self, instrument: int) -> str:
        """As ``ballast.index.names`` has it."""
        return instrument_name(self.state, self.protocol.deployment.underlyings, instrument)

    def options_of(self, account: int) -> dict[int, int]:
        """Sizes of an account's options by instrument, 1e18."""
        positions = self.state.account(account).positions
        return {number: held.size for number, held in sorted(positions.items()) if kind_of(number) == OPTION}


@contextmanager
def open_ledger(
    rpc: str | None,
    deployment: Path | None,
    database: str | None,
    block: int | None,
    accounts: Collection[int] | None = None,
) -> Iterator[LedgerView]:
    """Brings the index up to a block and reads it there; ``accounts`` reads only those."""
    protocol = open_protocol(rpc, deployment)
    w3 = protocol.w3
    with Index(_database(database, protocol.deployment.chain_id)) as index:
        with backfill_bar(stderr_console()) as bar:
            reached = index.sync(w3, protocol.deployment, block, progress=bar)
        state = index.state(reached, accounts=accounts)
    prices = read_prices(w3, state)
    yield LedgerView(protocol, state, prices, Margins(state, prices.usd, prices.time))


def _database(given: str | None, chain_id: int) -> str:
    """What options and settings say. Local chains come and go under one id, so their index stays
    in memory."""
    if given is not None:
        return given
    settings = load_settings()
    if chain_id == LOCAL_CHAIN_ID and "database_url" not in settings.model_fields_set:
        return _IN_MEMORY
    return settings.database_url


def health_json(health: Health) -> dict[str, str | None]:
    """USDC and factor as exact decimal strings; no factor where nothing is required."""
    factor = health.factor
    return {
        "equity": str(units.from_wad(health.equity)),
        "initial_margin": str(units.from_wad(health.initial)),
        "maintenance_margin": str(units.from_wad(health.maintenance)),
        "health_factor": None if factor is None else str(units.from_wad(factor)),
    }


def factor_text(health: Health) -> str:
    """The health factor as people read it, rounded down."""
    if health.factor is None:
        return "no debt"
    shown = units.from_units(health.factor // 10 ** (18 - _FACTOR_DECIMALS), _FACTOR_DECIMALS)
    return f"{shown:,.{_FACTOR_DECIMALS}f}"
