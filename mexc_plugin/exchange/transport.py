"""Guards on the HTTP libraries below ccxt, active only while a cancel is being sent.

They see to it that one attempt is one request on the wire (aiohttp silently repeats a DELETE when a
kept-alive connection drops, and a `requests` session may be set up to), that no redirect carries a
signed request elsewhere, and they tell whether any byte can have left.
"""

import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.exchange.context import ATTEMPT, Attempt

MARK = "_mexc_plugin_guarded"

NEVER_CONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    requests.exceptions.ConnectTimeout,
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def guard(session: object) -> bool:
    """Guard a session of either library, once.

    False for anything that may send by other means, such as a session with a `send` of its own:
    then nothing is proven of a failure.
    """
    if isinstance(session, requests.Session):
        _guard_requests(session)
        return _sends_as(session, requests.Session, ("request", "send"))
    if isinstance(session, aiohttp.ClientSession):
        _guard_aiohttp(session)
        return _sends_as(session, aiohttp.ClientSession, ("_request", "request", "delete", "post"))
    return False


def _sends_as(session: object, library: type, names: tuple[str, ...]) -> bool:
    return all(
        name not in vars(session) and getattr(type(session), name) is getattr(library, name)
        for name in names
    )


def never_connected(error: BaseException | None) -> bool:
    """Whether the error proves that no connection was made, whatever it is wrapped in."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, NEVER_CONNECTED):
            return True
        waiting += [item.__cause__, getattr(item, "reason", None), *item.args]
    return False


class _NoSignatures(logging.Filter):
    """Takes the secrets out of what urllib3 logs at DEBUG, where it writes whole paths.

    Of a cancel all that its exchange holds, of other requests the signature.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            attempt = ATTEMPT.get()
            redact = (attempt.redactor if attempt else Redactor()).text
            record.args = tuple(redact(a) if isinstance(a, str) else a for a in record.args)
        return True


_NO_SIGNATURES = _NoSignatures()


def quieten() -> None:
    """Keep signatures out of urllib3's log. Idempotent: a filter is added once."""
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_NO_SIGNATURES)


# -- requests


def _guard_requests(session: requests.Session) -> None:
    choose = session.get_adapter
    if getattr(choose, MARK, False):
        return

    def get_adapter(url: str) -> BaseAdapter:
        adapter = choose(url)
        return adapter if ATTEMPT.get() is None else _OneSend(adapter)

    setattr(get_adapter, MARK, True)
    session.get_adapter = get_adapter  # type: ignore[method-assign]


class _OneSend(BaseAdapter):
    """Sends one request once: no retries of urllib3, no redirect to follow afterwards."""

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        self._adapter = _without_retries(adapter)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        attempt = ATTEMPT.get()
        if attempt is None or not attempt.is_for(request.method, request.url or ""):
            return self._adapter.send(request, *args, **kwargs)
        if attempt.wired:
            raise requests.exceptions.ConnectionError("a cancel is not sent twice as one attempt")
        attempt.wired = True
        response = self._adapter.send(request, *args, **kwargs)
        if response.is_redirect:
            attempt.redirected = True
            # Without it, requests does not follow. The value stays on record under another name.
            response.headers["X-Location-Not-Followed"] = response.headers.pop("location")
        return response

    def close(self) -> None:
        """The adapter belongs to the session, which closes it."""


def _without_retries(adapter: BaseAdapter) -> BaseAdapter:
    retries = getattr(adapter, "max_retries", None)
    if not isinstance(adapter, HTTPAdapter) or getattr(retries, "total", 0) in (0, False):
        return adapter
    # A copy that shares the connection pools; HTTPAdapter's own copy protocol makes new ones.
    single = object.__new__(type(adapter))
    single.__dict__.update(adapter.__dict__)
    single.max_retries = urllib3.Retry(0, read=False)
    return single


# -- aiohttp


class RedirectNotFollowed(aiohttp.ClientError):
    """The answer to a signed cancel was a redirect."""


def _guard_aiohttp(session: aiohttp.ClientSession) -> None:
    if hasattr(session, "_middlewares"):
        guards = session._middlewares or ()  # noqa: SLF001 - no public way after construction
        if _send_once not in guards:
            session._middlewares = (*guards, _send_once)  # noqa: SLF001
    elif not any(getattr(config, MARK, False) for config in session.trace_configs):
        # Before aiohttp 3.12 there are no middlewares: nothing finer than the session's own switch.
        session._retry_connection = False  # noqa: SLF001
        session.trace_configs.append(_tracing())


async def _send_once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Innermost of all middlewares: what it lets through goes to the wire."""
    attempt = ATTEMPT.get()
    if attempt is None or not attempt.is_for(request.method, str(request.url)):
        return await handler(request)
    if attempt.wired:
        raise aiohttp.ServerDisconnectedError("the connection dropped; the cancel is not re-sent")
    attempt.wired = True
    response = await handler(request)
    if response.status in REDIRECTS:
        _refuse(response, attempt)
    return response


def _refuse(response: aiohttp.ClientResponse, attempt: Attempt) -> None:
    attempt.redirected = True
    attempt.answered(response.status, "", response.headers)
    response.close()
    raise RedirectNotFollowed(f"HTTP {response.status}: a redirect is not followed")


def _tracing() -> aiohttp.TraceConfig:
    async def sent(_session: object, _context: SimpleNamespace, _params: object) -> None:
        attempt = ATTEMPT.get()
        if attempt is not None:
            attempt.wired = True

    async def redirected(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        attempt = ATTEMPT.get()
        if attempt is not None:
            _refuse(params.response, attempt)

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(sent)
    config.on_request_redirect.append(redirected)
    config.freeze()
    setattr(config, MARK, True)
    return config
