"""A few threads for what blocks. They are daemons: a query that takes a minute, which nobody waits
for any more, does not keep the program from ending. Nothing is lost, since nothing is written."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Found = TypeVar("Found")

_Work = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """number: how many calls run at once; the rest wait in their order."""

    def __init__(self, number: int, name: str) -> None:
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{index}", daemon=True)
            for index in range(number)
        ]
        for thread in self._threads:
            thread.start()

    async def call(self, function: Callable[..., Found], *arguments: object) -> Found:
        """Call it in a thread. Who is cancelled while it waits takes its place away."""
        future: Future[Found] = Future()
        self._waiting.put((future, function, arguments))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more calls; a thread ends after what it is at."""
        for _ in self._threads:
            self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            future, function, arguments = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                found = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
            else:
                future.set_result(found)
            # Until the next call comes, nothing of this one is held on to.
            del work, future, function, arguments
