"""The attempts of a bundle in a table on disk, so that what is asked of a database can be asked of a bundle, in little memory."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from mexc_plugin.audit import canonical
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence.judging import Document
from mexc_plugin.store.verify import columns

_ROWS = 2_000
_LARGEST = 2**63
_TABLE = """CREATE TABLE cancel_audit (writer_id TEXT, seq INTEGER, kind TEXT, cancel_id TEXT, attempt INTEGER,
occurred_ns INTEGER, payload TEXT)"""
_INDEX = "CREATE INDEX by_attempt ON cancel_audit (cancel_id, attempt, kind)"
_INSERT = "INSERT INTO cancel_audit VALUES (?, ?, ?, ?, ?, ?, ?)"


class ScratchRecord:
    """connection: to a table `cancel_audit` with what belongs to an attempt; right once `settle` was called."""

    def __init__(self) -> None:
        self._driver = sqlite3.connect("", isolation_level=None)  # SQLite's own file, nameless
        self._driver.execute("PRAGMA journal_mode = OFF")
        self._driver.execute(_TABLE)
        self._rows: list[tuple[Any, ...]] = []
        self._engine = sa.create_engine(
            "sqlite://", creator=lambda: self._driver, poolclass=StaticPool
        )
        self.connection = self._engine.connect()

    def add(self, writer_id: str, document: Document, payload: str) -> None:
        """Keep an event, if it is of an attempt: of a request all, of others what is asked later."""
        cancel_id, attempt = document.get("cancel_id"), document.get("attempt")
        seq, occurred_ns = document.get("seq"), document.get("occurred_ns")
        numbers = (seq, attempt, occurred_ns)
        if not all(type(n) is int and -_LARGEST <= n < _LARGEST for n in numbers):
            return
        if type(cancel_id) is not str or columns.plain(cancel_id) != cancel_id:
            return
        kind = document.get("kind")
        if kind not in ("request", "response", "reconciliation"):
            return
        if kind != "request":
            outcome = document.get("outcome")
            said = {
                "occurred_ns": occurred_ns,
                "outcome": outcome if type(outcome) is str else None,
            }
            payload = canonical.encode(said)
        self._rows.append((writer_id, seq, kind, cancel_id, attempt, occurred_ns, payload))
        if len(self._rows) == _ROWS:
            self._insert()

    def settle(self) -> None:
        """All was added."""
        self._insert()
        self._driver.execute(_INDEX)

    def close(self) -> None:
        self.connection.close()
        self._engine.dispose()

    def _insert(self) -> None:
        self._driver.executemany(_INSERT, self._rows)
        self._rows.clear()


@contextlib.contextmanager
def scratch_record() -> Iterator[ScratchRecord]:
    """A table that is gone afterwards. Raises EvidenceError where the disk of temporary files is full."""
    record = ScratchRecord()
    try:
        yield record
    except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
        raise EvidenceError(
            f"the folder of temporary files has no room ({error}); name another one in TMPDIR"
        ) from None
    finally:
        record.close()
