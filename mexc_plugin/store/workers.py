"""The writer's threads: how they are started and woken, hold still for a fork, and write to the log."""

import logging
from _queue import Empty, SimpleQueue
from collections import deque
from collections.abc import Callable

from mexc_plugin.store import real_threads


class QuietLog:
    """What has to be said, until a thread of ours says it. A handler may raise, sleep, or cancel."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: deque[tuple[int, str, tuple[object, ...]]] = deque(maxlen=1_000)

    def note(self, level: int, message: str, *args: object) -> None:
        """Keep it for later. Takes no lock."""
        self._said.append((level, message, args))

    def write(self) -> None:
        """Say it now, holding no lock."""
        while self._said:
            try:
                level, message, args = self._said.popleft()
                self._logger.log(level, message, *args)
            except Exception:  # noqa: BLE001, S112 - a log that breaks is no reason to stop recording
                continue


class Pause:
    """A fork under way: `closed` holds something when the connection is closed, `resume` when it is over."""

    def __init__(self) -> None:
        self.closed: SimpleQueue[None] = SimpleQueue()
        self.resume: SimpleQueue[None] = SimpleQueue()

    def wait(self, seconds: float) -> bool:
        """True when the connection is closed."""
        return wait_for(self.closed, max(0.0, seconds))


class Worker:
    """A thread that is woken by a ring. Whatever ends its loop, the next `start` runs it again."""

    def __init__(self, name: str, loop: Callable[[], None]) -> None:
        self.is_started = False
        self._name = name
        self._loop = loop
        self._bell: SimpleQueue[None] = SimpleQueue()

    def start(self) -> bool:
        """Start it, if it is not there. No `threading.Thread`: starting one takes locks."""
        if not self.is_started:
            self.is_started = True
            try:
                real_threads.start_new_thread(self._run, ())
            except (RuntimeError, MemoryError):  # as Python ends, or there are too many
                self.is_started = False
        return self.is_started

    def ring(self) -> None:
        """Wake it."""
        if self._bell.empty():
            self._bell.put(None)

    def wait(self, seconds: float | None) -> bool:
        """Sleep until the bell rings, or for so long; True when it rang."""
        return wait_for(self._bell, seconds)

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            self.is_started = False


def wait_for(queue: "SimpleQueue[None]", seconds: float | None) -> bool:
    """Sleep until something is in the queue, or for so long; True when there was, and it is taken out."""
    try:
        queue.get(timeout=seconds)
    except Empty:
        return False
    return True
