"""The short way through `requests` is the ordinary way, byte by byte and error by error, and never taken where it is not."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import ccxt
import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from mexc_plugin import mexc
from mexc_plugin.exchange.transport import lean_send
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.sandbox.configuration import ccxt_urls
from tests.conftest import Audit

SPOT, SWAP = "LTC/BTC", "BTC/USDT:USDT"
NOW_MS = 1_795_435_200_123


class Wire:
    """A venue of one answer, which keeps the bytes of each request, and counts connections."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while first := stream.readline():
                head = [first]
                while (line := stream.readline()) not in (b"\r\n", b""):
                    head.append(line)
                lengths = [line for line in head if line.lower().startswith(b"content-length:")]
                body = stream.read(int(lengths[0].split(b":")[1])) if lengths else b""
                self.requests.append(b"".join(head) + body)
                connection.sendall(self.answer)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each cancel that was sent: whether it took the short way."""
    ways: list[bool] = []
    original = lean_send.send

    def send(*args: Any, **kwargs: Any) -> Any:
        ways.append(True)  # an error, too, comes of the short way
        response = original(*args, **kwargs)
        ways[-1] = response is not None
        return response

    monkeypatch.setattr(lean_send, "send", send)
    return ways


@pytest.fixture
def known(sandbox: Sandbox) -> dict[str, Any]:
    exchange = ccxt.mexc(sandbox.ccxt_config())
    found: dict[str, Any] = exchange.load_markets()
    exchange.session.close()
    return found


def make(kind: Any, url: str, audit: Audit, known: dict[str, Any], **more: Any) -> Any:
    """An exchange of plain ccxt's class or of ours, whose clock stands still."""
    options = {"audit": {"url": audit.url}} if kind is mexc else {}
    exchange = kind({"apiKey": "key-1234", "secret": "secret-1234", "options": options, **more})
    exchange.urls["api"] = ccxt_urls(url)["api"]
    exchange.set_markets(known)
    exchange.milliseconds = lambda: NOW_MS
    exchange.nonce = lambda: NOW_MS
    return exchange


CALLS = {
    "an order": ("cancel_order", "1234", SPOT),
    "by client order id": (
        "spotPrivateDeleteOrder",
        {"symbol": "LTCBTC", "origClientOrderId": "bot-1_a.b"},
    ),
    "an odd client order id": (
        "spotPrivateDeleteOrder",
        {"symbol": "LTCBTC", "origClientOrderId": "a b/ü%7E"},
    ),
    "all orders": ("cancel_all_orders", SPOT),
    "of futures": ("cancel_order", "1234", SWAP),
    "several of futures": ("cancel_orders", ["1", "2"], SWAP),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing set": {},
    "a user agent": {"userAgent": "bot/1.0"},
    "headers": {"headers": {"user-agent": "x", "X-Of-The-Bot": "1", "Content-Type": "a/b"}},
    "a header of bytes": {"headers": {"X-Of-The-Bot": b"1"}},
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_sent_is_what_plain_ccxt_sends_byte_by_byte(
    wire: Wire, audit: Audit, known, taken: list[bool], call: str, settings: str
) -> None:
    method, *args = CALLS[call]
    for kind in (ccxt.mexc, mexc):
        exchange = make(kind, wire.url, audit, known, **SETTINGS[settings])
        # Older ccxt raises AttributeError for an answer that says nothing: it was sent by then.
        with contextlib.suppress(ccxt.BaseError, AttributeError):
            getattr(exchange, method)(*args)
        exchange.session.close()
    theirs, ours = wire.requests
    assert ours == theirs
    assert taken == [call != "an odd client order id" and settings != "a header of bytes"]


KINDS = [kind for kind in FaultKind if kind is not FaultKind.DROP_KEPT_ALIVE]


def notice(exchange: Any, order_id: str) -> tuple[Any, ...]:
    """All that a bot can see of a cancel: what comes back, what is raised and from what, `last_*`, the hooks."""
    hooks: list[Any] = []
    for name in ("on_rest_response", "on_json_response", "handle_errors"):
        original = getattr(exchange, name)
        exchange.__dict__[name] = lambda *args, o=original, n=name: (
            hooks.append((n, len(args), args[0])),
            o(*args),
        )[1]
    result, causes = None, []
    try:
        result = exchange.cancel_order(order_id, SPOT)["status"]
    except Exception as error:
        link: BaseException | None = error
        while link is not None:
            text = str(link).replace(order_id, "ID")
            for word in ("timestamp=", "0x", '"orderId"'):  # what differs from one to the next
                text = text.partition(word)[0]
            causes.append((type(link), text))
            link = link.__cause__
    headers = dict(exchange.last_response_headers or {})
    headers.pop("Date", None)
    body = (exchange.last_http_response or "").replace(order_id, "ID")
    for name in ("on_rest_response", "on_json_response", "handle_errors"):
        del exchange.__dict__[name]
    seen = [(name, count) for name, count, _ in hooks]
    return result, causes, headers, len(body), seen


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_bot_sees_of_any_fault_is_the_same_on_both_ways(
    sandbox: Sandbox, audit: Audit, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    exchange = mexc({
        **sandbox.ccxt_config(), "timeout": 400,
        "options": {"audit": {"url": audit.url}},
    })  # fmt: skip
    exchange.load_markets()
    seen = []
    for is_short in (True, False):
        exchange.session.close()
        order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
        sandbox.inject(Fault(kind, times=1, seconds=1.0 if "delay" in kind else 0))
        with monkeypatch.context() as patched:
            if not is_short:
                patched.setattr(lean_send, "send", lambda *_, **__: None)
                patched.setattr(lean_send, "shorten", lambda adapter: adapter)
            seen.append(notice(exchange, order_id))
        sandbox.clear_faults()
    assert seen[0] == seen[1]
    exchange.session.close()


def test_nobody_listens(sandbox: Sandbox, audit: Audit, taken: list[bool]) -> None:
    exchange = mexc({**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    exchange.load_markets()
    for section in exchange.urls["api"].values():
        section.update(dict.fromkeys(section, "http://127.0.0.1:9/api/v3"))
    with pytest.raises(ccxt.NetworkError) as raised:
        exchange.cancel_order("1", SPOT)
    assert isinstance(raised.value.__cause__, requests.exceptions.ConnectionError)
    assert taken == [True]
    assert audit.events("response")[0]["outcome"] == "not_sent"


# -- whoever has something of his own gets the ordinary way


class OwnSession(requests.Session):
    """A class of the bot's."""


class OwnAdapter(HTTPAdapter):
    """Sends by itself."""


def use_hook(exchange: Any, seen: list[str]) -> None:
    exchange.session.hooks["response"].append(lambda *_, **__: seen.append("hook"))


def use_auth(exchange: Any, seen: list[str]) -> None:
    def auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
        seen.append("auth")
        return request

    exchange.session.auth = auth


def use_params(exchange: Any, seen: list[str]) -> None:
    exchange.session.params = {"of-the-bot": "1"}
    use_hook(exchange, seen)


def use_class(exchange: Any, seen: list[str]) -> None:
    exchange.session = OwnSession()
    exchange.session.trust_env = False
    seen.append("class")


def use_method(exchange: Any, seen: list[str]) -> None:
    original = exchange.session.prepare_request

    def prepare_request(request: requests.Request) -> requests.PreparedRequest:
        seen.append("method")
        prepared: requests.PreparedRequest = original(request)
        return prepared

    exchange.session.prepare_request = prepare_request


def use_cookies(exchange: Any, seen: list[str]) -> None:
    jar = RequestsCookieJar()
    jar.clear = lambda *_: seen.append("cleared")  # type: ignore[method-assign,assignment]
    jar.set("of", "the-bot", domain="127.0.0.1")
    exchange.session.cookies = jar


def use_environment(exchange: Any, seen: list[str]) -> None:
    exchange.session.trust_env = True
    seen.append("environment")


OWN = [use_hook, use_auth, use_params, use_class, use_method, use_cookies, use_environment]


@pytest.mark.parametrize("use", OWN)
def test_whoever_has_something_of_his_own_gets_the_ordinary_way(
    wire: Wire, audit: Audit, known, taken: list[bool], use
) -> None:
    exchange = make(mexc, wire.url, audit, known)
    seen: list[str] = []
    use(exchange, seen)
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order("1234", SPOT)
    exchange.session.close()
    assert seen
    assert taken == [False]
    assert len(wire.requests) == 1


def test_an_adapter_of_the_bot_s_own_sends(wire: Wire, audit: Audit, known) -> None:
    exchange = make(mexc, wire.url, audit, known)
    seen: list[str] = []

    class Adapter(HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(request.url)
            return super().send(request, *args, **kwargs)

    exchange.session.mount("http://", Adapter())
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order("1234", SPOT)
    exchange.session.close()
    assert len(seen) == len(wire.requests) == 1


@pytest.mark.parametrize("name", ["send", "prepare_request", "get_adapter", "request"])
def test_a_method_that_is_replaced_in_requests_itself_is_called(
    wire: Wire, audit: Audit, known, taken: list[bool], name: str
) -> None:
    """As the libraries do that stand in for a network in tests."""
    exchange = make(mexc, wire.url, audit, known)
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order("1234", SPOT)  # the session is guarded from now on
    original = getattr(requests.Session, name)
    with mock.patch.object(requests.Session, name, autospec=True, side_effect=original) as replaced:
        with contextlib.suppress(ccxt.BaseError):
            exchange.cancel_order("1234", SPOT)
        assert replaced.called
    assert taken == [True, False]
    exchange.session.close()


def test_a_proxy_is_used(wire: Wire, audit: Audit, known, taken: list[bool]) -> None:
    exchange = make(mexc, "http://venue.invalid", audit, known, httpProxy=wire.url)
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order("1234", SPOT)
    exchange.session.close()
    assert taken == [False]
    assert wire.requests[0].startswith(b"DELETE http://venue.invalid/api/v3/order?")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, names in {
            requests.Session: "request prepare_request merge_environment_settings send get_adapter "
            "resolve_redirects get_redirect_target",
            HTTPAdapter: "build_response get_connection_with_tls_context request_url",
            requests.PreparedRequest: "prepare prepare_headers prepare_url prepare_body",
        }.items()
        for name in names.split()
    ],
)
def test_where_any_part_of_the_ordinary_way_is_replaced_there_is_no_short_one(
    monkeypatch: pytest.MonkeyPatch, kind: type, name: str
) -> None:
    adapter = HTTPAdapter()
    assert lean_send.shorten(adapter) is not adapter
    monkeypatch.setattr(kind, name, lambda *_, **__: None)
    assert lean_send.shorten(adapter) is adapter


@pytest.mark.parametrize("name", ["send", "build_response", "request_url"])
def test_so_is_one_of_its_adapter(wire: Wire, audit: Audit, known, name: str) -> None:
    exchange = make(mexc, wire.url, audit, known)
    original = getattr(HTTPAdapter, name)
    with mock.patch.object(HTTPAdapter, name, autospec=True, side_effect=original) as replaced:
        with contextlib.suppress(ccxt.BaseError):
            exchange.cancel_order("1234", SPOT)
        assert replaced.called
    exchange.session.close()


# -- the session's own connections and cookies


def test_one_connection_carries_all_and_a_closed_session_makes_another(
    wire: Wire, audit: Audit, known, taken: list[bool]
) -> None:
    exchange = make(mexc, wire.url, audit, known)

    def cancel() -> None:
        with contextlib.suppress(ccxt.BaseError):
            exchange.cancel_order("1234", SPOT)

    exchange.session.get(f"{wire.url}/api/v3/time")  # the bot's own requests share it, too
    for _ in range(3):
        cancel()
    assert wire.connections == 1
    exchange.session.close()
    cancel()
    assert wire.connections == 2
    assert taken == [True] * 4
    exchange.session.close()


def test_a_cookie_of_the_venue_s_is_kept_as_a_session_keeps_it(
    wire: Wire, audit: Audit, known, taken: list[bool]
) -> None:
    wire.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"
    exchange = make(mexc, wire.url, audit, known)
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order("1234", SPOT)
    assert dict(exchange.session.cookies) == {"a": "b"}
    assert taken == [True]
    exchange.session.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a/../b",
        "http://127.0.0.1/a/./b",
        "http://127.0.0.1/.",
        "http://127.0.0.1//a",
        "http://EXAMPLE.com/a",
        "http://user:pass@example.com/a",
        "http://example.com",
        "http://example.com/a#b",
        "http://example.com/%41",
        "http://example.com:99999/a",
        "http://example.com:0/a",
        "http://example.com:080/a",
        "http://example.com/ä",
        "http://example.com/a b",
        "http://*.example.com/a",
        " http://example.com/a",
        "ftp://example.com/a",
        "http://[::1]/a",
        "http://example.com/a?b=[1]",
    ],
)
def test_a_url_that_requests_may_change_is_left_to_it(url: str) -> None:
    assert lean_send._URL.fullmatch(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mexc.com/api/v3/order?symbol=LTCBTC&orderId=C02__1&signature=ab&timestamp=1",
        "http://127.0.0.1:8080/api/v1/private/order/cancel",
        "https://a.b-c.com/x.y/z?a=.&b=..",
        "http://h/-_.~!$&'()*+,;=:@/?-_.~!$&'()*+,;=:@/?",
    ],
)
def test_any_other_url_is_what_requests_makes_of_it(url: str) -> None:
    found = lean_send._URL.fullmatch(url)
    assert found is not None
    request = requests.Request("DELETE", url).prepare()
    assert request.url == url
    assert HTTPAdapter().request_url(request, {}) == url[len(found["origin"]) :]
