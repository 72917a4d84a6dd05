"""`cancel_history` is derived: who may write it, who notices, and how it is made again."""

import pytest

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import history_rows, migrate
from mexc_plugin.store.write.open_database import Database
from tests.cli.tampering import tamper
from tests.conftest import Audit
from tests.store.audits import ServerAudit
from tests.store.schema import oracle
from tests.store.schema.test_kept_history import draft, kept, sealed

STRAY = "x" * 36


@pytest.fixture
def recorded(audit: Audit) -> list:
    """Three attempts, one of which has a word that came later."""
    store = Database(audit.url, 20_000)
    events = sealed(
        [
            draft("request", bot="a"),
            draft("response", outcome="unknown", latency_us=5),
            draft("reconciliation", outcome="canceled"),
            draft("request", attempt=2),
            draft("request", cancel=1, bot="b"),
        ]
    )
    store.insert(events)
    store.close()
    return events


def guards_of(audit: Audit) -> list[str]:
    """The names of the triggers that guard the history."""
    made = engine.create(audit.url)
    names = list(migrate.revision_module("0005").guards(made.dialect.name))
    made.dispose()
    return names


def without_guards(audit: Audit, *statements: str) -> None:
    """Change what the guards keep, and put them back."""
    of = " ON cancel_history" if audit.url.startswith("postgresql") else ""
    made = engine.create(audit.url)
    texts = migrate.revision_module("0005").guards(made.dialect.name)
    made.dispose()
    audit.execute(*(f"DROP TRIGGER {name}{of}" for name in texts), *statements, *texts.values())
    if of:
        audit.execute(*(f"ALTER TABLE cancel_history ENABLE ALWAYS TRIGGER {n}" for n in texts))


@pytest.mark.parametrize("statement", [
    "UPDATE cancel_history SET final_outcome = 'closed' WHERE attempt = 2",
    "UPDATE cancel_history SET bot = 'x' WHERE attempt = 2",
    "UPDATE cancel_history SET requested_at = NULL, requested_ns = NULL, request_seq = NULL",
    "DELETE FROM cancel_history",
    "DELETE FROM cancel_history WHERE attempt = 2",
    "INSERT INTO cancel_history (cancel_id, attempt, outcome, final_outcome) VALUES ('x', 1, 'pending', 'pending')",
])  # fmt: skip
def test_nobody_writes_it_but_the_events(audit: Audit, recorded: list, statement: str) -> None:
    with pytest.raises(Exception, match="kept from cancel_audit"):
        audit.execute(statement)
    assert kept(audit, recorded) == oracle.rows(recorded)


def test_rows_that_differ_are_found_and_made_again(audit: Audit, recorded: list, run) -> None:
    cancels = sorted({row["cancel_id"] for row in oracle.rows(recorded)})
    without_guards(
        audit,
        "UPDATE cancel_history SET bot = 'x', filled = '1' WHERE attempt = 2",
        f"DELETE FROM cancel_history WHERE cancel_id = '{cancels[1]}'",
        "INSERT INTO cancel_history (cancel_id, attempt, outcome, final_outcome) VALUES ('"
        + STRAY
        + "', 1, 'a', 'b')",
    )
    found = [line for line in run("audit", "verify", "--database-url", audit.url).stdout.splitlines()
             if ": history: " in line]  # fmt: skip
    assert sorted(found) == [
        f"broken: history: cancel {cancels[0]}: attempt 2 of the history differs in bot, filled",
        f"broken: history: cancel {cancels[1]}: attempt 1 of the history is missing",
        f"broken: history: cancel {STRAY}: attempt 1 of the history is of no event",
    ]
    made = run("db", "rebuild", "--database-url", audit.url)
    *rows, total = made.stdout.splitlines()
    assert [made.exit_code, total, made.stderr] == [0, "3 rows made again", ""]
    assert sorted(rows) == [
        f"cancel {cancels[0]} attempt 2: the row differs in bot, filled",
        f"cancel {cancels[1]} attempt 1: the row is missing",
        f"cancel {STRAY} attempt 1: the row is of no event",
    ]
    assert kept(audit, recorded) == oracle.rows(recorded)
    assert len(audit.query("SELECT 1 FROM cancel_history")) == 3
    assert run("db", "rebuild", "--database-url", audit.url).stdout == "0 rows made again\n"


def test_a_row_of_a_cancel_without_an_id_is_found_and_removed(
    audit: Audit, recorded: list, run
) -> None:
    without_guards(
        audit,
        "INSERT INTO cancel_history (cancel_id, attempt, outcome, final_outcome) VALUES ('', 1, 'a', 'b')",
    )
    assert run("audit", "verify", "--database-url", audit.url).exit_code == 3
    assert run("db", "rebuild", "--database-url", audit.url).stdout.endswith("1 row made again\n")
    assert kept(audit, recorded) == oracle.rows(recorded)
    assert len(audit.query("SELECT 1 FROM cancel_history")) == 3


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("odd", ["x'ff'", "CAST(x'ff' AS TEXT)"])
def test_ids_that_nobody_can_ask_for_end_the_parts_and_are_verified(
    audit: Audit, recorded: list, run, odd: str, monkeypatch
) -> None:
    monkeypatch.setattr(history_rows, "BATCH", 1)
    tamper(audit.path, f"UPDATE cancel_audit SET cancel_id = {odd} WHERE kind <> 'request'")
    found = run("audit", "verify", "--database-url", audit.url)
    assert found.exit_code == 3
    assert "attempt 1 of the history is missing" in found.stdout


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("statement", [
    "UPDATE cancel_history SET latency_us = CAST(x'ff' AS TEXT)",
    "UPDATE cancel_history SET bot = CAST(x'ff' AS TEXT), cancel_id = CAST(x'ff' AS TEXT) WHERE attempt = 2",
    "UPDATE cancel_history SET cancel_id = x'ff' WHERE attempt = 2",
])  # fmt: skip
def test_what_is_no_text_in_a_row_keeps_no_row_from_being_made_again(
    audit: Audit, recorded: list, run, statement: str
) -> None:
    tamper(audit.path, statement)
    made = run("db", "rebuild", "--database-url", audit.url)
    assert [made.exit_code, made.stderr] == [0, ""]
    assert kept(audit, recorded) == oracle.rows(recorded)
    assert run("db", "rebuild", "--database-url", audit.url).stdout == "0 rows made again\n"


def test_a_rebuild_goes_on_where_it_was_ended(
    audit: Audit, recorded: list, run, monkeypatch
) -> None:
    monkeypatch.setattr(history_rows, "BATCH", 1)
    without_guards(audit, "DELETE FROM cancel_history")
    ids = sorted({row["cancel_id"] for row in oracle.rows(recorded)})
    made = run("db", "rebuild", "--after", ids[0], "--database-url", audit.url)
    assert made.stdout.endswith("\n1 row made again\n")
    assert [row["cancel_id"] for row in kept(audit, recorded)] == ids[1:]
    run("db", "rebuild", "--database-url", audit.url)
    assert kept(audit, recorded) == oracle.rows(recorded)


def test_a_trigger_that_is_gone_is_found(audit: Audit, recorded: list, run) -> None:
    of = {"postgresql": " ON {}"}.get(audit.url.partition(":")[0], "")
    made = engine.create(audit.url)
    module = migrate.revision_module("0005")
    names = [(name, "cancel_history") for name in module.guards(made.dialect.name)]
    names += [(name, "cancel_audit") for name in module.triggers(made.dialect.name)]
    made.dispose()
    for name, table in names:
        audit.execute(f"DROP TRIGGER {name}{of.format(table)}")
    found = run("db", "check", "--database-url", audit.url)
    assert found.exit_code == 3
    for name, _ in names:
        assert f"trigger {name} is missing or no longer keeps cancel_history" in found.stdout


@pytest.mark.parametrize("backend", [
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mariadb", marks=pytest.mark.server),
])  # fmt: skip
def test_what_keeps_it_cannot_be_replaced_unnoticed(
    audit: ServerAudit, recorded: list, run
) -> None:
    if audit.url.startswith("postgresql"):
        audit.execute(
            "CREATE OR REPLACE FUNCTION cancel_audit_keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
    else:
        audit.execute(
            "DROP TRIGGER cancel_audit_kept",
            "CREATE TRIGGER cancel_audit_kept AFTER INSERT ON cancel_audit FOR EACH ROW SET @x = 1",
        )
    found = run("db", "check", "--database-url", audit.url)
    assert "trigger cancel_audit_kept is missing or no longer keeps cancel_history" in found.stdout


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.server)])
def test_what_looks_into_other_events_cannot_be_replaced_unnoticed(
    audit: ServerAudit, recorded: list, run
) -> None:
    head = (
        "CREATE OR REPLACE FUNCTION cancel_audit_said(name text, writer character, number bigint)"
    )
    audit.execute(f"{head} RETURNS text LANGUAGE sql AS 'SELECT NULL'")
    found = run("db", "check", "--database-url", audit.url)
    message = "function cancel_audit_said is missing or no longer keeps cancel_history"
    assert [found.exit_code, message in found.stdout] == [3, True]
    restored = run("db", "check", "--restore", "--database-url", audit.url)
    assert [restored.exit_code, "restored: cancel_audit_said" in restored.stdout] == [0, True]
