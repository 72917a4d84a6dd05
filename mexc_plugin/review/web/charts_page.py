"""The charts page: figures at once, pictures when they are drawn, both kept for a while."""

from functools import cache
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mexc_plugin.audit import naive_utc
from mexc_plugin.review.figures import figures
from mexc_plugin.review.web import charting, page_context, params, ranges, record_queries
from mexc_plugin.review.web.charting import PICTURES, WIDTHS, Counted
from mexc_plugin.review.web.params import Query
from mexc_plugin.review.web.ranges import DEFAULT, SPANS, bounds

DRAWN_S = 30
# Everything of ten million events may be counted for so long, once.
COUNTING_S = 300.0
# A picture is a document of its own, with the colours inside.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


async def page(request: Request) -> Response:
    """Figures of a span, in tables whose numbers lead to the cancels, and pictures of them."""
    span, query = asked_for(request)
    seen = await count(request, span, query)
    return page_context.page(
        request,
        "charts.html",
        asking=query.asking,
        span=span,
        spans=SPANS,
        seen=seen,
        reaching=ranges.reaching(seen.newest["requested_at"], seen.at) if seen.newest else None,
        figures=figures,
        bounds=bounds,
        pictures=PICTURES if seen.total.attempts else {},
        picture_query=urlencode([("span", span), *query.asking.pairs]),
        words=_words(query, seen),
    )


async def picture(request: Request) -> Response:
    """One chart, for a wide or a narrow window."""
    name = request.path_params["name"]
    if name not in PICTURES:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"no chart is called {name!r}")
    width = params.one_of(request, "width", WIDTHS, "wide")
    span, query = asked_for(request)
    common = page_context.of(request)

    async def drawn() -> str:
        seen = await count(request, span, query)
        return await common.artist.call(_draw, name, seen, WIDTHS[width])

    kept_s = max(DRAWN_S, SPANS[span].kept_s)
    svg = await common.kept.get(("picture", name, width, span, query.asking), kept_s, drawn)
    headers = {"Content-Security-Policy": POLICY}
    return Response(svg, media_type="image/svg+xml", headers=headers)


async def count(request: Request, span: str, query: Query) -> Counted:
    """The figures of a span, for a while the same."""
    common, filters = page_context.of(request), record_queries.read_filters(query)
    return await common.kept.get(
        ("figures", span, query.asking),
        SPANS[span].kept_s,
        lambda: common.reader.ask(
            lambda connection: charting.read(connection, filters, SPANS[span], naive_utc.now()),
            COUNTING_S,
        ),
    )


def asked_for(request: Request) -> tuple[str, Query]:
    """Which span, and which filters. Raises Nonsense."""
    query = params.query(request, "span", "width")
    return params.one_of(request, "span", SPANS, DEFAULT), query


def _words(query: Query, seen: Counted) -> list[tuple[str, str]]:
    """The filters that lead to the cancels of the page, its beginning included."""
    others = [pair for pair in query.asking.pairs if pair[0] != "since"]
    since = [("since", seen.since.isoformat() + "Z")] if seen.since else []
    return [*others, *since]


def _draw(name: str, seen: Counted, width: int) -> str:
    svg = PICTURES[name].draw(seen, width)
    start = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:start]}<style>{_palette()}</style>{svg[start:]}"


@cache
def _palette() -> str:
    return files("mexc_plugin.review").joinpath("palette.css").read_text(encoding="utf-8")
