"""Queries for pages: SQLAlchemy blocks, so they run in a few threads.

Each has a read-only connection of its own: a database that was restarted, or a file that was
replaced, is simply the next one that is opened.
"""

from typing import TYPE_CHECKING, TypeVar

from mexc_plugin.errors import StoreError
from mexc_plugin.review.web.data.threads import Threads
from mexc_plugin.store.connect.query_timeout import limit_server, stopped_after
from mexc_plugin.store.read import queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

THREADS = 4
MOST_WAITING = 64
# Nobody waits longer for a page, and the others need the thread.
PATIENCE_S = 30.0

Found = TypeVar("Found")


class Busy(StoreError):
    """More is asked for than the database answers. Try again."""


class Reader:
    """The record at one URL, for coroutines."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._threads = Threads(THREADS, "mexc-plugin-web")
        self._waiting = 0

    async def ask(
        self, query: "Callable[[Connection], Found]", patience_s: float = PATIENCE_S
    ) -> Found:
        """What the query finds. Raises Busy, TooLong, and what `queries.reading` raises."""
        if self._waiting >= MOST_WAITING:
            raise Busy("too many pages are asked for at once; try again in a moment")
        self._waiting += 1
        try:
            return await self._threads.call(self._read, query, patience_s)
        finally:
            self._waiting -= 1

    async def call(self, function: "Callable[[], Found]") -> Found:
        """What a function finds that blocks and needs no connection."""
        return await self._threads.call(function)

    def close(self) -> None:
        """Take no more queries; those that run end by themselves."""
        self._threads.close()

    def _read(self, query: "Callable[[Connection], Found]", patience_s: float) -> Found:
        with queries.reading(self.url) as connection:
            limit_server(connection, patience_s)
            with stopped_after(connection, patience_s):
                return query(connection)
