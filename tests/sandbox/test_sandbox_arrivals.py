import dataclasses
import http.client
import json
import time

import pytest

from mexc_plugin.sandbox import DEFAULT_SECRET, Fault, FaultKind, Sandbox

FIELDS = {
    "n",
    "received_ns",
    "method",
    "path",
    "params",
    "api_key",
    "effect",
    "http_status",
    "code",
    "fault",
    "done",
}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_arrival_says_what_was_asked_done_and_answered(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")
    before = time.time_ns()

    client.spot(
        "DELETE",
        "order",
        symbol="LTCBTC",
        orderId=order_id,
        origClientOrderId="mine",
        newClientOrderId="cancel-1",
        recvWindow=6000,
    )

    (arrival,) = sandbox.arrivals
    assert before <= arrival.received_ns <= time.time_ns()
    params = dict(arrival.params)
    assert params.pop("timestamp").isdigit()
    assert {
        "symbol": "LTCBTC",
        "orderId": order_id,
        "origClientOrderId": "mine",
        "newClientOrderId": "cancel-1",
        "recvWindow": "6000",
    } == params
    assert (1, "DELETE", "/api/v3/order", client.key) == (
        arrival.n,
        arrival.method,
        arrival.path,
        arrival.api_key,
    )
    assert ((order_id,), 200, None, None, True) == (
        arrival.effect,
        arrival.http_status,
        arrival.code,
        arrival.fault,
        arrival.done,
    )


def test_cancels_that_were_refused_arrived_too(sandbox, client, connect):
    client.cancel("1")
    connect(sandbox.url, secret="wrong").cancel("1")
    connect(sandbox.url, key="mx0nobody").cancel("1")

    assert [(a.n, a.code) for a in sandbox.arrivals] == [(1, -2011), (2, 700002), (3, 10072)]
    assert [arrival.effect for arrival in sandbox.arrivals] == [()] * 3


def test_only_cancels_are_recorded(sandbox, client):
    client.spot("GET", "account")
    client.spot("POST", "order", symbol="LTCBTC", side="BUY", type="LIMIT", quantity=1, price=2)

    assert sandbox.arrivals == []
    assert sandbox.requests == [("GET", "/api/v3/account"), ("POST", "/api/v3/order")]


def test_one_cancel_of_a_symbol_can_have_many_effects(sandbox, client):
    ids = tuple(sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(3))

    client.spot("DELETE", "openOrders", symbol="LTCBTC")

    assert ids == sandbox.arrivals[0].effect


def test_the_log_has_a_line_for_each_arrival(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    with Sandbox(log_path=log).serve() as sandbox:
        client, order_id = connect(sandbox.url), sandbox.place("LTCBTC", "BUY", 1, 2)
        sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
        with pytest.raises(http.client.RemoteDisconnected):
            client.cancel(order_id)
        client.cancel(order_id)
        client.contract("order/cancel", ["1"])
        arrivals = sandbox.arrivals

    written = lines(log)
    assert [set(line) for line in written] == [FIELDS] * 3
    assert [line["n"] for line in written] == [1, 2, 3]
    assert [json.loads(json.dumps(dataclasses.asdict(each))) for each in arrivals] == written


def test_the_line_is_written_before_the_answer_leaves(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    with Sandbox(log_path=str(log)).serve() as sandbox:
        client = connect(sandbox.url)
        for n in range(1, 4):
            client.cancel("1")
            assert n == len(lines(log))


def test_a_new_sandbox_appends_to_the_log(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    for _ in range(2):
        with Sandbox(log_path=log).serve() as sandbox:
            connect(sandbox.url).cancel("1")

    assert len(lines(log)) == 2


def test_neither_secret_nor_signature_is_recorded(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    with Sandbox(log_path=log).serve() as sandbox:
        client = connect(sandbox.url)
        client.cancel("1")
        client.contract("order/cancel", ["1"])
        signature = client.sign("symbol=LTCBTC")
        client.raw("DELETE", "/api/v3/order", f"symbol=LTCBTC&signature={signature}".encode())
        shown = repr(sandbox.arrivals)

    for text in (log.read_text(), shown):
        assert "signature" not in text
        assert signature not in text
        assert DEFAULT_SECRET not in text


def test_the_log_is_for_its_owner_only(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    with Sandbox(log_path=log).serve() as sandbox:
        connect(sandbox.url).cancel("1")

    assert log.stat().st_mode & 0o777 == 0o600
