"""Is the record whole? Each writer's sequence and hashes, the columns, and the guards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import canonical, chain
from mexc_plugin.audit.events import COLUMNS, Event, project, project_orders
from mexc_plugin.store import guards, projection, schema
from mexc_plugin.store.queries import Row, Rows, stream


class Fault(StrEnum):
    """What can be wrong with a record."""

    GAP = "gap"
    LOST = "lost"
    LINK = "link"
    HASH = "hash"
    PAYLOAD = "payload"
    COLUMN = "column"
    ORDERS = "orders"
    HISTORY = "history"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where: the writer's event, or the database as a whole."""

    fault: Fault
    message: str
    writer_id: str | None = None
    seq: int | None = None


class Verifier:
    """Reads rows in the order of writer and sequence, keeps only the last one. Pure."""

    def __init__(self) -> None:
        self.events = 0
        self.writers = 0
        self._writer: str | None = None
        self._seq = 0
        self._hash = chain.GENESIS

    def begin(self, writer_id: str, seq: int, hash_: str) -> None:
        """Go on behind that event of a writer, which is taken as it stands."""
        self._writer, self._seq, self._hash = writer_id, seq, hash_

    def check(self, row: Row) -> list[Finding]:
        """What is wrong with the next row. Total: a row that makes no sense is a finding."""
        self.events += 1
        if row["writer_id"] != self._writer:
            self.writers += 1
            self._writer, self._seq, self._hash = row["writer_id"], 0, chain.GENESIS
        odd = _odd(row)
        if odd:
            self._seq = row["seq"] if "seq" not in odd else self._seq
            self._hash = str(row["hash"])
            return [_odd_finding(row, odd)]
        document = _document(row["payload"])
        found = [
            *self._sequence(row, document),
            *_hashes(row),
            *_payload(row, document),
        ]
        self._seq, self._hash = row["seq"], row["hash"]
        return found

    def _sequence(self, row: Row, document: dict[str, Any]) -> Iterator[Finding]:
        missing = row["seq"] - self._seq - 1
        lost = document.get("lost", 0)
        if missing:
            yield _gap(row, self._seq, missing, lost)
        elif lost:
            yield _finding(Fault.LOST, row, f"says that {lost} events before it were lost; none is")
        if not missing and row["prev_hash"] != self._hash:
            before = "the event before it" if self._seq else "the start of a chain"
            yield _finding(Fault.LINK, row, f"prev_hash is not the hash of {before}")


def verify(
    rows: Iterable[Row], verifier: Verifier, orders: "OrderRows | None" = None
) -> Iterator[Finding]:
    """All findings about rows that come in the order of writer and sequence.

    rows: read lazily, so that what a bot records meanwhile is in neither or in both of the tables.
    """
    if orders is not None:
        orders.begin()
    for row in rows:
        yield from verifier.check(row)
        if orders is not None:
            yield from orders.check(row)
    if orders is not None:
        yield from orders.check_total()


def chained(connection: Connection) -> Rows:
    """Every row of the audit, writer by writer, in sequence."""
    key = schema.cancel_audit.c
    yield from stream(connection, as_stored(connection).order_by(key.writer_id, key.seq))


def count_events(connection: Connection) -> int:
    """How many rows the audit has."""
    query = sa.select(sa.func.count()).select_from(schema.cancel_audit)
    return int(connection.scalar(query) or 0)


def as_stored(connection: Connection) -> sa.Select[Any]:
    """Rows of the audit, read such that no value in them ends the reading."""
    audit = schema.cancel_audit
    columns = [column for column in audit.c if column is not audit.c.occurred_at]
    _read_any_text(connection)
    return sa.select(*columns, _time_column(connection))


def _time_column(connection: Connection) -> sa.ColumnElement[Any]:
    """`occurred_at` such that a value that is no time does not end the reading."""
    column = schema.cancel_audit.c.occurred_at
    if connection.dialect.name == "sqlite":
        return sa.type_coerce(column, sa.String).label(column.name)
    return column


def _read_any_text(connection: Connection) -> None:
    """SQLite keeps any bytes as text; what is not UTF-8 becomes lone surrogates."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda value: value.decode("utf-8", "surrogateescape")


def _gap(row: Row, last: int, missing: int, lost: object) -> Finding:
    if missing < 0:
        return _finding(Fault.GAP, row, "a sequence starts at 1")
    # Less may be missing: what a disk reported as failed, it may have kept.
    if type(lost) is int and lost >= missing:
        return _finding(Fault.LOST, row, f"{missing} events lost, said so by the writer itself")
    where = f"events {last + 1} to {row['seq'] - 1}" if missing > 1 else f"event {last + 1}"
    claim = f"; the writer says that {lost} were lost" if lost else ""
    return _finding(Fault.GAP, row, f"{where} missing before it{claim}")


def _hashes(row: Row) -> Iterator[Finding]:
    try:
        good = chain.link(row["prev_hash"], row["payload"]) == row["hash"]
    except UnicodeEncodeError:
        good = False
    if not good:
        yield _finding(Fault.HASH, row, "hash is not that of prev_hash and payload")


def _payload(row: Row, document: dict[str, Any]) -> Iterator[Finding]:
    try:
        expected = project(_event(row))
    except (ValueError, TypeError, OverflowError, RecursionError):
        yield _finding(Fault.PAYLOAD, row, "payload is not that of an event")
        return
    for name in ("writer_id", "seq"):
        if document.get(name) != row[name]:
            yield _finding(Fault.PAYLOAD, row, f"payload names another {name}")
    stored = {**row, "occurred_at": _time(row["occurred_at"])}
    if stored == expected:
        return
    for name in COLUMNS:
        if stored[name] != expected[name]:
            yield _finding(Fault.COLUMN, row, f"column {name} differs from the payload")


def _document(payload: str) -> dict[str, Any]:
    try:
        return canonical.decode(payload)
    except (ValueError, TypeError, RecursionError):
        return {}


def _time(value: object) -> object:
    """A time as `project` writes it: the database gives it back as a datetime."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value


def _finding(fault: Fault, row: Row, message: str) -> Finding:
    seq = row["seq"] if isinstance(row["seq"], int) else None
    return Finding(fault, _plain(message), _plain(str(row["writer_id"])), seq)


# Columns that say which event it is and prove it: with any other type nothing else can be asked.
_KEYS = {"writer_id": str, "seq": int, "payload": str, "prev_hash": str, "hash": str}


def _odd(row: Row) -> list[str]:
    """Key columns that hold what our schema does not: SQLite takes any type anywhere."""
    return [
        name
        for name, kind in _KEYS.items()
        if not isinstance(row[name], kind) or (kind is str and _plain(row[name]) != row[name])
    ]


def _odd_finding(row: Row, odd: list[str]) -> Finding:
    where = "" if isinstance(row["seq"], int) else f" (seq {row['seq']!r:.40})"
    return _finding(Fault.PAYLOAD, row, f"no event: {', '.join(odd)} of a wrong type{where}")


def _plain(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


class OrderRows:
    """Compares `cancel_audit_order` with the payloads that it is a projection of.

    connection: another than the one that streams the events, for few of them have such rows.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._expected = 0
        self._there = 0

    def begin(self) -> None:
        """Count before the events are read: later there may be rows of events that are not read."""
        _read_any_text(self._connection)
        self._connection.rollback()  # an old snapshot would lack the rows of events that are read
        table = schema.cancel_audit_order
        count = sa.select(sa.func.count()).select_from(table)
        self._there = self._connection.scalar(count) or 0
        self._connection.rollback()

    def check(self, row: Row) -> Iterator[Finding]:
        """What is wrong with the order rows of an event."""
        if _odd(row):
            return
        try:
            expected = project_orders(_event(row))
        except (ValueError, TypeError, RecursionError, AttributeError):
            return  # the payload's own finding says it
        if not expected:
            return
        self._expected += len(expected)
        table = schema.cancel_audit_order
        query = (
            sa.select(table)
            .where(table.c.writer_id == row["writer_id"], table.c.seq == row["seq"])
            .order_by(table.c.position)
        )
        stored = [dict(found) for found in self._connection.execute(query).mappings()]
        if stored != expected:
            yield _finding(Fault.ORDERS, row, "cancel_audit_order differs from the payload")

    def check_total(self) -> Iterator[Finding]:
        """Order rows that belong to no event."""
        if self._there > self._expected:
            more = self._there - self._expected
            yield Finding(Fault.ORDERS, f"cancel_audit_order has {more} rows of no event")


def _event(row: Row) -> Event:
    return Event(row["writer_id"], row["seq"], row["payload"], row["prev_hash"], row["hash"])


def check_guards(connection: Connection) -> list[Finding]:
    """The guards that are missing, switched off, or no longer refuse anything."""
    return [Finding(Fault.GUARD, message) for message in guards.missing(connection)]


def check_history(connection: Connection) -> Iterator[Finding]:
    """The rows of `cancel_history` that are not as the events say: they are derived, and no evidence."""
    _read_any_text(connection)
    for (cancel_id, attempt), what in projection.differences(connection):
        where = f"cancel {_plain(str(cancel_id))} attempt {attempt}"
        yield Finding(
            Fault.HISTORY, f"{where} {what}; if the events are whole: mexc-plugin db rebuild"
        )
