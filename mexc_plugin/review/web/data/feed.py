"""Tells everybody who watches that there is something new: one poller, whoever many they are.

Only a number goes out. A page that hears of a new one asks for its rows again, with its own filters:
whoever is slow misses numbers and no rows, and nothing waits for anybody.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from mexc_plugin.errors import MexcPluginError

TICK_S = 0.5
BEAT_S = 15.0
MOST_WATCHERS = 200


class Crowded(MexcPluginError):
    """More watch than are served."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the record: its version, and what is wrong with the database, if anything."""

    version: str
    trouble: str | None = None


class Feed:
    """mark: reads what changes whenever the record does. Belongs to one event loop."""

    def __init__(self, mark: Callable[[], Awaitable[object]], tick_s: float = TICK_S) -> None:
        self._mark = mark
        self._tick_s = tick_s
        # Versions of another process must not look like ours.
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._seen: object = None
        self._trouble: str | None = None
        self._news = asyncio.Condition()
        self._watchers = 0
        self._someone = asyncio.Event()
        self._closed = False

    @property
    def state(self) -> State:
        return State(f"{self._epoch}-{self._number}", self._trouble)

    async def version(self) -> str:
        """The version that rows which are read from now on have at least."""
        if not self._watchers:
            await self.look()
        return self.state.version

    async def poll(self) -> None:
        """Look at the record as long as somebody watches. Runs until it is cancelled."""
        while True:
            await self._someone.wait()
            await self.look()
            await asyncio.sleep(self._tick_s)

    async def look(self) -> None:
        """Look once, and tell everybody if there is something new."""
        try:
            mark, trouble = await self._mark(), None
        except MexcPluginError as error:
            mark, trouble = self._seen, str(error)
        if (mark, trouble) == (self._seen, self._trouble):
            return
        async with self._news:
            self._seen, self._trouble = mark, trouble
            self._number += 1
            self._news.notify_all()

    def require_room(self) -> None:
        """Raise Crowded when too many watch already."""
        if self._watchers >= MOST_WATCHERS:
            raise Crowded(f"{self._watchers} pages watch already; close some")

    async def watch(self) -> AsyncIterator[State | None]:
        """The state now and whenever it changes; None when nothing did for a while.

        Ends when the feed is closed.
        """
        self._watchers += 1
        self._someone.set()
        try:
            told: State | None = None
            while not self._closed:
                if self.state != told:
                    told = self.state
                    yield told
                elif not await self._has_changed(told):
                    yield None
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._someone.clear()

    async def close(self) -> None:
        """Send everybody home."""
        async with self._news:
            self._closed = True
            self._news.notify_all()

    async def _has_changed(self, told: State) -> bool:
        async with self._news:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._news.wait_for(lambda: self._closed or self.state != told)
        return self._closed or self.state != told
