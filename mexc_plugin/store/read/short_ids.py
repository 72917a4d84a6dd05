"""Ids of cancels as short as they stay unique in the record, as git shortens its commits; the newest."""

import itertools
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.read.queries import prefix_bounds
from mexc_plugin.store.schema import tables

LEAST = 8
# Who follows reads an id after others came: the whole millisecond of a UUIDv7 and twelve random bits
# behind it tell it from those, too.
FOLLOWED = 18
# Two queries an id, all in one statement: SQLite takes 500 of them.
_IDS = 100


def shorten(connection: Connection, rows: Iterable[Row], least: int = LEAST) -> Iterator[Row]:
    """The same rows, each with the shortest beginning of its `cancel_id` that no other cancel has.

    least: no beginning is shorter. The connection must not be the one that the rows are still streamed over.
    """
    rest = iter(rows)
    while batch := list(itertools.islice(rest, _IDS)):
        short = shortest(connection, {str(row["cancel_id"]) for row in batch}, least)
        for row in batch:
            yield {**row, "cancel_id": short[str(row["cancel_id"])]}


def shortest(connection: Connection, ids: Iterable[str], least: int = LEAST) -> dict[str, str]:
    """The shortest unique beginning of each id. What an id shares, it shares with a neighbour.

    One of now is a neighbour as well: else the ids of a minute would be ambiguous with the next cancel.
    """
    listed = sorted(ids)
    if not listed:
        return {}
    query = sa.union_all(*(part for id_ in listed for part in _neighbours(id_)))
    known = sorted({*listed, *connection.scalars(query), uuid7()})
    pairs = [0, *(_count_shared(one, other) for one, other in itertools.pairwise(known)), 0]
    wanted = set(listed)
    return {
        id_: _beginning(id_, max(before, after, least - 1))
        for id_, (before, after) in zip(known, itertools.pairwise(pairs), strict=True)
        if id_ in wanted
    }


def newest_ids(connection: Connection, beginning: str, most: int) -> list[str]:
    """Ids that begin like this, the newest first: a UUIDv7 starts with its time."""
    column = tables.cancel_audit.c.cancel_id
    query = sa.select(column).where(column.is_not(None)).distinct()
    if beginning:
        low, high = prefix_bounds(beginning)
        if low is None:
            return []
        query = query.where(column.between(low, high))
    return list(connection.scalars(query.order_by(column.desc()).limit(most)))


def newest_bots(connection: Connection, most: int) -> list[str]:
    """The bots of so many of the newest requests."""
    audit = tables.cancel_audit.c
    newest = (
        sa.select(audit.bot)
        .where(audit.kind == "request")
        .order_by(audit.occurred_at.desc())
        .limit(most)
        .subquery()
    )
    query = sa.select(newest.c.bot).where(newest.c.bot.is_not(None)).distinct()
    return sorted(connection.scalars(query))


def _neighbours(id_: str) -> Iterator[sa.Select[tuple[str]]]:
    column = tables.cancel_audit.c.cancel_id
    for query in (
        sa.select(column).where(column < id_).order_by(column.desc()),
        sa.select(column).where(column > id_).order_by(column),
    ):
        yield sa.select(query.limit(1).subquery().c.cancel_id)


def _count_shared(one: str, other: str) -> int:
    """How many characters two ids begin with in common."""
    return sum(
        1
        for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    )


def _beginning(id_: str, shared: int) -> str:
    length = max(LEAST, shared + 1)
    # A hyphen tells nobody apart.
    return id_[: length + id_[:length].endswith("-")]
