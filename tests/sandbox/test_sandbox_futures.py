import pytest

from mexc_plugin.sandbox.venue_errors import CHINESE, Reason

ITEM = {"errorCode": 0, "errorMsg": "success"}
UNKNOWN = {"errorCode": 2040, "errorMsg": "order not exist"}
DONE = {"errorCode": 2041, "errorMsg": "order state cannot be cancelled"}


def order(sandbox, **changes):
    return sandbox.place_futures("BTC_USDT", 1, 10, 50_000, **changes)


def test_a_list_of_ids_is_answered_item_by_item_and_is_a_success_whatever_failed(sandbox, client):
    open_id, done_id = order(sandbox), order(sandbox)
    sandbox.fill_futures(done_id)

    answer = client.contract("order/cancel", [open_id, done_id, "1"]).json

    assert (answer["success"], answer["code"]) == (True, 0)
    assert [
        {"orderId": open_id, **ITEM},
        {"orderId": done_id, **DONE},
        {"orderId": "1", **UNKNOWN},
    ] == answer["data"]
    assert (open_id,) == sandbox.arrivals[0].effect
    assert sandbox.futures_order(open_id).state == 4


def test_cancelling_all_of_a_contract_leaves_the_others(sandbox, client):
    first = order(sandbox)
    elsewhere = sandbox.place_futures("ETH_USDT", 1, 10, 1000)

    assert client.contract("order/cancel_all", {"symbol": "BTC_USDT"}).json == {
        "success": True,
        "code": 0,
    }
    assert [sandbox.futures_order(each).state for each in (first, elsewhere)] == [4, 2]


def test_cancelling_all_without_a_symbol_cancels_all(sandbox, client):
    ids = order(sandbox), sandbox.place_futures("ETH_USDT", 3, 10, 9000)

    client.contract("order/cancel_all", {})

    assert ids == sandbox.arrivals[0].effect


def test_an_external_id_is_cancelled_as_one_object(sandbox, client):
    order_id = order(sandbox, external_oid="mine")
    asked = {"symbol": "BTC_USDT", "externalOid": "mine"}

    answer = client.contract("order/cancel_with_external", asked).json

    assert {**asked, "orderId": order_id, **ITEM} == answer["data"]
    assert client.contract("order/cancel_with_external", [asked]).code == 600


def test_external_ids_are_cancelled_in_a_batch(sandbox, client):
    first = order(sandbox, external_oid="a")
    asked = [{"symbol": "BTC_USDT", "externalOid": name} for name in ("a", "b")]

    answer = client.contract("order/batch_cancel_with_external", asked).json

    assert [each["errorCode"] for each in answer["data"]] == [0, 2040]
    assert (first,) == sandbox.arrivals[0].effect


@pytest.mark.parametrize(
    ("family", "name"),
    [("planorder", "orderId"), ("stoporder", "stopPlanOrderId"), ("trackorder", "trackOrderId")],
)
def test_the_other_families_cancel_their_own_orders_only(sandbox, client, family, name):
    ordinary, special = order(sandbox), order(sandbox, family=family)

    answer = client.contract(f"{family}/cancel", [{name: special}, {name: ordinary}]).json

    assert [each["errorCode"] for each in answer["data"]] == [0, 2040]
    assert (special,) == sandbox.arrivals[0].effect


@pytest.mark.parametrize("family", ["planorder", "stoporder"])
def test_the_other_families_can_be_cancelled_at_once(sandbox, client, family):
    ordinary, special = order(sandbox), order(sandbox, family=family)

    assert client.contract(f"{family}/cancel_all", {"symbol": "BTC_USDT"}).json["success"]
    assert [sandbox.futures_order(each).state for each in (ordinary, special)] == [2, 4]


@pytest.mark.parametrize("body", [{}, [], "x", list(range(51))])
def test_a_body_that_is_no_list_of_ids_is_refused(client, body):
    answer = client.contract("order/cancel", body).json

    assert (answer["success"], answer["code"]) == (False, 600)


def test_orders_of_another_account_do_not_exist(sandbox, other):
    order_id = order(sandbox)

    assert other.contract("order/cancel", [order_id]).json["data"][0]["errorCode"] == 2040


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"type": 1, "price": 50_000}, 2),
        ({"type": 1, "price": 70_000}, 3),
        ({"type": 5}, 3),
        ({"type": 2, "price": 70_000}, 4),
        ({"type": 3, "price": 50_000}, 4),
    ],
)
def test_an_order_is_filled_when_it_crosses(sandbox, client, changes, state):
    asked = {"symbol": "BTC_USDT", "vol": 1, "side": 1, "openType": 2, **changes}

    order_id = client.contract("order/create", asked).json["data"]["orderId"]

    assert state == sandbox.futures_order(order_id).state


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"symbol": "X_Y"}, 1001), ({"vol": 0}, 600), ({"side": 9}, 600), ({"price": 0}, 600)],
)
def test_an_order_that_makes_no_sense_is_refused(client, changes, code):
    asked = {"symbol": "BTC_USDT", "vol": 1, "side": 1, "type": 1, "price": 1, **changes}

    assert code == client.contract("order/create", asked).code


def test_a_futures_order_can_be_filled_in_part(sandbox):
    order_id = order(sandbox)

    assert sandbox.fill_futures(order_id, 4).state == 2
    assert sandbox.fill_futures(order_id).state == 3
    with pytest.raises(ValueError, match="cannot fill"):
        sandbox.fill_futures(order_id)


# Languages


def test_messages_are_in_chinese_unless_english_is_asked_for(sandbox, client):
    done = order(sandbox)
    sandbox.fill_futures(done)
    asked = [done, "1"]

    chinese = client.contract("order/cancel", asked, language=None).json["data"]
    other = client.contract("order/cancel", asked, language="Korean").json["data"]
    english = client.contract("order/cancel", asked, language="English").json["data"]

    assert [item["errorMsg"] for item in chinese] == ["订单状态不允许撤销", "订单不存在"]
    assert (other, [item["errorMsg"] for item in english]) == (
        chinese,
        ["order state cannot be cancelled", "order not exist"],
    )
    assert [item["errorCode"] for item in chinese] == [item["errorCode"] for item in english]


def test_a_refusal_is_in_the_same_language_as_its_items(client):
    def message(language):
        return client.contract("order/cancel", {}, language=language).json["message"]

    assert (message(None), message("English")) == ("参数错误", "Parameter error")


def test_a_success_is_said_in_english_whatever_the_language(sandbox, client):
    (item,) = client.contract("order/cancel", [order(sandbox)], language=None).json["data"]

    assert item["errorMsg"] == "success"


def test_every_refusal_of_a_futures_endpoint_has_words_in_chinese():
    assert set(CHINESE) == {reason for reason in Reason if reason.name.startswith("CONTRACT_")}


# What changes an order


def test_a_limit_order_is_replaced_by_one_with_another_price_and_id(sandbox, client):
    old = order(sandbox)

    answer = client.contract(
        "order/change_limit_order", {"orderId": old, "price": 49_000, "vol": 4}
    )

    new = answer.json["data"]
    assert answer.json == {"success": True, "code": 0, "data": new}
    assert new != old
    asked = sandbox.futures_order(new).asked
    assert (asked.price, asked.volume) == (49_000, 4)
    assert (sandbox.futures_order(old).state, sandbox.futures_order(new).state) == (4, 2)
    assert [(a.path, a.effect) for a in sandbox.arrivals] == [
        ("/api/v1/private/order/change_limit_order", (old,))
    ]


@pytest.mark.parametrize(("side", "price"), [(1, "59999.5"), (3, "60000.5")])
def test_a_chased_order_goes_to_the_best_price_of_its_side(sandbox, client, side, price):
    old = sandbox.place_futures("BTC_USDT", side, 10, {1: 50_000, 3: 70_000}[side])

    new = client.contract("order/chase_limit_order", {"orderId": old}).json["data"]

    assert str(sandbox.futures_order(new).asked.price) == price
    assert (old,) == sandbox.arrivals[0].effect


@pytest.mark.parametrize(
    ("path", "family", "asked"),
    [
        ("planorder/change_price", "planorder", {"orderId": 0, "triggerPrice": 55_000}),
        ("trackorder/change_order", "trackorder", {"trackOrderId": 0, "vol": 10}),
        ("stoporder/change_plan_price", "stoporder", {"stopPlanOrderId": 0, "stopLossPrice": 1}),
        ("stoporder/change_price", "order", {"orderId": 0, "stopLossPrice": 0}),
        ("planorder/change_stop_order", "planorder", {"orderId": 0}),
    ],
)
def test_other_changes_keep_the_order_and_are_answered_without_data(
    sandbox, client, path, family, asked
):
    order_id = order(sandbox, family=family)
    done = order(sandbox, family=family)
    sandbox.fill_futures(done)
    name = next(iter(asked))

    answer = client.contract(path, {**asked, name: order_id}).json
    refused = [client.contract(path, {**asked, name: each}).code for each in (done, "1", None)]

    assert answer == {"success": True, "code": 0}
    assert sandbox.futures_order(order_id).is_open
    assert refused == [2041, 5002 if family == "stoporder" else 2040, 600]
    assert [arrival.effect for arrival in sandbox.arrivals] == [()] * 4


def test_a_stop_without_a_price_is_refused(sandbox, client):
    order_id = order(sandbox, family="stoporder")
    asked = {"stopPlanOrderId": order_id, "stopLossPrice": 0}

    assert client.contract("stoporder/change_plan_price", asked).code == 600


@pytest.mark.parametrize("price", [-1, 10**13])
def test_a_change_that_is_refused_leaves_the_order_alone(sandbox, client, price):
    order_id = order(sandbox)
    asked = {"orderId": order_id, "price": price, "vol": 1}

    assert client.contract("order/change_limit_order", asked).code == 600
    assert sandbox.futures_order(order_id).is_open
    assert client.contract("order/chase_limit_order", {"orderId": "1"}).code == 2040


def test_another_account_s_order_is_not_changed(sandbox, other):
    order_id = order(sandbox)

    assert other.contract("order/chase_limit_order", {"orderId": order_id}).code == 2040
    assert sandbox.futures_order(order_id).is_open
