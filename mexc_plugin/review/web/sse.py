"""Server-sent events: the feed for browsers; and whether the server is well."""

from collections.abc import AsyncIterator
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mexc_plugin.errors import MexcPluginError
from mexc_plugin.review.text import encode
from mexc_plugin.review.web import page_context
from mexc_plugin.review.web.data.feed import Feed
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.follow import heads

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEALTH_S = 2.0
# Who looks after the server asks again soon.
PATIENCE_S = 5.0
RETRY_MS = 2_000


async def events(request: Request) -> Response:
    """`state` events: the record's version, and what is wrong with the database if anything is."""
    feed = page_context.of(request).feed
    feed.require_room()
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")
    return StreamingResponse(_stream(feed), media_type="text/event-stream")


async def health(request: Request) -> Response:
    """200 when the record can be read, 503 when not. It says nothing of what is in it."""
    common = page_context.of(request)
    try:
        await common.kept.get("health", HEALTH_S, lambda: common.reader.ask(_look, PATIENCE_S))
    except MexcPluginError:
        return JSONResponse({"status": "no record"}, HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"status": "ok"})


def _look(connection: "Connection") -> None:
    """Read what every page reads. A database may be current and its tables gone, closed, or broken."""
    heads(connection)
    with closing(queries.history(connection, Filters(), 1)) as rows:
        list(rows)


async def _stream(feed: Feed) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    async for state in feed.watch():
        if state is None:
            yield ": still there\n\n"
        else:
            said = encode({"version": state.version, "trouble": state.trouble})
            yield f"event: state\ndata: {said}\n\n"
