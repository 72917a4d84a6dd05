"""A page of attempts: its rows, what they come to, and where the pages beside it begin."""

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mexc_plugin.review.showing import Sum, summed
from mexc_plugin.store.read import page_token, queries

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mexc_plugin.store.read.queries import Filters, Row

PAGE = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Which page: the first, the one after a cursor, or the one before it."""

    after: str | None = None
    before: str | None = None
    limit: int = PAGE
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """rows: of `cancel_history`; following, previous: cursors to pages beside it, None at an end."""

    rows: "tuple[Row, ...]"
    following: str | None
    previous: str | None
    sum: Sum


def read(connection: "Connection", filters: "Filters", place: Place) -> Listing:
    """The page. Raises ConfigError for a cursor that is not of this record."""
    cursor = place.after or place.before
    position = page_token.found(connection, cursor) if cursor else None
    backwards = place.before is not None
    with closing(
        queries.history(
            connection,
            filters,
            place.limit + 1,
            after=position,
            oldest_first=place.oldest_first != backwards,
        )
    ) as found:
        rows = list(found)
    goes_on = len(rows) > place.limit
    del rows[place.limit :]
    if backwards:
        rows.reverse()
    follows, precedes = (True, goes_on) if backwards else (goes_on, position is not None)
    return Listing(
        rows=tuple(rows),
        following=page_token.written(rows[-1]) if rows and follows else None,
        previous=page_token.written(rows[0]) if rows and precedes else None,
        sum=summed(rows),
    )
