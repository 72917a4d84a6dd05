import re
import time

import pytest

from mexc_plugin.sandbox import AnswerStyle, IdStyle, Sandbox

PAGE_FIELDS = [
    "symbol",
    "origClientOrderId",
    "orderId",
    "clientOrderId",
    "price",
    "origQty",
    "executedQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
]


def test_the_default_answer_is_the_one_on_the_venues_page(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2, "myOrder1")

    reply = client.cancel(order_id, newClientOrderId="cancelMyOrder1")

    assert (reply.status, list(reply.json)) == (200, PAGE_FIELDS)
    assert {
        "symbol": "LTCBTC",
        "origClientOrderId": "myOrder1",
        "orderId": order_id,
        "clientOrderId": "cancelMyOrder1",
        "price": "2.00000000",
        "origQty": "1.00000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
    } == reply.json


def test_a_cancel_without_an_id_of_its_own_is_given_one(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")

    answer = client.cancel(order_id).json

    assert answer["clientOrderId"]
    assert answer["clientOrderId"] != "mine"


@pytest.mark.parametrize(
    ("style", "untouched", "partial"),
    [
        (AnswerStyle.PAGE, "CANCELED", "PARTIALLY_CANCELED"),
        (AnswerStyle.PAGE_2026, "CANCELED", "PARTIALLY_CANCELED"),
        (AnswerStyle.PRE_CANCEL, "NEW", "PARTIALLY_FILLED"),
        (AnswerStyle.SHORT, None, None),
    ],
)
def test_the_style_decides_about_the_status_in_the_answer(connect, style, untouched, partial):
    with Sandbox(answer_style=style).serve() as sandbox:
        client = connect(sandbox.url)
        first, second = (sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(2))
        sandbox.fill(second, "0.5")

        assert untouched == client.cancel(first).json.get("status")
        assert partial == client.cancel(second).json.get("status")
        assert sandbox.order(first).status == "CANCELED"
        assert sandbox.order(second).status == "PARTIALLY_CANCELED"


@pytest.mark.parametrize("method", ["order", "openOrders"])
def test_the_answer_of_2026_is_the_page_s_without_the_time_in_force(connect, method):
    with Sandbox(answer_style="page_2026").serve() as sandbox:
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
        client = connect(sandbox.url)
        looked_up = client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).json
        answer = client.spot("DELETE", method, symbol="LTCBTC", orderId=order_id).json

    order = answer[0] if isinstance(answer, list) else answer
    assert list(order) == [name for name in PAGE_FIELDS if name != "timeInForce"]
    assert looked_up["timeInForce"] == "GTC"


def test_the_short_answer_has_six_fields(connect):
    with Sandbox(answer_style="short").serve() as sandbox:
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

        answer = connect(sandbox.url).cancel(order_id).json

    assert list(answer) == ["symbol", "orderId", "price", "origQty", "type", "side"]


@pytest.mark.parametrize(
    ("style", "kind", "pattern"),
    [
        (IdStyle.NUMERIC, int, r"\d+"),
        (IdStyle.TEXT, str, r"\d{18}"),
        (IdStyle.PREFIXED, str, r"C02__\d{21}"),
        (IdStyle.HEX, str, r"[0-9a-f]{32}"),
    ],
)
def test_the_style_decides_about_the_ids(connect, style, kind, pattern):
    with Sandbox(id_style=style).serve() as sandbox:
        client = connect(sandbox.url)
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

        found = client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).json["orderId"]
        answered = client.cancel(order_id).json["orderId"]

    assert re.fullmatch(pattern, order_id)
    assert (kind, order_id) == (type(answered), str(answered))
    assert found == answered


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "LTCBTC", "orderId": "1"}, -2011),
        ({"symbol": "LTCBTC", "orderId": "None"}, -2011),
        ({"symbol": "LTCBTC", "origClientOrderId": "nobody"}, -2011),
        ({"symbol": "LTCBTC"}, 700004),
        ({"symbol": "LTCBTC", "orderId": ""}, 700004),
        ({"orderId": "1"}, 700004),
        ({"symbol": "NOPE", "orderId": "1"}, -1121),
    ],
)
def test_a_cancel_that_names_no_open_order_is_refused(client, params, code):
    reply = client.spot("DELETE", "order", **params)

    assert (400, code) == (reply.status, reply.code)


def test_the_words_of_the_two_refusals_are_the_venues(client):
    assert client.cancel("1").json["msg"] == "Unknown order sent."
    assert (
        client.spot("GET", "order", symbol="LTCBTC", orderId="1").json["msg"]
        == "Order does not exist."
    )


def test_an_order_can_be_cancelled_once(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    assert client.cancel(order_id).status == 200
    assert client.cancel(order_id).code == -2011


def test_a_filled_order_is_unknown_to_a_cancel(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    sandbox.fill(order_id)

    assert client.cancel(order_id).code == -2011


def test_a_filled_order_can_be_the_answer_to_a_cancel(connect):
    with Sandbox(answer_filled=True).serve() as sandbox:
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
        sandbox.fill(order_id)

        reply = connect(sandbox.url).cancel(order_id)

        assert (reply.status, reply.json["status"]) == (200, "FILLED")
        assert sandbox.arrivals[0].effect == ()


def test_two_ids_must_name_the_same_order(sandbox, client):
    first = sandbox.place("LTCBTC", "BUY", 1, 2, "one")
    sandbox.place("LTCBTC", "BUY", 1, 2, "two")

    assert client.cancel(first, origClientOrderId="two").code == -2011
    assert client.cancel(first, origClientOrderId="one").status == 200


def test_an_order_of_another_symbol_or_another_account_is_unknown(sandbox, client, other):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    assert client.cancel(order_id, symbol="BTCUSDT").code == -2011
    assert other.cancel(order_id).code == -2011
    assert sandbox.order(order_id).status == "NEW"


def test_cancelling_a_symbol_answers_with_every_open_order_of_it(sandbox, client):
    ids = [sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(3)]
    elsewhere = sandbox.place("BTCUSDT", "BUY", 1, 100)

    answer = client.spot("DELETE", "openOrders", symbol="LTCBTC").json

    assert ids == [each["orderId"] for each in answer]
    assert [list(each) for each in answer] == [PAGE_FIELDS] * 3
    assert sandbox.order(elsewhere).status == "NEW"


def test_up_to_five_symbols_can_be_cancelled_at_once(sandbox, client):
    ids = {sandbox.place("LTCBTC", "BUY", 1, 2), sandbox.place("BTCUSDT", "BUY", 1, 100)}

    answer = client.spot("DELETE", "openOrders", symbol="LTCBTC,BTCUSDT").json

    assert ids == {each["orderId"] for each in answer}
    five = ",".join(["LTCBTC"] * 5)
    assert client.spot("DELETE", "openOrders", symbol=five).json == []
    assert client.spot("DELETE", "openOrders", symbol=five + ",BTCUSDT").code == -1128
    assert client.spot("DELETE", "openOrders").code == 700004
    assert client.spot("DELETE", "openOrders", symbol="LTCBTC,NOPE").code == -1121


def test_cancelling_everything_leaves_other_accounts_alone(sandbox, client, other):
    ids = [sandbox.place("LTCBTC", "BUY", 1, 2), sandbox.place("BTCUSDT", "BUY", 1, 100)]
    theirs = sandbox.place("LTCBTC", "BUY", 1, 2, api_key=other.key)

    answer = client.spot("DELETE", "order/all").json

    assert (answer["code"], answer["msg"]) == (200, "success")
    assert {"code", "msg", "timestamp"} == set(answer)
    assert [sandbox.order(each).status for each in ids] == ["CANCELED"] * 2
    assert sandbox.order(theirs).status == "NEW"


def test_isolated_margin_cancels_answer_with_arrays_and_status_new(sandbox, client):
    first, second = (sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(2))

    one = client.spot("DELETE", "margin/order", symbol="LTCBTC", orderId=first).json
    rest = client.spot("DELETE", "margin/openOrders", symbol="LTCBTC").json

    assert [(first, "NEW", True)] == [(o["orderId"], o["status"], o["isIsolated"]) for o in one]
    assert [second] == [o["orderId"] for o in rest]
    assert sandbox.order(first).status == "CANCELED"


@pytest.mark.parametrize(
    "path", ["userDataStream", "capital/withdraw", "strategy/group", "sub-account/apiKey"]
)
def test_deletes_that_cancel_no_order_are_answered_and_not_recorded(sandbox, client, path):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    assert client.spot("DELETE", path).status == 200
    assert sandbox.arrivals == []
    assert sandbox.order(order_id).status == "NEW"


def test_the_legacy_endpoints_cancel_the_same_orders(sandbox, client):
    ids = [sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(2)]

    def legacy(path, query):
        now = str(time.time_ns() // 1_000_000)
        headers = {
            "ApiKey": client.key,
            "Request-Time": now,
            "Signature": client.sign(client.key + now + query),
        }
        return client.raw("DELETE", f"/open/api/v2/order/{path}?{query}", headers=headers).json

    assert {"code": 200, "data": {ids[0]: "success"}} == legacy("cancel", f"order_ids={ids[0]}")
    assert ids[1] == legacy("cancel_by_symbol", "symbol=LTC_BTC")["data"][0]["order_id"]
    assert [sandbox.order(each).status for each in ids] == ["CANCELED"] * 2
    assert [(ids[0],), (ids[1],)] == [arrival.effect for arrival in sandbox.arrivals]
