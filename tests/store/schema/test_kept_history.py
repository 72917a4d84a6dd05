"""`cancel_history` is kept as events come in: in any order, it says what its events say."""

import itertools
import random
import threading
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.store.schema.tables import KEPT_COLUMNS
from mexc_plugin.store.write.inserts import Insert
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit
from tests.store.schema import oracle

FIRST = 1_795_435_200_000_000_000
_numbers = itertools.count(1)

texts = st.none() | st.sampled_from(["a", "b"])
drafts = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["request", "response", "response", "reconciliation"]),
            "writer": st.integers(0, 2),
            "cancel": st.integers(0, 1),
            "attempt": st.sampled_from([1, 1, 1, 2]),
            # Few, so that some share a nanosecond, and others only the microsecond.
            "occurred_ns": st.sampled_from([FIRST, FIRST + 1, FIRST + 2_000, FIRST + 10**9]),
            "outcome": st.none() | st.sampled_from(["canceled", "unknown", "still_open"]),
            "latency_us": st.none() | st.integers(0, 2**40),
            **dict.fromkeys(("account", "bot", "symbol", "order_id", "client_order_id"), texts),
            **dict.fromkeys(("method", "venue_message", "price", "error_type"), texts),
        }
    ),
    max_size=8,
)


def sealed(wanted: list[dict[str, Any]]) -> list[Event]:
    """Events of writers and cancels that no other example has."""
    ids = [str(uuid.UUID(int=next(_numbers))) for _ in range(5)]
    seqs = dict.fromkeys(range(3), 0)
    found = []
    for draft in wanted:
        seqs[draft["writer"]] += 1
        document = {name: draft[name] for name in draft.keys() - {"writer", "cancel"}}
        document["cancel_id"] = ids[3 + draft["cancel"]]
        if draft["kind"] == "request":
            document["outcome"] = None
        writer_id, seq = ids[draft["writer"]], seqs[draft["writer"]]
        found.append(events.seal(document, writer_id, seq, chain.GENESIS))
    return found


def kept(audit: Audit, sealed: list[Event]) -> list[dict[str, Any]]:
    ids = sorted({events.project(event)["cancel_id"] for event in sealed}) or ["-"]
    places = ", ".join("?" * len(ids))
    query = (
        f"SELECT * FROM cancel_history WHERE cancel_id IN ({places}) ORDER BY cancel_id, attempt"
    )
    return audit.query(query, *ids)


@pytest.fixture
def store(audit: Audit) -> Any:
    opened = Database(audit.url, 20_000)
    opened.open()
    yield opened
    opened.close()


def test_whatever_comes_in_whatever_order_the_rows_are_those_of_the_events(
    audit: Audit, store: Database
) -> None:
    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(drafts, st.randoms(use_true_random=False))
    def check(wanted: list[dict[str, Any]], rng: random.Random) -> None:
        coming = sealed(wanted)
        rng.shuffle(coming)
        start = 0
        while start < len(coming):
            size = rng.randint(1, 8)
            insert = rng.choice([store.insert, store.insert_missing])
            insert(coming[start : start + size])
            start += size
        assert kept(audit, coming) == oracle.rows(coming)

    check()


LATE = FIRST + 10**9
TWO_OF_A_KIND = [
    [("request", LATE, "late"), ("request", FIRST, None), ("response", FIRST, "answered")],
    [("request", FIRST, None), ("response", LATE, "late"), ("response", FIRST, "early")],
    [("response", LATE, "late"), ("response", FIRST, None), ("request", FIRST, "asked")],
    [("request", FIRST, "asked"), ("reconciliation", LATE, None), ("reconciliation", FIRST, None)],
]


@pytest.mark.parametrize("several", TWO_OF_A_KIND)
def test_two_of_a_kind_come_in_in_every_order(
    audit: Audit, store: Database, several: list[tuple[str, int, str | None]]
) -> None:
    wanted = [
        draft(kind, writer=n, occurred_ns=at, order_id=order, bot=order, outcome=f"o{n}")
        for n, (kind, at, order) in enumerate(several)
    ]
    for order in itertools.permutations(range(len(wanted))):
        coming = sealed(wanted)
        for place in order:
            store.insert([coming[place]])
        assert kept(audit, coming) == oracle.rows(coming), order
        together = sealed(wanted)
        store.insert([together[place] for place in order])
        assert kept(audit, together) == oracle.rows(together), order


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.server)])
def test_a_request_and_its_answer_of_one_statement_are_written_once(
    audit: Audit, store: Database
) -> None:
    pair = [draft("request"), draft("response", outcome="canceled")]
    of_a_statement = min(size for size in Insert.SIZES if size > 1)
    store.insert(sealed([*pair, *[draft("start")] * (of_a_statement - 2)]))
    assert audit.query("SELECT ctid::text AS place FROM cancel_history") == [{"place": "(0,1)"}]


def test_the_columns_are_those_that_the_schema_says(audit: Audit, store: Database) -> None:
    store.insert(sealed([draft("request")]))
    assert list(audit.query("SELECT * FROM cancel_history")[0]) == list(KEPT_COLUMNS)


def draft(kind: str, **more: Any) -> dict[str, Any]:
    common = {"writer": 0, "cancel": 0, "attempt": 1, "occurred_ns": FIRST, "outcome": None}
    return common | {"kind": kind} | more


def test_a_start_a_stop_and_what_names_no_attempt_have_no_row(
    audit: Audit, store: Database
) -> None:
    nameless = events.seal({"kind": "request", "occurred_ns": 1}, str(uuid.UUID(int=9)), 1, "0")
    store.insert([*sealed([draft("start"), draft("stop")]), nameless])
    assert audit.query("SELECT * FROM cancel_history") == []
    assert len(audit.events()) == 3


@pytest.mark.parametrize("backend", [
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mariadb", marks=pytest.mark.server),
])  # fmt: skip
def test_events_of_one_attempt_that_come_in_at_the_same_time_all_count(audit: Audit) -> None:
    """Request, answer and reconciliation by three bots at once, again and again."""
    kinds = ["request", "response", "reconciliation"]
    rounds = [
        sealed([draft(kind, writer=n, outcome="unknown") for n, kind in enumerate(kinds)])
        for _ in range(40)
    ]
    gate = threading.Barrier(3)

    def record(place: int) -> None:
        opened = Database(audit.url, 20_000)
        opened.open()
        for coming in rounds:
            gate.wait(20)
            opened.insert([coming[place]])
        opened.close()

    threads = [threading.Thread(target=record, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    every = [event for events in rounds for event in events]
    assert kept(audit, every) == oracle.rows(every)
