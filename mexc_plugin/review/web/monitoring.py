"""`/metrics`: the state of the record for Prometheus. Like the rest, with the token where there is one."""

from starlette.requests import Request
from starlette.responses import Response

from mexc_plugin.audit import naive_utc
from mexc_plugin.errors import MexcPluginError
from mexc_plugin.review import exposition
from mexc_plugin.review.web import page_context
from mexc_plugin.review.web.data.reading import Busy
from mexc_plugin.review.web.page_context import Shared
from mexc_plugin.store.read.statistics import gauges

# Several may scrape, and cost what one does.
KEPT_S = 2.0
# Prometheus itself waits ten seconds unless it is told otherwise.
PATIENCE_S = 8.0


async def metrics(request: Request) -> Response:
    """200 also while the record cannot be read: then that is what the figures say."""
    shared = page_context.of(request)
    text = await shared.kept.get("metrics", KEPT_S, lambda: _text(shared))
    return Response(text, media_type=exposition.CONTENT_TYPE)


async def _text(shared: Shared) -> str:
    measure = shared.measure_outside
    waiting, shipped = await shared.reader.call(measure) if measure else (None, None)
    try:
        found = await shared.reader.ask(
            lambda connection: gauges.read(connection, naive_utc.now()), PATIENCE_S
        )
    except Busy:
        raise
    except MexcPluginError:
        return exposition.expose(None, waiting, shipped)
    return exposition.expose(found, waiting, shipped)
