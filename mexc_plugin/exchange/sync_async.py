"""The two ways to run the coroutines of the adapter: on a loop, and at once."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from mexc_plugin.audit.recorder import Place, Recorder
from mexc_plugin.exchange.cancels.methods import CancelMethods
from mexc_plugin.exchange.reconcile import Reconcile
from mexc_plugin.exchange.transport import requests_guard
from mexc_plugin.exchange.waiting import in_own_thread, put_blocking, put_on_loop


class Asynchronous(Reconcile, CancelMethods):
    """For ccxt's async and pro classes, which make their sessions while they send."""

    async def _audit_put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        return await put_on_loop(recorder, draft, deadline)

    async def _audit_together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        return list(await asyncio.gather(*(call() for call in calls)))

    async def _audit_in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await in_own_thread(function, *args)

    def _audit_guard(self, session: object) -> bool:
        from mexc_plugin.exchange.transport import aiohttp_guard

        return aiohttp_guard.guard(session)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """As ccxt's. The session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        parent.open(*args, **kwargs)
        self._audit_guard_sessions()

    def get_socks_proxy_session(self, socksProxy: Any) -> Any:  # noqa: N803 - ccxt's name
        """As ccxt's. The session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        session = parent.get_socks_proxy_session(socksProxy)
        self._audit_guard_sessions()
        return session


def synchronous(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """The sync form of a coroutine method whose awaits never suspend.

    Called in a copy of the caller's context. The caller may be a signal handler or a finaliser, and what it interrupts
    may be setting a context variable: up to Python 3.11 whoever sets one in between has the process end by SIGSEGV
    (https://github.com/python/cpython/issues/148891).
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        context = copy_context()
        try:
            return context.run(run, *args, **kwargs)
        finally:
            _bring_back(context)

    def run(*args: Any, **kwargs: Any) -> Any:
        coroutine = method(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as result:
            return result.value
        coroutine.close()
        raise RuntimeError(f"{method.__name__} suspended in the sync class")

    del call.__wrapped__  # a coroutine function, which whoever unwraps this one would take it for
    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return call


def _bring_back(context: Context) -> None:
    """Set what the bot's own hooks have set in the copy, as they would have without one. Ours are as they were."""
    for variable, value in context.items():
        if variable.get(None) is not value:
            variable.set(value)


class Synchronous(Reconcile, CancelMethods):
    """For ccxt's sync class."""

    fetch = synchronous(CancelMethods.fetch)
    _audit_fetch_code = fetch.__code__
    fetch2 = synchronous(CancelMethods.fetch2)
    throttle = synchronous(CancelMethods.throttle)
    cancel_order = synchronous(CancelMethods.cancel_order)
    cancel_unified_order = synchronous(CancelMethods.cancel_unified_order)
    cancel_orders = synchronous(CancelMethods.cancel_orders)
    cancel_all_orders = synchronous(CancelMethods.cancel_all_orders)
    edit_order = synchronous(CancelMethods.edit_order)
    reconcile_cancels = synchronous(Reconcile.reconcile_cancels)

    async def _audit_put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        return await put_blocking(recorder, draft, deadline)

    async def _audit_together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        return [await call() for call in calls]

    async def _audit_in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    def _audit_guard(self, session: object) -> bool:
        return requests_guard.guard(session)
