"""What a reviewer wants to be told without asking: reasons, bursts, repetitions, the slowest, the open.

Like `statistics`, of the attempts that the filters want, and from indexes wherever there are many.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.store import queries, schema, spans, statistics
from mexc_plugin.store.dialects import SECOND, clock_text
from mexc_plugin.store.filters import Filters, wanted
from mexc_plugin.store.rows import Row, Rows
from mexc_plugin.store.spans import batches
from mexc_plugin.store.statistics import Groups

# So many of equal latency are put in order, not more.
MOST_EQUALS = 1_000
# Up to which age, in words and in time; what is older has no upper end.
AGES = (
    ("under a minute", timedelta(minutes=1)),
    ("under an hour", timedelta(hours=1)),
    ("under a day", timedelta(days=1)),
    ("a day or more", None),
)

audit = schema.cancel_audit.c
view = schema.cancel_history.c


@dataclass(frozen=True, slots=True)
class Reason:
    """Why attempts were not acknowledged; outcome: as answered, before any reconciliation."""

    outcome: str
    code: str | None
    message: str | None
    error_type: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """An order that several cancels asked for, by the id that they used."""

    order: str
    cancels: int


@dataclass(frozen=True, slots=True)
class Repetitions:
    """orders: how many there are; most: those with the most cancels."""

    orders: int
    most: tuple[Repeated, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Unresolved attempts. oldest: asked at, naive UTC; ages: how many of which age."""

    attempts: int
    oldest: datetime | None
    ages: dict[str, int]


def reasons(groups: Groups) -> list[Reason]:
    """From the groups of `statistics.REASONS`, the most frequent first."""
    found = [
        Reason(outcome, code, message, error_type, tally.attempts)
        for (outcome, code, message, error_type), tally in groups.items()
    ]
    return sorted(found, key=lambda r: (-r.attempts, r.outcome, r.code or "", r.message or ""))


def bursts(connection: Connection, filters: Filters, most: int) -> list[tuple[str, int]]:
    """The seconds (UTC) in which most was asked for, and how much; the first of equals first."""
    number = sa.func.count()
    if _names_answers(filters):
        second = clock_text(view.requested_at, SECOND)
        query = wanted(filters).with_only_columns(second, number).group_by(second)
        return _largest(((str(s), int(n)) for s, n in connection.execute(query)), most)
    found: list[tuple[str, int]] = []
    second = clock_text(audit.occurred_at, SECOND)
    for part in spans.slices(connection, "request", filters):
        query = (
            sa.select(second, number)
            .where(*spans.asked(filters), part.holds(audit.occurred_at))
            .group_by(second)
            .order_by(number.desc(), second)
            .limit(most)
        )
        found += [(str(s), int(n)) for s, n in connection.execute(query)]
        found = _largest(found, most)
    return found


def repetitions(connection: Connection, filters: Filters, most: int) -> Repetitions:
    """Orders that more than one cancel asked for, each cancel counted once however often it was sent.

    By the order's id, else by its client order id, as the request names it.
    """
    request = schema.cancel_audit.alias("request")
    order = sa.func.coalesce(request.c.order_id, request.c.client_order_id)
    number = sa.func.count(request.c.cancel_id.distinct())
    query = sa.select(order, number).where(request.c.kind == "request", order.is_not(None))
    query = query.group_by(order).having(number > 1)
    if _names_answers(filters) or statistics.are_few(connection, filters):
        cancels = wanted(filters).with_only_columns(view.cancel_id).distinct().subquery()
        query = query.join(cancels, cancels.c.cancel_id == request.c.cancel_id)
        found = {str(order): int(count) for order, count in connection.execute(query)}
    else:
        query = query.where(*spans.asked(filters, request.c))
        found = {}
        for name, batch in _candidates(connection):
            column = request.c[name]
            alone = [] if name == "order_id" else [request.c.order_id.is_(None)]
            rows = connection.execute(query.where(column.in_(batch), *alone))
            found |= {str(order): int(count) for order, count in rows}
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return Repetitions(len(ranked), tuple(Repeated(*item) for item in ranked[:most]))


def slowest(connection: Connection, filters: Filters, most: int) -> list[Row]:
    """Rows of `cancel_history` with the longest latencies, the longest first."""
    query = wanted(filters).where(view.latency_us.is_not(None))
    query = query.order_by(view.latency_us.desc(), view.cancel_id, view.attempt).limit(most)
    if not _names_answers(filters) and not statistics.are_few(connection, filters):
        least = _latency_of_rank(connection, filters, most)
        ids = sa.select(audit.cancel_id).where(
            audit.kind == "response", audit.latency_us >= least, *spans.of_whom(filters)
        )
        ids = ids.order_by(audit.latency_us.desc()).limit(most + MOST_EQUALS)
        query = query.where(view.cancel_id.in_(list(connection.scalars(ids))))
    return list(queries.stream(connection, query))


def unresolved(connection: Connection, filters: Filters, now: datetime) -> Open:
    """How many attempts nobody knows the end of, and since when. now: naive UTC."""
    counted: Counter[str] = Counter()
    oldest = None
    for row in still_open(connection, filters):
        counted[_age(now - row["requested_at"])] += 1
        oldest = row["requested_at"]
    ages = {name: counted[name] for name, _ in AGES if counted[name]}
    return Open(counted.total(), oldest, ages)


def still_open(connection: Connection, filters: Filters) -> Rows:
    """The rows of unresolved attempts, newest first."""
    outcomes = [o.value for o in UNRESOLVED if not filters.outcomes or o in filters.outcomes]
    if outcomes:
        yield from queries.history(connection, replace(filters, outcomes=tuple(sorted(outcomes))))


def _names_answers(filters: Filters) -> bool:
    """Whether a request alone does not say if it is wanted."""
    ids = filters.order_ids or filters.client_order_ids
    return bool(filters.outcomes or ids or filters.latency_over_us is not None)


def _latency_of_rank(connection: Connection, filters: Filters, rank: int) -> int:
    """A latency that at least so many wanted attempts have reached, 0 where there are not as many.

    Looked for between a margin after `since` and one before `until`, where answer and request are
    surely both wanted; whatever is outside of that can only raise the number.
    """
    inner = replace(
        filters,
        since=filters.since and filters.since + spans.DAY_LONG,
        until=filters.until and filters.until - spans.DAY_LONG,
    )
    query = (
        sa.select(audit.latency_us)
        .where(audit.kind == "response", audit.latency_us.is_not(None), *spans.of_whom(filters))
        .where(*spans.within(audit.occurred_at, inner))
        .order_by(audit.latency_us.desc())
        .offset(rank - 1)
        .limit(1)
    )
    return connection.scalar(query) or 0


def _candidates(connection: Connection) -> Iterator[tuple[str, Sequence[str]]]:
    """Ids of orders that may have been asked for twice, from indexes alone: a superset, in batches.

    A cancel that was answered has two events with the order's id; one that was not is irregular.
    """
    for name in ("order_id", "client_order_id"):
        column = audit[name]
        query = sa.select(column).where(column.is_not(None)).group_by(column)
        ids = list(connection.scalars(query.having(sa.func.count() > 2)))
        yield from ((name, batch) for batch in batches(ids))
    for batch in batches(sorted(set(spans.irregular(connection)))):
        for name in ("order_id", "client_order_id"):
            query = sa.select(audit[name]).where(audit.cancel_id.in_(batch)).distinct()
            found = query.where(audit[name].is_not(None))
            yield name, list(connection.scalars(found))


def _age(age: timedelta) -> str:
    return next(name for name, end in AGES if end is None or age < end)


def _largest(counted: Iterable[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    return sorted(counted, key=lambda item: (-item[1], item[0]))[:most]
