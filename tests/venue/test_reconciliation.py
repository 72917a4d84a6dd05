"""What the venue's word about an order says of a cancel: a look-up decides where its word is plain, and nothing else does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.venue.reconciliation import CONCLUSIVE, OPEN, Judgement, judge
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.verdict import STATUS_OUTCOMES, HttpAnswer

from .asked import spot, spot_by_client_id

# The look-up's `clientOrderId` is the order's own.
FOUND = {"symbol": "LTCBTC", "orderId": "4", "clientOrderId": "mine", "price": "2", "origQty": "1", "executedQty": "0.5", "status": "CANCELED"}  # fmt: skip


def ask(
    asked: ParsedRequest, answer: Any, status: int = 200, *, expired: bool = False
) -> Judgement:
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return judge(asked, HttpAnswer(status, body), expired=expired)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("CANCELED", "canceled"), ("PARTIALLY_CANCELED", "partially_canceled"), ("FILLED", "closed"), ("EXPIRED", "closed"), ("REJECTED", "closed"),
     ("PENDING", None), ("PENDING_CANCEL", None), ("GONE", None), ("", None), (None, None)],
)  # fmt: skip
@pytest.mark.parametrize("expired", [True, False])
def test_an_order_that_has_ended_decides(
    word: str | None, outcome: str | None, expired: bool
) -> None:
    for asked in (spot(), spot_by_client_id()):
        judgement = ask(asked, FOUND | {"status": word}, expired=expired)

        assert judgement.outcome == outcome
        assert outcome or "decides nothing" in str(judgement.reason)
        if outcome:
            assert judgement.order is not None
            assert (judgement.order.order_id, judgement.order.client_order_id) == ("4", "mine")
            assert judgement.order.cancel_client_order_id is None


@pytest.mark.parametrize("word", ["NEW", "PARTIALLY_FILLED"])
def test_an_open_order_decides_only_once_the_request_has_expired(word: str) -> None:
    early, late = (ask(spot(), FOUND | {"status": word}, expired=e) for e in (False, True))

    assert (early.outcome, late.outcome) == (None, "still_open")
    assert "ask again" in str(early.reason)
    assert "still open" in str(late.reason)


def test_every_status_is_conclusive_open_or_neither() -> None:
    assert not CONCLUSIVE & OPEN
    assert set(STATUS_OUTCOMES) - CONCLUSIVE - OPEN == {"PENDING", "PENDING_CANCEL"}


def test_an_order_that_self_trade_prevention_took_was_not_cancelled_by_us() -> None:
    assert ask(spot(), FOUND | {"cancelReason": "stp_cancel"}).outcome == "closed"


@pytest.mark.parametrize(
    "answer",
    [{}, [], [FOUND], None, "", "<html>", "{", {"code": 200}, {"code": 700002, "msg": "no"}, {"code": 429, "msg": "no"}, {"code": 500, "msg": "no"},
     {"success": True, "code": 0, "data": FOUND}, FOUND | {"orderId": "999"}, FOUND | {"symbol": "LTCUSDT"}, FOUND | {"executedQty": "2"},
     FOUND | {"price": "NaN"}, FOUND | {"success": False}, FOUND | {"code": -2011}, FOUND | {"msg": "no"}, FOUND | {"orderId": None}],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_no_plain_word_about_the_order_resolves_nothing(answer: Any, status: int) -> None:
    judgement = ask(spot(), answer, status, expired=True)

    assert judgement.outcome is None
    assert judgement.reason


@pytest.mark.parametrize("status", [301, 304, 400, 403, 404, 418, 429, 500, 502, 503, 599])
def test_an_order_beside_a_status_that_is_an_error_resolves_nothing(status: int) -> None:
    assert ask(spot(), FOUND, status, expired=True).outcome is None


@pytest.mark.parametrize("code", [-2011, -2013])
def test_an_order_that_the_venue_does_not_know_is_not_found_and_no_proof(code: int) -> None:
    judgement = ask(spot(), {"code": code, "msg": "Order does not exist."}, 400)

    assert judgement.outcome == "not_found"
    assert "no proof" in str(judgement.reason)
    assert judgement.refusal is not None


def test_an_order_with_another_owners_id_is_another_order() -> None:
    assert ask(spot_by_client_id(), FOUND | {"clientOrderId": "other"}).outcome is None
    assert ask(spot_by_client_id(), FOUND | {"origClientOrderId": "other"}).outcome is None
    assert ask(spot_by_client_id(), FOUND).outcome == "canceled"


def test_without_an_answer_nothing_is_learnt() -> None:
    judgement = judge(spot(), None, expired=True)

    assert (judgement.outcome, judgement.order) == (None, None)
    assert judgement.reason


@given(status=st.integers(100, 599), body=st.text(), expired=st.booleans())
def test_any_answer_is_judged(status: int, body: str, expired: bool) -> None:
    judgement = judge(spot(), HttpAnswer(status, body), expired=expired)

    assert judgement.outcome is not None or judgement.reason
