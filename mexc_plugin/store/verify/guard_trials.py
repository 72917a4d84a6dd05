"""Tries what the guards refuse, on rows of its own in a transaction that is rolled back.

No row of the record is touched, whatever the guards do. A lock that somebody holds is waited for briefly, and
TRUNCATE takes its own only where that needs no waiting: a bot behind it would wait too.
"""

import contextlib
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import explaining, kind_of
from mexc_plugin.store.schema import restoring, tables

# How long a lock may last before nothing is tried.
PATIENCE_MS = 1_000
_TRIES, _PAUSE_S = 20, 0.02

_REFUSED = re.compile("is append-only|is kept from cancel_audit")

Row = dict[str, object]


@dataclass(slots=True)
class Trials:
    """What came of it. refused: by a guard or for want of the right; faults: what was let pass;

    untried: why something was not tried, and what protects instead.
    """

    refused: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


def try_guards(url: str) -> Trials:
    """Try to change rows of each table. Only for a database that is current and whose triggers stand."""
    found = Trials()
    try:
        engine = engines.create(url, timeout_ms=PATIENCE_MS)
        with explaining(url), engine.connect() as connection:
            if connection.dialect.name not in ("sqlite", "postgresql"):
                found.faults += _without_transactions(connection)
                found.untried += _about_truncate(connection)
            if not found.faults:
                _try_rows(connection, found)
            if connection.dialect.name == "postgresql":
                _try_truncate(connection, found)
    except StoreError as error:
        found.untried.append(f"{error}")
    return found


# -- rows of our own


def _rows() -> dict[str, Row]:
    """By table, in this order: a row that no program writes."""
    writer_id, cancel_id = str(uuid.uuid4()), str(uuid.uuid4())
    place = {"writer_id": writer_id, "seq": 1, "cancel_id": cancel_id}
    event = {"kind": "request", "occurred_at": "2000-01-01 00:00:00.000000", "occurred_ns": 0}
    event |= {"attempt": 1} | dict.fromkeys(("payload", "prev_hash", "hash"), "")
    return {
        "cancel_audit": place | event,
        "cancel_history": {"cancel_id": cancel_id, "attempt": 1}
        | dict.fromkeys(("outcome", "final_outcome"), "canceled"),
        "cancel_audit_order": place | {"position": 1},
        "audit_checkpoint": {"sha256": secrets.token_hex(32), "kind": "checkpoint", "taken_ns": 0}
        | {"events": 0, "note": ""},
    }


# What a trial changes.
_CHANGED = {
    "cancel_audit": "payload",
    "cancel_audit_order": "outcome",
    "audit_checkpoint": "note",
    "cancel_history": "bot",
}


def _try_rows(connection: Connection, found: Trials) -> None:
    with _taken_back(connection):
        for table, row in _rows().items():
            # The history has its row by the request before it; who may only read has none, and is refused without.
            if table != "cancel_history":
                is_there = not _is_refused(
                    connection, _put("INSERT", table, row), row, is_kept=True
                )
            for verb, statement in _changes(connection.dialect.name, table, row):
                if _is_refused(connection, statement, row):
                    found.refused.add(verb)
                elif is_there:
                    found.faults.append(_fault(verb, table))


@contextlib.contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    try:
        if connection.dialect.name == "postgresql":
            # What the engine sets for a session holds in none behind a pooler.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
        yield
    finally:
        connection.rollback()


def _changes(dialect: str, table: str, row: Row) -> Iterator[tuple[str, str]]:
    column = _CHANGED[table]
    keys = tables.metadata.tables[table].primary_key
    where = " AND ".join(f"{key.name} = :{key.name}" for key in keys)
    yield "UPDATE", f"UPDATE {table} SET {column} = 'changed' WHERE {where}"  # noqa: S608 - constants
    yield "DELETE", f"DELETE FROM {table} WHERE {where}"  # noqa: S608 - constants
    if dialect == "postgresql":
        upsert = f" ON CONFLICT ON CONSTRAINT pk_{table} DO UPDATE SET {column} = 'changed'"
        yield "REPLACE", _put("INSERT", table, row) + upsert
    else:
        yield "REPLACE", _put("REPLACE", table, row)
    if table == "cancel_history":
        yield "INSERT", _put("INSERT", table, row).replace(":attempt", "2")


def _put(verb: str, table: str, row: Row) -> str:
    return (
        f"{verb} INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"
    )


def _is_refused(connection: Connection, statement: str, row: Row, *, is_kept: bool = False) -> bool:
    """By a guard, or for want of the right. What passes is taken back, unless it is kept."""
    try:
        with connection.begin_nested() as savepoint:
            connection.execute(sa.text(statement), row)
            if not is_kept:
                savepoint.rollback()
    except SQLAlchemyError as error:
        if _REFUSED.search(str(error)) or kind_of(error) == "forbidden":
            return True
        raise
    return False


def _fault(verb: str, table: str) -> str:
    return (
        f"{verb} of {table} was tried, was not refused, and was taken back; "
        f"restore the guards with: {restoring.COMMAND}"
    )


# -- TRUNCATE


def _try_truncate(connection: Connection, found: Trials) -> None:
    for table in _CHANGED:
        refused = _is_truncate_refused(connection, table)
        if refused is None:
            found.untried.append(f"TRUNCATE of {table}: the table was in use all the time")
        elif refused:
            found.refused.add("TRUNCATE")
        else:
            found.faults.append(_fault("TRUNCATE", table))


def _is_truncate_refused(connection: Connection, table: str) -> bool | None:
    """None where that cannot be found out without others waiting."""
    # It locks before it asks the trigger: never in a queue that bots would stand behind.
    lock = f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT"
    for _ in range(_TRIES):
        with _taken_back(connection):
            try:
                return _is_refused(connection, lock, {}, is_kept=True) or _is_refused(
                    connection, f"TRUNCATE {table}", {}
                )
            except SQLAlchemyError as error:
                if kind_of(error) != "locked":
                    raise
        time.sleep(_PAUSE_S)
    return None


_ENGINES = f"""
SELECT table_name, engine FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN {tuple(_CHANGED)} AND engine <> 'InnoDB'"""  # noqa: S608 - constants


def _without_transactions(connection: Connection) -> list[str]:
    return [
        f"table {table} is kept by {engine}, which takes nothing back; "
        f"run: ALTER TABLE {table} ENGINE = InnoDB"
        for table, engine in connection.execute(sa.text(_ENGINES))
    ]


_MAY_DROP = """
SELECT COUNT(*) FROM (
  SELECT grantee, privilege_type FROM information_schema.user_privileges
  UNION ALL SELECT grantee, privilege_type FROM information_schema.schema_privileges
  WHERE DATABASE() LIKE table_schema
  UNION ALL SELECT grantee, privilege_type FROM information_schema.table_privileges
  WHERE table_schema = DATABASE() AND table_name = 'cancel_audit') granted
WHERE privilege_type = 'DROP'
AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"""


def _about_truncate(connection: Connection) -> Iterator[str]:
    if connection.scalar(sa.text(_MAY_DROP)):  # else it is refused for want of the right
        yield (
            "TRUNCATE: it would be committed at once, and no trigger sees it; "
            "the right DROP is what allows it, and this account has that: give it to no bot"
        )
