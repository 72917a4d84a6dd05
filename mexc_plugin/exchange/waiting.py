"""How sync and async wait: for a value, for an event to be durable, for something that blocks."""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from typing import Any

from mexc_plugin.audit.recorder import Place, Receipt, Recorder


async def resolve(value: Any) -> Any:
    """Await what can be awaited: ccxt's sync methods return values, its async ones coroutines."""
    if type(value) in _VALUES:  # the usual ones: to ask whether they can be awaited takes longer
        return value
    return await value if inspect.isawaitable(value) else value


_VALUES = frozenset({dict, list, str})


async def put_blocking(recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
    """The sync colour's way: this thread waits. Never suspends."""
    return recorder.commit(draft, deadline)


async def put_on_loop(recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
    """The async colours' way: the loop goes on meanwhile.

    A task that is cancelled while it waits still waits to the end, and is cancelled then: what it
    did is on record first.
    """
    loop = asyncio.get_running_loop()
    receipt = recorder.submit(draft, loop)
    interrupted: asyncio.CancelledError | None = None
    late = loop.time() + (0 if recorder.is_down else deadline)
    alarm = loop.call_at(late, _ring, receipt)
    while receipt.place is None and loop.time() < late:
        try:
            await (receipt.future or asyncio.sleep(0))
        except asyncio.CancelledError as error:
            # The future went with it, and the writer may have it in hand: `late` is soon enough.
            interrupted = error
            receipt.future = loop.create_future()
    alarm.cancel()
    if receipt.place is None:
        rescue = in_own_thread(recorder.rescue, receipt)
        while not rescue.done():
            try:
                await asyncio.shield(rescue)
            except asyncio.CancelledError as error:
                interrupted = error
    if interrupted is not None:
        raise interrupted
    return receipt.place or Place.LOST


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


def _ring(receipt: Receipt) -> None:
    if receipt.future is not None and not receipt.future.done():
        receipt.future.set_result(None)
