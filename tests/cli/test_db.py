import sqlite3
from contextlib import closing

import pytest

from mexc_plugin import distributions
from mexc_plugin.config import URL_VARIABLE
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, tables
from tests.cli.tampering import remove_guard

READS = [["audit", "list"], ["audit", "show", "0"], ["audit", "verify"]]


def statements(path, *sql):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in sql:
            connection.execute(statement)


@pytest.fixture
def other(tmp_path):
    """A SQLite file that was never ours: its path and its URL."""
    path = tmp_path / "other.db"
    return path, f"sqlite:///{path}"


def test_reading_knows_the_newest_revision() -> None:
    assert migrate.head() == tables.HEAD


def test_upgrade_makes_a_new_database_and_says_so(run, other):
    path, url = other
    result = run("db", "upgrade", "--database-url", url)
    assert f"{path}: none → {migrate.head()}\n" == result.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert run("db", "check", "--database-url", url).exit_code == 0
    again = run("db", "upgrade", "--database-url", url)
    assert f"{path}: already at {migrate.head()}\n" == again.stdout


def test_upgrade_prepares_a_database_with_other_tables_and_leaves_them_alone(run, other):
    path, url = other
    statements(path, "CREATE TABLE theirs (a)", "INSERT INTO theirs VALUES (1)")
    assert run("db", "upgrade", "--database-url", url).exit_code == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT a FROM theirs").fetchall() == [(1,)]
    assert run("audit", "--database-url", url).exit_code == 0


@pytest.mark.parametrize("command", [*READS, ["db", "current"]])
def test_reading_never_makes_a_database(run, other, command):
    path, url = other
    result = run(*command, "--database-url", url)
    assert result.exit_code == 1
    assert "mexc-plugin db upgrade" in result.stderr
    assert not path.exists()


@pytest.mark.parametrize("command", READS)
def test_reading_says_that_an_empty_database_is_empty(run, other, command):
    path, url = other
    path.touch()
    result = run(*command, "--database-url", url)
    assert result.exit_code == 1
    assert "is empty" in result.stderr
    assert f"mexc-plugin db upgrade --db {path}" in result.stderr
    assert path.stat().st_size == 0


@pytest.mark.parametrize("command", READS)
def test_reading_refuses_a_database_of_others_with_the_command_that_would_prepare_it(
    run, other, command
):
    path, url = other
    statements(path, "CREATE TABLE theirs (a)")
    result = run(*command, "--database-url", url)
    assert result.exit_code == 1
    assert "mexc-plugin db upgrade --db DATABASE" in result.stderr


@pytest.mark.parametrize("command", READS)
def test_reading_refuses_a_database_that_is_newer_than_the_program(run, path, url, command):
    statements(path, "UPDATE cancel_audit_version SET version_num = '9999'")
    result = run(*command, "--database-url", url)
    assert result.exit_code == 1
    assert distributions.upgrade_command() in result.stderr


def test_current_says_revision_and_state(run, url, other):
    other[0].touch()
    assert run("db", "current", "--database-url", url).stdout == f"{migrate.head()}: current\n"
    empty = run("db", "current", "--database-url", other[1])
    assert [empty.exit_code, empty.stdout] == [0, "none: empty: no tables at all\n"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE cancel_audit_version SET version_num = '9999'", "pip install --upgrade"),
        ("DELETE FROM cancel_audit_version", "mexc-plugin db upgrade"),
        ("DROP VIEW cancel_facts", "view cancel_facts is missing"),
        ("DROP TABLE cancel_audit", "table cancel_audit is missing"),
    ],
)
def test_check_says_what_to_do_about_a_schema_that_is_not_current(run, path, url, sql, expected):
    statements(path, sql)
    result = run("db", "check", "--database-url", url)
    assert result.exit_code == 3
    assert expected in result.stdout


def test_check_finds_a_missing_guard(run, path, url):
    remove_guard(path, "cancel_audit_no_update")
    result = run("db", "check", "--database-url", url)
    assert result.exit_code == 3
    assert "cancel_audit_no_update" in result.stdout


def test_check_of_a_database_that_is_not_there_needs_attention(run, other):
    result = run("db", "check", "--database-url", other[1])
    assert [result.exit_code, result.stdout] == [3, ""]
    assert "mexc-plugin db upgrade" in result.stderr


def test_path_says_which_database_and_who_chose_it(run, monkeypatch, tmp_path):
    def chosen(*arguments):
        result = run("db", "path", *arguments)
        return result.stdout.strip(), result.stderr

    path, why = chosen()
    assert path.endswith("audit.db")
    assert "the default" in why
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path}/env.db")
    path, why = chosen()
    assert f"{tmp_path}/env.db" == path
    assert URL_VARIABLE in why
    path, why = chosen("--database-url", f"sqlite:///{tmp_path}/option.db")
    assert f"{tmp_path}/option.db" == path
    assert why == "given by --db, not there yet\n"
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@db.internal/audit",
        "mysql://me:s3cret@db.internal/audit?ssl=1",
        "postgresql://db.internal/audit?user=me&password=s3cret",
        "postgresql://db.internal/audit?sslpassword=s3cret&application_name=x",
    ],
)
def test_path_hides_every_password(run, url):
    result = run("db", "path", "--database-url", url)
    assert "db.internal" in result.stdout
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/audit", 1),
        ("mysql://me:s3cret@127.0.0.1:1/audit", 1),
        ("postgresql://127.0.0.1:1/audit?password=s3cret", 1),
        ("oracle://me:s3cret@127.0.0.1/audit", 2),
        ("me:s3cret@127.0.0.1/audit", 2),
        ("postgresql://me:s3cret@127.0.0.1:port/audit", 2),
    ],
)
@pytest.mark.parametrize("command", [["audit"], ["db", "upgrade"], ["db", "check"]])
def test_a_server_that_cannot_be_used_is_one_line_without_a_password(run, url, code, command):
    result = run(*command, "--database-url", url)
    assert [result.exit_code, result.stdout] == [code, ""]
    assert len(result.stderr.splitlines()) == 1
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("command", [["audit"], ["db", "check"], ["db", "upgrade"]])
def test_a_file_that_is_no_database_is_one_line(run, other, command):
    path, url = other
    path.write_text("Dear diary, " * 100)
    result = run(*command, "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "is not a SQLite database" in result.stderr
    assert path.read_text().startswith("Dear diary")


def test_a_missing_table_is_one_line_that_says_what_to_do(run, path, url):
    statements(path, "DROP TABLE cancel_history", "DROP TABLE cancel_audit")
    for command in (["audit"], ["audit", "verify"]):
        result = run(*command, "--database-url", url)
        assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
        assert "mexc-plugin db" in result.stderr


def test_a_locked_database_is_one_line(run, path, url, monkeypatch):
    monkeypatch.setattr("mexc_plugin.store.connect.engine.BUSY_TIMEOUT_MS", 10)
    monkeypatch.setitem(engine.create.__kwdefaults__, "timeout_ms", 10)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        result = run("audit", "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "locked by another program" in result.stderr
