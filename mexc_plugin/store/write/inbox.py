"""What has been handed over and is not settled yet. Its order is the chain's.

Any thread puts in, at any moment, and takes no lock for it. The rest is for the writer's threads, which meet at the lock:
it is held for computing only.
"""

import logging
from _queue import SimpleQueue
from collections import deque
from collections.abc import Callable, Sequence

from mexc_plugin import real_threads
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.recorder import Place, Receipt, settle_all
from mexc_plugin.store.connect.error_messages import summarize
from mexc_plugin.store.write.sealer import LATE, SPOOLED, Sealer
from mexc_plugin.store.write.workers import QuietLog

QUEUE_LIMIT = 10_000
# For a lock, as it is written.
FOR_EVER = -1.0


class Inbox:
    """The events of one writer between `submit` and the disk.

    hand_over: who takes what comes behind `stop`. has_ended: nothing more comes; the threads end with the last event.
    """

    def __init__(
        self, sealer: Sealer, log: QuietLog, hand_over: Callable[[Receipt], object]
    ) -> None:
        self.has_ended = False
        self.sealer = sealer
        self._log = log
        self._hand_over = hand_over
        self._came: deque[Receipt] = deque()
        self._dropped: SimpleQueue[None] = SimpleQueue()
        self._sealed: deque[Receipt] = deque()  # and not settled
        self._is_stopped = False  # `stop` is sealed
        self._lock = real_threads.allocate_lock()

    def __len__(self) -> int:
        """How many are not sealed yet."""
        return len(self._came)

    @property
    def was_used(self) -> bool:
        """True once there is an event: then the chain wants its `stop`."""
        return bool(self.sealer.seq or self._came)

    def put(self, receipt: Receipt) -> bool:
        """Take an event; False where it is full: then the event is lost, and counted."""
        if len(self._came) >= QUEUE_LIMIT and not _is_stop(receipt):
            self._dropped.put(None)
            settle_all([receipt], Place.LOST)
            return False
        self._came.append(receipt)
        return True

    def seal(self, patience: float = FOR_EVER) -> list[Receipt]:
        """Seal what has come; return all that is not settled, and nothing where the lock was not to be had in time.

        patience: seconds. The thread of a caller may hold the lock itself, further down.
        """
        if not self._lock.acquire(timeout=patience):
            return []
        try:
            while not self._dropped.empty():
                self._dropped.get()
                self.sealer.count_lost((), unsealed=1)
            while self._came:
                self._seal(self._came.popleft())
            while self._sealed and self._sealed[0].place is not None:
                self._sealed.popleft()
            return [receipt for receipt in self._sealed if receipt.place is None]
        finally:
            self._lock.release()

    def _seal(self, receipt: Receipt) -> None:
        try:
            is_stop = _is_stop(receipt)
            if self._is_stopped and not is_stop:
                self._hand_over(receipt)  # it came as we were closed
                return
            start = self.sealer.start()
            if start is not None:
                first = Receipt({}, receipt.due)
                first.event = start
                self._sealed.append(first)
            receipt.event = self.sealer.seal(receipt.draft)
            self._is_stopped |= is_stop
        except Exception as error:  # noqa: BLE001 - a draft that is none
            self.sealer.count_lost((), unsealed=1)
            settle_all([receipt], Place.LOST)
            self._log.note(
                logging.ERROR,
                "audit: an event is lost, it cannot be sealed: %s",
                summarize(error),
            )
        else:
            self._sealed.append(receipt)

    def settle(self, receipts: Sequence[Receipt], place: Place) -> None:
        """Say where events are, to whoever waits for them, and have the next event say what is to be said of these."""
        with self._lock:
            fresh = [receipt for receipt in receipts if receipt.place is None]
            if place is Place.SPOOL:
                self.sealer.mark(SPOOLED, _events(receipts))
            elif place is Place.LOST:
                self.sealer.count_lost(_events(fresh))
            for receipt in fresh:
                receipt.settle(place)
            if place is not Place.LOST:  # whoever gives up says so before looking: now it shows
                self.sealer.mark(LATE, _events([r for r in fresh if r.is_late]))
        settle_all(fresh, place)


def _is_stop(receipt: Receipt) -> bool:
    return receipt.draft.get("kind") == "stop"


def _events(receipts: Sequence[Receipt]) -> list[Event]:
    return [receipt.event for receipt in receipts if receipt.event is not None]
