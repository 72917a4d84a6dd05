"""The ASGI application: what is where, and what becomes of errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import mexc_plugin.review
from mexc_plugin.errors import ConfigError, MexcPluginError
from mexc_plugin.review.exposition import Outside
from mexc_plugin.review.web import api, charts_page, login, monitoring, pages, sse
from mexc_plugin.review.web.access.gate import Gate
from mexc_plugin.review.web.data.feed import Crowded
from mexc_plugin.review.web.data.reading import Busy, Reader
from mexc_plugin.review.web.page_context import Shared, problem
from mexc_plugin.review.web.params import Nonsense

STATIC = Path(__file__).parent / "static"
PALETTE = Path(mexc_plugin.review.__file__).parent / "palette.css"


async def palette(_request: Request) -> Response:
    """The colours, which the report has, too."""
    return FileResponse(PALETTE, media_type="text/css")


ROUTES = (
    Route("/", pages.cancels),
    Route("/cancels/rows", pages.rows),
    Route("/cancels/{id:path}", pages.cancel),
    Route("/unresolved", pages.unresolved),
    Route("/charts", charts_page.page),
    Route("/charts/{name}.svg", charts_page.picture),
    Route("/api/cancels", api.cancels),
    Route("/api/cancels/{id:path}", api.cancel),
    Route("/api/unresolved", api.unresolved),
    Route("/api/stats", api.stats),
    Route("/events", sse.events),
    Route("/healthz", sse.health),
    Route("/metrics", monitoring.metrics),
    Route("/login", login.form, methods=["GET"]),
    Route("/login", login.enter, methods=["POST"]),
    Route("/logout", login.leave, methods=["POST"]),
    Route("/static/palette.css", palette),
    Mount("/static", StaticFiles(directory=STATIC)),
)


def application(
    reader: Reader, gate: Gate, measure_outside: Callable[[], Outside] | None = None
) -> Starlette:
    """The pages over one record. Belongs to one event loop, from its start to its end."""
    shared = Shared(reader, gate, measure_outside)

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        app.state.shared = shared
        polling = asyncio.create_task(shared.feed.poll())
        try:
            yield
        finally:
            polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polling
            reader.close()
            shared.artist.close()

    return Starlette(
        routes=ROUTES,
        exception_handlers={
            HTTPException: _as_page,
            MexcPluginError: _as_page,
            Nonsense: _as_page,
        },
        lifespan=life,
    )


async def _as_page(request: Request, error: Exception) -> Response:
    """An error as a page, or as JSON for programs: what is wrong and what to do."""
    if isinstance(error, HTTPException):
        return problem(request, HTTPStatus(error.status_code), error.detail)
    if isinstance(error, Nonsense | ConfigError):
        return problem(request, HTTPStatus.BAD_REQUEST, str(error))
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": "2"} if isinstance(error, Busy | Crowded) else None
    return problem(request, status, str(error), headers)
