"""An answer acknowledges in plain words only, and only what was asked for. All else is unknown, or a refusal."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.responses import Acknowledged, Refusal, Unreadable, decode

from .asked import (
    LEGACY,
    change,
    decide_on,
    futures,
    futures_all,
    futures_by_external_id,
    legacy,
    legacy_by_symbol,
    margin,
    margin_open_orders,
    open_orders,
    outcome_of,
    read,
    spot,
    spot_by_client_id,
    whole_account,
)

SUCCESSES = {"canceled", "partially_canceled", "closed", "accepted"}
ORDER = {
    "symbol": "LTCBTC",
    "origClientOrderId": "mine",
    "orderId": "4",
    "clientOrderId": "c1",
    "price": "2.0",
    "origQty": "1.0",
    "executedQty": "0.0",
    "cummulativeQuoteQty": "0.0",
    "status": "CANCELED",
    "type": "LIMIT",
    "side": "BUY",
}
DONE = {"orderId": 4, "errorCode": 0, "errorMsg": "success"}
OK = {"success": True, "code": 0, "data": [DONE]}
# Every way to ask, and its plain success.
PLAIN = {
    "spot": (spot(), ORDER, "canceled"),
    "spot by client id": (spot_by_client_id(), ORDER, "canceled"),
    "margin": (margin(), [ORDER], "canceled"),
    "open orders": (open_orders(), [ORDER], "canceled"),
    "open orders of two symbols": (open_orders("LTCBTC,LTCUSDT"), [ORDER, {**ORDER, "symbol": "LTCUSDT", "orderId": "5"}], "canceled"),
    "margin open orders": (margin_open_orders(), [ORDER], "canceled"),
    "no open orders": (open_orders(), [], "accepted"),
    "whole account": (whole_account(), {"code": 200, "msg": "success", "timestamp": 1}, "accepted"),
    "legacy": (legacy("4", "5"), {"code": 200, "data": {"4": "success", "5": "success"}}, "accepted"),
    "legacy by symbol": (legacy_by_symbol(), {"code": 200, "data": [{"order_id": "4", "client_order_id": "x", "msg": "success"}]}, "accepted"),
    "futures": (futures(), OK, "accepted"),
    "futures, one object": (futures(), {"success": True, "code": 0, "data": DONE}, "accepted"),
    "futures, one object by external id": (futures_by_external_id(), {"success": True, "code": 0, "data": {"externalOid": "mine"}}, "accepted"),
    "futures in Chinese": (futures(), {"success": True, "code": 0, "data": [{"orderId": 4, "errorCode": 0, "errorMsg": "成功"}]}, "accepted"),
    "futures by external id": (futures_by_external_id(), OK, "accepted"),
    "futures, no word on each": (futures(), {"success": True, "code": 0, "data": [{"orderId": 4}]}, "accepted"),
    "futures without data": (futures(), {"success": True, "code": 0}, "accepted"),
    "futures all": (futures_all(), {"success": True, "code": "0"}, "accepted"),
    "changed": (change(), {"success": True, "code": 0, "data": "99"}, "accepted"),
    "chased": (change("order/chase_limit_order"), {"success": True, "code": 0, "data": {"orderId": 99}}, "accepted"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_success_in_plain_words_is_one(name: str) -> None:
    asked, answer, outcome = PLAIN[name]

    assert outcome_of(asked, answer) == outcome


def test_every_word_of_an_order_is_kept_under_its_name() -> None:
    answer = {"orderId": 4, "symbol": "LTCBTC", "origClientOrderId": "mine", "clientOrderId": "c1", "price": "2.0", "origQty": "1.50", "executedQty": "0.5",
              "cummulativeQuoteQty": "1.0", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "time": 1, "updateTime": 2,
              "cancelReason": "x", "stpMode": "none"}  # fmt: skip
    expected = CancelAck(
        order_id="4", symbol="LTCBTC", client_order_id="mine", cancel_client_order_id="c1", price="2.0", amount="1.50", filled="0.5", cost="1.0",
        status="NEW", time_in_force="GTC", type="LIMIT", side="BUY", time="1", update_time="2", cancel_reason="x", stp_mode="none",
    )  # fmt: skip
    assert decode(spot(), json.dumps(answer)) == Acknowledged((expected,))
    other = {"orderId": "4", "Qty": "1.50", "transactTime": "7"}
    assert decode(spot(), json.dumps(other)) == Acknowledged((CancelAck(order_id="4", amount="1.50", time="7"),))  # fmt: skip


def test_of_two_names_for_the_same_the_first_that_has_a_value_counts() -> None:
    for answer in ({"orderId": "4", "origQty": "", "Qty": "2"}, {"orderId": "4", "origQty": "2", "Qty": "3"}):  # fmt: skip
        assert decode(spot(), json.dumps(answer)) == Acknowledged((CancelAck(order_id="4", amount="2"),))  # fmt: skip


def test_the_result_of_each_order_is_kept_word_for_word() -> None:
    items = [{"orderId": 4, "symbol": "LTC_BTC", "externalOid": "mine", "errorCode": 2041, "errorMsg": "order state cannot be cancelled"}]  # fmt: skip
    reply = decode(futures(), json.dumps({"success": True, "code": 0, "data": items}))
    expected = CancelAck(order_id="4", symbol="LTC_BTC", client_order_id="mine", code="2041", message="order state cannot be cancelled")  # fmt: skip
    assert reply == Acknowledged((expected,))
    legacy_items = [{"order_id": "4", "client_order_id": "mine", "msg": "success"}]
    reply = decode(legacy_by_symbol(), json.dumps({"code": 200, "data": legacy_items}))
    expected = CancelAck(order_id="4", client_order_id="mine", code="0", message="success")
    assert reply == Acknowledged((expected,))


# -- one order, as an object or in a list


def but(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


NO_ORDER = {
    "null": None, "true": True, "a number": 4, "a text": "ok", "an empty object": {}, "an empty list in it": {"orderId": []},
    "no id": {key: value for key, value in ORDER.items() if key != "orderId"}, "an id of null": but(orderId=None),
    "an empty id": but(orderId=""), "an id that is true": but(orderId=True), "an object for an id": but(orderId={"a": 4}),
    "another order": but(orderId="999"), "another order's number": but(orderId=999), "another symbol": but(symbol="LTCUSDT"),
    "success: false": but(success=False), "success that is a text": but(success="true"), "success that is a number": but(success=1),
    "a failing code": but(code=-2011), "the code 500": but(code=500), "a code that is null": but(code=None), "a code that is true": but(code=True),
    "an error's text": but(msg="Unknown order sent."), "an error's message": but(message="no"), "a text that is a list": but(msg=["no"]),
    "an error": but(error="no"), "an error's code": but(errorCode=2041), "an error's text of futures": but(errorMsg="order state cannot be cancelled"),
    "a status that is true": but(status=True), "a status that is a list": but(status=["CANCELED"]),
    "a negative quantity": but(executedQty="-1"), "more executed than ordered": but(executedQty="1.1"), "a negative amount": but(origQty="-1"),
    "a negative price": but(price="-2"), "a negative cost": but(cummulativeQuoteQty="-0.1"), "a quantity in words": but(origQty="one"),
    "a quantity with a comma": but(origQty="1,5"), "a quantity of other digits": but(origQty="１"), "a price that is true": but(price=True),
    "a price that is an object": but(price={"a": 1}), "a blank in a price": but(price=" 2"), "a sign in a price": but(price="+2"),
}  # fmt: skip
NOT_A_NUMBER = ["NaN", "Infinity", "-Infinity", "1e400", "-1", "1e999999999", "0x10", '"NaN"', '"inf"', '"Infinity"', '"1e400"', '"-0.1"', '"0x10"', '"1_000"', '"1e-400"']  # fmt: skip


@pytest.mark.parametrize("name", NO_ORDER)
@pytest.mark.parametrize("status", [200, 201, 400, 404])
def test_what_contradicts_itself_or_names_another_order_is_never_a_success(
    name: str, status: int
) -> None:
    answer = NO_ORDER[name]
    found = {
        "spot": decide_on(spot(), answer, status),
        "margin": decide_on(margin(), [answer], status),
    }
    if name not in ("another order", "another order's number"):
        found["by client id"] = decide_on(spot_by_client_id(), answer, status)
        found["open orders"] = decide_on(open_orders(), [but(orderId="3"), answer], status)
        found["margin open orders"] = decide_on(margin_open_orders(), [answer], status)
    for way, verdict in found.items():
        assert (verdict.outcome.value, verdict.orders) == ("unknown", ()), way
        assert verdict.reason, way


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("null", "null"), ("[]", "an array"), ('"x"', "a text"), ("true", "a boolean"), ("{}", "an object"), ("1", "a text")],
)  # fmt: skip
def test_the_record_says_what_there_was_in_an_orders_place(answer: str, kind: str) -> None:
    reason = decide_on(spot(), answer).reason

    assert reason == f"expected an order with an orderId, got {kind}"


def test_a_status_that_nobody_knows_decides_nothing() -> None:
    assert outcome_of(spot(), but(status="GONE")) == "unknown"
    assert outcome_of(margin(), [but(status="canceled")]) == "unknown"
    assert outcome_of(open_orders(), [ORDER, but(orderId="5", status="GONE")]) == "unknown"


def test_an_order_may_have_been_executed_up_to_the_whole_of_it() -> None:
    for status, outcome in (("FILLED", "closed"), ("CANCELED", "canceled")):
        assert outcome_of(spot(), but(executedQty="1.00", status=status)) == outcome


@pytest.mark.parametrize("field", ["price", "origQty", "executedQty", "cummulativeQuoteQty", "Qty"])
@pytest.mark.parametrize("number", NOT_A_NUMBER)
def test_a_quantity_that_cannot_be_makes_an_answer_unknown(field: str, number: str) -> None:
    changed = json.dumps({key: value for key, value in ORDER.items() if key != field})
    if field == "Qty":
        changed = changed.replace('"origQty": "1.0", ', "")
    body = changed[:-1] + f', "{field}": {number}}}'

    assert decide_on(spot(), body).orders == ()
    assert outcome_of(spot(), body) == "unknown"
    assert outcome_of(open_orders(), f"[{body}]") == "unknown"


@pytest.mark.parametrize("body", [
    '{"orderId":"4","orderId":"5"}', '{"orderId":"5","orderId":"4"}', '{"orderId":"4","status":"NEW","status":"FILLED"}',
    '{"orderId":"4","executedQty":"0","executedQty":"1"}', '{"orderId":"4","x":{"a":1,"a":2}}',
    '{"success":false,"success":true,"code":0,"orderId":"4"}', '{"code":-2011,"code":0,"orderId":"4"}',
])  # fmt: skip
def test_one_name_with_two_values_is_unknown(body: str) -> None:
    assert outcome_of(spot(), body) == "unknown"


def test_one_name_twice_with_one_value_says_nothing_wrong() -> None:
    assert outcome_of(spot(), '{"orderId":"4","orderId":"4"}') == "canceled"


@pytest.mark.parametrize("body", [
    "", " ", "{", "[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000, "<html>", "nul", "{}{}",
    '{"orderId":' + "9" * 100_000 + "}", '{"orderId":"4","price":' + "9" * 100_000 + "}", "\ud800", '{"orderId":"\\ud800"}', "\x00", "\ufeff{}",
])  # fmt: skip
@pytest.mark.parametrize("asked", [spot(), margin(), open_orders(), futures(), legacy(), change()], ids=lambda a: a.endpoint.path)  # fmt: skip
def test_what_cannot_be_read_is_unknown(asked: ParsedRequest, body: str) -> None:
    assert outcome_of(asked, body) == "unknown"


def test_a_margin_cancel_of_one_order_is_answered_with_one() -> None:
    for answer in ([], [ORDER, {**ORDER}], [ORDER, but(orderId="5")], ORDER):
        assert outcome_of(margin(), answer) == "unknown"


def test_a_list_for_one_order_and_one_order_for_a_list_are_unknown() -> None:
    assert outcome_of(spot(), [ORDER]) == "unknown"
    assert outcome_of(open_orders(), ORDER) == "unknown"
    assert outcome_of(open_orders(), {"code": 200, "msg": "success"}) == "unknown"


def test_an_order_named_twice_with_two_results_is_unknown() -> None:
    assert outcome_of(open_orders(), [ORDER, but(status="FILLED")]) == "unknown"
    assert outcome_of(open_orders(), [ORDER, ORDER]) == "canceled"


def test_the_owners_own_id_must_be_the_one_that_was_asked_for() -> None:
    assert outcome_of(spot_by_client_id(), but(origClientOrderId="other")) == "unknown"
    assert outcome_of(spot_by_client_id(), but(origClientOrderId="other", orderId="mine")) == "unknown"  # fmt: skip
    # The short answer has none: then it rests on the venue's having been asked for it.
    short = {"symbol": "LTCBTC", "orderId": "4", "price": "2", "origQty": "1", "type": "LIMIT"}
    assert outcome_of(spot_by_client_id(), short) == "canceled"


def test_an_answer_that_names_an_envelope_or_none_to_one_spot_order_is_no_cancel() -> None:
    """The answers that point 20 names."""
    for answer in (
        {"success": True, "code": 0, "data": {"orderId": "999"}},
        {"success": True, "code": 0, "data": {"orderId": "4"}},
        {"success": True, "code": 0, "data": [DONE]},
        {"code": 200},
        {"code": 200, "msg": "success"},
        {"success": True},
    ):
        assert outcome_of(spot(), answer) == "unknown"


# -- envelopes


def envelope(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in (OK | changed).items() if value is not ...}


def with_items(*items: Any) -> dict[str, Any]:
    return envelope(data=list(items))


def item(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in (DONE | changed).items() if value is not ...}


NO_SUCCESS = {
    "success: false": envelope(success=False), "success: false, no code": envelope(success=False, code=...),
    "success: false, a code of null": envelope(success=False, code=None), "success: false, an odd code": envelope(success=False, code=True),
    "success: false, code 200": envelope(success=False, code=200), "success that is a text": envelope(success="yes"),
    "no word of success": {"data": [DONE]}, "a failing code beside success": envelope(code=1002), "a failing code beside an order": envelope(code=1002, success=...),
    "an error's text beside success": envelope(message="Contract not allow place order!"), "an error's text in msg": envelope(msg="failed"),
    "empty data": with_items(), "an empty object for data": envelope(data={}), "data that is false": envelope(data=False),
    "an empty text for data": envelope(data=""), "a text for data": envelope(data="failed"), "a number for data": envelope(data=1),
    "another order": with_items(item(orderId=999)), "another order beside it": with_items(DONE, item(orderId=999)),
    "another order that failed": with_items(item(orderId=999, errorCode=2041, errorMsg="no")),
    "no order": with_items(item(orderId=...)), "an order of null": with_items(item(orderId=None)), "an item of null": with_items(None),
    "an item that is a text": with_items("4"), "an item that is a list": with_items([DONE]), "two results for one": with_items(DONE, item(errorCode=2041, errorMsg="no")),
    "an error's text beside code 0": with_items(item(errorMsg="order not exist")), "a code of null": with_items(item(errorCode=None)),
    "a code that is true": with_items(item(errorCode=True)), "a code that is a list": with_items(item(errorCode=[0])),
    "a code that is no number": with_items(item(errorCode="none")), "an id that is an object": with_items(item(orderId={"id": 4})),
    "another order above": envelope(orderId=999), "another order above, no data": envelope(orderId=999, data=...),
    "a failing code of another name in an item": with_items(item(code=2040)), "a failing code and no errorCode": with_items(item(errorCode=..., errorMsg=..., code=2040)),
    "success: false in an item": with_items(item(success=False)), "a success that is a text in an item": with_items(item(success="no")),
    "only the owner's own id": with_items(item(orderId=..., externalOid="other")),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SUCCESS)
def test_an_envelope_that_contradicts_itself_or_names_another_order_is_never_a_success(
    name: str,
) -> None:
    verdict = decide_on(futures(), NO_SUCCESS[name])

    assert (verdict.outcome.value, verdict.orders) == ("unknown", ())
    assert verdict.reason


@pytest.mark.parametrize("answer", [with_items(DONE), with_items(DONE, DONE), with_items(DONE, item(orderId=6))])  # fmt: skip
def test_an_answer_that_leaves_out_one_of_several_orders_is_unknown(answer: object) -> None:
    assert outcome_of(futures("4", "5"), answer) == "unknown"
    assert outcome_of(futures_by_external_id("a", "b"), with_items(DONE)) == "unknown"


def test_results_without_external_ids_are_taken_by_their_number() -> None:
    """The page answers a cancel by external ids with order ids alone."""
    both = with_items(DONE, item(orderId=5, errorCode=2041, errorMsg="order state cannot be cancelled"))  # fmt: skip

    assert outcome_of(futures_by_external_id("a", "b"), both) == "rejected"
    assert outcome_of(futures_by_external_id("a", "b"), with_items(DONE, DONE)) == "unknown"
    twice = [item(orderId=..., externalOid="a"), item(orderId=..., externalOid="a", errorCode=2041, errorMsg="no")]  # fmt: skip
    assert outcome_of(futures_by_external_id("a"), with_items(*twice)) == "unknown"
    named = with_items(item(externalOid="a"), item(orderId=5, externalOid="other"))
    assert outcome_of(futures_by_external_id("a", "b"), named) == "unknown"


def test_a_cancel_of_all_may_name_orders_or_none() -> None:
    for data in (None, [], {}, True, "", [DONE], [DONE, item(orderId=5)]):
        assert outcome_of(futures_all(), envelope(data=data)) == "accepted"
    for data in (False, "failed", [item(orderId=...)], [DONE, item(errorCode=9999, errorMsg="x")]):
        assert outcome_of(futures_all(), envelope(data=data)) == "unknown"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [({"4": "success", "5": "success"}, "accepted"), ({"4": "success", "5": "order not exist"}, "rejected"),
     ({"4": "success"}, "unknown"), ({"4": "success", "6": "success"}, "unknown"), ({"4": "success", "5": ""}, "unknown"),
     ({"4": "success", "other": "success"}, "unknown"), ({"4": "success", "5": None}, "unknown"), ({"4": "success", "5": False}, "unknown"), ({"4": "success", "5": ["success"]}, "unknown")],
)  # fmt: skip
def test_a_legacy_answer_has_a_word_for_each_order(words: object, outcome: str) -> None:
    verdict = decide_on(legacy("4", "5"), {"code": 200, "data": words})

    assert verdict.outcome.value == outcome
    if outcome != "unknown":
        assert {order.order_id for order in verdict.orders} == {"4", "5"}


def test_a_legacy_answer_to_client_order_ids_names_these() -> None:
    asked = read("DELETE", f"{LEGACY}/order/cancel?client_order_ids=a,b")

    assert outcome_of(asked, {"code": 200, "data": {"a": "success", "b": "success"}}) == "accepted"
    assert outcome_of(asked, {"code": 200, "data": {"a": "success", "c": "success"}}) == "unknown"
    assert outcome_of(asked, {"code": 200, "data": {"a": "success"}}) == "unknown"


@pytest.mark.parametrize("path", ["order/change_limit_order", "order/chase_limit_order", "planorder/change_stop_order", "position/close_all", "position/reverse"])  # fmt: skip
@pytest.mark.parametrize(
    "answer",
    [envelope(success=False), envelope(success=False, code=...), envelope(data=False), envelope(message="failed"), envelope(code=1002),
     with_items(item(errorCode=2041, errorMsg="no")), with_items(item(errorMsg="no")), envelope(data={"orderId": 9, "errorCode": 2040})],
)  # fmt: skip
def test_a_change_that_contradicts_itself_is_unknown(path: str, answer: object) -> None:
    assert outcome_of(change(path), answer) == "unknown"


def test_the_order_that_takes_the_place_of_another_is_not_taken_for_it() -> None:
    verdict = decide_on(change(), with_items(item(orderId=99)))

    assert (verdict.outcome.value, verdict.orders) == ("accepted", ())


# -- refusals


@pytest.mark.parametrize("asked", [spot(), margin(), open_orders(), whole_account(), legacy(), futures(), futures_all(), change()], ids=lambda a: a.endpoint.path)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_is_one_wherever_it_comes_and_its_text_is_found(
    asked: ParsedRequest, status: int
) -> None:
    for answer, message in (
        ({"code": 1002, "msg": "no"}, "no"),
        ({"code": "1002", "message": "no"}, "no"),
        ({"success": False, "code": 1002, "message": "no", "data": None}, "no"),
        ({"code": 1002, "data": "operation not allowed"}, "operation not allowed"),
        ({"code": 1002, "data": {"x": 1}}, ""),
        ({"code": 1002}, ""),
    ):
        verdict = decide_on(asked, answer, status)
        assert verdict.outcome.value == "rejected"
        assert verdict.refusal == Refusal("1002", message)


@pytest.mark.parametrize(
    "answer",
    [{"code": "none", "msg": "no"}, {"code": "", "msg": "no"}, {"code": 1.5, "msg": "no"}, {"code": 200.0, "msg": "success"},
     {"code": [1], "msg": "no"}, {"code": 1002, "msg": "success"}, {"code": -2011, "msg": "OK"}, {"code": 1002, "success": True},
     {"code": 1002, "orderId": "4"}, {"code": 1002, "data": {"orderId": "4"}}, {"code": 1002, "data": [{"orderId": "4"}]}, {"msg": "no"},
     {"code": -2011, "msg": "Unknown order sent.", "orderId": "999"}],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_that_contradicts_itself_decides_nothing(answer: object, status: int) -> None:
    for asked in (spot(), futures()):
        assert outcome_of(asked, answer, status) == "unknown"


# -- properties

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["4", "success", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from([*ORDER, *OK, *DONE]), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
ASKED: dict[str, Callable[[str], ParsedRequest]] = {
    "spot": spot, "margin": margin, "futures": futures, "legacy": legacy,
}  # fmt: skip
IDS = st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True)


def named(way: str, order_id: str) -> Any:
    """A plain success that names an order."""
    return {
        "spot": but(orderId=order_id),
        "margin": [but(orderId=order_id)],
        "futures": with_items(item(orderId=int(order_id))),
        "legacy": {"code": 200, "data": {order_id: "success"}},
    }[way]


@given(way=st.sampled_from(sorted(ASKED)), asked=IDS, other=IDS, status=st.sampled_from([200, 202]))
def test_an_answer_that_names_another_order_is_never_a_success(
    way: str, asked: str, other: str, status: int
) -> None:
    assume(asked != other)

    assert outcome_of(ASKED[way](asked), named(way, asked), status) in SUCCESSES
    assert decide_on(ASKED[way](asked), named(way, other), status).orders == ()
    assert outcome_of(ASKED[way](asked), named(way, other), status) == "unknown"


@given(way=st.sampled_from(sorted(PLAIN)), data=st.data())
def test_whatever_one_value_of_a_success_becomes_no_other_order_is_named(
    way: str, data: st.DataObject
) -> None:
    """One value anywhere in the answer is another: what is still a success names what was asked for, and no nonsense."""
    asked, answer, _ = PLAIN[way]
    mutated = json.loads(json.dumps(answer))
    places = list(_places(mutated))
    if not places:
        return
    container, key = data.draw(st.sampled_from(places), label="where")
    container[key] = data.draw(JSON, label="what")
    reply = decode(asked, json.dumps(mutated))
    if not isinstance(reply, Acknowledged):
        assert isinstance(reply, Refusal | Unreadable)
        return
    for order in reply.orders:
        if asked.order_ids and order.order_id is not None:
            assert order.order_id in asked.order_ids
        for number in (order.price, order.amount, order.filled, order.cost):
            assert number is None or 0 <= float(number) < 1e99


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@given(way=st.sampled_from(sorted(PLAIN)), extra=st.dictionaries(st.sampled_from(["success", "code", "msg", "message", "error", "errorCode", "data"]), JSON, min_size=1, max_size=2))  # fmt: skip
def test_no_failing_word_beside_an_answer_is_overlooked(way: str, extra: dict[str, Any]) -> None:
    asked, answer, _ = PLAIN[way]
    if not isinstance(answer, dict):
        return
    verdict = decide_on(asked, answer | extra)
    if verdict.outcome.value in SUCCESSES:
        assert extra.get("success") in (True, None)
        assert extra.get("code") is None or str(extra["code"]) in ("0", "200")
        assert str(extra.get("msg") or "ok").strip().lower() in (
            "ok",
            "success",
            "成功",
            "操作成功",
        )
