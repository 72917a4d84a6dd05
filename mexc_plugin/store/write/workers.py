"""The writer's threads: how they are started and woken, hold still for a fork, and write to the log."""

import contextlib
import logging
import sys
import traceback
from _queue import Empty, SimpleQueue
from collections import deque
from collections.abc import Callable

from mexc_plugin import real_threads

# How long a loop that broke off stays away.
PAUSE_S = 0.5


class QuietLog:
    """What has to be said, until a thread that comes for it says it. A handler may raise, hang, or cancel."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: deque[tuple[int, str, tuple[object, ...]]] = deque(maxlen=1_000)
        self._saying = real_threads.allocate_lock()  # whoever says it holds this

    def note(self, level: int, message: str, *args: object) -> None:
        """Keep it for later. Takes no lock."""
        self._said.append((level, message, args))

    def write(self, patience: float = 0.0) -> None:
        """Have it said. patience: seconds to wait for that."""
        if self._said and self._saying.acquire(blocking=False):
            try:
                real_threads.start_new_thread(self._say_all, ())
            except (RuntimeError, MemoryError):  # then here
                self._say_all()
        if patience and self._saying.acquire(timeout=patience):
            self._saying.release()

    def _say_all(self) -> None:
        while self._said:
            try:
                level, message, args = self._said.popleft()
                self._logger.log(level, message, *args)
            except BaseException:  # noqa: BLE001, S112 - a log that breaks, or ends its thread, is no reason to stop
                continue
        self._saying.release()


class Latch:
    """Opened once, for all who wait and for all who come later. Whoever waits holds nothing."""

    def __init__(self) -> None:
        self.is_open = False
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def open(self) -> None:
        self.is_open = True
        self._tokens.put(None)

    def wait(self, seconds: float) -> bool:
        """Sleep until it is open, or for so long; True when it is."""
        if not self.is_open and wait_for(self._tokens, max(0.0, seconds)):
            self._tokens.put(None)  # for the next one
        return self.is_open


class Pause:
    """A fork under way: `closed` opens when the connection is closed, `over` when it may be opened again."""

    def __init__(self) -> None:
        self.closed = Latch()
        self.over = Latch()


class Worker:
    """A thread that is woken by a ring. A loop that breaks off is begun anew; one that returns has ended."""

    def __init__(self, name: str, loop: Callable[[], None], log: QuietLog) -> None:
        self.is_started = False
        self._name = name
        self._loop = loop
        self._log = log
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._running = real_threads.allocate_lock()

    def start(self) -> bool:
        """Start it, if it is not there. No `threading.Thread`: starting one takes locks."""
        # A thread that is started while Python takes itself apart never runs, and some versions do not say so.
        if not self.is_started and not sys.is_finalizing():
            try:
                real_threads.start_new_thread(self._run, ())
            except (RuntimeError, MemoryError):  # as Python ends, or there are too many
                return False
            # Only now: a signal handler that cancels or throws before finds none, and one too many ends at once.
            self.is_started = True
        return self.is_started

    def ring(self) -> None:
        """Wake it."""
        if self._bell.empty():
            self._bell.put(None)

    def wait(self, seconds: float | None) -> bool:
        """Sleep until the bell rings, or for so long; True when it rang."""
        return wait_for(self._bell, seconds)

    def _run(self) -> None:
        if not self._running.acquire(blocking=False):
            return
        self.is_started = True
        try:
            while not self._returns():
                wait_for(SimpleQueue(), PAUSE_S)
                self.ring()  # what it left in the middle is there without another event
        finally:
            self._running.release()
            self.is_started = False

    def _returns(self) -> bool:
        """Go through the loop; False where it broke off, by whatever nobody expected."""
        try:
            self._loop()
        except BaseException as error:  # noqa: BLE001 - without this thread nothing is stored
            with contextlib.suppress(Exception):  # there may be no memory for saying so
                self._log.note(
                    logging.ERROR,
                    "audit: the thread %s broke off and goes on: %s in %s",
                    self._name,
                    type(error).__name__,
                    traceback.extract_tb(error.__traceback__)[-1].name,
                )
            return False
        return True


def wait_for(queue: "SimpleQueue[None]", seconds: float | None) -> bool:
    """Sleep until something is in the queue, or for so long; True when there was, and it is taken out."""
    try:
        queue.get(timeout=seconds)
    except Empty:
        return False
    return True
