"""What a key may do: `GET /api/v3/apiKeyInfo`, and the refusals that follow from it."""

import json

import pytest

from mexc_plugin.sandbox import DEFAULT_KEY, KeyInfo
from mexc_plugin.sandbox.keys import key_info_from_json

READ_ONLY = KeyInfo(permissions=("SPOT_ACCOUNT_READ", "SPOT_DEAL_READ"))


def info(client, **params):
    return client.spot("GET", "apiKeyInfo", **{"accessKey": client.key, **params})


def test_a_key_that_nothing_was_said_of_may_trade_and_lives_for_ninety_days(client):
    answer = info(client).json

    assert list(answer) == [
        "note", "accessKey", "createTime", "permissions", "remainingValidity", "ipWhiteList",
        "status",
    ]  # fmt: skip
    assert {"SPOT_DEAL_READ", "SPOT_DEAL_WRITE"} <= set(answer["permissions"].split(","))
    assert (answer["accessKey"], answer["status"], answer["remainingValidity"]) == (
        DEFAULT_KEY, "VALID", 90,
    )  # fmt: skip
    assert answer["createTime"].endswith("+00:00")


def test_what_was_said_of_a_key_is_answered(sandbox, client, other):
    sandbox.set_key_info(
        KeyInfo(("SPOT_DEAL_READ",), 3, "FROZEN", ("192.0.2.1", "192.0.2.2"), "grid", 86_400_000)
    )

    assert info(client).json == {
        "note": "grid",
        "accessKey": DEFAULT_KEY,
        "createTime": "1970-01-02T00:00:00.000+00:00",
        "permissions": "SPOT_DEAL_READ",
        "remainingValidity": 3,
        "ipWhiteList": "192.0.2.1,192.0.2.2",
        "status": "FROZEN",
    }
    assert info(other).json["status"] == "VALID"


@pytest.mark.parametrize(
    ("key", "code"), [(None, 700004), ("mx0somebodyelse", 10072), ("mx0otherkey", 10072)]
)
def test_only_the_key_that_signs_is_told_of(client, key, code):
    params = {"accessKey": key}

    assert (info(client, **params).status, info(client, **params).code) == (400, code)


def test_it_has_to_be_signed(sandbox, connect):
    assert info(connect(sandbox.url, secret="wrong")).code == 700002


def test_a_key_that_may_only_read_cancels_and_places_nothing(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    sandbox.set_key_info(READ_ONLY)
    order = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}

    refused = [
        client.cancel(order_id),
        client.spot("DELETE", "openOrders", symbol="LTCBTC"),
        client.spot("DELETE", "order/all"),
        client.spot("POST", "order", symbol="LTCBTC", **order),
        client.spot("POST", "batchOrders", batchOrders="[]"),
    ]

    assert {(reply.status, reply.code) for reply in refused} == {(400, 700007)}
    assert [order.is_open for order in sandbox.orders()] == [True]
    assert client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).status == 200


def test_a_key_that_may_only_write_looks_nothing_up(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    sandbox.set_key_info(KeyInfo(permissions=("SPOT_DEAL_WRITE",)))

    for path in ("order", "openOrders", "allOrders"):
        reply = client.spot("GET", path, symbol="LTCBTC", orderId=order_id)
        assert (reply.status, reply.code) == (400, 700007)
    assert client.cancel(order_id).status == 200


def test_a_key_is_described_over_http(client):
    def post(data):
        return client.raw("POST", "/sandbox/key", json.dumps(data).encode()).status

    assert post({"permissions": ["SPOT_DEAL_READ"], "remaining_validity": 0}) == 200
    assert info(client).json["remainingValidity"] == 0
    assert client.cancel("1").code == 700007
    assert post({"colour": "red"}) == 400


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], {"x": 1}, {"permissions": "SPOT_DEAL_READ"}, {"permissions": [1]}),
        *({"remaining_validity": "3"}, {"status": 1}),
    ],
)
def test_what_describes_no_key_is_refused(data):
    with pytest.raises(ValueError):
        key_info_from_json(data)
