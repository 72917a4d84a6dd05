"""The pages: cancels, one cancel, and those that are unresolved."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mexc_plugin.errors import ConfigError
from mexc_plugin.review import query_string, times
from mexc_plugin.review.query_string import OUTCOMES, Asking
from mexc_plugin.review.web import context, params
from mexc_plugin.review.web.data import answers
from mexc_plugin.review.web.data.cancel_story import Several
from mexc_plugin.review.web.data.pages_of_rows import Listing
from mexc_plugin.review.web.params import Nonsense, Query

# Whoever watches the same rows asks for them within this time, and gets the same answer.
TOGETHER_S = 0.4


async def cancels(request: Request) -> Response:
    """Cancels, newest first; the first page is live."""
    try:
        query = params.query(request)
        # Before the rows: what comes in between is then asked for once more, and not missed.
        version = await context.of(request).feed.version()
        found = await answers.listed(request, query)
    except (Nonsense, ConfigError) as error:
        return context.page(
            request,
            "cancels.html",
            HTTPStatus.BAD_REQUEST,
            asking=_as_written(request),
            outcomes=OUTCOMES,
            live=False,
            wrong=str(error),
        )
    return context.page(
        request,
        "cancels.html",
        outcomes=OUTCOMES,
        wrong=None,
        live=query.is_first,
        version=version,
        **_rows(query, found),
    )


async def rows(request: Request) -> Response:
    """The rows of a page alone, for one that heard of something new."""
    query = params.query(request)
    found = await context.of(request).kept.get(
        ("rows", query), TOGETHER_S, lambda: answers.listed(request, query)
    )
    return context.page(request, "rows.html", **_rows(query, found) | {"path": "/"})


async def unresolved(request: Request) -> Response:
    """What nobody knows the outcome of, the longest waiting first."""
    query = params.query(request)
    found = await answers.open_cancels(request, query)
    own = {
        "caption": "Unresolved cancels, the longest waiting first",
        "nothing": "Every cancel on record has an outcome.",
        "turning": ("Older", "Newer"),
    }
    return context.page(request, "unresolved.html", **_rows(query, found) | own)


async def cancel(request: Request) -> Response:
    """One cancel, by its id or its order's; several to choose from where a name has several."""
    name = request.path_params["id"]
    found = await answers.told(request, name)
    if not isinstance(found, Several):
        return context.page(request, "cancel.html", story=found)
    if not found.ids:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"no cancel {name!r} is on record")
    return context.page(request, "choice.html", wanted=name, found=found.ids, more=found.more)


def _rows(query: Query, found: Listing) -> dict[str, Any]:
    wanted = query.asking.filters(datetime.now(UTC).replace(tzinfo=None))
    return {
        "asking": query.asking,
        "window": times.window(wanted.since, wanted.until),
        "listing": found,
        "paged": not query.is_first,
        "caption": "Cancels, newest first",
        "nothing": "No cancel is on record yet. What a bot cancels from now on appears here.",
        "turning": ("Newer", "Older"),
    }


def _as_written(request: Request) -> Asking:
    """What can be kept of a query that is nonsense, so that it can be mended in the form."""
    given = ((name, request.query_params.get(name)) for name in query_string.NAMES)
    return Asking(
        tuple((name, value[: query_string.LONGEST_VALUE]) for name, value in given if value)
    )
