"""A page of attempts: its rows, what they come to, and where the pages beside it begin."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mexc_plugin.errors import ConfigError
from mexc_plugin.review.showing import Sum
from mexc_plugin.store.read import bounded, page_token, queries
from mexc_plugin.store.read.bounded import Total

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mexc_plugin.store.read.queries import Filters, Row

PAGE = 50
# The order that the record itself has; the others are of a bounded number of rows.
REQUESTED = "requested"
SORTS = (REQUESTED, *bounded.SORTED_BY)


@dataclass(frozen=True, slots=True)
class Sorting:
    """by: one of SORTS."""

    by: str = REQUESTED
    descending: bool = True

    @property
    def is_bounded(self) -> bool:
        """Whether it is the order of so many rows only."""
        return self.by != REQUESTED


NEWEST_FIRST, OLDEST_FIRST = Sorting(), Sorting(descending=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Which page: the first, the one after a cursor, or the one before it. order: None for the page's own."""

    after: str | None = None
    before: str | None = None
    limit: int = PAGE
    order: Sorting | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """rows: of `cancel_history`; following, previous: cursors to pages beside it, None at an end.

    total: how many match on all pages, None where it was not counted.
    """

    rows: "tuple[Row, ...]"
    following: str | None
    previous: str | None
    sum: Sum
    order: Sorting
    total: Total | None


def read(
    connection: "Connection",
    filters: "Filters",
    place: Place,
    order: Sorting = NEWEST_FIRST,
    *,
    counted: bool = False,
) -> Listing:
    """The page. order: where the place has none. Raises ConfigError for a cursor that is not of this record."""
    order = place.order or order
    found = (_read_ranked if order.is_bounded else _in_time)(connection, filters, place, order)
    rows, following, previous = found
    total = None
    if counted and (following or previous or order.is_bounded):
        total = bounded.total(connection, filters)
        total = replace(total, attempts=max(total.attempts, len(rows)))
    elif counted:
        total = Total(len(rows), whole=True)
    return Listing(tuple(rows), following, previous, Sum(rows), order, total)


_Page = tuple[list["Row"], str | None, str | None]


def _in_time(connection: "Connection", filters: "Filters", place: Place, order: Sorting) -> _Page:
    cursor = place.after or place.before
    position = page_token.locate(connection, cursor) if cursor else None
    backwards = place.before is not None
    with closing(
        queries.history(
            connection,
            filters,
            place.limit + 1,
            after=position,
            oldest_first=order.descending == backwards,
        )
    ) as found:
        rows = list(found)
    goes_on = len(rows) > place.limit
    del rows[place.limit :]
    if backwards:
        rows.reverse()
    follows, precedes = (True, goes_on) if backwards else (goes_on, position is not None)
    return (
        rows,
        page_token.write(rows[-1]) if rows and follows else None,
        page_token.write(rows[0]) if rows and precedes else None,
    )


def _read_ranked(
    connection: "Connection", filters: "Filters", place: Place, order: Sorting
) -> _Page:
    """Here a cursor is how many rows there are before the page, or before its end."""
    skip = _number(place.after or place.before or "0")
    if place.before is not None:
        skip = max(0, skip - place.limit)
    with closing(
        bounded.read_ranked(
            connection,
            filters,
            order.by,
            descending=order.descending,
            limit=place.limit + 1,
            skip=skip,
        )
    ) as found:
        rows = list(found)
    end = str(skip + place.limit) if len(rows) > place.limit else None
    return rows[: place.limit], end, str(skip) if skip else None


def _number(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or int(cursor[:9]) > bounded.MOST:
        raise ConfigError("this is no cursor of a list that is sorted so; begin at its first page")
    return int(cursor)
