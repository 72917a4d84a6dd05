"""Each writer's rows, one after the other: what is said of each, and how it goes on behind it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest

from mexc_plugin.audit import canonical, chain, events
from mexc_plugin.store.verify.columns import CHAIN, READ
from mexc_plugin.store.verify.findings import Fault, Finding
from mexc_plugin.store.verify.record import Verifier

WRITER = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Three events of a writer."""
    made, last = [], chain.GENESIS
    for seq in range(1, 4):
        event = events.seal({"kind": "request", "occurred_ns": seq}, WRITER, seq, last)
        made.append(events.project(event))
        last = event.hash
    return made


def test_what_is_no_event_says_nothing_and_not_what_the_one_before_it_said(
    rows: list[dict[str, Any]],
) -> None:
    verifier = Verifier()
    assert verifier.check(rows[0]) == []
    assert verifier.document["seq"] == 1
    (finding,) = verifier.check(rows[1] | {"hash": b"x"})
    assert (finding.fault, verifier.document) == (Fault.PAYLOAD, {})


def test_a_number_of_another_type_that_equals_the_right_one_is_found(
    rows: list[dict[str, Any]],
) -> None:
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    (finding,) = verifier.check(rows[0] | {"seq": 1.0})
    assert finding.message == "no event: seq of a wrong type (seq 1.0)"


def test_behind_a_row_that_is_no_event_the_chain_goes_on(rows: list[dict[str, Any]]) -> None:
    verifier = Verifier()
    odd = rows[1] | {"payload": b"x"}
    assert [len(verifier.check(row)) for row in (rows[0], odd, rows[2])] == [0, 1, 0]


@pytest.mark.parametrize(("first", "said"), [(1, "event 1"), (2, "events 1 to 2")])
def test_a_gap_says_which_events_are_missing(
    rows: list[dict[str, Any]], first: int, said: str
) -> None:
    (gap,) = Verifier().check(rows[first])
    assert (gap.fault, gap.message) == (Fault.GAP, f"{said} missing before it")


def test_a_payload_that_no_hash_can_be_made_of_is_found_by_chains_alone(
    rows: list[dict[str, Any]],
) -> None:
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    row = rows[0] | {"payload": "\ud800"}
    (finding,) = verifier.check_chain(tuple(row[name] for name in CHAIN))
    assert finding.fault is Fault.PAYLOAD


@pytest.mark.parametrize(
    ("writer_id", "seq", "missing"), [(f"{WRITER[:-1]}b", 2, "event 1"), (WRITER, 3, "event 2")]
)
def test_a_link_that_fits_is_no_reason_to_miss_a_gap(
    rows: list[dict[str, Any]], writer_id: str, seq: int, missing: str
) -> None:
    draft = {"kind": "request", "occurred_ns": 2}
    forged = events.project(events.seal(draft, writer_id, seq, rows[0]["hash"]))
    verifier = Verifier()
    assert verifier.seq == 0
    assert verifier.check(rows[0]) == []
    (gap,) = verifier.check(forged)
    assert gap.message == f"{missing} missing before it"
    verifier.begin(WRITER, 1, rows[0]["hash"])
    (gap,) = verifier.check_chain(tuple(forged[name] for name in CHAIN))
    assert gap.message == f"{missing} missing before it"


@pytest.mark.parametrize(("late_us", "faults"), [(0, []), (1, [Fault.COLUMN])])
def test_a_time_is_compared_as_servers_give_it_too(
    rows: list[dict[str, Any]], late_us: int, faults: list[Fault]
) -> None:
    time = datetime.fromisoformat(rows[0]["occurred_at"]) + timedelta(microseconds=late_us)
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    found = verifier.check(rows[0] | {"occurred_at": time})
    assert [finding.fault for finding in found] == faults


def test_a_link_that_no_hash_can_be_made_of_is_found_by_its_hash_too(
    rows: list[dict[str, Any]],
) -> None:
    found = Verifier().check(rows[0] | {"prev_hash": "é"})
    assert [finding.fault for finding in found] == [Fault.LINK, Fault.HASH]


def test_a_time_that_is_another_text_is_found(rows: list[dict[str, Any]]) -> None:
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    (finding,) = verifier.check(rows[0] | {"occurred_at": "2026-11-23 12:00:00.000000"})
    assert finding.message == "column occurred_at differs from the payload"


def test_a_time_as_servers_give_it_is_no_finding_beside_another(
    rows: list[dict[str, Any]],
) -> None:
    time = datetime.fromisoformat(rows[0]["occurred_at"])
    (finding,) = Verifier().check(rows[0] | {"occurred_at": time, "bot": "another"})
    assert finding.message == "column bot differs from the payload"


def test_by_chains_alone_too_an_event_that_follows_another_one_is_found(
    rows: list[dict[str, Any]],
) -> None:
    draft = {"kind": "request", "occurred_ns": 2}
    forged = events.project(events.seal(draft, WRITER, 2, "f" * 64))
    verifier = Verifier()
    verifier.begin(WRITER, 1, rows[0]["hash"])
    found = verifier.check_chain(tuple(forged[name] for name in CHAIN))
    assert [finding.fault for finding in found] == [Fault.LINK]


def test_a_loss_that_is_none_is_found() -> None:
    draft = {"kind": "request", "occurred_ns": 1, "lost": 2}
    row = events.project(events.seal(draft, WRITER, 1, chain.GENESIS))
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    assert [finding.fault for finding in verifier.check(row)] == [Fault.LOST]


def check_in_file(said: dict[str, Any]) -> list[Finding]:
    """What is found in a file whose only event says that."""
    document = {"writer_id": WRITER, "seq": 1, "occurred_ns": 1, "cancel_id": "c"} | said
    payload = canonical.encode(document)
    hash_ = chain.link(chain.GENESIS, payload)
    verifier = Verifier()
    verifier.begin(WRITER, 0, chain.GENESIS)
    return verifier.check_in_file(document, (WRITER, 1, payload, chain.GENESIS, hash_))


def test_in_a_file_too_a_loss_that_is_none_is_found() -> None:
    assert check_in_file({}) == []
    assert [found.fault for found in check_in_file({"lost": 2})] == [Fault.LOST]


@pytest.mark.parametrize(
    ("said", "occurred_ns"),
    [
        ({"writer_id": f"{WRITER[:-1]}b"}, 1),
        ({"occurred_ns": "1"}, None),
        ({"occurred_ns": True}, 1),
    ],
    ids=["another writer", "a text as its time", "no number as its time"],
)
def test_in_a_file_too_an_event_names_its_writer_and_its_time(
    said: dict[str, Any], occurred_ns: int | None
) -> None:
    (found,) = check_in_file(said)
    assert (found.fault, found.cancel_id, found.occurred_ns) == (Fault.PAYLOAD, "c", occurred_ns)


class Quick(Verifier):
    """Looks closely at nothing: all is found to hold the quick way, which most of a record is."""

    def _check_closely(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("the slow way")


@pytest.mark.parametrize(
    "as_given", [str, datetime.fromisoformat], ids=["as SQLite gives it", "as servers give it"]
)
def test_a_record_that_holds_is_looked_at_the_quick_way(
    rows: list[dict[str, Any]], as_given: Callable[[str], object]
) -> None:
    whole, chains, file = Quick(), Quick(), Quick()
    for verifier in (whole, chains, file):
        verifier.begin(WRITER, 0, chain.GENESIS)
    for row in rows:
        given = row | {"occurred_at": as_given(row["occurred_at"])}
        link = tuple(row[name] for name in CHAIN)
        assert whole.check_values(tuple(given[name] for name in READ)) == []
        assert chains.check_chain(link) == []
        assert file.check_in_file(canonical.decode(row["payload"]), link) == []
