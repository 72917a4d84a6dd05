"""A database with a record in it, made without the writer; and the program, run in this process."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.config import URL_VARIABLE
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.open_database import Database
from tests.command_line import invoke

NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z
SECOND = 1_000_000_000
BUSY_MS = 5_000


class Ledger:
    """One writer's chain in a database. Times are seconds after 2026-11-23T12:00:00Z."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.writer_id = str(uuid.uuid4())
        self.seq = 0
        self.hash = chain.GENESIS

    def seal(self, **draft: Any) -> events.Event:
        """The next event of the chain, not stored."""
        at = draft.pop("at", 0)
        draft.setdefault("occurred_ns", NOON + int(at * SECOND))
        self.seq += 1
        event = events.seal(draft, self.writer_id, self.seq, self.hash)
        self.hash = event.hash
        return event

    def store(self, *sealed: events.Event) -> None:
        database = Database(self.url, BUSY_MS)
        try:
            database.insert(sealed)
        finally:
            database.close()

    def cancel(self, outcome: str | None = "canceled", at: float = 0, **fields: Any) -> str:
        """A request and, unless outcome is None, its response. Returns the cancel_id.

        fields go into both events; `answer` and `body` are of the response alone.
        """
        answer, body = fields.pop("answer", {}), fields.pop("body", None)
        common = {
            "cancel_id": uuid7(),
            "attempt": 1,
            "account": "0123456789abcdef",
            "bot": "grid",
            "host": "here",
            "market_type": "spot",
            "symbol": "LTC/BTC",
            "native_symbol": "LTCBTC",
            "order_id": "4",
        } | fields
        url = "http://127.0.0.1/api/v3/order?symbol=LTCBTC"
        request = {"method": "DELETE", "url": url, "headers": {"X-MEXC-APIKEY": "[redacted]"}}
        sealed = [self.seal(kind="request", at=at, request=request, **common)]
        if outcome is not None:
            response = {"status": 200, "headers": {}, "body": body}
            known = {"outcome": outcome, "http_status": 200, "latency_us": 1500}
            named = common | known | answer
            sealed.append(self.seal(kind="response", at=at + 0.0015, response=response, **named))
        self.store(*sealed)
        return str(common["cancel_id"])

    def reconcile(self, cancel_id: str, outcome: str, at: float = 60) -> None:
        event = self.seal(
            kind="reconciliation", cancel_id=cancel_id, attempt=1, outcome=outcome, at=at
        )
        self.store(event)


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
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run the program in this process; stdout is no terminal. A bug fails the test."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def run(*arguments: str) -> Result:
        result = invoke(arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
