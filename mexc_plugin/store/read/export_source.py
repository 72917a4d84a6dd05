"""Reading the whole record, in batches of one short transaction each.

No snapshot is held between two batches, so that SQLite's log can be checkpointed and a server can
clean up while a long export runs. Nothing is skipped for that: each batch begins where the one before
ended, by a key. What is recorded behind that place meanwhile is in the next export.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.errors import ConfigError
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.follow import heads
from mexc_plugin.store.read.queries import Filters
from mexc_plugin.store.read.sequence_runs import Positions
from mexc_plugin.store.schema import tables

BATCH = 1_000
# SQLite takes no more than 32,766 parameters, two for each attempt.
ATTEMPTS = 500

EVENT_COLUMNS = COLUMNS
# The proof of an event, and its place: its payload says the rest.
PROOF_COLUMNS = ("prev_hash", "hash", "payload", "writer_id", "seq", "occurred_ns")

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Last:
    """Up to where an export came: the newest time in it, and the last row's own name."""

    at: datetime
    name: str


class Source(Protocol):
    """Rows to export: their columns, and how far reading them has come."""

    columns: tuple[str, ...]
    last: Last | None

    def batches(self) -> Iterator[Rows]:
        """What is left, batch by batch; each is out of the database's hands when it comes."""

    def position(self) -> dict[str, Any]:
        """JSON values from which another source goes on after the newest batch."""

    def share(self) -> float:
        """How much of the whole was read, 0 to 1: a guess."""


class History:
    """The attempts that match, oldest first.

    Sorted by nothing but the time, as an index has it; what else was asked at the very time at which
    a batch ended is remembered by its key.
    """

    def __init__(
        self,
        connection: Connection,
        filters: Filters,
        position: dict[str, Any] | None = None,
        batch: int | None = None,
    ) -> None:
        self.columns: tuple[str, ...] = tables.HISTORY_COLUMNS
        self.last: Last | None = None
        self._connection = connection
        self._filters = filters
        self._batch = batch or BATCH
        self._at: datetime | None = None
        self._seen: set[tuple[str, int]] = set()
        if position and position["at"] is not None:
            self._at = datetime.fromisoformat(position["at"])
            self._seen = {(str(id_), int(attempt)) for id_, attempt in position["seen"]}
            self._require_seen()
        self._bounds: tuple[datetime, datetime] | None = None

    def batches(self) -> Iterator[Rows]:
        self._bounds = self._first_and_last()
        limit = self._batch
        while True:
            rows = self._page(limit)
            fresh = [
                row for row in rows if row.requested_at != self._at or _key(row) not in self._seen
            ]
            if fresh:
                self._advance(fresh)
                yield fresh
            if len(rows) < limit:
                return
            # A batch of nothing but one time, all of it known: only a longer one gets beyond.
            limit = self._batch if fresh else limit * 2

    def position(self) -> dict[str, Any]:
        at = self._at.isoformat() if self._at else None
        return {"at": at, "seen": sorted([id_, attempt] for id_, attempt in self._seen)}

    def share(self) -> float:
        if self._bounds is None or self._at is None:
            return 0.0
        first, last = self._bounds
        whole = (last - first).total_seconds()
        return min(1.0, (self._at - first).total_seconds() / whole) if whole > 0 else 1.0

    def _page(self, limit: int) -> Sequence[Any]:
        since = max(filter(None, (self._filters.since, self._at)), default=None)
        filters = dataclasses.replace(self._filters, since=since)
        query = queries.history_query(filters, limit).order_by(None)
        return _read(self._connection, query.order_by(tables.cancel_history.c.requested_at))

    def _advance(self, rows: Sequence[Any]) -> None:
        newest = rows[-1]
        if newest.requested_at != self._at:
            self._at, self._seen = newest.requested_at, set()
        self._seen |= {_key(row) for row in rows if row.requested_at == self._at}
        self.last = Last(self._at, f"cancel {newest.cancel_id} attempt {newest.attempt}")

    def _first_and_last(self) -> tuple[datetime, datetime] | None:
        requested_at = tables.cancel_history.c.requested_at
        found = [
            _read(self._connection, sa.select(edge(requested_at)))[0][0]
            for edge in (sa.func.min, sa.func.max)
        ]
        first, last = found
        if first is None or last is None:
            return None
        return max(first, self._filters.since or first), min(last, self._filters.until or last)

    def _require_seen(self) -> None:
        audit = tables.cancel_audit.c
        for cancel_id, attempt in self._seen:
            found = sa.select(audit.seq).where(
                audit.cancel_id == cancel_id, audit.attempt == attempt
            )
            if not _read(self._connection, found.limit(1)):
                raise ConfigError("that export was of another database; begin it anew")


IsArchived = Callable[[str, int], bool]


class EventsOfAttempts:
    """The events of the attempts that match, attempt by attempt, in the order of `History`."""

    def __init__(
        self,
        connection: Connection,
        filters: Filters,
        columns: tuple[str, ...],
        position: dict[str, Any] | None = None,
    ) -> None:
        self.columns = columns
        self.last: Last | None = None
        self._connection = connection
        self._attempts = History(connection, filters, position, ATTEMPTS)

    def batches(self) -> Iterator[Rows]:
        for attempts in self._attempts.batches():
            place = {_key(row): index for index, row in enumerate(attempts)}
            rows = self._events(place.keys())
            rows.sort(key=lambda row: (place[row.of_cancel, row.of_attempt], row.occurred_ns))
            self.last = _newest(rows)
            yield [row[:-2] for row in rows]

    def position(self) -> dict[str, Any]:
        return self._attempts.position()

    def share(self) -> float:
        return self._attempts.share()

    def _events(self, attempts: Set[tuple[str, int]]) -> list[Any]:
        audit = tables.cancel_audit.c
        query = sa.select(
            *(audit[name] for name in self.columns),
            audit.cancel_id.label("of_cancel"),
            audit.attempt.label("of_attempt"),
        ).where(audit.cancel_id.in_(sorted({cancel_id for cancel_id, _ in attempts})))
        rows = _read(self._connection, query)
        return [row for row in rows if (row.of_cancel, row.of_attempt) in attempts]


class Events:
    """Every event that is not out yet, writer by writer, each in its sequence.

    is_archived: whether an event that is out, and is not here any more, left with an archive.
    """

    def __init__(
        self,
        connection: Connection,
        columns: tuple[str, ...],
        positions: Positions | None = None,
        is_archived: IsArchived = lambda _writer_id, _seq: False,
    ) -> None:
        self.columns = columns
        self.last: Last | None = None
        self.positions = positions or Positions()
        self._connection = connection
        self._read = 0
        self._total = 0
        if self.positions.writers:
            self._require_same_record(is_archived)

    def batches(self) -> Iterator[Rows]:
        newest = heads(self._connection)
        self._connection.rollback()
        self._total = sum(seq - self.positions.of(writer).last for writer, seq in newest.items())
        for writer_id in newest:
            for first, last in self.positions.of(writer_id).list_missing():
                yield from self._run(writer_id, first, last)

    def position(self) -> dict[str, Any]:
        return self.positions.document()

    def share(self) -> float:
        return min(1.0, self._read / self._total) if self._total > 0 else 1.0

    def _run(self, writer_id: str, first: int, last: int | None) -> Iterator[Rows]:
        audit = tables.cancel_audit.c
        query = (
            sa.select(*(audit[name] for name in self.columns))
            .where(audit.writer_id == writer_id, audit.seq >= sa.bindparam("first"))
            .order_by(audit.seq)
            .limit(BATCH)
        )
        if last is not None:
            query = query.where(audit.seq <= last)
        while True:
            rows = _read(self._connection, query, first=first)
            if rows:
                self.positions.of(writer_id).add([row.seq for row in rows], rows[-1].hash)
                self.last = _newest(rows, self.last)
                self._read += len(rows)
                yield rows
                first = rows[-1].seq + 1
            if len(rows) < BATCH:
                return

    def _hash(self, writer_id: str, seq: int) -> str | None:
        audit = tables.cancel_audit.c
        query = sa.select(audit.hash).where(audit.writer_id == writer_id, audit.seq == seq)
        return next((row.hash for row in _read(self._connection, query)), None)

    def _require_same_record(self, is_archived: IsArchived) -> None:
        """Raise ConfigError unless the events that are out are those of this database, or of its archives."""
        writers = self.positions.writers
        gone: list[str] = []
        for writer_id, writer in writers.items():
            hash_ = self._hash(writer_id, writer.last)
            if hash_ is None:
                gone.append(writer_id)
            elif hash_ != writer.hash:
                raise ConfigError(
                    f"event {writer.last} of writer {writer_id} is not the one that was exported: "
                    "the cursor is of another record, or this one was changed; "
                    "look with: mexc-plugin audit verify"
                )
        gone = [w for w in gone if not is_archived(w, writers[w].last)]
        if gone and len(gone) == len(writers):
            raise ConfigError(
                "the cursor is of another database: this one has none of the events that were "
                "exported; begin with a cursor file that is not there yet"
            )
        if gone:
            raise ConfigError(
                f"event {writers[gone[0]].last} of writer {gone[0]} was exported and is not in this "
                "database: it is an older copy, or events were removed from it; export from the "
                "current one, or begin with a cursor file that is not there yet"
            )


def _read(connection: Connection, query: sa.Select[Any], **parameters: object) -> Sequence[Any]:
    """All rows of a query, which know their columns by name; the transaction is over when they come."""
    rows = connection.execute(query, parameters).all()
    connection.rollback()
    return rows


def _key(attempt: Any) -> tuple[str, int]:  # noqa: ANN401 - a row
    return attempt.cancel_id, attempt.attempt


def _newest(rows: Sequence[Any], before: Last | None = None) -> Last | None:
    if not rows:
        return before
    newest = max(rows, key=attrgetter("occurred_ns"))
    at = naive_utc.from_ns(newest.occurred_ns)
    if before is not None and before.at >= at:
        return before
    return Last(at, f"writer {newest.writer_id} seq {newest.seq}")
