"""What is new in the record since the last look, whenever it happened.

By the place in each writer's sequence, never by time: a spool is replayed hours later, with times
long past. Its events may also lie between others that are there already, so the gaps of a writer
are looked at as well as its end.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import naive_utc
from mexc_plugin.store.connect.rows import Row, stream
from mexc_plugin.store.read.filters import Filters, select_wanted
from mexc_plugin.store.read.ordering import key
from mexc_plugin.store.read.sequence_runs import Writer
from mexc_plugin.store.schema.tables import cancel_audit, cancel_history

# Gaps that a running bot's spool may still fill: in the newest events of writers of late.
LATE = timedelta(days=7)
NEWEST = 2_000
KINDS = ("request", "response", "reconciliation")
_IDS = 500
_FEW_GAPS = 50


class Follower:
    """Remembers what was seen, by writer. Keeps no connection."""

    def __init__(self, connection: Connection) -> None:
        """Everything that is there now has been seen."""
        self._writers: dict[str, Writer] = {}
        # Seen, but not handed out yet: a connection may break between the two.
        self._owed: dict[str, None] = {}
        since = naive_utc.now() - LATE
        for writer_id, newest in heads(connection).items():
            if _is_of_late(connection, writer_id, newest, since):
                self._writers[writer_id] = _with_gaps(connection, writer_id, newest)
            else:
                self._writers[writer_id] = Writer([[1, newest]])

    def read_changed(self, connection: Connection, filters: Filters) -> list[Row]:
        """The wanted attempts of which something was added, as they are now, oldest first."""
        for writer_id, newest in heads(connection).items():
            writer = self._writers.setdefault(writer_id, Writer())
            self._owed |= dict.fromkeys(_take_new(connection, writer_id, writer, newest))
        ids, rows = list(self._owed), list[Row]()
        for start in range(0, len(ids), _IDS):
            of_some = cancel_history.c.cancel_id.in_(ids[start : start + _IDS])
            rows += stream(connection, select_wanted(filters).where(of_some))
        self._owed = {}
        return sorted(rows, key=key)

    def owe(self, ids: Iterable[str]) -> None:
        """Hand these cancels out once more: what was made of them came to nothing."""
        self._owed |= dict.fromkeys(ids)


def _take_new(connection: Connection, writer_id: str, writer: Writer, newest: int) -> Iterator[str]:
    """The cancels of a writer's events that were not seen; they count as seen then."""
    missing = writer.list_missing()
    if newest == writer.last and len(missing) == 1:
        return
    column = cancel_audit.c
    ranges = [
        column.seq.between(first, newest if last is None else last)
        for first, last in missing[-_FEW_GAPS:]
    ]
    query = (
        sa.select(column.seq, column.cancel_id, column.kind)
        .where(column.writer_id == writer_id, sa.or_(*ranges))
        .order_by(column.seq)
    )
    found = connection.execute(query).all()
    writer.add((seq for seq, _, _ in found), "")
    yield from (cancel_id for _, cancel_id, kind in found if kind in KINDS and cancel_id)


def heads(connection: Connection) -> dict[str, int]:
    """The newest of each writer's sequence: a few steps in the primary key for each of them."""
    return {row[0]: row[1] for row in connection.execute(_heads())}


def last_written(connection: Connection) -> list[tuple[str, int, int]]:
    """The newest of each writer's sequence, with its time in nanoseconds, the latest of them first."""
    newest, column = _heads().subquery(), cancel_audit.c
    query = (
        sa.select(column.writer_id, column.seq, column.occurred_ns)
        .join(newest, sa.and_(column.writer_id == newest.c.id, column.seq == newest.c.seq))
        .order_by(column.occurred_ns.desc())
    )
    rows = connection.execute(query).all()
    return [(row[0], row[1], row[2]) for row in rows if isinstance(row[2], int)]


def _heads() -> sa.Select[Any]:
    column = cancel_audit.c
    writers = sa.select(sa.func.min(column.writer_id).label("id")).cte("writers", recursive=True)
    following = (
        sa.select(sa.func.min(column.writer_id))
        .where(column.writer_id > writers.c.id)
        .correlate(writers)
        .scalar_subquery()
    )
    writers = writers.union_all(sa.select(following).where(writers.c.id.is_not(None)))
    newest = (
        sa.select(sa.func.max(column.seq))
        .where(column.writer_id == writers.c.id)
        .correlate(writers)
        .scalar_subquery()
    )
    return sa.select(writers.c.id, newest.label("seq")).where(writers.c.id.is_not(None))


def _is_of_late(connection: Connection, writer_id: str, newest: int, since: datetime) -> bool:
    column = cancel_audit.c
    query = sa.select(column.occurred_at).where(column.writer_id == writer_id, column.seq == newest)
    occurred_at = connection.scalar(query)
    return occurred_at is not None and occurred_at >= since


def _with_gaps(connection: Connection, writer_id: str, newest: int) -> Writer:
    """What of a writer is there, as far as it is looked at."""
    column = cancel_audit.c
    first = max(1, newest - NEWEST)
    query = (
        sa.select(column.seq)
        .where(column.writer_id == writer_id, column.seq >= first)
        .order_by(column.seq)
    )
    writer = Writer([[1, first - 1]] if first > 1 else [])
    writer.add(connection.scalars(query), "")
    return writer
