"""A database that takes events which were recorded elsewhere: shipped, and already sealed and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exc

from mexc_plugin.audit.events import Event
from mexc_plugin.store.connect.error_messages import explaining
from mexc_plugin.store.write.open_database import Database

# How long a lock or a connection is waited for; a server that is silent for a little longer counts as gone.
PATIENCE_MS = 10_000

# What an event is to blame for, and not the database.
_UNFIT = (exc.DataError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)

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
        """Store events in one durable transaction; return those that no row can be made of, and why.

        Behind such a one nothing of its writer is stored. Idempotent. Raises ConfigError, and StoreError
        while the database is out of reach or has other events in their places: nothing, or only the first
        of them, is stored then.
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
        try:
            self._database.insert_missing(events)
        except _UNFIT as error:
            if len(events) == 1:
                return [(events[0], f"no row can be made of it ({type(error).__name__})")]
        else:
            return []
        middle = len(events) // 2
        refused = self._put_missing(events[:middle])
        writers = {event.writer_id for event, _ in refused}
        rest = [event for event in events[middle:] if event.writer_id not in writers]
        return refused + (self._put_missing(rest) if rest else [])

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._database.close()
