"""Versions against a slow reference that copies the whole state at every block."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, create_engine, func, select

from ballast.index import schema
from ballast.index.decode import Event
from ballast.index.history import Draft, read_versions, roll_back
from ballast.index.rules import HOUSE_RULES, MODULE_RULES, Change, Rule
from ballast.index.schema import METADATA, OPEN, VERSIONED, Versioned

Tables: TypeAlias = dict[str, dict[tuple[Any, ...], dict[str, Any]]]

TOKENS = {"0xusdc": 0, "0xeth": 1}
ROUTER = "0x" + "cc" * 20


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _change(name: str, block: int, position: int, **args: Any) -> Change:
    rules = {**MODULE_RULES, **HOUSE_RULES}[name]
    return Event(name, ROUTER, args, block, 1_000 + block, position), rules


def _random_changes(rng: random.Random, block: int) -> list[Change]:
    """Some events of one block, over few keys so that they meet."""
    changes: list[Change] = []
    for position in range(rng.randrange(0, 8)):
        account = rng.choice((5, 2**168 - 1))
        amount = rng.choice((0, 1, 10**30))
        name, args = rng.choice(
            [
                (
                    "BalanceSet",
                    {"account": account, "token": 1, "shares": rng.choice((0, -3, amount))},
                ),
                ("PositionSet", {"account": account, "instrument": 9, "size": 0, "quote": amount}),
                ("Deposited", {"token": rng.choice(("0xusdc", "0xeth")), "amount": amount}),
                ("InsuranceSet", {"insurance": amount}),
                ("Flagged", {"account": account, "at": block}),
                ("FlagCleared", {"account": account}),
                ("MarginModelSet", {"account": account, "model": rng.randrange(3)}),
                ("OrderCancelled", {"account": account, "nonce": rng.choice((0, 2**256 - 1))}),
                ("QuoterSet", {"quoter": ROUTER, "allowed": rng.random() < 0.5}),
                ("MinimumMaintenanceSet", {"minimumWad": 10**19 + position}),
            ]
        )
        changes.append(_change(name, block, position, **args))
    return changes


def _reference(tables: Tables, changes: list[Change]) -> None:
    for event, rules in changes:
        for rule in rules:
            rows = tables.setdefault(rule.table.name, {})
            row = rows.setdefault(rule.key(event, TOKENS), dict(rule.table.defaults))
            rule.apply(row, event)


def _present(tables: Tables, table: Versioned) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = tables.get(table.name, {})
    return {key: row for key, row in rows.items() if not table.is_absent(row)}


def _read(connection: Connection, table: Versioned, block: int) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = {}
    for values in read_versions(connection, table, block):
        keys = len(table.keys)
        assert values[:keys] not in found, "two versions hold at once"
        found[values[:keys]] = dict(zip(table.defaults, values[keys:], strict=True))
    return found


def _write(connection: Connection, changes: list[Change]) -> None:
    draft = Draft(connection, TOKENS)
    draft.apply(changes)
    draft.write()


def _require_equal(connection: Connection, at: dict[int, Tables], last: int) -> None:
    for block in range(last + 1):
        for table in VERSIONED:
            assert _read(connection, table, block) == _present(at[block], table), (
                block,
                table.name,
            )


@pytest.mark.parametrize("seed", range(12))
def test_draft__random_blocks_and_roll_backs__state_at_every_block_is_the_references(
    connection: Connection, seed: int
) -> None:
    rng = random.Random(seed)
    at: dict[int, Tables] = {0: {}}
    head = 0
    for _ in range(15):
        if head and rng.random() < 0.3:
            head = rng.randrange(max(0, head - 6), head)
            roll_back(connection, head)
        blocks = range(head + 1, head + 1 + rng.randrange(1, 5))
        changes: list[Change] = []
        for block in blocks:
            happened = _random_changes(rng, block)
            changes += happened
            at[block] = copy.deepcopy(at[block - 1])
            _reference(at[block], happened)
        _write(connection, changes)
        head = blocks[-1]
    _require_equal(connection, at, head)


def test_draft__many_keys_at_once__all_are_loaded_and_closed(connection: Connection) -> None:
    """More keys than one statement takes."""
    accounts = range(1, 1_001)
    _write(connection, [_change("MarginModelSet", 1, a, account=a, model=1) for a in accounts])
    _write(connection, [_change("Flagged", 2, a, account=a, at=77) for a in accounts])
    found = _read(connection, schema.ACCOUNT, 2)
    assert found == {(a,): {"model": 1, "flagged_at": 77, "steps": 0} for a in accounts}
    table = schema.ACCOUNT.table
    open_rows = select(func.count()).select_from(table).where(table.c.valid_to == OPEN)
    assert connection.scalar(open_rows) == 1_000


def test_draft__balance_that_went_to_zero__no_row_but_its_past(connection: Connection) -> None:
    _write(connection, [_change("BalanceSet", 3, 0, account=5, token=1, shares=8)])
    _write(connection, [_change("BalanceSet", 6, 0, account=5, token=1, shares=0)])
    assert _read(connection, schema.BALANCE, 6) == {}
    assert _read(connection, schema.BALANCE, 5) == {(5, 1): {"shares": 8}}
    roll_back(connection, 5)
    assert _read(connection, schema.BALANCE, 9) == {(5, 1): {"shares": 8}}


def test_roll_back__contract_named_later__forgotten_with_its_parameters(
    connection: Connection,
) -> None:
    connection.execute(schema.SOURCE.insert().values(address=ROUTER, since=4))
    # its parameter is older than the block that named it
    _write(connection, [_change("MinimumMaintenanceSet", 2, 0, minimumWad=10**19)])
    roll_back(connection, 4)
    assert len(_read(connection, schema.PARAMETER, 4)) == 1
    roll_back(connection, 3)
    assert _read(connection, schema.PARAMETER, 3) == {}
    assert connection.scalar(select(func.count()).select_from(schema.SOURCE)) == 0


def test_parameter__number_beyond_64_bits__comes_back_exact(connection: Connection) -> None:
    _write(connection, [_change("MinimumMaintenanceSet", 1, 0, minimumWad=10**19 + 1)])
    ((_, _, value),) = read_versions(connection, schema.PARAMETER, 1)
    assert isinstance(value, int)
    assert value == 10**19 + 1


def test_rules__whole__set_every_value_of_their_row() -> None:
    """A rule that skips reading the row before must not depend on it."""
    whole: list[tuple[str, Rule]] = [
        (name, rule)
        for rules in (HOUSE_RULES, MODULE_RULES)
        for name, entries in rules.items()
        for rule in entries
        if rule.whole
    ]
    args = {
        "shares": 1,
        "size": 1,
        "quote": 1,
        "allowed": True,
        "priceWad": 1,
        "slowWad": 1,
        "updatedAt": 1,
        "version": 1,
        "pointer": ROUTER,
        "blob": b"",
    }
    assert {name for name, _ in whole} == {
        "ArraysStored",
        "BalanceSet",
        "PositionSet",
        "OrderCancelled",
        "QuoterSet",
        "Synced",
    }
    for name, rule in whole:
        row: dict[str, Any] = {}
        rule.apply(row, Event(name, ROUTER, args, 1, 1, 0))
        assert row.keys() == rule.table.defaults.keys(), name
