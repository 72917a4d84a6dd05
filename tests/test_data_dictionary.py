"""The data dictionary is up to date, complete, and true of a record that a bot made."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from docs import dictionary as page
from mexc_plugin.audit.events import KINDS
from mexc_plugin.store.schema import tables
from mexc_plugin.store.schema.dictionary import CHECKPOINTS, EVENTS, HISTORY, ORDERS, PAYLOAD, Field
from mexc_plugin.store.schema.view_columns import VIEW_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
TABLES = (
    (tables.cancel_audit, EVENTS),
    (tables.cancel_audit_order, ORDERS),
    (tables.cancel_history, HISTORY),
    (tables.audit_checkpoint, CHECKPOINTS),
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "audit.db"
    command = [sys.executable, "cli.py", "demo", "--database-url", f"sqlite:///{path}"]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    return path


def read(path: Path, query: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query).fetchall()


def test_the_page_is_up_to_date() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run: make docs"


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "data-dictionary.md")
    monkeypatch.setattr(sys, "argv", ["dictionary", "--check"])
    assert page.main() == 1
    monkeypatch.setattr(sys, "argv", ["dictionary"])
    assert page.main() == 0
    monkeypatch.setattr(sys, "argv", ["dictionary", "--check"])
    assert page.main() == 0


@pytest.mark.parametrize(("table", "fields"), TABLES, ids=lambda value: getattr(value, "name", ""))
def test_every_column_is_in_it_and_no_other(table: sa.Table, fields: Mapping[str, Field]) -> None:
    assert [column.name for column in table.c] == list(fields)


@pytest.mark.parametrize(
    ("table", "fields"),
    [TABLES[0], TABLES[1], TABLES[3]],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_column_that_is_never_null_cannot_be(
    table: sa.Table, fields: Mapping[str, Field]
) -> None:
    assert {c.name for c in table.c if not c.nullable} == {
        n for n, f in fields.items() if not f.null
    }


def test_a_column_of_the_history_that_is_never_null_never_is(demo: Path) -> None:
    never = [name for name, field in HISTORY.items() if not field.null]
    rows = read(demo, "SELECT * FROM cancel_history")
    assert rows
    assert {(name, row[name]) for row in rows for name in never if row[name] is None} == set()


def test_the_views_have_the_columns_that_it_names(demo: Path) -> None:
    for view, columns in VIEW_COLUMNS.items():
        names = [row["name"] for row in read(demo, f"PRAGMA table_info({view})")]
        assert names == list(columns)


def test_what_a_payload_holds_beyond_the_columns_is_in_it(demo: Path) -> None:
    rows = read(demo, "SELECT kind, payload FROM cancel_audit")
    assert {row["kind"] for row in rows} >= {"start", "request", "response"}
    for row in rows:
        for name in set(json.loads(row["payload"])) - set(EVENTS):
            assert row["kind"] in (PAYLOAD[name].kinds or KINDS), name


def test_the_kinds_that_it_names_are_those_of_events() -> None:
    assert {kind for part in PAYLOAD.values() for kind in part.kinds} <= set(KINDS)
