"""The adapter against a venue on loopback, in all three colours."""

import asyncio
import json
import re
import threading
import time

import ccxt
import pytest

from mexc_plugin.sandbox import (
    DEFAULT_KEY,
    DEFAULT_SECRET,
    AnswerStyle,
    Fault,
    FaultKind,
    IdStyle,
    Sandbox,
)
from tests.conftest import (
    BACKENDS,
    Audit,
    Bot,
    MakeBot,
    as_text,
    assert_complete,
    logged,
    wire_answer,
)

SYMBOL = "LTC/BTC"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# From an answer to its event there is one path: tables of answers run on one database, each kind of case on all.
one_database = pytest.mark.parametrize("backend", ["sqlite"])


def place(sandbox: Sandbox, client_order_id: str | None = None, **kwargs: object) -> str:
    return sandbox.place("LTCBTC", "BUY", "2", "0.002", client_order_id, **kwargs)


def outcomes(audit: Audit) -> list[str]:
    return [row["outcome"] for row in audit.history()]


# -- the answer


def test_the_page_s_own_answer_becomes_ccxt_s_order_field_by_field(
    bot: Bot, sandbox: Sandbox
) -> None:
    body = wire_answer("cancel_order_page")
    sandbox.inject(Fault(FaultKind.RAW, body=body.encode()))
    order = bot.cancel_order("4", SYMBOL)
    info = order.pop("info")
    assert as_text(info) == as_text(json.loads(body))
    assert order == {
        "id": "4",
        "clientOrderId": "myOrder1",
        "timestamp": None,
        "datetime": None,
        "lastTradeTimestamp": None,
        "lastUpdateTimestamp": None,
        "status": "canceled",
        "symbol": "LTC/BTC",
        "type": "limit",
        "timeInForce": "GTC",
        "postOnly": False,
        "reduceOnly": None,
        "side": "buy",
        "price": 2.0,
        "stopPrice": None,
        "triggerPrice": None,
        "takeProfitPrice": None,
        "stopLossPrice": None,
        "amount": 1.0,
        "filled": 0.0,
        "remaining": 1.0,
        "cost": 0.0,
        "average": None,
        "fee": None,
        "fees": [],
        "trades": [],
    }


def test_an_order_is_cancelled_by_its_id(bot: Bot, sandbox: Sandbox, audit: Audit) -> None:
    order_id = place(sandbox, "mine")
    began = time.monotonic()
    order = bot.cancel_order(order_id, SYMBOL)
    took_us = (time.monotonic() - began) * 1e6
    assert (order["id"], order["clientOrderId"], order["status"]) == (order_id, "mine", "canceled")
    assert sandbox.order(order_id).status == "CANCELED"
    row = audit.history()[0]
    assert row["outcome"] == row["final_outcome"] == "canceled"
    assert (row["order_id"], row["client_order_id"], row["symbol"]) == (order_id, "mine", SYMBOL)
    assert row["http_status"] == 200
    assert row["bot"] == "tests"
    assert 0 < row["latency_us"] < took_us


@one_database
@pytest.mark.parametrize(
    "by",
    [
        lambda bot: bot.cancel_order_with_client_order_id("mine", SYMBOL),
        lambda bot: bot.cancel_order("", SYMBOL, {"clientOrderId": "mine"}),
        lambda bot: bot.cancel_order(None, SYMBOL, {"clientOrderId": "mine"}),
        lambda bot: bot.cancel_order("ignored", SYMBOL, {"clientOrderId": "mine"}),
    ],
)
def test_an_order_is_cancelled_by_its_client_order_id(bot: Bot, sandbox: Sandbox, by) -> None:
    order_id = place(sandbox, "mine")
    assert by(bot)["id"] == order_id
    assert "orderId" not in sandbox.arrivals[-1].params
    assert "clientOrderId" not in sandbox.arrivals[-1].params


def test_nothing_empty_or_of_ccxt_s_own_words_reaches_the_wire(bot: Bot, sandbox: Sandbox) -> None:
    order_id = place(sandbox)
    bot.cancel_order(
        order_id,
        SYMBOL,
        {
            "margin": False,
            "foo": None,
            "bar": "",
            "type": "spot",
            "newClientOrderId": "c1",
            "extra": "x",
        },
    )
    params = dict(sandbox.arrivals[-1].params)
    assert set(params) == {
        "symbol",
        "orderId",
        "newClientOrderId",
        "recvWindow",
        "timestamp",
        "extra",
    }
    assert params["newClientOrderId"] == "c1"


def test_the_callers_recv_window_is_sent(bot: Bot, sandbox: Sandbox) -> None:
    bot.cancel_order(place(sandbox), SYMBOL, {"recvWindow": 12345})
    bot.cancel_order(place(sandbox), SYMBOL)
    assert [a.params["recvWindow"] for a in sandbox.arrivals] == ["12345", "5000"]


@one_database
@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (100_000, "60000"), ("60001", "60000"), (1e12, "60000"), (5000.0, "5000"), ("7000.0", "7000"),
        (0, "5000"), (-5, "5000"), ("abc", "5000"), (float("nan"), "5000"), (float("inf"), "5000"), ([], "5000"),
    ],
)  # fmt: skip
def test_a_recv_window_that_the_venue_does_not_take_stops_no_cancel_and_both_are_on_record(
    bot: Bot, sandbox: Sandbox, audit: Audit, caplog, asked, sent
) -> None:
    for _ in range(2):
        order = bot.cancel_order(place(sandbox), SYMBOL, {"recvWindow": asked})
        assert order["status"] == "canceled"
    assert {a.params["recvWindow"] for a in sandbox.arrivals} == {sent}
    clamped = str(asked) not in ("5000.0", "7000.0")
    recorded = [event.get("recv_window_asked") for event in audit.payloads("request")]
    assert recorded == [str(asked) if clamped else None] * 2
    said = logged(caplog, "the venue does not take recvWindow", least=int(clamped))
    assert len(said) == clamped


@one_database
@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_id_is_refused_before_anything_is_sent(
    bot: Bot, sandbox: Sandbox, missing
) -> None:
    with pytest.raises(ccxt.ArgumentsRequired, match="order id"):
        bot.cancel_order(missing, SYMBOL)
    assert sandbox.requests == []


@one_database
@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_symbol_is_refused_before_anything_is_sent(
    bot: Bot, sandbox: Sandbox, missing
) -> None:
    with pytest.raises(ccxt.ArgumentsRequired, match="symbol"):
        bot.cancel_order("1", missing)
    assert sandbox.requests == []


def test_an_id_given_as_a_number_comes_back_as_text(bot: Bot, sandbox: Sandbox) -> None:
    order_id = place(sandbox)
    assert bot.cancel_order(int(order_id), SYMBOL)["id"] == order_id


def test_a_partial_fill_has_its_average_remaining_and_cost(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    order_id = place(sandbox)
    sandbox.fill(order_id, "0.5")
    order = bot.cancel_order(order_id, SYMBOL)
    assert order["status"] == "canceled"
    assert (order["filled"], order["remaining"], order["amount"]) == (0.5, 1.5, 2.0)
    assert (order["cost"], order["average"]) == (0.001, 0.002)
    assert order["fee"] is None
    assert outcomes(audit) == ["partially_canceled"]


@one_database
@pytest.mark.parametrize("answers", AnswerStyle)
@pytest.mark.parametrize("ids", IdStyle)
def test_every_shape_of_answer_and_id_is_an_acknowledged_cancel(
    colour, audit, answers, ids
) -> None:
    with Sandbox(answer_style=answers, id_style=ids).serve() as sandbox:
        bot = Bot(colour, {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
        try:
            order_id = place(sandbox, "mine")
            order = bot.cancel_order(order_id, SYMBOL)
        finally:
            bot.close()
        assert (order["id"], order["status"], order["amount"]) == (order_id, "canceled", 2.0)
        assert outcomes(audit) == ["canceled"]
        assert_complete(sandbox, audit)


@one_database
@pytest.mark.parametrize(
    ("name", "order_id", "expected", "outcome"),
    [
        ("cancel_order_short", "133734823834447872", {"status": "canceled", "filled": None, "remaining": None, "cost": None}, "canceled"),
        ("cancel_order_pre_cancel", "133734823834447872", {"status": "canceled", "filled": 0.0, "timeInForce": "GTC"}, "canceled"),
        ("cancel_order_partial", "C02__442859222808420353049", {"status": "canceled", "filled": 1.5, "remaining": 1.5, "cost": 2.97, "average": 1.98}, "partially_canceled"),
        ("cancel_order_filled", "133734823834447872", {"status": "closed", "filled": 1.0, "remaining": 0.0, "cost": 1.99}, "closed"),
        ("cancel_order_maker", "0f3ac0b4c4be4a4ca7c6e9b4ad12c3fe", {"postOnly": True, "timeInForce": "PO", "type": "limit", "clientOrderId": None, "timestamp": 1647667102000, "lastUpdateTimestamp": 1647708567000, "datetime": "2022-03-19T05:18:22.000Z"}, "canceled"),
    ],
)  # fmt: skip
def test_the_venue_s_other_answers_map_as_designed(
    bot, sandbox, audit, name, order_id, expected, outcome
) -> None:
    sandbox.inject(Fault(FaultKind.RAW, body=wire_answer(name).encode()))
    order = bot.cancel_order(order_id, SYMBOL)
    assert {key: order[key] for key in expected} == expected
    assert as_text(order["info"]) == as_text(json.loads(wire_answer(name)))
    assert outcomes(audit) == [outcome]


# -- refusals


def test_cancelling_twice_is_order_not_found_and_on_record(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    order_id = place(sandbox)
    bot.cancel_order(order_id, SYMBOL)
    with pytest.raises(ccxt.OrderNotFound) as caught:
        bot.cancel_order(order_id, SYMBOL)
    assert isinstance(caught.value, ccxt.BadRequest)
    assert str(caught.value) == 'mexc {"code":-2011,"msg":"Unknown order sent."}'
    row = audit.history()[1]
    assert (row["outcome"], row["venue_code"], row["error_type"]) == (
        "not_found",
        "-2011",
        "OrderNotFound",
    )
    assert row["venue_message"] == "Unknown order sent."


def test_a_wrong_secret_is_an_authentication_error_and_on_record(
    make_bot: MakeBot, sandbox, audit
) -> None:
    bot = make_bot(secret="not-the-secret-of-this-account")
    with pytest.raises(ccxt.AuthenticationError):
        bot.exchange.markets or bot.load_markets()
    bot.exchange.secret = DEFAULT_SECRET
    bot.load_markets()
    bot.exchange.secret = "not-the-secret-of-this-account"
    with pytest.raises(ccxt.AuthenticationError):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert outcomes(audit) == ["unauthorized"]


UNKNOWN = {
    "500": (Fault(FaultKind.SERVER_ERROR), ccxt.ExchangeNotAvailable),
    "502 html": (Fault(FaultKind.BAD_GATEWAY), ccxt.ExchangeNotAvailable),
    "503 html": (Fault(FaultKind.MAINTENANCE), ccxt.ExchangeNotAvailable),
    "505": (Fault(FaultKind.SERVER_ERROR, status=505), ccxt.ExchangeNotAvailable),
    "524": (Fault(FaultKind.BAD_GATEWAY, status=524), ccxt.ExchangeNotAvailable),
    "dropped before": (Fault(FaultKind.DROP_BEFORE), ccxt.NetworkError),
    "dropped after": (Fault(FaultKind.DROP_AFTER), ccxt.NetworkError),
    "half an answer": (Fault(FaultKind.DROP_MID_ANSWER), ccxt.BaseError),
    "truncated": (Fault(FaultKind.TRUNCATED), ccxt.BadResponse),
    "html": (Fault(FaultKind.HTML), ccxt.BadResponse),
    "empty": (Fault(FaultKind.RAW, body=b""), ccxt.BadResponse),
    "null": (Fault(FaultKind.RAW, body=b"null"), ccxt.BadResponse),
    "list": (Fault(FaultKind.RAW, body=b"[]"), ccxt.BadResponse),
    "other order": (Fault(FaultKind.OTHER_ORDER), ccxt.BadResponse),
    "redirect": (Fault(FaultKind.REDIRECT), ccxt.BaseError),
    "redirect 307": (Fault(FaultKind.REDIRECT, status=307), ccxt.BaseError),
}


@one_database
@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_is_called_unknown(
    bot: Bot, sandbox: Sandbox, audit: Audit, case: str
) -> None:
    fault, error = UNKNOWN[case]
    order_id = place(sandbox)
    bot.load_markets()
    sandbox.inject(fault)
    with pytest.raises(error) as caught:
        bot.cancel_order(order_id, SYMBOL)
    row = audit.history()[0]
    assert (row["outcome"], row["final_outcome"]) == ("unknown", "unknown")
    assert row["error_type"] == type(caught.value).__name__
    assert len(sandbox.arrivals) == 1
    assert not any(path.startswith("/sandbox/") for _, path in sandbox.requests)


REFUSED = {
    "429": (Fault(FaultKind.RATE_LIMIT), ccxt.RateLimitExceeded, "rate_limited"),
    "418": (Fault(FaultKind.BANNED), ccxt.DDoSProtection, "rate_limited"),
    "429 without a body": (
        Fault(FaultKind.RAW, status=429),
        ccxt.RateLimitExceeded,
        "rate_limited",
    ),
    "trading disabled": (Fault(FaultKind.TRADING_DISABLED), ccxt.OperationRejected, "rejected"),
    "refused with 200": (Fault(FaultKind.REFUSAL, status=200), ccxt.OrderNotFound, "not_found"),
    "a code that nobody knows": (
        Fault(FaultKind.REFUSAL, code=987654, message="?"),
        ccxt.ExchangeError,
        "rejected",
    ),
}


@one_database
@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_its_ccxt_error_and_its_outcome(
    bot: Bot, sandbox: Sandbox, audit: Audit, case: str
) -> None:
    fault, error, outcome = REFUSED[case]
    bot.load_markets()
    sandbox.inject(fault)
    with pytest.raises(error):
        bot.cancel_order(place(sandbox), SYMBOL)
    assert outcomes(audit) == [outcome]


def test_a_timeout_is_unknown(make_bot: MakeBot, sandbox: Sandbox, audit: Audit) -> None:
    bot = make_bot(timeout=300)
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=1.0))
    with pytest.raises(ccxt.RequestTimeout):
        bot.cancel_order(place(sandbox), SYMBOL)
    row = audit.history()[0]
    assert (row["outcome"], row["error_type"]) == ("unknown", "RequestTimeout")
    assert row["latency_us"] >= 290_000


def test_a_refused_connection_was_provably_not_sent(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot()
    bot.load_markets()
    bot.exchange.urls["api"]["spot"]["private"] = "http://127.0.0.1:1"
    with pytest.raises(ccxt.NetworkError) as caught:
        bot.cancel_order(place(sandbox), SYMBOL)
    assert outcomes(audit) == ["not_sent"]
    assert "signature=[redacted]" in str(caught.value)


def test_retries_of_ccxt_are_attempts_of_one_cancel(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.SERVER_ERROR, times=2))
    order = bot.cancel_order(place(sandbox), SYMBOL, {"maxRetriesOnFailure": 3})
    assert order["status"] == "canceled"
    rows = audit.history()
    assert [(row["attempt"], row["outcome"]) for row in rows] == [
        (1, "unknown"),
        (2, "unknown"),
        (3, "canceled"),
    ]
    assert len({row["cancel_id"] for row in rows}) == 1
    assert "maxRetriesOnFailure" not in sandbox.arrivals[0].params


# -- order of things


def test_the_request_is_on_record_before_it_leaves(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    bot.load_markets()
    seen: list[int] = []
    place_id = place(sandbox)
    original = bot.exchange.on_rest_response

    def look(*args):
        seen.append(len(audit.events("request")) - len(audit.events("response")))
        return original(*args)

    bot.exchange.on_rest_response = look
    bot.cancel_order(place_id, SYMBOL)
    del bot.exchange.on_rest_response
    assert seen == [1]
    events = [event["kind"] for event in audit.events()]
    assert events == ["start", "request", "response"]
    assert sandbox.arrivals[0].received_ns > audit.events("request")[0]["occurred_ns"]


@pytest.mark.parametrize("colour", ["sync"])
def test_a_keyboard_interrupt_leaves_its_response_on_record(
    make_bot: MakeBot, sandbox, audit
) -> None:
    bot = make_bot()
    bot.load_markets()

    def interrupt(*args):
        raise KeyboardInterrupt

    order_id = place(sandbox)
    bot.exchange.parse_json = interrupt
    with pytest.raises(KeyboardInterrupt):
        bot.cancel_order(order_id, SYMBOL)
    row = audit.history()[0]
    # The answer had been read: so it is known what became of the order.
    assert (row["outcome"], row["error_type"]) == ("canceled", "KeyboardInterrupt")


@pytest.mark.parametrize("colour", ["async", "pro"])
def test_a_cancelled_task_leaves_its_response_on_record(make_bot: MakeBot, sandbox, audit) -> None:
    bot = make_bot()
    bot.load_markets()
    order_id = place(sandbox)
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=1.0))

    async def cancel_the_cancel() -> None:
        task = asyncio.ensure_future(bot.exchange.cancel_order(order_id, SYMBOL))
        while not sandbox.arrivals:  # noqa: ASYNC110 - it is another thread that sees them arrive
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bot.run(cancel_the_cancel())
    row = audit.history()[0]
    assert (row["outcome"], row["error_type"]) == ("unknown", "CancelledError")


def test_fifty_concurrent_cancels_each_get_their_own_answer(
    bot: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    bot.load_markets()
    bot.exchange.enableRateLimit = False
    ids = [place(sandbox, f"mine-{n}") for n in range(50)]
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=0.05))
    if bot.colour == "sync":
        orders = {}

        def cancel(order_id: str) -> None:
            orders[order_id] = bot.exchange.cancel_order(order_id, SYMBOL)

        threads = [threading.Thread(target=cancel, args=(order_id,)) for order_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:

        async def cancel_all():
            return await asyncio.gather(*(bot.exchange.cancel_order(i, SYMBOL) for i in ids))

        orders = dict(zip(ids, bot.run(cancel_all()), strict=True))
    assert {order_id: order["id"] for order_id, order in orders.items()} == {i: i for i in ids}
    for event in audit.payloads("response"):
        assert json.loads(event["response"]["body"])["orderId"] == event["order_id"]
    responses = {e["cancel_id"]: e["order_id"] for e in audit.events("response")}
    requests = {e["cancel_id"]: e["order_id"] for e in audit.events("request")}
    assert requests == responses


# -- secrets and texts


def test_no_secret_is_stored_or_said(bot: Bot, sandbox: Sandbox, audit: Audit, capfd) -> None:
    bot.load_markets()
    bot.cancel_order(place(sandbox), SYMBOL)
    echo = f'{{"code":-1,"msg":"{DEFAULT_KEY} {DEFAULT_SECRET}"}}'
    sandbox.inject(
        Fault(FaultKind.RAW, status=400, body=echo.encode(), times=1), Fault(FaultKind.DROP_AFTER)
    )
    texts = []
    for _ in range(2):
        with pytest.raises(ccxt.BaseError) as caught:
            bot.cancel_order(place(sandbox), SYMBOL)
        error: BaseException | None = caught.value
        while error is not None:
            texts.append(f"{error!s} {error!r}")
            error = error.__cause__ or error.__context__
    stored = audit.stored()
    said = " ".join(texts) + "".join(capfd.readouterr())
    for secret in (DEFAULT_KEY, DEFAULT_SECRET):
        assert secret.encode() not in stored
        assert secret not in said
    assert re.search(r"signature=[0-9a-f]{8}", said) is None
    assert re.search(rb"signature=[0-9a-f]{8}", stored) is None


def test_swap_cancels_go_through_ccxt_s_own_method_and_are_on_record(
    bot: Bot, sandbox, audit
) -> None:
    order_id = sandbox.place_futures("BTC_USDT", 1, "1", "20000")
    bot.cancel_order(order_id, "BTC/USDT:USDT")
    row = audit.history()[0]
    assert (row["market_type"], row["order_id"], row["outcome"]) == ("swap", order_id, "accepted")
