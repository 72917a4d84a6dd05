"""Partitions by month on PostgreSQL: which there are, and making those of the months to come.

`cancel_audit_default` takes what no month takes, so that no event is ever refused for want of a
partition. Rows stay where they are: a month that the default has rows of gets no partition.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import StoreError
from mexc_plugin.store.schema.tables import AUDIT_TABLE

DEFAULT = f"{AUDIT_TABLE}_default"
AHEAD = 12
# With fewer whole months than this ahead, `db check` asks for more.
FEW = 1

_IS_PARTITIONED = f"SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('{AUDIT_TABLE}')"  # noqa: S608 - a constant
_PARTITIONS = f"""
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.reltuples::bigint
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('{AUDIT_TABLE}')
    ORDER BY c.relname"""  # noqa: S608 - a constant
# A trigger on rows is cloned from the parent, one on TRUNCATE is not; neither is sure to fire always.
_MAKE = "CREATE TABLE {name} PARTITION OF {parent} FOR VALUES FROM ('{start}') TO ('{end}')"
_GUARD = (
    "DROP TRIGGER IF EXISTS {parent}_no_truncate ON {name}",
    """CREATE TRIGGER {parent}_no_truncate BEFORE TRUNCATE ON {name}
       FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
    "ALTER TABLE {name} ENABLE ALWAYS TRIGGER {parent}_no_truncate",
    "ALTER TABLE {name} ENABLE ALWAYS TRIGGER {parent}_no_change",
)


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as PostgreSQL describes it. rows: its last estimate, -1 where it made none."""

    name: str
    bounds: str
    rows: int

    @property
    def start(self) -> datetime | None:
        """When its time begins; None for the default."""
        return self._bound("FROM")

    @property
    def end(self) -> datetime | None:
        """When its time is over, not included; None for the default."""
        return self._bound("TO")

    def _bound(self, word: str) -> datetime | None:
        found = re.search(rf"{word} \('([^']+)'\)", self.bounds)
        return datetime.fromisoformat(found[1]) if found else None


def is_partitioned(connection: Connection) -> bool:
    """Whether the audit is there, on PostgreSQL, and partitioned."""
    return connection.dialect.name == "postgresql" and bool(
        connection.scalar(sa.text(_IS_PARTITIONED))
    )


def existing(connection: Connection) -> list[Partition]:
    """The partitions, by name. Raises StoreError where the audit is not partitioned."""
    if not is_partitioned(connection):
        raise StoreError(
            "this audit is not partitioned; an empty PostgreSQL database can be, "
            "with: mexc-plugin db upgrade --partitioned --db DATABASE"
        )
    return [Partition(*row) for row in connection.execute(sa.text(_PARTITIONS))]


def make_ahead(connection: Connection, months: int, today: date | None = None) -> list[str]:
    """Make those of this month and of `months` more where they are missing; return their names.

    In the caller's transaction; only the owner may. A month with rows in the default is left out.
    """
    there = {partition.name for partition in existing(connection)}
    made = []
    for start in _months(today, months + 1):
        end = _next(start)
        if name_of(start) in there or _default_has_rows(connection, start, end):
            continue
        connection.exec_driver_sql(
            _MAKE.format(name=name_of(start), parent=AUDIT_TABLE, start=start, end=end)
        )
        for statement in guarding(name_of(start)):
            connection.exec_driver_sql(statement)
        made.append(name_of(start))
    return made


def guarding(partition: str) -> list[str]:
    """What gives a partition its guards, whether it has them already or not."""
    return [statement.format(name=partition, parent=AUDIT_TABLE) for statement in _GUARD]


def shortage(connection: Connection, today: date | None = None) -> str | None:
    """What is wrong when this month or the next has no partition; None when all is well."""
    if not is_partitioned(connection):
        return None
    there = {partition.name for partition in existing(connection)}
    lacking = [name_of(start) for start in _months(today, FEW + 1) if name_of(start) not in there]
    if not lacking:
        return None
    return f"partition {' and '.join(lacking)} is missing; run: mexc-plugin db partitions"


def name_of(month: date) -> str:
    """The name of a month's partition."""
    return f"{AUDIT_TABLE}_{month:%Y_%m}"


def _default_has_rows(connection: Connection, start: date, end: date) -> bool:
    table = sa.table(DEFAULT, sa.column("occurred_at", sa.DateTime()))
    when = table.c.occurred_at
    low, high = (datetime.combine(day, datetime.min.time()) for day in (start, end))
    query = sa.select(sa.literal(1)).select_from(table).where(when >= low, when < high).limit(1)
    return connection.scalar(query) is not None


def _months(today: date | None, count: int) -> list[date]:
    found = [(today or datetime.now(UTC).date()).replace(day=1)]
    while len(found) < count:
        found.append(_next(found[-1]))
    return found


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
