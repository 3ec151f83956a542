"""Rows to ``LedgerState``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from eth_utils.address import to_checksum_address
from sqlalchemy import Connection

from ballast.chain.instruments import (
    SERIES,
    expiry_label,
    expiry_of_series,
    kind_of,
    options_listing,
    series_of,
    series_of_instrument,
)
from ballast.index import schema
from ballast.index.history import read_versions
from ballast.index.rules import FUND
from ballast.index.schema import Versioned
from ballast.index.state import (
    Account,
    Bank,
    Books,
    Engine,
    Feed,
    Forward,
    Market,
    OperatorGrant,
    Orders,
    Parameters,
    Position,
    PremiumConfig,
    Proposal,
    Rates,
    Synced,
    Table,
)

__all__ = [
    "load_accounts",
    "load_banks",
    "load_markets",
    "load_operators",
    "load_orders",
    "load_parameters",
]

_CHUNK = 400
#: Scale of a surface's forward over spot.
_BASIS_ONE = 10**15


def load_accounts(connection: Connection, block: int, only: Collection[int] | None) -> dict[int, Account]:
    """Accounts that have or had anything; ``only`` restricts them."""
    accounts: dict[int, Account] = defaultdict(Account)
    for account, model, flagged_at, steps in _of(connection, schema.ACCOUNT, block, only):
        found = accounts[account]
        found.model, found.flagged_at, found.steps = model, flagged_at, steps
    for account, token, shares in _of(connection, schema.BALANCE, block, only):
        accounts[account].balances[token] = shares
    for account, instrument, size, quote in _of(connection, schema.POSITION, block, only):
        accounts[account].positions[instrument] = Position(size, quote)
    return dict(accounts)


def _of(
    connection: Connection, table: Versioned, block: int, only: Collection[int] | None
) -> Iterator[tuple[Any, ...]]:
    if only is None:
        yield from read_versions(connection, table, block)
        return
    wanted = sorted(only)
    for start in range(0, len(wanted), _CHUNK):
        chosen = table.table.c.account.in_(wanted[start : start + _CHUNK])
        yield from read_versions(connection, table, block, chosen)


def load_banks(connection: Connection, block: int) -> dict[int, Bank]:
    """Listed tokens with their banks, by token id."""
    banks = {row[0]: row[1:] for row in read_versions(connection, schema.BANK, block)}
    loaded: dict[int, Bank] = {}
    for token, address, decimals, config in read_versions(connection, schema.TOKEN, block):
        values = dict(zip(schema.BANK.defaults, banks[token], strict=True))
        loaded[token] = Bank(
            token=token,
            address=to_checksum_address(address),
            decimals=decimals,
            asset=config["asset"],
            config=config,
            **values,
        )
    return dict(sorted(loaded.items()))


def load_markets(connection: Connection, block: int) -> dict[int, Market]:
    """Listed markets, and series of options that have settled, by instrument."""
    markets = {row[0]: row[1:] for row in read_versions(connection, schema.MARKET, block)}
    loaded: dict[int, Market] = {}
    for instrument, symbol, reduce_only, config in read_versions(connection, schema.LISTING, block):
        values = dict(zip(schema.MARKET.defaults, markets[instrument], strict=True))
        loaded[instrument] = Market(
            instrument=instrument, symbol=symbol, reduce_only=reduce_only, config=config, **values
        )
    for instrument, row in markets.items():
        if kind_of(instrument) == SERIES:
            values = dict(zip(schema.MARKET.defaults, row, strict=True))
            options = loaded[options_listing(instrument >> 20 & 0xFF)]
            series = series_of_instrument(instrument)
            symbol = f"{options.symbol} {expiry_label(expiry_of_series(series))}"
            loaded[instrument] = Market(
                instrument=instrument, symbol=symbol, reduce_only=options.reduce_only, config=options.config, **values
            )
    return dict(sorted(loaded.items()))


def load_operators(connection: Connection, block: int) -> dict[tuple[int, str], OperatorGrant]:
    """Grants by account and checksummed operator, lapsed ones too."""
    return {
        (account, to_checksum_address(operator)): OperatorGrant(*grant)
        for account, operator, *grant in read_versions(connection, schema.OPERATOR, block)
    }


def load_orders(connection: Connection, block: int) -> Orders:
    """Fills and cancellations."""
    return Orders(
        filled={bytes(order): filled for order, filled in read_versions(connection, schema.FILLED, block)},
        cancelled=frozenset((account, nonce) for account, nonce in read_versions(connection, schema.CANCELLED, block)),
    )


def load_parameters(connection: Connection, block: int, house: str) -> Parameters:
    """What governance has set in the Clearinghouse, and in the router and engine that it uses."""
    by_source: dict[str, dict[str, Any]] = defaultdict(dict)
    for source, name, value in read_versions(connection, schema.PARAMETER, block):
        by_source[source][name] = value
    own = by_source[house]
    router, engine = own.get("router"), own.get("engine")
    recipients = own.get("recipients") or {}
    fund = own.get(FUND) or {}
    premium = own.get("premium")
    routed = by_source[router] if router else {}
    return Parameters(
        router=_checksummed(router),
        premium=_premium(premium) if premium else None,
        liquidation=own.get("liquidation"),
        engine=_engine(engine, by_source) if engine else None,
        feeds={int(number): Feed(int(number), value) for number, value in _numbered(routed, "feed")},
        synced={
            asset: Synced(*values)
            for source, asset, *values in read_versions(connection, schema.SYNCED, block)
            if source == router
        },
        sequencer=routed.get("sequencer"),
        paused_until=own.get("paused", 0),
        trade_recipient=_checksummed(recipients.get("trade")),
        reserve_recipient=_checksummed(recipients.get("reserve")),
        authority=_checksummed(own.get("authority")),
        quoters=frozenset(to_checksum_address(quoter) for quoter, _ in read_versions(connection, schema.QUOTER, block)),
        fund_day=fund.get("day", 0),
        fund_spent=fund.get("spent", 0),
    )


def _engine(address: str, by_source: Mapping[str, Mapping[str, Any]]) -> Engine:
    values = by_source[address]

    def rates(kind: str) -> dict[int, Rates]:
        return {int(number): Rates(value["maintenance"], value["initial"]) for number, value in _numbered(values, kind)}

    sources = values.get("sources")
    return Engine(
        address=to_checksum_address(address),
        token_rates=rates("token"),
        instrument_rates=rates("instrument"),
        minimum=values.get("minimum", 0),
        factors=values.get("factors", {}),
        contingencies={int(asset): value for asset, value in _numbered(values, "contingency")},
        haircuts={int(token): value for token, value in _numbered(values, "haircut")},
        books=_books(by_source, sources) if sources else None,
    )


def _books(by_source: Mapping[str, Mapping[str, Any]], sources: Mapping[str, str]) -> Books:
    said, stored = by_source[sources["scenarios"]], by_source[sources["arrays"]]
    listed = by_source[sources["strikes"]]
    tables = said.get("tables", {})
    active, proposed = tables.get("active"), tables.get("proposed")
    table = Table(active["version"], active["table"]) if active else None
    return Books(
        scenarios=to_checksum_address(sources["scenarios"]),
        arrays=to_checksum_address(sources["arrays"]),
        surfaces=to_checksum_address(sources["surfaces"]),
        strike_book=to_checksum_address(sources["strikes"]),
        settlement=to_checksum_address(sources["settlement"]),
        table=table,
        proposal=Proposal(Table(proposed["version"], proposed["table"]), proposed["readyAt"]) if proposed else None,
        blobs={
            int(place.partition(":")[0]): bytes.fromhex(value["blob"])
            for place, value in _numbered(stored, "arrays")
            if table is not None and value["version"] == table.version
        },
        scenario_limits=said.get("limits", {}),
        array_limits=stored.get("limits", {}),
        forwards={
            _series(place): Forward(surface["forward"] * _BASIS_ONE // surface["spot"], surface["time"])
            for place, surface in _numbered(by_source[sources["surfaces"]], "surface")
        },
        strikes={_series(place): tuple(strikes) for place, strikes in _numbered(listed, "strikes")},
        lots={int(asset): lot for asset, lot in _numbered(listed, "lot")},
        settled={_series(place): price for place, price in _numbered(by_source[sources["settlement"]], "settled")},
    )


def _series(place: str) -> int:
    """Of ``asset:expiry``."""
    asset, expiry = place.split(":")
    return series_of(int(asset), int(expiry))


def _premium(config: Mapping[str, int]) -> PremiumConfig:
    return PremiumConfig(
        premium_cap=config["premiumCap"],
        funding_cap=config["fundingCap"],
        sample_window=config["sampleWindow"],
        funding_period=config["fundingPeriod"],
        max_quote_age=config["maxQuoteAge"],
        max_spread=config["maxSpread"],
        min_quotes=config["minQuotes"],
    )


def _numbered(values: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        prefix, _, number = name.partition(":")
        if prefix == kind and number:
            yield number, value


def _checksummed(address: str | None) -> str | None:
    return None if address is None else to_checksum_address(address)
