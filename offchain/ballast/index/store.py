"""The database: whose index it is, which blocks it holds, one transaction per range of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
)

from ballast.errors import IndexingError, UsageError
from ballast.index import schema
from ballast.index.history import Draft, roll_back
from ballast.index.rpc import Header
from ballast.index.rules import Change
from ballast.index.schema import BLOCK, META, METADATA, OPEN, SCHEMA_VERSION, SOURCE

__all__ = ["Identity", "MovedError", "Store", "block_in", "head_in", "identity_in"]

_BUSY_SECONDS = 30


class MovedError(IndexingError):
    """Another process wrote to the same database in between."""


@dataclass(frozen=True)
class Identity:
    """What an index is of. The hash of the start block tells two local chains of one id apart."""

    chain_id: int
    house: str
    start_block: int
    start_hash: bytes

    def as_text(self) -> str:
        return f"chain {self.chain_id}, Clearinghouse {self.house}, start block {self.start_block}"


class Store:
    """One index in one database. Readers and writers of several processes may share it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = _engine(url)
        self._name = self._engine.url.render_as_string(hide_password=True)
        with self._reporting():
            self._require_version()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database."""
        with self._reporting(), self._engine.connect() as connection:
            if self._engine.dialect.name != "sqlite":  # whose transactions are snapshots anyway
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            # locked, full, not reachable; or no database at all
            if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
                raise
            raise UsageError(
                f"database {self._name}: {' '.join(str(error.orig).split())}; mend it or give another with --database"
            ) from error

    # -------------------------------------------------------------- identity

    def _require_version(self) -> None:
        METADATA.create_all(self._engine)
        with self._engine.begin() as connection:
            found = _meta(connection, "schema")
            if found is None:
                try:
                    with connection.begin_nested():
                        connection.execute(insert(META).values(key="schema", value=str(SCHEMA_VERSION)))
                except IntegrityError:  # another process was first
                    found = _meta(connection, "schema")
        if found is not None and found != str(SCHEMA_VERSION):
            raise UsageError(
                f"database {self._name}: of schema version {found}, this is {SCHEMA_VERSION}; "
                "delete it, the index is rebuilt from the chain"
            )

    def identity(self) -> Identity | None:
        """What the database is the index of; ``None`` while it is empty."""
        with self.read() as connection:
            return identity_in(connection)

    def claim(self, wanted: Identity) -> None:
        """Makes an empty database the index of a deployment; refuses one of another.

        ``UsageError`` names both.
        """
        if self.identity() is None:
            values = {
                "chain_id": str(wanted.chain_id),
                "house": wanted.house,
                "start_block": str(wanted.start_block),
                "start_hash": wanted.start_hash.hex(),
                "head": "",
            }
            rows = [{"key": key, "value": value} for key, value in values.items()]
            # where another process claims it at the same time, the comparison below decides
            with self._reporting(), suppress(IntegrityError), self._engine.begin() as connection:
                connection.execute(insert(META), rows)
        found = self.identity()
        if found is not None and found != wanted:
            reason = (
                f"the index of another deployment ({found.as_text()})"
                if found.as_text() != wanted.as_text()
                else f"the index of another chain with the same id {found.chain_id}"
            )
            raise UsageError(f"database {self._name}: {reason}; delete it, or give another with --database")

    # -------------------------------------------------------------- blocks

    def head(self) -> int | None:
        """The last block that is indexed."""
        with self.read() as connection:
            return head_in(connection)

    def hash_of(self, number: int) -> bytes | None:
        """Hash of a block, where it is kept."""
        with self.read() as connection:
            kept = block_in(connection, number)
        return None if kept is None else kept[0]

    def hashes(self, first: int, last: int) -> dict[int, bytes]:
        """Hashes that are kept of blocks from ``first`` to ``last``, both included."""
        with self.read() as connection:
            rows = connection.execute(select(BLOCK.c.number, BLOCK.c.hash).where(BLOCK.c.number.between(first, last)))
            return {int(row.number): bytes(row.hash) for row in rows}

    def sources(self) -> list[str]:
        """Replaceable contracts that are followed."""
        with self.read() as connection:
            return list(connection.scalars(select(SOURCE.c.address).order_by(SOURCE.c.address)))

    # -------------------------------------------------------------- writing

    @contextmanager
    def write(self, expected: int | None, head: int) -> Iterator[Connection]:
        """A transaction that moves the head; all of it happens or nothing.

        ``MovedError`` where another process has moved the head from ``expected`` already.
        """
        with self._reporting(), self._engine.begin() as connection:
            # a write comes first: it takes the database's lock before anything is read
            moved = connection.execute(
                update(META).where(META.c.key == "head", META.c.value == _text(expected)).values(value=str(head))
            )
            if moved.rowcount != 1:
                raise MovedError(f"database {self._name}: another process is writing to it")
            yield connection

    def append(
        self,
        expected: int | None,
        head: int,
        headers: Sequence[Header],
        changes: Iterable[Change],
        sources: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Writes a range of blocks: what their events changed, and the headers to recognise them
        by.

        ``sources`` are contracts to follow from now on, each with the block that named it.
        """
        with self.write(expected, head) as connection:
            tokens = schema.TOKEN.table.c
            listed = select(tokens.address, tokens.token).where(tokens.valid_to == OPEN)
            ids = {row.address: row.token for row in connection.execute(listed)}
            draft = Draft(connection, ids)
            draft.apply(changes)
            draft.write()
            _add_blocks(connection, headers)
            known = set(connection.scalars(select(SOURCE.c.address)))
            for address, since in sources:
                if address not in known:
                    connection.execute(insert(SOURCE).values(address=address, since=since))

    def roll_back(self, expected: int, block: int) -> None:
        """Forgets what came after ``block``."""
        with self.write(expected, block) as connection:
            roll_back(connection, block)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
        raise UsageError(f"database {url}: {error}; write sqlite:///PATH or postgresql+psycopg://HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite":
        _tune_sqlite(engine)
    return engine


def _tune_sqlite(engine: Engine) -> None:
    """Readers beside one writer, and real transactions (the driver's own begin too late)."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _meta(connection: Connection, key: str) -> str | None:
    return connection.scalar(select(META.c.value).where(META.c.key == key))


def identity_in(connection: Connection) -> Identity | None:
    """What the database is the index of; ``None`` while it is empty."""
    found = {row.key: row.value for row in connection.execute(select(META.c.key, META.c.value))}
    if "start_hash" not in found:
        return None
    return Identity(
        chain_id=int(found["chain_id"]),
        house=found["house"],
        start_block=int(found["start_block"]),
        start_hash=bytes.fromhex(found["start_hash"]),
    )


def head_in(connection: Connection) -> int | None:
    """The last block that is indexed."""
    found = _meta(connection, "head")
    return int(found) if found else None


def block_in(connection: Connection, number: int) -> tuple[bytes, int] | None:
    """Hash and time of a block, where they are kept."""
    query = select(BLOCK.c.hash, BLOCK.c.time).where(BLOCK.c.number == number)
    row = connection.execute(query).first()
    return None if row is None else (bytes(row.hash), int(row.time))


def _text(head: int | None) -> str:
    return "" if head is None else str(head)


def _add_blocks(connection: Connection, headers: Iterable[Header]) -> None:
    rows = [{"number": h.number, "hash": h.hash, "time": h.time} for h in headers]
    if rows:
        connection.execute(insert(BLOCK), rows)
