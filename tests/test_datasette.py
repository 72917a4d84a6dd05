"""Datasette on a record: it starts with our metadata, and every canned query answers."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from docs import questions as documents
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read.questions import catalogue
from mexc_plugin.store.schema import migrate
from tests.store.audits import Audit
from tests.store.read import known

METADATA = json.loads(documents.METADATA.read_text())["databases"]["audit"]
CANNED = list(METADATA["queries"])


@pytest.mark.parametrize("path", list(documents.MADE), ids=lambda path: path.name)
def test_what_is_made_from_the_questions_is_up_to_date(path: Path) -> None:
    assert path.read_text() == documents.MADE[path](), "run: make docs"


def test_every_question_has_its_place_in_the_page() -> None:
    placed = [name for names in documents.GROUPS.values() for name in names]
    assert sorted(placed) == list(catalogue())


def test_every_question_is_a_canned_query_but_those_that_cannot_be() -> None:
    assert {*CANNED, *documents.NOT_IN_DATASETTE} == set(catalogue())


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    audit = Audit(tmp_path_factory.mktemp("datasette") / "audit.db")
    opened = engine.create(audit.url)
    migrate.ensure(opened)
    opened.dispose()
    known.write(audit)
    return audit.path


@pytest.fixture(scope="module")
def datasette(record: Path) -> Iterator[str]:
    """A server on a free port of loopback. It reads the file that bots write to."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "datasette", "serve", str(record), "--port", str(port)]
    with subprocess.Popen(
        [*command, "--metadata", str(documents.METADATA)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, server)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, server.stdout.read().decode() if server.stdout else ""
        try:
            urllib.request.urlopen(f"{url}/-/versions.json", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


def ask(datasette: str, path: str, **parameters: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"_shape": "array", **parameters})
    with urllib.request.urlopen(f"{datasette}/audit/{path}.json?{query}", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)
        return found


def page(datasette: str, path: str) -> str:
    with urllib.request.urlopen(f"{datasette}/{path}", timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("name", CANNED)
def test_a_canned_query_gives_the_rows_that_are_known(datasette: str, name: str) -> None:
    given = {"order": "102"} if name == "order-trail" else {}
    rows = ask(datasette, name, **given)
    expected = (Path(__file__).parent / "store" / "read" / "answers" / f"{name}.csv").read_text()
    narrowed = {"cancels-of-an-account", "slowest", "bursts"}  # there with parameters
    assert len(rows) == len(expected.splitlines()) - 1 or (name in narrowed and rows)
    assert list(rows[0]) == expected.splitlines()[0].split(",")


def test_a_canned_query_takes_parameters_as_text(datasette: str) -> None:
    assert len(ask(datasette, "slowest", most="2")) == 2
    assert len(ask(datasette, "unknown-for-long", seconds="91")) == 0
    assert len(ask(datasette, "failed", since="2026-03-02 12:00:05", until="2026-03-02 13")) == 3


def test_it_shows_what_columns_and_queries_mean(datasette: str) -> None:
    shown = page(datasette, "audit/cancel_facts")
    assert "hour, UTC, 0 to 23" in shown
    shown = page(datasette, "audit")
    assert "Cancels that failed, and why" in shown
    assert "Every cancel that was sent to MEXC" in shown


def test_what_is_described_is_there(record: Path) -> None:
    with closing(sqlite3.connect(record)) as connection:
        for table, described in METADATA["tables"].items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            assert set(described["columns"]) == set(columns)


def test_no_description_is_empty_or_has_the_marks_of_a_page() -> None:
    texts = [table["description"] for table in METADATA["tables"].values()]
    texts += [text for table in METADATA["tables"].values() for text in table["columns"].values()]
    texts += [query["description"] for query in METADATA["queries"].values()]
    assert [text for text in texts if not text or re.search(r"`|\]\(", text)] == []


def test_it_cannot_write(datasette: str) -> None:
    sql = urllib.parse.urlencode({"sql": "DELETE FROM cancel_audit"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{datasette}/audit.json?{sql}", timeout=30).close()
