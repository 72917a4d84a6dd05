"""What the exchange needs of a recorder, without knowing how or where events are kept."""

import contextlib
import math
from _queue import Empty, SimpleQueue  # the C ones: gevent and eventlet replace those of `queue`
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from mexc_plugin.audit.events import Event


class Place(Enum):
    """Where an event is durable. PENDING: nowhere yet, its time was spent; it is kept all the same."""

    DATABASE = "database"
    SPOOL = "spool"
    LOST = "lost"
    PENDING = "pending"


class Receipt:
    """One event on its way to disk. Settled once, when it is durable or known to be lost.

    One thread waits with `wait`; a coroutine awaits `future`, which is resolved on its own loop.
    due: when it is to be spooled, on the monotonic clock; event: None until it is sealed; is_late:
    whoever waited has given up, so that it is durable only after what it is about.
    """

    __slots__ = ("_latch", "draft", "due", "event", "future", "is_late", "loop", "place")

    def __init__(
        self,
        draft: Mapping[str, Any],
        due: float = math.inf,
        loop: "asyncio.AbstractEventLoop | None" = None,
    ) -> None:
        self.draft = draft
        self.due = due
        self.event: Event | None = None
        self.loop = loop
        self.future: asyncio.Future[None] | None = loop.create_future() if loop else None
        self.place: Place | None = None
        self.is_late = False
        # Holds something once it is settled. A lock would do, and be one of gevent's.
        self._latch: SimpleQueue[None] = SimpleQueue()

    def wait(self, timeout: float) -> bool:
        """Block this thread until settled, for at most `timeout` seconds. True when settled."""
        if self.place is None:
            with contextlib.suppress(Empty):
                self._latch.put(self._latch.get(timeout=max(0.0, timeout)))
        return self.place is not None

    def give_up(self) -> Place:
        """Where it is, now that nobody waits any longer. First said, then looked: no other order is safe."""
        self.is_late = self.place is None
        return self.place or Place.PENDING

    def settle(self, place: Place) -> None:
        """Say where the event is; the first word stands. The caller resolves `future`."""
        if self.place is None:
            self.place = place
            self._latch.put(None)


def settle_all(receipts: Iterable[Receipt], place: Place) -> None:
    """Settle receipts: one call for each loop on which somebody waits."""
    loops: dict[Any, list[Any]] = {}
    for receipt in receipts:
        receipt.settle(place)
        if receipt.loop is not None and receipt.future is not None:
            loops.setdefault(receipt.loop, []).append(receipt.future)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures)
        except RuntimeError:
            continue  # the loop is closed: nobody waits there any more


def _resolve(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class Recorder(Protocol):
    """A writer of events for one database in one process. Raises nothing for a broken database.

    Nothing here does I/O, takes a lock or writes to a log in the thread that calls.
    """

    def submit(
        self,
        draft: Mapping[str, Any],
        budget: float,
        loop: "asyncio.AbstractEventLoop | None" = None,
    ) -> Receipt:
        """Hand an event over; returns at once. budget: seconds that somebody is going to wait."""

    def commit(self, draft: Mapping[str, Any], budget: float) -> Place:
        """Hand an event over and wait in this thread, at most `budget` seconds. Returns where it is."""

    def say(self, level: int, message: str, *args: object) -> None:
        """Write to the log, in a thread of the recorder's own."""

    def prepare(self) -> None:
        """Open the database, and make it if it is new, before the first cancel needs it. Blocks."""
