"""Makes guards and views again that are missing or do something else, as the migrations made them."""

import re
from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from mexc_plugin.store.schema import history_rows, partitions, triggers, views

COMMAND = "mexc-plugin db check --restore"

_LACKING = re.compile(r"(?:trigger|function|view) (\S+) is missing")
_TABLE = re.compile(r" ON (\w+)")
_GRANTS = """
SELECT format('GRANT %s ON %I TO %s%s', privilege_type, relname,
  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(:name)"""


def restore(connection: Connection) -> list[str]:
    """Make them again, in the caller's transaction; return their names. Only the owner may.

    MySQL and MariaDB commit each by itself. What is not of this program is left alone.
    """
    lacking = list(dict.fromkeys(_LACKING.findall("\n".join(triggers.missing(connection)))))
    if not lacking:
        return []
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    _run(connection, _statements(connection, lacking))
    expected = dict(views.list_expected(connection))
    wanted = {name: body for name, body in expected.items() if name in lacking}
    if connection.dialect.name != "postgresql":
        _run(connection, _views(connection, wanted))
        return lacking
    try:
        with connection.begin_nested():
            _run(connection, _views(connection, wanted))
    except exc.ProgrammingError:  # it replaces no view by one of other columns
        _run(connection, _views_anew(connection, expected))
    return lacking


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement.replace(":", r"\:")))


def _statements(connection: Connection, lacking: list[str]) -> Iterator[str]:
    dialect = connection.dialect.name
    yield from functions(connection)
    for name, text in guards(dialect).items():
        table = _TABLE.findall(text)[0]
        if name in lacking:
            yield f"DROP TRIGGER IF EXISTS {name}" + (
                f" ON {table}" if dialect == "postgresql" else ""
            )
            yield text
        if dialect == "postgresql":
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
    if partitions.is_partitioned(connection):
        for partition in partitions.existing(connection):
            yield from partitions.guarding(partition.name)


def functions(connection: Connection) -> list[str]:
    """What makes the functions of the triggers, whether they are there or not: only PostgreSQL has any."""
    if connection.dialect.name != "postgresql":
        return []
    schema = connection.dialect.identifier_preparer.quote(
        str(connection.scalar(sa.text("SELECT current_schema()")))
    )
    return [
        text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        for text in triggers.functions(schema).values()
    ]


def guards(dialect: str) -> dict[str, str]:
    """By name, what makes each trigger: of all tables, not of partitions."""
    return {**dict(triggers.list_guards(dialect)), **history_rows.triggers(dialect)}


def _views(connection: Connection, wanted: Mapping[str, str]) -> Iterator[str]:
    for name, body in wanted.items():
        if connection.dialect.name == "sqlite":
            yield f"DROP VIEW IF EXISTS {name}"
            yield f"CREATE VIEW {name} AS\n{body}"
            continue
        rights = "DEFINER" if name == views.GUARDS_VIEW else "INVOKER"
        how = "" if connection.dialect.name == "postgresql" else f"SQL SECURITY {rights} "
        yield f"CREATE OR REPLACE {how}VIEW {name} AS\n{body}"


def _views_anew(connection: Connection, expected: Mapping[str, str]) -> Iterator[str]:
    """All of them, since one selects from another; with the rights that accounts have to them."""
    granted = [
        grant for name in expected for grant in connection.scalars(sa.text(_GRANTS), {"name": name})
    ]
    for name in reversed(list(expected)):
        yield f"DROP VIEW IF EXISTS {name}"
    yield from _views(connection, expected)
    yield from granted
