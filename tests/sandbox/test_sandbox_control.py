"""What the control endpoints take from a shell, where every number with a point arrives as a Decimal."""

import json
import time

import pytest


def post(client, path, data):
    return client.raw("POST", path, body=json.dumps(data).encode())


@pytest.mark.parametrize("seconds", [0.1, 0])
def test_a_fault_waits_for_a_part_of_a_second_over_http(client, seconds):
    post(client, "/sandbox/faults", {"kind": "bad_gateway", "seconds": seconds})
    began = time.monotonic()

    assert client.cancel("1").status == 502
    assert seconds <= time.monotonic() - began


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("times", 1.5),
        ("times", "1"),
        ("seconds", "1"),
        ("seconds", None),
        ("path", 1),
        ("effect", "true"),
        ("body", {"code": 1}),
        ("body", 0.5),
        ("code", "-2011"),
        ("retry_after", 1.5),
        ("order_id", 1),
    ],
)
def test_what_a_fault_cannot_hold_is_named(client, name, value):
    reply = post(client, "/sandbox/faults", {"kind": "raw", name: value})

    assert (reply.status, reply.json["error"].split()[:3]) == (400, [name, "cannot", "be"])


def test_an_order_that_is_not_there_is_named(client):
    for what in ("fill", "stp"):
        reply = post(client, f"/sandbox/{what}", {"orderId": "x"})

        assert (reply.status, reply.json) == (400, {"error": "there is no order 'x'"})


def test_a_limit_may_be_for_a_part_of_a_second(client):
    post(client, "/sandbox/rate-limit", {"seconds": 0.5})

    assert float(client.raw("GET", "/sandbox/").json["rateLimit"]["seconds"]) == 0.5
