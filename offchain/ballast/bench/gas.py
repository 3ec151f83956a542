"""``ballast bench gas``: every system on one chain, with the same tokens, feeds and steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eth_utils.address import to_checksum_address
from rich.table import Table

from ballast.bench.chain import Chain
from ballast.bench.gas_ballast import ballast_version, bench_params, market_of, measure_ballast
from ballast.bench.gas_portfolio import published_derive
from ballast.bench.lending import Actors
from ballast.bench.peers import measure_peers, rows_of
from ballast.bench.rows import BALLAST, Row, with_ratios
from ballast.chain.local import LocalChain

__all__ = ["gas_table", "measure_gas"]

#: Steps of the peers that are compared with a second row of ours, which does the same in another way.
_ALSO = {"liquidate": "liquidate.in-kind"}

_DERIVE = "v2-core"
_DERIVE_ROWS = 33
_DERIVE_SOURCE = "published: PMRM_2 of Derive's v2-core, one underlying, warm storage, mock feeds"


def measure_gas(project: Path) -> list[Row]:
    """Rows of Ballast and its peers, with ratios; ``project`` holds ``node_modules``.

    A private anvil is started and stopped. Peers that cannot run have a reason in place of a value.
    """
    with LocalChain(bench_params()) as local:
        chain = Chain(local.w3, to_checksum_address(local.governor))
        lender, first_borrower, borrower, liquidator = (
            to_checksum_address(account.address) for account in local.accounts[1:5]
        )
        actors = Actors(lender, first_borrower, borrower, liquidator)
        market = market_of(local)
        snapshot = local.snapshot()
        rows = rows_of(BALLAST, ballast_version(), measure_ballast(chain, local, market, actors))
        local.revert(snapshot)  # the peers meet balances and feeds as Ballast met them
        rows += measure_peers(chain, market, actors, project)
    rows += [
        Row("health.portfolio", "derive-pmrm-2", gas, "gas", _DERIVE, n, _DERIVE_ROWS, source=_DERIVE_SOURCE)
        for n, gas in published_derive()
    ]
    again = [Row(_ALSO[r.work], r.system, r.value, r.unit, r.version, r.n, reason=r.reason) for r in _peers(rows)]
    return with_ratios([*rows, *again])


def _peers(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.system != BALLAST and row.work in _ALSO]


def gas_table(rows: Sequence[Row]) -> Table:
    """One line a step, one column a system, the peers' ratio to Ballast in brackets."""
    systems = list(dict.fromkeys(row.system for row in rows))
    table = Table(title="gas of one step", caption="in brackets a peer's ratio to ballast: above 1 it costs more")
    table.add_column("step")
    table.add_column("n", justify="right")
    for system in systems:
        table.add_column(system, justify="right")
    for work, n, k in _lines(rows):
        found: dict[str, Row] = {}
        for row in rows:
            if (row.work, row.n) == (work, n) and (row.system != BALLAST or row.k == k):
                found.setdefault(row.system, row)
        name = work if k is None else f"{work}, K = {k}"
        table.add_row(name, str(n), *(_cell(found.get(system)) for system in systems))
    return table


def _lines(rows: Sequence[Row]) -> list[tuple[str, int | None, int | None]]:
    """Work, size and our scenarios, in their order: what only peers have comes without."""
    lines = dict.fromkeys((row.work, row.n, row.k) for row in rows if row.system == BALLAST)
    known = {(work, n) for work, n, _ in lines}
    others = dict.fromkeys((row.work, row.n, None) for row in rows if (row.work, row.n) not in known)
    return [*lines, *others]


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    if row.value is None:
        return "n/a"
    ratio = "" if row.system == BALLAST or row.ratio_to_ballast is None else f" ({row.ratio_to_ballast:.2f})"
    return f"{row.value:,}{ratio}"
