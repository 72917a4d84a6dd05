"""From the venue's words to ccxt's: each type, side, status and time, and nothing that the venue did not say."""

import pytest

from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.unified_order import SIDES, TYPES, order_fields

from .asked import open_orders, spot, spot_by_client_id

WORDS = {
    "LIMIT": ("limit", "GTC", False),
    "MARKET": ("market", "IOC", False),
    "LIMIT_MAKER": ("limit", "PO", True),
    "IMMEDIATE_OR_CANCEL": ("limit", "IOC", False),
    "FILL_OR_KILL": ("limit", "FOK", False),
    "STOP_MARKET_ORDER": ("STOP_MARKET_ORDER", None, None),
    None: (None, None, None),
}


@pytest.mark.parametrize(("word", "expected"), WORDS.items())
def test_the_type_carries_the_time_in_force(word: str | None, expected: tuple[object, ...]) -> None:
    fields = order_fields(CancelAck(order_id="4", type=word), spot(), "LTC/BTC", {})

    assert (fields["type"], fields["timeInForce"], fields["postOnly"]) == expected


@pytest.mark.parametrize("word", WORDS)
def test_the_answers_own_time_in_force_counts_where_the_type_says_nothing_of_its_own(
    word: str | None,
) -> None:
    fields = order_fields(CancelAck(type=word, time_in_force="XYZ"), spot(), None, {})

    own = word in ("LIMIT", "MARKET", "STOP_MARKET_ORDER", None)
    assert fields["timeInForce"] == ("XYZ" if own else WORDS[word][1])


def test_every_type_and_side_is_tried() -> None:
    assert set(TYPES) <= set(WORDS)
    assert SIDES == {"BUY": "buy", "SELL": "sell"}


@pytest.mark.parametrize(("word", "side"), [("BUY", "buy"), ("SELL", "sell"), ("3", "3"), (None, None)])  # fmt: skip
def test_a_side_that_is_none_of_ccxts_stays_the_venues(word: str | None, side: str | None) -> None:
    assert order_fields(CancelAck(side=word), spot(), None, {})["side"] == side


@pytest.mark.parametrize(
    ("word", "status"),
    [("NEW", "canceled"), ("PARTIALLY_FILLED", "canceled"), ("CANCELED", "canceled"), ("PARTIALLY_CANCELED", "canceled"), (None, "canceled"), ("FILLED", "closed"), ("EXPIRED", "expired"), ("REJECTED", "rejected")],
)  # fmt: skip
def test_an_acknowledged_cancel_has_cancelled_unless_the_order_had_ended(
    word: str | None, status: str
) -> None:
    assert order_fields(CancelAck(status=word), spot(), None, {})["status"] == status


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("1647667102000", 1647667102000), ("1", 1), ("253402300799999", 253402300799999), ("253402300800000", None), ("0", None), ("-1", None),
     ("", None), (None, None), ("1e12", None), ("1.5", None), ("9" * 16, None), ("9" * 5000, None), ("０１", None), ("²", None), (" 1", None)],
)  # fmt: skip
def test_a_time_is_milliseconds_or_none(text: str | None, milliseconds: int | None) -> None:
    fields = order_fields(CancelAck(time=text, update_time=text), spot(), None, {})

    assert (fields["timestamp"], fields["lastUpdateTimestamp"]) == (milliseconds, milliseconds)


def test_what_the_answer_leaves_out_is_what_was_asked_for_and_nothing_else_is_made_up() -> None:
    info = {"any": "thing"}
    fields = order_fields(CancelAck(), spot("4"), "LTC/BTC", info)

    said = {"id": "4", "status": "canceled", "symbol": "LTC/BTC", "info": info}
    assert {name: value for name, value in fields.items() if value is not None} == said
    assert fields["info"] is info
    assert order_fields(CancelAck(), spot_by_client_id("a,b"), None, {})["clientOrderId"] == "a,b"
    assert order_fields(CancelAck(), open_orders(), None, {})["id"] is None
    both = order_fields(CancelAck(order_id="9", client_order_id="own"), spot("4"), None, {})
    assert (both["id"], both["clientOrderId"]) == ("9", "own")


def test_the_cancels_own_id_is_not_taken_for_the_orders() -> None:
    ack = CancelAck(order_id="4", cancel_client_order_id="c1")

    assert order_fields(ack, spot(), None, {})["clientOrderId"] is None


def test_decimals_are_handed_on_as_text() -> None:
    ack = CancelAck(price="2.00000000", amount="1.0", filled="0.5", cost="1.00")
    fields = order_fields(ack, spot(), None, {})

    assert [fields[name] for name in ("price", "amount", "filled", "cost")] == ["2.00000000", "1.0", "0.5", "1.00"]  # fmt: skip
