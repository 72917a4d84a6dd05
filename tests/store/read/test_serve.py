"""The live page over every kind of database."""

import json
import sqlite3
import time
from http.client import HTTPResponse
from typing import Any

import pytest
import sqlalchemy as sa

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.review.web.data.reading import Reader
from mexc_plugin.store.connect.query_timeout import TooLong, stopped_after
from mexc_plugin.store.read.follow import heads
from tests.cli.conftest import Ledger
from tests.store.audits import Audit, ServerAudit
from tests.store.conftest import SERVERS
from tests.store.proxy import Proxy
from tests.web.conftest import served

only_servers = pytest.mark.parametrize("backend", SERVERS, indirect=True)


def told(events: HTTPResponse) -> Any:
    """The next thing that a watcher is told."""
    while not (line := events.readline().decode()).startswith("data: "):
        assert line
    return json.loads(line.removeprefix("data: "))


def test_every_page_answers_and_shows_the_same_attempts_as_the_view(audit: Audit) -> None:
    ledger = Ledger(audit.url)
    ids = [
        ledger.cancel(None if outcome is Outcome.PENDING else outcome.value, at=second)
        for second, outcome in enumerate(Outcome)
    ]
    with served(audit.url) as site:
        pages = ("/", "/unresolved", "/charts?span=all", f"/cancels/{ids[0]}", "/healthz")
        assert [site.page(path).status for path in pages] == [200] * len(pages)
        rows = site.ask("/api/cancels").json["cancels"]
        chain = [event["chain"] for event in site.ask(f"/api/cancels/{ids[0]}").json["events"]]
        figures = site.ask("/api/stats?span=all").json["total"]
    assert [row["cancel_id"] for row in rows] == ids[::-1]
    assert [row["final_outcome"] for row in rows] == [
        row["final_outcome"] for row in reversed(audit.history())
    ]
    assert chain == [[], []]
    assert [figures["attempts"], figures["unresolved"]] == [len(Outcome), 2]


def test_who_watches_is_told_whatever_the_database(audit: Audit) -> None:
    ledger = Ledger(audit.url)
    ledger.cancel()
    with served(audit.url) as site, site.opened("/events") as events:
        versions = [told(events)["version"], told(events)["version"]]
        ledger.cancel(at=1)
        versions.append(told(events)["version"])
        assert len(set(versions)) == 3
        assert len(site.ask("/api/cancels").json["cancels"]) == 2


SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
    "mariadb": "SELECT COUNT(*) FROM {t} a, {t} b, {t} c, {t} d, {t} e, {t} f".format(
        t="information_schema.columns"
    ),
}


async def test_a_query_that_takes_too_long_is_given_up(audit: Audit, backend: str) -> None:
    Ledger(audit.url).cancel()
    reader = Reader(audit.url)
    with pytest.raises(TooLong):
        await reader.ask(lambda connection: connection.exec_driver_sql(SLOW[backend]).all(), 0.2)
    assert await reader.ask(lambda connection: len(heads(connection))) == 1
    reader.close()


class Hesitant(sqlite3.Connection):
    """Stops a query a moment after it was asked to."""

    stopped = False

    def interrupt(self) -> None:
        time.sleep(0.1)
        super().interrupt()
        self.stopped = True


def test_no_query_is_stopped_after_it_was_waited_for() -> None:
    made = sa.create_engine("sqlite://", connect_args={"factory": Hesitant})
    with made.connect() as connection:
        with stopped_after(connection, 0.0):
            time.sleep(0.05)
        assert connection.connection.driver_connection.stopped
    made.dispose()


@only_servers
def test_a_server_that_was_restarted_is_found_again(
    behind_proxy: ServerAudit, audit: Audit, proxy: Proxy
) -> None:
    ledger = Ledger(audit.url)
    with served(behind_proxy.url) as site:
        assert site.page("/").status == 200
        with site.opened("/events") as events:
            assert told(events)["trouble"] is None
            proxy.shut()
            assert "cannot be reached" in told(events)["trouble"]
            gone = site.page("/")
            assert [gone.status, "cannot be reached" in gone.body] == [503, True]
            cancel_id = ledger.cancel()
            proxy.open()
            assert told(events)["trouble"] is None
        rows = site.ask("/api/cancels").json["cancels"]
    assert [row["cancel_id"] for row in rows] == [cancel_id]


@only_servers
def test_the_password_of_the_database_is_in_no_answer(
    behind_proxy: ServerAudit, proxy: Proxy, capfd: pytest.CaptureFixture[str]
) -> None:
    scheme, _, rest = behind_proxy.url.partition("://")
    rest = rest.rpartition("@")[2]
    with served(f"{scheme}://somebody:not-to-be-seen@{rest}") as site:
        answers = [site.page(path) for path in ("/", "/charts", "/healthz", "/nothing")]
        proxy.shut()
        answers.append(site.page("/"))
    assert [answer for answer in answers if "not-to-be-seen" in str(answer)] == []
    assert "not-to-be-seen" not in str(capfd.readouterr())
