import time
from urllib.parse import urlencode

import pytest

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox
from mexc_plugin.sandbox.http.signing import signature_of, signed_text


def now_ms():
    return time.time_ns() // 1_000_000


def test_the_golden_vector_of_the_documentation_is_reproduced():
    query = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11"
        "&recvWindow=5000&timestamp=1644489390087"
    )

    signature = signature_of("45d0b3c26f2644f19bfb98b07741b2f5", query)

    assert signature == "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"


@pytest.mark.parametrize(
    "query",
    ["a=1&b=2&signature=f00", "signature=f00&a=1&b=2", "a=1&signature=f00&b=2", "a=1&b=2"],
)
def test_the_signature_is_no_part_of_what_is_signed_wherever_it_stands(query):
    assert signed_text(query, b"") == "a=1&b=2"


def test_the_body_follows_the_query_in_what_is_signed():
    assert signed_text("a=1&signature=f00", b'{"b":2}') == 'a=1{"b":2}'
    assert signed_text("a=1", b"b=2&signature=f00") == "a=1b=2"


def test_percent_escapes_are_signed_in_upper_case():
    assert signed_text("symbol=A%2cB", b"") == "symbol=A%2CB"


def test_a_well_signed_request_is_answered(client):
    assert client.spot("GET", "account").status == 200


def test_an_upper_case_signature_is_refused(client):
    query = f"timestamp={now_ms()}"
    target = f"/api/v3/account?{query}&signature={client.sign(query).upper()}"

    reply = client.raw("GET", target, headers={"X-MEXC-APIKEY": client.key})

    assert (reply.status, reply.code) == (400, 700002)


def test_a_wrong_secret_is_refused_and_nothing_is_cancelled(sandbox, connect):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    reply = connect(sandbox.url, DEFAULT_KEY, "wrong").cancel(order_id)

    assert (reply.status, reply.code) == (400, 700002)
    assert sandbox.order(order_id).status == "NEW"


def test_a_changed_parameter_breaks_the_signature(client):
    query = urlencode({"symbol": "LTCBTC", "orderId": "1", "timestamp": now_ms()})
    target = f"/api/v3/order?{query.replace('LTCBTC', 'BTCUSDT')}&signature={client.sign(query)}"

    assert client.raw("DELETE", target, headers={"X-MEXC-APIKEY": client.key}).code == 700002


@pytest.mark.parametrize(
    ("key", "code"), [(None, 700001), ("", 700001), ("no key!", 700001), ("mx0nobody", 10072)]
)
def test_a_missing_malformed_or_unknown_key_is_refused(client, key, code):
    query = f"timestamp={now_ms()}"
    target = f"/api/v3/account?{query}&signature={client.sign(query)}"

    reply = client.raw("GET", target, headers={} if key is None else {"X-MEXC-APIKEY": key})

    assert (400, code) == (reply.status, reply.code)


def test_a_request_without_a_signature_is_refused(client):
    target = f"/api/v3/account?timestamp={now_ms()}"

    assert client.raw("GET", target, headers={"X-MEXC-APIKEY": client.key}).code == 700004


@pytest.mark.parametrize(
    ("offset_ms", "recv_window", "code"),
    [
        (900, None, None),
        (1500, None, 700003),
        (1500, 60000, 700003),
        (-4000, None, None),
        (-6000, None, 700003),
        (-6000, 10000, None),
        (-59000, 60000, None),
        (0, 60001, 700005),
        (0, 0, 700005),
        (0, "x", 700004),
    ],
)
def test_the_timestamp_must_be_in_the_window(client, offset_ms, recv_window, code):
    reply = client.spot("GET", "account", timestamp=now_ms() + offset_ms, recvWindow=recv_window)

    assert (200 if code is None else 400) == reply.status
    assert code == reply.json.get("code")


@pytest.mark.parametrize("timestamp", [None, "", "soon"])
def test_a_missing_or_malformed_timestamp_is_refused(client, timestamp):
    assert client.spot("GET", "account", timestamp=timestamp).code == 700004


def test_the_clock_of_the_venue_decides(connect):
    with Sandbox(clock=lambda: 1_700_000_000_000).serve() as sandbox:
        client = connect(sandbox.url)

        assert client.spot("GET", "account").code == 700003
        assert client.spot("GET", "account", timestamp=1_700_000_000_000).status == 200


def test_a_delete_may_carry_its_parameters_in_the_body(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    body = urlencode({"symbol": "LTCBTC", "orderId": order_id, "timestamp": now_ms()})
    signed = f"{body}&signature={client.sign(body)}".encode()

    reply = client.raw("DELETE", "/api/v3/order", signed, {"X-MEXC-APIKEY": client.key})

    assert (reply.status, reply.json["status"]) == (200, "CANCELED")


def test_the_query_wins_over_the_body(sandbox, client):
    first, second = (sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(2))
    query = urlencode({"symbol": "LTCBTC", "orderId": first, "timestamp": now_ms()})
    body = f"orderId={second}"
    target = f"/api/v3/order?{query}&signature={client.sign(query + body)}"

    reply = client.raw("DELETE", target, body.encode(), {"X-MEXC-APIKEY": client.key})

    assert first == reply.json["orderId"]
    assert sandbox.order(second).status == "NEW"


@pytest.mark.parametrize(
    ("key", "secret", "age_ms", "code"),
    [
        (DEFAULT_KEY, DEFAULT_SECRET, 0, 0),
        (DEFAULT_KEY, "wrong", 0, 602),
        ("mx0nobody", DEFAULT_SECRET, 0, 401),
        (DEFAULT_KEY, DEFAULT_SECRET, 11_000, 513),
    ],
)
def test_futures_requests_are_signed_in_headers(sandbox, connect, key, secret, age_ms, code):
    client, time_text, body = connect(sandbox.url, key, secret), str(now_ms() - age_ms), b"{}"
    headers = {
        "ApiKey": key,
        "Request-Time": time_text,
        "Signature": client.sign(key + time_text + body.decode()),
    }

    reply = client.raw("POST", "/api/v1/private/order/cancel_all", body, headers)

    assert (200, code, code == 0) == (reply.status, reply.code, reply.json["success"])
