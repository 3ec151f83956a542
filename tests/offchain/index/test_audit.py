"""I12 after mixed use; and that the audit finds what is planted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from ballast.chain.local import LocalChain
from ballast.errors import ReorgError
from ballast.index import Index, LedgerState
from ballast.index.audit import Difference, audit, compare
from ballast.index.layout import ACCOUNT_BALANCES, GLOBALS, mapping_slot
from ballast.index.prices import read_prices
from ballast.index.state import CLAIM, Orders, Parameters, Proposal, Table
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.testing import START
from ballast.units import WAD
from tests.offchain.index.mixed import MixedUse
from tests.offchain.index.options import list_and_refresh

SEEDS = (4, 7, 11)
STEPS = 140
_EVENTS = ("Liquidated", "LossAllocated", "WinnersHaircut", "DebtWrittenOff", "OperatorSpent")


@pytest.fixture(scope="module")
def outcomes() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_audit__random_mixed_use__no_difference_and_twin_is_the_contract(
    chain: LocalChain, index: Index, outcomes: Counter[str], seed: int
) -> None:
    use = MixedUse(chain, seed)
    for _ in range(4):
        use.run(STEPS // 4)
        index.sync(chain.w3, chain.deployment)
        result = audit(chain.w3, index)
        assert result.differences == ()
        _require_same_health(chain, index.state())
    outcomes.update(use.done)
    outcomes.update(_events(chain))


def _require_same_health(chain: LocalChain, state: LedgerState) -> None:
    """I10 for every account at this block."""
    sheet = read_prices(chain.w3, state)
    assert not sheet.refused
    margin = Margins(state, sheet.usd, sheet.time)
    for account in state.accounts:
        assert margin.health(account) == chain.protocol.health(account, state.block)


def _events(chain: LocalChain) -> Counter[str]:
    found: Counter[str] = Counter()
    house = chain.protocol.house
    rewards = house.events.Liquidated().get_logs(from_block=0)
    found["fund reward"] = sum(log["args"]["fundReward"] > 0 for log in rewards)
    for name in _EVENTS:
        logs = house.events[name]().get_logs(from_block=0)
        found[name] = len(logs)
    return found


def test_audit__random_mixed_use__every_kind_of_action_and_loss_happened(
    outcomes: Counter[str],
) -> None:
    """Runs after the walks: what never happened was not tested."""
    if not outcomes:
        pytest.skip("the walks did not run")
    wanted = {*MixedUse.ACTIONS, *_EVENTS, "fund reward"}
    assert {name for name in wanted if not outcomes[name]} == set()


def test_audit__claim_settled_without_a_price__market_keeps_its_time(chain: LocalChain, index: Index) -> None:
    """A claim is paid without accruing the market, which no other settlement does."""
    winner = chain.open("winner", 0, {"USDC": "9000"})
    loser = chain.open("taker", 0, {"USDC": "9000"})
    maker = chain.open("maker", 0, {"USDC": "900000"})
    chain.fill(loser, winner, "ETH-PERP", "5")
    chain.set_price("ETH", "3200")
    chain.fill(maker, winner, "ETH-PERP", "-5")
    chain.settle(loser)
    index.sync(chain.w3, chain.deployment)
    perp = chain.protocol.instrument("ETH-PERP")
    before = index.state()
    claim = before.account(winner).positions[perp | CLAIM]
    assert claim.quote == 1_000 * WAD
    chain.warp(5_000)
    chain.settle(winner)
    index.sync(chain.w3, chain.deployment)
    state = index.state()
    assert state.account(winner).positions == {}
    assert state.markets[perp].updated_at == before.markets[perp].updated_at
    assert audit(chain.w3, index).differences == ()


# ------------------------------------------------------------------ planted differences


@pytest.fixture(scope="module")
def spoilable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalChain, Path]]:
    """A chain with something of everything, and its index."""
    path = tmp_path_factory.mktemp("spoilable") / "index.sqlite"
    with LocalChain(held_at=START) as chain:
        list_and_refresh(chain, "ETH", "28MAY27")
        use = MixedUse(chain, 7)
        use.run(60)
        use._operator()
        use._cancel()
        with Index(f"sqlite:///{path}") as index:
            index.sync(chain.w3, chain.deployment)
            assert audit(chain.w3, index).is_clean
        yield chain, path


@pytest.fixture
def used(spoilable: tuple[LocalChain, Path], tmp_path: Path) -> Iterator[tuple[LocalChain, Index, str]]:
    """The chain, a copy of its index that the test may spoil, and where that is."""
    chain, path = spoilable
    copy = shutil.copy(path, tmp_path / "copy.sqlite")
    with Index(f"sqlite:///{copy}") as index:
        yield chain, index, f"sqlite:///{copy}"


def _differences(used: tuple[LocalChain, Index, str], statement: str) -> tuple[Difference, ...]:
    """What the audit says after a statement has spoilt the database."""
    chain, index, url = used
    engine = create_engine(url)
    with engine.begin() as connection:
        changed = connection.execute(text(statement)).rowcount
    engine.dispose()
    assert changed == 1, "the plant took"
    return audit(chain.w3, index).differences


_OPEN = "valid_to = 9223372036854775807"


def _one(table: str, keys: str) -> str:
    """A condition that chooses one current row."""
    return f"({keys}, valid_from) = (SELECT {keys}, valid_from FROM {table} WHERE {_OPEN} LIMIT 1)"


@pytest.mark.parametrize(
    ("table", "keys", "change", "expected"),
    [
        ("balance", "account, token", "shares = shares || '1'", {"shares of", "Shares"}),
        ("position", "account, instrument", "quote = quote || '1'", {"quote", "sum of"}),
        ("account", "account", "steps = steps + 1", {"steps"}),
        ("account", "account", "flagged_at = flagged_at + 1", {"flagged at"}),
        ("operator", "account, operator", "spent = spent || '1'", {"spent"}),
        ("cancelled", "account, nonce", "nonce = '777'", {"cancelled nonces"}),
        ("filled", "order_hash", "filled = filled || '1'", {"filled"}),
        ("bank", "token", "held = held || '1'", {"bank 0 held"}),
        ("bank", "token", "insurance = insurance || '1'", {"bank 0 insurance"}),
        ("bank", "token", "fees = fees || '1'", {"bank 0 fees"}),
        ("bank", "token", "uncovered = uncovered || '1'", {"bank 0 uncovered"}),
        ("bank", "token", "updated_at = updated_at + 1", {"bank 0 updatedAt"}),
        ("market", "instrument", "pool = pool || '1'", {"sums.pool", "bank 0 pools"}),
        ("market", "instrument", "premium = premium + 1", {"hot.premium"}),
        ("market", "instrument", "sampled_at = sampled_at + 1", {"sampledAt"}),
        ("market", "instrument", "claim_index = '7'", {"claims.index"}),
        ("listing", "instrument", "reduce_only = NOT reduce_only", {"reduceOnly"}),
    ],
)
def test_audit__one_value_changed_in_the_database__found_and_named(
    used: tuple[LocalChain, Index, str],
    table: str,
    keys: str,
    change: str,
    expected: set[str],
) -> None:
    statement = f"UPDATE {table} SET {change} WHERE {_one(table, keys)}"
    found = _differences(used, statement)
    assert found
    for difference in found:
        assert any(part in difference.what for part in expected), str(difference)


@pytest.mark.parametrize("table", ["balance", "position"])
def test_audit__account_missing_from_the_index__found_in_the_sums(
    used: tuple[LocalChain, Index, str], table: str
) -> None:
    chain, index, _ = used
    state = index.state()
    kind = {"balance": "balances", "position": "positions"}[table]
    missing = next(number for number, found in state.accounts.items() if getattr(found, kind))
    fewer = {number: found for number, found in state.accounts.items() if number != missing}
    result = compare(chain.w3, replace(state, accounts=fewer), index.operators(), index.orders())
    words = str(result.differences)
    assert ("Shares" if table == "balance" else "sum of quote") in words


@pytest.mark.parametrize(
    "change",
    [
        lambda p: {"paused_until": p.paused_until + 1},
        lambda p: {"quoters": p.quoters | {p.router}},
        lambda p: {"fund_day": 99_999, "fund_spent": 1},
        lambda p: {"premium": replace(p.premium, max_spread=1)},
        lambda p: {"liquidation": {**p.liquidation, "dust": 1}},
        lambda p: {"engine": replace(p.engine, minimum=p.engine.minimum + 1)},
        lambda p: {"engine": replace(p.engine, token_rates={})},
        lambda p: {"engine": replace(p.engine, instrument_rates={})},
        lambda p: {"engine": replace(p.engine, factors={**p.engine.factors, "staleVol": 1})},
        lambda p: {"engine": replace(p.engine, contingencies={})},
        lambda p: {"engine": replace(p.engine, haircuts={2: 1})},
        lambda p: _with_books(p, table=None),
        lambda p: _with_books(p, table=p.engine.books.table._replace(version=9)),
        lambda p: _with_books(p, table=_with_content(p, tail=2)),
        lambda p: _with_books(p, table=_with_content(p, spot=p.engine.books.table.content["vol"])),
        lambda p: _with_books(p, table=_with_content(p, floors=[])),
        lambda p: _with_books(p, proposal=Proposal(p.engine.books.table, 5)),
        lambda p: _with_books(p, blobs={}),
        lambda p: _with_books(p, blobs={one: blob[:-1] + b"\1" for one, blob in p.engine.books.blobs.items()}),
        lambda p: _with_books(p, blobs={**p.engine.books.blobs, 7: b"none"}),
        lambda p: _with_books(p, scenarios=p.engine.address),
        lambda p: _with_books(p, scenario_limits={"delay": 1, "maxChange": 1}),
        lambda p: _with_books(p, array_limits={"maxAge": 1, "bandCap": 1, "bandVol": 1}),
        lambda p: {"trade_recipient": None},
        lambda p: {"authority": None},
        lambda p: {"feeds": {}},
    ],
)
def test_audit__parameter_otherwise_than_the_chain__found(
    used: tuple[LocalChain, Index, str], change: Callable[[Any], dict[str, Any]]
) -> None:
    chain, index, _ = used
    state = index.state()
    spoilt = replace(state, parameters=replace(state.parameters, **change(state.parameters)))
    assert not compare(chain.w3, spoilt, {}, Orders({}, frozenset())).is_clean


def _with_books(parameters: Parameters, **changes: Any) -> dict[str, Any]:
    engine = parameters.engine
    assert engine is not None
    assert engine.books is not None
    return {"engine": replace(engine, books=replace(engine.books, **changes))}


def _with_content(parameters: Parameters, **changes: Any) -> Table:
    engine = parameters.engine
    assert engine is not None
    assert engine.books is not None
    assert engine.books.table is not None
    table = engine.books.table
    return table._replace(content={**table.content, **changes})


def test_audit__storage_changed_without_an_event__found(own_chain: LocalChain, index: Index) -> None:
    """The other side of I12: a contract that forgets an event."""
    account = own_chain.open("depositor", 0, {"USDC": "1000"})
    index.sync(own_chain.w3, own_chain.deployment)
    slot = mapping_slot(account, GLOBALS.fields["_accounts"].slot) + ACCOUNT_BALANCES
    house = own_chain.protocol.house.address
    own_chain.rpc("anvil_setStorageAt", house, hex(slot), "0x" + f"{999_000_000:064x}")
    own_chain.mine()
    index.sync(own_chain.w3, own_chain.deployment)
    (found,) = audit(own_chain.w3, index).differences
    assert found.what.endswith("shares of token 0")
    assert (found.index, found.chain) == (1_000_000_000, 999_000_000)


def test_audit__sample_of_accounts__these_only_and_no_sums(
    used: tuple[LocalChain, Index, str],
) -> None:
    chain, index, _ = used
    chosen = sorted(index.state().accounts)[:2]
    result = audit(chain.w3, index, accounts=chosen)
    assert result.is_clean
    assert 0 < result.checked < audit(chain.w3, index).checked


def test_audit__index_on_another_fork__reorg_error(own_chain: LocalChain, index: Index) -> None:
    own_chain.mine(5)
    index.sync(own_chain.w3, own_chain.deployment)
    own_chain.rpc("anvil_reorg", 2, [])
    with pytest.raises(ReorgError, match="sync the index first"):
        audit(own_chain.w3, index)


def test_read_prices__stale_feed__refused_by_name_and_no_health_made_of_it(own_chain: LocalChain, index: Index) -> None:
    account = own_chain.open("depositor", 0, {"USDC": "1000", "ETH": "1"})
    other = own_chain.open("depositor", 1, {"USDC": "1000"})
    own_chain.warp(90_001)
    own_chain.set_price("USDC", "1")
    index.sync(own_chain.w3, own_chain.deployment)
    state = index.state()
    sheet = read_prices(own_chain.w3, state)
    assert set(sheet.usd) == {0}
    assert sheet.refused[2].startswith("Oracle_Stale")
    margin = Margins(state, sheet.usd, sheet.time)
    assert margin.health(other) == own_chain.health(other)
    with pytest.raises(NoHealthError, match="asset 2"):
        margin.health(account)
