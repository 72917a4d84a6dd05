"""Partitions by day, week or month on PostgreSQL: which there are, and making those of the time to come.

`cancel_audit_default` takes what no partition takes, so that no event is ever refused for want of one. Rows stay
where they are: a period that the default has rows of gets no partition. Periods are UTC's; weeks begin on Monday.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import ConfigError, StoreError
from mexc_plugin.store.schema import migration_locks
from mexc_plugin.store.schema.tables import AUDIT_TABLE

DEFAULT = f"{AUDIT_TABLE}_default"
# By period: how many months after this one have partitions, unless somebody says otherwise.
AHEAD = {"day": 1, "week": 3, "month": 12}
# A query that no time narrows down locks each partition and its indexes, and a server's table of locks is small.
MOST = 400
# With less than this ahead, `db check` asks for more.
SOON = timedelta(days=14)
LOCK_SECONDS = 5

_IS_PARTITIONED = f"SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('{AUDIT_TABLE}')"  # noqa: S608 - a constant
_PARTITIONS = f"""
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.reltuples::bigint
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('{AUDIT_TABLE}')
    ORDER BY c.relname"""  # noqa: S608 - a constant
# Attached, and not made as a partition: that would keep bots from writing while it waits for who reads.
_MAKE = (
    "CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)",
    "ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')",
)
# A trigger on rows is cloned from the parent, one on TRUNCATE is not; neither is sure to fire always.
_GUARD = (
    "DROP TRIGGER IF EXISTS {parent}_no_truncate ON {name}",
    """CREATE TRIGGER {parent}_no_truncate BEFORE TRUNCATE ON {name}
       FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
    "ALTER TABLE {name} ENABLE ALWAYS TRIGGER {parent}_no_truncate",
    "ALTER TABLE {name} ENABLE ALWAYS TRIGGER {parent}_no_change",
)
_ENDS = {"MINVALUE": datetime(1, 1, 1), "MAXVALUE": datetime(9999, 12, 31)}  # noqa: DTZ001 - UTC throughout
_NAMES = {"month": r"\d{4}_\d\d", "week": r"\d{4}_w\d\d", "day": r"\d{4}_\d\d_\d\d"}


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as PostgreSQL describes it. rows: its last estimate, -1 where it made none."""

    name: str
    bounds: str
    rows: int

    @property
    def start(self) -> datetime | None:
        """When its time begins; None for the default."""
        return self._read_bound("FROM")

    @property
    def end(self) -> datetime | None:
        """When its time is over, not included; None for the default."""
        return self._read_bound("TO")

    @property
    def period(self) -> str | None:
        """Whether it is a day's, a week's or a month's, by its name; None for any other."""
        names = (
            name for name, end in _NAMES.items() if re.fullmatch(f"{AUDIT_TABLE}_{end}", self.name)
        )
        return next(names, None)

    def _read_bound(self, word: str) -> datetime | None:
        found = re.search(rf"{word} \('?([^')]+)'?\)", self.bounds)
        if found is None:
            return None
        return _ENDS.get(found[1]) or datetime.fromisoformat(found[1])


@dataclass(frozen=True, slots=True)
class Span:
    """From a time to another one, not included, of which no partition is; a day, week or month, or the rest of one."""

    start: datetime
    end: datetime
    period: str

    @property
    def name(self) -> str:
        """The name of its partition. A part of a period is named by both ends, so that no two have one name."""
        if period_of(self.start.date(), self.period) == (self.start, self.end):
            return name_of(self.start.date(), self.period)
        return f"{AUDIT_TABLE}_{self.start:%Y_%m_%d}_to_{self.end:%Y_%m_%d}"


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


def make_ahead(
    connection: Connection,
    months: int | None = None,
    by: str | None = None,
    today: date | None = None,
) -> list[str]:
    """Make those that are missing from today to the end of so many months after this one; return their names.

    by: "day", "week" or "month"; partitions of another period that begin later and are empty are made anew. Without
    it the newest one's period goes on. In the caller's transaction; only the owner may. Raises StoreError, and
    ConfigError where these are too many.
    """
    existing(connection)  # before the lock, which only PostgreSQL knows
    migration_locks.lock_on_postgresql(connection, LOCK_SECONDS)
    there = existing(connection)
    today = today or datetime.now(UTC).date()
    others = [] if by is None else list(_empty_others(connection, there, by, today))
    kept = [partition for partition in there if partition not in others]
    period = by or _newest_period(there)
    end = _midnight(today)
    for _ in range((AHEAD[period] if months is None else months) + 1):
        end = period_of(end.date(), "month")[1]
    wanted = list(_missing(connection, kept, period, today, end))
    if len(kept) + len(wanted) > MOST:
        raise ConfigError(
            f"that would be {len(kept) + len(wanted)} partitions, and {MOST} is the most; make fewer ahead, "
            "longer ones, or put away old ones with: mexc-plugin audit archive"
        )
    names = {span.name for span in wanted}
    for partition in others:
        if partition.name not in names:
            connection.exec_driver_sql(f"DROP TABLE {partition.name}")
    spans = [span for span in wanted if span.name not in {partition.name for partition in others}]
    for span in spans:
        for statement in (*_MAKE, *_GUARD):
            connection.exec_driver_sql(
                statement.format(name=span.name, parent=AUDIT_TABLE, start=span.start, end=span.end)
            )
    return [span.name for span in spans]


def guarding(partition: str) -> list[str]:
    """What gives a partition its guards, whether it has them already or not."""
    return [statement.format(name=partition, parent=AUDIT_TABLE) for statement in _GUARD]


def shortage(connection: Connection, today: date | None = None) -> str | None:
    """What is wrong when partitions run out soon, or have run out; None when all is well."""
    if not is_partitioned(connection):
        return None
    there = existing(connection)
    today = today or datetime.now(UTC).date()
    spans = _missing(connection, there, _newest_period(there), today, _midnight(today) + SOON)
    span = next(spans, None)
    if span is None:
        return None
    return f"no partition takes events of {span.start:%Y-%m-%d}; run: mexc-plugin db partitions"


def name_of(day: date, period: str = "month") -> str:
    """The name of the partition of the period in which that day is; of a week by ISO 8601."""
    if period == "week":
        year, week, _ = day.isocalendar()
        return f"{AUDIT_TABLE}_{year}_w{week:02}"
    return f"{AUDIT_TABLE}_{day:{'%Y_%m_%d' if period == 'day' else '%Y_%m'}}"


def period_of(day: date, period: str) -> tuple[datetime, datetime]:
    """When the period in which that day is begins, and when it is over."""
    if period == "month":
        first = day.replace(day=1)
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    elif period == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first, after = day, day + timedelta(days=1)
    return _midnight(first), _midnight(after)


def _missing(
    connection: Connection, there: Sequence[Partition], period: str, today: date, end: datetime
) -> Iterator[Span]:
    """What no partition takes until that time, but for what the default has rows of.

    From the beginning of today's period; from today, where that has partitions already.
    """
    taken = sorted((p.start, p.end) for p in there if p.start is not None and p.end is not None)
    at, now = period_of(today, period)[0], _midnight(today)
    if any(first <= now and last > at for first, last in taken):
        at = now
    while at < end:
        over = next((last for first, last in taken if first <= at < last), None)
        if over is not None:
            at = over
            continue
        starts = (first for first, _ in taken if first > at)
        span = Span(
            at, min(period_of(at.date(), period)[1], next(starts, _ENDS["MAXVALUE"])), period
        )
        if not _has_rows(connection, span):
            yield span
        at = span.end


def _has_rows(connection: Connection, span: Span) -> bool:
    """Only the default can have them; whoever may read the record may ask."""
    table = sa.table(AUDIT_TABLE, sa.column("occurred_at", sa.DateTime()))
    when = table.c.occurred_at
    query = sa.select(sa.literal(1)).select_from(table)
    return connection.scalar(query.where(when >= span.start, when < span.end).limit(1)) is not None


def _empty_others(
    connection: Connection, there: Sequence[Partition], by: str, today: date
) -> Iterator[Partition]:
    """Those of ours that begin after today, are of another period, and are empty."""
    for partition in there:
        is_ours = partition.period is not None or "_to_" in partition.name
        if not is_ours or partition.period == by:
            continue
        if partition.start is not None and partition.start > _midnight(today):
            connection.exec_driver_sql(f"LOCK TABLE {partition.name} IN ACCESS EXCLUSIVE MODE")
            query = f"SELECT 1 FROM {partition.name} LIMIT 1"  # noqa: S608 - a name of ours
            if connection.exec_driver_sql(query).first() is None:
                yield partition


def _newest_period(there: Sequence[Partition]) -> str:
    found = [(p.start, p.period) for p in there if p.start is not None and p.period is not None]
    return max(found)[1] if found else "month"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
