"""The storer: the thread that has the database. It stores in groups, asks whether it is back, and replays the spool."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.errors import MexcPluginError
from mexc_plugin.store.connect import recent
from mexc_plugin.store.connect.engine import BUSY_TIMEOUT_MS, sqlite_path
from mexc_plugin.store.connect.error_messages import summarize
from mexc_plugin.store.write.inbox import Inbox
from mexc_plugin.store.write.keeper import Keeper
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_replay
from mexc_plugin.store.write.workers import Latch, Pause, QuietLog, Worker

if TYPE_CHECKING:
    from mexc_plugin.audit.events import Event

PROBE_S = 0.5
# How long the end waits for what is to be said.
SAY_S = 0.5
# How long a fork may last before the storer goes on.
FORK_S = 60.0


class Storer:
    """The database of one writer, and its thread.

    ready: opens when the database is open, refused, or merely slow. ended: opens when the thread has ended.
    pause: a fork for which it is to hold still.
    """

    def __init__(
        self, url: str, spool_folder: Path | None, inbox: Inbox, keeper: Keeper, log: QuietLog
    ) -> None:
        self.database = Database(url, BUSY_TIMEOUT_MS, log.note)
        self.worker = Worker("mexc-plugin-audit", self._loop, log)
        self.ready = Latch()
        self.ended = Latch()
        self.pause: Pause | None = None
        self._url = url
        self._spool_folder = spool_folder
        self._inbox = inbox
        self._keeper = keeper
        self._spool = keeper.spool
        self._breaker = keeper.breaker
        self._log = log
        self._replayed = 0  # up to which byte of the spool its events are in the database
        self._is_stuck = False  # that it cannot be replayed was said

    def _loop(self) -> None:
        self._open()
        self._inbox.sealer.look_up()
        next_probe = 0.0
        while not (self._inbox.has_ended and not self._inbox):
            is_probing = self._is_probing()
            self._log.write()
            self.worker.wait(max(0.0, next_probe - time.monotonic()) if is_probing else None)
            if self.pause is not None:
                self._hold_still(self.pause)
            batch = self._inbox.seal()
            is_due = time.monotonic() >= next_probe or self._inbox.has_ended
            # While it fails the keeper has what comes, and we ask now and then whether it is back.
            if (batch and not self._breaker.has_failed) or (is_probing and is_due):
                self._store(batch)
                next_probe = time.monotonic() + PROBE_S
                self.database.tidy()
        if self._is_probing():
            self._store([])  # a last try: the database may be back
        self.database.close()
        self._keeper.tried.wait(0.05)  # what is wrong with it is to be said
        if self._spool.lock.acquire(timeout=0.05):
            self._spool.close()
            self._spool.lock.release()
        self._log.write(SAY_S)
        self.ended.open()

    def _is_probing(self) -> bool:
        return self._breaker.has_failed or self._spool.is_open

    def _open(self) -> None:
        self.database.close()  # where the loop before this one ended in the middle of something
        self._replayed = 0
        try:
            if self._breaker.is_permanent:
                return
            if not self.database.load() and sqlite_path(self._url) is not None:
                # An existing file opens in milliseconds or is broken: nobody needs to wait for that.
                self.ready.open()
            self.database.open()
            recent.remember_soon(self._url)
            self._replay_abandoned()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop a cancel
            self._fail(error)
        finally:
            self.ready.open()

    def _hold_still(self, pause: Pause) -> None:
        self.database.close()
        if not self.database.is_tidying:  # with a connection of its own
            pause.closed.open()
        pause.over.wait(FORK_S)

    def _store(self, batch: list[Receipt]) -> None:
        if self._breaker.is_permanent:
            return
        try:
            self._insert(batch)
        except Exception as error:  # noqa: BLE001 - no database error ever reaches a bot
            self._fail(error)
            return
        self._inbox.settle(batch, Place.DATABASE)
        self._breaker.answer()
        try:
            if self._spool.is_open:
                self._replay_own()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        else:
            self._breaker.close()

    def _insert(self, receipts: list[Receipt]) -> None:
        batch = [receipt.event for receipt in receipts if receipt.event is not None]
        if self._breaker.has_failed:
            # Even of nothing: it asks whether the database is back.
            self.database.insert_missing(batch)
            return
        if not batch:
            return
        was_open = self.database.is_open
        try:
            self.database.insert(batch, wait_ms=BUSY_TIMEOUT_MS)
        except Exception as error:
            if not was_open or isinstance(error, MexcPluginError):
                raise
            # A server closes connections that were idle for long: a fresh one decides.
            self.database.close()
            self.database.insert_missing(batch)

    def _replay_own(self) -> None:
        """In batches, and the spool free in between: an event may need it while the database waits.

        A spool that cannot be read or taken away is no trouble of the database's: that goes on taking events.
        """
        while True:
            start = self._replayed
            if not self._spool.lock.acquire(timeout=0.05):
                return  # the keeper writes, or hangs; next time
            try:
                batch, position = self._spool.take(start)
                kept = self._spool.clear() if position == start else None
            except OSError as error:
                self._say_stuck(error)
                if not self._spool.is_open:  # it was, but for the room in it
                    self._replayed = 0
                return
            finally:
                self._spool.lock.release()
            if kept is not None:
                self._log.note(
                    logging.WARNING,
                    "audit: lines of the spool could not be read back; it is kept as %s",
                    kept,
                )
            if position == start:
                self._replayed, self._is_stuck = 0, False
                return
            conflicts: list[Event] = []
            if batch:
                self.database.insert_missing(batch, conflicts)
            try:
                self._spool.set_aside(conflicts, self._log.note)
            except OSError as error:
                self._say_stuck(error)
                return
            self._replayed = position

    def _say_stuck(self, error: OSError) -> None:
        self._log.note(
            logging.DEBUG if self._is_stuck else logging.WARNING,
            "audit: the spool %s cannot be replayed to its end (%s); the database takes what comes, and it is tried again",
            self._spool,
            error.strerror or error,
        )
        self._is_stuck = True

    def _replay_abandoned(self) -> None:
        for path, stored, torn in spool_replay.replay(
            self._url, self.database, self._spool.path, self._spool_folder, self._log.note
        ):
            self._log.note(
                logging.WARNING,
                "audit: %d events replayed from the spool %s of an earlier process%s",
                stored,
                path.name,
                f"; {torn} torn lines kept aside" if torn else "",
            )

    def _fail(self, error: BaseException) -> None:
        self._breaker.fail(summarize(error))
        self._keeper.worker.ring()
        self.database.close()
