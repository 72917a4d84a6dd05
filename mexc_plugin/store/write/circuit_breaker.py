"""Whether the database answers. While it does not, nobody waits for it: what comes is spooled at once.

The storer says `fail`, `answer` and `close`, the keeper says `miss`; who records asks `is_open`. No lock: each field is
replaced as a whole, and a word that comes a moment late costs one event its budget.
"""

import logging
import time

from mexc_plugin.store.connect.engine import describe
from mexc_plugin.store.write.spool.spool_file import Spool
from mexc_plugin.store.write.workers import QuietLog

# The database was stuck for as long: from then on nobody waits for it.
OUTAGE_S = 0.35


class CircuitBreaker:
    """Closed: events wait for the database. Open: it failed, or has been stuck for OUTAGE_S.

    is_permanent: there is no database for this writer. has_failed: the last transaction did.
    """

    def __init__(self, url: str, spool: Spool, log: QuietLog, *, is_permanent: bool) -> None:
        self.is_permanent = is_permanent
        self.has_failed = False
        self._url = url
        self._spool = spool
        self._log = log
        self._stuck_since: float | None = None
        self._is_reported = False

    @property
    def is_open(self) -> bool:
        """True while waiting for the database is time lost."""
        stuck = self._stuck_since
        return (
            self.has_failed
            or self.is_permanent
            or (stuck is not None and time.monotonic() - stuck > OUTAGE_S)
        )

    def fail(self, reason: str) -> None:
        """A transaction failed, or the database cannot be opened."""
        self._report(
            reason
        )  # before `miss` is called for it, which would say no more than that it does not answer
        self.has_failed = True

    def miss(self) -> None:
        """Something is overdue that the database has."""
        if self._stuck_since is None:
            self._stuck_since = time.monotonic()
            if not self.is_permanent:
                self._report("it does not answer in time")

    def answer(self) -> None:
        """A transaction came through: it is not stuck."""
        self._stuck_since = None

    def close(self) -> None:
        """It takes events again, and what could be replayed is there."""
        self.has_failed = False
        if self._is_reported and not self._spool.is_open:
            self._is_reported = False
            self._log.note(logging.WARNING, "audit: the database is back, the spool is replayed")

    def _report(self, reason: str) -> None:
        self._log.note(
            logging.DEBUG if self._is_reported else logging.ERROR,
            "audit: the database %s cannot be used: %s; events go to the spool %s until it is back",
            describe(self._url),
            reason,
            self._spool,
        )
        self._is_reported = True
