"""Bring a database to the schema of this program, and refuse those that it must not touch.

A bot may be inside its own alembic in another thread, and alembic's commands keep what they are at in
`alembic.context` and `alembic.op`, which are the whole process's. So none of that is used here: each
migration has a context and operations of its own, and hands them to the revisions as an argument.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine

from mexc_plugin import distributions
from mexc_plugin.errors import (
    ConfigError,
    StoreError,
    StoreForeign,
    StoreOutdated,
    StoreTooNew,
)
from mexc_plugin.store.schema import migration_locks, partitions, tables

UPGRADE = "mexc-plugin db upgrade --db DATABASE"


class State(Enum):
    """How a database stands to this program."""

    EMPTY = "empty: no tables at all"
    INTERRUPTED = "half made: a migration was interrupted"
    FOREIGN = "holds other tables and no audit"
    CURRENT = "current"
    OUTDATED = "older than this program"
    TOO_NEW = "newer than this program"


# What a bot may make its own without being asked.
_MADE = (State.EMPTY, State.INTERRUPTED)


def migrations_folder() -> Path:
    """Where the revisions are: in the package when installed, at the top level in a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


@cache
def _scripts() -> ScriptDirectory:
    """Read and linked before any thread gets it: alembic would do it on first use, unguarded."""
    scripts = ScriptDirectory(str(migrations_folder()))
    scripts.get_current_head()
    return scripts


def revision_module(name: str) -> ModuleType:
    """The module of a revision: what it made is looked up there, and written down nowhere else."""
    return _scripts().get_revision(name).module


def head() -> str:
    """The newest revision that this program knows."""
    return str(_scripts().get_current_head())


def state(connection: Connection) -> State:
    """Look, and change nothing."""
    current = tables.revision(connection)
    if current is None:
        return _without_revision(connection)
    if current == head():
        return State.CURRENT
    known = {script.revision for script in _scripts().walk_revisions()}
    return State.OUTDATED if current in known else State.TOO_NEW


def _without_revision(connection: Connection) -> State:
    there = set(sa.inspect(connection).get_table_names()) - {
        tables.VERSION_TABLE,
        migration_locks.LOCK_TABLE,
    }
    if not there:
        return State.EMPTY
    ours = connection.dialect.name in migration_locks.PIECEMEAL and there <= set(
        tables.metadata.tables
    )
    return State.INTERRUPTED if ours else State.FOREIGN


def ensure(engine: Engine) -> None:
    """Make a new database ours; accept a current one; refuse every other with what to do.

    On a Galera cluster a new one is refused, too: bots on several nodes would make it at once.
    Raises StoreForeign, StoreOutdated, StoreTooNew.
    """
    with engine.connect() as connection:
        found = state(connection)
        if found is not State.CURRENT and migration_locks.is_cluster(connection):
            if found in _MADE:
                raise StoreOutdated(f"no bot makes the record on a Galera cluster; run: {UPGRADE}")
            refuse(found)
    # On a server, looking takes several statements, between which another process may have made it:
    # what is not current is looked at again under the lock.
    if found in _MADE or (engine.dialect.name != "sqlite" and found is not State.CURRENT):
        with migration_locks.locking(engine) as connection:
            found = state(connection)
            if found in _MADE:
                _upgrade(connection, "head")
                return
    refuse(found)


def refuse(found: State) -> None:
    """Raise for every state in which the audit cannot be read or written, but for EMPTY."""
    if found is State.FOREIGN:
        raise StoreForeign(
            "this database holds other tables and no audit; nothing was touched. "
            f"If the audit belongs there, run: {UPGRADE}"
        )
    if found is State.INTERRUPTED:
        raise StoreOutdated(f"a migration of the audit was interrupted; run: {UPGRADE}")
    if found is State.OUTDATED:
        raise StoreOutdated(f"the audit's schema is older than this program; run: {UPGRADE}")
    if found is State.TOO_NEW:
        raise StoreTooNew(
            f"the audit's schema is newer than this program; run: {distributions.upgrade_command()}"
        )


def upgrade(
    engine: Engine,
    target: str = "head",
    *,
    partitioned: bool = False,
    by: str | None = None,
    tell: Callable[[int, int], object] = lambda _done, _total: None,
) -> None:
    """`db upgrade`: wanted by a person, so it also prepares a database that holds other tables.

    partitioned: with partitions made ahead; PostgreSQL only, and only from the start. by: as `partitions.make_ahead`.
    tell: takes how many events of how many are done, while a revision goes through all of them.
    Raises StoreTooNew; ConfigError where the audit cannot be partitioned.
    """
    _prepare(engine, target, tell)
    with migration_locks.locking(engine) as connection:
        found = state(connection)
        if found is State.TOO_NEW:
            refuse(found)
        if partitioned:
            _require_partitionable(connection)
        _upgrade(connection, target, partitioned=partitioned)
        if partitioned:
            partitions.make_ahead(connection, by=by)


def _prepare(engine: Engine, target: str, tell: Callable[[int, int], object]) -> None:
    """What revisions do before their own transaction, in many short ones: bots go on meanwhile."""
    with engine.connect() as connection:
        found, current = state(connection), tables.revision(connection)
    if found is not State.OUTDATED:
        return
    missing = list(_scripts().iterate_revisions(target, current))[::-1]
    for script in (script for script in missing if hasattr(script.module, "prepare")):
        with migration_locks.locking(engine) as connection:
            _upgrade(connection, str(script.down_revision))
        with migration_locks.holding(engine) as connection:
            script.module.prepare(connection, tell)


def _require_partitionable(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise ConfigError(
            "only PostgreSQL has an audit that is partitioned; leave --partitioned out"
        )
    if tables.revision(connection) is not None and not partitions.is_partitioned(connection):
        raise ConfigError("the audit is there already, and a table that is there stays as it is")


def downgrade(engine: Engine, target: str) -> None:
    """Go back to an older revision: for tests and for people who know what they do."""
    with migration_locks.locking(engine) as connection:
        current = tables.revision(connection)
        back = _scripts().iterate_revisions(current, target, select_for_downgrade=True)
        _run(connection, MigrationStep.downgrade_from_script, back)


def is_beside_alembic(engine: Engine) -> bool:
    """Whether somebody else keeps tables here with alembic, under the name that it gives its own."""
    return sa.inspect(engine).has_table("alembic_version")


def check(engine: Engine) -> None:
    """Raise StoreError when the models and the migrations differ."""
    from alembic.autogenerate import compare_metadata

    with engine.begin() as connection:
        differences = compare_metadata(_context(connection), tables.metadata)
    if differences:
        raise StoreError(f"the models and the migrations differ: {differences}")


def options(connection: Connection) -> dict[str, Any]:
    """How alembic has to be configured for the audit: here, and in `migrations/env.py`."""
    return {
        "target_metadata": tables.metadata,
        "version_table": tables.VERSION_TABLE,
        "include_name": lambda name, kind, _: kind != "table" or name in tables.metadata.tables,
        # Where each statement of DDL commits, a revision's number is committed right after it.
        "transaction_per_migration": connection.dialect.name in migration_locks.PIECEMEAL,
    }


def _context(connection: Connection, **more: object) -> MigrationContext:
    return MigrationContext.configure(connection, opts=options(connection) | more)


def _upgrade(connection: Connection, target: str, *, partitioned: bool = False) -> None:
    _require_utf8(connection)
    current = tables.revision(connection)
    missing = list(_scripts().iterate_revisions(target, current, implicit_base=True))
    _run(connection, MigrationStep.upgrade_from_script, missing[::-1], partitioned=partitioned)


def _run(
    connection: Connection,
    step: Callable[[Any, Script], Any],
    scripts: Iterable[Script],
    **more: object,
) -> None:
    """Run revisions, one after the other. more: options that a revision looks up in its context."""
    if connection.dialect.name in migration_locks.PIECEMEAL:
        connection.commit()  # there alembic begins and commits a transaction for each revision
    steps = [step(_scripts().revision_map, script) for script in scripts]
    context = _context(connection, fn=lambda _heads, _context: steps, **more)
    with context.begin_transaction():
        context.run_migrations(op=Operations(context))


def _require_utf8(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return  # SQLite knows nothing else, and on MySQL the tables say so themselves
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise StoreError(
            f"the database's encoding is {encoding}, which cannot hold every answer of the venue; "
            "make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
