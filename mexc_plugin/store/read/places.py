"""Which events of writers a database holds, and how the chain leads into and out of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.schema.tables import cancel_audit

# What SQLite holds in the place of a number, any text or bytes, is greater than every number.
_IS_NUMBER = cancel_audit.c.seq <= 2**63 - 1
# Writers that are asked for at a time.
_WRITERS = 500


@dataclass(frozen=True, slots=True)
class Run:
    """Events of one writer without a gap: the first and last number, both included.

    prev_hash: of the first, None where nobody says it; hash: of the last.
    """

    first: int
    last: int
    prev_hash: str | None
    hash: str


def runs(connection: Connection, writer_ids: Iterable[str]) -> dict[str, list[Run]]:
    """What the database holds of these writers, ascending; a writer of whom it holds nothing is left out.

    Goes through their part of the primary key once. What is no event counts as not there: SQLite takes any type.
    """
    read_any_text(connection)
    found: dict[str, list[Run]] = {}
    for some in _batches(writer_ids):
        for writer_id, first, last, prev_hash, hash_ in connection.execute(_query(some)):
            if type(first) is type(last) is int and isinstance(hash_, str):
                found.setdefault(writer_id, []).append(Run(first, last, prev_hash, hash_))
    return found


def newest(connection: Connection, writer_ids: Iterable[str]) -> dict[str, int]:
    """The highest number of each of these writers that the database holds; quick."""
    key = cancel_audit.c
    found: dict[str, int] = {}
    for some in _batches(writer_ids):
        query = (
            sa.select(key.writer_id, sa.func.max(key.seq))
            .where(key.writer_id.in_(some), _IS_NUMBER)
            .group_by(key.writer_id)
        )
        found |= {row[0]: int(row[1]) for row in connection.execute(query)}
    return found


def oldest_behind(connection: Connection, places: Mapping[str, int]) -> int | None:
    """The time (ns) of the oldest event behind these places, by writer; None where there is none."""
    key = cancel_audit.c
    times = [
        connection.scalar(
            sa.select(key.occurred_ns)
            .where(key.writer_id == writer_id, key.seq > seq)
            .order_by(key.seq)
            .limit(1)
        )
        for writer_id, seq in places.items()
    ]
    return min((time for time in times if isinstance(time, int)), default=None)


def _query(writer_ids: list[str]) -> sa.Select[Any]:
    key = cancel_audit.c
    number = sa.func.row_number().over(partition_by=key.writer_id, order_by=key.seq)
    numbered = (
        sa.select(key.writer_id, key.seq, (key.seq - number).label("gaps"))
        .where(key.writer_id.in_(writer_ids), _IS_NUMBER)
        .subquery()
    )
    edges = (
        sa.select(
            numbered.c.writer_id,
            sa.func.min(numbered.c.seq).label("first"),
            sa.func.max(numbered.c.seq).label("last"),
        )
        .group_by(numbered.c.writer_id, numbered.c.gaps)
        .subquery()
    )
    start, end = cancel_audit.alias(), cancel_audit.alias()
    return (
        sa.select(edges.c.writer_id, edges.c.first, edges.c.last, start.c.prev_hash, end.c.hash)
        .join(start, _is(start, edges, edges.c.first))
        .join(end, _is(end, edges, edges.c.last))
        .order_by(edges.c.writer_id, edges.c.first)
    )


def _is(
    event: sa.FromClause, edges: sa.FromClause, seq: "sa.ColumnElement[int]"
) -> "sa.ColumnElement[bool]":
    return sa.and_(event.c.writer_id == edges.c.writer_id, event.c.seq == seq)


def _batches(writer_ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(writer_ids)
    while some := list(islice(rest, _WRITERS)):
        yield some
