"""A database that takes events which were recorded elsewhere: shipped, and already sealed and checked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.audit import chain, ids
from mexc_plugin.audit.events import Event, seal
from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect.error_messages import explaining, kind_of, summarize
from mexc_plugin.store.write.open_database import Database

# How long a lock or a connection is waited for; a server that is silent for a little longer counts as gone.
PATIENCE_MS = 10_000

# What the database is to blame for, of what it says. What it says nothing plain about may be an event's fault: a row
# that cannot be, or one so large that the server hangs up.
_MAYBE_THE_EVENT = (None, "unreachable")

Refused = list[tuple[Event, str]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events for one transaction, and their rows, where somebody made them while a server stored the batch before."""

    events: Sequence[Event]
    rows: Sequence[dict[str, Any]] | None = None


class Destination:
    """One connection to it. An empty database is made ours. Not thread-safe.

    was_lost: after a failure, for whoever remembers what it holds: it may be another one behind the same address.
    """

    def __init__(self, url: str) -> None:
        self.was_lost = False
        self._url = url
        self._database = Database(url, PATIENCE_MS)

    def put(self, batch: Batch) -> Refused:
        """Store events in one durable transaction; return those that the database does not take, and why.

        Behind such a one nothing of its writer is stored. Idempotent. Raises ConfigError, and StoreError
        while the database takes nothing at all: nothing, or only the first of them, is stored then.
        """
        try:
            self._database.insert(batch.events, rows=batch.rows)
        except Exception:  # noqa: BLE001 - the driver's own: what it was, the second try says
            self._database.close()
            self.was_lost = True
        else:
            return []
        try:
            with explaining(self._url):
                return self._put_missing(batch.events)
        except BaseException:
            self._database.close()
            raise

    def _put_missing(self, events: Sequence[Event]) -> Refused:
        error = self._try(events)
        if error is None:
            return []
        if len(events) == 1:
            # Once more: a server may have been started again meanwhile.
            error = self._try(events)
            return [] if error is None else [(events[0], _word(error))]
        middle = len(events) // 2
        refused = self._put_missing(events[:middle])
        writers = {event.writer_id for event, _ in refused}
        rest = [event for event in events[middle:] if event.writer_id not in writers]
        return refused + (self._put_missing(rest) if rest else [])

    def _try(self, events: Sequence[Event]) -> Exception | None:
        """Why the database does not take these; raises where it would not take any other either."""
        try:
            self._database.insert_missing(events)
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and kind_of(error) not in _MAYBE_THE_EVENT:
                raise
            self._database.close()
            self._database.try_insert(_honest_event())
            return error
        return None

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._database.close()


def _honest_event() -> Event:
    """One that any audit database takes: with orders, and of an attempt."""
    draft = {
        "kind": "request",
        "occurred_ns": time.time_ns(),
        "cancel_id": ids.uuid7(),
        "attempt": 1,
        "order_ids": ["1", "2"],
    }
    return seal(draft, ids.uuid7(), 1, chain.GENESIS)


def _word(error: Exception) -> str:
    plain = isinstance(error, (SQLAlchemyError, StoreError))
    why = summarize(error) if plain else type(error).__name__
    return f"the target takes others and not this one ({why})"
