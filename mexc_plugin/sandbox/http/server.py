"""Runs the sandbox: in a thread with its own event loop, or in the foreground."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress

from aiohttp import web

from mexc_plugin.sandbox.http.control import Control
from mexc_plugin.sandbox.http.handler import Front
from mexc_plugin.sandbox.simulated_venue import Venue

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SHUTDOWN_S = 0.5
_START_S = 10.0


class Server:
    """One venue on one port. Serve it once at a time."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._front: Front | None = None

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of the newest requests, oldest first."""
        return [] if self._front is None else list(self._front.requests.copy())

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[str]:
        """Serves in the running event loop; gives the URL. Port 0 is a free one.

        Raises ValueError when `host` is not loopback, OSError when the port is taken.
        """
        if host not in LOOPBACK:
            raise ValueError(f"the sandbox serves loopback only, not {host}")
        front = self._front = Front(self._venue)
        app = web.Application()
        Control(self._venue).add_to(app)
        front.add_to(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            name = f"[{host}]" if ":" in host else host
            yield f"http://{name}:{runner.addresses[0][1]}"
        finally:
            front.stop()
            await runner.cleanup()

    @contextmanager
    def in_thread(self, host: str, port: int) -> Iterator[str]:
        """Serves in a daemon thread until the block ends; gives the URL."""
        started: Future[tuple[str, Callable[[], object]]] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(host, port, started)),
            name="mexc-sandbox",
            daemon=True,
        )
        thread.start()
        try:
            url, stop = started.result(timeout=_START_S)
        except BaseException:
            thread.join()
            raise
        try:
            yield url
        finally:
            stop()
            thread.join()

    async def _serve(
        self, host: str, port: int, started: Future[tuple[str, Callable[[], object]]]
    ) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self.listening(host, port) as url:
                started.set_result((url, lambda: loop.call_soon_threadsafe(stopped.set)))
                await stopped.wait()
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    async def until_signalled(
        self, host: str, port: int, on_started: Callable[[str], object] | None
    ) -> None:
        """Serves until SIGINT or SIGTERM; calls `on_started` with the URL."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stopped.set)
        async with self.listening(host, port) as url:
            if on_started is not None:
                on_started(url)
            await stopped.wait()
