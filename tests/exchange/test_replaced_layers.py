"""A layer above the wire that is replaced without calling the original: the bot gets its order as with plain ccxt.

Such a cancel goes past the record, which is said in the log once. A `fetch` that is put on the instance is recorded.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from mexc_plugin.exchange.cancels.methods import BYPASSED
from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit, Bot, MakeBot, logged

SYMBOL = "LTC/BTC"
PLAIN = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}
CANCELLED = {"symbol": "LTCBTC", "orderId": "4", "price": "2", "origQty": "1", "executedQty": "0", "status": "CANCELED", "type": "LIMIT", "side": "BUY"}  # fmt: skip
PLACED = {"symbol": "LTCBTC", "orderId": "77", "price": "0.002", "origQty": "1", "type": "LIMIT", "side": "BUY"}  # fmt: skip
# Which argument of the layer is the method, and which the path.
LAYERS = {"fetch": (1, 0), "fetch2": (2, 0), "request": (2, 0)}
CANCELS: dict[str, tuple[tuple[Any, ...], Callable[[Any], list[str]]]] = {
    "cancel_order": (("4", SYMBOL), lambda order: [order["id"]]),
    "cancel_orders": ((["4"], SYMBOL), lambda orders: [each["id"] for each in orders]),
    "edit_order": (("4", SYMBOL, "limit", "buy", 1, 0.002), lambda order: [order["id"]]),
    "cancel_all_orders": ((SYMBOL,), lambda orders: [each["id"] for each in orders]),
}


def answer_as(layer: str) -> Callable[..., Any]:
    """The replacement: it answers by itself."""
    at_method, at_path = LAYERS[layer]

    def answer(*args: Any, **kwargs: Any) -> Any:
        method = args[at_method] if len(args) > at_method else kwargs["method"]
        if method == "POST":
            return PLACED
        return [CANCELLED] if "openOrders" in args[at_path] else CANCELLED

    return answer


def coloured(colour: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return function if colour == "sync" else call


@contextlib.contextmanager
def replaced(way: str, colour: str, exchange: Any, layer: str) -> Iterator[None]:
    answer = coloured(colour, answer_as(layer))
    if way == "on the instance":
        setattr(exchange, layer, answer)
        yield
    elif way == "in a subclass":
        method = coloured(colour, lambda _self, *args, **kwargs: answer_as(layer)(*args, **kwargs))
        exchange.__class__ = type("mexc", (type(exchange),), {layer: method})
        yield
    else:
        with mock.patch.object(type(exchange), layer, side_effect=answer_as(layer)):
            yield


WAYS = ("on the instance", "in a subclass", "patched in the class")


@pytest.fixture
def ready(make_bot: MakeBot) -> Bot:
    bot = make_bot()
    bot.load_markets()
    return bot


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("cancel", CANCELS)
def test_the_bot_gets_the_order_and_the_log_says_once_that_it_is_not_on_record(
    ready: Bot, sandbox: Sandbox, audit: Audit, caplog, way: str, layer: str, cancel: str
) -> None:
    arguments, ids_of = CANCELS[cancel]
    with replaced(way, ready.colour, ready.exchange, layer):
        results = [getattr(ready, cancel)(*arguments) for _ in range(2)]

    expected = ["77"] if cancel == "edit_order" else ["4"]
    assert [ids_of(result) for result in results] == [expected, expected]
    if cancel != "edit_order":
        cancelled = results[0] if isinstance(results[0], list) else [results[0]]
        assert [order["status"] for order in cancelled] == ["canceled"]
    assert sandbox.arrivals == []
    said = logged(caplog, BYPASSED)
    if layer == "fetch" and way == "on the instance":
        assert [row["outcome"] for row in audit.history()] == ["canceled", "canceled"]
        assert said == []
    else:
        assert audit.events("request") == []
        assert len(said) == 1


OTHER_MARKETS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "swap": ("cancel_order", ("4", "BTC/USDT:USDT")),
    "swap, several": ("cancel_orders", (["4"], "BTC/USDT:USDT")),
    "swap, all": ("cancel_all_orders", ("BTC/USDT:USDT",)),
    "margin": ("cancel_order", ("4", SYMBOL, {"marginMode": "isolated"})),
}


def answer_of(market: str) -> Any:
    done = {"success": True, "code": 0, "data": [{"orderId": "4", "errorMsg": "success"}]}
    return [CANCELLED] if market == "margin" else done


@pytest.mark.parametrize("layer", ["fetch2", "request"])
@pytest.mark.parametrize("market", OTHER_MARKETS)
def test_the_log_says_it_of_other_markets_too(
    ready: Bot, audit: Audit, caplog, layer: str, market: str
) -> None:
    method, arguments = OTHER_MARKETS[market]
    answer = coloured(ready.colour, lambda *_args, **_kwargs: answer_of(market))
    setattr(ready.exchange, layer, answer)

    for _ in range(2):
        getattr(ready, method)(*arguments)

    assert audit.events("request") == []
    assert len(logged(caplog, BYPASSED)) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cancel", ["cancel_order", "cancel_orders", "edit_order"])
def test_so_does_an_implicit_method_that_is_replaced(
    ready: Bot, sandbox: Sandbox, caplog, way: str, cancel: str
) -> None:
    arguments, ids_of = CANCELS[cancel]
    exchange = ready.exchange
    own = coloured(ready.colour, lambda *_args, **_kwargs: CANCELLED)
    with contextlib.ExitStack() as stack:
        if way == "on the instance":
            exchange.spotPrivateDeleteOrder = own
        elif way == "in a subclass":
            exchange.__class__ = type("mexc", (type(exchange),), {"spotPrivateDeleteOrder": own})
            vars(exchange).pop("spotPrivateDeleteOrder", None)
        else:
            stack.enter_context(mock.patch.object(type(exchange), "spotPrivateDeleteOrder", own))
            vars(exchange).pop("spotPrivateDeleteOrder", None)
        result = getattr(ready, cancel)(*arguments)

    assert ids_of(result) == (["4"] if cancel != "edit_order" else [sandbox.orders()[0].order_id])
    assert sandbox.arrivals == []
    assert len(logged(caplog, BYPASSED)) == 1


@pytest.fixture
def plain(ready: Bot, sandbox: Sandbox) -> Iterator[Bot]:
    """ccxt's own exchange of the same colour."""
    plain = Bot.__new__(Bot)
    plain.colour, plain._runner = ready.colour, ready._runner
    plain.exchange = PLAIN[ready.colour](sandbox.ccxt_config())
    plain.load_markets()
    yield plain
    if ready.colour == "sync":
        plain.exchange.session.close()
    else:
        plain.exchange.timeout_on_exit = 1
        plain.run(plain.exchange.close())


@pytest.mark.parametrize("layer", ["fetch2", "request"])
@pytest.mark.parametrize("cancel", ["cancel_order", "edit_order", "cancel_all_orders"])
def test_it_is_the_order_that_plain_ccxt_makes_of_it(
    ready: Bot, plain: Bot, layer: str, cancel: str
) -> None:
    arguments, _ = CANCELS[cancel]
    found = []
    for bot in (plain, ready):
        setattr(bot.exchange, layer, coloured(bot.colour, answer_as(layer)))
        found.append(getattr(bot, cancel)(*arguments))

    assert found[0] == found[1]


@pytest.mark.parametrize("layer", ["fetch2", "request"])
@pytest.mark.parametrize("market", ["swap", "swap, several", "swap, all"])
def test_so_it_is_of_a_swap(ready: Bot, plain: Bot, layer: str, market: str) -> None:
    method, arguments = OTHER_MARKETS[market]
    found = []
    for bot in (plain, ready):
        answer = coloured(bot.colour, lambda *_args, **_kwargs: answer_of(market))
        setattr(bot.exchange, layer, answer)
        found.append(getattr(bot, method)(*arguments))

    assert found[0] == found[1] is not None


@pytest.mark.parametrize("layer", ["fetch2", "request"])
def test_an_error_of_the_replacement_is_handed_on(ready: Bot, layer: str) -> None:
    class OwnError(Exception):
        pass

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise OwnError

    setattr(ready.exchange, layer, coloured(ready.colour, fail))
    for cancel, (arguments, _) in CANCELS.items():
        with pytest.raises(OwnError):
            getattr(ready, cancel)(*arguments)


@pytest.mark.parametrize("junk", [None, [], {}, "text", [[]], 4, [None]])
@pytest.mark.parametrize("layer", ["fetch2", "request"])
def test_junk_from_a_replacement_is_no_assertion_error(ready: Bot, layer: str, junk: Any) -> None:
    setattr(ready.exchange, layer, coloured(ready.colour, lambda *_args, **_kwargs: junk))
    for cancel, (arguments, _) in CANCELS.items():
        if cancel == "edit_order":
            continue
        try:
            getattr(ready, cancel)(*arguments)
        except AssertionError:
            raise
        except Exception as error:  # as plain ccxt stumbles over it
            assert not isinstance(error, RuntimeError), error


def test_no_assert_decides_anything_on_a_cancels_way() -> None:
    import ast
    from pathlib import Path

    import mexc_plugin

    found = [
        f"{path.name}:{node.lineno}"
        for room in ("exchange", "venue", "audit")
        for path in (Path(mexc_plugin.__file__).parent / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_a_replacement_of_plain_kind_is_not_awaited_twice(ready: Bot) -> None:
    """A sync function in an async exchange's place, as quick tests of bots have it."""
    if ready.colour == "sync":
        return
    ready.exchange.fetch = lambda *_args, **_kwargs: CANCELLED
    result = ready.exchange.cancel_order("4", SYMBOL)
    assert inspect.isawaitable(result)
    assert asyncio.iscoroutine(result)
    assert ready.run(result)["id"] == "4"
