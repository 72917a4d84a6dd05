"""No statement changes the record, whoever runs it: here a superuser."""

import hashlib

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.store.schema import restoring, triggers
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.servers import Server

COLUMNS = "(writer_id, seq, kind, occurred_at, occurred_ns, payload, prev_hash, hash)"
FORGED = "SELECT writer_id, seq, 'stop', occurred_at, occurred_ns, '{}', prev_hash, hash FROM cancel_audit"
INSERT = f"INSERT INTO cancel_audit {COLUMNS} {FORGED}"

POSTGRESQL = {
    "update": ["UPDATE cancel_audit SET outcome = 'canceled'"],
    "update to the same": ["UPDATE cancel_audit SET kind = kind"],
    "delete": ["DELETE FROM cancel_audit"],
    "truncate": ["TRUNCATE cancel_audit"],
    "truncate with others": ["TRUNCATE cancel_audit_order, cancel_audit CASCADE"],
    "upsert": [f"{INSERT} ON CONFLICT (writer_id, seq) DO UPDATE SET kind = 'stop'"],
    "merge": [
        "MERGE INTO cancel_audit a USING (SELECT 1) b ON true WHEN MATCHED THEN UPDATE SET kind = 'stop'"
    ],
    "with": ["WITH gone AS (DELETE FROM cancel_audit RETURNING *) SELECT * FROM gone"],
    "as a replica: update": [
        "SET LOCAL session_replication_role = replica",
        "UPDATE cancel_audit SET outcome = 'canceled'",
    ],
    "as a replica: delete": [
        "SET LOCAL session_replication_role = replica",
        "DELETE FROM cancel_audit",
    ],
    "as a replica: truncate": [
        "SET LOCAL session_replication_role = replica",
        "TRUNCATE cancel_audit",
    ],
    "orders: update": ["UPDATE cancel_audit_order SET outcome = 'x'"],
    "orders: delete": ["DELETE FROM cancel_audit_order"],
    "orders: truncate": ["TRUNCATE cancel_audit_order"],
    "orders: as a replica": [
        "SET LOCAL session_replication_role = replica",
        "DELETE FROM cancel_audit_order",
    ],
    "checkpoints: update": ["UPDATE audit_checkpoint SET note = 'x'"],
    "checkpoints: delete": ["DELETE FROM audit_checkpoint"],
    "checkpoints: truncate": ["TRUNCATE audit_checkpoint"],
}
MARIADB = {
    "update": ["UPDATE cancel_audit SET outcome = 'canceled'"],
    "update to the same": ["UPDATE cancel_audit SET kind = kind"],
    "update ignore": ["UPDATE IGNORE cancel_audit SET kind = 'stop'"],
    "update of two": [
        "UPDATE cancel_audit a JOIN cancel_audit b USING (writer_id, seq) SET a.kind = 'stop'"
    ],
    "delete": ["DELETE FROM cancel_audit"],
    "delete ignore": ["DELETE IGNORE FROM cancel_audit"],
    "delete of two": ["DELETE a FROM cancel_audit a JOIN cancel_audit b USING (writer_id, seq)"],
    "replace": [f"REPLACE INTO cancel_audit {COLUMNS} {FORGED}"],
    "upsert": [f"{INSERT} ON DUPLICATE KEY UPDATE kind = 'stop'"],
    "upsert ignore": [
        f"{INSERT.replace('INSERT', 'INSERT IGNORE', 1)} ON DUPLICATE KEY UPDATE kind = 'stop'"
    ],
    "lenient mode": ["SET SESSION sql_mode = ''", "UPDATE IGNORE cancel_audit SET kind = 'stop'"],
    "without foreign keys and keys": [
        "SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0",
        "DELETE FROM cancel_audit",
    ],
    "orders: update": ["UPDATE cancel_audit_order SET outcome = 'x'"],
    "orders: delete": ["DELETE FROM cancel_audit_order"],
    "orders: replace": ["REPLACE INTO cancel_audit_order SELECT * FROM cancel_audit_order"],
    "checkpoints: update": ["UPDATE audit_checkpoint SET note = 'x'"],
    "checkpoints: delete": ["DELETE FROM audit_checkpoint"],
    "checkpoints: replace": ["REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint"],
}
CASES = [
    *(pytest.param("postgresql", POSTGRESQL[n], id=f"postgresql-{n}") for n in POSTGRESQL),
    *(pytest.param("mariadb", MARIADB[n], id=f"mariadb-{n}") for n in MARIADB),
]


def record(audit: Audit) -> None:
    """An event that named two orders, and a checkpoint, so that every table has rows."""
    draft = {
        "kind": "request",
        "occurred_ns": 1,
        "cancel_id": "00000000-0000-7000-8000-000000000000",
        "attempt": 1,
        "order_ids": ["1", "2"],
    }
    database = Database(audit.url, 5_000)
    database.insert([events.seal(draft, "11111111-0000-4000-8000-000000000000", 1, chain.GENESIS)])
    database.close()
    audit.execute(
        "INSERT INTO audit_checkpoint (sha256, kind, taken_ns, events, note) "
        f"VALUES ('{'a' * 64}', 'checkpoint', 1, 1, 'a note')"
    )


def everything(audit: Audit) -> list[object]:
    tables = ("cancel_audit", "cancel_audit_order", "audit_checkpoint")
    return [audit.query(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


@pytest.mark.server
@pytest.mark.parametrize(("backend", "statements"), CASES)
def test_no_statement_of_a_superuser_changes_a_row(
    audit: ServerAudit, server: Server, statements: list[str]
) -> None:
    record(audit)
    before = everything(audit)
    assert [len(rows) for rows in before] == [1, 2, 1]
    with pytest.raises(Exception, match="append-only"):
        audit.execute(*statements)
    assert everything(audit) == before


@pytest.mark.server
@pytest.mark.parametrize("backend", ["mariadb"])
def test_an_insert_that_ignores_a_key_that_is_there_leaves_the_row_as_it_was(
    audit: ServerAudit,
) -> None:
    record(audit)
    before = everything(audit)
    audit.execute(INSERT.replace("INSERT", "INSERT IGNORE", 1))
    assert everything(audit) == before


@pytest.mark.parametrize("backend", SERVERS)
def test_the_history_changes_nothing_either(audit: ServerAudit) -> None:
    record(audit)
    before = everything(audit)
    with pytest.raises(Exception, match="kept from cancel_audit"):
        audit.execute("UPDATE cancel_history SET bot = 'x' WHERE cancel_id IS NOT NULL")
    assert everything(audit) == before


@pytest.mark.parametrize("backend", SERVERS)
def test_a_guard_that_is_gone_is_found(audit: ServerAudit, backend: str, run) -> None:
    suffix = " ON cancel_audit" if backend == "postgresql" else ""
    name = "cancel_audit_no_change" if backend == "postgresql" else "cancel_audit_no_delete"
    assert run("db", "check", "--database-url", audit.url).exit_code == 0
    audit.execute(f"DROP TRIGGER {name}{suffix}")
    for command in (["db", "check"], ["audit", "verify"]):
        result = run(*command, "--database-url", audit.url)
        assert result.exit_code == 3
        assert f"trigger {name} is missing" in result.stdout


@pytest.mark.parametrize("backend", SERVERS[:1])
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE", "ENABLE REPLICA"])
def test_a_guard_that_does_not_fire_always_is_found(audit: ServerAudit, run, state: str) -> None:
    audit.execute(f"ALTER TABLE cancel_audit {state} TRIGGER cancel_audit_no_change")
    result = run("db", "check", "--database-url", audit.url)
    assert result.exit_code == 3
    assert "cancel_audit_no_change" in result.stdout


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_a_guard_on_another_table_guards_nothing(audit: ServerAudit, run) -> None:
    name = "audit_checkpoint_no_truncate"
    audit.execute(f"DROP TRIGGER {name} ON audit_checkpoint")
    audit.execute(
        f"CREATE TRIGGER {name} BEFORE TRUNCATE ON cancel_history "
        "FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()"
    )
    audit.execute(f"ALTER TABLE cancel_history ENABLE ALWAYS TRIGGER {name}")
    result = run("db", "check", "--database-url", audit.url)
    assert (result.exit_code, f"trigger {name} is missing" in result.stdout) == (3, True)


# What the guards are asked for is read from the migrations: whoever changes one of those changes what is found, too.
DIGESTS = {
    "sqlite": "d73ca50f9e9afbfd01cbedb9bc517bea863fb95bf717c6a3ddd88e5f207e69fc",
    "postgresql": "6c891cc04089b6c6839c301f1afd757984f9b3b6e31e111d91ff9db578a18459",
    "mysql": "8c4d99cc05e4d5daaaf6c5c897a892a3fd98f021668e8e6f82374e2392711adc",
}


@pytest.mark.parametrize("dialect", DIGESTS)
def test_the_texts_of_the_guards_stay_as_they_were_made(dialect: str) -> None:
    made = [*restoring.guards(dialect).values()]
    if dialect == "postgresql":
        made += triggers.functions().values()
    text = "\n".join(" ".join(each.split()) for each in made)
    assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[dialect]
