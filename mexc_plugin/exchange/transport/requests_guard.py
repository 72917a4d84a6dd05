"""Guards on the HTTP library below ccxt's sync class, active only while a cancel is being sent.

They see to it that one attempt is one request on the wire (a `requests` session may be set up to repeat, aiohttp
silently repeats a DELETE when a kept-alive connection drops), that no redirect carries a signed request elsewhere,
and they count what was sent and what was seen to fail before its first byte. They know their own request by the
context: libraries fold URLs. The guards of aiohttp are in `async_transport`; importing it costs as much as ccxt.
"""

import copy
import functools
from typing import Any

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from mexc_plugin.exchange.context import ATTEMPT, SCOPE, Attempt
from mexc_plugin.exchange.transport import lean_send

MARK = "_mexc_plugin_guarded"
# Under this name a redirect's Location stays on record; without its own, nothing follows it.
NOT_FOLLOWED = "X-Location-Not-Followed"

NEVER_CONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    requests.exceptions.ConnectTimeout,
)


def guard(session: object) -> bool:
    """Guard a session of `requests`, once.

    False for anything that may send by other means, such as a session with a `send` of its own:
    then nothing is proven of a failure.
    """
    if not isinstance(session, requests.Session):
        return False
    _guard_session(session)
    return sends_as(session, requests.Session, ("request", "send"))


def sends_as(session: object, library: type, names: tuple[str, ...]) -> bool:
    """Whether an object has no ways of its own to send under these names, nor its library others than it came with."""
    own = getattr(session, "__dict__", {})
    package = library.__module__.partition(".")[0]
    return all(
        getattr(own.get(name), MARK, name not in own)
        and getattr(type(session), name) is getattr(library, name)
        and is_written_in(package, getattr(library, name))
        for name in names
    )


def is_written_in(package: str, function: object) -> bool:
    """Whether a function or method is a package's own, and none that somebody has put into one of its classes."""
    module = getattr(function, "__globals__", {}).get("__name__")
    return str(module).startswith(f"{package}.")


def failed_unsent(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether the error of one send is one of those that come before the first byte, however wrapped."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, kinds):
            return True
        waiting += [item.__cause__, getattr(item, "reason", None), *item.args]
    return False


def _guard_session(session: requests.Session) -> None:
    """Put our own in front of its two ways to the wire, unless the bot has put others there."""
    for name, ours in (("get_adapter", _get_adapter), ("request", _request)):
        there = vars(session).get(name)
        if there is None or (name == "get_adapter" and not getattr(there, MARK, False)):
            guarded = functools.partial(ours, session, there)
            setattr(guarded, MARK, True)
            setattr(session, name, guarded)


def _get_adapter(session: requests.Session, theirs: Any, url: str) -> BaseAdapter:
    """As the session's. A cancel gets one that sends once.

    Whoever was interrupted may hold the lock of a connection pool: what comes in between gets pools of its own.
    """
    choose = theirs or functools.partial(type(session).get_adapter, session)
    adapter: BaseAdapter = choose(url)
    scope, attempt = SCOPE.get(), ATTEMPT.get()
    if scope is not None and scope.reenters and type(adapter) is HTTPAdapter:
        adapter = copy.copy(adapter)  # which the class defines as one with new pools
    return adapter if attempt is None or not attempt.armed else _OneSend(adapter, attempt)


def _request(session: requests.Session, _: None, method: Any, url: Any, **given: Any) -> Any:
    """As the session's. A cancel goes the short way where that makes no difference."""
    attempt = ATTEMPT.get()
    if attempt is not None and attempt.armed:
        response = lean_send.send(session, session.get_adapter, method, url, **given)
        if response is not None:
            return response
    return type(session).request(session, method, url, **given)


class _OneSend(BaseAdapter):
    """Sends one request once: no retries of urllib3, no redirect to follow afterwards."""

    def __init__(self, adapter: BaseAdapter, attempt: Attempt) -> None:
        super().__init__()
        self._adapter = _without_retries(adapter)
        self._attempt = attempt
        if not sends_as(adapter, HTTPAdapter, ("send",)):
            attempt.provable = False

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        attempt = self._attempt
        if attempt.is_out:
            raise requests.exceptions.ConnectionError("a cancel is not sent twice as one attempt")
        attempt.sends += 1
        try:
            response = self._adapter.send(request, *args, **kwargs)
        except BaseException as error:
            attempt.unsent += failed_unsent(error, NEVER_CONNECTED)
            raise
        # An auth handler answers a challenge over this.
        response.connection = self  # type: ignore[assignment]
        if response.is_redirect:
            response.headers[NOT_FOLLOWED] = response.headers.pop("location")
        return response

    def close(self) -> None:
        """The adapter belongs to the session, which closes it."""


def _without_retries(adapter: BaseAdapter) -> BaseAdapter:
    short = lean_send.shorten(adapter)
    retries = getattr(adapter, "max_retries", None)
    if short is not adapter or not isinstance(adapter, HTTPAdapter):
        return short
    if getattr(retries, "total", 0) in (0, False):
        return adapter
    # A copy that shares the connection pools; HTTPAdapter's own copy protocol makes new ones.
    single = object.__new__(type(adapter))
    single.__dict__.update(adapter.__dict__)
    single.max_retries = urllib3.Retry(0, read=False)
    return single
