"""A bot uses the three classes as it uses ccxt's: every argument by its name, its own subclasses, copies and doubles."""

import asyncio
import contextlib
import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit, Bot, MakeBot, assert_complete

from .classes import KEYS, OURS, THEIRS

SYMBOL = "LTC/BTC"


@pytest.fixture
def theirs(colour: str) -> type:
    return THEIRS[colour]


@pytest.fixture
def ours(colour: str) -> type:
    return OURS[colour]


def test_every_override_takes_its_arguments_by_ccxts_names(bot: Bot, sandbox: Sandbox) -> None:
    def place() -> str:
        return sandbox.place("LTCBTC", "BUY", "2", "0.002")

    assert bot.cancel_order(id=place(), symbol=SYMBOL, params={})["status"] == "canceled"
    order = {"id": place(), "symbol": SYMBOL}
    assert bot.cancel_unified_order(order=order, params={})["status"] == "canceled"
    [cancelled] = bot.cancel_orders(ids=[place()], symbol=SYMBOL, params={})
    assert cancelled["status"] == "canceled"
    edited = bot.edit_order(
        id=place(), symbol=SYMBOL, type="limit", side="buy", amount=2, price=0.002, params={}
    )
    assert edited["id"]
    assert bot.cancel_all_orders(symbol=SYMBOL, params={})[0]["id"] == edited["id"]
    url = bot.exchange.urls["api"]["spot"]["public"] + "/api/v3/time"
    assert "serverTime" in bot.fetch(url=url, method="GET", headers={}, body=None)
    api = {"path": "time", "api": ["spot", "public"], "method": "GET", "params": {}, "config": {}}
    assert "serverTime" in bot.fetch2(**api)
    bot.throttle(cost=0)
    assert bot.exchange.urlencode(params={"a": [1, 2]}, doseq=True, sort=True) == "a=1&a=2"
    assert type(bot.exchange).urlencode({"b": 2, "a": 1}, sort=False) == "b=2&a=1"
    answer = {
        "response_headers": {},
        "response_body": "{}",
        "request_headers": {},
        "request_body": None,
    }
    shown = bot.exchange.on_rest_response(code=200, reason="OK", url="/", method="GET", **answer)
    assert shown == "{}"
    named = {"headers": {}, "body": "{}", "response": {}, "requestHeaders": {}, "requestBody": None}
    bot.exchange.handle_errors(code=200, reason="OK", url="/", method="GET", **named)
    if bot.colour != "sync":
        bot.exchange.socks_proxy_sessions = {"socks5://host": bot.exchange.session}
        found = bot.exchange.get_socks_proxy_session(socksProxy="socks5://host")
        assert found is bot.exchange.session
        bot.exchange.socks_proxy_sessions = None


def test_a_subclass_may_use_any_name_of_its_own(
    colour: str, sandbox: Sandbox, audit: Audit
) -> None:
    words = (
        "send key put ask pace guard confirm recording redactor together in_thread is_spot fetch settings "
        "said_once own_fetch market_kind"
    )
    names = {f"_{word}": "the bot's" for word in words.split()}

    class Mine(OURS[colour]):  # type: ignore[misc]
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self._key = "the bot's own"

        def describe(self) -> Any:
            return self.deep_extend(super().describe(), {"rateLimit": 1})

    for name, value in names.items():
        setattr(Mine, name, value)
    with made(Mine, colour, sandbox, audit) as bot:
        order = bot.cancel_order(sandbox.place("LTCBTC", "BUY", "2", "0.002"), SYMBOL)
        bot.cancel_orders([sandbox.place("LTCBTC", "BUY", "2", "0.002")], SYMBOL)
        assert (order["status"], bot.exchange.rateLimit) == ("canceled", 1)
    assert_complete(sandbox, audit)


@contextlib.contextmanager
def made(cls: type, colour: str, sandbox: Sandbox, audit: Audit) -> Iterator[Bot]:
    own = {"url": audit.url}
    bot = Bot.__new__(Bot)
    bot.colour = colour
    bot._runner = None if colour == "sync" else asyncio.Runner()
    bot.exchange = cls({**sandbox.ccxt_config(), "options": {"audit": own}})
    yield bot
    bot.close()


def test_a_key_of_the_config_with_an_odd_name_breaks_no_cancel(
    make_bot: MakeBot, sandbox: Sandbox, colour: str
) -> None:
    odd = {"socks_proxy_sessions": 5} if colour == "sync" else {}  # ccxt's async classes close them
    bot = make_bot(_pace=5, _key=1, _send=None, **odd)
    order_ids = [sandbox.place("LTCBTC", "BUY", "2", "0.002") for _ in range(2)]
    assert [each["status"] for each in bot.cancel_orders(order_ids, SYMBOL)] == ["canceled"] * 2


@pytest.mark.parametrize(
    "double", [copy.copy, copy.deepcopy, lambda exchange: pickle.loads(pickle.dumps(exchange))],
    ids=["copy", "deepcopy", "pickle"],
)  # fmt: skip
def test_a_copy_cancels_on_record(bot: Bot, sandbox: Sandbox, double: Callable[[Any], Any]) -> None:
    original = bot.exchange
    bot.exchange = double(original)
    assert type(bot.exchange) is type(original)
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    assert bot.cancelOrder(order_id, SYMBOL)["status"] == "canceled"


def test_a_double_of_a_class_is_as_ccxts(theirs: type, ours: type) -> None:
    double = mock.create_autospec(ours, instance=True)
    for name in ("cancel_order", "fetch_order", "reconcile_cancels"):
        given = getattr(double, name)
        is_async = inspect.iscoroutinefunction(getattr(ours, name))
        assert isinstance(given, mock.AsyncMock) or not is_async
        assert is_async == inspect.iscoroutinefunction(theirs.fetch_order)
    with pytest.raises(TypeError):
        double.cancel_order()


async def test_async_with_opens_and_closes_as_ccxts() -> None:
    for colour in ("async", "pro"):
        async with OURS[colour](KEYS) as exchange:
            assert exchange.session is not None
        assert exchange.session is None
