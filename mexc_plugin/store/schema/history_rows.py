"""The table `cancel_history` against the events that it is made of: compare it, and make it again.

How it is made stands in one place, migrations/frozen/history_0005.py: triggers keep it while events come
in, and `derived` computes the same rows from all events. Both walks here go through the cancels in the
order of their ids, a batch at a time and each batch of one moment, so that bots record meanwhile.
"""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.schema.tables import HISTORY_TABLE, KEPT_COLUMNS

BATCH = 2_000  # events of one transaction, about
REVISION = "0005"

Values = tuple[Any, ...]
Key = tuple[str, int]
Bounds = dict[str, str]


@functools.cache
def _load_rows() -> ModuleType:
    from mexc_plugin.store.schema import migrate

    return migrate.revision_module(REVISION)


def triggers(dialect: str) -> dict[str, str]:
    """By name, what makes each trigger that keeps the table, and each that guards it."""
    made = _load_rows()
    found: dict[str, str] = made.triggers(dialect) | made.guards(dialect)
    return found


# -- comparing


def compare(connection: Connection, bounds: Bounds) -> dict[Key, str]:
    """Each row within these bounds that is not as its events say: cancel_id and attempt, and what is wrong with it.

    In a transaction of its own, which sees one moment.
    """
    within, found = _within(bounds), {}
    derived = _load_rows().derived(connection.dialect.name, within)
    with _steady(connection):
        if connection.dialect.name == "sqlite" and _agree(connection, derived, within, bounds):
            return {}  # nearly always, and in a quarter of the time
        expected = _rows(connection, derived, bounds)
        query = f"SELECT {', '.join(KEPT_COLUMNS)} FROM cancel_history WHERE {within}"  # noqa: S608 - constants
        there = _rows(connection, query, bounds)
    # By their looks: on SQLite an id may be anything that somebody put there.
    for key in sorted(expected.keys() | there.keys(), key=repr):
        if key not in there:
            found[key] = "is missing"
        elif key not in expected:
            found[key] = "is of no event"
        elif there[key] != expected[key]:
            pairs = zip(KEPT_COLUMNS, there[key], expected[key], strict=True)
            found[key] = f"differs in {', '.join(n for n, one, other in pairs if one != other)}"
    return found


def _agree(connection: Connection, derived: str, within: str, bounds: Bounds) -> bool:
    """Whether all is as it should be, by SQLite itself, which hands over every value at a price.

    To the byte and the type: a `+` takes a column's affinity away. Servers have collations and types of their own.
    """
    same = " AND ".join(f"+d.{name} COLLATE BINARY IS +h.{name}" for name in KEPT_COLUMNS)
    query = f"""SELECT count(*), total({same}), (SELECT count(*) FROM cancel_history WHERE {within})
FROM ({derived}) d LEFT JOIN cancel_history h ON h.cancel_id = d.cancel_id AND h.attempt = d.attempt"""  # noqa: S608 - constants
    wanted, agreeing, there = connection.execute(sa.text(query), bounds).one()
    return bool(wanted == agreeing == there)


def _rows(connection: Connection, query: str, bounds: Bounds) -> dict[Key, Values]:
    # Without types: on SQLite a value may be anything, and must not end the reading.
    found = connection.execute(sa.text(query), bounds)
    return {(row[0], row[1]): tuple(row) for row in found}


def _within(bounds: Bounds) -> str:
    """The first part has no beginning: somebody's row may be of a cancel whose id is empty."""
    low = "cancel_id > :low" if "low" in bounds else "cancel_id IS NOT NULL"
    return low + (" AND cancel_id <= :high" if "high" in bounds else "")


def ranges(connection: Connection, low: str = "") -> Iterator[Bounds]:
    """Parts of the cancels, one after the other; the first one has no beginning, the last one no end.

    low: the cancel behind which they begin, "" for all. The connection's transactions end in between.
    """
    bounds: Bounds = {"low": low} if low else {}
    while True:
        query = sa.text(
            f"SELECT cancel_id FROM cancel_audit WHERE {_within(bounds)}"  # noqa: S608 - constants
            " ORDER BY cancel_id LIMIT 1 OFFSET :batch"
        )
        high = connection.scalar(query, {**bounds, "batch": BATCH})
        connection.rollback()
        if not _is_bound(high):  # none is left, or what nobody can ask for: SQLite keeps any bytes
            yield bounds
            return
        yield bounds | {"high": high}
        bounds = {"low": high}


def _is_bound(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _steady(connection: Connection) -> Any:  # noqa: ANN401 - SQLAlchemy's transaction
    """A transaction that sees one moment, however many statements it has; the one before ends."""
    connection.rollback()
    if connection.dialect.name != "sqlite":
        connection.execution_options(isolation_level="REPEATABLE READ")
    return connection.begin()


# -- making it again


def rebuild(
    connection: Connection,
    begun: str,
    tell: Callable[[str, int], object],
    note: Callable[[Key, str], object] = lambda _key, _what: None,
) -> int:
    """Write every row that is not as its events say, and remove those of no event; return how many.

    note: takes each of these, and what was wrong with it.

    begun: the last cancel that an earlier run came to, "" for all; tell: takes the last cancel that is
    done, and how many rows were written so far. Bots record meanwhile, and wait for one batch at most.
    """
    changed = 0
    read_any_text(connection)
    for bounds in ranges(connection, begun):
        found = compare(connection, bounds)
        if found:
            with connection.begin():
                _alone(connection)
                _put(connection, sorted({cancel_id for cancel_id, _ in found}, key=repr), bounds)
        for key, what in found.items():
            note(key, what)
        changed += len(found)
        tell(bounds.get("high", ""), changed)
    return changed


def _put(connection: Connection, ids: list[str], bounds: Bounds) -> None:
    """Make these cancels' rows again, or all within the bounds where an id is one that nobody can ask for."""
    is_by_id = all(map(_is_bound, ids))
    within = "cancel_id IN :ids" if is_by_id else _within(bounds)
    for text in (_load_rows().put(connection.dialect.name, HISTORY_TABLE, within), _strays(within)):
        statement = sa.text(text)
        if is_by_id:
            statement = statement.bindparams(sa.bindparam("ids", expanding=True))
        connection.execute(statement, {"ids": ids} if is_by_id else bounds)


def _alone(connection: Connection) -> None:
    """No event comes in until the transaction ends, and the guards let it pass."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE cancel_audit IN SHARE ROW EXCLUSIVE MODE")
        connection.exec_driver_sql("SET LOCAL mexc_plugin.rebuild = 'on'")
    elif connection.dialect.name != "sqlite":  # whose guards look at the row, and whose BEGIN locks
        # In READ COMMITTED, what INSERT … SELECT reads is not locked.
        connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("SET @cancel_history_kept = 1")


def _strays(within: str) -> str:
    return f"""DELETE FROM cancel_history WHERE {within} AND NOT EXISTS (
  SELECT 1 FROM cancel_audit e
  WHERE e.cancel_id = cancel_history.cancel_id AND e.attempt = cancel_history.attempt
  AND e.kind IN ('request', 'response', 'reconciliation'))"""  # noqa: S608 - constants
