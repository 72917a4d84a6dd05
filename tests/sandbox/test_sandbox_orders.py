import json
from decimal import Decimal

import pytest


def order_params(**changes):
    params = {"symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}
    return {name: value for name, value in {**params, **changes}.items() if value is not None}


def create(client, **changes):
    return client.spot("POST", "order", **order_params(**changes))


def balance(sandbox, asset):
    found = sandbox.balance(asset)
    return found.free, found.locked


def test_a_limit_order_away_from_the_market_rests_and_locks_the_quote(sandbox, client):
    reply = create(client, newClientOrderId="mine")

    assert reply.status == 200
    order = sandbox.order(reply.json["orderId"])
    assert ("NEW", "mine", Decimal(0)) == (order.status, order.client_order_id, order.executed)
    assert (Decimal(998), Decimal(2)) == balance(sandbox, "BTC")


def test_a_sell_locks_the_base(sandbox, client):
    create(client, side="SELL", quantity="3", price="4")

    assert (Decimal(99_997), Decimal(3)) == balance(sandbox, "LTC")


def test_a_cancel_unlocks_what_was_locked(sandbox, client):
    order_id = create(client).json["orderId"]

    client.cancel(order_id)

    assert (Decimal(1000), Decimal(0)) == balance(sandbox, "BTC")
    assert sandbox.order(order_id).status == "CANCELED"


def test_a_cancel_after_a_partial_fill_is_partially_canceled_and_keeps_the_fill(sandbox, client):
    order_id = create(client).json["orderId"]
    sandbox.fill(order_id, "0.4")

    answer = client.cancel(order_id).json

    assert (
        answer["status"],
        answer["executedQty"],
        answer["cummulativeQuoteQty"],
    ) == ("PARTIALLY_CANCELED", "0.40000000", "0.80000000")
    assert (Decimal("999.2"), Decimal(0)) == balance(sandbox, "BTC")
    assert (Decimal("100000.4"), Decimal(0)) == balance(sandbox, "LTC")


def test_filling_wholly_leaves_nothing_locked(sandbox):
    order_id = sandbox.place("LTCBTC", "SELL", 2, 3)

    assert sandbox.fill(order_id).status == "FILLED"
    assert (Decimal(99_998), Decimal(0)) == balance(sandbox, "LTC")
    assert (Decimal(1006), Decimal(0)) == balance(sandbox, "BTC")


@pytest.mark.parametrize("quantity", ["0", "-1", "1.1"])
def test_an_order_cannot_be_filled_by_nothing_or_by_more_than_remains(sandbox, quantity):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    with pytest.raises(ValueError, match="cannot fill"):
        sandbox.fill(order_id, quantity)


def test_an_unknown_order_cannot_be_filled(sandbox):
    with pytest.raises(KeyError):
        sandbox.fill("1")


@pytest.mark.parametrize(
    ("changes", "status", "executed", "cost"),
    [
        # One level of LTCBTC's book has 100 at 2.5001, the next 200 at 2.5002.
        ({"price": "2.6"}, "FILLED", "1", "2.5001"),
        ({"price": "2.5001", "quantity": "150"}, "PARTIALLY_FILLED", "100", "250.01"),
        ({"type": "MARKET", "price": None}, "FILLED", "1", "2.5001"),
        ({"type": "MARKET", "quantity": "150", "price": None}, "FILLED", "150", "375.02"),
        (
            {"type": "MARKET", "quantity": None, "price": None, "quoteOrderQty": "5.0002"},
            "FILLED",
            "2",
            "5.0002",
        ),
        ({"type": "IMMEDIATE_OR_CANCEL"}, "CANCELED", "0", "0"),
        (
            {"type": "IMMEDIATE_OR_CANCEL", "price": "2.5001", "quantity": "150"},
            "PARTIALLY_CANCELED",
            "100",
            "250.01",
        ),
        ({"type": "FILL_OR_KILL", "price": "2.5001", "quantity": "150"}, "CANCELED", "0", "0"),
        ({"type": "FILL_OR_KILL", "price": "2.5001"}, "FILLED", "1", "2.5001"),
        ({"type": "LIMIT_MAKER"}, "NEW", "0", "0"),
        ({"type": "LIMIT_MAKER", "price": "2.6"}, "CANCELED", "0", "0"),
        ({"side": "SELL", "price": "2.4"}, "FILLED", "1", "2.4999"),
    ],
)
def test_what_crosses_fills_and_the_type_decides_about_the_rest(
    sandbox, client, changes, status, executed, cost
):
    order = sandbox.order(create(client, **changes).json["orderId"])

    assert (status, Decimal(executed), Decimal(cost)) == (
        order.status,
        order.executed,
        order.cost,
    )


def test_taking_pays_a_fee_and_resting_does_not(sandbox, client):
    taker = create(client, price="2.6").json["orderId"]
    maker = create(client).json["orderId"]
    sandbox.fill(maker)

    fees = {
        trade["orderId"]: trade["commission"]
        for trade in client.spot("GET", "myTrades", symbol="LTCBTC").json
    }

    assert {taker: "0.00125005", maker: "0"} == fees


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"symbol": "ltcbtc"}, -1121),
        ({"symbol": None}, 700004),
        ({"side": None}, 700004),
        ({"side": "LEFT"}, 700004),
        ({"type": "STOP"}, 700004),
        ({"quantity": None}, 700004),
        ({"price": None}, 700004),
        ({"quantity": "much"}, 700004),
        ({"quantity": "NaN"}, 700004),
        ({"quantity": "0"}, 30002),
        ({"quantity": "0.00001", "price": "2"}, 400),
        ({"price": "2.000000001"}, 400),
        ({"price": "0"}, 30010),
        ({"quantity": "0.0001", "price": "0.5"}, 30002),
        ({"quantity": "10000000"}, 30003),
        ({"quantity": "1000"}, 30004),
        ({"side": "SELL", "quantity": "200000", "price": "3"}, 30005),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_and_locks_nothing(sandbox, client, changes, code):
    reply = create(client, **changes)

    assert (400, code) == (reply.status, reply.code)
    assert sandbox.orders() == []
    assert (Decimal(1000), Decimal(0)) == balance(sandbox, "BTC")


def test_a_batch_places_what_it_can_and_says_what_it_could_not(sandbox, client):
    batch = [order_params(), order_params(symbol="NOPE", newClientOrderId="x")]

    first, second = client.spot("POST", "batchOrders", batchOrders=json.dumps(batch)).json

    assert sandbox.order(first["orderId"]).status == "NEW"
    assert (second["newClientOrderId"], second["code"]) == ("x", -1121)


def test_the_test_endpoint_places_nothing(sandbox, client):
    assert client.spot("POST", "order/test", **order_params()).json == {}
    assert sandbox.orders() == []


def test_an_order_is_found_by_either_id(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")

    by_id = client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).json
    by_client_id = client.spot("GET", "order", symbol="LTCBTC", origClientOrderId="mine").json

    assert by_id == by_client_id
    assert (
        by_id["status"],
        by_id["clientOrderId"],
        by_id["origQty"],
        by_id["price"],
    ) == ("NEW", "mine", "1", "2")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "LTCBTC", "orderId": "1"}, -2013),
        ({"symbol": "LTCBTC", "origClientOrderId": "nobody"}, -2013),
        ({"symbol": "LTCBTC"}, 700004),
        ({"orderId": "1"}, 700004),
        ({"symbol": "NOPE", "orderId": "1"}, -1121),
    ],
)
def test_a_look_up_that_finds_nothing_is_refused(client, params, code):
    reply = client.spot("GET", "order", **params)

    assert (400, code) == (reply.status, reply.code)


def test_open_orders_all_orders_and_trades_are_the_accounts_own(sandbox, client, other):
    resting = sandbox.place("LTCBTC", "BUY", 1, 2)
    filled = sandbox.place("LTCBTC", "BUY", 1, 2)
    sandbox.fill(filled)
    sandbox.place("BTCUSDT", "BUY", 1, 100)

    def ids(who, path):
        return [order["orderId"] for order in who.spot("GET", path, symbol="LTCBTC").json]

    assert [resting] == ids(client, "openOrders")
    assert [filled, resting] == ids(client, "allOrders")
    assert [filled] == ids(client, "myTrades")
    assert [ids(other, path) for path in ("openOrders", "allOrders", "myTrades")] == [[], [], []]
    assert len(client.spot("GET", "openOrders").json) == 2


def test_the_account_shows_free_and_locked(sandbox, client):
    sandbox.place("LTCBTC", "BUY", 1, 2)

    balances = {each["asset"]: each for each in client.spot("GET", "account").json["balances"]}

    assert balances["BTC"] == {"asset": "BTC", "free": "998", "locked": "2"}


def test_balances_can_be_chosen(sandbox, client):
    sandbox.set_balances({"BTC": "1"})

    assert create(client).code == 30004


def test_a_client_order_id_that_is_used_again_means_the_open_order(sandbox, client):
    first = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")
    sandbox.fill(first)
    second = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")

    reply = client.spot("DELETE", "order", symbol="LTCBTC", origClientOrderId="mine")

    assert second == reply.json["orderId"]
