"""psycopg connections that give up on a server that says nothing.

libpq bounds connecting, and the kernel notices a network that is gone. A server that is frozen, or
whose disk is, keeps its connections up and is noticed by neither; psycopg has no read timeout.
"""

import contextlib
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

# How long a server may take to hear that nobody waits any more.
CANCEL_S = 1.0
Result = TypeVar("Result")
Waiting = Generator[Any, Any, Result]


class Silent(psycopg.OperationalError):
    """The server said nothing for too long. The connection is closed: its state is not known."""


class _Bounded(psycopg.Connection[Any]):
    patience = 0.0

    def wait(self, gen: Waiting[Result], *args: Any, **kwargs: Any) -> Result:  # noqa: ANN401 - psycopg's
        try:
            return super().wait(_impatient(gen, self.patience), *args, **kwargs)
        except Silent:
            # A commit that waits for a standby would stay behind, as a process of the server's.
            try:
                if psycopg.capabilities.has_cancel_safe():  # another way has no bound in time
                    with contextlib.suppress(psycopg.Error):
                        self.cancel_safe(timeout=CANCEL_S)
            finally:  # also where somebody is interrupted meanwhile
                self.close()
            raise


def connect(patience: float, *args: Any, **parameters: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's
    """As psycopg.connect. patience: seconds that the server may be silent, once connected."""
    connection = _Bounded.connect(*args, **parameters)
    connection.patience = patience
    return connection


def _impatient(gen: Waiting[Result], patience: float) -> Waiting[Result]:
    """The same generator of psycopg's; it is sent 0 every tenth of a second while nothing comes."""
    heard = time.monotonic()
    try:
        state = next(gen)
        while True:
            ready = yield state
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience > 0:
                raise Silent(f"timed out: the server said nothing for {patience:g} s")
            state = gen.send(ready)
    except StopIteration as done:
        result: Result = done.value
        return result
