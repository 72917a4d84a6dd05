"""Queries that are given up when they take too long: others need the connection, or the thread."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.errors import StoreError

# sqlite3 stops at once; psycopg asks the server, which may be gone.
STOPPING_S = 1.0


class TooLong(StoreError):
    """The database needs more time than there is. Ask for less."""


@contextlib.contextmanager
def stopped_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Raise TooLong out of a query that runs longer.

    sqlite3 and psycopg let another thread stop a query; PyMySQL does not, and there it goes on.
    """
    driver: Any = connection.connection.driver_connection
    stop = getattr(driver, "interrupt", None) or getattr(driver, "cancel", None)
    if stop is None:
        yield
        return
    stopped = threading.Event()

    def end() -> None:
        stopped.set()
        stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except SQLAlchemyError:
        if not stopped.is_set():
            raise
        raise TooLong(
            f"that took more than {seconds:g} s; narrow it with since and until, "
            "or ask on the command line, where nothing hurries"
        ) from None
    finally:
        timer.cancel()
        # It may be about to stop the query: not one that comes later, nor a connection that is closed.
        timer.join(STOPPING_S)
