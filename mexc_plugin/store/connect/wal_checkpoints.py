"""A WAL that a reader held back for long is brought into the file beside the cancels, never in one's commit.

SQLite does it in the commit that finds a thousand pages. That is some milliseconds, as long as no reader keeps the pages
from going: then they pile up, and the first commit after the reader has gone pays for all of them.
"""

import math
import os
import sqlite3
import time
from typing import Any
from urllib.parse import quote

from mexc_plugin import real_threads

# Above this somebody holds it back, or did; and it is cut back to this.
LARGE = 16 * 2**20
# SQLite's own measure, in pages.
AUTOMATIC = 1_000
AGAIN_S = 1.0
# Of so many transactions, which write some megabytes, one looks how large it is: a system call lets Python's lock go
# just when whoever waited for the transaction wants it.
EVERY = 20


class Wal:
    """The WAL of one file, for the connection that writes. Not thread-safe, but for the thread that it starts."""

    def __init__(self, database: str) -> None:
        self.is_running = False
        self._database = database
        self._is_ours = False  # no commit of the connection does it
        self._left = math.inf
        self._again_at = 0.0
        self._looks = 0
        self._connection: Any = None  # kept: a forked child must not close it

    def begin(self) -> None:
        """There is a new connection, which does as SQLite does."""
        self._is_ours = False

    def look(self, cursor: Any) -> None:  # noqa: ANN401 - the driver's
        """Between two transactions: start a thread where there is much to do, give it back to SQLite where there is not.

        Raises OSError and the driver's errors.
        """
        self._looks += 1
        if not self._is_ours and (self._looks % EVERY != 1 or not self._is_large()):
            return
        now = time.monotonic()
        if self.is_running or now < self._again_at:
            return
        if not self._is_ours:
            cursor.execute("PRAGMA wal_autocheckpoint = 0")
            self._is_ours, self._left = True, math.inf
        elif self._left <= AUTOMATIC:
            cursor.execute(f"PRAGMA wal_autocheckpoint = {AUTOMATIC}")
            self._is_ours, self._again_at = False, now + AGAIN_S  # the next commits cut it back
            return
        self._again_at = now + AGAIN_S
        self.is_running = True
        try:
            real_threads.start_new_thread(self._run, ())
        except (RuntimeError, MemoryError):  # as Python ends, or there are too many
            self.is_running = False

    def _is_large(self) -> bool:
        return os.stat(self._database + "-wal").st_size > LARGE  # noqa: PTH116 - Path takes longer

    def _bring_in(self, how: str) -> None:
        is_busy, pages, done = self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        if not is_busy:
            self._left = pages - done

    def _run(self) -> None:
        self._left = math.inf
        try:
            address = f"file:{quote(self._database)}?mode=rw"
            self._connection = sqlite3.connect(address, uri=True, timeout=0)
            try:
                self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
                # The first two wait for nobody, and nobody for them; the second has what came during the first. Commits
                # wait for the last one, which has next to nothing to do; with a reader in its way it does nothing.
                for how in ("PASSIVE", "PASSIVE", "TRUNCATE"):
                    self._bring_in(how)
                    if self._left > AUTOMATIC:
                        break
            finally:
                self._connection.close()
        except sqlite3.Error:
            pass  # next time
        finally:
            self.is_running = False
