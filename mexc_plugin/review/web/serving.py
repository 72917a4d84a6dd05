"""Binds a socket and serves the pages on it until SIGINT or SIGTERM."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from mexc_plugin.review.exposition import Outside
from mexc_plugin.review.web.access.gate import LOOPBACK, Gate
from mexc_plugin.review.web.access.middleware import Guard
from mexc_plugin.review.web.app import application
from mexc_plugin.review.web.data.reading import Reader

PATIENCE_S = 3


class Server(uvicorn.Server):
    """uvicorn's own handling of signals kills the process again when everything is over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run`."""
        yield


def run(
    url: str,
    host: str,
    port: int,
    token: str | None,
    on_started: Callable[[str], object],
    measure_outside: Callable[[], Outside],
) -> None:
    """Serve the record at the URL; `on_started` gets the address of the first page.

    measure_outside: what is known beside the record, for `/metrics`.

    Raises OSError where it cannot bind, ValueError for a host beyond this machine without a token.
    """
    if token is None and host not in LOOPBACK:
        raise ValueError(f"{host} is more than this machine: it needs a token")
    with bind(host, port) as listening:
        on_started(_address(host, listening))
        asyncio.run(_until_signalled(url, Gate(token), listening, measure_outside))


async def serve(
    url: str,
    gate: Gate,
    listening: socket.socket,
    ended: asyncio.Event,
    measure_outside: Callable[[], Outside] | None = None,
) -> None:
    """Serve on a socket until the event is set. Who watches is sent home, who reads may finish."""
    app = application(Reader(url), gate, measure_outside)
    config = uvicorn.Config(
        Guard(app, gate),  # outermost: what fails has the headers too
        access_log=False,  # who looked at what is nobody's business here
        lifespan="on",
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,
        ws="none",
    )
    server = Server(config)

    async def leave() -> None:
        await ended.wait()
        await app.state.shared.close()
        server.should_exit = True

    leaving = asyncio.create_task(leave())
    try:
        await server.serve([listening])
    finally:
        leaving.cancel()


async def _until_signalled(
    url: str, gate: Gate, listening: socket.socket, measure_outside: Callable[[], Outside]
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await serve(url, gate, listening, ended, measure_outside)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except BaseException:
        listening.close()
        raise
    return listening


def _address(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    named = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104 - said, not bound
    return f"http://{f'[{named}]' if ':' in named else named}:{port}/"
