"""An audit that is partitioned by month: made so, written, guarded and continued. PostgreSQL only."""

from datetime import UTC, date, datetime

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.recorder import Place
from mexc_plugin.hosting import checks
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, partitions
from mexc_plugin.store.write.inserts import Database
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit
from tests.test_store import assert_chain_holds, draft, seqs

from .audits import ServerAudit
from .conftest import SERVERS

THIS_MONTH = datetime.now(UTC).date().replace(day=1)
LONG_AGO = 1_600_000_000_000_000_000  # 2020-09-13


@pytest.fixture(params=SERVERS[:1])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def partitioned(database: Audit, run) -> ServerAudit:
    result = run("db", "upgrade", "--partitioned", "--database-url", database.url)
    assert result.exit_code == 0
    assert isinstance(database, ServerAudit)
    return database


def listed(audit: Audit) -> list[str]:
    made = engine.create(audit.url)
    with made.connect() as connection:
        found = [partition.name for partition in partitions.existing(connection)]
    made.dispose()
    return found


def store(audit: Audit, *moments: int) -> None:
    database, last, writer_id = Database(audit.url, 5_000), chain.GENESIS, uuid7()
    for seq, ns in enumerate(moments, 1):
        ours = (
            {"kind": "request", "cancel_id": uuid7(), "attempt": 1}
            if seq > 1
            else {"kind": "start"}
        )
        event = events.seal(ours | {"occurred_ns": ns}, writer_id, seq, last)
        database.insert([event])
        last = event.hash
    database.close()


def test_it_has_a_year_of_partitions_and_a_default_and_passes_every_check(
    partitioned: Audit, run
) -> None:
    names = listed(partitioned)
    assert len(names) == 1 + partitions.AHEAD + 1
    assert partitions.name_of(THIS_MONTH) in names
    assert partitions.DEFAULT in names
    made = engine.create(partitioned.url)
    migrate.check(made)
    made.dispose()
    assert run("db", "check", "--database-url", partitioned.url).exit_code == 0


def test_a_bot_records_in_the_partition_of_the_month(partitioned: Audit, run) -> None:
    made = Writer(partitioned.url)
    for n in range(3):
        receipt = made.submit(draft(n), 20)
        assert receipt.wait(20)
        assert receipt.place is Place.DATABASE
    made.close()
    assert seqs(partitioned) == [1, 2, 3, 4, 5]
    assert_chain_holds(partitioned)
    assert len(partitioned.query(f"SELECT 1 FROM {partitions.name_of(THIS_MONTH)}")) == 5
    assert len(partitioned.history()) == 3
    assert run("audit", "verify", "--database-url", partitioned.url).exit_code == 0


def test_what_no_month_takes_is_kept_all_the_same(partitioned: Audit, run) -> None:
    store(partitioned, LONG_AGO, LONG_AGO + 1)
    assert len(partitioned.query(f"SELECT 1 FROM {partitions.DEFAULT}")) == 2
    assert run("audit", "verify", "--database-url", partitioned.url).exit_code == 0


def test_an_event_is_replayed_only_once(partitioned: Audit) -> None:
    database = Database(partitioned.url, 5_000)
    sealed = [events.seal(draft(), uuid7(), 1, chain.GENESIS)]
    assert [database.insert_missing(sealed) for _ in range(2)] == [1, 0]
    database.close()


@pytest.mark.parametrize(
    "relation", ["cancel_audit", partitions.name_of(THIS_MONTH), partitions.DEFAULT]
)
@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("change", ["UPDATE {} SET kind = kind", "DELETE FROM {}", "TRUNCATE {}"])
def test_no_partition_can_be_changed_by_its_own_name(
    partitioned: Audit, relation: str, role: str, change: str
) -> None:
    store(partitioned, LONG_AGO, draft()["occurred_ns"])
    before = partitioned.events()
    with pytest.raises(Exception, match="append-only"):
        partitioned.execute(f"SET LOCAL session_replication_role = {role}", change.format(relation))
    assert partitioned.events() == before


@pytest.mark.parametrize("trigger", ["cancel_audit_no_change", "cancel_audit_no_truncate"])
def test_a_guard_that_is_off_in_one_partition_is_found(
    partitioned: Audit, run, trigger: str
) -> None:
    name = partitions.name_of(THIS_MONTH)
    partitioned.execute(f"ALTER TABLE {name} DISABLE TRIGGER {trigger}")
    for command in (["db", "check"], ["audit", "verify"]):
        result = run(*command, "--database-url", partitioned.url)
        assert result.exit_code == 3
        assert (
            f"trigger {trigger} is missing or no longer guards the partition {name}"
            in result.stdout
        )


def test_partitions_are_made_ahead_once_and_guarded(partitioned: Audit, run) -> None:
    first = run("db", "partitions", "--months", 14, "--database-url", partitioned.url)
    again = run("db", "partitions", "--months", 14, "--database-url", partitioned.url)
    assert [first.exit_code, again.exit_code] == [0, 0]
    assert first.stderr.count("cancel_audit_") == 2
    assert again.stderr == "made: none, all are there\n"
    assert len(first.stdout.splitlines()) == 1 + 1 + 14
    assert run("db", "check", "--database-url", partitioned.url).exit_code == 0


def test_a_month_that_the_default_has_rows_of_is_left_there(partitioned: Audit) -> None:
    store(partitioned, LONG_AGO)
    made = engine.create(partitioned.url)
    with made.begin() as connection:
        names = partitions.make_ahead(connection, 2, today=date(2020, 8, 31))
    made.dispose()
    assert names == ["cancel_audit_2020_08", "cancel_audit_2020_10"]


def test_missing_partitions_need_attention_before_they_are_needed(partitioned: Audit) -> None:
    made = engine.create(partitioned.url)
    with made.connect() as connection:
        assert partitions.shortage(connection) is None
        said = partitions.shortage(connection, today=date(2031, 12, 5))
    made.dispose()
    assert said is not None
    assert "cancel_audit_2031_12 and cancel_audit_2032_01" in said
    assert "mexc-plugin db partitions" in said


def test_the_doctor_asks_for_partitions_that_are_missing(partitioned: Audit) -> None:
    name = partitions.name_of(THIS_MONTH)
    partitioned.execute(f"ALTER TABLE cancel_audit DETACH PARTITION {name}")
    (alarm,) = [f.text for f in checks.database(partitioned.url, "given") if f.needs_attention]
    assert alarm == f"server: partition {name} is missing; run: mexc-plugin db partitions"


def test_a_migration_down_and_up_again_keeps_partitions_and_guards(partitioned: Audit, run) -> None:
    store(partitioned, LONG_AGO, draft()["occurred_ns"])
    names = listed(partitioned)
    made = engine.create(partitioned.url)
    migrate.downgrade(made, "0001")
    migrate.upgrade(made)
    made.dispose()
    assert listed(partitioned) == names
    assert run("db", "check", "--database-url", partitioned.url).exit_code == 0
    assert run("audit", "verify", "--database-url", partitioned.url).exit_code == 0


def test_an_audit_that_is_there_is_not_partitioned_afterwards(audit: Audit, run) -> None:
    for command in (["db", "upgrade", "--partitioned"], ["db", "partitions"]):
        result = run(*command, "--database-url", audit.url)
        assert result.exit_code in (1, 2)
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("backend", ["sqlite", SERVERS[1]])
def test_only_postgresql_is_partitioned(database: Audit, run) -> None:
    result = run("db", "upgrade", "--partitioned", "--database-url", database.url)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert "only PostgreSQL" in result.stderr
