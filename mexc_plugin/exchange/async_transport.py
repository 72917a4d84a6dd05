"""The guards of `transport` for aiohttp, below ccxt's async and pro classes."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import aiohttp

from mexc_plugin.exchange.context import ATTEMPT, Attempt
from mexc_plugin.exchange.transport import MARK, failed_unsent, sends_as

NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class RedirectNotFollowed(aiohttp.ClientError):
    """The answer to a signed cancel was a redirect."""


def guard(session: object) -> bool:
    """Guard a session of aiohttp, once. False for anything that may send by other means."""
    if not isinstance(session, aiohttp.ClientSession):
        return False
    if hasattr(session, "_middlewares"):
        guards = session._middlewares or ()  # noqa: SLF001 - no public way after construction
        if _send_once not in guards:
            session._middlewares = (*guards, _send_once)  # noqa: SLF001
    elif not any(getattr(config, MARK, False) for config in session.trace_configs):
        # Before aiohttp 3.12 there are no middlewares: nothing finer than the session's own switch.
        session._retry_connection = False  # noqa: SLF001
        session.trace_configs.append(_tracing())
    return sends_as(session, aiohttp.ClientSession, ("_request", "request", "delete", "post"))


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
        _refuse(response, attempt)
    return response


def _refuse(response: aiohttp.ClientResponse, attempt: Attempt) -> None:
    attempt.answered(response.status, "", response.headers)
    response.close()
    raise RedirectNotFollowed(f"HTTP {response.status}: a redirect is not followed")


def _tracing() -> aiohttp.TraceConfig:
    async def sent(_session: object, _context: SimpleNamespace, _params: object) -> None:
        # Told just before the first byte.
        attempt = _sending()
        if attempt is not None:
            attempt.sends += 1

    async def redirected(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        attempt = _sending()
        if attempt is not None:
            _refuse(params.response, attempt)

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(sent)
    config.on_request_redirect.append(redirected)
    config.freeze()
    setattr(config, MARK, True)
    return config
