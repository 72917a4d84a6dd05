"""The pages, served by uvicorn on loopback, over a record of the test's own."""

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.review.web import serving
from mexc_plugin.review.web.access.gate import Gate
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from tests.browser import browse, browser
from tests.cli.conftest import Ledger, run

__all__ = ["browse", "browser", "run"]

HOST = "127.0.0.1"
PATIENCE_S = 10


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A server that runs: its port, and requests to it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: str | None = None,
        **headers: str,
    ) -> Answer:
        """A request; headers are named with _ for -."""
        with self.opened(path, method, body, **headers) as answer:
            text = answer.read().decode()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)

    @contextlib.contextmanager
    def opened(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> Iterator[HTTPResponse]:
        """An answer that is still open."""
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            yield connection.getresponse()
        finally:
            connection.close()

    def page(self, path: str, **headers: str) -> Answer:
        """As a browser asks for a page."""
        return self.ask(path, Accept="text/html", **headers)


@contextlib.contextmanager
def served(url: str, token: str | None = None, port: int = 0) -> Iterator[Site]:
    """Serve a record in a thread."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        ended = asyncio.Event()
        started.set_result((asyncio.get_running_loop(), ended))
        await serving.serve(url, Gate(token), listening, ended)

    with serving.bind(HOST, port) as listening:
        site = Site(listening.getsockname()[1])
        thread = threading.Thread(target=lambda: asyncio.run(run()), name="pages")
        thread.start()
        loop, ended = started.result(PATIENCE_S)
        try:
            yield site
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty audit database to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("prepared") / "audit.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def path(tmp_path: Path, prepared: Path) -> Path:
    target = tmp_path / "audit.db"
    shutil.copy(prepared, target)
    return target


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    with served(url) as running:
        yield running


Serve = Callable[..., Site]


@pytest.fixture
def serve(url: str) -> Iterator[Serve]:
    """Serve the record with a token, or another one."""
    with contextlib.ExitStack() as stack:
        yield lambda token=None, record=url, port=0: stack.enter_context(
            served(record, token, port)
        )
