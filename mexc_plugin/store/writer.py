"""The writer: one thread for each process and database, group commit, and the failure policy.

An event is sealed (sequence, hash) when it is submitted, and durable when its receipt is settled:
in the database, or, when that is broken or slower than the deadline, in the spool. Everything that
waits goes into one transaction. Nothing here raises a database error to the one who submits.
"""

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.errors import MexcPluginError
from mexc_plugin.store import late
from mexc_plugin.store import spool as spools
from mexc_plugin.store.database import Database
from mexc_plugin.store.engine import BUSY_TIMEOUT_MS, describe, mask, sqlite_path

log = logging.getLogger("mexc_plugin")

QUEUE_LIMIT = 10_000
CIRCUIT_SECONDS = 5.0
# How long preparing may take: imports and the making of a new database, never a cancel.
PREPARE_SECONDS = {"file": 10.0, "server": 2.0}
DRAIN_SECONDS = 5.0
# Longer than any wait for a lock of SQLite.
FORK_SECONDS = 6.0


class Writer:
    """Implements `audit.recorder.Recorder` for one database."""

    def __init__(self, url: str) -> None:
        self.writer_id = str(uuid.uuid4())
        self._url = url
        self._born_ns = time.time_ns()
        self._start: dict[str, Any] | None = None
        # The thread may wait longer than any deadline: those who wait for it have their own.
        self._database = Database(url, BUSY_TIMEOUT_MS)
        self._spool = spools.Spool(url, self.writer_id)
        self._is_file = sqlite_path(url) is not None
        self._database_lock = threading.Lock()
        self._chain_lock = threading.Lock()
        self._spool_lock = threading.Lock()
        self._wake = threading.Condition(threading.Lock())
        self._queue: deque[Receipt] = deque()
        self._unsettled: deque[Receipt] = deque()  # in the order of the chain; the chain lock's
        self._seq = 0
        self._last_hash = chain.GENESIS
        self._lost = 0
        self._spooled: dict[str, int] | None = None  # since the last event that said so
        self._failures = 0
        self._down_until = 0.0  # on the monotonic clock
        self._busy_and_late = False  # the thread is inside the database, and overdue
        self._ready = threading.Event()
        self._prepared = False
        self._closing = False
        self._forking = False
        self._thread: threading.Thread | None = None

    # -- the side of those who record

    def commit(self, draft: Mapping[str, Any], deadline: float) -> Place:
        """Seal a draft and wait in this thread until it is durable; past the deadline, spool it.

        Where nobody else writes, this thread commits itself: a handover to the writer's thread and
        back costs as much as the commit. Only for a file: a frozen server could hold this thread.
        """
        if self._is_file and not self._failures and self._database_lock.acquire(blocking=False):
            try:
                if self._database.is_open and not self._closing:
                    place = self._commit_here(draft, deadline)
                    if place is not None:
                        return place
            finally:
                self._database_lock.release()
        receipt = self.submit(draft)
        return receipt.wait(0 if self.is_down else deadline) or self.rescue(receipt)

    def submit(
        self, draft: Mapping[str, Any], loop: asyncio.AbstractEventLoop | None = None
    ) -> Receipt:
        """Seal a draft and queue it. Returns at once; a full queue spools it right here."""
        with self._chain_lock:
            receipts = self._receipts(draft, loop)
            queued = [self._enqueue(receipt) for receipt in receipts]
        if not all(queued):
            self.rescue(receipts[-1])
        return receipts[-1]

    @property
    def is_down(self) -> bool:
        """True while the database is known not to answer: waiting for it is time lost."""
        return self._busy_and_late or time.monotonic() < self._down_until

    def rescue(self, receipt: Receipt) -> Place:
        """Spool an event that the database did not take in time. One fsync, or the loss is counted."""
        if receipt.place is None:
            if not self.is_down:
                self._fail("it did not answer within the deadline")
                self._busy_and_late = True
            # All that is under way goes with it: whoever dies now must not leave a gap before it,
            # and one fsync is enough for all.
            self._to_spool(self._under_way())
        return receipt.place or Place.LOST

    @property
    def is_prepared(self) -> bool:
        """True once somebody has waited for the opening: that is done once, and not by a cancel."""
        return self._prepared

    def prepare(self) -> None:
        """Start the thread and wait until the database is open, refused, or merely slow."""
        with self._chain_lock:
            started = self._start_thread()
        if started:
            kind = "file" if self._is_file else "server"
            self._ready.wait(PREPARE_SECONDS[kind])
        self._prepared = True

    def close(self) -> None:
        """Drain the queue, write `stop`, and end the thread. What cannot be written is spooled."""
        with self._chain_lock:
            if self._closing:
                return
            if self._seq:
                for receipt in self._receipts(events.stop_draft(time.time_ns()), None):
                    self._enqueue(receipt)
            with self._wake:
                self._closing = True
                self._wake.notify()
        if self._thread is not None:
            self._thread.join(DRAIN_SECONDS)
        self._to_spool(self._under_way())
        with self._spool_lock:
            self._spool.close()

    def before_fork(self) -> None:
        """Close the connection, so that the child inherits none.

        SQLite's locks do not survive a fork, but its memory of them does: a child would write to a
        file that it has not locked, and lose all of it when the parent removes the WAL.
        """
        if self._database_lock.acquire(timeout=FORK_SECONDS):
            self._forking = True
            self._database.close()

    def after_fork(self) -> None:
        """In the parent: go on; the next event opens the database again."""
        if self._forking:
            self._forking = False
            self._database_lock.release()

    def forget(self) -> None:
        """In a forked child: let go of what the parent owns without touching it."""
        self._closing = True
        self._database.forget()
        self._spool.close()

    def _commit_here(self, draft: Mapping[str, Any], deadline: float) -> Place | None:
        """Commit in this thread; None where something is under way, which has to come first.

        Otherwise whoever is killed in between leaves a gap before what was committed.
        """
        with self._chain_lock:
            if any(receipt.place is None for receipt in self._unsettled):
                return None
            receipts = self._receipts(draft, None)
        try:
            self._database.insert(
                [receipt.event for receipt in receipts], wait_ms=max(1, int(deadline * 1000))
            )
        except BaseException as error:
            # An interrupt as well: the event has its place in the chain and must not be missing.
            self._fail(_reason(error))
            self._database.close()
            self._to_spool(receipts)
            if not isinstance(error, Exception):
                raise
        else:
            self._settle(receipts, Place.DATABASE)
        return receipts[-1].place or Place.LOST

    # -- sealing; the chain lock is held

    def _receipts(
        self, draft: Mapping[str, Any], loop: asyncio.AbstractEventLoop | None
    ) -> list[Receipt]:
        """The receipt of a draft, after that of `start` when it is the first."""
        receipts = []
        if self._seq == 0:
            start = self._start or events.start_draft(self._born_ns)
            receipts.append(Receipt(self._seal(start)))
        receipts.append(Receipt(self._seal(draft), loop))
        self._unsettled.extend(receipts)
        while self._unsettled[0].place is not None:
            self._unsettled.popleft()
        return receipts

    def _seal(self, draft: Mapping[str, Any]) -> Event:
        if self._lost:
            draft = {**draft, "lost": self._lost}
            self._lost = 0
        if self._spooled:
            draft = {**draft, late.FIELD: self._spooled}
            self._spooled = None
        self._seq += 1
        event = events.seal(draft, self.writer_id, self._seq, self._last_hash)
        self._last_hash = event.hash
        return event

    def _enqueue(self, receipt: Receipt) -> bool:
        if not self._start_thread():
            return False
        with self._wake:
            if len(self._queue) >= QUEUE_LIMIT or self._closing:
                return False
            self._queue.append(receipt)
            self._wake.notify()
        return True

    def _start_thread(self) -> bool:
        """False when there can be no thread now: then there is only the spool."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="mexc-plugin-audit", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:  # of the process, or as Python ends
                self._fail(_reason(error))
                return False
            self._thread = thread
        return True

    # -- the writer's thread

    def _run(self) -> None:
        self._open()
        with contextlib.suppress(Exception):  # then the first cancel says it, or cannot
            self._start = events.start_draft(self._born_ns)  # reads files
        while self._wait_for_work():
            self._store(self._take())
        if self._failures or self._spool.is_open:
            self._store([])  # a last try: the database may be back
        with self._database_lock:
            self._database.close()

    def _wait_for_work(self) -> bool:
        """True when something waits or a spool may be replayed; False when closed and drained."""
        with self._wake:
            while not self._queue and not self._closing:
                waits = self._failures or self._spool.is_open
                pause = max(self._down_until - time.monotonic(), 0.05) if waits else None
                if not self._wake.wait(pause) and not self._is_resting():
                    return True
            return bool(self._queue)

    def _take(self) -> list[Receipt]:
        # What was spooled meanwhile is replayed from there.
        with self._wake:
            batch = [receipt for receipt in self._queue if receipt.place is None]
            self._queue.clear()
        return batch

    def _is_resting(self) -> bool:
        return time.monotonic() < self._down_until

    def _open(self) -> None:
        with self._database_lock:
            self._open_now()

    def _open_now(self) -> None:
        try:
            if not self._database.load():
                self._ready_unless_server()
            self._database.open()
            self._replay_abandoned()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop a cancel
            self._fail(_reason(error))
            self._database.close()
        finally:
            self._ready.set()

    def _ready_unless_server(self) -> None:
        # An existing file opens in milliseconds or is broken: that is the deadline's business.
        if self._is_file:
            self._ready.set()

    def _store(self, batch: list[Receipt]) -> None:
        if self._is_resting() and not self._closing:
            self._to_spool(batch)
            return
        with self._database_lock:
            self._store_now(batch)

    def _store_now(self, batch: list[Receipt]) -> None:
        try:
            self._insert(batch)
            self._settle(batch, Place.DATABASE)
            if self._failures or self._spool.is_open:
                self._replay_own()
            if self._failures:
                self._restored()
        except Exception as error:  # noqa: BLE001 - no database error ever reaches a bot
            self._fail(_reason(error))
            self._database.close()
            self._to_spool(batch)
        finally:
            self._busy_and_late = False

    def _insert(self, receipts: list[Receipt]) -> None:
        batch = [receipt.event for receipt in receipts]
        if self._failures or any(receipt.place is not None for receipt in receipts):
            # Even of nothing: it asks whether the database is back.
            self._database.insert_missing(batch)
            return
        was_open = self._database.is_open
        try:
            self._database.insert(batch, wait_ms=BUSY_TIMEOUT_MS)
        except Exception as error:
            if not was_open or isinstance(error, MexcPluginError):
                raise
            # A server closes connections that were idle for long: a fresh one decides.
            self._database.close()
            self._database.insert_missing(batch)

    def _replay_own(self) -> None:
        """In batches, and the spool free in between: a cancel may need it while the database waits."""
        position, start = 0, -1
        while position != start:
            start = position
            with self._spool_lock:
                batch, position = self._spool.take(start)
                if position == start:
                    self._spool.clear()
            if batch:
                conflicts: list[Event] = []
                self._database.insert_missing(batch, conflicts)
                self._spool.set_aside(conflicts)

    def _replay_abandoned(self) -> None:
        for path, stored, torn in spools.replay(self._url, self._database, self._spool.path):
            log.warning(
                "audit: %d events replayed from the spool %s of an earlier process%s",
                stored,
                path.name,
                f"; {torn} torn lines kept aside" if torn else "",
            )

    # -- failure

    def _under_way(self) -> list[Receipt]:
        with self._chain_lock:
            return [receipt for receipt in self._unsettled if receipt.place is None]

    def _to_spool(self, receipts: Iterable[Receipt]) -> None:
        with self._spool_lock:
            waiting = [receipt for receipt in receipts if receipt.place is None]
            if not waiting:
                return
            try:
                self._spool.append([receipt.event for receipt in waiting])
                place = Place.SPOOL
                with self._chain_lock:
                    self._spooled = late.merged(self._spooled, late.mark(r.event for r in waiting))
            except Exception as error:  # noqa: BLE001 - it must neither stop a cancel nor the thread
                place = Place.LOST
                self._count_lost(waiting, error)
            self._settle(waiting, place)

    def _count_lost(self, receipts: list[Receipt], error: Exception) -> None:
        count = len(receipts)
        with self._chain_lock:
            # What a lost event was to say of earlier ones, the next one has to say.
            self._lost += count + sum(events.losses(receipt.event) for receipt in receipts)
            self._spooled = late.merged(self._spooled, *(late.said(r.event) for r in receipts))
        log.error(
            "audit: %d events lost: the spool %s cannot be written either (%s)",
            count,
            self._spool.path,
            getattr(error, "strerror", None) or _reason(error),
        )

    def _fail(self, reason: str) -> None:
        with self._wake:
            self._down_until = time.monotonic() + CIRCUIT_SECONDS
            self._failures += 1
            self._wake.notify()  # the thread has to try again later
        log.log(
            logging.ERROR if self._failures == 1 else logging.DEBUG,
            "audit: the database %s cannot be used: %s; events go to the spool %s until it is back",
            describe(self._url),
            reason,
            self._spool.path,
        )

    def _restored(self) -> None:
        log.warning(
            "audit: the database is back after %d failures, the spool is replayed", self._failures
        )
        self._failures = 0
        self._down_until = 0.0

    # -- settling

    @staticmethod
    def _settle(receipts: Iterable[Receipt], place: Place) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for receipt in receipts:
            receipt.settle(place)
            if receipt.loop is not None and receipt.future is not None:
                loops.setdefault(receipt.loop, []).append(receipt.future)
        for loop, futures in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, futures)
            except RuntimeError:
                continue  # the loop is closed: nobody waits there any more


def _resolve(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _reason(error: BaseException) -> str:
    """One line that holds no password and no statement."""
    if isinstance(error, MexcPluginError):
        return str(error)
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [""]
    return mask(f"{type(original).__name__}: {lines[0]}")[:300]
