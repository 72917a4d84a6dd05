"""Answers kept for a moment, so that many who ask the same cost what one costs."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from mexc_plugin.errors import StoreError

MOST = 64

Found = TypeVar("Found")


class Ending(StoreError):
    """The server ends before the answer is there."""


class Kept:
    """The newest answers by key. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, asyncio.Future[Any]]] = OrderedDict()

    async def get(
        self, key: Hashable, seconds: float, make: Callable[[], Awaitable[Found]]
    ) -> Found:
        """The answer, made anew when it is older. Who asks while it is made waits for the same."""
        until, answer = self._answers.get(key, (0.0, None))
        if answer is None or self._clock() >= until:
            answer = asyncio.ensure_future(make())
            answer.add_done_callback(lambda done: self._forget_failed(key, done))
            self._answers[key] = (self._clock() + seconds, answer)
            self._answers.move_to_end(key)
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)
        # One who leaves does not take the answer away from the others.
        try:
            found: Found = await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not answer.cancelled():
                raise
            raise Ending("the server is ending; ask again when it is back") from None
        return found

    def close(self) -> None:
        """Let nobody wait any longer."""
        for _, answer in list(self._answers.values()):
            answer.cancel()

    def _forget_failed(self, key: Hashable, done: "asyncio.Future[Any]") -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._answers.get(key, (0, None))[1] is done:
            del self._answers[key]
