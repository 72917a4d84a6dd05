import pytest

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
