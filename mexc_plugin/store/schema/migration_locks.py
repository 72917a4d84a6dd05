"""One migration at a time: a lock for each kind of database, and for a cluster of several nodes."""

import contextlib
import os
import platform
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from mexc_plugin.errors import StoreError

# Each statement of DDL commits there: others see, and a crash leaves, what is half made.
PIECEMEAL = frozenset({"mysql", "mariadb"})
LOCK_SECONDS = 60
_IS_THERE = 1050  # ER_TABLE_EXISTS_ERROR
# There while a cluster is upgraded: making it is the one statement that only one of several nodes' clients can.
LOCK_TABLE = "cancel_audit_upgrading"


@contextlib.contextmanager
def locking(engine: Engine) -> Iterator[Connection]:
    """A connection that no other migration can run beside; one transaction, where DDL allows it."""
    with engine.connect() as connection:
        if engine.dialect.name in PIECEMEAL:
            with _named_lock(connection):
                yield connection
            return
        with connection.begin():  # on SQLite a BEGIN IMMEDIATE, which is a lock
            if engine.dialect.name == "postgresql":
                lock_on_postgresql(connection, LOCK_SECONDS)
            yield connection


@contextlib.contextmanager
def holding(engine: Engine) -> Iterator[Connection]:
    """A connection for many transactions, beside which no other migration runs on a server."""
    with engine.connect() as connection, contextlib.ExitStack() as stack:
        if engine.dialect.name in PIECEMEAL:
            stack.enter_context(_named_lock(connection))
            connection.commit()
        elif engine.dialect.name == "postgresql":
            holder = stack.enter_context(engine.connect())
            stack.enter_context(holder.begin())
            lock_on_postgresql(holder, LOCK_SECONDS)
        yield connection


def lock_on_postgresql(connection: Connection, seconds: int) -> None:
    """Have this transaction be the only one that changes what the record is made of; wait so long for others' locks."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds}s'")
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7310595162)")


def is_cluster(connection: Connection) -> bool:
    """Whether this is a node of a Galera cluster, whose locks hold on this node only."""
    if connection.dialect.name not in PIECEMEAL:
        return False
    found = connection.exec_driver_sql("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'").fetchall()
    return [tuple(row) for row in found] == [("wsrep_on", "ON")]


_WHO = f"""SELECT table_comment FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = '{LOCK_TABLE}'"""  # noqa: S608 - a constant


@contextlib.contextmanager
def _cluster_lock(connection: Connection) -> Iterator[None]:
    """DDL has the same order on all nodes: of two that make a table, one fails."""
    who = f"{platform.node()}, process {os.getpid()}".replace("'", "").replace("%", "")
    try:
        connection.exec_driver_sql(f"CREATE TABLE {LOCK_TABLE} (n INT PRIMARY KEY) COMMENT '{who}'")
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "args", ())[:1] != (_IS_THERE,):
            raise
        comment = connection.exec_driver_sql(_WHO).scalar() or "which has just ended"
        raise StoreError(
            f"another program is migrating this database ({comment}); if that was ended, "
            f"run there: DROP TABLE {LOCK_TABLE}"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(sa.exc.SQLAlchemyError):  # the message above says what to do then
            connection.rollback()
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {LOCK_TABLE}")


@contextlib.contextmanager
def _named_lock(connection: Connection) -> Iterator[None]:
    if is_cluster(connection):
        with _cluster_lock(connection):
            yield
        return
    name = "MD5(CONCAT('mexc_plugin_migration ', DATABASE()))"  # names of locks are the server's
    got = connection.exec_driver_sql(f"SELECT GET_LOCK({name}, {LOCK_SECONDS})").scalar()
    if got != 1:
        raise StoreError("another program is migrating this database; try again when that is done")
    try:
        yield
    finally:
        with contextlib.suppress(sa.exc.SQLAlchemyError):  # a lost connection holds no lock
            connection.rollback()
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")
