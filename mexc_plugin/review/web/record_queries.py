"""What pages and JSON both answer: the record asked for what a request means."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.review.web import page_context
from mexc_plugin.review.web.data import cancel_story, pages_of_rows
from mexc_plugin.review.web.data.cancel_story import Several, Story
from mexc_plugin.review.web.data.pages_of_rows import OLDEST_FIRST, Listing
from mexc_plugin.review.web.params import Nonsense, Query

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters


async def list_cancels(request: Request, query: Query, *, counted: bool = False) -> Listing:
    """Cancels, newest first unless asked otherwise. Raises Nonsense, ConfigError for a cursor, StoreError."""
    filters = read_filters(query)
    return await page_context.of(request).reader.ask(
        lambda connection: pages_of_rows.read(connection, filters, query.place, counted=counted)
    )


async def open_cancels(request: Request, query: Query, *, counted: bool = False) -> Listing:
    """Those without an outcome, whatever outcome was asked for; oldest first unless asked otherwise."""
    filters = replace(read_filters(query), outcomes=tuple(sorted(UNRESOLVED)))
    return await page_context.of(request).reader.ask(
        lambda connection: pages_of_rows.read(
            connection, filters, query.place, OLDEST_FIRST, counted=counted
        )
    )


async def tell_story(request: Request, name: str) -> Story | Several:
    """One cancel, by any of its names. Raises HTTPException where there is none."""
    found = await page_context.of(request).reader.ask(
        lambda connection: cancel_story.read(connection, name)
    )
    if isinstance(found, Several) and not found.ids:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"no cancel {name!r} is on record")
    return found


def read_filters(query: Query) -> "Filters":
    """The filters of a query. Raises Nonsense."""
    try:
        return query.asking.filters(naive_utc.now())
    except ValueError as error:
        raise Nonsense(str(error)) from None
