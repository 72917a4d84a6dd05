"""The guards of `transport` for aiohttp, below ccxt's async and pro classes."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from mexc_plugin.exchange.context import ATTEMPT, Attempt
from mexc_plugin.exchange.transport.requests_guard import (
    MARK,
    NOT_FOLLOWED,
    failed_unsent,
    sends_as,
)

NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def guard(session: object) -> bool:
    """Guard a session of aiohttp, once. False for anything that may send by other means."""
    if not isinstance(session, aiohttp.ClientSession):
        return False
    others: list[object] = []
    if hasattr(session, "_middlewares"):
        guards = session._middlewares or ()  # noqa: SLF001 - no public way after construction
        if _send_once not in guards:
            session._middlewares = (*guards, _send_once)  # noqa: SLF001
        others = [each for each in guards if each is not _send_once]
    elif not any(getattr(config, MARK, False) for config in session.trace_configs):
        # Before aiohttp 3.12 there are no middlewares: nothing finer than the session's own switch.
        session._retry_connection = False  # noqa: SLF001
        session.trace_configs.append(_tracing())
    return not others and sends_as(
        session, aiohttp.ClientSession, ("_request", "request", "delete", "post")
    )


def _sending() -> Attempt | None:
    attempt = ATTEMPT.get()
    return attempt if attempt is not None and attempt.armed else None


async def _send_once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Innermost of all middlewares: what it lets through goes to the wire."""
    attempt = _sending()
    if attempt is None:
        return await handler(request)
    if attempt.is_out:
        raise aiohttp.ServerDisconnectedError("the connection dropped; the cancel is not re-sent")
    attempt.sends += 1
    try:
        response = await handler(request)
    except BaseException as error:
        attempt.unsent += failed_unsent(error, NEVER_CONNECTED)
        raise
    if response.status in REDIRECTS:
        _forget_location(response)
    return response


def _forget_location(response: aiohttp.ClientResponse) -> None:
    """Let aiohttp take a redirect for an answer like any other: it follows what these two headers say."""
    headers = CIMultiDict(response.headers)
    for name in ("Location", "URI"):
        for value in headers.popall(name, ()):
            headers.add(NOT_FOLLOWED, value)
    response._headers = CIMultiDictProxy(headers)  # noqa: SLF001 - no public way
    response._cache.pop("headers", None)  # noqa: SLF001


def _tracing() -> aiohttp.TraceConfig:
    async def note_sent(_session: object, _context: SimpleNamespace, _params: object) -> None:
        # Told just before the first byte.
        attempt = _sending()
        if attempt is not None:
            attempt.sends += 1

    async def note_redirect(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        if _sending() is not None:
            _forget_location(params.response)

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(note_sent)
    config.on_request_redirect.append(note_redirect)
    config.freeze()
    setattr(config, MARK, True)
    return config
