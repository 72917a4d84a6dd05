"""Processes that start in milliseconds: a server with everything imported forks each of them."""

import faulthandler
import multiprocessing
import os
import signal
import tempfile
import traceback
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

DIED = "the child died"

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        f"tests.torture.{name}"
        for name in ("victims", "load", "one_cancel", "migrating", "shippers", "honest")
    ]
)


class Child:
    """One forked process that calls a function and sends back what it returns, or its error."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._answer, answer = _context.Pipe(duplex=False)
        # What it writes to stderr, its stack included when a signal ends it: it is to be read afterwards.
        self._stderr = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it goes with this object
        weakref.finalize(self, self._stderr.close)
        # What pytest's fixtures set, the server that forks does not know.
        environment = {k: v for k, v in os.environ.items() if k.startswith(("XDG_", "MEXC_"))}
        self._process = _context.Process(
            target=_run, args=(answer, self._stderr.name, environment, function, args), daemon=True
        )
        self._process.start()
        answer.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """True when it has returned, raised or died."""
        return self._answer.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Raises AssertionError if it had ended by itself."""
        self._process.kill()
        said = self._last_words()[0]
        self.wait()
        assert said == DIED, said or "the child ended by itself"

    def wait(self, seconds: float = 30) -> int:
        """Its exit code; negative is the signal that ended it."""
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, "the child hangs"
        self._process.close()
        self._answer.close()
        return code

    def result(self, seconds: float) -> Any:
        """What it returned. Raises AssertionError with the child's own traceback."""
        error, value = self._hear(seconds)
        code = self.wait()
        assert error is None, f"{error} (exit code {code})\n{self.said()}"
        return value

    def last_result(self, seconds: float) -> Any:
        """What it returned, and no wait for its end, which may never come: SIGKILL."""
        try:
            error, value = self._hear(seconds)
        finally:
            self._process.kill()
        assert error is None, error
        return value

    def _hear(self, seconds: float) -> tuple[str | None, Any]:
        if not self._answer.poll(seconds):
            os.kill(self.pid, signal.SIGABRT)  # its stack is what is to be known of a hang
            self._process.join(5)
            raise AssertionError(f"the child did not answer in time\n{self.said()}")
        return self._last_words()

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return self._stderr.read().decode(errors="replace")[-10_000:]

    def _last_words(self) -> tuple[str | None, Any]:
        """The traceback of its error, and what it returned."""
        try:
            error, value = self._answer.recv()
        except EOFError:
            return DIED, None
        return error, value


def together(function: Callable[..., Any], arguments: list[tuple[Any, ...]], seconds: float) -> Any:
    """Call a function in several processes at once; return what each returned."""
    children = [Child(function, *each) for each in arguments]
    return [child.result(seconds) for child in children]


def _run(
    answer: Connection,
    stderr: str,
    environment: dict[str, str],
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    file = os.open(stderr, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 2)
    os.close(file)
    faulthandler.enable(file=2)
    os.environ.update(environment)
    try:
        answer.send((None, function(*args)))
    except BaseException:
        answer.send((traceback.format_exc(), None))
    answer.close()
