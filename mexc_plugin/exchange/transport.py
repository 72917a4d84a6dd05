"""Guards on the HTTP libraries below ccxt, active only while a cancel is being sent.

They see to it that one attempt is one request on the wire (aiohttp silently repeats a DELETE when a
kept-alive connection drops, and a `requests` session may be set up to), that no redirect carries a
signed request elsewhere, and they tell whether any byte can have left.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.exchange.attempts import ATTEMPT

MARK = "_mexc_plugin_guarded"

NEVER_CONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    requests.exceptions.ConnectTimeout,
)


def guard(session: object) -> bool:
    """Guard a session of either library, once. False for anything else: then nothing is proven."""
    if isinstance(session, requests.Session):
        _guard_requests(session)
        return True
    if isinstance(session, aiohttp.ClientSession):
        _guard_aiohttp(session)
        return True
    return False


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
    """Takes the signatures out of what urllib3 logs at DEBUG, where it writes whole paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            redact = Redactor().text
            record.args = tuple(redact(a) if isinstance(a, str) else a for a in record.args)
        return True


_NO_SIGNATURES = _NoSignatures()


def quieten() -> None:
    """Keep signatures out of urllib3's log. Idempotent: a filter is added once."""
    logging.getLogger("urllib3.connectionpool").addFilter(_NO_SIGNATURES)


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
        if attempt is None:
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
    if any(getattr(config, MARK, False) for config in session.trace_configs):
        return
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_refuse_redirect)
    config.on_request_headers_sent.append(_note_headers)
    config.freeze()
    setattr(config, MARK, True)
    session.trace_configs.append(config)
    if hasattr(session, "_middlewares"):
        session._middlewares = (*(session._middlewares or ()), _one_send)  # noqa: SLF001 - no public way after construction
    elif hasattr(session, "_retry_connection"):
        session._retry_connection = False  # noqa: SLF001 - aiohttp 3.10 and 3.11 have nothing finer


async def _one_send(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    attempt = ATTEMPT.get()
    if attempt is not None and attempt.wired:
        raise aiohttp.ServerDisconnectedError("the connection dropped; the cancel is not re-sent")
    return await handler(request)


async def _note_headers(_session: object, _context: SimpleNamespace, _params: object) -> None:
    attempt = ATTEMPT.get()
    if attempt is not None:
        attempt.wired = True


async def _refuse_redirect(
    _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:
    attempt = ATTEMPT.get()
    if attempt is not None:
        headers: Mapping[str, str] = params.response.headers
        attempt.redirected = True
        attempt.answered(params.response.status, "", headers)
        params.response.close()
        raise RedirectNotFollowed(f"HTTP {params.response.status}: a redirect is not followed")
