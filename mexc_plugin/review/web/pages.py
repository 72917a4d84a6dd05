"""The pages: cancels, one cancel, and those that are unresolved."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.errors import ConfigError
from mexc_plugin.review import query_string, times
from mexc_plugin.review.query_string import OUTCOME_GROUPS, Asking
from mexc_plugin.review.showing import KINDS, show_time
from mexc_plugin.review.summary import summarize
from mexc_plugin.review.web import headings, page_context, params, record_queries
from mexc_plugin.review.web.data.cancel_story import Several
from mexc_plugin.review.web.data.pages_of_rows import Listing
from mexc_plugin.review.web.params import Nonsense, Query
from mexc_plugin.store.read import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mexc_plugin.store.connect.rows import Row

# The outcomes that can be picked: groups first, then those of a kind beside each other.
_PICKS: dict[str, Any] = {
    "groups": OUTCOME_GROUPS,
    "outcomes": (*OUTCOME_GROUPS, *(o for kind in KINDS.values() for o in Outcome if o in kind)),
}
# Said once above the events of a cancel; native_symbol beside the symbol.
FACTS = (
    *("symbol", "native_symbol", "market_type", "order_id", "client_order_id", "bot"),
    *("account", "host", "side", "type", "price", "amount", "filled"),
)
# Whoever watches the same rows asks for them within this time, and gets the same answer.
TOGETHER_S = 0.4


async def cancels(request: Request) -> Response:
    """Cancels, newest first; the first page is live."""
    try:
        query = params.query(request)
        # Before the rows: what comes in between is then asked for once more, and not missed.
        version = await page_context.of(request).feed.version()
        found = await record_queries.list_cancels(request, query, counted=True)
    except (Nonsense, ConfigError) as error:
        return page_context.page(
            request,
            "cancels.html",
            HTTPStatus.BAD_REQUEST,
            asking=_as_written(request),
            live=False,
            wrong=str(error),
            sort=None,
            **_PICKS,
        )
    return page_context.page(
        request,
        "cancels.html",
        wrong=None,
        live=query.is_first,
        version=version,
        **_PICKS | _rows(query, found),
    )


async def rows(request: Request) -> Response:
    """The rows of a page alone, for one that heard of something new."""
    query = params.query(request)
    found = await page_context.of(request).kept.get(
        ("rows", query),
        TOGETHER_S,
        lambda: record_queries.list_cancels(request, query, counted=True),
    )
    return page_context.page(request, "rows.html", **_rows(query, found) | {"path": "/"})


async def unresolved(request: Request) -> Response:
    """What nobody knows the outcome of, the longest waiting first."""
    query = params.query(request)
    found = await record_queries.open_cancels(request, query, counted=True)
    own = {
        "caption": f"Unresolved cancels, {headings.words(found.order)}",
        "nothing": "Every cancel on record has an outcome.",
    }
    return page_context.page(request, "unresolved.html", **_rows(query, found) | own)


async def cancel(request: Request) -> Response:
    """One cancel, by its id or its order's; several to choose from where a name has several."""
    name = request.path_params["id"]
    found = await record_queries.tell_story(request, name)
    if not isinstance(found, Several):
        return page_context.page(
            request,
            "cancel.html",
            story=found,
            facts=_facts(found.attempts),
            told=summarize(found.attempts, lambda moment: f"{show_time(moment)} UTC"),
            back=_list_before(request),
        )
    return page_context.page(request, "choice.html", wanted=name, found=found.ids, more=found.more)


def _rows(query: Query, found: Listing) -> dict[str, Any]:
    wanted = query.asking.filters(naive_utc.now())
    return {
        "asking": query.asking,
        "sort": query.sort,
        "pairs": query.asking.pairs + ((("sort", query.sort),) if query.sort else ()),
        "window": times.window(wanted.since, wanted.until),
        "listing": found,
        "most": bounded.MOST,
        "sorted_of": _sorted_of(found),
        "headings": headings.headings(found.order),
        "paged": not query.is_first,
        "caption": f"Cancels, {headings.words(found.order)}",
        "nothing": "No cancel is on record yet. What a bot cancels from now on appears here.",
        "turning": headings.turning(found.order),
    }


def _sorted_of(found: Listing) -> str:
    """What a bounded order was made of, where that was not everything that matches."""
    if not found.order.is_bounded or found.total is None or found.total.whole:
        return ""
    if found.total.attempts == bounded.MOST:
        return f"the newest {bounded.MOST:,} of them"
    return f"those among the newest {bounded.LOOKED_AT:,}"


def _facts(attempts: "Sequence[Row]") -> dict[str, Any]:
    """What the attempts of a cancel have in common, as the newest that knows it has it."""
    known = {name: [row[name] for row in attempts if row[name] is not None] for name in FACTS}
    return {name: values[-1] for name, values in known.items() if values}


def _list_before(request: Request) -> str | None:
    """The list that led here, with its filters, None where nothing of ours did."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host") or came.path not in ("/", "/unresolved"):
        return None
    return f"{came.path}?{came.query}" if came.query else came.path


def _as_written(request: Request) -> Asking:
    """What can be kept of a query that is nonsense, so that it can be mended in the form."""
    given = ((name, request.query_params.get(name)) for name in query_string.NAMES)
    return Asking(
        tuple((name, value[: query_string.LONGEST_VALUE]) for name, value in given if value)
    )
