"""Which files an open SQLite database is made of, and whether they are still those at its path."""

import contextlib
import os
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from mexc_plugin.errors import StoreError

# The parts of a SQLite database beside its file, by what their names end with.
_PARTS = ("-wal", "-shm")


class OpenFiles:
    """The file, its WAL and its shared memory: without any of them, what is committed is gone with this process.

    path: None for a database on a server, where there is nothing to look at.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = None if path is None else str(path)
        self._real = ""
        self._known: tuple[Any, ...] = ()

    def remember(self) -> None:
        """Take those that are there now for the ones that are open."""
        # SQLite keeps the WAL and the shared memory beside the file that a link leads to.
        self._real = os.path.realpath(self._path) if self._path else ""
        self._known = self._identify()

    def require_same(self) -> None:
        """Raise StoreError where one of them was moved, removed or replaced."""
        if self._known != self._identify():
            raise StoreError(
                "the file that was open was moved or removed; "
                "the record goes on in the one that is at its place"
            )

    def leave_whole(self, connection: Connection) -> None:
        """Bring the WAL into a file that was moved without it, before it is closed.

        SQLite does not when it closes such a file, and removes the WAL when the next one is made.
        """
        if self._known == self._identify():
            return
        with contextlib.suppress(Exception):
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _identify(self) -> tuple[Any, ...]:
        if self._path is None:
            return ()
        return _identity(self._path), *(_identity(self._real + part) for part in _PARTS)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - with each event, and Path takes longer
    except OSError:
        return None
    return found.st_dev, found.st_ino
