"""What is derived from payloads, compared with them: the columns of an event, and the rows of its orders."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.events import (
    COLUMNS,
    INTEGER_COLUMNS,
    TEXT_COLUMNS,
    Event,
    project,
    project_orders,
    timestamp_text,
)
from mexc_plugin.store.connect.rows import Row, as_parameter, read_any_text
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify.findings import Fault, Finding

# Columns that most payloads hold as they are, under the same name.
_SAME = ("writer_id", "seq", "occurred_ns", *TEXT_COLUMNS, *INTEGER_COLUMNS)
# The order in which rows are read for verifying: `_SAME` in one piece.
READ = ("occurred_at", *_SAME, "payload", "prev_hash", "hash")
# What a chain alone is checked by.
CHAIN = ("writer_id", "seq", "payload", "prev_hash", "hash")


def agree(values: tuple[Any, ...], document: dict[str, Any]) -> bool:
    """Whether a row, in the order of `READ`, is plainly that of this document.

    The quick answer for nearly all rows. False says nothing: a text may have been cut to its column.
    """
    if values[1:-3] != tuple(map(document.get, _SAME)):
        return False
    occurred_at, occurred_ns = values[0], values[3]
    if type(occurred_at) is str:
        return occurred_at == timestamp_text(occurred_ns)
    return bool(occurred_at == naive_utc.from_ns(occurred_ns))


def differing(row: Row) -> list[str]:
    """The columns that differ from the payload. Raises ValueError and others for what is no event."""
    expected = project(event_of(row))
    stored = {**row, "occurred_at": _time(row["occurred_at"])}
    return [name for name in COLUMNS if stored[name] != expected[name]]


def event_of(row: Row) -> Event:
    """The event of a row."""
    return Event(row["writer_id"], row["seq"], row["payload"], row["prev_hash"], row["hash"])


def _time(value: object) -> object:
    """A time as `project` writes it: the database gives it back as a datetime."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value


# Columns that say which event it is and prove it: with any other type nothing else can be asked.
_KEYS = {"writer_id": str, "seq": int, "payload": str, "prev_hash": str, "hash": str}


def odd_keys(row: Row) -> list[str]:
    """Key columns that hold what our schema does not: SQLite takes any type anywhere."""
    return [
        name
        for name, kind in _KEYS.items()
        if not isinstance(row[name], kind) or (kind is str and plain(row[name]) != row[name])
    ]


def plain(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


class OrderRows:
    """Compares `cancel_audit_order` with the payloads that it is a projection of.

    connection: another than the one that streams the events, for few of them have such rows.
    within: a writer and the first and last of its numbers; None is the whole table.
    """

    def __init__(
        self, connection: Connection, within: tuple[object, object, object] | None = None
    ) -> None:
        self._connection = connection
        self._within = within
        self._expected = 0
        self._there = 0

    def begin(self) -> None:
        """Count before the events are read: later there may be rows of events that are not read."""
        read_any_text(self._connection)
        self._connection.rollback()  # an old snapshot would lack the rows of events that are read
        table = tables.cancel_audit_order
        count = sa.select(sa.func.count()).select_from(table)
        if self._within is not None:
            writer_id, first, last = map(as_parameter, self._within)
            count = count.where(table.c.writer_id == writer_id, table.c.seq.between(first, last))
        self._there = self._connection.scalar(count) or 0
        self._connection.rollback()

    def check(self, row: Row) -> Iterator[Finding]:
        """What is wrong with the order rows of an event."""
        if odd_keys(row):
            return
        try:
            expected = project_orders(event_of(row))
        except (ValueError, TypeError, RecursionError, AttributeError):
            return  # the payload's own finding says it
        if not expected:
            return
        self._expected += len(expected)
        table = tables.cancel_audit_order
        query = (
            sa.select(table)
            .where(table.c.writer_id == row["writer_id"], table.c.seq == row["seq"])
            .order_by(table.c.position)
        )
        stored = [dict(found) for found in self._connection.execute(query).mappings()]
        if stored != expected:
            yield Finding(
                Fault.ORDERS,
                "cancel_audit_order differs from the payload",
                row["writer_id"],
                row["seq"],
                cancel_id=row["cancel_id"],
                occurred_ns=row["occurred_ns"],
            )

    def check_total(self) -> Iterator[Finding]:
        """Order rows that belong to no event."""
        if self._there > self._expected:
            more = self._there - self._expected
            writer_id = str(self._within[0]) if self._within else None
            yield Finding(
                Fault.ORDERS, f"cancel_audit_order has {more} rows of no event", writer_id
            )


def find_orphans(connection: Connection) -> Iterator[Finding]:
    """Order rows in front of or behind all events of their writer, or of one that has none.

    One statement, so right while others write. What is in between, `OrderRows` counts.
    """
    orders, key = tables.cancel_audit_order.c, tables.cancel_audit.c
    ends = (
        sa.select(
            key.writer_id, sa.func.min(key.seq).label("first"), sa.func.max(key.seq).label("last")
        )
        .where(key.writer_id.in_(sa.select(orders.writer_id)))
        .group_by(key.writer_id)
        .subquery()
    )
    beyond = (ends.c.writer_id.is_(None), orders.seq < ends.c.first, orders.seq > ends.c.last)
    query = (
        sa.select(orders.writer_id, sa.func.count())
        .select_from(tables.cancel_audit_order)
        .outerjoin(ends, ends.c.writer_id == orders.writer_id)
        .where(sa.or_(*beyond))
        .group_by(orders.writer_id)
        .order_by(orders.writer_id)
    )
    for writer_id, count in connection.execute(query).all():
        message = f"cancel_audit_order has {count} rows of no event"
        yield Finding(Fault.ORDERS, message, plain(str(writer_id)))
