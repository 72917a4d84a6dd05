"""What every page needs: the record, the feed, the templates, and answers for what went wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from mexc_plugin.audit import naive_utc
from mexc_plugin.review.exposition import Outside
from mexc_plugin.review.web import rendering
from mexc_plugin.review.web.access.gate import Gate
from mexc_plugin.review.web.data.feed import Feed
from mexc_plugin.review.web.data.keeping import Kept
from mexc_plugin.review.web.data.reading import Reader
from mexc_plugin.review.web.data.threads import Threads
from mexc_plugin.store.connect.error_messages import name_of
from mexc_plugin.store.read.follow import heads

Headers = Mapping[str, str]

# What a browser may ask to have otherwise, each in a cookie that the page's script sets.
LOOKS: Mapping[str, tuple[str, ...]] = {"theme": ("light", "dark"), "rows": ("compact",)}


@dataclass(slots=True)
class Shared:
    """What the pages of one application have in common."""

    reader: Reader
    gate: Gate
    # Asked of those who write and ship: see `store.write.spool.backlog`, `shipping.lag`.
    measure_outside: Callable[[], Outside] | None = None
    feed: Feed = field(init=False)
    # The charting library is not meant for several threads.
    artist: Threads = field(default_factory=lambda: Threads(1, "mexc-plugin-charts"))
    kept: Kept = field(default_factory=Kept)
    database: str = field(init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(lambda: self.reader.ask(heads))
        self.database = name_of(self.reader.url)

    async def close(self) -> None:
        """Send everybody home: who watches, and who waits for figures or a chart."""
        self.kept.close()
        await self.feed.close()


def of(request: Request) -> Shared:
    """What the pages of the request's application share."""
    found: Shared = request.app.state.shared
    return found


def page(
    request: Request,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Headers | None = None,
    **values: Any,  # noqa: ANN401 - a template's
) -> Response:
    """A page from a template. Every value is escaped, and what is not to be seen is written out."""
    shared = of(request)
    common = {
        "path": request.url.path,
        "now": naive_utc.now(),
        "database": shared.database,
        "look": _look(request),
        "has_token": shared.gate.token is not None,
    }
    return HTMLResponse(rendering.render(template, common | values), status, headers)


def problem(
    request: Request, status: HTTPStatus, reason: str, headers: Headers | None = None
) -> Response:
    """What went wrong: a page for people, JSON for programs."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if request.url.path.startswith("/api/") or not wants_page:
        return JSONResponse({"error": reason}, status, headers)
    return page(request, "problem.html", status, headers, code=int(status), reason=reason)


def _look(request: Request) -> dict[str, str | None]:
    given = {name: request.cookies.get(f"mexc-plugin-{name}") for name in LOOKS}
    return {name: value if value in LOOKS[name] else None for name, value in given.items()}
