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
# "Query execution was interrupted", by MySQL's clock and by MariaDB's.
_OUT_OF_TIME = ((3024,), (1969,))


class TooLong(StoreError):
    """The database needs more time than there is. Ask for less."""


@contextlib.contextmanager
def stopped_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Raise TooLong out of a query that runs longer.

    sqlite3 and psycopg let another thread stop a query; PyMySQL does not: see `limit_server`.
    """
    driver: Any = connection.connection.driver_connection
    stop = getattr(driver, "interrupt", None) or getattr(driver, "cancel", None)
    stopped = threading.Event()
    if stop is None:
        with _explaining(seconds, stopped):
            yield
        return

    def end() -> None:
        stopped.set()
        stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        with _explaining(seconds, stopped):
            yield
    finally:
        timer.cancel()
        # It may be about to stop the query: not one that comes later, nor a connection that is closed.
        timer.join(STOPPING_S)


def limit_server(connection: Connection, seconds: float) -> None:
    """Have a server end by itself what PyMySQL lets nobody stop: each query of this connection."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        return
    if getattr(connection.dialect, "is_mariadb", False):
        connection.exec_driver_sql(f"SET SESSION max_statement_time = {float(seconds)}")
    else:
        connection.exec_driver_sql(f"SET SESSION max_execution_time = {int(seconds * 1000)}")


@contextlib.contextmanager
def _explaining(seconds: float, stopped: threading.Event) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        if not stopped.is_set() and reason.args[:1] not in _OUT_OF_TIME:
            raise
        raise TooLong(
            f"that took more than {seconds:g} s; narrow it with since and until, "
            "or ask on the command line, where nothing hurries"
        ) from None
