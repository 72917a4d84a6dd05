"""Whatever is sent, the sandbox answers in the venue's words and never with an error of its own."""

from urllib.parse import urlencode

import pytest

from mexc_plugin.sandbox.http.routes import ROUTES, Api

ODD = ["", "0", "-1", "1e999999", "1e30", "-0", "Infinity", "NaN", "1e-400", "x", "é", "[]", "null"]
NAMES = ["orderId", "quantity", "price", "quoteOrderQty", "limit", "startTime", "symbols"]
BODIES = [
    None,
    "x",
    0,
    [],
    [None],
    [[]],
    [{}],
    {"symbol": []},
    {"symbol": "BTC_USDT", "externalOid": []},
    {"symbol": "BTC_USDT", "side": "x", "vol": 1, "type": 1, "price": 1},
    {"symbol": "BTC_USDT", "side": 1, "vol": 1e300, "type": 1, "price": "1e999999"},
]
SPOT = [endpoint for endpoint, route in ROUTES.items() if route.api is Api.SPOT]
FUTURES = [
    path
    for (method, path), route in ROUTES.items()
    if (method, route.api) == ("POST", Api.CONTRACT)
]


@pytest.mark.parametrize(("method", "path"), SPOT)
def test_odd_values_are_answered_or_refused(client, method, path):
    client.keep_alive()
    base = {"symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "interval": "1m"}
    usual = {"quantity": "1", "price": "2", "orderId": "1", "symbols": "LTCBTC"}

    for name in NAMES:
        for value in ODD:
            reply = client.spot(
                method, path.removeprefix("/api/v3/"), **{**base, **usual, name: value}
            )

            assert reply.status in (200, 400), (name, value)
            reply.json  # noqa: B018 - it is JSON, or this raises


@pytest.mark.parametrize("path", FUTURES)
def test_odd_bodies_are_answered_or_refused(client, path):
    client.keep_alive()
    for body in BODIES:
        reply = client.contract(path.removeprefix("/api/v1/private/"), body)

        assert reply.status == 200, body
        assert reply.json["success"] in (True, False)


@pytest.mark.parametrize("value", ODD)
def test_odd_market_orders_are_answered_or_refused(client, value):
    for name in ("quantity", "quoteOrderQty"):
        reply = client.spot(
            "POST", "order", **{"symbol": "LTCBTC", "side": "BUY", "type": "MARKET", name: value}
        )

        assert reply.status in (200, 400)


@pytest.mark.parametrize(
    "query", ["", "&&", "=", "%", "%zz", "symbol", "a=%ff", "signature=%C3%A9"]
)
def test_odd_query_strings_are_refused(client, query):
    reply = client.raw("DELETE", f"/api/v3/order?{query}", headers={"X-MEXC-APIKEY": client.key})

    assert reply.status == 400


def test_a_body_that_is_no_text_is_refused(client):
    query = urlencode({"symbol": "LTCBTC"})

    assert client.raw("DELETE", f"/api/v3/order?{query}", b"\xff\x00").status == 400
