"""Whether the views show what the migrations say: every database compares in its own words.

A server keeps a view as it understood it, in a form that differs by version. So it is asked to
explain both, the view that is there and the migration's text, and the explanations are compared:
they name every table, column and condition. That needs no right but to read. SQLite keeps the text.
"""

import contextlib
import re
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from mexc_plugin.store.schema import migration_locks

# Each view, and the revision that made it as it now is.
VIEWS = {
    "cancel_facts": "0005",
    "cancel_daily": "0005",
    "cancel_unresolved": "0005",
    "cancel_writers": "0003",
    "cancel_gaps": "0003",
    "cancel_spooled": "0003",
}
# MySQL and MariaDB show triggers only through it to those who may not drop them.
GUARDS_VIEW = "cancel_audit_guards"

# MySQL's error for a statement that an account may not run.
DENIED = 1142

# By dialect, what a view selects, as it is kept there.
_STORED = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'view' AND lower(name) = :name",
    "postgresql": """
        SELECT pg_get_viewdef(c.oid) FROM pg_class c
        WHERE c.oid = to_regclass(:name) AND c.relkind = 'v'""",
    "mysql": """
        SELECT view_definition FROM information_schema.views
        WHERE table_schema = DATABASE() AND table_name = :name""",
}
_STORED["mariadb"] = _STORED["mysql"]
# Functions and operators of PostgreSQL's that somebody made: the server folds their results into an explanation.
_MADE = """
SELECT COUNT(*) FROM pg_rewrite w JOIN pg_depend d
ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
WHERE w.ev_class = to_regclass(:name)
AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)"""

# A stored function in a definition of MySQL: quoted there, as the built-in ones are not.
_ROUTINE = re.compile(r"`\s*\(")


class Unreadable(Exception):
    """This account may not see the definition of a view."""


def faults(connection: Connection) -> list[str]:
    """A line for each view that is missing or shows something else."""
    found = []
    for name, body in list_expected(connection):
        with contextlib.suppress(Unreadable):
            stored = _definition(connection, name)
            if stored is None or not _same(connection, name, stored, body):
                found.append(f"view {name} is missing or no longer shows the record")
    return found


def find_unchecked(connection: Connection) -> list[str]:
    """The views whose definitions this account may not see: nothing can be said of them."""
    found = []
    for name, _ in list_expected(connection):
        try:
            _definition(connection, name)
        except Unreadable:
            found.append(name)
    return found


def list_expected(connection: Connection) -> list[tuple[str, str]]:
    """Every view of this dialect, and what it selects, from the migration that made it."""
    from mexc_plugin.store.schema import migrate

    dialect = connection.dialect.name
    found = [
        (name, migrate.revision_module(revision).views(dialect)[name])
        for name, revision in VIEWS.items()
    ]
    if dialect in migration_locks.PIECEMEAL:
        _, _, body = migrate.revision_module("0006").GUARDS_VIEW.partition(" AS\n")
        found.append((GUARDS_VIEW, body.strip()))
    return found


def _definition(connection: Connection, name: str) -> str | None:
    """What the database says that the view selects; None where there is no such view."""
    row = connection.execute(sa.text(_STORED[connection.dialect.name]), {"name": name}).first()
    if connection.dialect.name in migration_locks.PIECEMEAL:
        is_unreadable = _is_hidden(connection, name) if row is None else not row[0]
        if is_unreadable:
            raise Unreadable(name)
    return None if row is None else str(row[0])


def _is_hidden(connection: Connection, name: str) -> bool:
    """Whether this account may not even know of it, as after an upgrade without new grants."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SELECT 1 FROM {name} WHERE 1 = 0")  # noqa: S608 - a constant
    except (exc.OperationalError, exc.ProgrammingError) as error:
        return bool(error.orig and error.orig.args[0] == DENIED)
    return False


def _same(connection: Connection, name: str, stored: str, body: str) -> bool:
    if connection.dialect.name == "sqlite":
        return _fold(stored) == _fold(f"CREATE VIEW {name} AS {body}")
    if connection.dialect.name == "postgresql":
        if connection.scalar(sa.text(_MADE), {"name": name}):
            return False
        return _explained_alike(connection, stored.rstrip().rstrip(";"), body, _explain_postgresql)
    if _ROUTINE.search(stored):
        return False
    return _explained_alike(connection, stored, body, _explain_mysql)


def _fold(text: str) -> str:
    return " ".join(text.split())


def _explain_postgresql(connection: Connection, query: str) -> list[str]:
    explain = f"EXPLAIN (VERBOSE, COSTS OFF) {_escape(query)}"
    return [str(row[0]) for row in connection.exec_driver_sql(explain)]


def _explain_mysql(connection: Connection, query: str) -> list[str]:
    dialect = connection.dialect
    how = "EXPLAIN EXTENDED" if getattr(dialect, "is_mariadb", False) else "EXPLAIN"
    connection.exec_driver_sql(f"{how} {_escape(query)}").close()
    # What it made of the query stands in a note; the plan is of no interest.
    return [str(row[2]) for row in connection.exec_driver_sql("SHOW WARNINGS")]


def _escape(query: str) -> str:
    return query.replace("%", "%%")  # both drivers look for parameters


def _explained_alike(
    connection: Connection,
    stored: str,
    body: str,
    explain: Callable[[Connection, str], list[str]],
) -> bool:
    try:
        with connection.begin_nested():
            if _columns(connection, stored) != _columns(connection, body):
                return False
            # Once more where they differ: new statistics in between change a plan.
            return any(explain(connection, stored) == explain(connection, body) for _ in range(2))
    except exc.SQLAlchemyError:
        return False  # a definition that cannot even be explained is not ours


def _columns(connection: Connection, query: str) -> list[str]:
    names = connection.exec_driver_sql(f"SELECT * FROM ({_escape(query)}) AS named WHERE 1 = 0")  # noqa: S608 - definitions, of which nothing is read
    return list(names.keys())
