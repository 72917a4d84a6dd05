"""What a connection is told before it is used: durable, exact, and never waiting for ever.

One table for each kind of database. What the user's URL says of timeouts is left alone; what the
record's durability and exactness rest on is not.
"""

import functools
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine

from mexc_plugin.store.connect import backends, unwritten_files, wal_checkpoints
from mexc_plugin.store.connect.backends import Backend

_AS_IT_LIES = "mexc_plugin.as_it_lies"
_BEGIN = "mexc_plugin.begin"
_BACKEND = "mexc_plugin.backend"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a connection is going to be used.

    timeout_ms: how long a lock or a connection is waited for; answer_ms: how long a server may
    say nothing at all before it counts as gone; handed_over: one thread after the other uses it,
    under a lock.
    """

    read_only: bool
    timeout_ms: int
    answer_ms: int
    handed_over: bool = False


def arguments(parsed: URL, terms: Terms) -> dict[str, Any]:
    """What `create_engine` is told for this kind of database."""
    found = _ARGUMENTS[parsed.get_backend_name()](terms)
    given = found["connect_args"]
    kept = {key: given[key] for key in given if key in _OURS or key not in parsed.query}
    return found | {"connect_args": kept}


def configure(engine: Engine, terms: Terms) -> None:
    """Have every new connection of the engine prepared."""
    _CONFIGURE[engine.dialect.name](engine, terms)


# Not for a URL to change.
_OURS = frozenset({"charset", "client_encoding", "init_command", "check_same_thread"})

# A server's own mode may be lenient, pad CHARs or make '' NULL. The whole mode is set, for that.
SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"


def _seconds(milliseconds: int) -> int:
    return max(2, -(-milliseconds // 1000))


def _sqlite_arguments(terms: Terms) -> dict[str, Any]:
    # Two threads inside one connection of sqlite3 may end the process (SIGSEGV): it refuses others
    # than the one that opened it, unless a lock of ours keeps them apart.
    alone = not terms.handed_over
    return {"connect_args": {"timeout": terms.timeout_ms / 1000, "check_same_thread": alone}}


def _postgresql_arguments(terms: Terms) -> dict[str, Any]:
    # Of several hosts the one that takes what is written; a reader may have any.
    target = {} if terms.read_only else {"target_session_attrs": "read-write"}
    return {
        "isolation_level": "READ COMMITTED",
        "use_native_hstore": False,  # it asks the server for the type with each connection
        "connect_args": {
            "connect_timeout": _seconds(terms.timeout_ms),
            "client_encoding": "utf8",
            "fallback_application_name": "mexc-plugin",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": terms.answer_ms,
            **target,
        },
    }


def _mysql_arguments(terms: Terms) -> dict[str, Any]:
    locks = _seconds(terms.timeout_ms)
    return {
        # Under REPEATABLE READ an insert may wait for the gaps that another one has locked.
        "isolation_level": "READ COMMITTED",
        "connect_args": {
            "connect_timeout": _seconds(terms.timeout_ms),
            "read_timeout": _seconds(terms.answer_ms),
            "write_timeout": _seconds(terms.answer_ms),
            "charset": "utf8mb4",
            "init_command": f"SET SESSION sql_mode = '{SQL_MODE}', "
            f"SESSION innodb_lock_wait_timeout = {locks}, SESSION lock_wait_timeout = {locks}",
        },
    }


_ARGUMENTS: Mapping[str, Callable[[Terms], dict[str, Any]]] = {
    "sqlite": _sqlite_arguments,
    "postgresql": _postgresql_arguments,
    "mysql": _mysql_arguments,
    "mariadb": _mysql_arguments,
}


# The journal mode stays in the file: that of other people's database is not ours to change.
_NEW_OR_OURS = """
SELECT COUNT(*) = 0 OR COUNT(CASE WHEN name = 'cancel_audit' THEN 1 END) > 0
FROM sqlite_master WHERE type = 'table'"""


def _configure_sqlite(engine: Engine, terms: Terms) -> None:
    begin = "BEGIN" if terms.read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, record: Any, args: Any, parameters: Any) -> None:  # noqa: ANN401
        # The file may go away after it was looked for: whoever only reads must not make a new one.
        if terms.read_only and not args[0].startswith((":memory:", "file:")):
            path = args[0]
            look = unwritten_files.look(path)
            record.info[_AS_IT_LIES] = None if look is None else (path, look)
            args[0] = f"file:{quote(path)}?{'mode=rw' if look is None else 'mode=ro&immutable=1'}"
            parameters["uri"] = True

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by us, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(terms.timeout_ms)}")
        if terms.read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA synchronous = FULL")
            # What a statement of many rows needs to be undone: never a file in the temporary folder.
            connection.execute("PRAGMA temp_store = MEMORY")
            # What a reader kept from being brought into the file is not the WAL's size for ever.
            connection.execute(f"PRAGMA journal_size_limit = {wal_checkpoints.LARGE}")
            if connection.execute(_NEW_OR_OURS).fetchone()[0]:
                _use_wal(connection, terms.timeout_ms)

    @event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)


def was_written(connection: sa.Connection) -> bool:
    """Whether somebody wrote to a SQLite file that this connection reads as it lies."""
    found = connection.info.get(_AS_IT_LIES)
    return found is not None and not unwritten_files.is_same(*found)


def _use_wal(connection: sqlite3.Connection, timeout_ms: int) -> None:
    """SQLite does not wait for others here, whatever its busy_timeout: two may open a new file."""
    until = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


# `local` and the stronger `remote_apply` are durable; only `off` acknowledges what may be lost.
_SETTINGS = """SELECT set_config('lock_timeout', '{milliseconds}', {is_local}),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, {is_local})"""
_BEGIN_READ_COMMITTED = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


def _configure_postgresql(engine: Engine, terms: Terms) -> None:
    from mexc_plugin.store.connect import psycopg_timeout

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: Any, parameters: Any) -> object:  # noqa: ANN401
        return psycopg_timeout.connect(terms.answer_ms / 1000, *args, **parameters)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:  # noqa: ANN401 - the driver's
        # psycopg says it with each BEGIN of its own: nothing is set that a pooler's next client inherits.
        connection.read_only = terms.read_only
        prepare_threshold, connection.prepare_threshold = connection.prepare_threshold, None
        if terms.read_only:
            return
        connection.autocommit = True
        backend = record.info[_BACKEND] = backends.of(connection)
        settings = functools.partial(_SETTINGS.format, milliseconds=terms.timeout_ms)
        if backend is None:
            record.info[_BEGIN] = f"{_BEGIN_READ_COMMITTED}; {settings(is_local=True)}"
        else:
            record.info[_BEGIN] = _BEGIN_READ_COMMITTED
            isolation = "set_config('default_transaction_isolation', 'read committed', false)"
            connection.execute(f"{settings(is_local=False)}, {isolation}")
            connection.prepare_threshold = prepare_threshold
        connection.autocommit = False


def begin(connection: sa.Connection) -> str:
    """What begins a transaction of ours on a connection that commits each statement by itself."""
    if connection.dialect.name == "sqlite":
        return "BEGIN IMMEDIATE"
    return str(connection.info.get(_BEGIN, "BEGIN"))


def is_pooled(connection: sa.Connection) -> bool:
    """Whether each transaction may run in another session: then it says for itself how it wants to be."""
    return connection.info.get(_BACKEND, connection) is None


def backend(connection: sa.Connection) -> Backend | None:
    """The server's process of this connection alone, where that is known."""
    found: Backend | None = connection.info.get(_BACKEND)
    return found


def _configure_mysql(engine: Engine, terms: Terms) -> None:
    if not terms.read_only:
        return

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")


_CONFIGURE: Mapping[str, Callable[[Engine, Terms], None]] = {
    "sqlite": _configure_sqlite,
    "postgresql": _configure_postgresql,
    "mysql": _configure_mysql,
    "mariadb": _configure_mysql,
}
