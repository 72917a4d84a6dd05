"""Reading an audit database as an auditor would: with a driver, and none of our own code."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

TABLES = ("cancel_audit", "cancel_audit_order")


class Audit:
    """A SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def query(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def execute(self, *statements: str) -> None:
        """Run statements as whoever may do most, in one transaction."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else can write meanwhile, for as long as they wait."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield

    def events(self, kind: str = "%") -> list[dict[str, Any]]:
        return self.query(
            "SELECT * FROM cancel_audit WHERE kind LIKE ? ORDER BY occurred_ns, seq", kind
        )

    def payloads(self, kind: str = "%") -> list[dict[str, Any]]:
        return [json.loads(row["payload"]) for row in self.events(kind)]

    def history(self) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM cancel_history ORDER BY requested_at, cancel_id, attempt")

    def stored(self) -> bytes:
        """Everything that is kept, for looking for what must not be there."""
        return b"".join(file.read_bytes() for file in self.path.parent.glob(f"{self.path.name}*"))

    def tables(self) -> set[str]:
        found = self.query("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        return {row["name"] for row in found if not row["name"].startswith("sqlite_")}

    def close(self) -> None:
        """Nothing is held open between queries."""


class ServerAudit(Audit):
    """A database on a server.

    connect: opens a driver's connection in autocommit, rows as dicts; lock: what locks the table.
    """

    def __init__(
        self, name: str, url: str, connect: Callable[[], Any], lock: tuple[str, ...]
    ) -> None:
        self.name = name
        self.url = url
        self._connect = connect
        self._lock = lock
        self._connection: Any = None

    def query(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), parameters or None)
            return [{key: _text(value) for key, value in row.items()} for row in cursor.fetchall()]

    def execute(self, *statements: str) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("COMMIT")

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            for statement in self._lock:
                cursor.execute(statement)
            yield

    def stored(self) -> bytes:
        return repr([self.query(f"SELECT * FROM {table}") for table in TABLES]).encode()

    def tables(self) -> set[str]:
        found = self.query(
            "SELECT table_name AS name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') "
            "AND table_schema IN (?, 'public')",
            self.name,
        )
        return {row["name"] for row in found}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _text(value: object) -> object:
    """Times as SQLite gives them, so that tests can compare."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return value
