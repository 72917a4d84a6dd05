"""How far each writer is: its last event, and the hashes of single events."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.schema.tables import cancel_audit

AT_ONCE = 100

Place = tuple[str, int]


def freeze(connection: Connection) -> None:
    """What is read from here on, until the next rollback, is the record of one moment."""
    connection.rollback()
    if connection.dialect.name != "sqlite":  # there, every transaction sees one moment
        connection.execution_options(isolation_level="REPEATABLE READ")


def last_events(connection: Connection) -> list[tuple[Any, Any, Any]]:
    """Of every writer: writer_id, seq and hash of its last event.

    Several statements, for one that joins them takes MariaDB minutes: they see one moment if it is frozen.
    """
    key = cancel_audit.c
    last = sa.select(key.writer_id, sa.func.max(key.seq)).group_by(key.writer_id)
    found = read_at(connection, [(row[0], row[1]) for row in connection.execute(last)])
    return [(writer_id, seq, hash_) for (writer_id, seq), hash_ in found.items()]


def last_seq(connection: Connection, writer_id: str) -> int | None:
    """The number of a writer's last event, None where it has none."""
    key = cancel_audit.c
    found: int | None = connection.scalar(
        sa.select(sa.func.max(key.seq)).where(key.writer_id == writer_id)
    )
    return found


def count(connection: Connection) -> int:
    """How many events there are."""
    return connection.scalar(sa.select(sa.func.count()).select_from(cancel_audit)) or 0


def read_at(
    connection: Connection, places: Iterable[Place], column: str = "hash"
) -> dict[Place, Any]:
    """A column of the events at some places, by place; those that are not there are left out."""
    key = cancel_audit.c
    found: dict[Place, Any] = {}
    rest = iter(places)
    while some := list(islice(rest, AT_ONCE)):
        # One by one: not every server uses the key for a list of pairs.
        at = sa.or_(*(sa.and_(key.writer_id == w, key.seq == s) for w, s in some))
        query = sa.select(key.writer_id, key.seq, key[column]).where(at)
        found |= {(row[0], row[1]): row[2] for row in connection.execute(query)}
    return found
