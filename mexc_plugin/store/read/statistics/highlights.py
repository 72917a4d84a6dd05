"""What a reviewer wants to be told without asking: reasons, bursts, repetitions, the slowest, the open.

Like `statistics`, of the attempts that the filters want.
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.store.connect.expressions import SECOND, clock_text
from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.filters import Filters, select_wanted
from mexc_plugin.store.schema import tables

# Up to which age, in words and in time; what is older has no upper end.
AGES = (
    ("under a minute", timedelta(minutes=1)),
    ("under an hour", timedelta(hours=1)),
    ("under a day", timedelta(days=1)),
    ("a day or more", None),
)

kept = tables.cancel_history.c


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


def reasons(connection: Connection, filters: Filters) -> list[Reason]:
    """Why attempts were not acknowledged, the most frequent first."""
    names = kept.outcome, kept.venue_code, kept.venue_message, kept.error_type
    query = select_wanted(filters).with_only_columns(*names, sa.func.count())
    query = query.where(kept.outcome.in_(sorted(FAILED | {Outcome.UNKNOWN}))).group_by(*names)
    found = [Reason(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda r: (-r.attempts, r.outcome, r.code or "", r.message or ""))


def bursts(connection: Connection, filters: Filters, most: int) -> list[tuple[str, int]]:
    """The seconds (UTC) in which most was asked for, and how much; the first of equals first."""
    second, number = clock_text(kept.requested_at, SECOND), sa.func.count()
    query = select_wanted(filters).with_only_columns(second, number).group_by(second)
    query = query.order_by(number.desc(), second).limit(most)
    return [(str(second), int(number)) for second, number in connection.execute(query)]


def repetitions(connection: Connection, filters: Filters, most: int) -> Repetitions:
    """Orders that more than one cancel asked for, each cancel counted once however often it was sent.

    By the order's id, else by its client order id.
    """
    found: dict[str, int] = {}
    for name in ("order_id", "client_order_id"):
        number = sa.func.count(kept.cancel_id.distinct())
        query = select_wanted(filters).with_only_columns(kept[name], number)
        query = query.where(kept[name].in_(_named_twice(name)))
        if name != "order_id":
            query = query.where(kept.order_id.is_(None))
        query = query.group_by(kept[name]).having(number > 1)
        found |= {str(order): int(count) for order, count in connection.execute(query)}
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return Repetitions(len(ranked), tuple(Repeated(*item) for item in ranked[:most]))


def _named_twice(name: str) -> sa.Select[Any]:
    """The ids that more than one attempt has: an index alone says it."""
    column = tables.cancel_history.alias("named").c[name]
    query = sa.select(column).where(column.is_not(None)).group_by(column)
    return query.having(sa.func.count() > 1)


def slowest(connection: Connection, filters: Filters, most: int) -> list[Row]:
    """Rows of `cancel_history` with the longest latencies, the longest first."""
    query = select_wanted(filters).where(kept.latency_us.is_not(None))
    query = query.order_by(kept.latency_us.desc(), kept.cancel_id, kept.attempt).limit(most)
    return list(queries.stream(connection, query))


def count_unresolved(connection: Connection, filters: Filters, now: datetime) -> Open:
    """How many attempts nobody knows the end of, and since when. now: naive UTC."""
    counted: Counter[str] = Counter()
    oldest = None
    query = select_wanted(filters).with_only_columns(kept.requested_at)
    query = query.where(kept.final_outcome.in_(sorted(UNRESOLVED)))
    for row in queries.stream(connection, query.order_by(kept.requested_at.desc())):
        oldest = row["requested_at"]
        counted[_age(now - oldest)] += 1
    ages = {name: counted[name] for name, _ in AGES if counted[name]}
    return Open(counted.total(), oldest, ages)


def newest(connection: Connection, filters: Filters, outcomes: Set[str], most: int) -> list[Row]:
    """Rows of `cancel_history` that the filters want and that ended as one of the outcomes, newest first."""
    wanted = replace(filters, outcomes=tuple(sorted(outcomes & set(filters.outcomes or outcomes))))
    return list(queries.history(connection, wanted, most)) if wanted.outcomes else []


def _age(age: timedelta) -> str:
    return next(name for name, end in AGES if end is None or age < end)
