"""The writer: two threads between those who record and the disks.

    any thread ── submit ──▶ inbox ──┬─▶ storer: seals, stores in groups ────────────▶ database
                                     └─▶ keeper: seals, spools what is overdue ──────▶ spool

Who calls. Any thread, a signal handler, `__del__`, a log handler, a coroutine. `submit` appends to a deque and puts a
token into a queue, both of which may be interrupted by themselves; it does no I/O, takes no lock, writes no log. The
caller then waits for its receipt, for what its budget allows, and goes on: settled or not, the event is kept.

The storer blocks until a token says that something is in the inbox. It seals all of it (so the order of the inbox is
that of the chain) and stores all that is not settled in one transaction. When the database fails it asks again every
PROBE_S, with what is still waiting or with nothing, and replays the spool when the database is back.

The keeper sleeps until the oldest event is due: SPOOL_SHARE of its budget after it came, or at once while an outage
lasts. Then it seals what the storer has not come to, and puts everything that is not settled into the spool: one
fsync for all, and no gap before what is durable. What the storer stores after all is found there again by the replay.

Two more come for a moment. One prepares the spool when the keeper starts, one brings a large WAL in between two
transactions (`wal_checkpoints`): either may hang, too. A loop that breaks off is begun anew, with what it left.

The end. `close` puts `stop` into the inbox; whoever comes after it is handed to the successor, which is the next
writer with a chain of its own. So is whoever comes when Python has begun to take itself apart: no thread runs any more
but the caller's, and the others may have been frozen with a lock in their hands. A writer that can have no threads
spools in the thread that calls, and waits for a lock no longer than for anything else.

Locks. `_chain`: the sealer and the list of what is outstanding; held for computing only. `_spool_lock`: the spool's
file; whoever prepares it and the keeper hold it while they write, and the storer, which wants to replay, does not wait
for it. Only these threads take them, never the second within the first. Either thread may hang in a system call for
ever: the other one goes on, and those who wait lose no more than their budget.

States. Healthy; failing (`_failing`: the last transaction failed); stuck (`_stuck_since`: something was overdue while the
storer was inside the database). In the last two, new events are due at once.
"""

import asyncio
import contextlib
import logging
import math
import sys
import time
import uuid
from _queue import SimpleQueue
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mexc_plugin import real_threads
from mexc_plugin.audit import events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ladders import Ladder
from mexc_plugin.audit.recorder import Place, Receipt, settle_all
from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.config import SPOOL_VARIABLE
from mexc_plugin.errors import MexcPluginError
from mexc_plugin.store.connect import recent
from mexc_plugin.store.connect.engine import BUSY_TIMEOUT_MS, describe, mask, sqlite_path
from mexc_plugin.store.write import sealer, spool_replay
from mexc_plugin.store.write import spool as spools
from mexc_plugin.store.write.inserts import Database
from mexc_plugin.store.write.workers import Pause, QuietLog, Worker, wait_for

log = logging.getLogger("mexc_plugin")

QUEUE_LIMIT = 10_000
# Of an event's budget, the part that the database has; the rest is for the spool.
SPOOL_SHARE = 0.7
# The database was stuck for as long: from then on nobody waits for it.
OUTAGE_S = 0.35
PROBE_S = 0.5
DORMANT_S = 1.0
# How long preparing may take: imports and the making of a new database, never a cancel.
PREPARE_S = {"file": 10.0, "server": 2.0}
DRAIN_S = 5.0
# For a lock, as it is written.
FOR_EVER = -1.0


class Writer:
    """Implements `audit.recorder.Recorder` for one database.

    spool_folder: the one that the settings name for events that wait; None is the usual place.
    spool_only: never open the database. For a child that was forked while its parent's connection could not be
    closed: SQLite would trust locks that the child does not have. And for the last moments of Python.
    key: what ties the events to whoever has it; None is nobody.
    successor: who takes what comes when this one has ended; without one, that is lost.
    """

    def __init__(
        self,
        url: str,
        spool_folder: Path | None = None,
        *,
        spool_only: bool = False,
        key: PrivateKey | None = None,
        successor: "Callable[[], Writer] | None" = None,
    ) -> None:
        self.writer_id = str(uuid.uuid4())
        self._url = url
        self._is_file = sqlite_path(url) is not None
        self._spool_only = spool_only
        self._successor = successor
        self._database = Database(url, BUSY_TIMEOUT_MS)
        self._spool_folder = spool_folder
        self._spool = spools.Spool(url, self.writer_id, spool_folder)
        ladder = Ladder(self.writer_id, key) if key is not None else None
        self._sealer = sealer.Sealer(self.writer_id, time.time_ns(), ladder)
        self._chain = real_threads.allocate_lock()
        self._spool_lock = real_threads.allocate_lock()
        self._inbox: deque[Receipt] = deque()
        self._outstanding: deque[Receipt] = deque()  # sealed, not settled; the chain lock's
        self._dropped: SimpleQueue[None] = SimpleQueue()
        self._log = QuietLog(log)
        self._storer = Worker("mexc-plugin-audit", self._store_loop, self._log)
        self._keeper = Worker("mexc-plugin-spool", self._keep_loop, self._log)
        self._ready: SimpleQueue[None] = SimpleQueue()
        self._spool_tried: SimpleQueue[None] = SimpleQueue()
        self._closed: SimpleQueue[None] = SimpleQueue()
        self._pause: Pause | None = None
        self._failing = False
        self._is_outage = False
        self._stuck_since: float | None = None
        self._keeper_looks_at = math.inf
        self._closing = False
        self._stopped = False  # `stop` is sealed; the chain lock's
        self._ended = False

    # -- the side of those who record

    def commit(self, draft: Mapping[str, Any], budget: float) -> Place:
        """Hand an event over and wait in this thread, at most `budget` seconds."""
        receipt = self.submit(draft, budget)
        return receipt.place if receipt.wait(budget) and receipt.place else receipt.give_up()

    def submit(
        self,
        draft: Mapping[str, Any],
        budget: float = 1.0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Receipt:
        """Hand an event over. Returns at once; what does not fit any more is lost, which is counted."""
        is_down = self.is_down
        now = time.monotonic()
        receipt = Receipt(draft, now if is_down else now + budget * SPOOL_SHARE, loop)
        self._take(receipt, budget)
        return receipt

    def _take(self, receipt: Receipt, patience: float = 0.0) -> None:
        """Into the inbox; or to the successor. patience: what there is to wait, where no thread is to be had."""
        if self._closing or self.is_frozen:
            self._hand_over(receipt)
            return
        if len(self._inbox) >= QUEUE_LIMIT:
            self._dropped.put(None)
            settle_all([receipt], Place.LOST)
            return
        self._inbox.append(receipt)
        if not self._start():
            self._rescue(patience)  # there is only this thread
            return
        self._storer.ring()
        if receipt.due < self._keeper_looks_at:
            self._keeper.ring()

    def _hand_over(self, receipt: Receipt) -> None:
        successor = self._successor() if self._successor else None
        if successor is None or successor is self:
            settle_all([receipt], Place.LOST)
        else:
            successor._take(receipt)  # noqa: SLF001 - of the same class

    @property
    def is_frozen(self) -> bool:
        """True when its threads will not run again: Python takes itself apart."""
        return sys.is_finalizing() and self._storer.is_started

    def say(self, level: int, message: str, *args: object) -> None:
        """Write to the log, in a thread of our own."""
        if self._closing and self._successor:
            self._successor().say(level, message, *args)
            return
        self._log.note(level, message, *args)
        self._storer.ring()

    @property
    def is_down(self) -> bool:
        """True while the database is known not to answer: waiting for it is time lost."""
        stuck = self._stuck_since
        return (
            self._failing
            or self._spool_only
            or (stuck is not None and time.monotonic() - stuck > OUTAGE_S)
        )

    def prepare(self) -> None:
        """Start the threads and wait until the database is open, refused, or merely slow."""
        if self._start() and wait_for(
            self._ready, PREPARE_S["file" if self._is_file else "server"]
        ):
            self._ready.put(None)  # for the next one who asks

    def close(self) -> None:
        """Settle all that waits, write `stop`, and end the threads. What cannot be stored is spooled."""
        if self._closing:
            return
        self._closing = True
        if self._sealer.seq or self._inbox:
            self._spool.is_ending = True
            if not self._stop():
                self._stop()  # lost, with all that waited; what says so fits into what the spool has kept for it
        self._ended = True
        if self._storer.is_started:
            self._storer.ring()
            self._keeper.ring()
            wait_for(self._closed, 1.0)

    def _stop(self) -> bool:
        """Write `stop`; False where it is lost."""
        budget = DRAIN_S / 2
        receipt = Receipt(
            events.stop_draft(time.time_ns()), time.monotonic() + budget * SPOOL_SHARE
        )
        self._inbox.append(receipt)
        if self._start():
            self._storer.ring()
            self._keeper.ring()
        else:
            self._rescue(budget)
        receipt.wait(DRAIN_S)
        return receipt.place is not Place.LOST

    # -- fork

    def before_fork(self) -> "Pause | None":
        """Ask the storer to close its connection, so that the child inherits none; see `Pause`.

        SQLite's locks do not survive a fork, but its memory of them does: a child would write to a
        file that it has not locked, and lose all of it when the parent removes the WAL.
        """
        if not self._is_file or not self._storer.is_started:
            return None
        self._pause = pause = Pause()
        self._storer.ring()
        return pause

    def after_fork(self) -> None:
        """In the parent: go on; the next event opens the database again."""
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.resume.put(None)

    def forget(self) -> None:
        """In a forked child: let go of what the parent owns without touching it."""
        self._closing = self._ended = True
        self._database.forget()
        self._spool.forget()

    # -- sealing; the chain lock is held

    def _seal_inbox(self) -> list[Receipt]:
        """Seal what has come, in its order; returns all that is not settled."""
        while not self._dropped.empty():
            self._dropped.get()
            self._sealer.count_lost((), unsealed=1)
        while self._inbox:
            receipt = self._inbox.popleft()
            try:
                is_stop = receipt.draft.get("kind") == "stop"
                if self._stopped and not is_stop:
                    self._hand_over(receipt)  # it came as we were closed
                    continue
                start = self._sealer.start()
                if start is not None:
                    self._outstanding.append(_sealed(start, receipt.due))
                receipt.event = self._sealer.seal(receipt.draft)
                self._stopped |= is_stop
            except Exception as error:  # noqa: BLE001 - a draft that is none
                self._sealer.count_lost((), unsealed=1)
                settle_all([receipt], Place.LOST)
                self._log.note(
                    logging.ERROR,
                    "audit: an event is lost, it cannot be sealed: %s",
                    _reason(error),
                )
            else:
                self._outstanding.append(receipt)
        while self._outstanding and self._outstanding[0].place is not None:
            self._outstanding.popleft()
        return [receipt for receipt in self._outstanding if receipt.place is None]

    # -- the storer

    def _store_loop(self) -> None:
        self._open()
        self._sealer.look_up()
        next_probe = 0.0
        while not (self._ended and not self._inbox):
            is_probing = self._failing or self._spool.is_open
            self._log.write()
            self._storer.wait(max(0.0, next_probe - time.monotonic()) if is_probing else None)
            if self._pause is not None:
                self._hold_still(self._pause)
            with self._chain:
                batch = self._seal_inbox()
            is_due = time.monotonic() >= next_probe or self._ended
            # While it fails the keeper has what comes, and we ask now and then whether it is back.
            if (batch and not self._failing) or (is_probing and is_due):
                self._store(batch)
                next_probe = time.monotonic() + PROBE_S
                self._database.tidy()
        if self._failing or self._spool.is_open:
            self._store([])  # a last try: the database may be back
        self._database.close()
        wait_for(self._spool_tried, 0.05)  # what is wrong with it is to be said
        if self._spool_lock.acquire(timeout=0.05):
            self._spool.close()
            self._spool_lock.release()
        self._log.write()
        self._closed.put(None)

    def _open(self) -> None:
        self._database.close()  # where the loop before this one ended in the middle of something
        if self._spool_only:
            self._ready.put(None)
            return
        try:
            if not self._database.load() and self._is_file:
                # An existing file opens in milliseconds or is broken: nobody needs to wait for that.
                self._ready.put(None)
            self._database.open()
            recent.remember_soon(self._url)
            self._replay_abandoned()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop a cancel
            self._fail(error)
        finally:
            self._ready.put(None)

    def _hold_still(self, pause: "Pause") -> None:
        self._database.close()
        if not self._database.is_tidying:  # with a connection of its own
            pause.closed.put(None)
        wait_for(pause.resume, 60.0)

    def _store(self, batch: list[Receipt]) -> None:
        if self._spool_only:
            return
        try:
            self._insert(batch)
        except Exception as error:  # noqa: BLE001 - no database error ever reaches a bot
            self._fail(error)
            return
        self._settle(batch, Place.DATABASE)
        self._stuck_since = None
        try:
            if self._spool.is_open:
                self._replay_own()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
            return
        self._failing = False
        if self._is_outage and not self._spool.is_open:
            self._is_outage = False
            self._log.note(logging.WARNING, "audit: the database is back, the spool is replayed")

    def _insert(self, receipts: list[Receipt]) -> None:
        batch = [receipt.event for receipt in receipts if receipt.event is not None]
        if self._failing:
            # Even of nothing: it asks whether the database is back.
            self._database.insert_missing(batch)
            return
        if not batch:
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
        """In batches, and the spool free in between: an event may need it while the database waits."""
        position, start = 0, -1
        while position != start:
            start = position
            if not self._spool_lock.acquire(timeout=0.05):
                return  # the keeper writes, or hangs; next time
            try:
                batch, position = self._spool.take(start)
                if position == start:
                    self._spool.clear()
            finally:
                self._spool_lock.release()
            if batch:
                conflicts: list[Event] = []
                self._database.insert_missing(batch, conflicts)
                self._spool.set_aside(conflicts)

    def _replay_abandoned(self) -> None:
        for path, stored, torn in spool_replay.replay(
            self._url, self._database, self._spool.path, self._spool_folder
        ):
            self._log.note(
                logging.WARNING,
                "audit: %d events replayed from the spool %s of an earlier process%s",
                stored,
                path.name,
                f"; {torn} torn lines kept aside" if torn else "",
            )

    def _fail(self, error: BaseException) -> None:
        self._failing = True
        self._keeper.ring()
        self._database.close()
        self._note_outage(_reason(error))

    # -- the keeper

    def _keep_loop(self) -> None:
        # In a thread of its own: a disk that hangs must not keep this one from noticing that the database does, too.
        with contextlib.suppress(RuntimeError, MemoryError):
            real_threads.start_new_thread(self._prepare_spool, ())
        while True:
            self._keeper_looks_at = math.inf  # whoever comes while we look, rings
            with self._chain:
                waiting = self._seal_inbox()
            if self._ended and not waiting:
                break
            now = time.monotonic()
            due = min([now + DORMANT_S, *(receipt.due for receipt in waiting)])
            if waiting and (self.is_down or due <= now):
                self._rescue()
            else:
                self._keeper_looks_at = due
                self._keeper.wait(due - now)
            self._log.write()

    def _prepare_spool(self) -> None:
        """Have the file ready, with room in it. Where it cannot be had, say so now, and not when events are lost by it."""
        try:
            with self._spool_lock:
                self._spool.prepare()
                if self._ended:
                    self._spool.close()
        except Exception as error:  # noqa: BLE001 - no more than a warning comes of it
            if self._is_file and self._spool_folder is None:
                return  # beside a SQLite file it can be written if the database can
            self._log.note(
                logging.WARNING,
                "audit: the spool %s cannot be written (%s): events are lost whenever the database "
                "is out of reach; name a folder for it with %s",
                self._spool,
                getattr(error, "strerror", None) or error,
                SPOOL_VARIABLE,
            )
            self._log.write()
        finally:
            self._spool_tried.put(None)

    def _rescue(self, patience: float = FOR_EVER) -> None:
        """Spool all that is not settled: whoever dies now must leave no gap before what is durable.

        patience: how long to wait for each lock; the thread of a caller may hold it itself.
        """
        if not self._chain.acquire(timeout=patience):
            return
        try:
            waiting = self._seal_inbox()
        finally:
            self._chain.release()
        if not waiting:
            return
        if self._stuck_since is None:
            self._stuck_since = time.monotonic()
            if not self._spool_only:
                self._note_outage("it does not answer in time")
        if not self._spool_lock.acquire(timeout=patience):
            return
        try:
            settled, place = self._spool_them(waiting)
        finally:
            self._spool_lock.release()
        self._settle(settled, place)

    def _spool_them(self, waiting: list[Receipt]) -> tuple[list[Receipt], Place]:
        """Append what is still not settled, and have the next event say so. The spool lock is held."""
        batch = [(r, r.event) for r in waiting if r.place is None and r.event is not None]
        spooled = [event for _, event in batch]
        place = Place.SPOOL
        try:
            self._spool.append(spooled)
        except Exception as error:  # noqa: BLE001 - it must neither stop a cancel nor the thread
            place = Place.LOST
            self._log.note(
                logging.ERROR,
                "audit: %d events lost: the spool %s cannot be written either (%s)",
                len(batch),
                self._spool,
                getattr(error, "strerror", None) or _reason(error),
            )
        with self._chain:
            if place is Place.SPOOL:
                self._sealer.mark(sealer.SPOOLED, spooled)
            else:
                self._sealer.count_lost(spooled)
        return [receipt for receipt, _ in batch], place

    # -- both

    def _settle(self, receipts: Iterable[Receipt], place: Place) -> None:
        settled = list(receipts)
        late = [r.event for r in settled if r.place is None and r.is_late and r.event is not None]
        settle_all(settled, place)
        if late and place is not Place.LOST:
            with self._chain:
                self._sealer.mark(sealer.LATE, late)

    def _start(self) -> bool:
        """Have both threads running; False where there can be none now: then there is only the spool."""
        return self._storer.start() and self._keeper.start()

    def _note_outage(self, reason: str) -> None:
        self._log.note(
            logging.DEBUG if self._is_outage else logging.ERROR,
            "audit: the database %s cannot be used: %s; events go to the spool %s until it is back",
            describe(self._url),
            reason,
            self._spool,
        )
        self._is_outage = True


def _sealed(event: Event, due: float) -> Receipt:
    receipt = Receipt({}, due)
    receipt.event = event
    return receipt


def _reason(error: BaseException) -> str:
    """One line that holds no password and no statement."""
    if isinstance(error, MexcPluginError):
        return str(error)
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [""]
    return mask(f"{type(original).__name__}: {lines[0]}")[:300]
