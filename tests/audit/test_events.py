"""An event's columns are cut to what they hold; its payload holds all but what is absurdly long, and says so."""

import getpass
import os
import platform
import socket

import ccxt
import pytest
import sqlalchemy

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import MAX_BODY, ORDER_COLUMNS, TEXT_COLUMNS, body_fields
from mexc_plugin.audit.redaction import REPLACEMENT, Redactor
from mexc_plugin.store.schema.tables import cancel_audit


def plain(text: str) -> str:
    return text


def row_of(**fields: object) -> dict[str, object]:
    draft = {"kind": "response", "occurred_ns": 1_795_435_200_123_456_789, **fields}
    return events.project(events.seal(draft, "w", 1, chain.GENESIS))


@pytest.mark.parametrize("length", [0, 1, MAX_BODY - 1, MAX_BODY])
def test_a_body_is_kept_as_it_is(length: int) -> None:
    assert body_fields("x" * length, plain) == {"body": "x" * length}


@pytest.mark.parametrize("length", [MAX_BODY + 1, 2 * MAX_BODY])
def test_a_body_that_is_absurdly_long_is_cut_which_is_said(length: int) -> None:
    assert body_fields("x" * length, plain) == {"body": "x" * MAX_BODY, "body_characters": length}


@pytest.mark.parametrize("at", range(MAX_BODY - 45, MAX_BODY + 5, 7))
def test_no_part_of_a_secret_is_left_where_a_body_is_cut(at: int) -> None:
    secret = "a-secret-of-forty-letters-that-is-not-in"
    body = "x" * at + secret + "y" * MAX_BODY

    kept = body_fields(body, Redactor([secret]).text)["body"]

    assert len(kept) <= MAX_BODY
    assert secret[:8] not in kept
    assert REPLACEMENT[:1] in kept or at >= MAX_BODY


@pytest.mark.parametrize(("body", "text"), [(None, None), (b"a", "a"), (b"\xff", "\ufffd"), (4, "4"), ({"a": 1}, "{'a': 1}")])  # fmt: skip
def test_a_body_of_any_kind_is_text_or_none(body: object, text: str | None) -> None:
    assert body_fields(body, plain) == {"body": text}


@pytest.mark.parametrize(("name", "length"), TEXT_COLUMNS.items())
def test_a_column_is_cut_to_what_it_holds_and_the_payload_is_not(
    name: str, length: int | None
) -> None:
    long = "x" * 5_000
    event = events.seal({"kind": "response", "occurred_ns": 1, name: long}, "w", 1, chain.GENESIS)

    assert events.project(event)[name] == (long if length is None else long[:length])
    assert long in event.payload


@pytest.mark.parametrize(("name", "length"), TEXT_COLUMNS.items())
def test_a_column_has_room_for_just_that(name: str, length: int | None) -> None:
    assert cancel_audit.c[name].type.length == length


def test_a_nul_is_replaced_in_columns_and_escaped_in_the_payload() -> None:
    row = row_of(symbol="a\x00b", venue_message=4)

    assert (row["symbol"], row["venue_message"]) == ("a\ufffdb", "4")
    assert "a\\u0000b" in str(row["payload"])


def test_the_time_is_cut_to_microseconds_and_the_nanoseconds_are_kept() -> None:
    row = row_of()

    assert (row["occurred_at"], row["occurred_ns"]) == ("2026-11-23 12:00:00.123456", 1_795_435_200_123_456_789)  # fmt: skip


def test_the_rows_of_several_orders_are_those_asked_for_then_those_named() -> None:
    draft = {
        "kind": "response",
        "occurred_ns": 1,
        "cancel_id": "c",
        "order_ids": ["1", "2"],
        "client_order_ids": ["a"],
        "orders": [{"order_id": "3", "client_order_id": "b", "outcome": "accepted", "venue_code": "0", "price": "9"}],
    }  # fmt: skip
    rows = events.project_orders(events.seal(draft, "w", 7, chain.GENESIS))

    found = [tuple(row[name] for name in ("position", *ORDER_COLUMNS)) for row in rows]
    assert found == [
        (1, "1", None, None, None),
        (2, "2", None, None, None),
        (3, None, "a", None, None),
        (4, "3", "b", "accepted", "0"),
    ]
    assert {(row["writer_id"], row["seq"], row["cancel_id"]) for row in rows} == {("w", 7, "c")}


@pytest.mark.parametrize("name", ["order_id", "client_order_id"])
def test_the_orders_of_a_request_have_rows_before_anything_is_answered(name: str) -> None:
    draft = {"kind": "request", "occurred_ns": 1, f"{name}s": ["1", "2"]}
    rows = events.project_orders(events.seal(draft, "w", 1, chain.GENESIS))

    assert [row[name] for row in rows] == ["1", "2"]


def test_the_orders_of_an_answer_have_rows_whatever_was_asked_for() -> None:
    draft = {"kind": "response", "occurred_ns": 1, "orders": [{"order_id": "3"}, {"order_id": "4"}]}
    rows = events.project_orders(events.seal(draft, "w", 1, chain.GENESIS))

    assert [row["order_id"] for row in rows] == ["3", "4"]


def test_an_event_of_one_order_has_no_further_rows() -> None:
    event = events.seal({"kind": "request", "occurred_ns": 1, "order_id": "4"}, "w", 1, chain.GENESIS)  # fmt: skip

    assert events.project_orders(event) == []


def test_what_is_none_is_left_out_and_an_event_without_a_time_is_none() -> None:
    event = events.seal({"kind": "request", "occurred_ns": 1, "bot": None}, "w", 1, chain.GENESIS)

    assert event.payload == '{"kind":"request","occurred_ns":1,"seq":1,"v":1,"writer_id":"w"}'
    assert events.losses(event) == 0
    for payload in ("{}", '{"occurred_ns":"1"}', "[]"):
        with pytest.raises(ValueError, match=r"an event"):
            events.project(events.Event("w", 1, payload, chain.GENESIS, "h"))


def test_a_document_that_was_cleaned_is_read_again_from_its_payload() -> None:
    """What was handed over still has the letters that the payload cannot hold."""
    event = events.seal({"kind": "request", "occurred_ns": 1, "symbol": "\ud800"}, "w", 1, chain.GENESIS)  # fmt: skip

    assert event.document is None
    assert events.project(event)["symbol"] == "\ufffd"


def test_a_writer_says_which_versions_a_cancel_goes_through() -> None:
    versions = events.start_draft(1)["versions"]

    assert versions.keys() == {"python", "mexc-plugin", "ccxt", "sqlalchemy"}
    assert versions["mexc-plugin"]
    assert ccxt.__version__ in versions["ccxt"]  # beside it whose, where it is a repackaged one
    assert (versions["python"], versions["sqlalchemy"]) == (platform.python_version(), sqlalchemy.__version__)  # fmt: skip


def test_a_machine_or_a_user_without_a_name_stops_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> str:
        raise OSError

    monkeypatch.setattr(socket, "gethostname", fail)
    monkeypatch.setattr(getpass, "getuser", fail)
    draft = events.start_draft(1)

    assert (draft["host"], draft["os_user"]) == ("unknown", str(os.getuid()))
    assert events.stop_draft(1)["host"] == "unknown"
