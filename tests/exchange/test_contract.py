"""The seams of ccxt and aiohttp that the adapter stands on. A failure here names the seam that moved."""

import asyncio
import inspect

import aiohttp
import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
import requests

from tests.conftest import as_text

CLASSES = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}
KEYS = {"apiKey": "key-of-nobody", "secret": "secret-of-nobody"}
ERRORS = (
    "ArgumentsRequired", "AuthenticationError", "BadRequest", "BadResponse", "BadSymbol", "BaseError",
    "DDoSProtection", "ExchangeError", "ExchangeNotAvailable", "InvalidNonce", "InvalidOrder",
    "MarketClosed", "NetworkError", "OrderNotFound", "PermissionDenied", "RateLimitExceeded",
)  # fmt: skip


@pytest.fixture
def theirs(colour: str) -> type:
    return CLASSES[colour]


def parameters(function: object) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_seam_fetch_takes_url_method_headers_and_body_in_that_order(theirs: type) -> None:
    assert parameters(theirs.fetch) == ["url", "method", "headers", "body"]


def test_seam_on_rest_response_gets_status_and_body_as_the_sixth(theirs: type) -> None:
    names = parameters(theirs.on_rest_response)
    assert names[:6] == ["code", "reason", "url", "method", "response_headers", "response_body"]
    assert not inspect.iscoroutinefunction(theirs.on_rest_response)


def test_seam_handle_errors_gets_code_and_body_as_the_sixth(theirs: type) -> None:
    names = parameters(theirs.handle_errors)
    assert names[:6] == ["code", "reason", "url", "method", "headers", "body"]


def test_seam_implicit_methods_pass_through_request(theirs: type) -> None:
    exchange = theirs(KEYS)
    seen: list[tuple[object, ...]] = []
    exchange.request = lambda *args, **kwargs: seen.append(args)
    exchange.spotPrivateDeleteOrder({"symbol": "LTCBTC"})
    assert seen == [("order", ["spot", "private"], "DELETE", {"symbol": "LTCBTC"})] or (
        seen[0][0] == "order" and seen[0][2] == "DELETE"
    )


def test_seam_request_reaches_fetch_with_positional_arguments(colour: str, theirs: type) -> None:
    exchange = theirs(KEYS)
    exchange.enableRateLimit = False
    seen: list[tuple[object, ...]] = []

    def fetch(*args: object) -> dict[str, str]:
        seen.append(args)
        return {}

    async def async_fetch(*args: object) -> dict[str, str]:
        return fetch(*args)

    exchange.fetch = fetch if colour == "sync" else async_fetch
    result = exchange.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "1"})
    if colour != "sync":
        asyncio.run(_finish(result, exchange))
    url, method, headers, body = seen[0]
    assert method == "DELETE"
    assert url.startswith("https://api.mexc.com/api/v3/order?")
    assert "X-MEXC-APIKEY" in headers
    assert body is None


async def _finish(awaitable: object, exchange: object) -> None:
    await awaitable
    await exchange.close()


def test_seam_sign_encodes_its_own_recv_window_with_urlencode(theirs: type) -> None:
    exchange = theirs(KEYS)
    seen: list[dict[str, object]] = []
    original = exchange.urlencode

    def urlencode(params: dict[str, object], *rest: object) -> str:
        seen.append(dict(params))
        return original(params, *rest)

    exchange.urlencode = urlencode
    signed = exchange.sign(
        "order", ["spot", "private"], "DELETE", {"symbol": "LTCBTC", "recvWindow": 1}
    )
    assert [str(params["recvWindow"]) for params in seen] == ["5000"], (
        "sign now honours the caller's"
    )
    assert "recvWindow=5000" in signed["url"]
    assert "signature=" in signed["url"]


def test_seam_safe_order_gives_every_field_of_ccxts_order_structure(theirs: type) -> None:
    order = theirs().safe_order({"id": "1", "info": {}})
    assert {
        "id", "clientOrderId", "timestamp", "datetime", "lastTradeTimestamp", "lastUpdateTimestamp",
        "status", "symbol", "type", "timeInForce", "postOnly", "reduceOnly", "side", "price",
        "stopPrice", "triggerPrice", "takeProfitPrice", "stopLossPrice", "amount", "filled",
        "remaining", "cost", "average", "fee", "fees", "trades", "info",
    } <= set(order)  # fmt: skip


def test_seam_the_pro_class_is_an_async_class_and_not_a_sync_one() -> None:
    assert issubclass(ccxt.pro.mexc, ccxt.async_support.mexc)
    assert not issubclass(ccxt.pro.mexc, ccxt.mexc)


@pytest.mark.parametrize("name", ERRORS)
def test_seam_errors_are_built_from_one_text(name: str) -> None:
    assert str(getattr(ccxt, name)("mexc text")) == "mexc text"


def test_seam_errors_of_the_three_packages_are_the_same() -> None:
    for name in ERRORS:
        assert getattr(ccxt, name) is getattr(ccxt.async_support, name) is getattr(ccxt.pro, name)


def test_seam_a_requests_session_asks_get_adapter_of_itself() -> None:
    session = requests.Session()
    asked: list[str] = []

    class Stop(Exception):
        pass

    def get_adapter(url: str) -> None:
        asked.append(url)
        raise Stop

    session.get_adapter = get_adapter
    with pytest.raises(Stop):
        session.delete("http://127.0.0.1:1/")
    assert asked == ["http://127.0.0.1:1/"]
    session.close()


async def test_seam_an_aiohttp_session_can_be_guarded_after_it_was_made() -> None:
    async with aiohttp.ClientSession() as session:
        assert isinstance(session.trace_configs, list)
        assert hasattr(session, "_middlewares") or hasattr(session, "_retry_connection")


def test_seam_an_answer_is_decoded_whole_with_ids_intact(theirs: type) -> None:
    body = '{"orderId": 133734823834447872, "price": "2.0"}'
    decoded = theirs().parse_json(body)
    assert as_text(decoded) == {"orderId": "133734823834447872", "price": "2.0"}
