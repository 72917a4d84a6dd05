"""One connection: what it finds out before it opens, how long it waits, and what it leaves behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.errors import MexcPluginError, StoreError
from mexc_plugin.store.write.destination import Batch, Destination
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit

WRITER = "00000000-0000-4000-8000-00000000000a"
PATIENT_MS = 60_000


@pytest.fixture
def backend() -> str:
    """SQLite alone: what is tried here is the same on a server."""
    return "sqlite"


def event(seq: int = 1) -> Event:
    return events.seal({"kind": "request", "occurred_ns": 1}, WRITER, seq, chain.GENESIS)


@pytest.mark.parametrize(
    ("content", "is_new"), [(None, True), (b"", True), (b"x", False)], ids=["none", "empty", "one"]
)
def test_a_file_is_new_where_there_is_none_or_nothing_in_it(
    tmp_path: Path, content: bytes | None, is_new: bool
) -> None:
    path = tmp_path / "audit.db"
    if content is not None:
        path.write_bytes(content)
    assert Database(f"sqlite:///{path}", 1).load() is is_new


def test_a_server_is_never_a_new_file() -> None:
    assert Database("postgresql://u@nowhere/x", 1).load() is False


def test_a_driver_that_is_missing_is_said_before_anything_is_opened() -> None:
    with pytest.raises(MexcPluginError, match="asyncpg"):
        Database("postgresql+asyncpg://u@nowhere/x", 1).load()


@pytest.mark.parametrize("count", [1, 2])
def test_each_event_is_stored_with_its_orders(audit: Audit, count: int) -> None:
    drafts = {"kind": "request", "occurred_ns": 1, "cancel_id": "c", "order_ids": ["7", "8"]}
    database = Database(audit.url, PATIENT_MS)
    database.insert(chained(WRITER, *[drafts] * count))
    database.close()
    rows = audit.query("SELECT seq, position, order_id FROM cancel_audit_order ORDER BY 1, 2")
    assert [tuple(row.values()) for row in rows] == [
        (seq, position, order_id)
        for seq in range(1, count + 1)
        for position, order_id in ((1, "7"), (2, "8"))
    ]


def test_another_s_lock_is_waited_for_no_longer_than_asked(audit: Audit) -> None:
    database = Database(audit.url, PATIENT_MS)
    database.insert([event()])
    with audit.locked(), pytest.raises(Exception, match="database is locked"):
        database.insert([event(2)], wait_ms=100)
    (waited_ms,) = database._cursor.execute("PRAGMA busy_timeout").fetchone()
    assert 0 < waited_ms <= 100
    database.insert([event(3)])
    (waits_ms,) = database._cursor.execute("PRAGMA busy_timeout").fetchone()
    assert PATIENT_MS / 2 < waits_ms <= PATIENT_MS
    database.close()


def test_what_cannot_be_opened_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"this is no database" * 100)
    database = Database(f"sqlite:///{path}", 1)
    with pytest.raises(sa.exc.DatabaseError):
        database.open()
    database.close()
    assert not database.is_open
    assert str(path) not in {str(fd.resolve()) for fd in Path("/proc/self/fd").iterdir()}


def test_what_breaks_off_while_it_opens_leaves_no_file_open(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mexc_plugin.store.write.open_database._is_current", interrupt)
    with pytest.raises(KeyboardInterrupt) as kept:  # with all that its frames hold
        Database(audit.url, PATIENT_MS).open()
    assert audit.path not in {fd.resolve() for fd in Path("/proc/self/fd").iterdir()}
    assert kept.traceback


@pytest.mark.parametrize(
    ("insert", "count"), [(Database.insert, 1), (Database.insert, 2), (Database.insert_missing, 1)]
)
def test_no_event_goes_into_a_file_that_was_moved_away(
    audit: Audit, insert: Callable[[Database, list[Event]], object], count: int
) -> None:
    database = Database(audit.url, PATIENT_MS)
    database.insert([event()])
    aside = Audit(audit.path.rename(audit.path.with_name("aside")))
    with pytest.raises(StoreError, match="was moved or removed"):
        insert(database, [event(seq) for seq in range(2, 2 + count)])
    database.close()
    assert [row["seq"] for row in aside.query("SELECT seq FROM cancel_audit")] == [1]


# -- events that were recorded elsewhere


def chained(writer_id: str, *drafts: dict[str, object]) -> list[Event]:
    made: list[Event] = []
    for seq, draft in enumerate(drafts, 1):
        last = made[-1].hash if made else chain.GENESIS
        made.append(events.seal(draft, writer_id, seq, last))
    return made


def stored(audit: Audit) -> list[tuple[str, int]]:
    rows = audit.query("SELECT writer_id, seq FROM cancel_audit ORDER BY writer_id, seq")
    return [(row["writer_id"], row["seq"]) for row in rows]


@pytest.mark.parametrize("unfit", range(5))
def test_one_that_no_row_can_be_made_of_keeps_its_own_writer_s_next_ones_and_no_other_s(
    audit: Audit, unfit: int
) -> None:
    good = {"kind": "request", "occurred_ns": 1}
    drafts = [good] * 5
    drafts[unfit] = {"kind": "request", "occurred_ns": 10**40}
    theirs, ours = chained("a" * 36, *drafts), chained("b" * 36, *[good] * 5)
    mixed = [event for pair in zip(theirs, ours, strict=True) for event in pair]
    destination = Destination(audit.url)
    for _ in range(2):
        assert destination.put(Batch(mixed)) == [
            (theirs[unfit], "the target takes others and not this one (OverflowError)")
        ]
    destination.close()
    assert stored(audit) == [("a" * 36, n + 1) for n in range(unfit)] + [
        ("b" * 36, n + 1) for n in range(5)
    ]


def test_what_is_there_already_is_no_failure_but_its_connection_was_lost(audit: Audit) -> None:
    batch = chained("a" * 36, *[{"kind": "request", "occurred_ns": 1}] * 3)
    destination = Destination(audit.url)
    assert (destination.put(Batch(batch[:2])), destination.was_lost) == ([], False)
    assert (destination.put(Batch(batch)), destination.was_lost) == ([], True)
    destination.close()
    assert stored(audit) == [("a" * 36, 1), ("a" * 36, 2), ("a" * 36, 3)]


def test_another_event_in_its_place_is_refused_and_holds_back_its_writer_alone(
    audit: Audit,
) -> None:
    first, others = (
        chained("a" * 36, *[{"kind": "request", "occurred_ns": n}] * 2) for n in (1, 2)
    )
    more = chained("b" * 36, {"kind": "request", "occurred_ns": 1})
    destination = Destination(audit.url)
    destination.put(Batch(first[:1]))
    (refused,) = destination.put(Batch(others + more))
    assert refused[0] is others[0]
    assert "another row is in the place of 1 events" in refused[1]
    destination.close()
    assert stored(audit) == [("a" * 36, 1), ("b" * 36, 1)]


def test_a_database_that_takes_nothing_is_to_blame_and_no_event_is(audit: Audit) -> None:
    """What is wrong with the target is mended there, and then it goes on by itself."""
    batch = chained("a" * 36, *[{"kind": "request", "occurred_ns": 1}] * 3)
    destination = Destination(audit.url)
    destination.put(Batch(batch[:1]))
    audit.execute("ALTER TABLE cancel_audit_order RENAME TO elsewhere")
    orders = chained(
        "b" * 36, {"kind": "request", "occurred_ns": 1, "cancel_id": "c", "order_ids": ["1"]}
    )
    with pytest.raises(StoreError):
        destination.put(Batch(orders))
    audit.execute("ALTER TABLE elsewhere RENAME TO cancel_audit_order")
    assert destination.put(Batch(orders)) == []
    destination.close()
