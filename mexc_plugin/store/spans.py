"""Parts of time, and the attempts that do not lie within one: for `scanning`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from mexc_plugin.store import schema
from mexc_plugin.store.dialects import DAY, clock_text
from mexc_plugin.store.filters import Filters

Columns = ReadOnlyColumnCollection[str, Any]

BATCH = 500
MARGIN = timedelta(seconds=30)
DAY_LONG = timedelta(days=1)
HOUR_LONG = timedelta(hours=1)

audit = schema.cancel_audit.c
_REQUEST = schema.cancel_audit.alias("request")
_ANSWER = schema.cancel_audit.alias("answer")
_ATTEMPT = sa.and_(
    _ANSWER.c.cancel_id == _REQUEST.c.cancel_id,
    _ANSWER.c.attempt == _REQUEST.c.attempt,
    _ANSWER.c.kind == "response",
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A day, or what the filters want of it: start <= occurred_at < end."""

    start: datetime
    end: datetime

    def holds(self, column: ColumnElement[datetime]) -> ColumnElement[bool]:
        return sa.and_(column >= self.start, column < self.end)


def slices(connection: Connection, kind: str, filters: Filters) -> Iterator[Slice]:
    """The days that have such events: small enough to sort in memory, never an empty one."""
    moment = _next(connection, kind, filters.since)
    while moment is not None and (filters.until is None or moment < filters.until):
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        end = day + DAY_LONG
        yield Slice(max(day, filters.since or day), min(end, filters.until or end))
        moment = _next(connection, kind, end)


def _next(connection: Connection, kind: str, moment: datetime | None) -> datetime | None:
    query = sa.select(sa.func.min(audit.occurred_at)).where(audit.kind == kind)
    if moment is not None:
        query = query.where(audit.occurred_at >= moment)
    found: datetime | None = connection.scalar(query)
    return found


def requests(
    connection: Connection, filters: Filters, part: Slice, clock: int
) -> list[tuple[str, int]]:
    """How many requests each period of a slice has."""
    conditions = (*asked(filters), part.holds(audit.occurred_at))
    if clock == DAY:
        number = connection.scalar(sa.select(sa.func.count()).where(*conditions)) or 0
        return [(str(part.start.date()), number)]
    text = clock_text(audit.occurred_at, clock)
    query = sa.select(text, sa.func.count()).where(*conditions).group_by(text)
    return [(str(key), int(number)) for key, number in connection.execute(query)]


def period(clock: str) -> Slice:
    """The day or hour that a clock text of that length names."""
    if len(clock) == DAY:
        start = datetime.combine(datetime.fromisoformat(clock), time())
        return Slice(start, start + DAY_LONG)
    start = datetime.fromisoformat(f"{clock}:00:00")
    return Slice(start, start + HOUR_LONG)


def irregular(connection: Connection) -> Iterator[str]:
    """Cancels of attempts with not exactly one request, one answer and nothing else.

    One walk along the index over cancel_id, attempt and kind.
    """
    weight = sa.case(
        (audit.kind == "request", 1), (audit.kind == "response", 1_000), else_=1_000_000
    )
    query = (
        sa.select(audit.cancel_id)
        .where(audit.cancel_id.is_not(None))
        .group_by(audit.cancel_id, audit.attempt)
        .having(sa.func.sum(weight) != 1_001)
    )
    yield from connection.scalars(query)


def reconciled(connection: Connection) -> Iterator[str]:
    """Cancels that the venue was asked about later."""
    query = sa.select(audit.cancel_id).where(audit.kind == "reconciliation")
    yield from connection.scalars(query.where(audit.cancel_id.is_not(None)))


def across(connection: Connection, border: datetime) -> Iterator[str]:
    """Cancels asked for near a border and answered beyond it, in whichever direction."""
    asked, answered = _REQUEST.c.occurred_at, _ANSWER.c.occurred_at
    near = (_REQUEST.c.kind == "request", asked >= border - MARGIN, asked < border + MARGIN)
    forth = sa.and_(asked < border, answered >= border)
    back = sa.and_(asked >= border, answered < border)
    query = sa.select(_REQUEST.c.cancel_id).join(_ANSWER, _ATTEMPT)
    query = query.where(*near, sa.or_(forth, back))
    yield from connection.scalars(query)


def cancels_within(connection: Connection, part: Slice) -> Iterator[str]:
    """Whatever was asked or answered in that time."""
    query = sa.select(audit.cancel_id).where(
        audit.kind.in_(("request", "response")),
        audit.cancel_id.is_not(None),
        part.holds(audit.occurred_at),
    )
    yield from connection.scalars(query)


def asked(filters: Filters, columns: Columns = audit) -> list[ColumnElement[bool]]:
    """Requests that the filters want, as far as a request says."""
    return [
        columns.kind == "request",
        *of_whom(filters, columns),
        *within(columns.occurred_at, filters),
    ]


def batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many at a time as an IN takes everywhere."""
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def of_whom(filters: Filters, columns: Columns = audit) -> list[ColumnElement[bool]]:
    """What a request and its answer say alike."""
    found: list[ColumnElement[bool]] = []
    if filters.symbols:
        native = columns.native_symbol.in_(filters.symbols)
        found.append(sa.or_(columns.symbol.in_(filters.symbols), native))
    if filters.accounts:
        found.append(columns.account.in_(filters.accounts))
    if filters.bots:
        found.append(columns.bot.in_(filters.bots))
    return found


def within(column: ColumnElement[datetime], filters: Filters) -> list[ColumnElement[bool]]:
    found = []
    if filters.since is not None:
        found.append(column >= filters.since)
    if filters.until is not None:
        found.append(column < filters.until)
    return found
