"""What was recorded comes back exactly, from every database: through the writer, and by its columns."""

import itertools
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import record
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit
from tests.store import whole

on_one_database = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

digits = st.integers(min_value=0, max_value=10**38 - 1).map(str)
decimals = st.builds(
    lambda sign, number, scale: sign + (f"{number[:-scale] or 0}.{number[-scale:]}" if scale else number),
    st.sampled_from(["", "-"]),
    digits,
    st.integers(min_value=0, max_value=37),
)  # fmt: skip
nanoseconds = st.one_of(
    st.integers(min_value=0, max_value=2**63 - 1),
    st.integers(min_value=1_700_000_000_000_000_000, max_value=1_900_000_000_000_000_000),
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=200),  # lone surrogates and NUL too
    st.sampled_from(
        ["😀👩‍👩‍👧‍👦", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "𐍈𝄞", "trailing  ", "\t", " ", "",
         "aBc", "ABC", "abc", "ß", "ı", "é", "é", "\\", "'", '"', "%s", "%(x)s", ":x", "\\0", "\r\n"]
    ),
)  # fmt: skip

drafts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["request", "response", "reconciliation"]),
        "occurred_ns": nanoseconds,
        "cancel_id": st.builds(uuid7),
        "attempt": st.integers(min_value=1, max_value=2**31 - 1),
    },
    optional={
        **dict.fromkeys(("price", "amount", "filled", "cost"), decimals),
        **dict.fromkeys(("bot", "host", "symbol", "native_symbol", "order_id", "client_order_id", "cancel_client_order_id", "venue_code", "venue_message", "order_status", "side", "type", "time_in_force", "error_type", "path", "method", "account"), texts),
        "http_status": st.integers(min_value=0, max_value=999),
        "latency_us": st.integers(min_value=0, max_value=2**63 - 1),
        "request": st.dictionaries(texts, texts, max_size=3),
        "order_ids": st.lists(texts.filter(bool), min_size=2, max_size=4),
        "orders": st.lists(
            st.fixed_dictionaries({"order_id": texts}, optional={"outcome": texts, "price": decimals}),
            min_size=1, max_size=3,
        ),
    },
)  # fmt: skip


def findings(url: str) -> list[record.Finding]:
    with queries.reading(url) as connection, queries.reading(url) as second:
        orders = record.OrderRows(second)
        return list(whole.verify(whole.read_chained(connection), record.Verifier(), orders))


@pytest.fixture
def store(audit: Audit) -> Callable[[list[events.Event]], None]:
    opened = Database(audit.url, 5_000)
    yield opened.insert
    opened.close()


@on_one_database
@given(st.lists(drafts, min_size=1, max_size=8))
def test_every_column_and_payload_comes_back_as_it_was_written(
    store, audit: Audit, given_drafts
) -> None:
    writer_id, last = str(uuid.uuid4()), chain.GENESIS
    sealed = []
    for seq, draft in enumerate(given_drafts, 1):
        sealed.append(events.seal(draft, writer_id, seq, last))
        last = sealed[-1].hash
    store(sealed)
    rows = audit.query("SELECT * FROM cancel_audit WHERE writer_id = ? ORDER BY seq", writer_id)
    assert rows == [events.project(event) for event in sealed]
    orders = audit.query(
        "SELECT * FROM cancel_audit_order WHERE writer_id = ? ORDER BY seq, position", writer_id
    )
    expected = list(itertools.chain.from_iterable(map(events.project_orders, sealed)))
    assert orders == expected
    assert findings(audit.url) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", "0." + "0" * 37 + "1"),
        ("price", "9" * 38),
        ("amount", "-12345678901234567890.123456789012345678"),
        ("cost", "1E-18"),
        ("filled", "0.00000000"),
        ("occurred_ns", 1_795_435_200_123_456_789),
        ("occurred_ns", 2**63 - 1),
        ("order_id", "C02__AbC"),
        ("client_order_id", "blanks at the end   "),
        ("bot", "😀 漢字 𝄞"),
    ],
)
def test_what_the_writer_stores_is_what_was_given(audit: Audit, column: str, value) -> None:
    draft = {"kind": "request", "occurred_ns": 1, "cancel_id": uuid7(), "attempt": 1, column: value}
    made = Writer(audit.url)
    receipt = made.submit(draft, 20)
    assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.DATABASE
    assert audit.events("request")[0][column] == value
    assert findings(audit.url) == []


def test_the_whole_payload_of_a_long_answer_is_kept(audit: Audit) -> None:
    body = "😀" * 200_000
    made = Writer(audit.url)
    made.submit({"kind": "response", "occurred_ns": 1, "response": {"body": body}}, 20).wait(20)
    made.close()
    assert audit.payloads("response")[0]["response"]["body"] == body
    assert findings(audit.url) == []


def test_ids_that_differ_in_case_or_accent_are_different_ids(audit: Audit) -> None:
    made = Writer(audit.url)
    for order_id in ("aBc", "ABC", "abc", "äbc", "ab", "abcd"):
        common = {"occurred_ns": 1, "cancel_id": uuid7(), "attempt": 1, "order_id": order_id}
        made.submit({"kind": "request", **common}, 20).wait(20)
    made.close()
    with queries.reading(audit.url) as connection:
        found = list(queries.history(connection, queries.Filters(order_ids=("abc",))))
    assert [row["order_id"] for row in found] == ["abc"]
