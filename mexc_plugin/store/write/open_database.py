"""One connection to the audit database that inserts events: the writer's, and the replay's."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.dialects.sqlite  # with the class, not when a bot makes its exchange
from sqlalchemy.engine import Connection, Engine

from mexc_plugin.audit.events import Event
from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import backends, durability, sessions, wal_checkpoints
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import explaining
from mexc_plugin.store.schema.tables import (
    HEAD,
    VERSION_TABLE,
    cancel_audit,
)
from mexc_plugin.store.write.already_stored import find_missing, read_last_left
from mexc_plugin.store.write.inserts import Inserts, require_all
from mexc_plugin.store.write.open_files import OpenFiles
from mexc_plugin.store.write.write_queue import Turns

log = logging.getLogger("mexc_plugin")

# A server that is frozen gives the writer's thread free after this, beyond the time for a lock.
SILENCE_MS = 2_000
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
        self._files = OpenFiles(None)
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
        self._files = OpenFiles(path)
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
        self._files.remember()
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
            self._inserts.run(self._cursor, events, self._files.require_same, rows)

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
                    left = read_last_left(connection) if skip_archived else {}
                    missing, others = find_missing(connection, events, left)
                    if others and conflicts is None:
                        raise StoreError(f"another row is in the place of {len(others)} events")
                    if events and not missing and connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(_WAIT_FOR_STANDBYS)
                    for statement in self._inserts.statements(missing):
                        require_all(connection.exec_driver_sql(*statement[:2]), statement)
                    self._files.require_same()
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

    def try_insert(self, event: Event) -> None:
        """Store an event and take it back. Raises as `insert_missing`, where the database takes none at all."""
        connection = self._require()
        with self._turns.turn(self._timeout_ms), self._transaction(connection) as transaction:
            for statement in self._inserts.statements([event]):
                require_all(connection.exec_driver_sql(*statement[:2]), statement)
            transaction.rollback()

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[sa.RootTransaction]:
        """SQLAlchemy's, begun by us: the connection commits each statement by itself otherwise."""
        with connection.begin() as transaction:
            if connection.dialect.name != "sqlite":  # whose engine begins them so
                self._cursor.execute(sessions.begin(connection))
            yield transaction

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
            self._files.leave_whole(connection)
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


# What is there may be there on the primary only, after a crash of its or a process of its that was ended: only a commit
# that has written something waits until the standbys have all that came before.
_WAIT_FOR_STANDBYS = "SELECT pg_logical_emit_message(true, 'mexc-plugin', '')"


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
