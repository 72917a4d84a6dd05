"""What is on record of a cancel: for what kind of order, of which orders, in whose words, and what the bot got for it."""

import json
import re
from collections.abc import Callable
from typing import Any

import ccxt
import pytest
import requests

from mexc_plugin.exchange.transport.requests_guard import (
    NEVER_CONNECTED,
    NOT_FOLLOWED,
    failed_unsent,
)
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.read import queries
from mexc_plugin.store.write import recorders
from tests.conftest import Audit, Bot, MakeBot

SYMBOL, SWAP = "LTC/BTC", "BTC/USDT:USDT"


@pytest.fixture
def ready(make_bot: MakeBot) -> Bot:
    bot = make_bot()
    bot.load_markets()
    return bot


def spot(sandbox: Sandbox, client_order_id: str | None = None) -> str:
    return sandbox.place("LTCBTC", "BUY", "2", "0.002", client_order_id)


def futures(sandbox: Sandbox, family: str = "order", external: str | None = None) -> str:
    return sandbox.place_futures("BTC_USDT", 1, "1", "20000", external, family=family)


# -- the kind of market

KINDS: dict[str, tuple[str, Callable[[Bot, Sandbox], Any]]] = {
    "one": ("spot", lambda bot, sandbox: bot.cancel_order(spot(sandbox), SYMBOL)),
    "all": ("spot", lambda bot, sandbox: (spot(sandbox), bot.cancel_all_orders(SYMBOL))),
    "the account": ("spot", lambda bot, sandbox: bot.request("order/all", ["spot", "private"], "DELETE", {})),
    "legacy": ("spot", lambda bot, sandbox: bot.spot2PrivateDeleteOrderCancel({"order_ids": spot(sandbox)})),
    "legacy, all": ("spot", lambda bot, sandbox: (spot(sandbox), bot.spot2PrivateDeleteOrderCancelBySymbol({"symbol": "LTC_BTC"}))),
    "margin": ("margin", lambda bot, sandbox: bot.cancel_order(spot(sandbox), SYMBOL, {"marginMode": "isolated"})),
    "margin, all": ("margin", lambda bot, sandbox: (spot(sandbox), bot.cancel_all_orders(SYMBOL, {"marginMode": "isolated"}))),
    "swap": ("swap", lambda bot, sandbox: bot.cancel_order(futures(sandbox), SWAP)),
    "swap, several": ("swap", lambda bot, sandbox: bot.cancel_orders([futures(sandbox)], SWAP)),
    "swap, all": ("swap", lambda bot, sandbox: bot.cancel_all_orders(SWAP)),
    "swap, trigger": ("swap", lambda bot, sandbox: bot.contractPrivatePostPlanorderCancel([{"symbol": "BTC_USDT", "orderId": futures(sandbox, "planorder")}])),
}  # fmt: skip


@pytest.mark.parametrize("way", KINDS)
def test_the_market_type_is_that_of_the_order_and_not_of_the_bot(
    ready: Bot, sandbox: Sandbox, audit: Audit, way: str
) -> None:
    expected, cancel = KINDS[way]

    cancel(ready, sandbox)

    assert [event["market_type"] for event in audit.payloads("re%")] == [expected, expected]
    assert [row["market_type"] for row in audit.history()] == [expected]


# -- endpoints that replace an order, or cancel by the way

CHANGES: dict[str, tuple[str, str, str]] = {  # path: effect, family, name of the id
    "order/change_limit_order": ("replaces", "order", "orderId"),
    "order/chase_limit_order": ("replaces", "order", "orderId"),
    "planorder/change_price": ("replaces", "planorder", "orderId"),
    "trackorder/change_order": ("replaces", "trackorder", "trackOrderId"),
    "stoporder/change_plan_price": ("replaces", "stoporder", "stopPlanOrderId"),
    "planorder/change_stop_order": ("may_cancel", "planorder", "orderId"),
    "stoporder/change_price": ("may_cancel", "order", "orderId"),
    "position/close_all": ("may_cancel", "", ""),
    "position/reverse": ("may_cancel", "", ""),
}
TERMS = {"price": "20001", "vol": "1", "triggerPrice": "20001", "stopLossPrice": "1", "takeProfitPrice": "30000", "triggerType": 1, "executeCycle": 1, "orderType": 1, "trend": 1}  # fmt: skip


def ask_for(bot: Bot, path: str, body: Any) -> Any:
    return bot.request(path, ["contract", "private"], "POST", body)


@pytest.mark.parametrize("path", CHANGES)
def test_what_replaces_an_order_or_may_cancel_one_is_on_record_as_that(
    ready: Bot, sandbox: Sandbox, audit: Audit, path: str
) -> None:
    effect, family, name = CHANGES[path]
    if not family:
        sandbox.inject(Fault(FaultKind.RAW, path=f"*{path}", body=b'{"success":true,"code":0}'))
    order_id = futures(sandbox, family) if family else None
    body = {name: order_id} | TERMS if family else {"symbol": "BTC_USDT"}

    ask_for(ready, path, body)

    request, response = audit.payloads("request")[0], audit.payloads("response")[0]
    assert (request["effect"], request["market_type"]) == (effect, "swap")
    assert request.get("order_id") == order_id
    assert response["outcome"] == "accepted"
    # The order in the answer is the one that takes the place: it is not the one that was asked for.
    assert response.get("order_id") == order_id


@pytest.mark.parametrize("path", CHANGES)
def test_one_that_is_not_answered_is_unknown_and_a_refused_one_is_refused(
    ready: Bot, sandbox: Sandbox, audit: Audit, path: str
) -> None:
    body = {"orderId": "1", "symbol": "BTC_USDT"}
    sandbox.inject(
        Fault(FaultKind.DROP_AFTER, path=f"*{path}", times=1),
        Fault(FaultKind.RAW, path=f"*{path}", times=1, body=b'{"success":false,"code":2040,"message":"order not exist"}'),
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(ccxt.BaseError):
            ask_for(ready, path, body)

    assert [row["outcome"] for row in audit.history()] == ["unknown", "not_found"]


def test_a_plain_cancel_has_no_effect_beside_its_own(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    ready.cancel_order(spot(sandbox), SYMBOL)

    assert "effect" not in audit.payloads("request")[0]


# -- several orders in a request

SEVERAL: dict[str, tuple[Callable[[Bot, list[str]], Any], str]] = {
    "futures": (lambda bot, ids: bot.contractPrivatePostOrderCancel(ids), "order_ids"),
    "futures, unified": (lambda bot, ids: bot.cancel_orders(ids, SWAP), "order_ids"),
    "stop orders": (lambda bot, ids: bot.contractPrivatePostStoporderCancel([{"stopPlanOrderId": each} for each in ids]), "order_ids"),
    "external ids": (lambda bot, ids: ask_for(bot, "order/batch_cancel_with_external", [{"symbol": "BTC_USDT", "externalOid": each} for each in ids]), "client_order_ids"),
    "legacy": (lambda bot, ids: bot.spot2PrivateDeleteOrderCancel({"order_ids": ",".join(ids)}), "order_ids"),
    "legacy, client ids": (lambda bot, ids: bot.spot2PrivateDeleteOrderCancel({"client_order_ids": ",".join(ids)}), "client_order_ids"),
}  # fmt: skip


@pytest.mark.parametrize("way", SEVERAL)
def test_a_request_for_several_orders_that_is_never_answered_is_found_by_each(
    ready: Bot, sandbox: Sandbox, audit: Audit, way: str
) -> None:
    cancel, name = SEVERAL[way]
    ids = ["101716841474621953", "108885377779302912", "108886241042563584"]
    sandbox.inject(Fault(FaultKind.DROP_BEFORE, times=1))

    with pytest.raises(ccxt.NetworkError):
        cancel(ready, ids)

    recorders.close_all()
    with queries.reading(audit.url) as connection:
        for each in ids:
            filters = queries.Filters(**{name: (each,)})
            assert [row["outcome"] for row in queries.history(connection, filters)] == ["unknown"]
        none = queries.Filters(**{name: ("999",)})
        assert list(queries.history(connection, none)) == []
    assert audit.payloads("request")[0][name] == ids


def test_a_raw_batch_of_one_that_failed_returns_what_plain_ccxt_returns(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    """An implicit method hands on the venue's answer; that the order failed is on record."""
    answer = ready.contractPrivatePostOrderCancel(["999"])

    assert str(answer["data"][0]["errorCode"]) == "2040"
    (row,) = audit.history()
    assert (row["outcome"], row["venue_code"], row["error_type"]) == ("not_found", "2040", None)
    with pytest.raises(ccxt.OrderNotFound):
        ready.cancel_order("999", SWAP)


def test_a_failed_order_of_several_swaps_raises_nothing_and_is_no_success(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    known = futures(sandbox)

    orders = ready.cancel_orders([known, "999"], SWAP)

    assert [order["info"].get("outcome") for order in orders] == [None, "not_found"]
    assert orders[1]["status"] == "rejected"
    assert [row["outcome"] for row in audit.history()] == ["not_found"]
    named = {order["order_id"]: order["outcome"] for order in audit.payloads("response")[0]["orders"]}  # fmt: skip
    assert named == {known: "accepted", "999": "not_found"}


# -- the answer


def test_the_headers_of_the_answer_are_on_record_without_its_secrets(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    headers = {"X-Cache": "MISS from edge-7", "Set-Cookie": "session=of-the-edge", "Retry-After": "3"}  # fmt: skip
    sandbox.inject(Fault(FaultKind.RATE_LIMIT, times=1, headers=headers))

    with pytest.raises(ccxt.RateLimitExceeded):
        ready.cancel_order(spot(sandbox), SYMBOL)

    kept = {name.lower(): value for name, value in audit.payloads("response")[0]["response"]["headers"].items()}  # fmt: skip
    assert (kept["x-cache"], kept["retry-after"]) == ("MISS from edge-7", "3")
    assert kept["set-cookie"] == "[redacted]"
    assert b"of-the-edge" not in audit.stored()


@pytest.mark.parametrize("market", [SYMBOL, SWAP])
def test_an_answer_that_echoes_the_signature_puts_it_on_no_record_and_into_no_error(
    ready: Bot, sandbox: Sandbox, audit: Audit, market: str
) -> None:
    """The venue may repeat a request in its message: the signature stands there by itself."""
    seen: list[str] = []
    original = ready.exchange.sign

    def sign(*args: Any, **kwargs: Any) -> Any:
        signed = original(*args, **kwargs)
        found = re.search("signature=([0-9a-f]{64})", signed["url"])
        seen.append(found[1] if found else signed["headers"]["Signature"])
        body = json.dumps({"code": 700002, "msg": f"{seen[-1]} is not valid"}).encode()
        sandbox.clear_faults()
        sandbox.inject(Fault(FaultKind.RAW, status=400, body=body))
        return signed

    ready.exchange.sign = sign
    with pytest.raises(ccxt.AuthenticationError) as caught:
        ready.cancel_order("4", market)

    assert len(seen) == 1
    assert seen[0].encode() not in audit.stored()
    assert seen[0] not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "[redacted] is not valid" in str(caught.value)


def test_an_answer_that_echoes_the_key_of_another_signer_puts_it_on_no_record_and_into_no_error(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    """A `sign` of the bot's own may sign with a key that the exchange does not hold."""
    key, original = "mx0anotherkeythatsigns", ready.exchange.sign

    def sign(*args: Any, **kwargs: Any) -> Any:
        signed = original(*args, **kwargs)
        return {**signed, "headers": {**signed["headers"], "X-MEXC-APIKEY": key}}

    ready.exchange.sign = sign
    fault = Fault(FaultKind.REFUSAL, code=10072, message=f"Api key info invalid: {key}", status=400)
    sandbox.inject(fault)
    with pytest.raises(ccxt.AuthenticationError) as caught:
        ready.cancel_order("1", SYMBOL)
    assert "Api key info invalid: [redacted]" in str(caught.value)
    assert [event["kind"] for event in audit.events() if key in str(event)] == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_on_record_with_where_it_led_and_what_it_said(
    ready: Bot, sandbox: Sandbox, audit: Audit, status: int
) -> None:
    body, headers = b'{"code":123456,"msg":"moved"}', {"Location": "/sandbox/elsewhere"}
    sandbox.inject(Fault(FaultKind.RAW, times=1, status=status, body=body, headers=headers))

    with pytest.raises(ccxt.ExchangeError) as caught:
        ready.cancel_order(spot(sandbox), SYMBOL)

    assert isinstance(caught.value, ccxt.NetworkError)
    response = audit.payloads("response")[0]
    assert (response["outcome"], response["venue_code"]) == ("unknown", "123456")
    assert response["response"]["body"] == body.decode()
    assert response["response"]["headers"][NOT_FOLLOWED] == "/sandbox/elsewhere"
    assert not [path for _, path in sandbox.requests if path == "/sandbox/elsewhere"]


def test_every_word_of_an_order_is_in_a_column_of_its_own(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    said = {
        "orderId": "4", "origClientOrderId": "mine", "clientOrderId": "c1", "symbol": "LTCBTC", "status": "PARTIALLY_CANCELED",
        "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "2.0", "origQty": "1.0", "executedQty": "0.5", "cummulativeQuoteQty": "1.00",
    }  # fmt: skip
    sandbox.inject(Fault(FaultKind.RAW, times=1, body=json.dumps(said).encode()))
    ready.cancel_order("4", SYMBOL)

    names = ("order_id", "client_order_id", "cancel_client_order_id", "native_symbol", "order_status", "side", "type", "time_in_force", "price", "amount", "filled", "cost")  # fmt: skip
    response = audit.events("response")[0]
    assert [response[name] for name in names] == list(said.values())


def test_a_header_of_our_own_name_makes_no_redirect_of_another_answer(
    ready: Bot, sandbox: Sandbox
) -> None:
    body, headers = b'{"code":-2011,"msg":"Unknown order sent."}', {NOT_FOLLOWED: "/elsewhere"}
    sandbox.inject(Fault(FaultKind.RAW, times=1, status=400, body=body, headers=headers))

    with pytest.raises(ccxt.OrderNotFound):
        ready.cancel_order("4", SYMBOL)


def test_an_answer_of_self_trade_prevention_is_closed_and_keeps_its_words(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    body = {"symbol": "LTCBTC", "orderId": "4", "status": "CANCELED", "cancelReason": "stp_cancel", "stpMode": "cancel_maker", "executedQty": "0", "origQty": "1"}  # fmt: skip
    sandbox.inject(Fault(FaultKind.RAW, times=1, body=json.dumps(body).encode()))

    order = ready.cancel_order("4", SYMBOL)

    assert (order["status"], order["info"]["stpMode"]) == ("canceled", "cancel_maker")
    response = audit.payloads("response")[0]
    assert (response["outcome"], response["cancel_reason"], response["stp_mode"]) == ("closed", "stp_cancel", "cancel_maker")  # fmt: skip


# -- what the bot gets


def test_edit_order_returns_the_placed_order(ready: Bot, sandbox: Sandbox) -> None:
    cancelled = spot(sandbox, "before")

    order = ready.edit_order(cancelled, SYMBOL, "limit", "buy", 1.5, 0.003)

    (placed,) = [each for each in sandbox.orders() if each.is_open]
    assert order["id"] == placed.order_id != cancelled
    assert (order["amount"], order["price"], order["side"]) == (1.5, 0.003, "buy")
    assert not sandbox.order(cancelled).is_open


@pytest.mark.parametrize("word", ["EXPIRED", "REJECTED", "FILLED"])
def test_an_order_that_had_ended_by_itself_is_no_cancel(
    ready: Bot, sandbox: Sandbox, audit: Audit, word: str
) -> None:
    body = {"symbol": "LTCBTC", "orderId": "4", "status": word, "executedQty": "1", "origQty": "1"}
    sandbox.inject(Fault(FaultKind.RAW, times=1, body=json.dumps(body).encode()))

    order = ready.cancel_order("4", SYMBOL)

    expected = {"EXPIRED": "expired", "REJECTED": "rejected", "FILLED": "closed"}[word]
    assert (order["status"], audit.history()[0]["outcome"]) == (expected, "closed")


# -- reconciliation, and the ends of a writer


def test_reconciliation_keeps_the_orders_own_client_id(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    """The look-up's `clientOrderId` is the order's own, where a cancel's answer has the cancel's there."""
    order_id = spot(sandbox, "mine")
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(order_id, SYMBOL)

    ready.reconcile_cancels()

    (event,) = audit.payloads("reconciliation")
    assert (event["order_id"], event["client_order_id"]) == (order_id, "mine")
    assert "cancel_client_order_id" not in event


@pytest.mark.parametrize("status", ["EXPIRED", "REJECTED", "FILLED"])
def test_reconciliation_says_closed_of_an_order_that_ended_by_itself(
    ready: Bot, sandbox: Sandbox, audit: Audit, status: str
) -> None:
    order_id = spot(sandbox)
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(order_id, SYMBOL)
    body = {"symbol": "LTCBTC", "orderId": order_id, "status": status}
    sandbox.inject(Fault(FaultKind.RAW, method="GET", path="/api/v3/order", body=json.dumps(body).encode()))  # fmt: skip

    (result,) = ready.reconcile_cancels()

    assert result["outcome"] == "closed"
    assert audit.history()[0]["final_outcome"] == "closed"


def test_an_order_that_self_trade_prevention_took_is_closed_by_reconciliation(
    ready: Bot, sandbox: Sandbox
) -> None:
    order_id = spot(sandbox)
    sandbox.inject(Fault(FaultKind.DROP_BEFORE, times=1))
    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(order_id, SYMBOL)
    sandbox.cancel_by_stp(order_id)

    assert [result["outcome"] for result in ready.reconcile_cancels()] == ["closed"]


@pytest.mark.parametrize("colour", ["sync"])
def test_the_first_and_the_last_event_of_a_writer_name_the_process(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    import os
    import socket

    ready.cancel_order(spot(sandbox), SYMBOL)
    recorders.close_all()

    ends = audit.payloads("start") + audit.payloads("stop")
    assert [event["kind"] for event in ends] == ["start", "stop"]
    assert {(event["pid"], event["host"]) for event in ends} == {(os.getpid(), socket.gethostname())}  # fmt: skip


# -- the chain of an error


@pytest.mark.parametrize("connected", [True, False])
def test_a_chain_of_errors_that_leads_back_to_its_start_is_read_once(connected: bool) -> None:
    last = ValueError("sent") if connected else requests.exceptions.ConnectTimeout()
    first, second = OSError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    second.args = (first, last)

    assert failed_unsent(first, NEVER_CONNECTED) is not connected
    assert failed_unsent(None, NEVER_CONNECTED) is False
