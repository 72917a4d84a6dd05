"""Fixtures: a venue on loopback, a database, and an exchange of each colour in front of them."""

import asyncio
import contextlib
import functools
import gc
import inspect
import logging
import os
import shutil
import ssl
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import settings

from mexc_plugin import config
from mexc_plugin.audit.recorder import Place
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.settings_file import VARIABLE as CONFIG_VARIABLE
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.writer import Writer
from tests.store.audits import Audit
from tests.store.servers import Servers, in_memory

# Whoever works on it searches further with each run; what decides on a change says the same twice.
settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("default")

# Folders that take servers, and files that take half a minute.
LONG = {
    *("cluster", "torture", "test_archiving", "test_containers", "test_differential"),
    *("test_migrations", "test_odd_input", "test_refusals", "test_types"),
}
COLOURS = ("sync", "async", "pro")

# Each exchange of asyncio's reads all authorities of the world, which takes as long as a test does; here nobody shows a
# certificate, or only its own authority's.
ssl.create_default_context = functools.cache(ssl.create_default_context)
FIXTURES = Path(__file__).parent / "fixtures"
DEADLINE_VARIABLE = config.VARIABLES["deadline_ms"]

# Each event is synced: on a disk most tests would wait for that, and those with a budget for other tests.
if memory := in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


@pytest.hookimpl(trylast=True)  # what is shuffled is shuffled by then
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes servers and time begins first: no process is left alone with it at the end."""
    items.sort(key=lambda item: not {item.path.parent.name, item.path.stem} & LONG)


def pytest_collection_finish() -> None:
    """What is imported stays: looking through it for garbage again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged travels from one process to another as UTF-8; some log halves of a pair on purpose."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)  # so that its line is below pytest's own summary
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say in one line what this machine lacks for tests that were skipped, and how to get it."""
    yield
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    lacking = [
        f"{reason.removeprefix('Skipped: ')} ({tests})"
        for reason, tests in sorted(reasons.items())
        if "; run: " in reason or ": set MEXC" in reason
    ]
    if lacking:
        terminalreporter.write_line(f"Not run on this machine: {'. '.join(lacking)}", yellow=True)


@pytest.fixture(autouse=True, scope="session")
def _nothing_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a session's or a module's fixtures run keeps its notes apart, too.

    And a busy machine must not turn a slow fsync into a spooled event: a test that is about a deadline says so.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(DEADLINE_VARIABLE, "2500")
        for name in ("DATA", "STATE", "CONFIG"):
            patched.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or touches the user's own data folder."""
    for name in (*config.VARIABLES.values(), CONFIG_VARIABLE, "MEXC_API_KEY", "MEXC_API_SECRET"):
        if name != DEADLINE_VARIABLE:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox().serve() as running:
        yield running


# Every kind of database. A module that runs on all of them overrides `backend` with these params.
BACKENDS = (
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mariadb", marks=pytest.mark.server),
)


@pytest.fixture
def backend() -> str:
    """The kind of database that a test runs on."""
    return "sqlite"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema in it: to copy it takes a fiftieth of what making it takes."""
    path = tmp_path_factory.mktemp("template") / "audit.db"
    made = engine.create(f"sqlite:///{path}")
    migrate.upgrade(made)
    made.dispose()
    return path


@contextlib.contextmanager
def _database(
    servers: Servers, backend: str, folder: Path, *, template: Path | None
) -> Iterator[Audit]:
    if backend == "sqlite":
        if template is not None:
            shutil.copy(template, folder / "audit.db")
        yield Audit(folder / "audit.db")
        recorders.close_all()
        return
    server = servers.of(backend)
    audit = server.fresh(migrated=template is not None)
    yield audit
    recorders.close_all()
    audit.close()
    server.drop(audit.name)


@pytest.fixture
def database(servers: Servers, backend: str, tmp_path: Path) -> Iterator[Audit]:
    """A database of the test's own with nothing in it; on SQLite a file that is not there yet."""
    with _database(servers, backend, tmp_path, template=None) as audit:
        yield audit


@pytest.fixture
def audit(servers: Servers, backend: str, tmp_path: Path, sqlite_template: Path) -> Iterator[Audit]:
    """The same with the schema in it: making that takes longer than most tests."""
    with _database(servers, backend, tmp_path, template=sqlite_template) as audit:
        yield audit


def placed(writer: Writer, draft: dict[str, Any]) -> Place | None:
    """Where an event is that nobody waits for for long."""
    receipt = writer.submit(draft, 0.02)
    assert receipt.wait(20)
    return receipt.place


def logged(caplog: pytest.LogCaptureFixture, words: str, least: int = 1) -> list[logging.LogRecord]:
    """What the log says with these words, or with this template. A thread writes it: so many are waited for, and then a bit."""
    until = time.monotonic() + 5

    def found() -> list[logging.LogRecord]:
        return [
            record
            for record in list(caplog.records)
            if words in str(record.msg) or words in record.getMessage()
        ]

    while len(found()) < least and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)
    return found()


class Bot:
    """An exchange of one colour behind one blocking interface."""

    def __init__(self, colour: str, config: dict[str, Any]) -> None:
        self.colour = colour
        self._runner = None if colour == "sync" else asyncio.Runner()
        if colour == "sync":
            from mexc_plugin import mexc
        elif colour == "async":
            from mexc_plugin.async_support import mexc
        else:
            from mexc_plugin.pro import mexc
        self.exchange = mexc(config)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = getattr(self.exchange, name)(*args, **kwargs)
            return self.run(result) if inspect.isawaitable(result) else result

        return call

    def run(self, awaitable: Any) -> Any:
        assert self._runner is not None
        return self._runner.run(awaitable)

    def close(self) -> None:
        if self._runner is None:
            self.exchange.session.close()  # ccxt's own close() came after 4.5.28
        else:
            self.exchange.timeout_on_exit = 1
            self._runner.run(self.exchange.close())
            self._runner.close()


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


MakeBot = Callable[..., Bot]


@pytest.fixture
def make_bot(colour: str, sandbox: Sandbox, audit: Audit) -> Iterator[MakeBot]:
    bots: list[Bot] = []

    def make(**config: Any) -> Bot:
        own = {"url": audit.url, "bot": "tests"}
        options = {"audit": own, **config.pop("options", {})}
        bots.append(Bot(colour, {**sandbox.ccxt_config(), **config, "options": options}))
        return bots[-1]

    yield make
    for bot in bots:
        bot.close()
    recorders.close_all()


@pytest.fixture
def bot(make_bot: MakeBot, sandbox: Sandbox, audit: Audit) -> Iterator[Bot]:
    """After the test, what arrived at the venue and what is on record must be the same."""
    bot = make_bot()
    yield bot
    assert_complete(sandbox, audit)


def assert_complete(sandbox: Sandbox, audit: Audit) -> None:
    """Row for row: order id, client order id and timestamp of everything that arrived."""
    arrived = sorted(
        (
            str(a.params.get("orderId")),
            str(a.params.get("origClientOrderId")),
            str(a.params.get("timestamp")),
        )
        for a in sandbox.arrivals
    )
    sent = {
        (e["cancel_id"], e["attempt"])
        for e in audit.events("response")
        if e["outcome"] != "not_sent"
    }
    recorded = []
    for event in audit.payloads("request"):
        if (event["cancel_id"], event["attempt"]) in sent:
            query = parse_qs(urlsplit(event["request"]["url"]).query)
            recorded.append(
                tuple(
                    query.get(name, ["None"])[0]
                    for name in ("orderId", "origClientOrderId", "timestamp")
                )
            )
    assert arrived == sorted(recorded)


def as_text(value: Any) -> Any:
    """Numbers as text all the way down: older ccxt decodes JSON like that."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def wire_answer(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text()
