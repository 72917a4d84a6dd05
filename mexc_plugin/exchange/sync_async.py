"""The two ways to run the coroutines of `Audited`: on a loop, and at once."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from mexc_plugin.audit.recorder import Place, Recorder
from mexc_plugin.exchange.methods import Cancels
from mexc_plugin.exchange.reconcile import Reconciling
from mexc_plugin.exchange.recording import in_own_thread, put_blocking, put_on_loop


class Asynchronous(Reconciling, Cancels):
    """For ccxt's async and pro classes, which make their sessions while they send."""

    async def _put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        return await put_on_loop(recorder, draft, deadline)

    async def _together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        return list(await asyncio.gather(*(call() for call in calls)))

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await in_own_thread(function, *args)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """ccxt's; the session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        parent.open(*args, **kwargs)
        self._guard_sessions()

    def get_socks_proxy_session(self, socks_proxy: str) -> Any:
        """ccxt's; the session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        session = parent.get_socks_proxy_session(socks_proxy)
        self._guard_sessions()
        return session


def synchronous(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """The sync form of a coroutine method whose awaits never suspend."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        coroutine = method(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as result:
            return result.value
        coroutine.close()
        raise RuntimeError(f"{method.__name__} suspended in the sync class")

    return call


class Synchronous(Reconciling, Cancels):
    """For ccxt's sync class."""

    fetch = synchronous(Cancels.fetch)
    fetch2 = synchronous(Cancels.fetch2)
    cancel_order = synchronous(Cancels.cancel_order)
    cancel_unified_order = synchronous(Cancels.cancel_unified_order)
    cancel_orders = synchronous(Cancels.cancel_orders)
    cancel_all_orders = synchronous(Cancels.cancel_all_orders)
    edit_order = synchronous(Cancels.edit_order)
    reconcile_cancels = synchronous(Reconciling.reconcile_cancels)

    async def _put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        return await put_blocking(recorder, draft, deadline)

    async def _together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        return [await call() for call in calls]

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)
