"""What the exchange needs of a recorder, without knowing how or where events are kept."""

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from mexc_plugin.audit.events import Event


class Place(Enum):
    """Where an event is durable."""

    DATABASE = "database"
    SPOOL = "spool"
    LOST = "lost"


class Receipt:
    """One event on its way to disk. Settled once, when it is durable or known to be lost.

    One thread waits with `wait`; a coroutine awaits `future`, which is resolved on its own loop.
    """

    __slots__ = ("_latch", "event", "future", "loop", "place")

    def __init__(self, event: Event, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.event = event
        self.loop = loop
        self.future: asyncio.Future[None] | None = loop.create_future() if loop else None
        self.place: Place | None = None
        # Held until settled. An Event would do, and costs as much as hashing the event.
        self._latch = threading.Lock()
        self._latch.acquire()

    def wait(self, timeout: float) -> Place | None:
        """Block this thread until settled, for at most `timeout` seconds. None when it is not settled."""
        if self.place is None and self._latch.acquire(timeout=max(0.0, timeout)):
            self._latch.release()
        return self.place

    def settle(self, place: Place) -> None:
        """Say where the event is; the first word stands. The caller resolves `future`."""
        if self.place is None:
            self.place = place
            with contextlib.suppress(RuntimeError):  # another thread settled it just now
                self._latch.release()


class Recorder(Protocol):
    """A writer of events for one database in one process. Raises nothing for a broken database."""

    def commit(self, draft: Mapping[str, Any], deadline: float) -> Place:
        """Seal a draft and wait in this thread, at most `deadline` seconds, until it is durable.

        After the deadline it is spooled. Returns where it is.
        """

    def submit(self, draft: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> Receipt:
        """Seal a draft and hand it on, for a coroutine that awaits the receipt. Returns at once."""

    @property
    def is_down(self) -> bool:
        """True while the database is known not to answer: do not wait for it."""

    def rescue(self, receipt: Receipt) -> Place:
        """Put an event that took too long into the spool. Blocks for one fsync."""

    @property
    def is_prepared(self) -> bool:
        """True once `prepare` has been waited for."""

    def prepare(self) -> None:
        """Open the database, and make it if it is new, before the first cancel needs it. Blocks."""
