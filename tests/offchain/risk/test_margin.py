"""Which model's margin an account gets, worked out by hand; hundreds of accounts are in ``test_parity``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.protocol import Health
from ballast.index.state import Books, Engine, LedgerState, Table
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD
from tests.offchain.risk.build import ENGINE, ETH_PERP, state

PRICES = {0: WAD, 1: 60_000 * WAD, 2: 3_000 * WAD}
NOW = 1_000
#: Of ETH alone: one row of -20% that counts half, the others of no move, and a floor of 15%.
TABLE: dict[str, Any] = {
    "tail": 1,
    "termPower": 0,
    "underlyings": [2],
    "weights": [5_000, *[10_000] * 15],
    "spot": [[6_400, *[8_000] * 15]],
    "vol": [[8_000] * 16],
    "floors": [{"up": 9_200, "down": 6_800, "volUp": 8_000, "volDown": 8_000}],
    "names": [b"fall".ljust(32, b"\0").hex(), *["00" * 32] * 15],
}
FACTORS = {
    "maintenance": 1_000_000,
    "initial": 1_300_000,
    "depegStart": 990_000,
    "depegSlope": 4_000_000,
    "confidence": 0,
    "arrayAge": 600,
    "surfaceAge": 1_200,
    "staleVol": 0,
}


def _engine(**changes: Any) -> Engine:
    books = Books("", "", "", "", "", Table(1, TABLE))
    return replace(ENGINE, factors=FACTORS, haircuts={2: 50_000}, books=books, **changes)


def _margins(found: LedgerState) -> Margins:
    return Margins(found, PRICES, NOW)


def test_health__long_coins_short_perpetual__nets_under_portfolio_only() -> None:
    balances, positions = {0: 10**9, 2: WAD}, {ETH_PERP: (-WAD, 3_000 * WAD)}
    standard = _margins(state(balances, positions, engine=_engine())).health(7)
    assert standard == Health(4_000 * WAD, 900 * WAD, 645 * WAD)
    portfolio = _margins(state(balances, positions, model=1, engine=_engine())).health(7)
    # nothing is left of the two but the haircut of the coins; who owes keeps the minimum
    assert portfolio == Health(4_000 * WAD, 150 * WAD, 10 * WAD)


def test_health__floor_above_the_shortfall__counts() -> None:
    margins = _margins(state({0: 10**10}, {ETH_PERP: (WAD, -3_000 * WAD)}, model=1, engine=_engine()))
    found = margins.scenarios(margins.portfolio(7))
    assert (found.shortfall, found.floor) == (300 * WAD, 450 * WAD)
    assert margins.health(7) == Health(10_000 * WAD, 585 * WAD, 450 * WAD)
    assert margins.terms.names[found.worst[0]] == "fall"


def test_health__contingencies_by_the_contracts_names__counted() -> None:
    terms = {"basis": 20_000, "basisInitial": 10_000, "shortOption": 1, "shortOptionInitial": 1, "free": 2**64 - 1}
    engine = _engine(contingencies={2: terms})
    margins = _margins(state({0: 10**10}, {ETH_PERP: (WAD, -3_000 * WAD)}, model=1, engine=engine))
    found = margins.scenarios(margins.portfolio(7))
    assert (found.contingencies["basis"], found.initial_only["basis"]) == (60 * WAD, 30 * WAD)


def test_health__no_table_or_no_column__the_contracts_error() -> None:
    for books in (None, Books("", "", "", "", "")):
        held = state({0: 5}, model=1, engine=replace(_engine(), books=books))
        with pytest.raises(NoHealthError, match=r"Scenario_NoTable\(\)"):
            _margins(held).health(7)
        assert _margins(state({0: 5}, engine=replace(_engine(), books=books))).health(7).equity == 5 * 10**12
    with pytest.raises(NoHealthError, match=r"Margin_NoColumn\(1\)"):
        _margins(state({1: 5}, model=1, engine=_engine())).health(7)


def test_health__no_engine__error_under_either_model() -> None:
    for model in (0, 1):
        with pytest.raises(NoHealthError, match="no margin engine"):
            _margins(state({0: 5}, model=model, engine=None)).health(7)
