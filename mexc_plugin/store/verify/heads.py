"""How far each writer is: its last event, and the hashes of single events."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import as_parameter
from mexc_plugin.store.schema.tables import cancel_audit

AT_ONCE = 100
_KEY = cancel_audit.c

Place = tuple[str, int]


def freeze(connection: Connection) -> None:
    """What is read from here on, until the next rollback, is the record of one moment."""
    connection.rollback()
    if connection.dialect.name != "sqlite":  # there, every transaction sees one moment
        connection.execution_options(isolation_level="REPEATABLE READ")


def last_events(connection: Connection) -> list[tuple[Any, Any, Any]]:
    """Of every writer: writer_id, seq and hash of its last event.

    Several statements, which see one moment if it is frozen.
    """
    return list(_LAST_EVENTS[connection.dialect.name](connection))


def _group(connection: Connection) -> Iterator[tuple[Any, Any, Any]]:
    """By reading the key's index as a whole, whatever somebody put into it."""
    last = sa.select(_KEY.writer_id, sa.func.max(_KEY.seq)).group_by(_KEY.writer_id)
    found = read_at(connection, [(row[0], row[1]) for row in connection.execute(last)])
    for (writer_id, seq), hash_ in found.items():
        yield writer_id, seq, hash_


def _walk(connection: Connection) -> Iterator[tuple[Any, Any, Any]]:
    """From one writer to the next: servers would read all events, and their index of the key may be the table."""
    after = sa.bindparam("after", type_=_KEY.writer_id.type)
    following = sa.select(sa.func.min(_KEY.writer_id)).where(_KEY.writer_id > after)
    last = (
        sa.select(_KEY.writer_id, _KEY.seq, _KEY.hash)
        .where(_KEY.writer_id == following.scalar_subquery().correlate(None))
        .order_by(_KEY.seq.desc())
        .limit(1)
    )
    row = connection.execute(last, {"after": ""}).first()
    while row is not None:
        yield row[0], row[1], row[2]
        row = connection.execute(last, {"after": row[0]}).first()


_LAST_EVENTS = {"sqlite": _group, "postgresql": _walk, "mysql": _walk, "mariadb": _walk}


def last_seq(connection: Connection, writer_id: str) -> int | None:
    """The number of a writer's last event, None where it has none."""
    found: int | None = connection.scalar(
        sa.select(sa.func.max(_KEY.seq)).where(_KEY.writer_id == writer_id)
    )
    return found


def count(connection: Connection) -> int:
    """How many events there are."""
    return connection.scalar(sa.select(sa.func.count()).select_from(cancel_audit)) or 0


def read_at(
    connection: Connection, places: Iterable[Place], column: str = "hash"
) -> dict[Place, Any]:
    """A column of the events at some places, by place; those that are not there are left out."""
    found: dict[Place, Any] = {}
    rest = iter(places)
    while some := list(islice(rest, AT_ONCE)):
        # One by one: not every server uses the key for a list of pairs.
        at = sa.or_(
            *(
                sa.and_(_KEY.writer_id == as_parameter(w), _KEY.seq == as_parameter(s))
                for w, s in some
            )
        )
        query = sa.select(_KEY.writer_id, _KEY.seq, _KEY[column]).where(at)
        found |= {(row[0], row[1]): row[2] for row in connection.execute(query)}
    return found
