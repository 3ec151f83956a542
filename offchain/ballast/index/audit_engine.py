"""I12 for the margin engine and the books that it reads: what the index has against the chain's views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from eth_utils.crypto import keccak

from ballast.chain.instruments import expiry_of_series, series_of
from ballast.errors import ContractError
from ballast.index.state import Books, Engine, LedgerState, Table
from ballast.index.views import Views, plain

__all__ = ["engine_pairs"]

_Pair: TypeAlias = tuple[str, Any, Any]
_NO_ADDRESS = "0x" + "00" * 20
#: Fields of ``IPortfolioTerms.Contingency``, for one that was never set.
_NO_CONTINGENCY = (0,) * 9


def engine_pairs(views: Views, state: LedgerState) -> Iterator[_Pair]:
    """What is compared, the index's value and the chain's."""
    engine = state.parameters.engine
    if engine is None:
        return

    def ask(function: str, *arguments: Any) -> Any:
        return views.call("MarginEngine", engine.address, function, *arguments)

    yield "engine minimum", engine.minimum, ask("minimumMaintenance")
    yield "engine factors", plain(engine.factors), ask("factors")
    for token in state.banks:
        ours = tuple(engine.token_rates.get(token, (0, 0)))
        yield f"engine rates of token {token}", ours, ask("tokenRates", token)
        yield f"engine haircut of token {token}", engine.haircuts.get(token, 0), ask("haircutOf", token)
    for instrument in sorted(state.markets.keys() | engine.instrument_rates.keys()):
        ours = tuple(engine.instrument_rates.get(instrument, (0, 0)))
        yield f"engine rates of instrument {instrument}", ours, ask("instrumentRates", instrument)
    assets = {bank.asset for bank in state.banks.values()} | engine.contingencies.keys()
    for asset in sorted(assets):
        found = plain(engine.contingencies.get(asset, _NO_CONTINGENCY))
        yield f"engine contingency of asset {asset}", found, ask("contingencyOf", asset)
    if engine.books is not None:
        yield from _books(views, engine, engine.books)


def _books(views: Views, engine: Engine, books: Books) -> Iterator[_Pair]:
    sources = views.call("MarginEngine", engine.address, "sources")
    ours = (books.scenarios, books.arrays, books.surfaces, books.strike_book, books.settlement)
    yield "engine sources", plain(ours), sources
    scenarios, arrays, surfaces, strikes, settlement = sources
    yield from _expiries(views, books, surfaces, strikes, settlement)
    yield "scenarios limits", plain(books.scenario_limits), views.call("ScenarioBook", scenarios, "limits")
    yield "arrays limits", plain(books.array_limits), views.call("RiskArrays", arrays, "limits")
    proposal = books.proposal
    version, _, ready_at = views.call("ScenarioBook", scenarios, "proposed")
    yield "proposed table", (proposal.table.version, proposal.ready_at) if proposal else (0, 0), (version, ready_at)
    try:
        version, content = views.call("ScenarioBook", scenarios, "table")
    except ContractError:
        version, content = 0, ()
    table = books.table
    yield "scenarios version", table.version if table else 0, version
    if table is not None and table.version == version:
        # the names are in the event only: the chain's come back empty
        for (field, value), found in zip(table.content.items(), content, strict=True):
            if field != "names":
                yield f"scenarios {field}", plain(value), found
        yield from _arrays(views, arrays, table, books.blobs)


def _expiries(views: Views, books: Books, surfaces: str, strikes: str, settlement: str) -> Iterator[_Pair]:
    """Of every series that the index knows: strikes, the surface's forward, the settlement price."""
    for asset, lot in books.lots.items():
        yield f"lot of options of asset {asset}", lot, views.call("StrikeBook", strikes, "lotOf", asset)
    for series, listed in books.strikes.items():
        found = views.call("StrikeBook", strikes, "strikesOf", series >> 14, expiry_of_series(series))
        yield f"strikes of series {series}", listed, found
    for series, forward in books.forwards.items():
        found = views.call("SurfaceOracle", surfaces, "basisOf", series >> 14, expiry_of_series(series))
        yield f"forward of series {series}", tuple(forward), found
    for series in books.strikes.keys() | books.settled.keys():
        place = series >> 14, expiry_of_series(series)
        is_fixed = views.call("SettlementOracle", settlement, "isFixed", *place)
        theirs = views.call("SettlementOracle", settlement, "priceOf", *place) if is_fixed else 0
        yield f"settlement of series {series}", books.settled.get(series, 0), theirs


def _arrays(views: Views, arrays: str, table: Table, blobs: Mapping[int, bytes]) -> Iterator[_Pair]:
    """Of every series that the index has arrays of, and of every one that is live on the chain."""
    strikes = views.call("RiskArrays", arrays, "STRIKES")
    series = set(blobs)
    for asset in table.content["underlyings"]:
        series |= {series_of(asset, expiry) for expiry in views.call("StrikeBook", strikes, "expiriesOf", asset)}
    listed = sorted(series)
    pointers = views.call("RiskArrays", arrays, "pointersOf", listed, table.version)
    for one, pointer in zip(listed, pointers, strict=True):
        stored = b"" if pointer == _NO_ADDRESS else views.code(pointer)[1:]
        yield f"arrays of series {one}", _digest(blobs.get(one, b"")), _digest(stored)


def _digest(blob: bytes) -> str:
    return f"{len(blob)} bytes, keccak {keccak(blob).hex()}"
