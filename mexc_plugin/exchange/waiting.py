"""How sync and async wait: for a value, for an event to be durable, for something that blocks."""

import asyncio
import contextlib
import inspect
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from mexc_plugin.audit.recorder import Place, Recorder

POLL_S = 0.001


async def resolve(value: Any) -> Any:
    """Await what can be awaited: ccxt's sync methods return values, its async ones coroutines."""
    if type(value) in _VALUES:  # the usual ones: to ask whether they can be awaited takes longer
        return value
    return await value if inspect.isawaitable(value) else value


_VALUES = frozenset({dict, list, str})


# -- how each class waits until an event is durable, at most `budget` seconds


async def put_blocking(recorder: Recorder, draft: dict[str, Any], budget: float) -> Place:
    """The sync class's way: this thread waits. Never suspends."""
    if not _sleeps_green():
        return recorder.commit(draft, budget)
    receipt = recorder.submit(draft, budget)
    end = time.monotonic() + budget
    while receipt.place is None and time.monotonic() < end:
        time.sleep(POLL_S)  # noqa: ASYNC251 - gevent's or eventlet's: the other greenlets go on
    return receipt.give_up()


def _sleeps_green() -> bool:
    """Whether gevent or eventlet have put their own sleep into `time`."""
    if "gevent" not in sys.modules and "eventlet" not in sys.modules:
        return False
    return not inspect.isbuiltin(time.sleep)


async def put_on_loop(recorder: Recorder, draft: dict[str, Any], budget: float) -> Place:
    """The async classes' way: the loop goes on meanwhile.

    A task that is cancelled while it waits still waits to the end, and is cancelled then: what it
    did is on record first.
    """
    loop = asyncio.get_running_loop()
    receipt = recorder.submit(draft, budget, loop)
    interrupted: asyncio.CancelledError | None = None
    end = loop.time() + budget
    while receipt.place is None and (left := end - loop.time()) > 0:
        future = receipt.future or loop.create_future()
        alarm = loop.call_later(left, _ring, future)
        try:
            await future
        except asyncio.CancelledError as error:
            interrupted = error
            receipt.future = loop.create_future()  # the old one went with it; seen at the next look
        finally:
            alarm.cancel()
    place = receipt.give_up()
    if interrupted is not None:
        raise interrupted
    return place


async def put_only(recorder: Recorder, draft: dict[str, Any], budget: float) -> Place:
    """The way of a coroutine that is being closed: it may not wait for anything."""
    return recorder.submit(draft, budget).place or Place.PENDING


def _ring(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def in_own_thread(function: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
    """Run what blocks in a thread of its own: the loop's pool may be full, or be gone already."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = function(*args)
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    try:
        threading.Thread(target=work, name="mexc-plugin-audit-wait", daemon=True).start()
    except RuntimeError:
        settle(function(*args), None)  # no thread to be had: then this one has to wait
    return done
