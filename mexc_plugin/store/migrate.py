"""Bring a database to the schema of this program, and refuse those that it must not touch."""

import contextlib
import logging
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from mexc_plugin.errors import StoreForeign, StoreOutdated, StoreTooNew
from mexc_plugin.store import schema

UPGRADE = "mexc-plugin db upgrade --database-url URL"


class State(Enum):
    """How a database stands to this program."""

    EMPTY = "empty: no tables at all"
    FOREIGN = "holds other tables and no audit"
    CURRENT = "current"
    OUTDATED = "older than this program"
    TOO_NEW = "newer than this program"


def migrations_folder() -> Path:
    """Where the revisions are: in the package when installed, at the top level in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(migrations_folder()))


def head() -> str:
    """The newest revision that this program knows."""
    return str(_scripts().get_current_head())


def revision(connection: Connection) -> str | None:
    """The revision of the database, None where it has none."""
    context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
    return context.get_current_revision()


def state(connection: Connection) -> State:
    """Look, and change nothing."""
    current = revision(connection)
    if current is None:
        tables = sa.inspect(connection).get_table_names()
        others = [name for name in tables if name != schema.VERSION_TABLE]
        return State.FOREIGN if others else State.EMPTY
    if current == head():
        return State.CURRENT
    known = {script.revision for script in _scripts().walk_revisions()}
    return State.OUTDATED if current in known else State.TOO_NEW


def ensure(engine: Engine) -> None:
    """Make a new database ours; accept a current one; refuse every other with what to do.

    Raises StoreForeign, StoreOutdated, StoreTooNew.
    """
    with engine.connect() as connection:
        found = state(connection)
    if found is State.EMPTY:
        with _locked(engine) as connection:
            if state(connection) is State.EMPTY:
                _upgrade(connection, "head")
        return
    refuse(found)


def refuse(found: State) -> None:
    """Raise for every state in which the audit cannot be read or written. EMPTY is one of them."""
    if found is State.FOREIGN:
        raise StoreForeign(
            "this database holds other tables and no audit; nothing was touched. "
            f"If the audit belongs there, run: {UPGRADE}"
        )
    if found is State.OUTDATED:
        raise StoreOutdated(f"the audit's schema is older than this program; run: {UPGRADE}")
    if found is State.TOO_NEW:
        raise StoreTooNew(
            "the audit's schema is newer than this program; run: pip install --upgrade mexc-plugin"
        )


def upgrade(engine: Engine, target: str = "head") -> None:
    """`db upgrade`: wanted by a person, so it also prepares a database that holds other tables.

    Raises StoreTooNew.
    """
    with _locked(engine) as connection:
        if state(connection) is State.TOO_NEW:
            refuse(State.TOO_NEW)
        _upgrade(connection, target)


def downgrade(engine: Engine, target: str) -> None:
    """Go back to an older revision: for tests and for people who know what they do."""
    with _locked(engine) as connection:
        command.downgrade(_config(connection), target)


def check(engine: Engine) -> None:
    """alembic's own check: raises when the models and the migrations differ."""
    with engine.begin() as connection:
        command.check(_config(connection))


def _upgrade(connection: Connection, target: str) -> None:
    command.upgrade(_config(connection), target)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return config


@contextlib.contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """One transaction that no other migration can run beside. SQLite's BEGIN IMMEDIATE is one."""
    with engine.connect() as connection, connection.begin():
        backend = engine.dialect.name
        if backend == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7310595162)")
        elif backend in ("mysql", "mariadb"):
            connection.exec_driver_sql("SELECT GET_LOCK('mexc_plugin_migration', 60)")
        try:
            yield connection
        finally:
            if backend in ("mysql", "mariadb"):
                connection.exec_driver_sql("SELECT RELEASE_LOCK('mexc_plugin_migration')")
