"""Databases: made, refused, guarded, and written whatever happens to them."""

import logging
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ccxt
import pytest
import sqlalchemy as sa

from mexc_plugin import config, distributions
from mexc_plugin.audit import chain, events
from mexc_plugin.audit.recorder import Place
from mexc_plugin.errors import (
    ConfigError,
    StoreError,
    StoreForeign,
    StoreMissing,
    StoreOutdated,
    StoreTooNew,
)
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, tables
from mexc_plugin.store.write import open_database as opening
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_folder, spool_replay
from mexc_plugin.store.write.writer import Writer
from tests.cluster.postgresql import eventually
from tests.command_line import invoke
from tests.conftest import BACKENDS, Audit, Bot, logged, placed

only_sqlite = pytest.mark.parametrize("backend", ["sqlite"])


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def draft(n: int = 0) -> dict[str, object]:
    cancel_id = f"00000000-0000-7000-8000-{n:012d}"
    return {
        "kind": "request",
        "occurred_ns": time.time_ns(),
        "cancel_id": cancel_id,
        "attempt": 1,
    }


@pytest.fixture
def writer(audit: Audit):
    made = Writer(audit.url)
    yield made
    made.close()


def seqs(audit: Audit) -> list[int]:
    return [
        row["seq"] for row in audit.query("SELECT seq FROM cancel_audit ORDER BY writer_id, seq")
    ]


def assert_chain_holds(audit: Audit) -> None:
    last: dict[str, tuple[int, str]] = {}
    for row in audit.query("SELECT * FROM cancel_audit ORDER BY writer_id, seq"):
        seq, prev = last.get(row["writer_id"], (0, chain.GENESIS))
        assert (row["seq"], row["prev_hash"]) == (seq + 1, prev)
        assert row["hash"] == chain.link(prev, row["payload"])
        last[row["writer_id"]] = (row["seq"], row["hash"])


# -- making and refusing


def test_an_empty_database_is_made_ours_on_first_use(database: Audit) -> None:
    made = Writer(database.url)
    assert made.submit(draft(), 20).wait(20)
    made.close()
    assert seqs(database) == [1, 2, 3]


@only_sqlite
def test_a_new_database_is_made_on_first_use_with_mode_0600(writer: Writer, audit: Audit) -> None:
    assert writer.submit(draft(), 5).wait(5)
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600
    settings = audit.query("PRAGMA journal_mode")
    assert settings == [{"journal_mode": "wal"}]
    assert seqs(audit) == [1, 2]


@only_sqlite
def test_the_writer_s_connection_is_synchronous_full(audit: Audit) -> None:
    made = engine.create(audit.url)
    with made.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    made.dispose()


def test_the_head_in_the_schema_is_the_newest_revision() -> None:
    assert migrate.head() == tables.HEAD


def test_columns_and_view_are_those_of_the_design(writer: Writer, audit: Audit) -> None:
    writer.submit(draft(), 5).wait(5)
    assert set(audit.events()[0]) == set(events.COLUMNS) == set(tables.cancel_audit.columns.keys())
    columns = tuple(audit.history()[0])
    assert columns[: len(tables.HISTORY_COLUMNS)] == tables.HISTORY_COLUMNS


def test_models_and_migrations_agree(database: Audit) -> None:
    made = engine.create(database.url)
    migrate.ensure(made)
    migrate.check(made)
    made.dispose()


@only_sqlite
def test_models_and_migrations_that_differ_are_named(database: Audit) -> None:
    made = engine.create(database.url)
    migrate.ensure(made)
    database.execute("DROP INDEX ix_cancel_history_order_id")
    with pytest.raises(StoreError, match=r"differ: .*ix_cancel_history_order_id"):
        migrate.check(made)
    made.dispose()


@only_sqlite
def test_a_connection_that_no_lock_guards_refuses_every_thread_but_its_own(audit: Audit) -> None:
    made = engine.create(audit.url)
    with made.connect() as connection, ThreadPoolExecutor() as threads:
        statement = threads.submit(connection.exec_driver_sql, "SELECT 1")
        assert "thread" in str(statement.exception())
    made.dispose()


MARIADB_IN_TWO_THREADS = """
import sys, threading
from mexc_plugin.store.connect import engine
sys.setswitchinterval(1e-6)
loading = threading.Thread(target=engine.validate, args=("mariadb://root@127.0.0.1/audit",))
loading.start()
while "sqlalchemy.dialects.mysql.mariadb" not in sys.modules:
    pass
engine.validate("mariadb://root@127.0.0.1/audit")
loading.join()
"""


def test_an_exchange_may_name_mariadb_while_another_thread_loads_it() -> None:
    line = [sys.executable, "-c", MARIADB_IN_TWO_THREADS]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_database_of_other_people_is_not_touched(database: Audit) -> None:
    database.execute("CREATE TABLE theirs (x INTEGER)")
    made = engine.create(database.url)
    with pytest.raises(StoreForeign, match="db upgrade"):
        migrate.ensure(made)
    made.dispose()
    assert database.tables() == {"theirs"}


def test_a_database_of_other_people_is_prepared_when_a_person_asks(database: Audit) -> None:
    database.execute("CREATE TABLE theirs (x INTEGER)", "INSERT INTO theirs VALUES (7)")
    made = engine.create(database.url)
    migrate.upgrade(made)
    migrate.ensure(made)
    made.dispose()
    assert database.query("SELECT x FROM theirs") == [{"x": 7}]


@pytest.mark.parametrize(
    ("version", "error", "what"),
    [
        ("0000", StoreTooNew, re.escape(distributions.upgrade_command())),
        (None, StoreOutdated, "mexc-plugin db upgrade"),
    ],
)
def test_another_version_is_refused_with_the_command_to_run(
    audit: Audit, version, error, what, monkeypatch
) -> None:
    made = engine.create(audit.url)
    migrate.upgrade(made)
    if version:
        audit.execute(f"UPDATE {tables.VERSION_TABLE} SET version_num = '{version}'")
    else:
        monkeypatch.setattr(migrate, "head", lambda: "9999")
    with pytest.raises(error, match=what):
        migrate.ensure(made)
    made.dispose()


@only_sqlite
def test_reading_never_makes_a_database(database: Audit) -> None:
    with pytest.raises(StoreMissing, match="db upgrade"):
        engine.create(database.url, read_only=True)
    assert not database.path.exists()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("non-sense://", "not an SQLAlchemy URL"),
        ("oracle://u:geheim@h/x", "sqlite, postgresql"),
        ("sqlite:////no/such/folder/audit.db", "does not exist; make it"),
        (
            "postgresql+nosuchdriver://u:geheim@h/x",
            "not installed; install it, or write postgresql",
        ),
        ("postgresql+psycopg_async://u:geheim@h/x", "asynchronous driver"),
        ("sqlite+aiosqlite:///x.db", "write sqlite://"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_an_unusable_url_is_refused_when_the_exchange_is_built(url: str, what: str) -> None:
    from mexc_plugin import mexc

    with pytest.raises(ConfigError, match=what) as caught:
        mexc({"options": {"audit": {"url": url}}})
    assert isinstance(caught.value, ccxt.BaseError), "bots report what ccxt refuses at the start"
    assert "geheim" not in str(caught.value)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (Path.mkdir, "is a folder and no audit database; name a file in it"),
        (os.mkfifo, "is no file but a pipe"),
        (make_socket, "is no file but a pipe, a socket"),
    ],
)
def test_what_is_no_file_is_refused_when_the_exchange_is_built_and_by_every_command(
    tmp_path: Path, monkeypatch, make, what: str
) -> None:
    from mexc_plugin import mexc

    monkeypatch.chdir(tmp_path)
    make(tmp_path / "odd")
    with pytest.raises(ConfigError, match=what):
        mexc({"options": {"audit": {"url": "odd"}}})
    for command in (["audit", "list"], ["db", "upgrade"], ["db", "check"], ["audit", "verify"]):
        done = invoke([*command, "--db", "odd"])
        assert done.exit_code != 0
        assert what in done.stderr
    assert [*tmp_path.iterdir()] == [tmp_path / "odd"]


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "current"], ["audit", "list"]])
def test_a_database_in_memory_is_refused_by_every_command(command: list[str]) -> None:
    done = invoke([*command, "--db", "sqlite://"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "a database in memory is gone with its process" in done.stderr


# -- append-only

ATTACKS = {
    "update": "UPDATE cancel_audit SET outcome = 'canceled'",
    "delete": "DELETE FROM cancel_audit",
    "insert or replace": "INSERT OR REPLACE INTO cancel_audit SELECT * FROM cancel_audit LIMIT 1",
    "replace": "REPLACE INTO cancel_audit SELECT * FROM cancel_audit LIMIT 1",
    "update or replace": "UPDATE OR REPLACE cancel_audit SET seq = 1",
    "upsert": "INSERT INTO cancel_audit SELECT * FROM cancel_audit WHERE true ON CONFLICT (writer_id, seq) DO UPDATE SET outcome = 'x'",
    "replace by rowid": (
        "INSERT OR REPLACE INTO cancel_audit (rowid, writer_id, seq, kind, occurred_at, occurred_ns, payload, prev_hash, hash) "
        "VALUES (1, 'w', 1, 'start', '2026-01-01', 1, '{}', '', '')"
    ),
}


@only_sqlite
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_statement_changes_a_row(writer: Writer, audit: Audit, attack: str) -> None:
    writer.submit(draft(), 5).wait(5)
    before = audit.events()
    connection = sqlite3.connect(audit.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(ATTACKS[attack])
    connection.close()
    assert audit.events() == before


# -- the writer


def test_events_of_many_threads_form_one_chain_without_gaps(writer: Writer, audit: Audit) -> None:
    def work() -> None:
        for n in range(50):
            assert writer.submit(draft(n), 10).wait(10)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seqs(audit) == list(range(1, 402))
    assert_chain_holds(audit)


def test_closing_drains_and_says_stop(audit: Audit) -> None:
    made = Writer(audit.url)
    for n in range(100):
        made.submit(draft(n))
    made.close()
    assert [event["kind"] for event in audit.events()][-1] == "stop"
    assert len(seqs(audit)) == 102
    assert_chain_holds(audit)


def test_a_locked_database_costs_the_deadline_once_and_loses_nothing(audit: Audit, caplog) -> None:
    made = Writer(audit.url)
    assert made.submit(draft(), 20).wait(20)
    with audit.locked():
        with caplog.at_level(logging.ERROR):
            late = made.submit(draft(1), 0.6)
            assert not late.wait(0.05)
            assert late.wait(20)
            assert late.place is Place.SPOOL
            time.sleep(0.4)
            assert made._breaker.is_open
            assert made.commit(draft(2), 20) is Place.SPOOL  # at once: nobody waits for it any more
        assert [record.levelname for record in logged(caplog, "audit")] == ["ERROR"]
        assert [len(spool_replay.read(path).events) for path in spool_folder.files(audit.url)] == [
            2
        ]
    made.close()
    assert len(seqs(audit)) == 5
    assert_chain_holds(audit)
    assert spool_folder.files(audit.url) == []


def test_what_a_dead_process_spooled_is_replayed_by_the_next(audit: Audit) -> None:
    code = f"""
import os
from mexc_plugin.store.write.writer import Writer
w = Writer({audit.url!r})
assert w.submit({{"kind": "request", "occurred_ns": 1}}, 20).wait(20)
print("stored", flush=True)
input()
for n in range(3):
    assert w.submit({{"kind": "request", "occurred_ns": n}}, 0.02).wait(20)
os._exit(9)
"""
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "stored\n"
    with audit.locked():
        child.communicate("\n")
    assert child.returncode == 9
    path = spool_folder.files(audit.url)[0]
    with path.open("ab") as file:
        file.write(b'{"torn')
    assert len(seqs(audit)) in (2, 3)  # a server may end what the dead process had asked for
    made = Writer(audit.url)
    made.prepare()
    made.close()
    assert len(seqs(audit)) == 5
    assert_chain_holds(audit)
    assert spool_folder.files(audit.url) == []
    assert path.with_suffix(".torn").exists()


def test_a_replay_is_idempotent(audit: Audit) -> None:
    database = Database(audit.url, 1000)
    database.open()
    sealed = [events.seal(draft(), "w", 1, chain.GENESIS)]
    assert [database.insert_missing(sealed) for _ in range(2)] == [1, 0]
    database.close()


# A SQLite file has one transaction at a time. What finds somebody who waits for another one's:
WAITS = {
    "postgresql": "SELECT 1 FROM pg_stat_activity "
    "WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mariadb": "SELECT 1 FROM information_schema.global_status "
    "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS' AND variable_value > 0",
}


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_rows_that_become_visible_during_a_replay_are_looked_at_again(
    audit: Audit, backend: str
) -> None:
    sealed = [events.seal(draft(seq), "w", seq, chain.GENESIS) for seq in range(1, 6)]
    made = engine.create(audit.url, timeout_ms=30_000)
    given_up = [made.connect() for _ in range(2)]
    for connection, event in zip(given_up, sealed[1:4:2], strict=True):
        connection.execute(sa.insert(tables.cancel_audit), [events.project(event)])
    database = Database(audit.url, 30_000)
    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(database.insert_missing, sealed)
        for connection in given_up:  # whose commits became theirs only now
            eventually(lambda: audit.query(WAITS[backend]), "the replay waits")
            connection.commit()
        assert stored.result(60) == 3
    database.close()
    made.dispose()
    assert [event["seq"] for event in audit.events()] == [1, 2, 3, 4, 5]


@only_sqlite
def test_what_a_database_goes_on_refusing_is_refused_after_a_second_look(
    audit: Audit, monkeypatch
) -> None:
    database = Database(audit.url, 1000)
    database.open()
    audit.execute(
        "CREATE TRIGGER refusing BEFORE INSERT ON cancel_audit "
        "BEGIN SELECT RAISE(ABORT, 'no such row here'); END"
    )
    looks = []
    compare = opening.find_missing
    monkeypatch.setattr(opening, "find_missing", lambda *a: looks.append(a) or compare(*a))
    with pytest.raises(sa.exc.IntegrityError, match="no such row here"):
        database.insert_missing([events.seal(draft(), "w", 1, chain.GENESIS)])
    assert len(looks) == 2
    database.close()


def test_when_even_the_spool_fails_the_loss_is_counted_in_the_next_event(
    audit: Audit, monkeypatch
) -> None:
    made = Writer(audit.url)
    assert made.submit(draft(), 20).wait(20)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with audit.locked():
        with monkeypatch.context() as patch:
            patch.setattr(made._spool, "append", full)
            assert placed(made, draft(1)) is Place.LOST
        receipt = made.submit(draft(2), 0.02)
        assert receipt.wait(20)
        assert '"lost":1' in receipt.event.payload
    made.close()


def test_a_forked_child_is_another_writer(audit: Audit, sandbox: Sandbox) -> None:
    own = {"url": audit.url}
    bot = Bot("sync", {**sandbox.ccxt_config(), "options": {"audit": own}})
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), "LTC/BTC")
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            bot.exchange.session = None
            import requests

            bot.exchange.session = requests.Session()
            bot.exchange.cancel_order(order_id, "LTC/BTC")
            recorders.close_all()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), "LTC/BTC")
    bot.close()
    recorders.close_all()
    assert len({row["writer_id"] for row in audit.events()}) == 2
    assert len(audit.history()) == 3
    assert_chain_holds(audit)


# -- harmless


@pytest.fixture
def broken_database(tmp_path: Path) -> Audit:
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database" * 100)
    return Audit(path)


def test_a_broken_database_stops_no_cancel(
    colour, sandbox: Sandbox, broken_database: Audit, caplog
) -> None:
    bot = Bot(colour, {**sandbox.ccxt_config(), "options": {"audit": {"url": broken_database.url}}})
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    assert bot.cancel_order(order_id, "LTC/BTC")["id"] == order_id
    bot.close()
    recorders.close_all()
    spooled = [
        event
        for path in spool_folder.files(broken_database.url)
        for event in spool_replay.read(path).events
    ]
    assert [events.project(event)["kind"] for event in spooled] == [
        "start",
        "request",
        "response",
        "stop",
    ]
    assert logged(caplog, "not a database")


def test_on_failure_refuse_sends_nothing_unrecorded(
    colour, sandbox: Sandbox, broken_database: Audit
) -> None:
    audit_options = {"url": broken_database.url, "on_failure": "refuse"}
    bot = Bot(colour, {**sandbox.ccxt_config(), "options": {"audit": audit_options}})
    with pytest.raises(ccxt.ExchangeNotAvailable, match="was not sent"):
        bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), "LTC/BTC")
    assert sandbox.arrivals == []
    bot.close()


def test_a_recorder_that_breaks_stops_no_cancel(
    colour, sandbox, audit, monkeypatch, caplog
) -> None:
    bot = Bot(colour, {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    bot.load_markets()

    def explode(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    with monkeypatch.context() as patch:
        for name in ("submit", "commit"):
            patch.setattr(Writer, name, explode)
        assert bot.cancel_order(order_id, "LTC/BTC")["id"] == order_id
    assert logged(caplog, "audit: %s: %s")[0].args[0].startswith("an event is lost")
    bot.close()


# -- settings


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"urll": "x"}, "'urll'.*url, bot, on_failure, deadline_ms"),
        ({"on_failure": "ignore"}, "spool, refuse"),
        ({"deadline_ms": "250"}, "whole number"),
        ({"deadline_ms": 0}, "whole number"),
        ({"bot": "x" * 65}, "at most 64"),
        ({"bot": 7}, "at most 64"),
        ({"url": 7}, "must be text"),
        ("sqlite:///x", "must be a dict"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_when_the_exchange_is_built(
    options, what
) -> None:
    from mexc_plugin import mexc

    with pytest.raises(ConfigError, match=what):
        mexc({"options": {"audit": options}})


def test_explicit_beats_environment_beats_default(tmp_path: Path) -> None:
    environ = {"MEXC_PLUGIN_DATABASE_URL": "sqlite:////environment.db", "MEXC_PLUGIN_BOT": "env"}
    assert config.resolve({"url": "sqlite:////own.db"}, environ).url == "sqlite:////own.db"
    assert config.resolve({}, environ) == config.AuditSettings("sqlite:////environment.db", "env")
    assert config.resolve({}, environ, {"bot": "default"}).bot == "default"
    assert config.resolve({}, {}).url.endswith("/mexc-plugin/audit.db")


def test_a_relative_path_is_fixed_when_it_is_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.resolve({"url": "sqlite:///audit.db"}, {}).url == f"sqlite:///{tmp_path}/audit.db"


@pytest.mark.parametrize("folder", ["a%20b", "q?x", "ä b", "100%"])
def test_a_folder_with_odd_characters_holds_its_database(
    tmp_path: Path, monkeypatch, folder: str
) -> None:
    odd = tmp_path / folder
    odd.mkdir()
    monkeypatch.chdir(odd)
    made = Writer(config.resolve({"url": "sqlite:///audit.db"}, {}).url)
    assert made.submit(draft(), 5).wait(5)
    made.close()
    assert (odd / "audit.db").exists()
    monkeypatch.setenv("XDG_DATA_HOME", str(odd))
    assert engine.sqlite_path(config.default_database_url()) == config.default_database_path()


def test_the_password_of_a_url_is_not_in_the_settings_repr() -> None:
    assert "geheim" not in repr(config.resolve({"url": "postgresql://u:geheim@h/d"}, {}))


def test_the_default_database_is_made_in_the_user_s_data_folder(sandbox: Sandbox) -> None:
    bot = Bot("sync", sandbox.ccxt_config())
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), "LTC/BTC")
    bot.close()
    recorders.close_all()
    path = config.default_database_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with engine.create(config.default_database_url(), read_only=True).connect() as connection:
        assert (
            connection.execute(
                sa.select(sa.func.count()).select_from(tables.cancel_history)
            ).scalar()
            == 1
        )


def test_who_only_reads_makes_no_file_where_one_was_a_moment_ago(tmp_path: Path) -> None:
    path = tmp_path / "audit 1%#.db"
    path.touch()
    reading = engine.create(f"sqlite:///{path}", read_only=True)
    reading.connect().close()
    path.unlink()
    with pytest.raises(sa.exc.OperationalError, match="unable to open"):
        reading.connect()
    assert list(tmp_path.iterdir()) == []
