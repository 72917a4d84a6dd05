"""What the whole record says of attempts: those that somebody answered twice, and those that are skipped."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import as_parameter, read_any_text
from mexc_plugin.store.schema.tables import cancel_audit
from mexc_plugin.store.verify.columns import plain
from mexc_plugin.store.verify.findings import Degree, Fault, Finding

_key = cancel_audit.c


@dataclass(frozen=True, slots=True)
class Stored:
    """One event of an attempt, and where it is."""

    writer_id: str
    seq: int
    kind: str
    payload: str


def events_of(connection: Connection, cancel_id: str, attempt: int) -> list[Stored]:
    """Every event of an attempt, whoever wrote it."""
    query = (
        sa.select(_key.writer_id, _key.seq, _key.kind, _key.payload)
        .where(_key.cancel_id == as_parameter(cancel_id), _key.attempt == as_parameter(attempt))
        .order_by(_key.occurred_ns, _key.writer_id, _key.seq)
    )
    try:
        return [Stored(*row) for row in connection.execute(query)]
    finally:
        connection.rollback()  # what comes later is to be seen later


def find_doubles(connection: Connection) -> Iterator[Finding]:
    """Attempts with more than one request or response. An index holds all that is asked."""
    counts = {kind: sa.func.sum(_is(kind)) for kind in ("request", "response")}
    query = (
        sa.select(_key.cancel_id, _key.attempt, *counts.values())
        .where(_key.cancel_id.is_not(None))
        .group_by(_key.cancel_id, _key.attempt)
        .having(sa.or_(*(count > 1 for count in counts.values())))
    )
    for cancel_id, attempt, *_ in _all(connection, query):
        for kind in counts:
            yield from _doubles(connection, cancel_id, attempt, kind)


def _doubles(connection: Connection, cancel_id: str, attempt: int, kind: str) -> Iterator[Finding]:
    known = events_of(connection, cancel_id, attempt)
    asked = {item.writer_id for item in known if item.kind == "request"}
    # Of several the asking writer's is the honest one, more likely than not.
    there = sorted(
        (item for item in known if item.kind == kind), key=lambda item: item.writer_id not in asked
    )
    for item in there[1:]:
        message = (
            f"another {kind} of attempt {attempt}; there is one at "
            f"writer {there[0].writer_id} seq {there[0].seq}"
        )
        seq = item.seq if isinstance(item.seq, int) else None
        yield Finding(
            Fault.ATTEMPT,
            plain(message),
            plain(str(item.writer_id)),
            seq,
            cancel_id=plain(str(cancel_id)),
        )


def find_skipped(connection: Connection) -> Iterator[Finding]:
    """Cancels of which an attempt is on record and one before it is not."""
    query = (
        sa.select(_key.cancel_id, sa.func.max(_key.attempt), sa.func.count())
        .where(_key.cancel_id.is_not(None), _key.kind == "request")
        .group_by(_key.cancel_id)
        .having(sa.func.max(_key.attempt) > sa.func.count())
    )
    for cancel_id, newest, count in _all(connection, query):
        message = f"{newest} attempts by their numbers, and {count} requests on record"
        where = plain(str(cancel_id))
        yield Finding(Fault.ATTEMPT, plain(message), degree=Degree.DOUBTFUL, cancel_id=where)


def _is(kind: str) -> sa.ColumnElement[int]:
    return sa.case((_key.kind == kind, 1), else_=0)


def _all(connection: Connection, query: sa.Select[Any]) -> list[Any]:
    read_any_text(connection)
    try:
        return list(connection.execute(query))
    finally:
        connection.rollback()
