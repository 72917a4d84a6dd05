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

Three more come for a moment. One prepares the spool when the keeper starts, one brings a large WAL in between two
transactions (`wal_checkpoints`), one writes to the log what the others have to say, whose handlers are the bot's: each
may hang, too. A loop that breaks off is begun anew, with what it left.

The end. `close` puts `stop` into the inbox; whoever comes after it is handed to the successor, which is the next
writer with a chain of its own. So is whoever comes when Python has begun to take itself apart: no thread runs any more
but the caller's, and the others may have been frozen with a lock in their hands. A writer that can have no threads
spools in the thread that calls, and waits for a lock no longer than for anything else.

Locks. The inbox's: what is sealed and what is not settled; held for computing only. The spool's: its file; whoever
prepares it and the keeper hold it while they write, and the storer, which wants to replay, does not wait for it. Only
these threads take them, never the second within the first. Either thread may hang in a system call for ever: the other
one goes on, and those who wait lose no more than their budget.

States, of the circuit breaker. Closed; failed (the last transaction did); stuck (something was overdue while the storer
was inside the database). In the last two it is open: new events are due at once.

Where to read on: `inbox` (order, sealing, settling), `storer`, `keeper`, `circuit_breaker`, `workers` (threads).
"""

import asyncio
import logging
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mexc_plugin.audit import events
from mexc_plugin.audit.ladders import Ladder
from mexc_plugin.audit.recorder import Place, Receipt, settle_all
from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.store.connect.engine import sqlite_path
from mexc_plugin.store.write.circuit_breaker import CircuitBreaker
from mexc_plugin.store.write.inbox import Inbox
from mexc_plugin.store.write.keeper import Keeper
from mexc_plugin.store.write.sealer import Sealer
from mexc_plugin.store.write.spool.spool_file import Spool
from mexc_plugin.store.write.storer import Storer
from mexc_plugin.store.write.workers import Pause, QuietLog

log = logging.getLogger("mexc_plugin")

# Of an event's budget, the part that the database has; the rest is for the spool.
SPOOL_SHARE = 0.7
# How long preparing may take: imports and the making of a new database, never a cancel.
PREPARE_S = {"file": 10.0, "server": 2.0}
DRAIN_S = 5.0


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
        self._is_file = sqlite_path(url) is not None
        self._successor = successor
        self._closing = False
        self._log = QuietLog(log)
        ladder = Ladder(self.writer_id, key) if key is not None else None
        sealer = Sealer(self.writer_id, time.time_ns(), ladder)
        self._inbox = Inbox(sealer, self._log, self._hand_over)
        self._spool = Spool(url, self.writer_id, spool_folder)
        self._breaker = CircuitBreaker(url, self._spool, self._log, is_permanent=spool_only)
        must_say = not self._is_file or spool_folder is not None
        self._keeper = Keeper(self._inbox, self._spool, self._breaker, self._log, must_say=must_say)
        self._storer = Storer(url, spool_folder, self._inbox, self._keeper, self._log)

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
        receipt = Receipt(draft, self._due(budget), loop)
        self._take(receipt, budget)
        return receipt

    def _due(self, budget: float) -> float:
        """When the keeper is to have what comes now."""
        return time.monotonic() + (0.0 if self._breaker.is_open else budget * SPOOL_SHARE)

    def _take(self, receipt: Receipt, patience: float = 0.0) -> None:
        if self._closing or self.is_frozen:
            self._hand_over(receipt)
        elif self._inbox.put(receipt):
            self._wake(receipt, patience)

    def _hand_over(self, receipt: Receipt) -> None:
        successor = self._successor() if self._successor else None
        if successor is None or successor is self:
            settle_all([receipt], Place.LOST)
        else:
            successor._take(receipt)  # noqa: SLF001 - of the same class

    def _wake(self, receipt: Receipt, patience: float = 0.0) -> None:
        """Have both threads see to it. patience: seconds there are to wait for locks, where no thread is to be had."""
        if self._start():
            self._storer.worker.ring()
            self._keeper.expect(receipt)
        else:
            self._keeper.rescue(patience)  # there is only this thread

    def _start(self) -> bool:
        """Have both threads running; False where there can be none now: then there is only the spool."""
        return self._storer.worker.start() and self._keeper.worker.start()

    @property
    def is_frozen(self) -> bool:
        """True when its threads will not run again: Python takes itself apart."""
        return sys.is_finalizing() and self._storer.worker.is_started

    def say(self, level: int, message: str, *args: object) -> None:
        """Write to the log, in a thread of its own."""
        if self._closing and self._successor:
            self._successor().say(level, message, *args)
            return
        self._log.note(level, message, *args)
        self._storer.worker.ring()

    def prepare(self) -> None:
        """Start the threads and wait until the database is open, refused, or merely slow."""
        if self._start():
            self._storer.ready.wait(PREPARE_S["file" if self._is_file else "server"])

    def close(self) -> None:
        """Settle all that waits, write `stop`, and end the threads. What cannot be stored is spooled."""
        if self._closing:
            return
        self._closing = True
        if self._inbox.was_used:
            self._spool.is_ending = True
            if not self._stop():
                self._stop()  # lost, with all that waited; what says so fits into what the spool has kept for it
        self._inbox.has_ended = True
        if self._storer.worker.is_started:
            self._storer.worker.ring()
            self._keeper.worker.ring()
            self._storer.ended.wait(1.0)

    def _stop(self) -> bool:
        """Write `stop`; False where it is lost."""
        budget = DRAIN_S / 2
        receipt = Receipt(events.stop_draft(time.time_ns()), self._due(budget))
        self._inbox.put(receipt)
        self._wake(receipt, budget)
        receipt.wait(DRAIN_S)
        return receipt.place is not Place.LOST

    # -- fork

    def before_fork(self) -> Pause | None:
        """Ask the storer to close its connection, so that the child inherits none; see `Pause`.

        SQLite's locks do not survive a fork, but its memory of them does: a child would write to a
        file that it has not locked, and lose all of it when the parent removes the WAL.
        """
        if not self._is_file or not self._storer.worker.is_started:
            return None
        self._storer.pause = pause = Pause()
        self._storer.worker.ring()
        return pause

    def after_fork(self) -> None:
        """In the parent: go on; the next event opens the database again."""
        pause, self._storer.pause = self._storer.pause, None
        if pause is not None:
            pause.over.open()

    def forget(self) -> None:
        """In a forked child: let go of what the parent owns without touching it."""
        self._closing = self._inbox.has_ended = True
        self._storer.database.forget()
        self._spool.forget()
