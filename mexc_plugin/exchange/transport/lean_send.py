"""The short way through `requests`, for a cancel whose session adds nothing of its own to a request.

What a session prepares, merges, follows and hooks costs as much as all that ccxt does for a cancel, and here it
changes nothing. The connection, its TLS, the errors and the response stay those of the session's own adapter. Whatever
is not plainly the usual goes the ordinary way: hooks, auth, proxies, cookies, a class of the bot's own, a URL or a
header that `requests` would change.

    ccxt's fetch ── session.request ── send ─┬─ adapter.send ── urllib3
                                             └─ (not plain) requests.Session.request ── … ── adapter.send
"""

import operator
import re
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

# What `requests` neither quotes, folds nor lowers: no user, no escape, no dot segment, no fragment.
_URL = re.compile(
    r"(?P<origin>https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?)"
    r"(?P<path>/(?!/)(?:(?<!/)[.]|[A-Za-z0-9_~!$&'()*+,;=:@/-])*(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?)"
)
_NAME = re.compile(r"[^:\s][^:\r\n]*")
_VALUE = re.compile(r"(?:\S[^\r\n]*)?")
_POOLS = "_mexc_plugin_pools"
_NO_RETRIES = urllib3.Retry(0, read=False)

# What an object has that nobody has put a method or a setting of his own on.
_SESSION = frozenset({*vars(requests.Session()), "request", "get_adapter"})
_ADAPTER = frozenset(vars(HTTPAdapter()))
_LIBRARY = tuple(
    (kind, name)
    for kind, names in (
        (requests.Session, ("request", "prepare_request", "merge_environment_settings", "send")),
        (requests.Session, ("get_adapter", "resolve_redirects", "get_redirect_target")),
        (HTTPAdapter, ("build_response", "get_connection_with_tls_context", "request_url")),
        (requests.PreparedRequest, ("prepare", "prepare_headers", "prepare_url", "prepare_body")),
    )
    for name in names
)
_AS_IT_CAME = [getattr(kind, name, None) for kind, name in _LIBRARY]


def send(
    session: requests.Session,
    choose_adapter: Callable[[str], BaseAdapter],
    method: Any,
    url: Any,
    data: Any = None,
    headers: Any = None,
    timeout: Any = None,
    verify: Any = None,
    **others: object,
) -> requests.Response | None:
    """As `session.request`; None, with nothing sent, where that would do more than this does.

    Raises what the session's adapter raises.
    """
    if any(others.values()) or not isinstance(verify, bool) or not _adds_nothing(session):
        return None
    request = _prepare(session, method, url, data, headers)
    if request is None:
        return None
    began = time.perf_counter()
    response = choose_adapter(url).send(
        request, stream=False, timeout=timeout, verify=verify, cert=None, proxies={}
    )
    response.elapsed = timedelta(seconds=time.perf_counter() - began)
    if _sets_cookies(response.headers):
        extract_cookies_to_jar(session.cookies, request, response.raw)
    _ = response.content  # read here, as a session does: it may fail
    return response


def shorten(adapter: BaseAdapter) -> BaseAdapter:
    """The same adapter with shorter ways, which never retries; the one that was given where it is no plain one."""
    is_plain = type(adapter) is HTTPAdapter and vars(adapter).keys() <= _ADAPTER
    if not is_plain or not _is_as_it_came():
        return adapter
    short = object.__new__(_Adapter)
    short.__dict__ = vars(adapter)
    return short


class _Adapter(HTTPAdapter):
    """Shares all that a plain adapter has, its pools above all."""

    @property
    def max_retries(self) -> urllib3.Retry:
        return _NO_RETRIES

    @max_retries.setter
    def max_retries(self, _: object) -> None:
        raise AttributeError("a cancel is not retried below")

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """As the class's, which reads the URL and makes a key of twenty parts each time."""
        found = _URL.fullmatch(request.url)
        if proxies or cert or found is None or not isinstance(verify, bool):
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        # Not held by us: a session that is closed forgets its pools, and their connections with them.
        pools = vars(self.poolmanager).get(_POOLS)
        if pools is None:
            pools = vars(self.poolmanager)[_POOLS] = weakref.WeakValueDictionary()
        key = found["origin"], verify
        pool = pools.get(key)
        if pool is None or pool.pool is None:  # closed
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            pools[key] = pool
        return pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """As the class's, which reads the URL twice."""
        found = None if proxies else _URL.fullmatch(request.url)
        return super().request_url(request, proxies) if found is None else found["path"]

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """As the class's, which asks a jar for cookies where the venue sets none."""
        if _sets_cookies(resp.headers):
            return super().build_response(req, resp)
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict()
        for name, value in resp.headers.itermerged():
            response.headers[name] = value
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = resp
        response.reason = resp.reason
        response.url = req.url
        response.request = req
        response.connection = self
        return response


def _adds_nothing(session: requests.Session) -> bool:
    """Whether a session has no setting and no method of its own that a request would meet."""
    return (
        type(session) is requests.Session
        and vars(session).keys() <= _SESSION
        and not session.trust_env
        and not session.auth
        and not session.params
        and not session.proxies
        and not session.cert
        and not session.stream
        and not any(session.hooks.values())
        and type(session.cookies) is RequestsCookieJar
        and not len(session.cookies)
        and _is_as_it_came()
    )


def _is_as_it_came() -> bool:
    """Whether nobody has put a method of his own into the library."""
    found = [getattr(kind, name, None) for kind, name in _LIBRARY]
    return all(map(operator.is_, found, _AS_IT_CAME))


def _prepare(
    session: requests.Session, method: object, url: object, data: object, headers: object
) -> requests.PreparedRequest | None:
    """The request as a session would prepare it; None where it would change a part of it."""
    if type(url) is not str or _URL.fullmatch(url) is None or type(method) is not str:
        return None
    merged = _merge_headers(session.headers, headers)
    if merged is None or not (data is None or type(data) is bytes):
        return None
    request = requests.PreparedRequest()
    request.method, request.url, request.headers, request.body = method.upper(), url, merged, None
    if data:
        request.body = data
        merged["Content-Length"] = str(len(data))
    elif request.method not in ("GET", "HEAD") and "Content-Length" not in merged:
        merged["Content-Length"] = "0"
    return request


def _merge_headers(*several: object) -> "CaseInsensitiveDict[str | bytes] | None":
    """Later ones in the place of earlier ones; None where one is no usual header."""
    merged: CaseInsensitiveDict[str | bytes] = CaseInsensitiveDict()
    for headers in several:
        if not isinstance(headers, Mapping):
            return None
        for name, value in headers.items():
            if type(name) is not str or type(value) is not str:
                return None
            if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
                return None
            merged[name] = value
    return merged


def _sets_cookies(headers: Mapping[str, str]) -> bool:
    return "Set-Cookie" in headers or "Set-Cookie2" in headers
