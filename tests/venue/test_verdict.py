"""What an answer means: the venue's codes, statuses and words, each with its outcome."""

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.exchange import error_classes
from mexc_plugin.exchange.error_classes import refusal_class
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.responses import Refusal
from mexc_plugin.venue.verdict import (
    CODE_OUTCOMES,
    ENDED_BY_ITSELF,
    STATUS_OUTCOMES,
    HttpAnswer,
    decide,
    join,
    order_outcome,
    refusal_outcome,
)

from .asked import decide_on, futures, futures_all, open_orders, outcome_of, spot, whole_account

# -- codes. What is not here is `rejected`.

CODES = {
    "not_found": ["-2011", "-2013", "2040", "5002"],
    "unauthorized": ["401", "402", "406", "511", "602", "701", "702", "703", "704", "10072", "30020", "70011", "140002", "200006", "200010", "700001", "700002", "700006", "700007"],
    "rate_limited": ["418", "429", "2037"],
    "unknown": ["-1000", "-1001", "-1006", "-1007", "-1008", "500", "501", "502", "503", "504", "505", "510", "513", "520", "599", "3016", "9999", "20002", "730000"],
    "rejected": ["-1128", "-1121", "26", "403", "400", "404", "600", "604", "1002", "2041", "10007", "10073", "30000", "30016", "30018", "30026", "5", "50", "5000", "5001", "700003", "700004", "700005", "700013", "987654"],
}  # fmt: skip
LISTED = [(code, outcome) for outcome, codes in CODES.items() for code in codes]


@pytest.mark.parametrize(("code", "outcome"), LISTED)
@pytest.mark.parametrize("status", [200, 400])
def test_a_code_means_the_same_with_a_200_and_a_400_for_spot_and_futures(
    code: str, outcome: str, status: int
) -> None:
    for asked in (spot(), futures(), open_orders(), futures_all(), whole_account()):
        for answer in (
            {"code": int(code), "msg": "words"},
            {"success": False, "code": code, "message": "words"},
        ):
            verdict = decide_on(asked, answer, status)
            assert verdict.outcome.value == outcome
            assert verdict.refusal == Refusal(code, "words")


@pytest.mark.parametrize(("code", "outcome"), LISTED)
def test_a_code_means_the_same_for_one_order_of_a_futures_answer(code: str, outcome: str) -> None:
    answer = {"success": True, "code": 0, "data": [{"orderId": 4, "errorCode": int(code), "errorMsg": "words"}]}  # fmt: skip

    assert outcome_of(futures(), answer) == outcome


def test_every_code_of_the_table_is_tried() -> None:
    assert set(CODE_OUTCOMES) <= {code for code, _ in LISTED}


@pytest.mark.parametrize("code", range(500, 600))
def test_a_5xx_as_a_code_is_as_unknown_as_a_5xx_as_a_status(code: int) -> None:
    known = CODE_OUTCOMES.get(str(code), Outcome.UNKNOWN)
    assert refusal_outcome(Refusal(str(code), "")) is known
    assert known is Outcome.UNKNOWN or code == 511  # "endpoint inaccessible": the key may not


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 400), 408, *range(500, 600)])
def test_these_statuses_decide_nothing_whatever_they_say(status: int) -> None:
    order = {"orderId": "4", "symbol": "LTCBTC", "status": "CANCELED"}
    for answer in (order, {"code": -2011, "msg": "Unknown order sent."}, "", "<html>"):
        verdict = decide_on(spot(), answer, status)
        assert verdict.outcome is Outcome.UNKNOWN
        assert verdict.orders == ()
        assert str(status) in str(verdict.reason)


@pytest.mark.parametrize("status", range(400, 500))
def test_a_4xx_with_an_acknowledgement_contradicts_itself(status: int) -> None:
    order = {"orderId": "4", "symbol": "LTCBTC", "status": "CANCELED"}
    for asked, answer in (
        (spot(), order),
        (open_orders(), [order]),
        (open_orders(), []),
        (futures(), {"success": True, "code": 0, "data": [{"orderId": 4, "errorCode": 0}]}),
        (whole_account(), {"code": 200, "msg": "success"}),
    ):
        verdict = decide_on(asked, answer, status)
        assert (verdict.outcome, verdict.orders) == (Outcome.UNKNOWN, ())


@pytest.mark.parametrize("status", [401, 418, 429])
def test_a_status_that_is_a_refusal_is_none_beside_the_word_of_an_order(status: int) -> None:
    """What is refused for frequency is sent again: never what may have been executed."""
    for asked, answer in (
        (spot(), {"orderId": "4", "code": 0}),
        (spot(), {"orderId": "999", "status": "CANCELED"}),
        (spot(), {"code": 429, "orderId": "4"}),
        (open_orders(), [{"orderId": "4", "symbol": "LTCUSDT"}]),
        (futures(), {"success": True, "code": 0, "data": [{"orderId": 999, "errorCode": 0}]}),
        (futures(), {"success": True, "code": 0, "data": "false"}),
        (spot(), {"code": 200, "msg": "success"}),
        (spot(), {"code": 0}),
        (spot(), {"success": True}),
        (spot(), {"msg": "success"}),
        (open_orders(), {"code": 200}),
    ):
        assert outcome_of(asked, answer, status) == "unknown"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "unknown"), (401, "unauthorized"), (403, "unknown"), (404, "unknown"), (408, "unknown"), (418, "rate_limited"), (425, "unknown"), (429, "rate_limited"), (451, "unknown"), (499, "unknown")],
)  # fmt: skip
@pytest.mark.parametrize("body", ["", "<html>Access Denied</html>", "{", "no"])
def test_a_status_that_is_a_refusal_in_itself_needs_no_words(
    status: int, outcome: str, body: str
) -> None:
    assert outcome_of(spot(), body, status) == outcome


@pytest.mark.parametrize(
    ("message", "outcome"),
    [("Unknown order sent.", "not_found"), ("未知订单", "not_found"), ("Ordine sconosciuto", "not_found"), ("", "not_found"),
     ("Combination of optional parameters invalid.", "rejected"), ("combination of optional parameters invalid", "rejected")],
)  # fmt: skip
def test_minus_2011_is_an_unknown_order_in_any_language(message: str, outcome: str) -> None:
    refusal = Refusal("-2011", message)

    assert refusal_outcome(refusal).value == outcome
    kind = refusal_class(refusal)
    assert kind is not None
    assert issubclass(kind, ccxt.OrderNotFound) is (outcome == "not_found")
    assert issubclass(kind, ccxt.BadRequest)


# -- the words of an order

WORDS = {
    None: "canceled", "": "canceled", "NEW": "canceled", "PARTIALLY_FILLED": "canceled", "PENDING": "canceled",
    "PENDING_CANCEL": "canceled", "CANCELED": "canceled", "PARTIALLY_CANCELED": "partially_canceled", "FILLED": "closed",
    "EXPIRED": "closed", "REJECTED": "closed", "CANCELLED": "unknown", "canceled": "unknown", "ACTIVE": "unknown", "1": "unknown",
}  # fmt: skip


@pytest.mark.parametrize(("word", "outcome"), WORDS.items())
def test_each_status_of_an_order_has_its_outcome(word: str | None, outcome: str) -> None:
    order = {"orderId": "4", "symbol": "LTCBTC", "status": word}

    assert outcome_of(spot(), order) == outcome
    assert outcome_of(open_orders(), [order]) == outcome


def test_every_status_of_the_table_is_tried() -> None:
    assert set(STATUS_OUTCOMES) <= set(WORDS)


@pytest.mark.parametrize("reason", sorted(ENDED_BY_ITSELF))
@pytest.mark.parametrize("status", ["CANCELED", "PARTIALLY_CANCELED", "NEW", None])
def test_an_order_that_self_trade_prevention_cancelled_was_not_cancelled_by_us(
    reason: str, status: str | None
) -> None:
    order = {"orderId": "4", "status": status, "cancelReason": reason, "stpMode": "cancel_maker"}
    verdict = decide_on(spot(), order)

    assert verdict.outcome is Outcome.CLOSED
    assert (verdict.orders[0].cancel_reason, verdict.orders[0].stp_mode) == (reason, "cancel_maker")


# -- several orders in one answer

WORST = ["unknown", "rate_limited", "unauthorized", "rejected", "not_found"]


def test_the_worst_of_several_heads_them() -> None:
    for at, worse in enumerate(WORST):
        for better in [*WORST[at:], "canceled", "partially_canceled", "closed", "accepted"]:
            for pair in ([worse, better], [better, worse]):
                assert join(map(Outcome, pair)).value == worse


def test_several_that_went_well_are_headed_by_their_word_where_they_agree() -> None:
    assert join([]).value == "accepted"
    for word in ("canceled", "partially_canceled", "closed", "accepted"):
        assert join([Outcome(word)] * 3).value == word
    assert join([Outcome.CANCELED, Outcome.PARTIALLY_CANCELED]).value == "accepted"


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1))
def test_a_batch_in_which_one_failed_is_never_a_plain_success(outcomes: list[Outcome]) -> None:
    joined = join(outcomes)

    assert (joined.value in WORST) is bool({o.value for o in outcomes} & set(WORST))


def test_the_batch_of_the_page_with_two_failures_is_headed_by_a_failure() -> None:
    data = [(1, 2040, "order not exist"), (2, 2041, "order state cannot be cancelled"), (3, 0, "success")]  # fmt: skip
    items = [{"orderId": id_, "errorCode": code, "errorMsg": words} for id_, code, words in data]
    verdict = decide_on(futures("1", "2", "3"), {"success": True, "code": 0, "data": items})

    assert verdict.outcome is Outcome.REJECTED
    assert [order_outcome(order).value for order in verdict.orders] == ["not_found", "rejected", "accepted"]  # fmt: skip


def test_the_result_of_an_order_is_what_its_code_or_its_word_says() -> None:
    assert order_outcome(CancelAck(order_id="4", code="0")) is Outcome.ACCEPTED
    assert order_outcome(CancelAck(order_id="4", code="2040")) is Outcome.NOT_FOUND
    assert order_outcome(CancelAck(order_id="4", message="failed")) is Outcome.REJECTED
    assert order_outcome(CancelAck(order_id="4")) is Outcome.CANCELED


# -- no answer


@pytest.mark.parametrize("asked", [spot(), futures(), open_orders()], ids=lambda a: a.endpoint.path)
def test_without_an_answer_it_is_unknown_unless_nothing_left(asked: ParsedRequest) -> None:
    assert decide(asked, None, may_have_left=True).outcome is Outcome.UNKNOWN
    assert decide(asked, None, may_have_left=False).outcome is Outcome.NOT_SENT


@given(status=st.integers(-1, 1000), body=st.text(), asked=st.sampled_from([spot(), futures(), open_orders(), whole_account()]))  # fmt: skip
def test_every_answer_has_an_outcome_and_what_is_unknown_says_why(
    status: int, body: str, asked: ParsedRequest
) -> None:
    verdict = decide(asked, HttpAnswer(status, body), may_have_left=True)

    assert verdict.outcome not in (Outcome.NOT_SENT, Outcome.PENDING, Outcome.STILL_OPEN)
    assert verdict.outcome is not Outcome.UNKNOWN or verdict.reason or verdict.refusal


# -- the error that goes with it

FATAL_FOR_A_RETRY = {
    "not_found": ccxt.OrderNotFound, "unauthorized": ccxt.AuthenticationError, "rate_limited": ccxt.NetworkError,
    "unknown": ccxt.NetworkError,
}  # fmt: skip


@pytest.mark.parametrize(("code", "outcome"), LISTED)
def test_a_bot_gets_the_error_that_the_outcome_means(code: str, outcome: str) -> None:
    """Where plain ccxt's own table has nothing: an unknown may be asked about again, a refusal may not."""
    answer = HttpAnswer(200, f'{{"code":{code},"msg":"words"}}')
    verdict = decide(spot(), answer, may_have_left=True)
    error = error_classes.choose_error(verdict, answer, None, exchange_id="mexc", unified=True)

    assert isinstance(error, FATAL_FOR_A_RETRY.get(outcome, ccxt.BaseError))
    if outcome == "rejected":
        assert isinstance(error, ccxt.ExchangeError | ccxt.InvalidNonce)
