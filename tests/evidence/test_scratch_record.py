"""What a bundle says of attempts, in a table: whatever numbers and names somebody has put into its events."""

import resource
import sqlite3
from typing import Any

import pytest

from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence.offline import scratch_record
from mexc_plugin.store.verify.findings import Fault

from . import bundles, records
from .records import Draft, sealed

CANCEL = "01999999-9999-7999-8999-999999999999"
EVENT = {"cancel_id": CANCEL, "attempt": 1, "seq": 4, "occurred_ns": 5, "kind": "request"}


def kept(**fields: Any) -> list[tuple[Any, ...]]:
    """The row of an event with these fields, as it comes out of the table."""
    with scratch_record.scratch_record() as scratch:
        scratch.add("w", EVENT | fields, "{}")
        scratch.settle()
        rows = scratch.connection.exec_driver_sql("SELECT * FROM cancel_audit").all()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("name", ["seq", "attempt", "occurred_ns"])
@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (2**63 - 1, 1),
        (-(2**63), 1),
        (2**63, 0),
        (-(2**63) - 1, 0),
        (10**30, 0),
        (True, 0),
        (1.0, 0),
        ("1", 0),
        (None, 0),
    ],
)
def test_a_number_that_the_table_cannot_hold_is_of_no_attempt(
    name: str, value: object, rows: int
) -> None:
    assert len(kept(**{name: value})) == rows


@pytest.mark.parametrize("cancel_id", [None, 1, "\ud800", ["x"], True])
def test_a_name_that_the_table_cannot_hold_is_of_no_attempt(cancel_id: object) -> None:
    assert kept(cancel_id=cancel_id) == []


@pytest.mark.parametrize("kind", ["start", "stop", None, 7, ["request"], {"a": 1}])
def test_what_is_of_no_attempt_is_not_kept(kind: object) -> None:
    assert kept(kind=kind) == []


def test_of_a_request_all_is_kept_and_of_others_what_is_asked_later() -> None:
    assert kept() == [("w", 4, "request", CANCEL, 1, 5, "{}")]
    for kind in ("response", "reconciliation"):
        for outcome, said in (("canceled", '"canceled"'), (1.5, "null"), ([1.5], "null")):
            row = ("w", 4, kind, CANCEL, 1, 5, f'{{"occurred_ns":5,"outcome":{said}}}')
            assert kept(kind=kind, outcome=outcome) == [row]


def test_events_wait_in_memory_for_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_record, "_ROWS", 5)
    with scratch_record.scratch_record() as scratch:
        there = []
        for seq in range(11):
            scratch.add("w", EVENT | {"seq": seq}, "{}")
            query = "SELECT count(*) FROM cancel_audit"
            there.append(scratch.connection.exec_driver_sql(query).scalar())
    assert there == [0] * 4 + [5] * 5 + [10] * 2


def test_a_full_disk_of_temporary_files_is_said_in_words() -> None:
    """SQLite writes there what it has no memory for."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        pytest.raises(EvidenceError, match=r"no room \(.*\); name another one in TMPDIR"),
        scratch_record.scratch_record() as scratch,
    ):
        for _ in range(1_500):
            scratch.add("w", EVENT, "x" * 10_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            scratch.settle()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_table_is_gone_afterwards_whatever_ended_it() -> None:
    with pytest.raises(KeyError), scratch_record.scratch_record() as scratch:
        driver: Any = scratch.connection.connection.driver_connection
        assert driver.execute("SELECT count(*) FROM cancel_audit").fetchone() == (0,)
        raise KeyError
    assert scratch.connection.closed
    with pytest.raises(sqlite3.ProgrammingError):
        driver.execute("SELECT 1")


def odd(**fields: object) -> list[Draft]:
    """A cancel whose answer has odd fields, which its writer did not write so."""
    request, response = records.canceled(records.common("4", 10), 10)
    return [records.start(), request | fields, response | fields, records.stop()]


@pytest.mark.parametrize(
    "fields",
    [
        {"attempt": 2**63},
        {"attempt": -(2**63) - 1},
        {"attempt": None},
        {"cancel_id": 4},
        {"occurred_ns": 2**63},
        {"outcome": 7},
    ],
    ids=str,
)
def test_an_event_that_cannot_be_is_answered_in_words(fields: dict[str, object]) -> None:
    """Signed or not: whoever has the key may have made it up."""
    chain = sealed(odd(**fields))
    raw = bundles.packed([chain], [bundles.note([chain], 1, None)])
    assert Fault.BUNDLE not in [each.fault for each in bundles.findings(raw)]
