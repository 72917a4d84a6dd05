"""Reading the record fast and for long: what there is to read of each writer, and its rows in pieces.

By the driver's own cursor: SQLAlchemy's rows cost as much as all that is asked of them. In pieces, so that memory
stays flat and no snapshot is held while a bot records.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.events import KINDS
from mexc_plugin.store.connect.rows import as_parameter, is_odd_text
from mexc_plugin.store.schema.tables import AUDIT_TABLE, cancel_audit
from mexc_plugin.store.verify.columns import READ

PIECE = 2_000
PAUSE_S = 0.2

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of one writer, from one number to another, both included; SQLite may hold odd keys."""

    writer_id: Any
    first: Any
    last: Any
    events: int


def plan(connection: Connection, since: datetime | None = None) -> list[Stretch]:
    """What there is to read now, by writer. What comes later is not part of it.

    since: from each writer's first event at or after that time (UTC) on.
    """
    key = cancel_audit.c
    query = sa.select(
        key.writer_id, sa.func.min(key.seq), sa.func.max(key.seq), sa.func.count()
    ).group_by(key.writer_id)
    if since is None:
        return sorted((Stretch(*row) for row in _all(connection, query)), key=_order)
    began = query.where(key.kind.in_(KINDS), key.occurred_at >= since)
    firsts = {row[0]: row[1] for row in _all(connection, began)}
    found = []
    for writer_id, first in firsts.items():
        rest = query.where(key.writer_id == as_parameter(writer_id), key.seq >= as_parameter(first))
        found += [Stretch(*row) for row in _all(connection, rest)]
    return sorted(found, key=_order)


def _all(connection: Connection, query: sa.Select[Any]) -> Sequence[Any]:
    try:
        return connection.execute(query).all()
    finally:
        connection.rollback()


def _order(stretch: Stretch) -> tuple[str, str]:
    return type(stretch.writer_id).__name__, str(stretch.writer_id)


class Reader:
    """Reads stretches, by one connection that nothing else uses meanwhile."""

    def __init__(self, connection: Connection, columns: Sequence[str] = READ) -> None:
        self.columns = columns
        self._patience = 2
        self._connection = connection
        self._seq = columns.index("seq")
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        names = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in columns)
        self._query = (
            f"SELECT {names} FROM {AUDIT_TABLE} WHERE writer_id = {mark} AND seq >= {mark} "  # noqa: S608 - names of ours
            f"AND seq <= {mark} ORDER BY seq LIMIT {PIECE}"
        )

    def rows(self, stretch: Stretch) -> Iterator[Values]:
        """The events of a stretch in their order, each as a tuple."""
        start = stretch.first
        while rows := self._piece(stretch.writer_id, start, stretch.last):
            rows = self._with_late(stretch.writer_id, rows, start)
            yield from rows
            last = rows[-1][self._seq]
            if len(rows) < PIECE or not isinstance(last, int):
                return  # what is not of our schema is found; nothing can be counted on from there
            start = last + 1

    def _with_late(self, writer_id: object, rows: list[Values], start: Any) -> list[Values]:  # noqa: ANN401
        """The same rows once more where some are missing: a spool may be replayed just now."""
        last = rows[-1][self._seq]
        while self._patience and isinstance(last, int) and last >= start + len(rows):
            self._patience -= 1
            time.sleep(PAUSE_S)
            rows = self._piece(writer_id, start, last) or rows
        return rows

    def before(self, stretch: Stretch) -> Values | None:
        """The event before a stretch."""
        if stretch.first == 1 or not isinstance(stretch.first, int):
            return None
        query = self._query.replace("ORDER BY seq", "ORDER BY seq DESC").replace(
            f"LIMIT {PIECE}", "LIMIT 1"
        )
        found = self._fetch(query, (stretch.writer_id, 1, stretch.first - 1))
        return found[0] if found else None

    def _piece(self, writer_id: object, first: object, last: object) -> list[Values]:
        return self._fetch(self._query, (writer_id, first, last))

    def _fetch(self, query: str, parameters: Values) -> list[Values]:
        """All rows; where SQLite holds what is not UTF-8, that as lone surrogates."""
        driver: Any = self._connection.connection
        odd = [is_odd_text(each) for each in parameters]
        if any(odd):
            marks = ("CAST(? AS TEXT)" if is_odd else "?" for is_odd in odd)
            query = query.replace("?", "{}").format(*marks)
            parameters = tuple(
                each.encode("utf-8", "surrogateescape") if is_odd else each
                for each, is_odd in zip(parameters, odd, strict=True)
            )
        try:
            return self._execute(driver, query, parameters)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        connection = driver.driver_connection
        usual, connection.text_factory = connection.text_factory, _any_text
        try:
            return self._execute(driver, query, parameters)
        finally:
            connection.text_factory = usual

    def _execute(self, driver: Any, query: str, parameters: Values) -> list[Values]:  # noqa: ANN401 - any driver's
        cursor = driver.cursor()
        try:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())
        finally:
            cursor.close()
            driver.rollback()


def _any_text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
