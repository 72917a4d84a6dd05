"""One connection to the audit database that inserts events: the writer's, and the replay's."""

import contextlib
import itertools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
import sqlalchemy.dialects.sqlite  # with the class, not when a bot makes its exchange
from sqlalchemy.engine import Connection, Engine

from mexc_plugin.audit.events import Event, project, project_orders
from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import backends, durability, sessions, wal_checkpoints
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import explaining, kind_of
from mexc_plugin.store.schema import archives
from mexc_plugin.store.schema.tables import (
    CHECKPOINT_TABLE,
    HEAD,
    VERSION_TABLE,
    cancel_audit,
    cancel_audit_order,
)
from mexc_plugin.store.write.write_queue import Turns

log = logging.getLogger("mexc_plugin")

# A server that is frozen gives the writer's thread free after this, beyond the time for a lock.
SILENCE_MS = 2_000
# So many events at once go to PostgreSQL by COPY: for fewer, a statement is sooner there.
COPIED = 50
# A new database may have to wait for another process that is making it.
MAKING_MS = 90_000


class Database:
    """An open audit database. Not thread-safe: its writer keeps threads apart by a lock.

    SQLAlchemy opens it and compiles the inserts; what a cancel waits for goes to the driver's own
    cursor, since SQLAlchemy's share of a commit is as large as SQLite's.
    """

    def __init__(self, url: str, timeout_ms: int, note: Callable[..., object] = log.log) -> None:
        self._url = url
        self._timeout_ms = timeout_ms
        self._note = note  # a level, a message and its arguments, for the log
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._cursor: Any = None
        self._waits_ms = timeout_ms
        self._inserts: Inserts  # as long as there is a connection
        self._doubted = False
        self._backend: backends.Backend | None = None  # of the connection before, too
        self._path: str | None = None
        self._real = ""
        self._files: tuple[Any, ...] = ()
        self._turns = Turns(None)
        self._wal: wal_checkpoints.Wal | None = None

    def load(self) -> bool:
        """Import the driver and make the engine; True if the database is a SQLite file yet to be.

        Raises ConfigError and StoreError. Touches no server.
        """
        path = engines.sqlite_path(self._url)
        is_new = path is not None and (not path.exists() or path.stat().st_size == 0)
        self._load(path)
        return is_new

    def _load(self, path: Path | None) -> Engine:
        self._path = str(path) if path else None
        if path and self._wal is None:
            self._wal = wal_checkpoints.Wal(os.path.realpath(path))
        self._turns = Turns(path)
        self._engine = engines.create(
            self._url,
            timeout_ms=self._timeout_ms,
            answer_ms=self._timeout_ms + SILENCE_MS,
            handed_over=True,
        )
        return self._engine

    def open(self) -> Connection:
        """Connect, and make the database ours if it is new.

        Raises ConfigError, StoreError and SQLAlchemy's errors.
        """
        engine = self._engine or self._load(engines.sqlite_path(self._url))
        connection = engine.connect()
        try:
            if self._backend is not None:
                backends.end(connection, self._backend)
            if not _is_current(connection):
                connection.close()
                self._make()
                connection = engine.connect()
            self._doubt(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._cursor = connection.connection.cursor()
        # SQLite keeps the WAL and the shared memory beside the file that a link leads to.
        self._real = os.path.realpath(self._path) if self._path else ""
        self._files = self._files_there()
        if self._wal:
            self._wal.begin()
        self._backend = sessions.backend(connection)
        self._inserts = Inserts(
            engine.dialect, sessions.begin(connection), is_pooled=sessions.is_pooled(connection)
        )
        return self._connection

    def _make(self) -> None:
        from mexc_plugin.store.schema import migrate

        patient = engines.create(self._url, timeout_ms=self._timeout_ms, answer_ms=MAKING_MS)
        try:
            migrate.ensure(patient)
        finally:
            patient.dispose()

    def _doubt(self, connection: Connection) -> None:
        """Say once what in the server's settings may lose what it acknowledges."""
        if self._doubted:
            return
        self._doubted = True
        try:
            with connection.begin():
                doubts = durability.doubts(connection)
        except (sa.exc.OperationalError, sa.exc.ProgrammingError):
            return  # a relative of MySQL that has other settings, or does not show them
        if doubts:
            name = engines.describe(self._url)
            self._note(logging.WARNING, "audit: the server of %s: %s", name, "; ".join(doubts))

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def insert(
        self,
        events: Sequence[Event],
        wait_ms: int | None = None,
        rows: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Store events in one durable transaction: all of them or none.

        wait_ms: how long SQLite may wait for another process's lock, in milliseconds; rows: the events as `project`
        has them, where somebody did that already.
        Raises StoreError and the driver's own errors; close the database then.
        """
        connection = self._require()
        with self._turns.turn(wait_ms or self._timeout_ms) as left_ms:
            self._wait_at_most(connection, left_ms)
            self._inserts.run(self._cursor, events, self._require_its_file, rows)

    def insert_missing(
        self,
        events: Sequence[Event],
        conflicts: list[Event] | None = None,
        *,
        skip_archived: bool = False,
    ) -> int:
        """Store those that are not there yet, in one transaction; return how many. Idempotent.

        conflicts: takes the events in whose place another row is; without it, they are a StoreError.
        skip_archived: it takes events that left for an archive, too, which would come back otherwise.
        Raises StoreError and SQLAlchemy's errors.
        """
        connection = self._require()
        missing, fewest = list(events), len(events) + 1
        while True:
            try:
                with self._turns.turn(self._timeout_ms), self._transaction(connection):
                    left = _last_left(connection) if skip_archived else {}
                    missing, others = _compare(connection, events, left)
                    if others and conflicts is None:
                        raise StoreError(f"another row is in the place of {len(others)} events")
                    if events and not missing and connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(_WAIT_FOR_STANDBYS)
                    for statement in self._inserts.statements(missing):
                        _require_all(connection.exec_driver_sql(*statement[:2]), statement)
                    self._require_its_file()
            except sa.exc.IntegrityError:
                # A commit that was given up, or another's replay, became visible after we looked.
                if len(missing) >= fewest:
                    raise
                fewest = len(missing)
            else:
                break
        if conflicts is not None:
            conflicts += others
        return len(missing)

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        """SQLAlchemy's, begun by us: the connection commits each statement by itself otherwise."""
        with connection.begin():
            if connection.dialect.name != "sqlite":  # whose engine begins them so
                self._cursor.execute(sessions.begin(connection))
            yield

    def _leave_a_moved_file_whole(self, connection: Connection) -> None:
        """Bring the WAL into a file that was moved without it.

        SQLite does not when it closes such a file, and removes the WAL when the next one is made.
        """
        if self._files == self._files_there():
            return
        with contextlib.suppress(Exception):
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _files_there(self) -> tuple[Any, ...]:
        """Which files the paths of a SQLite database, its WAL and its shared memory name now.

        Without any of the three, what is committed is gone with this process.
        """
        if self._path is None:
            return ()
        return _identity(self._path), *(_identity(self._real + part) for part in _PARTS)

    def _require_its_file(self) -> None:
        if self._files != self._files_there():
            raise StoreError(
                "the file that was open was moved or removed; "
                "the record goes on in the one that is at its place"
            )

    def _wait_at_most(self, connection: Connection, wait_ms: int) -> None:
        if connection.dialect.name == "sqlite" and wait_ms != self._waits_ms:
            # Outside of a transaction, and without SQLAlchemy beginning one.
            self._cursor.execute(f"PRAGMA busy_timeout = {wait_ms}")
            self._waits_ms = wait_ms

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        self._cursor = None
        if connection is not None:
            self._leave_a_moved_file_whole(connection)
            # Not merely given back: SQLAlchemy would first talk to a server that may be gone, which
            # it cannot know, since what failed did not pass through it.
            with contextlib.suppress(Exception):
                connection.invalidate()
        self._turns.close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
            self._waits_ms = self._timeout_ms

    def tidy(self) -> None:
        """Between transactions: have a WAL that became large brought into the file, by another thread."""
        if self._wal is not None and self._cursor is not None:
            with contextlib.suppress(
                Exception
            ):  # a connection that is broken shows it with the next event
                self._wal.look(self._cursor)

    @property
    def is_tidying(self) -> bool:
        """True while that thread has a connection of its own."""
        return self._wal is not None and self._wal.is_running

    def forget(self) -> None:
        """In a forked child: keep no turn of the parent's, and touch nothing else of it."""
        self._turns.forget()

    def _require(self) -> Connection:
        return self.open() if self._connection is None else self._connection


def _compare(
    connection: Connection, events: Sequence[Event], left: dict[str, int]
) -> tuple[list[Event], list[Event]]:
    """What is not there, and in whose place another row is or that left for an archive."""
    hashes: dict[tuple[str, int], str] = {}
    missing, others = [], []
    for event in events:
        place = event.writer_id, event.seq
        # A line that could not be synced may be there twice.
        stored = hashes.get(place) or _hash_in_place_of(connection, event)
        if stored is None and event.seq > left.get(event.writer_id, 0):
            hashes[place] = event.hash
            missing.append(event)
        elif stored != event.hash:
            others.append(event)
    return missing, others


def _hash_in_place_of(connection: Connection, event: Event) -> str | None:
    key = cancel_audit.c
    return connection.execute(
        sa.select(key.hash).where(key.writer_id == event.writer_id, key.seq == event.seq)
    ).scalar()


def _last_left(connection: Connection) -> dict[str, int]:
    """By writer, the number of the last event that left for an archive."""
    try:
        found = sorted((each.last, each.writer_id) for each in archives.read_left(connection))
    except sa.exc.SQLAlchemyError as error:
        if kind_of(error) != "forbidden":
            raise
        raise StoreError(
            f"this user may not read {CHECKPOINT_TABLE}, which says what left for an archive; "
            "run, as the owner, what this prints: mexc-plugin db grants --role bot --to USER"
        ) from None
    return {writer_id: last for last, writer_id in found}


# What is there may be there on the primary only, after a crash of its or a process of its that was ended: only a commit
# that has written something waits until the standbys have all that came before.
_WAIT_FOR_STANDBYS = "SELECT pg_logical_emit_message(true, 'mexc-plugin', '')"

# The parts of a SQLite database beside its file, by what their names end with.
_PARTS = ("-wal", "-shm")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - with each event, and Path takes longer
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Statement(NamedTuple):
    """One insert, as a cursor of the driver executes it."""

    sql: str
    values: tuple[Any, ...]
    rows: int


class Inserts:
    """The two inserts of an event, compiled once; rows then go through a cursor of the driver.

    begin: what begins a transaction; is_pooled: without it, not even a single statement is what it has to be.
    """

    def __init__(self, dialect: sa.Dialect, begin: str, *, is_pooled: bool = False) -> None:
        self._begin = begin
        self._is_pooled = is_pooled
        self._audit = Insert(cancel_audit, dialect)
        self._orders = Insert(cancel_audit_order, dialect)

    def run(
        self,
        cursor: Any,  # noqa: ANN401 - a driver's
        events: Sequence[Event],
        last_check: Callable[[], None],
        rows: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Store events in one durable transaction. The cursor's connection commits by itself.

        last_check: may still prevent it by raising; rows: as `Database.insert`.
        """
        copies = len(events) >= COPIED and hasattr(cursor, "copy")
        statements = [] if copies else self.statements(events, rows)
        if len(events) == 1 and len(statements) == 1 and not self._is_pooled:
            # A statement by itself is a transaction, and takes one round trip.
            last_check()
            cursor.execute(*statements[0][:2])
            _require_all(cursor, statements[0])
            return
        cursor.execute(self._begin)
        try:
            if copies:
                self._audit.copy(cursor, rows or [project(event) for event in events])
                if orders := _orders_of(events):
                    self._orders.copy(cursor, orders)
            for statement in statements:
                cursor.execute(*statement[:2])
                _require_all(cursor, statement)
            last_check()
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(Exception):
                cursor.execute("ROLLBACK")
            raise

    def statements(
        self, events: Sequence[Event], rows: Sequence[dict[str, Any]] | None = None
    ) -> list[Statement]:
        """What has to be executed for these events, the orders after what they belong to."""
        return [
            *self._audit.statements(rows or [project(event) for event in events]),
            *self._orders.statements(_orders_of(events)),
        ]


def _orders_of(events: Sequence[Event]) -> list[dict[str, Any]]:
    return [row for event in events for row in project_orders(event)]


class Insert:
    """An insert into a table: how rows become as few statements as can be.

    A driver lets Python's lock go with each statement, and whoever records at the same time has it then.
    """

    # How many rows a statement has: few texts, for drivers keep them prepared, and on SQLite
    # before 3.32 no more than 999 values.
    SIZES = (25, 5, 1)

    def __init__(self, table: sa.Table, dialect: sa.Dialect) -> None:
        # By position for every driver: psycopg would look up 35 names with each row.
        style = "qmark" if dialect.paramstyle == "qmark" else "format"
        by_position: sa.Dialect = type(dialect)(paramstyle=style)  # type: ignore[call-arg]
        compiled = sa.insert(table).compile(dialect=by_position)
        head, values, one = str(compiled).rpartition(" VALUES ")
        self._texts = {size: head + values + ", ".join([one] * size) for size in self.SIZES}
        names = compiled.positiontup or ()
        self._read: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*names)
        quoted = ", ".join(map(dialect.identifier_preparer.quote, names))
        self._copy = f"COPY {table.name} ({quoted}) FROM STDIN"

    def statements(self, rows: Sequence[dict[str, Any]]) -> Iterator[Statement]:
        """All rows, in their order."""
        start = 0
        for size in self.SIZES:
            while len(rows) - start >= size:
                some = map(self._read, rows[start : start + size])
                yield Statement(self._texts[size], tuple(itertools.chain.from_iterable(some)), size)
                start += size

    def copy(self, cursor: Any, rows: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401 - psycopg's
        """All rows at once, on PostgreSQL: a twentieth of the processor time of statements."""
        with cursor.copy(self._copy) as copy:
            for row in rows:
                copy.write_row(self._read(row))
        _require_all(cursor, Statement(self._copy, (), len(rows)))


def _require_all(result: Any, statement: Statement) -> None:  # noqa: ANN401 - a cursor of any driver
    """A trigger or a rule may swallow rows without an error. -1 is a driver that does not count."""
    if result.rowcount not in (statement.rows, -1):
        raise StoreError(
            f"it stored {result.rowcount} of {statement.rows} rows and reported no error; "
            "look for a trigger or rule with: mexc-plugin audit verify"
        )


def _is_current(connection: Connection) -> bool:
    """Whether the database is at our newest revision, found out without alembic."""
    try:
        with connection.begin():
            found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
            return [row[0] for row in found] == [HEAD]
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        return False


def try_to_insert(url: str, timeout_ms: int) -> None:
    """Insert nothing, and take that back: raises MexcPluginError where an event could not be inserted."""
    engine = engines.create(url, timeout_ms=timeout_ms, answer_ms=timeout_ms + SILENCE_MS)
    no_rows = sa.select(cancel_audit).where(sa.false())
    try:
        with explaining(url), engine.connect() as connection:  # closed without a commit
            connection.execute(
                sa.insert(cancel_audit).from_select(list(cancel_audit.c.keys()), no_rows)
            )
    finally:
        engine.dispose()
