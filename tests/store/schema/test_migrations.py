"""Migrations keep the evidence: up and down with 30,000 events there, on every database.

In CI; elsewhere with fewer, to be quick. `CI=true` has them all here too.
"""

import itertools
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.config import URL_VARIABLE
from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import migrate, tables, triggers
from mexc_plugin.store.verify import record
from mexc_plugin.store.write.inserts import Insert
from mexc_plugin.store.write.writer import Writer
from tests import warm
from tests.conftest import Audit
from tests.store import whole
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.write.test_store import draft, seqs

ROOT = Path(__file__).resolve().parents[3]
# Elsewhere more than a batch of any migration, the largest of which has 2,000.
EVENTS = 30_000 if os.environ.get("CI") else 2_400
WRITERS = 4
BATCH = 5_000
SECOND = 1_000_000_000
FIRST = 1_795_435_200_000_000_000

REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
# By append-only table, the revision that made it: from there on its guards have to stand.
MADE_BY = {"cancel_audit": "0001", "cancel_audit_order": "0002", "audit_checkpoint": "0006"}


def written(writer: int, count: int) -> Iterator[Event]:
    """One writer's chain: requests and responses, and now and then a cancel-all."""
    writer_id, last = str(uuid.UUID(int=writer + 1)), chain.GENESIS
    for seq in range(1, count + 1):
        number, is_response = divmod(seq - 1, 2)
        document: dict[str, object] = {
            "kind": "response" if is_response else "request",
            "occurred_ns": FIRST + seq * SECOND // 7,
            "cancel_id": str(uuid.UUID(int=writer << 64 | number)),
            "attempt": 1,
            "order_id": f"C02__{number}",
            "request": {
                "url": "https://api.mexc.com/api/v3/order?symbol=LTCBTC",
                "method": "DELETE",
            },
        }
        if is_response and number % 500 == 0:
            document["orders"] = [{"order_id": f"{n}", "outcome": "canceled"} for n in range(3)]
        elif is_response:
            document["outcome"] = "canceled"
        event = events.seal(document, writer_id, seq, last)
        last = event.hash
        yield event


@pytest.fixture(scope="session")
def rows() -> list[dict[str, object]]:
    chains = (written(writer, EVENTS // WRITERS) for writer in range(WRITERS))
    return [events.project(event) for event in itertools.chain.from_iterable(chains)]


def assert_evidence(url: str, revision: str) -> None:
    """Every event is there, the chains hold, the columns fit, and the guards stand."""
    made = engine.create(url, read_only=True)
    with made.connect() as connection, made.connect() as second:
        read = list(whole.read_chained(connection))
        orders = record.OrderRows(second) if revision != "0001" else None
        assert list(whole.verify(read, record.Verifier(), orders)) == []
        assert (len(read), len({row["writer_id"] for row in read})) == (EVENTS, WRITERS)
        missing = " ".join(triggers.missing(second))
    made.dispose()
    guards = dict(triggers.list_guards(made.dialect.name))
    there = [table for table, since in MADE_BY.items() if since <= revision]
    wanted = [name for name in guards if name.partition("_no_")[0] in there]
    assert [name for name in guards if name not in missing] == wanted


def test_every_revision_up_and_down_keeps_every_event_guarded_and_whole(
    database: Audit, rows: list[dict[str, object]], capsys
) -> None:
    made = engine.create(database.url)
    migrate.upgrade(made, REVISIONS[0])
    insert = Insert(tables.cancel_audit, made.dialect)
    with made.begin() as connection:
        for start in range(0, len(rows), BATCH):
            for statement in insert.statements(rows[start : start + BATCH]):
                connection.exec_driver_sql(statement.sql, statement.values)
    took = []
    for before, after in itertools.pairwise(REVISIONS):
        took.append(timed(migrate.upgrade, made, after))
        assert_evidence(database.url, after)
        took.append(timed(migrate.downgrade, made, before))
        assert_evidence(database.url, before)
        migrate.upgrade(made, after)
    migrate.check(made)
    with pytest.raises(StoreError, match="no migration removes evidence"):
        migrate.downgrade(made, "base")
    migrate.upgrade(made)
    assert_evidence(database.url, REVISIONS[-1])
    made.dispose()
    with capsys.disabled():
        print(f"{made.dialect.name}, {len(rows)} events, up and down: {took}", end=" ")


def timed(run, *arguments: object) -> float:
    since = time.perf_counter()
    run(*arguments)
    return round(time.perf_counter() - since, 2)


def test_every_revision_is_among_those_that_are_tried() -> None:
    known = [script.revision for script in migrate._scripts().walk_revisions()]
    assert known[::-1] == REVISIONS


def test_an_empty_audit_can_be_removed_and_made_again(database: Audit) -> None:
    made = engine.create(database.url)
    migrate.upgrade(made)
    migrate.downgrade(made, "base")
    assert database.tables() == {tables.VERSION_TABLE}
    migrate.upgrade(made)
    with made.connect() as connection:
        assert migrate.state(connection) is migrate.State.CURRENT
        assert triggers.missing(connection) == []
    made.dispose()


def alembic(folder: Path, url: str, *arguments: str) -> str:
    """What alembic's own program says, in a folder with a pyproject.toml."""
    given = os.environ | {URL_VARIABLE: url}
    done = warm.run("-m", "alembic", "-c", "pyproject.toml", *arguments, cwd=folder, env=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_alembic_s_own_program_runs_the_migrations_too(database: Audit) -> None:
    alembic(ROOT, database.url, "upgrade", "0002")
    alembic(ROOT, database.url, "upgrade", "head")
    assert alembic(ROOT, database.url, "current") == f"{tables.HEAD} (head)\n"
    assert "No new upgrade operations" in alembic(ROOT, database.url, "check")
    with queries.reading(database.url) as connection:
        assert triggers.missing(connection) == []
    alembic(ROOT, database.url, "downgrade", "base")
    assert database.tables() == {tables.VERSION_TABLE}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_new_revision_of_alembic_s_runs(database: Audit, tmp_path: Path) -> None:
    shutil.copytree(migrate.migrations_folder(), tmp_path / "migrations")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    alembic(tmp_path, database.url, "upgrade", "head")
    alembic(tmp_path, database.url, "revision", "--rev-id", "0099", "-m", "more")
    [path] = (tmp_path / "migrations" / "versions").glob("0099_*.py")
    path.write_text(path.read_text().replace("raise NotImplementedError", "op.execute('SELECT 1')"))
    alembic(tmp_path, database.url, "upgrade", "head")
    assert alembic(tmp_path, database.url, "current") == "0099 (head)\n"


def test_no_migration_uses_batch_mode_which_would_drop_sqlite_s_triggers() -> None:
    for script in migrate.migrations_folder().rglob("*.py"):
        assert re.search(r"batch_alter_table|render_as_batch", script.read_text()) is None


# -- MySQL and MariaDB commit each statement: what an interrupted migration leaves


@pytest.mark.parametrize("backend", SERVERS[1:])
@pytest.mark.parametrize("left", [
    ["CREATE TABLE cancel_audit (x INT)"],
    ["CREATE TABLE cancel_audit_version (version_num VARCHAR(32) NOT NULL)", "CREATE TABLE cancel_audit (x INT)",
     "CREATE VIEW cancel_history AS SELECT x FROM cancel_audit"],
])  # fmt: skip
def test_a_bot_makes_whole_what_an_interrupted_migration_left(
    database: ServerAudit, left: list[str], run
) -> None:
    database.execute(*left)
    assert run("db", "current", "--database-url", database.url).stdout.startswith("none: half made")
    assert run("db", "check", "--database-url", database.url).exit_code == 3
    listing = run("audit", "list", "--database-url", database.url)
    assert [listing.exit_code, len(listing.stderr.splitlines())] == [1, 1]
    made = Writer(database.url)
    assert made.submit(draft(), 20).wait(20)
    made.close()
    assert seqs(database) == [1, 2, 3]
    assert run("db", "check", "--database-url", database.url).exit_code == 0


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_the_second_revision_can_be_repeated_after_an_interruption(database: ServerAudit) -> None:
    made = engine.create(database.url)
    migrate.upgrade(made, "0001")
    database.execute("CREATE TABLE cancel_audit_order (x INT)")
    migrate.upgrade(made)
    with made.connect() as connection:
        assert triggers.missing(connection) == []
    made.dispose()


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_an_audit_whose_revision_was_lost_is_not_begun_anew(audit: ServerAudit, caplog) -> None:
    made = Writer(audit.url)
    assert made.submit(draft(), 20).wait(20)
    made.close()
    audit.execute("DELETE FROM cancel_audit_version")
    again = engine.create(audit.url)
    with pytest.raises(StoreError, match="no migration removes evidence"):
        migrate.ensure(again)
    again.dispose()
    assert seqs(audit) == [1, 2, 3]


def test_reading_needs_nothing_but_select(audit: Audit) -> None:
    """No statement of a reader is refused by a transaction that may only read."""
    made = engine.create(audit.url)
    migrate.ensure(made)
    made.dispose()
    with queries.reading(audit.url) as connection:
        assert list(queries.history(connection, queries.Filters())) == []
        assert triggers.missing(connection) == []
