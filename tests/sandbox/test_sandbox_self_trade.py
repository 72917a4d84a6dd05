"""Self-trade prevention, and the order type that only look-ups have."""

import json

import pytest

from mexc_plugin.sandbox.venue_errors import RefusedError
from mexc_plugin.sandbox.vocabulary import StpMode

# Between the best bid and the best ask of the sandbox's LTCBTC: it rests.
PRICE = "2.5"


def looked_up(client, order_id):
    order = client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).json
    return order["status"], order["stpMode"], order["cancelReason"]


def place(client, side, **params):
    order = {"side": side, "type": "LIMIT", "quantity": "1", "price": PRICE, **params}
    return client.spot("POST", "order", symbol="LTCBTC", **order).json


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("", ("NEW", "", None), ("NEW", "", None)),
        ("cancel_maker", ("CANCELED", "", "stp_cancel"), ("NEW", "cancel_maker", None)),
        ("cancel_taker", ("NEW", "", None), ("CANCELED", "cancel_taker", "stp_cancel")),
        (
            "cancel_both",
            ("CANCELED", "", "stp_cancel"),
            ("CANCELED", "cancel_both", "stp_cancel"),
        ),
    ],
)
def test_the_mode_of_the_later_order_says_which_of_the_two_is_cancelled(
    sandbox, client, mode, maker, taker
):
    before = sandbox.balance("BTC"), sandbox.balance("LTC")
    first = place(client, "BUY")["orderId"]

    answer = place(client, "SELL", stpMode=mode)

    assert (answer["stpMode"], looked_up(client, first)) == (mode, maker)
    assert looked_up(client, answer["orderId"]) == taker
    if mode == "cancel_both":
        assert before == (sandbox.balance("BTC"), sandbox.balance("LTC"))


def test_every_mode_is_tried_and_no_other_is_taken(client):
    assert {mode.value for mode in StpMode} == {"", "cancel_maker", "cancel_taker", "cancel_both"}
    assert place(client, "SELL", stpMode="cancel_all")["code"] == 700004


@pytest.mark.parametrize(
    "order",
    [
        {"side": "BUY"},  # the same side
        {"side": "SELL", "price": "2.6"},  # does not reach it
        {"side": "SELL", "symbol": "LTCUSDT", "price": "80.5"},
    ],
)
def test_an_order_that_would_not_meet_the_other_cancels_nothing(sandbox, client, order):
    first = sandbox.place("LTCBTC", "BUY", 1, PRICE)
    asked = {"symbol": "LTCBTC", "price": PRICE, **order}

    sandbox.place(asked["symbol"], asked["side"], 1, asked["price"], stp_mode="cancel_both")

    assert [order.is_open for order in sandbox.orders()] == [True, True]
    assert looked_up(client, first) == ("NEW", "", None)


def test_another_account_s_order_is_no_self_trade(sandbox, other):
    first = sandbox.place("LTCBTC", "BUY", 1, PRICE)

    place(other, "SELL", stpMode="cancel_both")

    assert sandbox.order(first).is_open


def test_a_market_order_meets_every_order_of_the_other_side(sandbox):
    first = sandbox.place("LTCBTC", "BUY", 1, PRICE)

    sandbox.place("LTCBTC", "SELL", 1, order_type="MARKET", stp_mode="cancel_both")

    assert [order.cancel_reason for order in sandbox.orders()] == ["stp_cancel"] * 2
    assert not sandbox.order(first).is_open


def test_an_order_that_cannot_be_paid_for_cancels_nothing(sandbox):
    first = sandbox.place("LTCBTC", "BUY", 1, PRICE)
    sandbox.set_balances({"BTC": 1})

    with pytest.raises(RefusedError):
        sandbox.place("LTCBTC", "SELL", 1, PRICE, stp_mode="cancel_both")

    assert sandbox.order(first).is_open


def test_any_open_order_can_be_cancelled_like_that_and_then_is_unknown_to_a_cancel(sandbox, client):
    whole, partly = (sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(2))
    sandbox.fill(partly, "0.4")

    sandbox.cancel_by_stp(whole)
    reply = client.raw("POST", "/sandbox/stp", json.dumps({"orderId": partly}).encode())

    assert reply.json == {"orderId": partly, "status": "PARTIALLY_CANCELED"}
    assert looked_up(client, whole) == ("CANCELED", "", "stp_cancel")
    assert looked_up(client, partly) == ("PARTIALLY_CANCELED", "", "stp_cancel")
    assert client.cancel(whole).code == -2011
    assert sandbox.balance("BTC").locked == 0
    listed = client.spot("GET", "allOrders", symbol="LTCBTC").json
    assert {order["cancelReason"] for order in listed} == {"stp_cancel"}


def test_an_order_of_which_the_owner_cancels_has_no_reason(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    client.cancel(order_id)

    assert looked_up(client, order_id) == ("CANCELED", "", None)


@pytest.mark.parametrize("data", [{}, {"orderId": "1"}])
def test_what_cannot_be_cancelled_like_that_is_refused(sandbox, client, data):
    done = sandbox.place("LTCBTC", "BUY", 1, 2)
    sandbox.fill(done)

    assert client.raw("POST", "/sandbox/stp", json.dumps(data).encode()).status == 400
    with pytest.raises(ValueError, match="not an open order"):
        sandbox.cancel_by_stp(done)


def test_a_stop_market_order_rests_holds_money_and_is_looked_up_filled_and_cancelled(
    sandbox, client
):
    first, second = (
        sandbox.place("LTCBTC", "BUY", 1, order_type="STOP_MARKET_ORDER", stop_price=3)
        for _ in range(2)
    )
    found = client.spot("GET", "openOrders", symbol="LTCBTC").json

    assert {
        (order["type"], order["status"], order["price"], order["stopPrice"]) for order in found
    } == {("STOP_MARKET_ORDER", "NEW", "0", "3")}
    assert sandbox.balance("BTC").locked == 6

    sandbox.fill(first, "0.5")
    assert client.cancel(first).json["type"] == "STOP_MARKET_ORDER"
    assert client.cancel(second).json["status"] == "CANCELED"
    assert (sandbox.balance("BTC").free, sandbox.balance("BTC").locked) == (998.5, 0)


def test_a_stop_market_order_is_nothing_that_a_client_places(client):
    order = {"type": "STOP_MARKET_ORDER", "side": "BUY", "quantity": "1", "stopPrice": "3"}

    assert client.spot("POST", "order", symbol="LTCBTC", **order).code == 700004


def test_a_stop_market_order_meets_none(sandbox):
    stop = sandbox.place("LTCBTC", "BUY", 1, order_type="STOP_MARKET_ORDER", stop_price=3)

    sandbox.place("LTCBTC", "SELL", 1, PRICE, stp_mode="cancel_both")

    assert sandbox.order(stop).is_open


@pytest.mark.parametrize("stop_price", [None, 0, "2.123456789"])
def test_a_stop_market_order_needs_a_stop_price(sandbox, stop_price):
    with pytest.raises(RefusedError):
        sandbox.place("LTCBTC", "BUY", 1, order_type="STOP_MARKET_ORDER", stop_price=stop_price)
