"""12 order requests a second, then 429, and 418 for who does not wait. The clock is the test's own."""

import json

import pytest

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Fault, FaultKind, RateLimit, Sandbox
from mexc_plugin.sandbox.http.routes import LIMITED, ROUTES
from mexc_plugin.sandbox.limits import rate_limit_from_json

START = 1_800_000_000_000
OTHER = ("mx0otherkey", "another-secret")


class Clock:
    now = START

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += round(seconds * 1000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sandbox(clock):
    credentials = dict([(DEFAULT_KEY, DEFAULT_SECRET), OTHER])
    with Sandbox(clock=clock, credentials=credentials, rate_limit=RateLimit()).serve() as served:
        yield served


@pytest.fixture
def ask(clock, client):
    """Sends a signed request at the sandbox's own time, and gives status and Retry-After."""

    def asking(method="DELETE", path="order", other=None, **params):
        params = {"symbol": "LTCBTC", "orderId": "1", "timestamp": clock.now, **params}
        reply = (other or client).spot(method, path, **params)
        return reply.status, reply.headers.get("Retry-After")

    return asking


def test_twelve_a_second_are_let_through_and_the_next_is_refused(ask, clock):
    assert [ask() for _ in range(13)] == [(400, None)] * 12 + [(429, "1")]

    clock.advance(1)

    assert [ask() for _ in range(13)] == [(400, None)] * 12 + [(429, "1")]


def test_the_second_slides(ask, clock):
    for _ in range(36):
        assert ask() == (400, None)
        clock.advance(1 / 12 + 0.001)


def test_placing_batches_cancels_and_open_orders_share_the_limit(ask, sandbox):
    order = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}
    batch = json.dumps([{"symbol": "LTCBTC", **order}])

    answers = [
        *(ask("POST", "order", **order) for _ in range(3)),
        *(ask("POST", "batchOrders", batchOrders=batch) for _ in range(3)),
        *(ask("GET", "openOrders") for _ in range(3)),
        ask("DELETE", "order"), ask("DELETE", "openOrders"), ask("DELETE", "order/all"),
    ]  # fmt: skip

    assert {status for status, _ in answers} == {200, 400}
    assert ask("POST", "order", **order) == (429, "1")
    assert [order.status for order in sandbox.orders()] == ["CANCELED"] * 6


def test_the_limited_endpoints_are_endpoints():
    assert set(ROUTES) >= LIMITED


def test_what_is_not_about_orders_is_not_counted(ask):
    for _ in range(12):
        ask()
    assert ask()[0] == 429

    assert ask("GET", "account") == (200, None)
    assert ask("GET", "order")[0] == 400


def test_who_goes_on_is_banned_with_every_signed_request_until_the_ban_is_over(ask, clock, client):
    for _ in range(13):
        ask()
    clock.advance(0.5)

    assert ask() == (418, "120")
    clock.advance(0.5)
    assert ask() == (418, "120")
    clock.advance(1)
    assert ask("GET", "account") == (418, "119")
    assert client.contract("order/cancel", ["1"]).status == 418
    assert client.raw("GET", "/api/v3/time").status == 200

    clock.advance(118.5)
    assert ask() == (400, None)


def test_who_waits_as_long_as_he_was_told_is_not_banned(ask, clock):
    for _ in range(13):
        ask()
    clock.advance(1)

    assert ask() == (400, None)


def test_each_key_is_counted_for_itself(ask, connect, sandbox):
    for _ in range(14):
        ask()
    assert ask()[0] == 418

    assert ask(other=connect(sandbox.url, *OTHER)) == (400, None)


def test_a_refused_cancel_arrived_and_cancelled_nothing(ask, sandbox):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    for _ in range(12):
        ask()

    ask(orderId=order_id)
    ask(orderId=order_id)

    assert [(a.http_status, a.code, a.effect, a.fault) for a in sandbox.arrivals[-2:]] == [
        (429, 429, (), "rate_limit"),
        (418, 418, (), "banned"),
    ]
    assert sandbox.order(order_id).is_open


def test_a_limit_comes_before_a_fault_and_does_not_use_it_up(ask, sandbox, clock):
    for _ in range(12):
        ask()
    sandbox.inject(Fault(FaultKind.SERVER_ERROR, times=1))

    assert ask()[0] == 429
    clock.advance(1)
    assert ask()[0] == 500


def test_numbers_and_times_can_be_chosen_and_a_new_limit_lifts_bans(ask, sandbox, clock):
    sandbox.set_rate_limit(RateLimit(requests=1, seconds=0.1, retry_after=2, ban=3))
    assert [ask(), ask(), ask()] == [(400, None), (429, "2"), (418, "3")]
    clock.advance(2)
    assert ask() == (418, "1")

    sandbox.set_rate_limit(None)

    assert {ask() for _ in range(30)} == {(400, None)}


def test_without_a_limit_everything_is_let_through(connect):
    with Sandbox().serve() as sandbox:
        client = connect(sandbox.url)
        client.keep_alive()
        assert {client.cancel("1").status for _ in range(60)} == {400}
        client.close()


def test_the_limit_is_set_and_lifted_over_http(ask, client):
    def post(data):
        return client.raw("POST", "/sandbox/rate-limit", json.dumps(data).encode()).status

    assert client.raw("GET", "/sandbox/").json["rateLimit"]["requests"] == 12
    assert post({"requests": 1, "ban": 7}) == 200
    assert [ask(), ask(), ask()] == [(400, None), (429, "1"), (418, "7")]
    assert post({"requests": 0}) == 400

    assert client.raw("DELETE", "/sandbox/rate-limit").status == 200

    assert ask() == (400, None)
    assert client.raw("GET", "/sandbox/").json["rateLimit"] is None


@pytest.mark.parametrize(
    "data",
    [None, [], {"x": 1}, {"requests": "1"}, {"seconds": 0}, {"ban": 0}, {"retry_after": 0.5}],
)
def test_what_is_no_limit_is_refused(data):
    with pytest.raises(ValueError):
        rate_limit_from_json(data)
