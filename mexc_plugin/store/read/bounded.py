"""How many attempts match, and the same in another order, at a cost that does not grow with the record.

Where an index carries the filters, so many attempts that match are looked at. Where none does, it is so
many of the newest, whether they match or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import Rows, stream
from mexc_plugin.store.read.filters import Filters, conditions, select_wanted
from mexc_plugin.store.read.history import page_query
from mexc_plugin.store.read.ordering import Direction
from mexc_plugin.store.schema.tables import cancel_history

MOST = 10_000
LOOKED_AT = 100_000
# What attempts can be sorted by, and the column that says it.
SORTED_BY: Mapping[str, str] = {
    "outcome": "final_outcome",
    "symbol": "symbol",
    "bot": "bot",
    "latency": "latency_us",
    "code": "venue_code",
}

_WITH_AN_INDEX = frozenset({"symbols", "accounts", "bots", "outcomes"})
_OF_FEW = frozenset({"order_ids", "client_order_ids"})


@dataclass(frozen=True, slots=True)
class Total:
    """attempts: how many match, MOST at most; whole: those are all, else there may be more."""

    attempts: int
    whole: bool


def total(connection: Connection, filters: Filters) -> Total:
    """How many attempts the filters want."""
    reached = _within_reach(connection, filters)
    some = select_wanted(reached).with_only_columns(sa.literal(1).label("one")).limit(MOST + 1)
    found = connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0
    return Total(min(found, MOST), whole=found <= MOST and reached == filters)


def read_ranked(
    connection: Connection, filters: Filters, by: str, *, descending: bool, limit: int, skip: int
) -> Rows:
    """The newest MOST of the wanted rows of `cancel_history`, sorted by one of SORTED_BY.

    What has no value comes last, and equals are newest first.
    """
    direction = Direction(newest_first=True)
    newest = page_query(_within_reach(connection, filters), MOST, direction).subquery()
    column = newest.c[SORTED_BY[by]]
    query = (
        sa.select(newest)
        .order_by(
            sa.case((column.is_(None), 1), else_=0),
            column.desc() if descending else column.asc(),
            *direction.order_by(newest.c),
        )
        .limit(limit)
        .offset(skip)
    )
    yield from stream(connection, query)


def _within_reach(connection: Connection, filters: Filters) -> Filters:
    """The same filters; beginning with the newest LOOKED_AT attempts where no index carries them."""
    asked = {each.name for each in fields(filters) if getattr(filters, each.name) not in (None, ())}
    asked -= {"since", "until"}
    if asked & _OF_FEW or (len(asked) <= 1 and asked <= _WITH_AN_INDEX):
        return filters
    at = cancel_history.c.requested_at
    at_all = Filters(since=filters.since, until=filters.until)
    query = sa.select(at).where(*conditions(at_all)).order_by(at.desc())
    beyond = connection.scalar(query.limit(1).offset(LOOKED_AT))
    if beyond is None:
        return filters
    return replace(filters, since=beyond + timedelta(microseconds=1))
