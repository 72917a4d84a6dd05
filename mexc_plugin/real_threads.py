"""Threads and locks of the operating system, also where gevent or eventlet have put greenlets in their place.

The writer's threads block in system calls. As greenlets they would block everybody.
"""

import _thread
import sys
from collections.abc import Callable
from typing import Any


def _original(name: str) -> Any:  # noqa: ANN401 - a function of _thread
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return gevent.get_original("_thread", name)
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        return getattr(eventlet.original("_thread"), name)
    return getattr(_thread, name)


def allocate_lock() -> Any:  # noqa: ANN401 - a lock
    """As _thread.allocate_lock."""
    return _original("allocate_lock")()


def start_new_thread(function: Callable[..., object], args: tuple[object, ...]) -> None:
    """As _thread.start_new_thread."""
    _original("start_new_thread")(function, args)
