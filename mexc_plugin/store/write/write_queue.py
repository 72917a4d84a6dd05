"""Whose turn it is to write to a SQLite file: a queue of processes in front of SQLite's own lock.

SQLite has those who wait sleep and ask again, so that whoever wrote last is back before a sleeper
wakes: one process gets everything, and the deadlines of the others pass. The kernel keeps those who
wait for a flock in a queue, and lets go of what a dead process held.

The queue is manners, never a need. Who gets no turn in time writes without one: it is SQLite's lock
that keeps the file whole.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mexc_plugin.posix import fcntl

SUFFIX = "-turn"
# A holder that is stopped or stuck costs this once; whoever waited goes on without a turn until
# the queue moves again. It leaves a bot's usual deadline of 250 ms room for the commit itself.
PATIENCE = 0.15

_FLAGS = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Turns:
    """The turns of one writer. Not thread-safe: whoever takes one has to hold the writer's lock.

    A flock cannot be waited for with an end, so a thread of its own waits where there is a queue.
    """

    def __init__(self, database: Path | None) -> None:
        """database: None is for a server, where nobody queues."""
        self._path = database and database.with_name(database.name + SUFFIX)
        self._fd: int | None = None
        self._is_off = database is None
        self._waiter: _Waiter | None = None

    @contextlib.contextmanager
    def turn(self, wait_ms: int) -> Iterator[int]:
        """Do something when it is our turn, or else soon; yields how much of the wait is left."""
        if self._is_off:
            yield wait_ms
            return
        began = time.monotonic()
        has_turn = self.take(min(PATIENCE, wait_ms / 2000))
        waited_ms = int((time.monotonic() - began) * 1000)
        try:
            yield max(1, wait_ms - waited_ms)
        finally:
            if has_turn:
                self.give()

    def take(self, seconds: float = PATIENCE) -> bool:
        """Wait for a turn, at most so long; False where there is none to be had. Never raises."""
        fd = self._open() if self._fd is None else self._fd
        if fd is None:
            return False
        waiter = self._waiter
        if waiter is not None and waiter.is_waiting:
            return False  # the one that took too long
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return seconds > 0 and self._wait(fd, seconds)
        except OSError:  # a network's file system that has no flock
            self._is_off = True
            self.close()
            return False
        return True

    def give(self) -> None:
        """End the turn that was taken."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file. A thread that still waits closes it when it has its turn."""
        fd, self._fd = self._fd, None
        waiter, self._waiter = self._waiter, None
        if fd is not None and (waiter is None or waiter.end()):
            os.close(fd)

    def forget(self) -> None:
        """In a forked child, which has the file but not the thread: let go of it."""
        fd, self._fd, self._waiter = self._fd, None, None
        if fd is not None:
            os.close(fd)

    def _open(self) -> int | None:
        if self._is_off or self._path is None:
            return None
        # Not in a folder that is read-only, of a link, or another user's file.
        with contextlib.suppress(OSError):
            self._fd = os.open(self._path, _FLAGS, 0o600)
        return self._fd

    def _wait(self, fd: int, seconds: float) -> bool:
        if self._waiter is None:
            self._waiter = _Waiter(fd)
        return self._waiter.wait(seconds)


class _Waiter:
    """A thread that waits for a flock, for somebody who may lose patience."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._changed = threading.Condition(threading.Lock())
        self._is_asked = False
        self._has_turn = False
        self._is_late = False
        self._is_ended = False
        self._thread: threading.Thread | None = None

    @property
    def is_waiting(self) -> bool:
        """True while the thread waits for a turn that nobody wants any more."""
        return self._is_late

    def wait(self, seconds: float) -> bool:
        """True when it is our turn, False after so many seconds."""
        with self._changed:
            if not self._start():
                return False
            self._is_asked = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._has_turn, seconds)
            except BaseException:  # an interrupt: nobody is going to give this turn back
                if self._has_turn:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
                raise
            finally:
                self._is_late = not self._has_turn
                self._has_turn = False

    def end(self) -> bool:
        """End the thread; False if it waits, and will close the file itself."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
            return not self._is_late

    def _start(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="mexc-plugin-turn", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError):  # as Python ends, or there are too many
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_asked or self._is_ended)
                if not self._is_asked:
                    return
                self._is_asked = False
            with contextlib.suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_EX)
            with self._changed:
                if self._is_ended:
                    # Closing alone would leave the lock with a child that was forked meanwhile.
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
                    os.close(self._fd)
                    return
                if self._is_late:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
                    self._is_late = False
                else:
                    self._has_turn = True
                    self._changed.notify_all()
