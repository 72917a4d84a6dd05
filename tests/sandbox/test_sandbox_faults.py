import asyncio
import http.client
import threading
import time

import aiohttp
import pytest

from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.sandbox.faults import FAULTS, Ending, fault_from_json
from mexc_plugin.sandbox.http.handler import _ENDINGS

CANCEL = "/api/v3/order"


@pytest.fixture
def order_id(sandbox):
    return sandbox.place("LTCBTC", "BUY", 1, 2)


def is_open(sandbox, order_id):
    return sandbox.order(order_id).is_open


def test_every_kind_has_defaults_and_every_ending_is_carried_out():
    assert set(FaultKind) == set(FAULTS)
    assert set(Ending) == set(_ENDINGS)


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize("effect", [True, False, None])
def test_a_fault_that_says_when_it_happens_cannot_choose_its_effect(kind, effect):
    spec = FAULTS[kind]
    if spec.fixed and effect is not None and effect is not spec.effect:
        with pytest.raises(ValueError, match="effect"):
            Fault(kind, effect=effect)
    else:
        assert Fault(kind, effect=effect).takes_effect is (
            spec.effect if effect is None else effect
        )


ANSWERED = [
    (FaultKind.SERVER_ERROR, 500, b'{"code":500,'),
    (FaultKind.BAD_GATEWAY, 502, b"<html>"),
    (FaultKind.RATE_LIMIT, 429, b'{"code":429,'),
    (FaultKind.BANNED, 418, b'{"code":418,'),
    (FaultKind.MAINTENANCE, 503, b"<html>"),
    (FaultKind.TRADING_DISABLED, 400, b'{"code":30016,'),
    (FaultKind.REDIRECT, 302, b"<html>"),
    (FaultKind.HTML, 200, b"<html>"),
    (FaultKind.RAW, 200, b""),
    (FaultKind.REFUSAL, 400, b'{"code":-2011,'),
]


def test_every_kind_with_an_answer_of_its_own_is_tried():
    own = {kind for kind, spec in FAULTS.items() if spec.ending is Ending.OWN_ANSWER}

    assert own == {kind for kind, _, _ in ANSWERED}


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(("kind", "status", "start"), ANSWERED)
def test_an_answer_can_be_replaced_with_or_without_the_effect(
    sandbox, client, order_id, kind, status, start, effect
):
    sandbox.inject(Fault(kind, effect=effect))

    reply = client.cancel(order_id)

    assert (status, True) == (reply.status, reply.body.startswith(start))
    assert effect is not is_open(sandbox, order_id)
    (arrival,) = sandbox.arrivals
    assert ((order_id,) if effect else ()) == arrival.effect
    assert (status, kind) == (arrival.http_status, arrival.fault)


@pytest.mark.parametrize(("kind", "_", "__"), ANSWERED)
def test_an_answer_of_its_own_has_no_effect_unless_told(kind, _, __):
    assert not Fault(kind).takes_effect


@pytest.mark.parametrize(("kind", "seconds"), [("rate_limit", "1"), ("banned", "120")])
def test_limits_say_when_to_come_back(sandbox, client, order_id, kind, seconds):
    sandbox.inject(Fault(FaultKind(kind), times=1), Fault(FaultKind(kind), retry_after=7))

    assert seconds == client.cancel(order_id).headers["Retry-After"]
    assert client.cancel(order_id).headers["Retry-After"] == "7"


def test_a_redirect_leads_where_it_says(sandbox, client, order_id):
    sandbox.inject(
        Fault(FaultKind.REDIRECT, times=1),
        Fault(FaultKind.REDIRECT, status=307, location="/api/v3/ping"),
    )

    first, second = client.cancel(order_id), client.cancel(order_id)

    assert (first.status, first.headers["Location"]) == (302, "/sandbox/elsewhere")
    assert (second.status, second.headers["Location"]) == (307, "/api/v3/ping")
    assert client.raw("DELETE", "/sandbox/elsewhere").status == 200


def test_any_status_code_message_and_body_can_be_chosen(sandbox, client, order_id):
    sandbox.inject(
        Fault(FaultKind.REFUSAL, times=1, code=700007, message="No permission", status=403),
        Fault(FaultKind.RAW, times=1, body=b"\xff\x00", content_type="application/octet-stream"),
        Fault(FaultKind.SERVER_ERROR, times=1, body=b"{}"),
    )

    refused, raw, error = (client.cancel(order_id) for _ in range(3))

    assert (refused.status, refused.json) == (403, {"code": 700007, "msg": "No permission"})
    assert (raw.body, raw.headers["Content-Type"]) == (b"\xff\x00", "application/octet-stream")
    assert (error.status, error.json) == (500, {})
    assert [arrival.code for arrival in sandbox.arrivals] == [700007, None, None]


BODIES = {
    "HTML": (b"<html><body><h1>Access Denied</h1></body></html>", "text/html; charset=utf-8"),
    "text": (b"upstream connect error", "text/plain"),
    "empty": (b"", "text/plain"),
    "half a JSON": (b'{"code": 500, "ms', "application/json"),
    "a JSON error": (b'{"code": 500, "msg": "x"}', "application/json"),
}
NO_BODY = {304}  # HTTP itself: such an answer has none


@pytest.mark.parametrize("body", BODIES)
def test_every_status_can_be_given_with_every_body_and_header(sandbox, client, order_id, body):
    sent, content_type = BODIES[body]
    client.keep_alive()

    for status in range(300, 600):
        headers = {"Retry-After": f"{status}", "content-type": content_type, "X-Cache": "MISS"}
        sandbox.inject(Fault(FaultKind.RAW, times=1, status=status, body=sent, headers=headers))
        reply = client.cancel(order_id)

        got = {name.lower(): value for name, value in reply.headers.items()}
        assert (status, b"" if status in NO_BODY else sent) == (reply.status, reply.body)
        assert (f"{status}", content_type, "MISS") == (
            got["retry-after"], got["content-type"], got["x-cache"],
        )  # fmt: skip
    assert is_open(sandbox, order_id)


def test_a_given_header_replaces_the_kind_s_own(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.BANNED, headers={"retry-after": "soon"}))

    assert client.cancel(order_id).headers["retry-after"] == "soon"


def test_a_path_that_is_no_endpoint_can_be_given_an_answer(sandbox, client):
    sandbox.inject(Fault(FaultKind.RAW, path="/api/v3/nothing", body=b"[]"))

    assert client.raw("GET", "/api/v3/nothing").body == b"[]"
    assert sandbox.requests == [("GET", "/api/v3/nothing")]


@pytest.mark.parametrize(
    "wrong", [{"status": 199}, {"status": 600}, {"headers": {"Retry-After": 1}}]
)
def test_an_answer_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError):
        Fault(FaultKind.RAW, **wrong)


@pytest.mark.parametrize(
    ("kind", "effect"), [(FaultKind.DROP_BEFORE, False), (FaultKind.DROP_AFTER, True)]
)
def test_a_connection_is_dropped_before_or_after_the_effect(
    sandbox, client, order_id, kind, effect
):
    sandbox.inject(Fault(kind))

    with pytest.raises(http.client.RemoteDisconnected):
        client.cancel(order_id)

    assert effect is not is_open(sandbox, order_id)
    (arrival,) = sandbox.arrivals
    assert ((order_id,) if effect else (), None, None) == (
        arrival.effect,
        arrival.http_status,
        arrival.code,
    )


def test_a_connection_is_dropped_in_the_middle_of_the_answer(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.DROP_MID_ANSWER))

    with pytest.raises(http.client.IncompleteRead):
        client.cancel(order_id)

    assert not is_open(sandbox, order_id)
    assert sandbox.arrivals[0].http_status is None


def test_an_answer_is_cut_short(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.TRUNCATED))

    reply = client.cancel(order_id)

    assert (reply.status, reply.body[:18]) == (200, b'{"symbol":"LTCBTC"')
    assert not reply.body.endswith(b"}")
    assert not is_open(sandbox, order_id)


@pytest.mark.parametrize("named", [None, "133734823834447872"])
def test_an_answer_names_another_order(sandbox, client, order_id, named):
    sandbox.inject(Fault(FaultKind.OTHER_ORDER, order_id=named))

    answer = client.cancel(order_id).json

    assert answer["status"] == "CANCELED"
    assert answer["orderId"] == named if named else answer["orderId"] != order_id
    assert (order_id,) == sandbox.arrivals[0].effect


def test_an_answer_with_many_orders_names_other_orders(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.OTHER_ORDER, order_id="1"))

    assert [
        each["orderId"] for each in client.spot("DELETE", "openOrders", symbol="LTCBTC").json
    ] == ["1"]


def test_a_kept_alive_connection_is_dropped_but_a_new_one_is_not(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1, effect=False))
    client.keep_alive()
    assert client.cancel("1").code == -2011

    with pytest.raises(http.client.RemoteDisconnected):
        client.cancel(order_id)

    assert is_open(sandbox, order_id)
    assert client.cancel(order_id).status == 200
    assert [arrival.http_status for arrival in sandbox.arrivals] == [400, None, 200]


async def test_aiohttp_silently_sends_a_delete_again_when_a_kept_alive_connection_drops(
    sandbox, client, order_id
):
    sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1))
    query = f"symbol=LTCBTC&orderId={order_id}&timestamp={time.time_ns() // 1_000_000}"
    url = f"{sandbox.url}/api/v3/order?{query}&signature={client.sign(query)}"

    async with aiohttp.ClientSession(headers={"X-MEXC-APIKEY": client.key}) as session:
        async with session.get(f"{sandbox.url}/api/v3/ping") as answer:
            await answer.read()
        async with session.delete(url) as answer:
            code = (await answer.json())["code"]

    assert code == -2011
    first, second = sandbox.arrivals
    assert ((order_id,), None) == (first.effect, first.http_status)
    assert (second.effect, second.http_status) == ((), 400)
    assert first.params == second.params


@pytest.mark.parametrize(
    ("kind", "open_meanwhile"), [(FaultKind.DELAY_BEFORE, True), (FaultKind.DELAY_AFTER, False)]
)
def test_a_delay_is_before_or_after_the_effect(sandbox, client, order_id, kind, open_meanwhile):
    sandbox.inject(Fault(kind, seconds=0.3))
    replies = []
    thread = threading.Thread(target=lambda: replies.append(client.cancel(order_id)))
    thread.start()
    deadline = time.monotonic() + 5
    while not sandbox.arrivals and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)

    meanwhile, arrival = is_open(sandbox, order_id), sandbox.arrivals[0]
    thread.join()

    assert open_meanwhile is meanwhile
    assert open_meanwhile is not arrival.done
    assert replies[0].status == 200
    assert ((order_id,), 200) == (sandbox.arrivals[0].effect, sandbox.arrivals[0].http_status)


async def test_a_cancel_takes_effect_though_its_sender_gave_up(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.DELAY_BEFORE, seconds=0.2))
    query = f"symbol=LTCBTC&orderId={order_id}&timestamp={time.time_ns() // 1_000_000}"
    url = f"{sandbox.url}/api/v3/order?{query}&signature={client.sign(query)}"
    timeout = aiohttp.ClientTimeout(total=0.05)

    async with aiohttp.ClientSession(timeout=timeout) as session:
        with pytest.raises(TimeoutError):
            await session.delete(url, headers={"X-MEXC-APIKEY": client.key})
    await asyncio.sleep(0.3)

    assert not is_open(sandbox, order_id)


@pytest.mark.parametrize("seconds", [0.1])
def test_any_other_fault_can_wait_too(sandbox, client, order_id, seconds):
    sandbox.inject(Fault(FaultKind.BAD_GATEWAY, seconds=seconds))
    began = time.monotonic()

    client.cancel(order_id)

    assert seconds <= time.monotonic() - began


def test_faults_meet_cancel_endpoints_only_unless_told(sandbox, client, order_id):
    sandbox.inject(Fault(FaultKind.SERVER_ERROR))

    assert client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).status == 200
    assert client.spot("DELETE", "userDataStream").status == 200
    assert client.cancel(order_id).status == 500
    assert client.contract("order/cancel", ["1"]).status == 500


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault(FaultKind.SERVER_ERROR, method="GET"), (500, 500, 200)),
        (Fault(FaultKind.SERVER_ERROR, path="/api/v3/order"), (500, 200, 500)),
        (Fault(FaultKind.SERVER_ERROR, path="/api/*"), (500, 500, 500)),
        (Fault(FaultKind.SERVER_ERROR, method="delete", path=CANCEL), (200, 200, 500)),
    ],
)
def test_method_and_path_choose_the_requests(sandbox, client, order_id, fault, statuses):
    sandbox.inject(fault)

    assert statuses == (
        client.spot("GET", "order", symbol="LTCBTC", orderId=order_id).status,
        client.spot("GET", "account").status,
        client.cancel(order_id).status,
    )


def test_a_fault_lasts_as_often_as_it_says_and_the_next_follows(sandbox, client):
    sandbox.inject(Fault(FaultKind.SERVER_ERROR, times=2), Fault(FaultKind.BANNED, times=1))

    assert [client.cancel("1").status for _ in range(4)] == [500, 500, 418, 400]


def test_a_fault_without_a_number_lasts_until_it_is_cleared(sandbox, client):
    sandbox.inject(Fault(FaultKind.SERVER_ERROR))
    assert [client.cancel("1").status for _ in range(2)] == [500, 500]

    sandbox.clear_faults()

    assert client.cancel("1").status == 400


def test_a_fault_cannot_last_for_no_request():
    with pytest.raises(ValueError, match="times"):
        Fault(FaultKind.HTML, times=0)


def test_a_refusal_of_the_venue_is_not_an_effect_even_under_a_fault(sandbox, connect, order_id):
    sandbox.inject(Fault(FaultKind.DROP_AFTER))

    with pytest.raises(http.client.RemoteDisconnected):
        connect(sandbox.url, secret="wrong").cancel(order_id)

    assert is_open(sandbox, order_id)
    assert sandbox.arrivals[0].effect == ()


def test_a_wait_ends_with_the_server_and_then_has_no_effect(connect):
    sandbox = Sandbox()
    with sandbox.serve():
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
        sandbox.inject(Fault(FaultKind.DELAY_BEFORE, seconds=60))
        client, errors = connect(sandbox.url), []

        def cancel():
            try:
                client.cancel(order_id)
            except OSError as error:
                errors.append(error)

        thread = threading.Thread(target=cancel)
        thread.start()
        while not sandbox.arrivals:
            time.sleep(0.005)
    thread.join()

    assert len(errors) == 1
    assert is_open(sandbox, order_id)
    assert (sandbox.arrivals[0].effect, sandbox.arrivals[0].done) == ((), True)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"kind": "drop_after", "times": 1}, Fault(FaultKind.DROP_AFTER, times=1)),
        ({"kind": "raw", "body": "x"}, Fault(FaultKind.RAW, body=b"x")),
        ({"kind": "raw", "body_base64": "/w=="}, Fault(FaultKind.RAW, body=b"\xff")),
        ({"kind": "raw", "headers": {"A": "b"}}, Fault(FaultKind.RAW, headers={"A": "b"})),
    ],
)
def test_a_fault_can_be_written_as_json(data, fault):
    assert fault == fault_from_json(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            None,
            [],
            {},
            {"kind": "x"},
            {"kind": "html", "colour": 1},
            {"kind": "html", "times": "x"},
        ),
        *({"kind": "raw", "headers": []}, {"kind": "raw", "status": "403"}),
    ],
)
def test_json_that_is_no_fault_is_refused(data):
    with pytest.raises(ValueError):
        fault_from_json(data)


def test_another_order_is_a_number_where_ids_are_numbers(connect):
    with Sandbox(id_style="numeric").serve() as sandbox:
        order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
        sandbox.inject(Fault(FaultKind.OTHER_ORDER))

        assert connect(sandbox.url).cancel(order_id).json["orderId"] == int(order_id) + 1
