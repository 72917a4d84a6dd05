"""`not_sent` rests on every send of an attempt, by whatever means; and one attempt is one request on the wire."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import ccxt
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mexc_plugin.exchange.transport import aiohttp_guard
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from tests.conftest import Audit, Bot, MakeBot

SYMBOL = "LTC/BTC"


@pytest.fixture
def closed() -> str:
    """A host and port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def ready(make_bot: MakeBot, sandbox: Sandbox) -> Bot:
    """Markets are loaded; the answer to the next cancel is lost, after it took effect."""
    bot = make_bot()
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    return bot


def place(sandbox: Sandbox) -> str:
    return sandbox.place("LTCBTC", "BUY", "2", "0.002")


def is_cancelled(sandbox: Sandbox, order_id: str) -> bool:
    return not sandbox.order(order_id).is_open


async def send_by_other_means(
    url: str, method: str = "GET", headers: Any = None, body: Any = None
) -> Any:
    async with aiohttp.ClientSession() as session:
        session._retry_connection = False
        async with session.request(method, url, headers=headers, data=body) as answer:
            return await answer.json()


def send_by_other_means_at_once(
    url: str, method: str = "GET", headers: Any = None, body: Any = None
) -> Any:
    return requests.request(method, url, headers=headers, data=body, timeout=5).json()


LOST = (ccxt.NetworkError, requests.RequestException, aiohttp.ClientError)


def use_own_fetch(bot: Bot, sandbox: Sandbox, other_host: str, first: str, second: str) -> None:
    """A fetch of the bot's: it sends, loses the answer, and tries another host.

    first, second: by the `original`, or by `other` means.
    """
    original = bot.exchange.fetch
    own_means = send_by_other_means_at_once if bot.colour == "sync" else send_by_other_means
    means: dict[str, Callable[..., Any]] = {"original": original, "other": own_means}
    here = sandbox.url.partition("://")[2]

    def fetch(url: str, *rest: Any) -> Any:
        try:
            return means[first](url, *rest)
        except LOST:
            return means[second](url.replace(here, other_host), *rest)

    async def async_fetch(url: str, *rest: Any) -> Any:
        try:
            return await means[first](url, *rest)
        except LOST:
            return await means[second](url.replace(here, other_host), *rest)

    bot.exchange.fetch = fetch if bot.colour == "sync" else async_fetch


@pytest.mark.parametrize("first", ["original", "other"])
@pytest.mark.parametrize("second", ["original", "other"])
def test_a_fetch_that_loses_the_answer_and_tries_a_closed_port_leaves_it_unknown(
    ready: Bot, sandbox: Sandbox, audit: Audit, closed: str, first: str, second: str
) -> None:
    use_own_fetch(ready, sandbox, closed, first, second)
    order_id = place(sandbox)

    with pytest.raises((ccxt.NetworkError, *LOST)):
        ready.cancel_order(order_id, SYMBOL)

    assert is_cancelled(sandbox, order_id)
    row = audit.history()[0]
    assert (row["attempt"], row["outcome"]) == (1, "unknown")
    del ready.exchange.fetch
    assert "canceled" in [result["outcome"] for result in ready.reconcile_cancels()]


def test_a_fetch_may_use_the_exchanges_session_for_its_own_ends_after_the_cancel(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot()
    bot.load_markets()
    original, session = bot.exchange.fetch, bot.exchange.session
    ping = f"{sandbox.url}/api/v3/ping"
    pinged: list[int] = []

    def fetch(*request: Any) -> Any:
        answer = original(*request)
        pinged.append(session.get(ping).status_code)
        return answer

    async def async_fetch(*request: Any) -> Any:
        answer = await original(*request)
        async with session.get(ping) as pong:
            pinged.append(pong.status)
        return answer

    bot.exchange.fetch = fetch if bot.colour == "sync" else async_fetch

    assert bot.cancel_order(place(sandbox), SYMBOL)["status"] == "canceled"
    assert pinged == [200]
    assert [row["outcome"] for row in audit.history()] == ["canceled"]


def test_a_fetch_that_sends_elsewhere_first_and_then_as_asked_leaves_it_unknown(
    ready: Bot, sandbox: Sandbox, audit: Audit, closed: str
) -> None:
    """The host of the exchange is the one that is closed: what the original sees is the whole attempt, but not every send."""
    ready.exchange.urls["api"]["spot"]["private"] = f"http://{closed}"
    original, here = ready.exchange.fetch, sandbox.url.partition("://")[2]

    def fetch(url: str, *rest: Any) -> Any:
        try:
            return send_by_other_means_at_once(url.replace(closed, here), *rest)
        except LOST:
            return original(url, *rest)

    async def async_fetch(url: str, *rest: Any) -> Any:
        try:
            return await send_by_other_means(url.replace(closed, here), *rest)
        except LOST:
            return await original(url, *rest)

    ready.exchange.fetch = fetch if ready.colour == "sync" else async_fetch
    order_id = place(sandbox)
    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(order_id, SYMBOL)

    assert is_cancelled(sandbox, order_id)
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


def fetch_by_other_means_first(ready: Bot, original: Any, here: str, closed: str) -> Any:
    """A `fetch` for a class: it sends by other means, and then by the class's own, to a port that is closed."""

    def fetch(self: Any, url: str, *rest: Any) -> Any:
        try:
            return send_by_other_means_at_once(url, *rest)
        except LOST:
            return original(self, url.replace(here, closed), *rest)

    async def async_fetch(self: Any, url: str, *rest: Any) -> Any:
        try:
            return await send_by_other_means(url, *rest)
        except LOST:
            return await original(self, url.replace(here, closed), *rest)

    return fetch if ready.colour == "sync" else async_fetch


@pytest.mark.parametrize("way", ["a subclass", "our class itself"])
def test_a_fetch_of_the_class_that_does_so_leaves_it_unknown(
    ready: Bot, sandbox: Sandbox, audit: Audit, closed: str, monkeypatch, way: str
) -> None:
    here = sandbox.url.partition("://")[2]
    kind = type(ready.exchange)
    own = fetch_by_other_means_first(ready, kind.fetch, here, closed)
    if way == "a subclass":
        ready.exchange.__class__ = type("mexc", (kind,), {"fetch": own})
    else:
        monkeypatch.setattr(kind, "fetch", own)
    order_id = place(sandbox)
    with pytest.raises((ccxt.NetworkError, *LOST)):
        ready.cancel_order(order_id, SYMBOL)

    assert is_cancelled(sandbox, order_id)
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


@pytest.mark.parametrize("way", ["ccxt's class itself", "a class between ours and ccxt's"])
def test_a_fetch_below_ours_that_does_so_leaves_it_unknown(
    ready: Bot, sandbox: Sandbox, audit: Audit, closed: str, monkeypatch, way: str
) -> None:
    kind = type(ready.exchange)
    plain = kind.__bases__[-1]
    base = next(each for each in plain.__mro__ if "fetch" in vars(each))
    here = sandbox.url.partition("://")[2]
    own = fetch_by_other_means_first(ready, base.fetch, here, closed)
    if way == "ccxt's class itself":
        monkeypatch.setattr(base, "fetch", own)
    else:
        between = type("Between", (plain,), {"fetch": own})
        ready.exchange.__class__ = type("mexc", (kind, between), {})
    order_id = place(sandbox)
    with pytest.raises((ccxt.NetworkError, *LOST)):
        ready.cancel_order(order_id, SYMBOL)

    assert is_cancelled(sandbox, order_id)
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


@pytest.mark.parametrize("layer", ["fetch2", "request", "spotPrivateDeleteOrder"])
def test_a_layer_above_that_tries_another_host_has_one_attempt_for_each(
    ready: Bot, sandbox: Sandbox, audit: Audit, closed: str, layer: str
) -> None:
    """What is replaced there calls the original twice: the first send is unknown, only the second was not sent."""
    original, exchange = getattr(ready.exchange, layer), ready.exchange

    def move() -> None:
        exchange.urls["api"]["spot"]["private"] = f"http://{closed}"

    def own(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except ccxt.NetworkError:
            move()
            return original(*args, **kwargs)

    async def async_own(*args: Any, **kwargs: Any) -> Any:
        try:
            return await original(*args, **kwargs)
        except ccxt.NetworkError:
            move()
            return await original(*args, **kwargs)

    setattr(exchange, layer, own if ready.colour == "sync" else async_own)
    order_id = place(sandbox)
    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(order_id, SYMBOL)

    assert is_cancelled(sandbox, order_id)
    assert [row["outcome"] for row in audit.history()] == ["unknown", "not_sent"]
    assert len({row["cancel_id"] for row in audit.history()}) == 1


def test_the_very_first_request_of_an_exchange_is_seen_leaving_too(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    """Its session is made while it is sent."""
    order_id = place(sandbox)
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))

    with pytest.raises(ccxt.NetworkError):
        make_bot().spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": order_id})

    assert is_cancelled(sandbox, order_id)
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


# -- whoever may send by other means below proves nothing of a failure


class Twice(HTTPAdapter):
    """Sends, loses the answer, and says that it never connected."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().send(request, *args, **kwargs)
        except requests.ConnectionError:
            raise requests.exceptions.ConnectTimeout from None


class OwnSession(requests.Session):
    def send(self, request: Any, **kwargs: Any) -> Any:
        try:
            return super().send(request, **kwargs)
        except requests.ConnectionError:
            raise requests.exceptions.ConnectTimeout from None


class NoSession:
    """Used as a session of `requests`, and none: how it sends is not to be seen."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self.cookies, self.headers = self._session.cookies, self._session.headers

    def request(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request(*args, **kwargs)

    def close(self) -> None:
        self._session.close()


def mounted(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.mount("http://", adapter)
    return session


@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("make", [OwnSession, NoSession, lambda: mounted(Twice())], ids=["session", "no session", "adapter"])  # fmt: skip
def test_a_session_or_adapter_of_the_bots_own_proves_nothing(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, make: Callable[[], Any]
) -> None:
    bot = make_bot(session=make())
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))

    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(place(sandbox), SYMBOL)

    assert [row["outcome"] for row in audit.history()] == ["unknown"]


needs_middlewares = pytest.mark.skipif(
    not hasattr(aiohttp, "ClientMiddlewareType") and not hasattr(aiohttp.ClientSession, "ATTRS"),
    reason="aiohttp before 3.12 has no middlewares",
)


@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("retries", [0, 3])
def test_an_adapter_of_the_bots_own_kind_sends_a_cancel_once_whatever_it_does_otherwise(
    make_bot: MakeBot, sandbox: Sandbox, retries: int
) -> None:
    class Theirs(HTTPAdapter):
        pass

    adapter = Theirs(max_retries=urllib3.Retry(retries, allowed_methods=None) if retries else 0)
    session = requests.Session()
    session.mount("http://", adapter)
    bot = make_bot(session=session)
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=4))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert len(sandbox.arrivals) == 1
    assert adapter.max_retries.total == retries


LIBRARY = {
    "requests.Session.request": (requests.Session, "request"),
    "requests.Session.send": (requests.Session, "send"),
    "HTTPAdapter.send": (HTTPAdapter, "send"),
    "ClientSession._request": (aiohttp.ClientSession, "_request"),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_library_into_which_somebody_put_a_method_proves_nothing(
    make_bot: MakeBot, audit: Audit, closed: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It may have sent by other means before, as a session of the bot's own kind may."""
    bot = make_bot()
    bot.load_markets()
    kind, method = LIBRARY[name]
    original = getattr(kind, method)
    monkeypatch.setattr(kind, method, lambda *args, **kwargs: original(*args, **kwargs))
    bot.exchange.urls["api"]["spot"]["private"] = f"http://{closed}"
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order("1", SYMBOL)

    is_its_own = (kind is aiohttp.ClientSession) != (bot.colour == "sync")
    expected = "unknown" if is_its_own else "not_sent"
    assert [row["outcome"] for row in audit.history()] == [expected]


@needs_middlewares
async def test_a_session_that_is_guarded_again_is_guarded_once_and_proves_as_much() -> None:
    async def theirs(request: aiohttp.ClientRequest, handler: Any) -> Any:
        return await handler(request)

    async with aiohttp.ClientSession() as plain, aiohttp.ClientSession(middlewares=[theirs]) as odd:
        assert [aiohttp_guard.guard(plain), aiohttp_guard.guard(plain)] == [True, True]
        assert [aiohttp_guard.guard(odd), aiohttp_guard.guard(odd)] == [False, False]
        assert [len(session._middlewares or ()) for session in (plain, odd)] == [1, 2]


@needs_middlewares
@pytest.mark.parametrize("colour", ["async", "pro"])
@pytest.mark.parametrize("then", ["raises", "goes on to a closed port"])
def test_a_middleware_of_the_bots_own_proves_nothing(
    colour: str, sandbox: Sandbox, audit: Audit, closed: str, then: str
) -> None:
    """It sends by other means, loses the answer, and says that it never connected, or lets another request go on."""
    from mexc_plugin import async_support, pro

    module = async_support if colour == "async" else pro

    async def relay(request: aiohttp.ClientRequest, handler: Any) -> Any:
        if request.method == "DELETE":
            try:
                await send_by_other_means(str(request.url), "DELETE", dict(request.headers))
            except aiohttp.ClientError:
                if then == "raises":
                    key = getattr(request, "connection_key", None)
                    raise aiohttp.ClientConnectorError(key, OSError("refused")) from None
                request.url = request.url.with_port(int(closed.partition(":")[2]))
        return await handler(request)

    async def main() -> str:
        async with aiohttp.ClientSession(middlewares=[relay]) as session:
            options = {"audit": {"url": audit.url}}
            exchange = module.mexc({**sandbox.ccxt_config(), "session": session, "options": options})  # fmt: skip
            exchange.timeout_on_exit = 1
            await exchange.load_markets()
            sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
            order_id = place(sandbox)
            with pytest.raises(ccxt.NetworkError):
                await exchange.cancel_order(order_id, SYMBOL)
            await exchange.close()
            return order_id

    assert is_cancelled(sandbox, asyncio.run(main()))
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


# -- a session that repeats

RETRIES = {
    "1": 1, "True": True, "3": 3, "Retry(1)": urllib3.Retry(1), "Retry(True)": urllib3.Retry(True), "Retry(None)": urllib3.Retry(None, connect=2, read=2, status=2, other=2),
    "Retry(1, by status)": urllib3.Retry(1, status_forcelist=[500], allowed_methods=None), "Retry(read)": urllib3.Retry(total=3, read=3, allowed_methods=None),
    "0": 0, "False": False, "Retry(0)": urllib3.Retry(0), "Retry(False)": urllib3.Retry(False),
}  # fmt: skip


@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("retries", RETRIES)
@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.SERVER_ERROR, FaultKind.DROP_KEPT_ALIVE])  # fmt: skip
def test_a_session_set_up_to_repeat_repeats_no_cancel(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, retries: str, kind: FaultKind
) -> None:
    bot = make_bot(session=mounted(HTTPAdapter(max_retries=RETRIES[retries])))
    bot.load_markets()
    bot.cancel_order(place(sandbox), SYMBOL)
    sandbox.inject(Fault(kind))

    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(place(sandbox), SYMBOL)

    assert len(sandbox.arrivals) == 2
    assert [row["outcome"] for row in audit.history()] == ["canceled", "unknown"]


@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("retries", RETRIES)
def test_a_session_set_up_to_repeat_proves_a_closed_port_all_the_same(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, retries: str, closed: str
) -> None:
    bot = make_bot(session=mounted(HTTPAdapter(max_retries=RETRIES[retries])))
    bot.load_markets()
    bot.exchange.urls["api"]["spot"]["private"] = f"http://{closed}"

    # urllib3's own where it is told to raise at once: ccxt lets it through.
    with pytest.raises((ccxt.NetworkError, urllib3.exceptions.NewConnectionError)):
        bot.cancel_order(place(sandbox), SYMBOL)

    assert [row["outcome"] for row in audit.history()] == ["not_sent"]


# -- a URL that the library folds

FOLDED = ["/x/..", "/./x/../.", "//", "/%2e", "/x/%2E%2E", "/a b/.."]


@pytest.mark.parametrize("base", FOLDED)
@pytest.mark.parametrize(
    ("kind", "outcome"), [(FaultKind.DROP_AFTER, "unknown"), (FaultKind.DROP_KEPT_ALIVE, "unknown")]
)
def test_however_the_base_url_is_spelt_one_attempt_is_one_request(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, base: str, kind: FaultKind, outcome: str
) -> None:
    bot = make_bot()
    bot.load_markets()
    bot.exchange.urls["api"]["spot"]["private"] = f"{sandbox.url}{base}"
    bot.fetch_time()
    sandbox.inject(Fault(kind, method="DELETE", path="*"))

    with pytest.raises(ccxt.BaseError):
        bot.cancel_order(place(sandbox), SYMBOL)

    deletes = [path for method, path in sandbox.requests if method == "DELETE"]
    assert len(deletes) <= 1
    assert [row["outcome"] for row in audit.history()] == [outcome]


@pytest.mark.parametrize("base", FOLDED)
def test_however_the_base_url_is_spelt_a_closed_port_is_proof(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, base: str, closed: str
) -> None:
    bot = make_bot()
    bot.load_markets()
    bot.exchange.urls["api"]["spot"]["private"] = f"http://{closed}{base}"

    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(place(sandbox), SYMBOL)

    assert [row["outcome"] for row in audit.history()] == ["not_sent"]


@pytest.mark.parametrize("base", ["http://[::1", "http://", "nothing://127.0.0.1:1", "http://127.0.0.1:99999", "http://\x00"])  # fmt: skip
def test_a_base_url_that_is_none_was_not_sent_and_is_an_error_as_in_plain_ccxt(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, base: str
) -> None:

    bot = make_bot()
    bot.load_markets()
    bot.exchange.urls["api"]["spot"]["private"] = base
    plain = _plain_error(bot.colour, sandbox, base)

    with pytest.raises(type(plain)):
        bot.cancel_order(place(sandbox), SYMBOL)

    assert sandbox.arrivals == []
    assert [row["outcome"] for row in audit.history()] == ["not_sent"]


def _plain_error(colour: str, sandbox: Sandbox, base: str) -> Exception:
    """What plain ccxt raises there."""
    import ccxt.async_support
    import ccxt.pro

    kind = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}[colour]
    exchange = kind(sandbox.ccxt_config())

    async def ask() -> Exception:
        exchange.timeout_on_exit = 1
        await exchange.load_markets()
        exchange.urls["api"]["spot"]["private"] = base
        try:
            await exchange.cancel_order("4", SYMBOL)
        except Exception as error:
            return error
        finally:
            await exchange.close()
        raise AssertionError(base)

    if colour != "sync":
        return asyncio.run(ask())
    exchange.load_markets()
    exchange.urls["api"]["spot"]["private"] = base
    try:
        exchange.cancel_order("4", SYMBOL)
    except Exception as error:
        return error
    finally:
        exchange.session.close()
    raise AssertionError(base)
