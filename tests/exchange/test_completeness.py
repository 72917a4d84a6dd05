"""However a cancel is asked for, it is on record; and nothing is sent behind the record's back."""

import asyncio
import copy
import http.server
import json
import logging
import pickle
import re
import threading
import urllib.parse
from collections.abc import Iterator

import aiohttp
import ccxt
import pytest
import requests
import urllib3

from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders
from mexc_plugin.venue import endpoints
from tests.conftest import Audit, Bot, MakeBot, assert_complete

SYMBOL = "LTC/BTC"
SWAP = "BTC/USDT:USDT"


def place(sandbox: Sandbox, client_order_id: str | None = None, symbol: str = "LTCBTC") -> str:
    return sandbox.place(symbol, "BUY", "2", "0.002", client_order_id)


def futures(sandbox: Sandbox, family: str = "order", external: str | None = None) -> str:
    return sandbox.place_futures("BTC_USDT", 1, "1", "20000", external, family=family)


# -- the table of endpoints


def _api(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [(*path, key)] if key == "cost" else _api(value, (*path, key))
    elif isinstance(node, list):
        for value in node:
            yield (*path, value)
    else:
        yield path


# Words of a path that cancels, or that replaces or closes what may cancel.
MAY_CANCEL = "cancel|delete|change_|chase|close_all|position/reverse"


def test_every_endpoint_of_ccxt_that_may_cancel_is_in_one_of_our_two_tables() -> None:
    exchange = ccxt.mexc({"apiKey": "k", "secret": "s"})
    seen = 0
    for section, access, method, *rest in _api(exchange.describe()["api"]):
        path = "/".join(part for part in rest if part != "cost")
        if method != "delete" and not re.search(MAY_CANCEL, path.lower()):
            continue
        seen += 1
        url = exchange.sign(path, [section, access], method.upper(), {})["url"]
        known = endpoints.classify(method, url) is not None
        harmless = (method.upper(), path) in endpoints.NO_CANCEL
        assert known != harmless, f"{method} {path} is in {'both' if known else 'no'} table"
    assert seen >= 20  # the oldest ccxt knows fewer of them than the venue's pages


# -- every way to ask

WAYS = {
    "cancel_order": lambda b, s: b.cancel_order(place(s), SYMBOL),
    "cancel_order_with_client_order_id": lambda b, s: (place(s, "c"), b.cancel_order_with_client_order_id("c", SYMBOL)),
    "cancel_unified_order": lambda b, s: b.cancel_unified_order({"id": place(s), "symbol": SYMBOL}),
    "cancel_orders": lambda b, s: b.cancel_orders([place(s), place(s)], SYMBOL),
    "cancel_orders_with_client_order_ids": lambda b, s: (place(s, "c1"), b.cancel_orders_with_client_order_ids(["c1"], SYMBOL)),
    "cancel_all_orders of a symbol": lambda b, s: (place(s), b.cancel_all_orders(SYMBOL)),
    "cancel_all_orders of symbols": lambda b, s: (place(s), b.cancel_all_orders(params={"symbols": [SYMBOL, "LTC/USDT"]})),
    "cancel_all_orders of the account": lambda b, s: (place(s), b.request("order/all", ["spot", "private"], "DELETE", {})),
    "edit_order": lambda b, s: b.edit_order(place(s), SYMBOL, "limit", "buy", 1, 0.002),
    "edit_limit_buy_order": lambda b, s: b.edit_limit_buy_order(place(s), SYMBOL, 1, 0.002),
    "edit_order_with_client_order_id": lambda b, s: (place(s, "e1"), b.edit_order_with_client_order_id("e1", SYMBOL, "limit", "buy", 1, 0.002)),
    "margin": lambda b, s: b.cancel_order(place(s), SYMBOL, {"marginMode": "isolated"}),
    "margin, all": lambda b, s: (place(s), b.cancel_all_orders(SYMBOL, {"marginMode": "isolated"})),
    "swap": lambda b, s: b.cancel_order(futures(s), SWAP),
    "swap, trigger": lambda b, s: b.cancel_order(futures(s, "planorder"), SWAP, {"trigger": True, "method": "contractPrivatePostPlanorderCancel"}),
    "swap, several": lambda b, s: b.cancel_orders([futures(s), futures(s)], SWAP),
    "swap, all": lambda b, s: (futures(s), b.cancel_all_orders(SWAP)),
    "implicit spot": lambda b, s: b.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": place(s)}),
    "implicit spot, snake case": lambda b, s: b.spot_private_delete_order({"symbol": "LTCBTC", "orderId": place(s)}),
    "implicit openOrders": lambda b, s: (place(s), b.spotPrivateDeleteOpenOrders({"symbol": "LTCBTC,LTCUSDT"})),
    "implicit trigger": lambda b, s: b.contractPrivatePostStoporderCancel([{"stopPlanOrderId": futures(s, "stoporder")}]),
    "implicit futures all": lambda b, s: b.contractPrivatePostOrderCancelAll({}),
    "request": lambda b, s: b.request("order", ["spot", "private"], "DELETE", {"symbol": "LTCBTC", "orderId": place(s)}),
    "request, spelt oddly": lambda b, s: b.request("order/", ["spot", "private"], "DELETE", {"symbol": "LTCBTC", "orderId": place(s)}),
    "fetch2": lambda b, s: b.fetch2("order", ["spot", "private"], "DELETE", {"symbol": "LTCBTC", "orderId": place(s)}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_cancel_is_on_record(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, way: str
) -> None:
    bot = make_bot()
    try:
        WAYS[way](bot, sandbox)
    except ccxt.BaseError:
        assert way == "request, spelt oddly", (
            "the sandbox does not know that spelling; the rest must work"
        )
    assert len(sandbox.arrivals) or way == "request, spelt oddly"
    requests_on_record = audit.events("request")
    assert len(requests_on_record) >= max(len(sandbox.arrivals), 1)
    assert [(e["method"], e["path"].rstrip("/")) for e in requests_on_record] == [
        (a.method, a.path.rstrip("/")) for a in sandbox.arrivals
    ] or way == "request, spelt oddly"
    assert all(row["responded_at"] for row in audit.history())
    assert (
        not {row["outcome"] for row in audit.history()} & {"unknown", "pending"}
        or way == "request, spelt oddly"
    )


@pytest.mark.parametrize(
    ("backend", "colour"),
    [
        pytest.param("postgresql", "async", marks=pytest.mark.server),
        pytest.param("mariadb", "sync", marks=pytest.mark.server),
        pytest.param("mariadb", "pro", marks=pytest.mark.server),
    ],
)
def test_every_way_to_cancel_is_on_record_on_a_server_too(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    """One bot goes all the ways: what each of them does is told apart on SQLite, above."""
    for name, way in WAYS.items():
        if name != "request, spelt oddly":  # the sandbox does not know that spelling
            way(bot, sandbox)
    requests_on_record = audit.events("request")
    assert len(requests_on_record) == len(audit.events("response")) == len(sandbox.arrivals)
    assert {row["cancel_id"] for row in audit.history()} == {
        event["cancel_id"] for event in requests_on_record
    }
    assert "pending" not in {row["outcome"] for row in audit.history()}


def test_what_deletes_no_order_is_not_recorded(bot: Bot, sandbox: Sandbox, audit: Audit) -> None:
    key = bot.spotPrivatePostUserDataStream()["listenKey"]
    bot.spotPrivateDeleteUserDataStream({"listenKey": key})
    assert not audit.path.exists() or audit.events() == []


# -- several orders in one request


def test_a_cancel_all_names_every_order_with_its_own_result(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    ids = [place(sandbox, f"c{n}") for n in range(3)]
    sandbox.fill(ids[1], "0.5")
    orders = bot.cancel_all_orders(SYMBOL)
    assert [(o["id"], o["status"], o["clientOrderId"], o["filled"]) for o in orders] == [
        (ids[0], "canceled", "c0", 0.0),
        (ids[1], "canceled", "c1", 0.5),
        (ids[2], "canceled", "c2", 0.0),
    ]
    named = audit.payloads("response")[0]["orders"]
    assert {(o["order_id"], o["outcome"]) for o in named} == {
        (ids[0], "canceled"),
        (ids[1], "partially_canceled"),
        (ids[2], "canceled"),
    }


def test_a_cancel_all_with_nothing_open_is_accepted(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    assert bot.cancel_all_orders(SYMBOL) == []
    assert audit.history()[0]["outcome"] == "accepted"


def test_a_futures_list_holds_all_ids_asked_for_and_each_result(
    bot: Bot, sandbox, audit: Audit
) -> None:
    known = futures(sandbox)
    bot.load_markets()
    bot.contractPrivatePostOrderCancel([known, "999"])
    request, response = audit.payloads("request")[0], audit.payloads("response")[0]
    assert request["order_ids"] == [known, "999"]
    assert [(o["order_id"], o["outcome"]) for o in response["orders"]] == [
        (known, "accepted"),
        ("999", "not_found"),
    ]


def test_cancel_orders_tries_them_all_and_says_what_happened_to_each(
    bot: Bot, sandbox, audit: Audit
) -> None:
    first, last = place(sandbox), place(sandbox)
    orders = bot.cancel_orders([first, "999", last], SYMBOL)
    assert [(o["id"], o["status"], o["symbol"]) for o in orders] == [
        (first, "canceled", SYMBOL),
        ("999", "rejected", SYMBOL),
        (last, "canceled", SYMBOL),
    ]
    info = orders[1]["info"]
    assert (info["code"], info["error"], info["outcome"]) == ("-2011", "OrderNotFound", "not_found")
    assert info["msg"] == "Unknown order sent."
    assert len({row["cancel_id"] for row in audit.history()}) == 3


def test_cancel_orders_says_unknown_where_it_may_have_been_executed(bot: Bot, sandbox) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    order = bot.cancel_orders([place(sandbox)], SYMBOL)[0]
    assert (order["status"], order["info"]["outcome"]) == ("rejected", "unknown")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("12345", SYMBOL), ccxt.ArgumentsRequired),
        (([], None, {"clientOrderIds": ["a"]}), ccxt.ArgumentsRequired),
    ],
)
def test_cancel_orders_refuses_what_it_cannot_mean(bot: Bot, sandbox, arguments, error) -> None:
    with pytest.raises(error):
        bot.cancel_orders(*arguments)
    assert sandbox.arrivals == []


def test_cancel_orders_without_a_symbol_are_futures_orders_as_with_ccxt(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    order_id = futures(sandbox)
    orders = bot.cancel_orders([order_id])
    assert [order["id"] for order in orders] == [order_id]
    row = audit.history()[0]
    assert (row["outcome"], row["market_type"], row["order_id"]) == ("accepted", "swap", order_id)


def test_cancel_all_orders_without_a_symbol_cancels_the_account_as_ccxt_does(
    bot: Bot, sandbox, audit
) -> None:
    ids = [place(sandbox), sandbox.place("LTCUSDT", "BUY", "1", "1")]
    if not hasattr(bot.exchange, "spotPrivateDeleteOrderAll"):
        with pytest.raises(ccxt.ArgumentsRequired):  # as older ccxt does
            bot.cancel_all_orders()
        return
    assert bot.cancel_all_orders() == []
    assert {sandbox.order(order_id).status for order_id in ids} == {"CANCELED"}
    row = audit.history()[0]
    assert (row["outcome"], row["symbol"]) == ("accepted", None)


def test_cancelling_all_margin_orders_does_not_touch_the_spot_endpoint(bot: Bot, sandbox) -> None:
    place(sandbox)
    bot.cancel_all_orders(SYMBOL, {"marginMode": "isolated"})
    with pytest.raises(ccxt.ArgumentsRequired, match="margin"):
        bot.cancel_all_orders(None, {"marginMode": "isolated"})
    assert [a.path for a in sandbox.arrivals] == ["/api/v3/margin/openOrders"]


def test_more_than_five_symbols_are_refused_before_sending(bot: Bot, sandbox) -> None:
    with pytest.raises(ccxt.BadRequest, match="at most 5"):
        bot.cancel_all_orders(params={"symbols": [SYMBOL] * 6})
    assert sandbox.arrivals == []


def test_swap_and_margin_cancels_return_their_id(bot: Bot, sandbox) -> None:
    swap, margin = futures(sandbox), place(sandbox)
    assert bot.cancel_order(swap, SWAP)["id"] == swap
    assert bot.cancel_order(margin, SYMBOL, {"marginMode": "isolated"})["id"] == margin


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_the_markets_type_may_be_an_option_of_the_method_as_in_ccxt(
    make_bot, sandbox: Sandbox
) -> None:
    bot, order_id = make_bot(options={"cancelOrder": {"defaultType": "swap"}}), futures(sandbox)
    try:
        assert bot.cancel_order(order_id)["id"] == order_id
    except ccxt.NotSupported:  # older ccxt takes that option for the name of a method
        assert sandbox.arrivals == []
        return
    assert [a.path for a in sandbox.arrivals] == ["/api/v1/private/order/cancel"]


def test_a_margin_order_comes_back_whole_as_a_spot_order_does(bot: Bot, sandbox) -> None:
    spot, margin = place(sandbox), place(sandbox)
    names = ("symbol", "status", "type", "side", "price", "amount", "filled")
    orders = [bot.cancel_order(spot, SYMBOL), bot.cancel_order(margin, SYMBOL, {"marginMode": "isolated"})]  # fmt: skip

    found = [[order[name] for name in names] for order in orders]
    assert found[0] == found[1] == [SYMBOL, "canceled", "limit", "buy", 0.002, 2, 0]


def test_a_swap_order_that_is_not_there_is_order_not_found(bot: Bot, sandbox, audit) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        bot.cancel_order("999", SWAP)
    row = audit.history()[0]
    assert (row["outcome"], row["venue_code"], row["error_type"]) == (
        "not_found",
        "2040",
        "OrderNotFound",
    )


def test_edit_order_with_a_client_order_id_cancels_that_order(bot: Bot, sandbox) -> None:
    order_id, other = place(sandbox, "mine"), place(sandbox, "other")
    bot.edit_order_with_client_order_id("mine", SYMBOL, "limit", "buy", 1, 0.002)
    assert (sandbox.order(order_id).status, sandbox.order(other).status) == ("CANCELED", "NEW")


def test_edit_order_places_nothing_when_the_cancel_failed(bot: Bot, sandbox) -> None:
    before = len(sandbox.orders())
    with pytest.raises(ccxt.OrderNotFound):
        bot.edit_order("999", SYMBOL, "limit", "buy", 1, 0.002)
    assert len(sandbox.orders()) == before


# -- nothing twice


def test_a_dropped_kept_alive_connection_is_one_cancel_on_the_wire(
    bot: Bot, sandbox, audit
) -> None:
    order_id = place(sandbox)
    bot.load_markets()
    bot.cancel_order(place(sandbox), SYMBOL)
    sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(order_id, SYMBOL)
    assert len(sandbox.arrivals) == 2
    assert [row["outcome"] for row in audit.history()] == ["canceled", "unknown"]


def test_plain_requests_are_still_repeated_by_aiohttp_as_before(bot: Bot, sandbox) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1, method="GET", path="/api/v3/time"))
    if bot.colour == "sync":
        with pytest.raises(ccxt.NetworkError):
            bot.fetch_time()
    else:
        assert bot.fetch_time() > 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_cancel_is_not_followed(bot: Bot, sandbox, audit, status: int) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.REDIRECT, status=status, times=1))
    with pytest.raises(ccxt.BaseError):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert not [path for _, path in sandbox.requests if path == "/sandbox/elsewhere"]
    row = audit.history()[0]
    assert (row["outcome"], row["http_status"]) == ("unknown", status)


@pytest.mark.parametrize("colour", ["sync"])
def test_a_session_set_up_to_retry_does_not_repeat_a_cancel(
    make_bot: MakeBot, sandbox, audit
) -> None:
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(max_retries=urllib3.Retry(3, status_forcelist=[500]))
    session.mount("http://", adapter)
    bot = make_bot(session=session)
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.SERVER_ERROR))
    with pytest.raises(ccxt.ExchangeNotAvailable):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert len(sandbox.arrivals) == len(audit.history()) == 1
    assert adapter.max_retries.total == 3


@pytest.mark.parametrize("colour", ["async", "pro"])
def test_the_users_own_session_is_guarded_too(colour, sandbox: Sandbox, audit: Audit) -> None:
    from mexc_plugin import async_support, pro

    module = async_support if colour == "async" else pro

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            exchange = module.mexc(
                {
                    **sandbox.ccxt_config(),
                    "session": session,
                    "options": {"audit": {"url": audit.url}},
                }
            )
            exchange.timeout_on_exit = 1
            await exchange.load_markets()
            await exchange.cancel_order(place(sandbox), SYMBOL)
            sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1))
            with pytest.raises(ccxt.NetworkError):
                await exchange.cancel_order(place(sandbox), SYMBOL)
            await exchange.close()
            assert not session.closed

    asyncio.run(main())
    assert_complete(sandbox, audit)


# -- like ccxt where it is not cancelling


def test_it_is_ccxt_s_class_by_every_test(colour, make_bot: MakeBot) -> None:
    import ccxt.async_support
    import ccxt.pro

    theirs = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}[colour]
    exchange = make_bot(enableRateLimit=True).exchange
    plain = theirs()
    assert isinstance(exchange, theirs)
    assert (type(exchange).__name__, exchange.id, exchange.alias) == ("mexc", "mexc", False)
    assert exchange.has == plain.has
    ours, described = exchange.describe(), plain.describe()
    (
        ours.pop("streaming", None),
        described.pop("streaming", None),
    )  # pro's holds a method of the instance
    assert ours == described
    if colour != "sync":
        for name in ("cancel_order", "cancelOrder", "fetch", "request", "cancel_orders"):
            assert asyncio.iscoroutinefunction(getattr(exchange, name)), name


def test_camel_case_names_cancel_natively_too(bot: Bot, sandbox) -> None:
    order_id = place(sandbox, "mine")
    assert bot.cancelOrder(order_id, SYMBOL)["clientOrderId"] == "mine"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("colour", ["sync"])
def test_an_instance_that_has_cancelled_can_be_copied_and_cancels_on(
    make_bot, sandbox, audit, copied
) -> None:
    bot = make_bot()
    bot.cancel_order(place(sandbox), SYMBOL)
    other = copied(bot.exchange)
    other.cancel_order(place(sandbox), SYMBOL)
    other.session.close()
    assert_complete(sandbox, audit)
    assert len(audit.history()) == 2


@pytest.mark.parametrize("colour", ["async", "pro"])
def test_an_async_instance_can_be_copied_before_it_has_a_session(make_bot, sandbox, audit) -> None:
    bot = make_bot()
    other = copy.deepcopy(bot.exchange)
    other.timeout_on_exit = 1

    async def use() -> None:
        await other.cancel_order(place(sandbox), SYMBOL)
        await other.close()

    bot.run(use())
    assert_complete(sandbox, audit)


def test_a_fetch_that_the_user_put_there_sends_and_is_recorded(bot: Bot, sandbox, audit) -> None:
    bot.load_markets()
    order_id = place(sandbox)
    seen = []

    def fetch(url, method="GET", headers=None, body=None):
        seen.append(method)
        response = requests.request(method, url, headers=headers, data=body, timeout=10)
        return response.json()

    async def async_fetch(*args):
        return fetch(*args)

    bot.exchange.fetch = fetch if bot.colour == "sync" else async_fetch
    assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
    assert seen == ["DELETE"]
    row = audit.history()[0]
    assert (row["outcome"], row["http_status"]) == ("canceled", None)
    del bot.exchange.fetch
    bot.cancel_order(place(sandbox), SYMBOL)
    assert seen == ["DELETE"]


def test_a_fetch_that_wraps_the_original_is_recorded_once(bot: Bot, sandbox, audit) -> None:
    bot.load_markets()
    original = bot.exchange.fetch
    seen = []

    def fetch(*args):
        seen.append(args[1])
        return original(*args)

    bot.exchange.fetch = fetch
    order_id = place(sandbox)
    assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
    assert bot.fetch_time() > 0
    assert seen == ["DELETE", "GET"]
    assert audit.history()[0]["http_status"] == 200
    bot.exchange.fetch = original
    bot.cancel_order(place(sandbox), SYMBOL)
    assert len(seen) == 2


def test_a_sign_that_the_user_put_there_is_used(bot: Bot, sandbox) -> None:
    bot.load_markets()
    original = bot.exchange.sign
    signed = []

    def sign(path, *args, **kwargs):
        signed.append(path)
        return original(path, *args, **kwargs)

    bot.exchange.sign = sign
    bot.cancel_order(place(sandbox), SYMBOL)
    assert signed == ["order"]


def test_verbose_prints_no_key_and_no_signature(make_bot: MakeBot, sandbox, capfd) -> None:
    bot = make_bot(verbose=True)
    bot.cancel_order(place(sandbox), SYMBOL)
    printed = capfd.readouterr().out
    assert "fetch Request" in printed
    assert bot.exchange.apiKey not in printed
    assert bot.exchange.secret not in printed
    assert "signature=[redacted]" in printed


def test_debug_logs_hold_no_key_and_no_signature(make_bot: MakeBot, sandbox, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        bot = make_bot()
        bot.cancel_order(place(sandbox), SYMBOL)
    assert "Request:" in caplog.text
    assert bot.exchange.apiKey not in caplog.text
    assert bot.exchange.secret not in caplog.text
    assert re.search("signature=[0-9a-f]", caplog.text) is None


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DELAY_BEFORE])
def test_no_secret_is_in_the_errors_of_other_requests_either(make_bot, sandbox, kind) -> None:
    bot = make_bot(timeout=300)
    bot.load_markets()
    sandbox.inject(Fault(kind, method="GET", path="/api/v3/account", seconds=1))
    with pytest.raises(ccxt.NetworkError) as caught:
        bot.fetch_balance()
    error: BaseException | None = caught.value
    while error is not None:
        assert re.search("signature=[0-9a-f]", f"{error!s}{error!r}") is None
        error = error.__cause__ or error.__context__


class _Forward(http.server.BaseHTTPRequestHandler):
    """A proxy of both kinds: absolute URLs in the request line, and `proxyUrl?<encoded URL>`."""

    seen: list[str]

    def _forward(self) -> None:
        type(self).seen.append(self.path)
        found = self.path.partition("?to=")[2]
        url = urllib.parse.unquote(found) if found else self.path
        names = ("X-MEXC-APIKEY", "ApiKey", "Request-Time", "Signature", "Content-Type")
        headers = {name: self.headers[name] for name in names if self.headers[name]}
        answer = requests.request(self.command, url, headers=headers, timeout=10)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_DELETE = do_POST = _forward  # noqa: N815 - the library's names

    def log_message(self, *args: object) -> None:
        """Nothing prints."""


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    handler = type("Forward", (_Forward,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen
        server.shutdown()
        thread.join()


PROXIES = {
    "httpProxy": lambda url: {"httpProxy": url},
    "httpsProxy": lambda url: {"httpsProxy": url},
    "the library's own": lambda url: {"proxies": {"http": url}, "aiohttp_proxy": url},
}


@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxy_carries_the_cancel_and_the_record_holds_the_venue_s_path(
    make_bot, sandbox, audit, proxy, kind
) -> None:
    url, seen = proxy
    settings = PROXIES[kind](url)
    bot = make_bot()
    bot.load_markets()
    for name, value in settings.items():
        if bot.colour == "sync" or name != "proxies":
            setattr(bot.exchange, name, value)
    order_id = place(sandbox)
    if kind == "httpsProxy" and bot.colour == "sync":
        # requests uses it for https alone: the cancel goes out directly, and is on record all the same.
        assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
    else:
        assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
        assert len([path for path in seen if "order" in path]) == 1
    row, request = audit.history()[0], audit.payloads("request")[0]
    assert (row["outcome"], request["path"]) == ("canceled", "/api/v3/order")
    assert len(sandbox.arrivals) == 1


def test_a_proxy_url_does_what_it_does_in_plain_ccxt_and_is_on_record(
    bot: Bot, sandbox, audit, proxy
) -> None:
    url, seen = proxy
    bot.load_markets()
    bot.exchange.proxyUrl = f"{url}/?to="
    try:
        bot.fetch_time()
    except ccxt.BaseError as error:  # ccxt 4.5.90 takes it for two proxies at once
        with pytest.raises(type(error)):
            bot.cancel_order(place(sandbox), SYMBOL)
        assert audit.history()[0]["outcome"] == "not_sent"
        assert sandbox.arrivals == []
    else:
        bot.cancel_order(place(sandbox), SYMBOL)
        assert audit.history()[0]["outcome"] == "canceled"
        assert len([path for path in seen if "order" in path]) == 1


def test_markets_may_be_shared_between_instances(make_bot: MakeBot, sandbox) -> None:
    first, second = make_bot(), make_bot()
    first.load_markets()
    second.exchange.set_markets_from_exchange(first.exchange)
    requests_before = len(sandbox.requests)
    second.cancel_order(place(sandbox), SYMBOL)
    assert len(sandbox.requests) == requests_before + 1


def test_two_exchanges_on_one_database_are_one_writer(make_bot: MakeBot, sandbox, audit) -> None:
    for bot in (make_bot(), make_bot(options={})):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert len({event["writer_id"] for event in audit.events()}) == 1


@pytest.mark.parametrize("colour", ["sync"])
def test_one_exchange_serves_many_threads(bot: Bot, sandbox, audit) -> None:
    bot.load_markets()
    bot.exchange.enableRateLimit = False
    threads = [
        threading.Thread(target=bot.exchange.cancel_order, args=(place(sandbox), SYMBOL))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["outcome"] for row in audit.history()] == ["canceled"] * 20


def test_closing_at_odd_moments_is_harmless(make_bot: MakeBot, sandbox, audit) -> None:
    bot = make_bot()
    if bot.colour == "sync":
        bot.exchange.__del__() if hasattr(bot.exchange, "close") else bot.exchange.session.close()
    else:
        bot.run(bot.exchange.close())
    recorders.close_all()
    recorders.close_all()
    if getattr(bot.exchange, "closed_by_user", False):
        with pytest.raises(ccxt.BaseError):  # as in ccxt: a closed instance is opened again first
            bot.cancel_order(place(sandbox), SYMBOL)
        bot.exchange.closed_by_user = False
    bot.cancel_order(place(sandbox), SYMBOL)
    assert len(audit.history()) == 1


# -- reconciliation


def lose_answer(
    bot: Bot, sandbox: Sandbox, kind: FaultKind = FaultKind.DROP_AFTER, **asked: str
) -> str:
    bot.load_markets()
    order_id = place(sandbox, asked.get("client"))
    sandbox.inject(Fault(kind, times=1))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(
            order_id if not asked else None, SYMBOL, {"clientOrderId": asked.get("client")}
        )
    return order_id


@pytest.mark.parametrize("asked", [{}, {"client": "mine"}])
def test_the_venue_s_word_resolves_an_unknown_cancel(bot: Bot, sandbox, audit, asked) -> None:
    lose_answer(bot, sandbox, **asked)
    assert [r["outcome"] for r in bot.reconcile_cancels()] == ["canceled"]
    row = audit.history()[0]
    assert (row["outcome"], row["final_outcome"]) == ("unknown", "canceled")
    assert row["reconciled_at"] > row["responded_at"]
    event = audit.payloads("reconciliation")[0]
    assert json.loads(event["response"]["body"])["status"] == "CANCELED"
    assert (event["response"]["status"], event["http_status"]) == (200, 200)
    assert bot.reconcile_cancels() == []


def test_a_cancel_of_several_orders_cannot_be_asked_about_which_is_said(bot: Bot, sandbox) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_all_orders(SYMBOL)
    before = len(sandbox.requests)

    result = bot.reconcile_cancels()[0]

    assert (result["outcome"], "no single spot order" in result["reason"]) == (None, True)
    assert len(sandbox.requests) == before


def test_a_dry_run_asks_and_writes_nothing(bot: Bot, sandbox, audit) -> None:
    lose_answer(bot, sandbox)
    before = len(sandbox.requests)
    assert [r["outcome"] for r in bot.reconcile_cancels(dry_run=True)] == [None]
    assert len(sandbox.requests) == before
    assert audit.events("reconciliation") == []


def test_an_order_still_open_stays_unknown_until_its_request_has_expired(
    bot: Bot, sandbox, audit
) -> None:
    lose_answer(bot, sandbox, FaultKind.DROP_BEFORE)
    assert [r["outcome"] for r in bot.reconcile_cancels()] == [None]
    assert audit.history()[0]["final_outcome"] == "unknown"
    milliseconds = bot.exchange.milliseconds
    bot.exchange.milliseconds = lambda: milliseconds() + 8_000
    bot.exchange.nonce = milliseconds
    result = bot.reconcile_cancels()[0]
    assert (result["outcome"], "still open" in result["reason"]) == ("still_open", True)


def test_an_order_that_the_venue_does_not_know_is_no_proof_of_a_cancel(
    bot: Bot, sandbox, audit
) -> None:
    lose_answer(bot, sandbox)
    sandbox.inject(
        Fault(
            FaultKind.REFUSAL,
            method="GET",
            path="/api/v3/order",
            code=-2013,
            message="Order does not exist.",
            times=1,
        )
    )
    result = bot.reconcile_cancels()[0]
    assert (result["outcome"], "no proof" in result["reason"]) == ("not_found", True)
    assert audit.history()[0]["venue_code"] is None
    assert audit.payloads("reconciliation")[0]["venue_code"] == "-2013"


@pytest.mark.parametrize(
    "kind", [FaultKind.SERVER_ERROR, FaultKind.HTML, FaultKind.DROP_BEFORE, FaultKind.RATE_LIMIT]
)
def test_an_answer_that_says_nothing_resolves_nothing(bot: Bot, sandbox, audit, kind) -> None:
    lose_answer(bot, sandbox)
    sandbox.inject(Fault(kind, method="GET", path="/api/v3/order", times=2))
    result = bot.reconcile_cancels()[0]
    assert result["outcome"] is None
    assert result["reason"]
    assert audit.events("reconciliation") == []


def test_progress_is_told(bot: Bot, sandbox) -> None:
    for _ in range(2):
        lose_answer(bot, sandbox)
    told = []
    bot.reconcile_cancels(on_progress=lambda done, total, newest: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_the_cancels_of_another_account_are_not_asked_about(make_bot: MakeBot, sandbox) -> None:
    lose_answer(make_bot(), sandbox)
    assert make_bot(apiKey="another-key").reconcile_cancels() == []


def test_reconciling_without_a_key_is_refused(make_bot: MakeBot) -> None:
    with pytest.raises(ccxt.AuthenticationError):
        make_bot(apiKey="").reconcile_cancels()


def test_confirm_asks_at_once_and_returns_the_order(bot: Bot, sandbox, audit) -> None:
    bot.load_markets()
    order_id = place(sandbox, "mine")
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    order = bot.cancel_order(order_id, SYMBOL, {"confirm": True})
    assert (order["id"], order["status"], order["clientOrderId"]) == (order_id, "canceled", "mine")
    assert order["info"]["status"] == "CANCELED"
    assert audit.history()[0]["final_outcome"] == "canceled"
    assert "confirm" not in sandbox.arrivals[0].params


def test_confirm_raises_the_original_error_when_the_venue_does_not_say(
    bot: Bot, sandbox, audit
) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DROP_BEFORE, times=1))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(place(sandbox), SYMBOL, {"confirm": True})
    assert audit.history()[0]["final_outcome"] == "unknown"


def test_a_refused_cancel_is_not_asked_about(bot: Bot, sandbox) -> None:
    bot.load_markets()
    with pytest.raises(ccxt.OrderNotFound):
        bot.cancel_order("999", SYMBOL, {"confirm": True})
    assert ("GET", "/api/v3/order") not in sandbox.requests


def test_a_cancel_all_is_found_by_each_order_that_it_took_away(bot: Bot, sandbox, audit) -> None:
    from mexc_plugin.store.read import queries

    ids = [place(sandbox, f"c{n}") for n in range(2)]
    bot.cancel_all_orders(SYMBOL)
    swap = [futures(sandbox), futures(sandbox)]
    bot.cancel_orders(swap, SWAP)
    recorders.close_all()
    with queries.reading(audit.url) as connection:

        def find(**ids: str) -> list[str]:
            filters = queries.Filters(**{name: (value,) for name, value in ids.items()})
            return [row["path"] for row in _paths(connection, filters)]

        def _paths(connection, filters):
            for row in queries.history(connection, filters):
                yield from queries.events(connection, row["cancel_id"])

        assert set(find(order_ids=ids[1])) == {"/api/v3/openOrders"}
        assert set(find(client_order_ids="c0")) == {"/api/v3/openOrders"}
        assert set(find(order_ids=swap[0])) == {"/api/v1/private/order/cancel"}
        assert find(order_ids="999") == []
