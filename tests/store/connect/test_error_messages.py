"""What is said of a database's error goes by the driver's code: a server speaks the language that it was set to."""

import contextlib
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import error_messages
from mexc_plugin.store.connect.engine import parse
from tests.store.audits import Audit
from tests.store.conftest import SERVERS

FOREIGN_WORDS = "Das geht so nicht"

SQLSTATES = {
    "55P03": "locked", "40P01": "locked", "25006": "read-only", "53100": "full", "42P01": "incomplete",
    "42703": "incomplete", "3D000": "no such database", "28P01": "login", "28000": "login", "42501": "forbidden",
    "53300": "busy", "08006": "unreachable", "57P01": "unreachable", "23505": None, "57014": None,
}  # fmt: skip
ERRNOS = {
    1205: "locked", 1213: "locked", 1290: "read-only", 1836: "read-only", 1114: "full", 1021: "full", 1146: "incomplete",
    1054: "incomplete", 1049: "no such database", 1045: "login", 1419: "no triggers", 1142: "forbidden",
    1044: "forbidden", 1040: "busy", 1053: "unreachable", 1062: None,
}  # fmt: skip


def kind_raised(url: str, *statements: str) -> str | None:
    engine = sa.create_engine(parse(url))
    try:
        with pytest.raises(SQLAlchemyError) as raised, engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
    return error_messages.kind_of(raised.value)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_postgresql_is_understood_in_any_language(audit: Audit, backend: str) -> None:
    found = {
        state: kind_raised(
            audit.url,
            f"DO $$ BEGIN RAISE EXCEPTION '{FOREIGN_WORDS}' USING ERRCODE = '{state}'; END $$",
        )
        for state in SQLSTATES
    }
    assert found == SQLSTATES


@pytest.mark.parametrize("backend", ["mariadb"])
def test_mariadb_is_understood_in_any_language(audit: Audit, backend: str) -> None:
    found = {
        number: kind_raised(
            audit.url,
            "BEGIN NOT ATOMIC SIGNAL SQLSTATE '45000' "
            f"SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = '{FOREIGN_WORDS}'; END",
        )
        for number in ERRNOS
    }
    assert found == ERRNOS
    german = make_url(audit.url).update_query_dict(
        {"init_command": "SET SESSION lc_messages = 'de_DE'"}
    )
    assert kind_raised(str(german), "SELECT 1 FROM nowhere") == "incomplete"


@pytest.mark.parametrize("backend", SERVERS)
def test_a_server_that_takes_no_login_or_has_no_such_database_is_told_apart(
    audit: Audit, backend: str
) -> None:
    url = make_url(audit.url)
    with socket.socket() as taken:  # by somebody who does not listen
        taken.bind(("127.0.0.1", 0))
        nobody = url.set(host="127.0.0.1", port=taken.getsockname()[1], query={})
        kinds = [
            kind_raised(each.render_as_string(hide_password=False), "SELECT 1")
            for each in (url.set(username="nobody_here"), url.set(database="nowhere"), nobody)
        ]
    assert kinds == ["login", "no such database", "unreachable"]


def test_what_libpq_says_in_another_language_is_shown() -> None:
    import psycopg

    said = "connection failed: FATAL:  Passwort-Authentifizierung für Benutzer »bot« fehlgeschlagen"
    error = sa.exc.OperationalError("", {}, psycopg.OperationalError(said))
    shown = error_messages.sentence(error, "postgresql://bot:s3cret@db/audit")
    assert (said in shown, "s3cret" in shown, "check user, password" in shown) == (
        True,
        False,
        True,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (x)")
        made.execute("INSERT INTO t SELECT zeroblob(20000)")
        made.commit()
    return path


def test_sqlite_s_codes_are_told_apart(file: Path, tmp_path: Path) -> None:
    def damaged() -> Path:
        path = shutil.copy(file, tmp_path / "damaged.db")
        data = bytearray(path.read_bytes())
        data[4096:4200] = bytes(104)
        path.write_bytes(data)
        return path

    no_database = tmp_path / "diary"
    no_database.write_text("Dear diary, " * 100)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = kind_raised(f"sqlite:///{file}?timeout=0", "SELECT * FROM t")
    read_only = f"sqlite:///file:{file}?mode=ro&uri=true"
    found = {
        "locked": locked,
        "no database file": kind_raised(f"sqlite:///{no_database}", "SELECT * FROM t"),
        "damaged": kind_raised(f"sqlite:///{damaged()}", "SELECT count(*), sum(length(x)) FROM t"),
        "not opened": kind_raised(f"sqlite:///{tmp_path}/none/audit.db", "SELECT 1"),
        "not written": kind_raised(read_only, "DELETE FROM t"),
        "full": kind_raised(
            f"sqlite:///{file}",
            "PRAGMA max_page_count = 8",
            "INSERT INTO t SELECT zeroblob(90000)",
        ),
        "incomplete": kind_raised(f"sqlite:///{file}", "SELECT * FROM nowhere"),
    }
    assert found == {name: name for name in found}


def test_every_sentence_names_the_database_and_shows_no_password() -> None:
    for kind in error_messages.SENTENCES:
        words = error_messages.SENTENCES[kind].format(name="NAME", option="--db X", line="LINE")
        assert "NAME" in words


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_has_no_kind_is_told_in_the_driver_s_words(audit: Audit, backend: str) -> None:
    with pytest.raises(StoreError, match="failed: near"), error_messages.explaining(audit.url):
        engine = sa.create_engine(parse(audit.url))
        with engine.connect() as connection:
            connection.exec_driver_sql("SELEKT 1")
