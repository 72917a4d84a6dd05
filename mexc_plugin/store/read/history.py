"""The attempts in the order of their requests, a page at a time, at a page's cost.

The order is total: requested_at, cancel_id, attempt. A page begins behind the last row of the page before
it, so that the hundredth costs what the first does. Every single filter has an index with the time behind it,
but for the latency, the venue's code and a text, for which the window is read.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from mexc_plugin.store.connect.rows import Rows, stream
from mexc_plugin.store.read.filters import Filters, alternatives, select_wanted
from mexc_plugin.store.read.ordering import Direction, Position
from mexc_plugin.store.schema import tables


def history(
    connection: Connection,
    filters: Filters,
    limit: int | None = None,
    *,
    after: Position | None = None,
    oldest_first: bool = False,
) -> Rows:
    """The rows of `cancel_history`, newest first, with its columns in its order.

    limit: the most rows; after: only what comes after that place in the order.
    """
    direction = Direction(newest_first=not oldest_first)
    yield from stream(connection, page_query(filters, limit, direction, after))


def page_query(
    filters: Filters, limit: int | None, direction: Direction, after: Position | None = None
) -> sa.Select[Any]:
    """The rows of a page, in their order."""

    def page(some: Filters, *more: ColumnElement[bool]) -> sa.Select[Any]:
        query = select_wanted(some).where(*more).order_by(*direction.order_by()).limit(limit)
        return query if after is None else query.where(direction.after(after))

    pages = [page(some, *more) for some, more in alternatives(filters)]
    if limit is None or len(pages) == 1:
        return page(filters)
    # Each alternative is in order in an index; all together they would have to be sorted.
    together = sa.union_all(*(sa.select(each.subquery()) for each in pages)).subquery()
    return sa.select(together).order_by(*direction.order_by(together.c)).limit(limit)


def history_query(filters: Filters, limit: int | None) -> sa.Select[Any]:
    """The wanted rows in one query, newest first, those of one microsecond in any order."""
    requested_at = tables.cancel_history.c.requested_at
    return select_wanted(filters).order_by(requested_at.desc()).limit(limit)
