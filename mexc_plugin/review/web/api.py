"""The same as JSON, for programs: rows and events as `audit list` and `audit show` print them."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from mexc_plugin.review.event_view import check_event
from mexc_plugin.review.figures import figures
from mexc_plugin.review.text import encode
from mexc_plugin.review.web import charts_page, params, record_queries
from mexc_plugin.review.web.data.cancel_story import Several
from mexc_plugin.review.web.data.pages_of_rows import Listing

Json = Mapping[str, object]


async def cancels(request: Request) -> Response:
    """`{"cancels": [row, …], "after": cursor or null, "before": cursor or null}`."""
    return _page(await record_queries.list_cancels(request, params.query(request)))


async def unresolved(request: Request) -> Response:
    """The same, of those without an outcome, oldest first."""
    return _page(await record_queries.open_cancels(request, params.query(request)))


async def cancel(request: Request) -> Response:
    """`{"cancel_id": …, "attempts": [row, …], "events": [event, …]}`."""
    name = request.path_params["id"]
    found = await record_queries.tell_story(request, name)
    if isinstance(found, Several):
        several = {"error": f"{name!r} stands for several cancels", "cancel_ids": found.ids}
        return _json(several, HTTPStatus.MULTIPLE_CHOICES)
    events = [check_event(step.row, found.findings) for step in found.steps]
    attempts = [dict(row) for row in found.attempts]
    return _json({"cancel_id": found.cancel_id, "attempts": attempts, "events": events})


async def stats(request: Request) -> Response:
    """The figures of the charts: `{"total": figures, "periods": [figures, …], …}`."""
    span, query = charts_page.asked_for(request)
    seen = await charts_page.count(request, span, query)
    groups = {"period": seen.periods, "bot": seen.bots, "symbol": seen.symbols}
    return _json(
        {"span": span, "counted_at": seen.at, "since": seen.since, "total": figures(seen.total)}
        | {
            f"{what}s": [{what: name} | figures(tally) for name, tally in group]
            for what, group in groups.items()
        }
        | {"reasons": [asdict(reason) for reason in seen.reasons]}
    )


def _page(found: Listing) -> Response:
    rows = [dict(row) for row in found.rows]
    return _json({"cancels": rows, "after": found.following, "before": found.previous})


def _json(value: Json, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encode(value), status, media_type="application/json")
