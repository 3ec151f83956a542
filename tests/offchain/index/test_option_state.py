"""Options, dated futures and what they rest on: rebuilt from logs from the listing to the last settlement (I12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.instruments import kind_of, series_market
from ballast.chain.local import LocalChain
from ballast.errors import IndexingError
from ballast.index import Index
from ballast.index.audit import audit, compare
from ballast.index.decode import Event
from ballast.index.rules import HOUSE_RULES, MODULE_RULES
from ballast.index.state import CLAIM, Account, Books, Forward, LedgerState, Orders, Position
from ballast.units import WAD
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, STRIKES, OptionDesk

OPTION = 4
E15 = 10**15


def _desk(chain: LocalChain) -> OptionDesk:
    desk = OptionDesk(chain)
    desk.list_options()
    return desk


def _books(state: LedgerState) -> Books:
    engine = state.parameters.engine
    assert engine is not None
    assert engine.books is not None
    return engine.books


def _trade(desk: OptionDesk) -> tuple[int, int]:
    maker, taker = desk.open("maker", USDC=100_000), desk.open("taker", USDC=100_000)
    desk.chain.fill(maker, taker, CALL, 3)
    desk.chain.fill(maker, taker, PUT, "-1.5")
    desk.chain.fill(maker, taker, FUTURE, 2)
    return maker, taker


def _require_clean(chain: LocalChain, index: Index) -> LedgerState:
    index.sync(chain.w3, chain.deployment)
    assert audit(chain.w3, index).differences == ()
    return index.state()


def test_sync__what_the_engine_reads__all_five_contracts_followed(chain: LocalChain, index: Index) -> None:
    desk = _desk(chain)
    books = _books(_require_clean(chain, index))
    named = (books.scenarios, books.arrays, books.surfaces, books.strike_book, books.settlement)
    names = ("ScenarioBook", "RiskArrays", "SurfaceOracle", "StrikeBook", "SettlementOracle")
    assert named == tuple(chain.protocol.contract(name).address for name in names)
    assert {one.lower() for one in named} <= set(index._store.sources())
    series = desk.series()
    assert books.strikes == {series: tuple(strike * WAD for strike in STRIKES)}
    assert books.forwards[series] == Forward(E15, chain.protocol.contract("SurfaceOracle").functions.basisOf(
        series >> 14, EXPIRY).call()[1])  # fmt: skip
    assert books.lots[series >> 14] == chain.options.strikes.functions.lotOf(series >> 14).call()
    assert books.settled == {}


def test_sync__surface_with_a_forward_off_the_spot__basis_floored_as_the_oracle_does(
    chain: LocalChain, index: Index
) -> None:
    desk = _desk(chain)
    chain.set_price("ETH", "2999.99")
    chain.options.set_surface("ETH", LABEL, 0.61, forward="3003.37")
    found = _books(_require_clean(chain, index)).forwards[desk.series()]
    exact = 300_337 * E15 * 10**16 * WAD // (desk.index() * WAD)
    assert found.basis == exact
    assert exact * desk.index() != 300_337 * E15 * 10**16, "the division has a remainder"


def test_sync__strikes_added_later__appended(chain: LocalChain, index: Index) -> None:
    desk = _desk(chain)
    _require_clean(chain, index)
    chain.options.list_strikes("ETH", LABEL, [4_000, 2_000])
    state = _require_clean(chain, index)
    assert _books(state).strikes[desk.series()] == tuple(strike * WAD for strike in (*STRIKES, 4_000, 2_000))


def test_sync__fills__options_with_signed_sizes_and_futures_with_quotes(chain: LocalChain, index: Index) -> None:
    desk = _desk(chain)
    listed_at = chain.w3.eth.get_block("latest")["timestamp"]
    maker, taker = _trade(desk)
    chain.warp(50)
    chain.fill(maker, taker, FUTURE, "0.5")
    chain.fill(maker, taker, FUTURE, "-0.5")
    state = _require_clean(chain, index)
    held = {number: one for number, one in state.account(taker).positions.items() if kind_of(number) == OPTION}
    assert held == {desk.number(CALL): Position(3 * WAD, 0), desk.number(PUT): Position(-3 * WAD // 2, 0)}
    assert {number: one.size for number, one in state.account(maker).positions.items()} == {
        number: -one.size for number, one in state.account(taker).positions.items()
    }
    future = state.account(taker).positions[desk.number(FUTURE)]
    assert (future.size, future.quote) == (2 * WAD, -2 * desk.protocol.mark(FUTURE))
    assert state.markets[desk.number(FUTURE)].updated_at <= listed_at, "nothing accrues in a future"


def test_sync__settled__series_has_a_market_and_its_claim_is_an_entry(chain: LocalChain, index: Index) -> None:
    desk = _desk(chain)
    maker, taker = _trade(desk)
    desk.expire(3_400)
    assert _books(_require_clean(chain, index)).settled == {}
    price = desk.fix()
    chain.settle(taker)
    state = _require_clean(chain, index)
    market = series_market(desk.series())
    assert _books(state).settled == {desk.series(): price}
    assert state.markets[market].claim_shares == 600 * WAD
    assert state.markets[market].symbol.endswith(LABEL)
    assert state.account(taker).positions[market | CLAIM] == Position(0, 600 * WAD)
    assert not [number for number in state.account(taker).positions if kind_of(number) == OPTION]
    chain.settle(maker)
    chain.settle(taker)
    state = _require_clean(chain, index)
    assert state.account(taker).positions == {}
    assert state.markets[market].pool == 0


def test_sync__block_by_block_or_at_once__the_same_from_the_listing_to_the_settlement(
    chain: LocalChain, index: Index, tmp_path: Path
) -> None:
    desk = _desk(chain)
    maker, taker = _trade(desk)
    desk.refresh(vol=0.7)
    desk.expire(3_400)
    desk.fix()
    for account in (taker, maker, taker):
        chain.settle(account)
    last = index.sync(chain.w3, chain.deployment)
    with Index(f"sqlite:///{tmp_path}/steps.sqlite") as stepped:
        for block in range(last + 1):
            stepped.sync(chain.w3, chain.deployment, block)
        for block in range(last + 1):
            for name in ("accounts", "markets", "parameters"):
                assert getattr(index.state(block), name) == getattr(stepped.state(block), name)
        assert audit(chain.w3, stepped).differences == ()


def test_sync__reorg_of_a_fill_a_surface_and_a_price__forgotten(own_chain: LocalChain, index: Index) -> None:
    chain = own_chain
    desk = _desk(chain)
    maker, taker = _trade(desk)

    def undo(act: Callable[[], object]) -> None:
        before = _require_clean(chain, index)
        first = chain.w3.eth.block_number
        act()
        after = _require_clean(chain, index)
        assert (after.accounts, after.parameters) != (before.accounts, before.parameters)
        chain.rpc("anvil_rollback", chain.w3.eth.block_number - first)
        again = _require_clean(chain, index)
        assert (again.accounts, again.markets, again.parameters) == (before.accounts, before.markets, before.parameters)

    undo(lambda: chain.fill(maker, taker, CALL, "-2"))
    undo(lambda: chain.options.set_surface("ETH", LABEL, 0.65, forward=3_010))
    undo(lambda: chain.options.list_strikes("ETH", LABEL, [5_000]))
    desk.expire(3_400)
    undo(desk.fix)
    desk.fix()
    undo(lambda: chain.settle(taker))


# ------------------------------------------------------------------ planted differences


def _with_position(state: LedgerState, account: int, number: int, size: int) -> LedgerState:
    held = state.account(account)
    positions = {**held.positions, number: Position(size, 0)}
    changed = replace(held, positions={key: one for key, one in positions.items() if one.size})
    return replace(state, accounts={**state.accounts, account: changed})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held + 10**15, ("size in", "open interest")),
        (lambda held: -held, ("size in", "open interest")),
        (lambda held: 0, ("size in", "options", "series", "open interest")),
    ],
)
def test_audit__size_of_an_option_otherwise__found_in_the_entry_and_the_open_interest(
    chain: LocalChain, index: Index, change: Callable[[int], int], said: tuple[str, ...]
) -> None:
    desk = _desk(chain)
    _, taker = _trade(desk)
    state = _require_clean(chain, index)
    number = desk.number(CALL)
    spoilt = _with_position(state, taker, number, change(state.account(taker).positions[number].size))
    found = [str(one.what) for one in compare(chain.w3, spoilt, {}, Orders({}, frozenset())).differences]
    assert [part for part in said if not any(what.endswith(part) or part in what for what in found)] == []


def test_audit__account_with_options_missing__found_in_the_open_interest(chain: LocalChain, index: Index) -> None:
    desk = _desk(chain)
    _, taker = _trade(desk)
    state = _require_clean(chain, index)
    fewer = {number: one for number, one in state.accounts.items() if number != taker}
    found = compare(chain.w3, replace(state, accounts=fewer), {}, Orders({}, frozenset())).differences
    assert f"option {desk.number(CALL)} open interest" in [one.what for one in found]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b, s: {"forwards": {s: b.forwards[s]._replace(basis=b.forwards[s].basis + 1)}}, "forward of series"),
        (lambda b, s: {"strikes": {s: b.strikes[s][:-1]}}, "strikes of series"),
        (lambda b, s: {"lots": {s >> 14: 1}}, "lot of options"),
        (lambda b, s: {"settled": {}}, "settlement of series"),
        (lambda b, s: {"settled": {s: b.settled[s] + 1}}, "settlement of series"),
        (lambda b, s: {"settlement": b.surfaces}, "sources"),
        (lambda b, s: {"strike_book": b.surfaces}, "sources"),
    ],
)
def test_audit__what_options_rest_on_otherwise__found(
    settled: tuple[LocalChain, LedgerState, int], change: Callable[[Books, int], dict[str, Any]], said: str
) -> None:
    chain, state, series = settled
    engine, books = state.parameters.engine, _books(state)
    assert engine is not None
    spoilt = replace(engine, books=replace(books, **change(books, series)))
    found = compare(
        chain.w3, replace(state, parameters=replace(state.parameters, engine=spoilt)), {}, Orders({}, frozenset())
    )
    assert any(said in one.what for one in found.differences)


@pytest.fixture
def settled(chain: LocalChain, index: Index) -> tuple[LocalChain, LedgerState, int]:
    """A chain whose series has a price, its state and the series."""
    desk = _desk(chain)
    _trade(desk)
    desk.expire(3_100)
    desk.fix()
    return chain, _require_clean(chain, index), desk.series()


# ------------------------------------------------------------------ pure


@pytest.mark.parametrize(
    ("positions", "is_free"),
    [
        ({}, True),
        ({OPTION << 28 | 2 << 20 | 2_277 << 6: Position(WAD, 0)}, False),
        ({OPTION << 28 | 2 << 20 | 2_277 << 6 | 1: Position(-WAD, 0)}, False),
        ({3 << 28 | 2 << 20 | 2_277 << 6: Position(WAD, 0)}, False),
        ({CLAIM | series_market(2 << 14 | 2_277): Position(0, WAD)}, True),
    ],
)
def test_is_free__options_and_futures__can_go_wrong_and_claims_cannot(
    positions: dict[int, Position], is_free: bool
) -> None:
    assert Account(balances={0: 5}, positions=positions).is_free is is_free


def test_rules__strikes_from_a_later_index__error_names_what_is_known() -> None:
    (rule,) = MODULE_RULES["StrikesListed"]
    row: dict[str, Any] = {"value": None}
    rule.apply(row, Event("StrikesListed", "0xbook", {"first": 0, "strikesWad": [5, 7]}, 6, 100, 0))
    assert row["value"] == [5, 7]
    with pytest.raises(IndexingError, match=r"block 7: StrikesListed from 3, and 2 are known"):
        rule.apply(row, Event("StrikesListed", "0xbook", {"first": 3, "strikesWad": [9]}, 7, 100, 0))


@pytest.mark.parametrize(("kind", "time"), [(2, 100), (3, 0)])
def test_rules__market_set__time_of_a_perpetual_and_not_of_a_future(kind: int, time: int) -> None:
    row: dict[str, Any] = {"updated_at": 0}
    args = {"instrument": kind << 28 | 2 << 20, "funding": 1, "lossLong": 2, "lossShort": 3, "premium": 4}
    HOUSE_RULES["MarketSet"][0].apply(row, Event("MarketSet", "0xhouse", args, 7, 100, 0))
    assert row["updated_at"] == time
