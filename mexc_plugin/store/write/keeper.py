"""The keeper: the thread that spools what the database has not taken in time."""

import contextlib
import logging
import math
import time

from mexc_plugin import real_threads
from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.config import SPOOL_VARIABLE
from mexc_plugin.store.connect.error_messages import summarize
from mexc_plugin.store.write.circuit_breaker import CircuitBreaker
from mexc_plugin.store.write.inbox import FOR_EVER, Inbox
from mexc_plugin.store.write.spool.spool_file import Spool
from mexc_plugin.store.write.workers import Latch, QuietLog, Worker

DORMANT_S = 1.0


class Keeper:
    """Sleeps until the oldest event is due, or for as long as nothing is.

    must_say: a spool that cannot be written is worth a word at once; beside a SQLite file the database says the same.
    tried: opens when the spool is prepared, or cannot be.
    """

    def __init__(
        self,
        inbox: Inbox,
        spool: Spool,
        breaker: CircuitBreaker,
        log: QuietLog,
        *,
        must_say: bool,
    ) -> None:
        self.tried = Latch()
        self.worker = Worker("mexc-plugin-spool", self._loop, log)
        self._inbox = inbox
        self.spool = spool
        self.breaker = breaker
        self._log = log
        self._must_say = must_say
        self._looks_at = math.inf

    def expect(self, receipt: Receipt) -> None:
        """Have it look in time for this one."""
        if receipt.due < self._looks_at:
            self.worker.ring()

    def _loop(self) -> None:
        # In a thread of its own: a disk that hangs must not keep this one from noticing that the database does, too.
        with contextlib.suppress(RuntimeError, MemoryError):
            real_threads.start_new_thread(self._prepare, ())
        while True:
            self._looks_at = math.inf  # whoever comes while we look, rings
            waiting = self._inbox.seal()
            if self._inbox.has_ended and not waiting:
                break
            now = time.monotonic()
            due = min([now + DORMANT_S, *(receipt.due for receipt in waiting)])
            if waiting and (self.breaker.is_open or due <= now):
                self.rescue()
            else:
                self._looks_at = due
                self.worker.wait(due - now)
            self._log.write()

    def _prepare(self) -> None:
        """Have the file ready, with room in it. Where it cannot be had, say so now, and not when events are lost by it."""
        try:
            with self.spool.lock:
                self.spool.prepare()
                if self._inbox.has_ended:
                    self.spool.close()
        except Exception as error:  # noqa: BLE001 - no more than a warning comes of it
            if self._must_say:
                self._log.note(
                    logging.WARNING,
                    "audit: the spool %s cannot be written (%s): events are lost whenever the database "
                    "is out of reach; name a folder for it with %s",
                    self.spool,
                    getattr(error, "strerror", None) or error,
                    SPOOL_VARIABLE,
                )
        finally:
            self.tried.open()

    def rescue(self, patience: float = FOR_EVER) -> None:
        """Spool all that is not settled: whoever dies now must leave no gap before what is durable.

        patience: how long to wait for each lock, in seconds; a caller's own thread does this where there is no other.
        """
        waiting = self._inbox.seal(patience)
        if not waiting:
            return
        self.breaker.miss()
        if not self.spool.lock.acquire(timeout=patience):
            return
        try:
            waiting = [receipt for receipt in waiting if receipt.place is None]
            if not waiting:
                return  # the storer had all of it meanwhile
            place = self._append(waiting)
        finally:
            self.spool.lock.release()
        self._inbox.settle(waiting, place)

    def _append(self, waiting: list[Receipt]) -> Place:
        try:
            self.spool.append([r.event for r in waiting if r.event is not None])
        except Exception as error:  # noqa: BLE001 - it must neither stop a cancel nor the thread
            self._log.note(
                logging.ERROR,
                "audit: %d events lost: the spool %s cannot be written either (%s)",
                len(waiting),
                self.spool,
                getattr(error, "strerror", None) or summarize(error),
            )
            return Place.LOST
        return Place.SPOOL
