"""An audit that is partitioned by day, week or month: made so, written, guarded and continued. PostgreSQL only."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.recorder import Place
from mexc_plugin.hosting import checks
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, partitions
from mexc_plugin.store.schema.tables import cancel_audit
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.conftest import Audit
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.servers import Server, Servers
from tests.store.write.test_store import assert_chain_holds, draft, seqs

THIS_MONTH = datetime.now(UTC).date().replace(day=1)
LONG_AGO = 1_600_000_000_000_000_000  # 2020-09-13


@pytest.fixture(params=SERVERS[:1])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def template(servers: Servers) -> Iterator[str]:
    """A partitioned record to copy: making one takes longer than most tests."""
    server = servers.of("postgresql")
    name = server.fresh(migrated=False).name
    made = invoke(["db", "upgrade", "--partitioned", "--database-url", server.url_of(name)])
    assert made.exit_code == 0
    yield name
    server.drop(name)


@pytest.fixture
def partitioned(server: Server, template: str) -> Iterator[ServerAudit]:
    audit = server.copied(template)
    yield audit
    recorders.close_all()
    audit.close()
    server.drop(audit.name)


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
    assert len(names) == 1 + 12 + 1
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


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_partitions_are_asked_for_two_weeks_before_they_run_out(
    database: Audit, run, period: str
) -> None:
    made_by(run, database, period)
    with connected(database) as connection:
        end = max(p.end for p in partitions.existing(connection) if p.end is not None)
        assert partitions.shortage(connection) is None
        assert partitions.shortage(connection, end.date() - partitions.SOON) is None
        last = end.date() - partitions.SOON + timedelta(days=1)
        assert partitions.shortage(connection, last) == (
            f"no partition takes events of {end:%Y-%m-%d}; run: mexc-plugin db partitions"
        )
        assert partitions.make_ahead(connection, today=last)
        assert partitions.shortage(connection, last) is None


def test_the_doctor_asks_for_partitions_that_are_missing(partitioned: Audit) -> None:
    name = partitions.name_of(THIS_MONTH)
    partitioned.execute(f"ALTER TABLE cancel_audit DETACH PARTITION {name}")
    (alarm,) = [f.text for f in checks.database(partitioned.url, "given") if f.needs_attention]
    assert alarm == (
        f"server: no partition takes events of {THIS_MONTH}; run: mexc-plugin db partitions"
    )


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
    assert "this audit is not partitioned" in result.stderr


# -- by day, week or month


@contextlib.contextmanager
def connected(audit: Audit) -> Iterator[sa.Connection]:
    """What is done with it is taken back."""
    made = engine.create(audit.url)
    with made.connect() as connection:
        yield connection
    made.dispose()


def made_by(run, audit: Audit, period: str) -> None:
    arguments = ["--partitioned", "--by", period, "--database-url", audit.url]
    assert run("db", "upgrade", *arguments).exit_code == 0


def spans(audit: Audit) -> list[tuple[datetime, datetime, str]]:
    with connected(audit) as connection:
        found = partitions.existing(connection)
    return sorted((p.start, p.end, p.name) for p in found if p.start and p.end)


def assert_nothing_between(found: list[tuple[datetime, datetime, str]]) -> None:
    assert [start for start, _, _ in found[1:]] == [end for _, end, _ in found[:-1]]


@pytest.mark.parametrize(("period", "months"), [("day", 1), ("week", 3), ("month", 12)])
def test_a_record_is_partitioned_by_the_period_that_is_asked_for(
    database: Audit, run, period: str, months: int
) -> None:
    made_by(run, database, period)
    found = spans(database)
    assert_nothing_between(found)
    today = datetime.now(UTC).date()
    assert found[0][:2] == partitions.period_of(today, period)
    assert [name for _, _, name in found] == [
        partitions.name_of(start.date(), period) for start, _, _ in found
    ]
    horizon = THIS_MONTH
    for _ in range(months + 1):
        horizon = (horizon + timedelta(days=31)).replace(day=1)
    start, end, _ = found[-1]
    assert start.date() < horizon <= end.date()
    again = run("db", "partitions", "--database-url", database.url)
    assert again.stderr == "made: none, all are there\n"
    assert run("db", "check", "--database-url", database.url).exit_code == 0
    store(database, draft()["occurred_ns"])
    assert len(database.query(f"SELECT 1 FROM {partitions.name_of(today, period)}")) == 1


@pytest.mark.parametrize("other", ["day", "week"])
def test_a_record_by_month_goes_on_by_another_period_where_this_month_ends(
    partitioned: Audit, run, other: str
) -> None:
    store(partitioned, draft()["occurred_ns"])
    asked = ["db", "partitions", "--by", other, "--database-url", partitioned.url]
    first, again = run(*asked), run(*asked)
    assert first.exit_code == 0, first.stderr
    assert again.stderr == "made: none, all are there\n"
    assert run(*asked[:2], *asked[4:]).stderr == "made: none, all are there\n"
    found = spans(partitioned)
    assert_nothing_between(found)
    assert found[0][:2] == partitions.period_of(THIS_MONTH, "month")
    first_of_them = partitions.period_of(found[0][1].date(), other)
    if first_of_them[0] == found[0][1]:
        assert found[1][2] == partitions.name_of(found[1][0].date(), other)
    else:
        assert found[1][1] == first_of_them[1]
        assert found[1][2] == f"cancel_audit_{found[1][0]:%Y_%m_%d}_to_{found[1][1]:%Y_%m_%d}"
    assert all(name == partitions.name_of(start.date(), other) for start, _, name in found[2:])
    assert run("db", "check", "--database-url", partitioned.url).exit_code == 0
    assert len(partitioned.events()) == 1


def test_a_record_by_day_goes_on_by_month_from_tomorrow_and_gets_nothing_in_the_past(
    database: Audit, run
) -> None:
    made_by(run, database, "day")
    result = run("db", "partitions", "--by", "month", "--database-url", database.url)
    assert result.exit_code == 0, result.stderr
    found = spans(database)
    assert_nothing_between(found)
    today = datetime.now(UTC).date()
    assert found[0][2] == partitions.name_of(today, "day")
    assert found[-1][2] == partitions.name_of(found[-1][0].date())
    assert 13 <= len(found) <= 14
    assert run("db", "check", "--database-url", database.url).exit_code == 0


def test_a_partition_that_has_events_already_stays_as_it_is(partitioned: Audit, run) -> None:
    first = partitions.period_of(THIS_MONTH, "month")[1].date()
    second = partitions.period_of(first, "month")[1].date()
    noon = datetime.combine(second, datetime.min.time(), UTC) + timedelta(hours=12)
    store(partitioned, int(noon.timestamp()) * 10**9)  # by a clock that was set wrong
    result = run(
        "db", "partitions", "--by", "day", "--months", "2", "--database-url", partitioned.url
    )
    assert result.exit_code == 0, result.stderr
    found = spans(partitioned)
    assert_nothing_between(found)
    names = [name for _, _, name in found]
    assert names[0] == partitions.name_of(THIS_MONTH)
    assert names[-1] == partitions.name_of(second)
    assert len(names) == 1 + (second - first).days + 1


def test_no_two_partitions_have_one_name() -> None:
    names = [
        partitions.Span(*partitions.period_of(day, period), period).name
        for period in partitions.AHEAD
        for day in {
            partitions.period_of(date(2019, 12, 1) + timedelta(days=n), period)[0].date()
            for n in range(3_000)
        }
    ]
    assert len(set(names)) == len(names)
    parts = [
        partitions.Span(datetime(2026, 12, 28) + timedelta(days=n), end, "week").name  # noqa: DTZ001 - UTC
        for n, end in ((0, datetime(2026, 12, 30)), (4, datetime(2027, 1, 4)))  # noqa: DTZ001 - UTC
    ]
    assert parts == [
        "cancel_audit_2026_12_28_to_2026_12_30",
        "cancel_audit_2027_01_01_to_2027_01_04",
    ]
    assert partitions.name_of(date(2027, 1, 1), "week") == "cancel_audit_2026_w53"


def test_so_many_partitions_that_queries_run_out_of_locks_are_refused(
    partitioned: Audit, run
) -> None:
    asked = ["db", "partitions", "--by", "day", "--months", "14"]
    result = run(*asked, "--database-url", partitioned.url)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert f"{partitions.MOST} is the most" in result.stderr
    assert len(listed(partitioned)) == 14


def test_bots_record_while_partitions_wait_for_who_reads(
    partitioned: Audit, run, monkeypatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_SECONDS", 60)
    asked = ["db", "partitions", "--months", "13", "--database-url", partitioned.url]
    answers = []
    making = threading.Thread(target=lambda: answers.append(run(*asked)))
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with connected(partitioned) as reader:
        reader.exec_driver_sql("SELECT count(*) FROM cancel_audit")
        making.start()
        while not partitioned.query(waits):
            assert making.is_alive(), answers
        store(partitioned, draft()["occurred_ns"], draft()["occurred_ns"])
    making.join(60)
    assert [answer.exit_code for answer in answers] == [0]
    assert len(partitioned.events()) == 2


@pytest.mark.parametrize("kind", ["request", "response", "reconciliation"])
def test_an_event_locks_its_own_partition_and_no_other(partitioned: Audit, kind: str) -> None:
    """Or each event would cost more with each partition, and a server would run out of locks."""
    locked = (
        "SELECT DISTINCT i.inhrelid::regclass::text FROM pg_locks l JOIN pg_inherits i "
        "ON i.inhrelid = l.relation WHERE i.inhparent = 'cancel_audit'::regclass"
    )
    sent = draft() | {"kind": kind, "cancel_id": uuid7(), "attempt": 1}
    event = events.seal(sent, uuid7(), 1, chain.GENESIS)
    with connected(partitioned) as connection:
        connection.execute(sa.insert(cancel_audit), [events.project(event)])
        found = connection.exec_driver_sql(locked).scalars().all()
    assert found == [partitions.name_of(THIS_MONTH)]


def test_partitions_are_not_waited_for_for_ever(partitioned: Audit, run, monkeypatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_SECONDS", 1)
    with connected(partitioned) as reader:
        reader.exec_driver_sql("SELECT count(*) FROM cancel_audit")
        asked = ["db", "partitions", "--months", "13", "--database-url", partitioned.url]
        result = run(*asked)
    assert [result.exit_code, result.stdout] == [1, ""]
    assert "is locked by another program; try again when that is done" in result.stderr


def test_a_period_is_said_of_a_record_that_is_partitioned_only(database: Audit, run) -> None:
    result = run("db", "upgrade", "--by", "day", "--database-url", database.url)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert "--by goes with --partitioned" in result.stderr


@pytest.mark.parametrize("backend", ["sqlite", SERVERS[1]])
def test_only_postgresql_is_partitioned(database: Audit, run) -> None:
    result = run("db", "upgrade", "--partitioned", "--database-url", database.url)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert "only PostgreSQL" in result.stderr
