"""What the guards refuse is tried for real, nothing on record is touched by it, and what is gone can be restored."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mexc_plugin.hosting import checks
from mexc_plugin.store.schema import partitions, restoring
from mexc_plugin.store.verify import guard_trials
from tests.conftest import Audit
from tests.evidence.records import honest, sealed, store
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.schema.test_roles import Account, account
from tests.store.servers import Server

__all__ = ["Account", "account"]

ON = {"sqlite": "", "mariadb": "", "postgresql": " ON {table}"}
TABLES = ("cancel_audit", "cancel_audit_order", "cancel_history", "audit_checkpoint")
TRIED = {"UPDATE", "DELETE", "REPLACE", "INSERT"}


@pytest.fixture
def recorded(audit: Audit) -> Audit:
    store(audit.url, sealed(honest()))
    return audit


def everything(audit: Audit) -> list[object]:
    return [audit.query(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES]


def triggers(audit: Audit, backend: str) -> list[tuple[str, str]]:
    """Every trigger of ours, and its table."""
    query = {
        "sqlite": "SELECT name, tbl_name AS t FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname AS name, tgrelid::regclass::text AS t FROM pg_trigger WHERE NOT tgisinternal",
        "mariadb": "SELECT trigger_name AS name, event_object_table AS t FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE()",
    }[backend]
    return [(row["name"], row["t"]) for row in audit.query(query)]


def drop(audit: Audit, backend: str, *names: str) -> None:
    for name, table in triggers(audit, backend):
        if not names or name in names:
            audit.execute(f"DROP TRIGGER {name}{ON[backend].format(table=table)}")


def test_what_is_refused_is_tried_and_nothing_is_changed(recorded: Audit, backend: str) -> None:
    before = everything(recorded)
    found = guard_trials.try_guards(recorded.url)
    assert found.refused == TRIED | ({"TRUNCATE"} if backend == "postgresql" else set())
    assert found.faults == []
    assert everything(recorded) == before


def test_an_empty_record_is_tried_too(audit: Audit, run) -> None:
    assert run("db", "upgrade", "--database-url", audit.url).exit_code == 0
    found = guard_trials.try_guards(audit.url)
    assert (found.refused >= TRIED, found.faults) == (True, [])
    assert everything(audit) == [[], [], [], []]


def test_what_is_let_pass_is_a_fault_and_taken_back(recorded: Audit, backend: str) -> None:
    before = everything(recorded)
    drop(recorded, backend)
    faults = guard_trials.try_guards(recorded.url).faults
    # Without the triggers that keep it the history has no row to try with.
    for verb in ("UPDATE", "DELETE", "REPLACE"):
        for table in ("cancel_audit", "cancel_audit_order", "audit_checkpoint"):
            assert any(fault.startswith(f"{verb} of {table} was tried") for fault in faults)
    assert any(fault.startswith("INSERT of cancel_history") for fault in faults)
    truncated = [fault for fault in faults if fault.startswith("TRUNCATE")]
    assert len(truncated) == (4 if backend == "postgresql" else 0)
    assert everything(recorded) == before


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "REPLACE"])
def test_one_guard_that_is_gone_is_one_fault(recorded: Audit, backend: str, verb: str) -> None:
    drop(recorded, backend, f"cancel_audit_no_{verb.lower()}")
    (fault,) = guard_trials.try_guards(recorded.url).faults
    assert fault.startswith(f"{verb} of cancel_audit was tried")


def test_the_history_s_guards_that_are_gone_are_faults_of_it(recorded: Audit, backend: str) -> None:
    before = everything(recorded)
    names = [name for name, _ in triggers(recorded, backend)]
    drop(recorded, backend, *(name for name in names if name.startswith("cancel_history_no_")))
    faults = guard_trials.try_guards(recorded.url).faults
    verbs = TRIED | ({"TRUNCATE"} if backend == "postgresql" else set())
    assert {fault.partition(" was tried")[0] for fault in faults} == {
        f"{verb} of cancel_history" for verb in verbs
    }
    assert everything(recorded) == before


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("when", ["INSERT", "UPDATE"])
def test_what_fails_for_another_reason_is_neither_refused_nor_let_pass(
    recorded: Audit, backend: str, when: str
) -> None:
    drop(recorded, backend, "cancel_audit_no_update")
    recorded.execute(
        f"CREATE TRIGGER full BEFORE {when} ON cancel_audit BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    found = guard_trials.try_guards(recorded.url)
    assert (found.refused, found.faults, len(found.untried)) == (set(), [], 1)


def test_a_record_that_is_locked_is_not_tried_and_nobody_waits_long(
    recorded: Audit, backend: str
) -> None:
    with recorded.locked():
        began = time.monotonic()
        found = guard_trials.try_guards(recorded.url)
        assert time.monotonic() - began < 8
    assert found.faults == []
    assert found.untried
    assert everything(recorded)[2]


@pytest.mark.parametrize("backend", SERVERS)
@pytest.mark.parametrize("role", ["bot", "auditor"])
def test_a_role_without_the_right_is_protected_by_that(
    recorded: Audit, role: str, account, run
) -> None:
    found = guard_trials.try_guards(account(role).url)
    assert (found.faults, found.untried) == ([], [])
    assert {"UPDATE", "DELETE", "REPLACE"} <= found.refused


@pytest.mark.parametrize("backend", SERVERS)
def test_who_may_change_and_not_insert_has_no_row_to_try_with(
    recorded: Audit, backend: str, account
) -> None:
    auditor = account("auditor")
    whom = auditor.name if backend == "postgresql" else f"{auditor.name}@'%'"
    recorded.execute(f"GRANT UPDATE, DELETE ON cancel_audit_order TO {whom}")
    assert guard_trials.try_guards(auditor.url).faults == []


@contextlib.contextmanager
def reading(server: Server, audit: Audit) -> Iterator[Any]:
    """Somebody reads orders, in a transaction that lasts."""
    assert isinstance(audit, ServerAudit)
    with contextlib.closing(server.connect(audit.name)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM cancel_audit_order")
        yield reader


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_truncate_is_not_tried_on_a_table_that_is_read_all_the_time(
    recorded: Audit, server: Server
) -> None:
    with reading(server, recorded):
        began = time.monotonic()
        found = guard_trials.try_guards(recorded.url)
        assert time.monotonic() - began < 8
    assert found.untried == ["TRUNCATE of cancel_audit_order: the table was in use all the time"]
    assert (found.faults, found.refused) == ([], TRIED | {"TRUNCATE"})


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_truncate_waits_a_little_for_who_reads(
    recorded: Audit, server: Server, monkeypatch
) -> None:
    with reading(server, recorded) as reader:
        monkeypatch.setattr(guard_trials.time, "sleep", lambda _: reader.close())
        found = guard_trials.try_guards(recorded.url)
    assert (found.untried, found.faults) == ([], [])


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_truncate_is_tried_with_a_lock_on_that_table_and_on_no_other(recorded: Audit) -> None:
    held: list[list[object]] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("TRUNCATE"):
            locks = "SELECT relation::regclass::text AS t FROM pg_locks JOIN pg_database d ON d.oid = database"
            own = " WHERE datname = current_database() AND mode = 'AccessExclusiveLock'"
            held.append([row["t"] for row in recorded.query(locks + own)])

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        guard_trials.try_guards(recorded.url)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)
    assert sorted(held) == sorted([table] for table in TABLES)


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_a_truncate_that_fails_for_another_reason_is_neither_refused_nor_let_pass(
    recorded: Audit,
) -> None:
    recorded.execute("CREATE TABLE mine (sha256 char(64) REFERENCES audit_checkpoint)")
    found = guard_trials.try_guards(recorded.url)
    assert found.faults == []
    (reason,) = found.untried
    assert "referenced in a foreign key constraint" in reason


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_a_table_that_takes_nothing_back_is_a_fault_and_not_tried(recorded: Audit) -> None:
    recorded.execute("ALTER TABLE cancel_audit ENGINE = MyISAM")
    before = everything(recorded)
    (fault,) = guard_trials.try_guards(recorded.url).faults
    assert "ALTER TABLE cancel_audit ENGINE = InnoDB" in fault
    assert everything(recorded) == before


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_who_may_truncate_on_mariadb_is_told_so(recorded: Audit) -> None:
    texts = [f.text for f in checks.database(recorded.url, "given") if f.is_note]
    assert any("the right DROP is what allows it" in text for text in texts)


def test_guards_and_views_that_are_gone_are_restored(recorded: Audit, backend: str, run) -> None:
    before = triggers(recorded, backend)
    drop(recorded, backend)
    recorded.execute("DROP VIEW cancel_gaps")
    broken = run("db", "check", "--database-url", recorded.url)
    assert broken.exit_code == 3
    assert restoring.COMMAND in broken.stdout
    done = run("db", "check", "--restore", "--database-url", recorded.url)
    assert (done.exit_code, "restored: cancel_gaps" in done.stdout) == (0, True)
    assert "db rebuild" in done.stderr
    assert sorted(triggers(recorded, backend)) == sorted(before)
    with pytest.raises(Exception, match="append-only"):
        recorded.execute("DELETE FROM cancel_audit")
    again = run("db", "check", "--restore", "--database-url", recorded.url)
    assert "restored" not in again.stdout


@pytest.mark.parametrize("backend", SERVERS[:1])
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE cancel_audit DISABLE TRIGGER ALL",
        "ALTER TABLE cancel_audit_default DISABLE TRIGGER ALL",
        "DROP TRIGGER cancel_audit_no_truncate ON cancel_audit_default",
        (
            "CREATE OR REPLACE FUNCTION cancel_audit_append_only() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN OLD; END $$"
        ),
        (
            "CREATE OR REPLACE FUNCTION cancel_history_kept() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$"
        ),
    ],
)
def test_a_partitioned_record_is_restored_whatever_was_switched_off(
    database: Audit, run, change: str
) -> None:
    run("db", "upgrade", "--partitioned", "--database-url", database.url)
    assert isinstance(database, ServerAudit)
    database.execute(change)
    assert run("db", "check", "--database-url", database.url).exit_code == 3
    assert run("db", "check", "--restore", "--database-url", database.url).exit_code == 0
    with pytest.raises(Exception, match="append-only"):
        database.execute(f"TRUNCATE {partitions.DEFAULT}")


@pytest.mark.parametrize("backend", SERVERS)
def test_only_the_owner_restores(recorded: Audit, backend: str, account, run) -> None:
    bot = account("bot")
    drop(recorded, backend, "cancel_audit_no_change", "cancel_audit_no_delete")
    result = run("db", "check", "--restore", "--database-url", bot.url)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_file_that_may_only_be_read_is_not_tried(recorded: Audit, run, monkeypatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write any file
    result = run("db", "check", "--database-url", recorded.url)
    assert (result.exit_code, "not tried: " in result.stderr) == (0, True)
    assert not Path(f"{recorded.path}-wal").exists()
