"""Writing and reading versions: a range of blocks in a few statements a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update

from ballast.index import schema
from ballast.index.decode import Event
from ballast.index.rules import Change, Key, Row, Rule, TokenIds
from ballast.index.schema import OPEN, VERSIONED, Versioned

__all__ = ["Draft", "read_versions", "roll_back"]

_CHUNK = 400


class Draft:
    """The rows that the events of some blocks change, version by version, until they are written.

    A row has one version per block: what holds at the block's end.
    """

    def __init__(self, connection: Connection, token_ids: TokenIds) -> None:
        self._connection = connection
        self._token_ids = dict(token_ids)
        self._current: dict[str, dict[Key, Row]] = defaultdict(dict)
        self._versions: dict[str, dict[Key, dict[int, Row]]] = defaultdict(dict)

    def apply(self, changes: Iterable[Change]) -> None:
        """Applies events with their rules. They must come in the order of the chain."""
        steps: list[tuple[Event, Rule, Key]] = []
        wanted: dict[str, dict[Key, None]] = defaultdict(dict)
        for event, rules in changes:
            if event.name == "TokenListed":
                self._token_ids[event.args["token"]] = event.args["id"]
            for rule in rules:
                key = rule.key(event, self._token_ids)
                steps.append((event, rule, key))
                if not rule.whole and key not in self._current[rule.table.name]:
                    wanted[rule.table.name][key] = None
        for table in VERSIONED:
            if wanted[table.name]:
                self._load(table, list(wanted[table.name]))
        for event, rule, key in steps:
            rows = self._current[rule.table.name]
            row = rows.get(key)
            if row is None:
                row = rows[key] = dict(rule.table.defaults)
            rule.apply(row, event)
            self._versions[rule.table.name].setdefault(key, {})[event.block] = dict(row)

    def _load(self, table: Versioned, keys: list[Key]) -> None:
        columns = table.table.c
        key_columns = [columns[name] for name in table.keys]
        for chunk in _chunks(keys):
            # the partial index on open rows answers this
            if len(key_columns) == 1:
                chosen = key_columns[0].in_([key[0] for key in chunk])
            else:
                chosen = tuple_(*key_columns).in_(chunk)
            query = select(*key_columns, *(columns[name] for name in table.defaults)).where(
                columns.valid_to == OPEN, chosen
            )
            for found in self._connection.execute(query):
                values = tuple(found)
                self._current[table.name][values[: len(key_columns)]] = dict(
                    zip(table.defaults, values[len(key_columns) :], strict=True)
                )

    def write(self) -> int:
        """Closes and inserts versions; returns how many rows were inserted."""
        inserted = 0
        for table in VERSIONED:
            changed = self._versions.get(table.name)
            if not changed:
                continue
            closing = [{**_bound(table, key), "first": min(versions)} for key, versions in changed.items()]
            self._connection.execute(_close(table), closing)
            rows = list(_rows(table, changed))
            if rows:
                self._connection.execute(insert(table.table), rows)
            inserted += len(rows)
        return inserted


def _rows(table: Versioned, changed: Mapping[Key, Mapping[int, Row]]) -> Iterator[Row]:
    for key, versions in changed.items():
        blocks = sorted(versions)
        for block, until in zip(blocks, [*blocks[1:], OPEN], strict=True):
            row = versions[block]
            if not table.is_absent(row):
                yield {
                    **dict(zip(table.keys, key, strict=True)),
                    **row,
                    "valid_from": block,
                    "valid_to": until,
                }


def _bound(table: Versioned, key: Key) -> dict[str, Any]:
    return {f"key_{name}": value for name, value in zip(table.keys, key, strict=True)}


def _close(table: Versioned) -> Any:
    columns = table.table.c
    return (
        update(table.table)
        .where(
            columns.valid_to == OPEN,
            *(columns[name] == bindparam(f"key_{name}") for name in table.keys),
        )
        .values(valid_to=bindparam("first"))
    )


def _chunks(keys: list[Key]) -> Iterator[list[Key]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]


def roll_back(connection: Connection, block: int) -> None:
    """Undoes everything after ``block``: what began later never was, what ended later goes on.

    A replaceable contract that only later blocks named is forgotten with all its rows.
    """
    gone = list(connection.scalars(select(schema.SOURCE.c.address).where(schema.SOURCE.c.since > block)))
    for table in (schema.PARAMETER.table, schema.SYNCED.table):
        connection.execute(delete(table).where(table.c.source.in_(gone)))
    connection.execute(delete(schema.SOURCE).where(schema.SOURCE.c.since > block))
    connection.execute(delete(schema.BLOCK).where(schema.BLOCK.c.number > block))
    for entry in VERSIONED:
        columns = entry.table.c
        connection.execute(delete(entry.table).where(columns.valid_from > block))
        connection.execute(
            update(entry.table).where(columns.valid_to > block, columns.valid_to != OPEN).values(valid_to=OPEN)
        )


def read_versions(connection: Connection, table: Versioned, block: int, *conditions: Any) -> Iterator[tuple[Any, ...]]:
    """Keys then values of the rows that held at the end of ``block``."""
    columns = table.table.c
    query = select(*(columns[name] for name in table.keys), *(columns[name] for name in table.defaults)).where(
        columns.valid_from <= block, columns.valid_to > block, *conditions
    )
    for row in connection.execute(query):
        yield tuple(row)
