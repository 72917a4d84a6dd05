"""What ccxt sends, we send: nothing that is computed for the record raises before it, whatever a bot hands over."""

import decimal
import enum
import shutil
from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
import requests

from mexc_plugin.sandbox import DEFAULT_KEY, Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders
from tests.conftest import Audit, Bot, MakeBot, assert_complete, logged

SYMBOL = "LTC/BTC"
PLAIN = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}


class Mute:
    """Says nothing of itself."""

    def __str__(self) -> str:
        raise RuntimeError("no word")

    __repr__ = __str__


class Text(str):
    """A bot's own kind of text."""

    __slots__ = ()


class Number(int):
    pass


class Missing:
    """As pandas has it: it compares with nothing."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _other: object) -> bool:
        raise TypeError("ambiguous")

    __ne__ = __eq__

    def __str__(self) -> str:
        return "<NA>"


class Side(enum.StrEnum):
    ID = "4"


class Named:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.fixture
def ready(make_bot: MakeBot) -> Bot:
    bot = make_bot()
    bot.load_markets()
    return bot


@pytest.fixture
def plain(ready: Bot, sandbox: Sandbox) -> Any:
    """Plain ccxt's exchange of the same colour, behind the same interface, at the same venue."""
    bot = Bot.__new__(Bot)
    bot.colour, bot._runner = ready.colour, ready._runner
    bot.exchange = PLAIN[ready.colour](sandbox.ccxt_config())
    bot.load_markets()
    yield bot
    if bot.colour == "sync":
        bot.exchange.session.close()
    else:
        bot.exchange.timeout_on_exit = 1
        bot.run(bot.exchange.close())


def sent_by(bot: Bot, sandbox: Sandbox, cancel: Callable[[Bot], Any]) -> Any:
    """What a bot's cancel puts on the wire, without what signing adds; the error's class where nothing was sent."""
    before = len(sandbox.arrivals)
    error = None
    try:
        cancel(bot)
    except Exception as raised:
        error = raised
    arrived = sandbox.arrivals[before:]
    if not arrived:
        return type(error)
    (arrival,) = arrived
    params = {k: v for k, v in arrival.params.items() if k not in ("timestamp", "signature")}
    return arrival.method, arrival.path, params


def check(ready: Bot, plain: Bot, sandbox: Sandbox, cancel: Callable[[Bot], Any]) -> Any:
    """Both send the same; returns what."""
    theirs, ours = sent_by(plain, sandbox, cancel), sent_by(ready, sandbox, cancel)
    if isinstance(theirs, type):
        assert issubclass(ours, theirs) or issubclass(ours, ccxt.BaseError)
    else:
        assert theirs == ours
    return ours


# -- ids

IDS = {
    "a text": "4", "text of its own kind": Text("4"), "an enum": Side.ID, "a whole number": 4, "a number of its own kind": Number(4),
    "bytes": b"4", "a decimal": decimal.Decimal(4), "an object": Named("4"), "what is missing": Missing(), "a comma in it": "a,b", "blanks in it": "a b", "odd letters": "заявка-№4", "a slash": "a/b?c=d&e", "long": "x" * 3000,
}  # fmt: skip


@pytest.mark.parametrize("name", IDS)
def test_an_id_of_any_kind_is_sent_as_ccxt_sends_it(
    ready: Bot, plain: Bot, sandbox: Sandbox, audit: Audit, name: str
) -> None:
    def cancel(bot: Bot) -> Any:
        return bot.cancel_order(IDS[name], SYMBOL)

    if name == "bytes":  # ccxt sends Python's way to write them: b'4'
        assert sent_by(ready, sandbox, cancel)[2]["orderId"] == "4"
        return
    sent = check(ready, plain, sandbox, cancel)
    assert sent[2]["orderId"] == str(IDS[name])
    assert audit.history()[0]["order_id"] == str(IDS[name])[:128]


@pytest.mark.parametrize("value", [4.0, 4e15, float("4")])
def test_a_whole_float_is_sent_as_the_number_that_it_means(
    ready: Bot, sandbox: Sandbox, value: float
) -> None:
    assert sent_by(ready, sandbox, lambda bot: bot.cancel_order(value, SYMBOL))[2]["orderId"] == str(int(value))  # fmt: skip


@pytest.mark.parametrize("value", [float(2**53), 1e20, float("inf"), -1e300])
def test_a_float_that_names_no_one_order_is_refused_before_it_is_sent(
    ready: Bot, sandbox: Sandbox, value: float
) -> None:
    assert sent_by(ready, sandbox, lambda bot: bot.cancel_order(value, SYMBOL)) is ccxt.BadRequest


@pytest.mark.parametrize("value", ["a,b", "a, b", ",", "c,", "1,2,3"])
@pytest.mark.parametrize("by_client_id", [True, False])
def test_a_comma_is_part_of_an_id_where_one_order_is_cancelled(
    ready: Bot, sandbox: Sandbox, audit: Audit, value: str, by_client_id: bool
) -> None:
    if by_client_id:
        sandbox.place("LTCBTC", "BUY", "2", "0.002", value)
        order = ready.cancel_order(None, SYMBOL, {"clientOrderId": value})
        assert (order["clientOrderId"], order["status"]) == (value, "canceled")
        assert audit.history()[0]["client_order_id"] == value
    else:
        sent = sent_by(ready, sandbox, lambda bot: bot.cancel_order(value, SYMBOL))
        assert sent[2]["orderId"] == value
        assert audit.history()[0]["order_id"] == value


# -- parameters

PARAMS = {
    "bytes": {"note": b"x"}, "a key of bytes": {b"note": "x"}, "a float": {"note": 1.5}, "a decimal": {"note": decimal.Decimal("1.50")},
    "a list": {"note": ["a", "b"]}, "a dict": {"note": {"a": 1}}, "an object": {"note": Named("x")}, "a number for a key": {1: "x"},
    "odd letters": {"заметка": "№"}, "a line": {"note": "a\r\nb"}, "a mute object": {"note": Mute()}, "a lone surrogate": {"note": "\ud800"},
    "a surrogate in the key": {"\ud800": "x"}, "a tuple": {"note": ()}, "not a number": {"note": float("nan")}, "a set": {"note": {"a"}}, "a boolean": {"note": True},
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("way", ["cancel_order", "implicit", "cancel_all_orders"])
def test_parameters_of_any_kind_are_sent_as_ccxt_sends_them_or_fail_as_there(
    ready: Bot, plain: Bot, sandbox: Sandbox, audit: Audit, name: str, way: str
) -> None:
    def cancel(bot: Bot) -> Any:
        params = dict(PARAMS[name])
        if way == "cancel_order":
            return bot.cancel_order("4", SYMBOL, params)
        if way == "implicit":
            return bot.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "4"} | params)
        return bot.cancel_all_orders(SYMBOL, params)

    sent = check(ready, plain, sandbox, cancel)
    if not isinstance(sent, type):
        assert_complete_of_ours(sandbox, audit)


def assert_complete_of_ours(sandbox: Sandbox, audit: Audit) -> None:
    stamps = [event["request"]["url"] for event in audit.payloads("request")]
    assert len(stamps) == 1
    assert sandbox.arrivals[-1].params["timestamp"] in stamps[0]


WINDOWS = [Mute(), object(), b"7000", "7000", 7000.0, decimal.Decimal(7000), True, [], {}, float("nan"), decimal.Decimal("NaN"), "\ud800", "1e400", -1]  # fmt: skip


@pytest.mark.parametrize("window", WINDOWS, ids=range(len(WINDOWS)))
@pytest.mark.parametrize("way", ["cancel_order", "cancel_orders", "cancel_all_orders", "swap"])
def test_a_recv_window_of_any_kind_stops_no_cancel(
    ready: Bot, sandbox: Sandbox, audit: Audit, window: Any, way: str
) -> None:
    """ccxt overwrites the caller's, whatever it is."""
    order_id, params = sandbox.place("LTCBTC", "BUY", "2", "0.002"), {"recvWindow": window}
    if way == "swap":
        swap = sandbox.place_futures("BTC_USDT", 1, "1", "20000")
        assert ready.cancel_order(swap, "BTC/USDT:USDT", params)["id"] == swap
        return
    if way == "cancel_order":
        ready.cancel_order(order_id, SYMBOL, params)
    elif way == "cancel_orders":
        ready.cancel_orders([order_id], SYMBOL, params)
    else:
        ready.cancel_all_orders(SYMBOL, params)
    assert not sandbox.order(order_id).is_open
    sent = sandbox.arrivals[0].params["recvWindow"]
    seven = isinstance(window, bytes | str | float | decimal.Decimal) and "7000" in str(window)
    assert sent == ("7000" if seven and way != "cancel_all_orders" else "5000")


@pytest.mark.parametrize("symbols", ["LTC/BTC", ["LTC/BTC"], ("LTC/BTC",), {"LTC/BTC"}])
def test_the_symbols_of_a_cancel_all_may_be_one_text(
    ready: Bot, sandbox: Sandbox, symbols: Any
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    ready.cancel_all_orders(None, {"symbols": symbols})
    assert not sandbox.order(order_id).is_open
    assert [arrival.params["symbol"] for arrival in sandbox.arrivals] == ["LTCBTC"]


class Odd(UserDict):
    """A mapping that is no dict."""


def test_params_may_be_none_or_another_mapping(ready: Bot, sandbox: Sandbox) -> None:
    for params in (None, {}, Odd({"newClientOrderId": "c1"})):
        sent = sent_by(ready, sandbox, lambda bot, params=params: bot.cancel_order("4", SYMBOL, params))  # fmt: skip
        assert sent[2]["orderId"] == "4"
    assert sandbox.arrivals[-1].params["newClientOrderId"] == "c1"


@pytest.mark.parametrize("params", [{"signature": "of-the-caller", "timestamp": 1, "foo": None, "bar": ""}])  # fmt: skip
@pytest.mark.parametrize("way", ["cancel_order", "cancel_all_orders", "cancel_orders", "margin, all"])  # fmt: skip
def test_nothing_empty_and_no_signature_of_the_callers_is_sent(
    ready: Bot, sandbox: Sandbox, way: str, params: dict[str, Any]
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    given = dict(params)
    if way == "cancel_order":
        ready.cancel_order(order_id, SYMBOL, given)
    elif way == "cancel_orders":
        ready.cancel_orders([order_id], SYMBOL, given)
    else:
        extra = {"marginMode": "isolated"} if way == "margin, all" else {}
        ready.cancel_all_orders(SYMBOL, given | extra)
    assert given == params
    assert not sandbox.order(order_id).is_open
    arrived = sandbox.arrivals[0].params
    assert not {"foo", "bar"} & set(arrived)
    assert int(arrived["timestamp"]) > 1
    assert "of-the-caller" not in str(arrived)


@pytest.mark.parametrize("ids", [None, "4", 4])
def test_client_order_ids_of_swaps_are_refused_with_an_error_of_ccxts(
    ready: Bot, sandbox: Sandbox, ids: Any
) -> None:
    with pytest.raises(ccxt.ArgumentsRequired, match="clientOrderIds"):
        ready.cancel_orders(ids, "BTC/USDT:USDT", {"clientOrderIds": ["c"]})
    assert sandbox.arrivals == []


# -- keys, URLs, headers


def test_a_key_of_bytes_cancels_and_is_not_on_record(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot()
    bot.load_markets()
    bot.exchange.apiKey = DEFAULT_KEY.encode()
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    try:
        bot.cancel_order(order_id, SYMBOL)
    except TypeError:  # aiohttp takes no bytes for a header: as with plain ccxt
        assert bot.colour != "sync"
    assert DEFAULT_KEY.encode() not in audit.stored()
    assert len(audit.history()) == 1
    fingerprints = {row["account"] for row in audit.history()}
    bot.exchange.apiKey = DEFAULT_KEY
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "2", "0.002"), SYMBOL)
    assert {row["account"] for row in audit.history()} == fingerprints


def resign(bot: Bot, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A `sign` of the bot's own, which changes what ccxt's makes."""
    original = bot.exchange.sign
    bot.exchange.sign = lambda *args, **kwargs: change(original(*args, **kwargs))


SIGNED = {
    "a URL of bytes": lambda signed: signed | {"url": signed["url"].encode()},
    "a URL of its own kind": lambda signed: signed | {"url": Text(signed["url"])},
    "a method in small letters": lambda signed: signed | {"method": signed["method"].lower()},
    "headers of bytes": lambda signed: signed | {"headers": {k.encode(): v.encode() for k, v in signed["headers"].items()}},
    "headers of requests": lambda signed: signed | {"headers": requests.structures.CaseInsensitiveDict(signed["headers"])},
    "headers as another mapping": lambda signed: signed | {"headers": Odd(signed["headers"])},
    "a number in the headers": lambda signed: signed | {"headers": signed["headers"] | {"X-Number": 1}},
    "a mute object in the headers": lambda signed: signed | {"headers": signed["headers"] | {"X-Mute": Mute()}},
    "None in the headers": lambda signed: signed | {"headers": signed["headers"] | {"X-None": None}},
    "no headers": lambda signed: signed | {"headers": None},
    "a body of bytes": lambda signed: signed | {"body": b"{}"},
    "a body that is no text": lambda signed: signed | {"body": b"\xff\xfe"},
    "a body that is a dict": lambda signed: signed | {"body": {"a": "b"}},
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNED)
def test_what_a_sign_of_the_bots_own_makes_is_sent_as_ccxt_sends_it(
    ready: Bot, plain: Bot, sandbox: Sandbox, audit: Audit, name: str
) -> None:
    for bot in (plain, ready):
        resign(bot, SIGNED[name])

    check(ready, plain, sandbox, lambda bot: bot.cancel_order("4", SYMBOL))

    assert len(audit.events("request")) == len(audit.events("response")) == 1
    assert DEFAULT_KEY.encode() not in audit.stored()


# -- what comes back

CIRCLE: dict[str, Any] = {"symbol": "LTCBTC"}
CIRCLE["itself"] = CIRCLE
ODD_RESULTS: dict[str, tuple[Any, str]] = {
    "a mute object inside": ({"symbol": "LTCBTC", "orderId": "4", "status": "CANCELED", "x": Mute()}, "canceled"),
    "a key that is no text": ({"symbol": "LTCBTC", "orderId": "4", ("a", "b"): 1}, "unknown"),
    "a circle": (CIRCLE, "unknown"),
    "a number too long to write": ({"orderId": 10**5000}, "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_RESULTS)
def test_what_a_replaced_fetch_returns_is_on_record_whatever_it_is(
    ready: Bot, sandbox: Sandbox, audit: Audit, name: str
) -> None:
    result, outcome = ODD_RESULTS[name]

    async def fetch(*_args: Any) -> Any:
        return result

    ready.exchange.fetch = (lambda *_args: result) if ready.colour == "sync" else fetch
    call = {"symbol": "LTCBTC", "orderId": "4"}
    if outcome == "unknown":
        with pytest.raises(ccxt.BadResponse):
            ready.spotPrivateDeleteOrder(call)
    else:
        assert ready.spotPrivateDeleteOrder(call) is result

    assert [row["outcome"] for row in audit.history()] == [outcome]


def test_a_date_that_no_clock_has_in_retry_after_loses_no_answer(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    ready.exchange.options["maxRetriesOnFailure"] = 0
    late = {"Retry-After": "9" * 22 + " Jan 2026 00:00:00"}
    sandbox.inject(Fault(FaultKind.RATE_LIMIT, times=1, headers=late))

    with pytest.raises(ccxt.RateLimitExceeded):
        ready.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "4"})

    assert [row["outcome"] for row in audit.history()] == ["rate_limited"]


def test_a_recv_window_of_the_bots_beyond_any_number_loses_no_event(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    ready.exchange.options["recvWindow"] = 10**400
    with pytest.raises(ccxt.BaseError):
        ready.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "4"})
    assert_complete(sandbox, audit)


# -- markets

ODD_MARKETS: dict[str, Any] = {
    "none": None, "empty": {}, "a list for all": {"LTCBTC": []}, "a list of nothing": {"LTCBTC": [None]}, "no market": {"LTCBTC": None},
    "a text": {"LTCBTC": "LTC/BTC"}, "a number": {"LTCBTC": 1}, "a market without a symbol": {"LTCBTC": [{}]}, "a symbol that is none": {"LTCBTC": [{"symbol": 4}]},
    "a mute symbol": {"LTCBTC": [{"symbol": Mute()}]}, "a mute object": {"LTCBTC": Mute()}, "no mapping": Mute(), "a text for all": "LTCBTC",
    "a market by itself": {"LTCBTC": {"symbol": "LTC/BTC"}},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_MARKETS)
def test_odd_markets_stop_no_cancel_by_an_implicit_method(
    ready: Bot, sandbox: Sandbox, audit: Audit, name: str
) -> None:
    ready.exchange.markets_by_id = ODD_MARKETS[name]
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")

    ready.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": order_id})

    assert not sandbox.order(order_id).is_open
    (row,) = audit.history()
    expected = "LTC/BTC" if name == "a market by itself" else None
    assert (row["symbol"], row["native_symbol"], row["outcome"]) == (expected, "LTCBTC", "canceled")


def test_the_symbol_of_a_raw_cancel_is_ccxts_once_markets_are_loaded(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    """`markets_by_id` holds lists of markets."""
    bot = make_bot()
    for loaded in (False, True):
        if loaded:
            bot.load_markets()
            assert isinstance(bot.exchange.markets_by_id["LTCBTC"], list)
        order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
        bot.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": order_id})
    assert [row["symbol"] for row in audit.history()] == [None, "LTC/BTC"]
    assert [row["native_symbol"] for row in audit.history()] == ["LTCBTC", "LTCBTC"]


# -- the exchange itself


def test_what_is_to_be_said_stops_no_cancel_where_nothing_can_be_recorded(
    make_bot: MakeBot, sandbox: Sandbox, tmp_path: Path, caplog
) -> None:
    """The record's folder is gone, and there is something to warn of: before the send, and after it."""
    (tmp_path / "gone").mkdir()
    bot = make_bot(options={"audit": {"url": f"sqlite:///{tmp_path}/gone/audit.db"}})
    bot.load_markets()
    recorders.close_all()  # as in a forked child
    shutil.rmtree(tmp_path / "gone")
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")

    assert bot.cancel_order(order_id, SYMBOL, {"recvWindow": 100_000})["status"] == "canceled"

    answer = {"symbol": "LTCBTC", "orderId": "4"}

    async def request(*_args: Any, **_kwargs: Any) -> Any:
        return answer

    bot.exchange.request = (lambda *_a, **_k: answer) if bot.colour == "sync" else request
    assert bot.cancel_order("4", SYMBOL)["id"] == "4"
    assert logged(caplog, "recvWindow")
    assert logged(caplog, "events are lost")


@pytest.mark.parametrize(
    "change",
    [{"password": Mute()}, {"token": 5}, {"uid": object()}, {"headers": {"X-Own": "1"}}, {"userAgent": None}, {"verbose": True}, {"options": {"broker": None}}, {"httpExceptions": {}}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_odd_settings_of_ccxts_stop_no_cancel(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, change: dict[str, Any]
) -> None:
    bot = make_bot(**change)
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    assert bot.cancel_order(order_id, SYMBOL)["status"] == "canceled"
    assert_complete(sandbox, audit)
