"""Tells an exception of our own making from one that a signal handler of the bot's threw into our code.

The first must not stop a cancel, the second must go through: Ctrl-C, a task's time limit.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any


@contextmanager
def suppress_own() -> Iterator[None]:
    """Suppress every Exception but those that a signal handler of the bot's threw."""
    try:
        yield
    except Exception as error:
        if is_from_handler(error):
            raise


def is_from_handler(error: BaseException) -> bool:
    """Whether a signal handler is among the frames that the error came through."""
    handlers = {
        code for number in signal.valid_signals() if (code := _code(signal.getsignal(number)))
    }
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _code(handler: Any) -> CodeType | None:  # noqa: ANN401 - whatever signal.getsignal gives
    """The code that a handler runs: of a function, a method, a partial, or an object that is called."""
    handler = getattr(handler, "func", handler)
    function = getattr(handler, "__func__", handler)
    found = getattr(function, "__code__", None)
    if found is None and callable(function):
        found = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return found if isinstance(found, CodeType) else None
