"""Health of many accounts: each as ``Margins.health`` has it, whatever its model and whatever is wrong with others."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.instruments import expiry_of_label, instrument_id, series_of
from ballast.chain.protocol import Health
from ballast.index.state import Account, Books, Engine, LedgerState, Position, Rates, Table
from ballast.risk import many
from ballast.risk.many import healths_of
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD
from tests.contracts.risk.books import random_series
from tests.offchain.risk.build import ENGINE, ETH_PERP, state
from tests.offchain.risk.test_margin import FACTORS, TABLE

NOW = expiry_of_label("2JAN26")
LIVE, BARE = series_of(2, expiry_of_label("27MAR26")), series_of(2, expiry_of_label("26JUN26"))
OVER = series_of(2, NOW)
LOT = 10**15
PRICES = {0: WAD, 1: 60_000 * WAD, 2: 3_000 * WAD}
OPTIONS = instrument_id(4, 2)


def _call(series: int, strike: int = 0, put: int = 0) -> int:
    return OPTIONS | series << 6 & 0xFFFFF | strike << 1 | put


def _engine() -> Engine:
    arrays = random_series(random.Random(3), 16, NOW)
    books = Books("", "", "", "", "", Table(1, TABLE), blobs={LIVE: arrays.encode()}, lots={2: LOT})
    books = replace(books, strikes={OVER: (2_900 * WAD, 3_100 * WAD)})
    rates = {**ENGINE.instrument_rates, OPTIONS: Rates(90_000, 150_000)}
    return replace(ENGINE, instrument_rates=rates, factors=FACTORS, haircuts={2: 50_000}, books=books)


def _account(model: int, sizes: dict[int, int]) -> Account:
    """With 1,000 USDC."""
    positions = {number: Position(size, 0) for number, size in sizes.items()}
    return Account(model=model, balances={0: 10**9}, positions=positions)


ACCOUNTS = {
    1: _account(0, {_call(LIVE): -5 * LOT, _call(LIVE, 3, 1): 7 * LOT}),
    2: _account(1, {_call(LIVE): -5 * LOT, _call(LIVE, 3, 1): 7 * LOT, ETH_PERP: WAD}),
    3: _account(2, {_call(LIVE, 1): -5 * LOT}),
    4: _account(0, {_call(OVER, 0): -9 * LOT, _call(OVER, 1, 1): 4 * LOT}),
    5: _account(1, {_call(OVER, 0): -9 * LOT, _call(LIVE, 1): 4 * LOT}),
    6: _account(0, {ETH_PERP: -WAD}),
    7: Account(balances={0: 5}),
}


def _margins(accounts: dict[int, Account], prices: dict[int, int] | None = None) -> tuple[Margins, LedgerState]:
    found = replace(state(engine=_engine()), accounts=accounts)
    return Margins(found, prices or PRICES, NOW), found


def _one_by_one(margins: Margins, accounts: dict[int, Account]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for account in accounts:
        try:
            found[account] = margins.health(account)
        except NoHealthError as error:
            found[account] = str(error)
    return found


def _all(margins: Margins, found: LedgerState) -> dict[int, Any]:
    healths = healths_of(margins, found.banks, found.accounts)
    return {one: str(health) if isinstance(health, NoHealthError) else health for one, health in healths.items()}


def test_healths_of__every_model__as_one_by_one_and_none_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    margins, found = _margins(ACCOUNTS)
    expected = _one_by_one(margins, ACCOUNTS)
    assert all(isinstance(health, Health) for health in expected.values())

    def alone(*_: object) -> None:
        raise AssertionError("gone through one by one")

    monkeypatch.setattr(many, "_one", alone)
    assert _all(margins, found) == expected
    monkeypatch.setattr(many, "_AT_ONCE", 1)
    assert _all(margins, found) == expected


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (_account(0, {_call(BARE): LOT}), f"Margin_NoArrays({BARE})"),
        (_account(1, {_call(BARE): LOT}), f"Margin_NoArrays({BARE})"),
        (_account(0, {_call(LIVE, 31): LOT}), f"Margin_NoArray({LIVE}, 31)"),
        (_account(2, {_call(LIVE): LOT, ETH_PERP: WAD}), f"Margin_NotIsolated({ETH_PERP}, {5 << 28 | LIVE << 6})"),
        (_account(9, {}), "Margin_UnknownModel(9)"),
        (Account(model=1, balances={1: 5}), "Margin_NoColumn(1)"),
        (_account(0, {instrument_id(3, 2, (BARE & 0x3FFF) << 6): WAD}), None),
    ],
)
def test_healths_of__an_account_the_contract_reverts_for__says_why_and_the_others_stay(
    odd: Account, said: str | None
) -> None:
    accounts = {**ACCOUNTS, 8: odd}
    margins, found = _margins(accounts)
    if said is None:
        # a future that is listed and has no surface
        number = next(iter(odd.positions))
        markets = {**found.markets, number: replace(found.markets[ETH_PERP], instrument=number)}
        found = replace(found, markets=markets)
        margins = Margins(found, PRICES, NOW)
        said = f"Surface_NoSurface(2, {expiry_of_label('26JUN26')})"
    healths = _all(margins, found)
    assert healths == _one_by_one(margins, accounts)
    assert healths[8] == said


def test_healths_of__price_missing__only_accounts_that_need_it_have_none() -> None:
    margins, found = _margins(ACCOUNTS, {0: WAD, 1: 60_000 * WAD})
    healths = _all(margins, found)
    assert healths == _one_by_one(margins, ACCOUNTS)
    assert [one for one, health in healths.items() if isinstance(health, Health)] == [7]


def test_healths_of__no_table__standard_accounts_without_options_have_theirs() -> None:
    _, found = _margins(ACCOUNTS)
    engine = _engine()
    assert engine.books is not None
    bare = replace(engine, books=replace(engine.books, table=None))
    found = replace(found, parameters=replace(found.parameters, engine=bare))
    margins = Margins(found, PRICES, NOW)
    healths = _all(margins, found)
    assert healths == _one_by_one(margins, ACCOUNTS)
    assert {one for one, health in healths.items() if isinstance(health, Health)} == {6, 7}
