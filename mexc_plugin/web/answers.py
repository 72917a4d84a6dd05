"""What pages and JSON both answer: the record asked for what a request means."""

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.web import listing, shared, story
from mexc_plugin.web.asked import Nonsense, Query
from mexc_plugin.web.listing import Listing
from mexc_plugin.web.story import Several, Story

if TYPE_CHECKING:
    from mexc_plugin.store.queries import Filters


async def listed(request: Request, query: Query) -> Listing:
    """Cancels, newest first. Raises Nonsense, ConfigError for a cursor, StoreError."""
    filters = meant(query)
    return await shared.of(request).reader.ask(
        lambda connection: listing.read(connection, filters, query.place)
    )


async def open_cancels(request: Request, query: Query) -> Listing:
    """Those without an outcome, oldest first, whatever outcome was asked for."""
    filters = replace(meant(query), outcomes=tuple(sorted(UNRESOLVED)))
    place = replace(query.place, oldest_first=True)
    return await shared.of(request).reader.ask(
        lambda connection: listing.read(connection, filters, place)
    )


async def told(request: Request, name: str) -> Story | Several:
    """One cancel, by any of its names."""
    return await shared.of(request).reader.ask(lambda connection: story.read(connection, name))


def meant(query: Query) -> "Filters":
    """The filters of a query. Raises Nonsense."""
    try:
        return query.asking.filters(shared.now())
    except ValueError as error:
        raise Nonsense(str(error)) from None
