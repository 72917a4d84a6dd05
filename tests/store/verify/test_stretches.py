"""What there is to read of each writer, and its rows in their order."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import columns, stretches
from mexc_plugin.store.verify.stretches import Reader, Stretch
from tests.cli.tampering import tamper
from tests.conftest import Audit

from .conftest import Store

WRITER = "a" * 36


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("name", ["CAST(x'ff' AS TEXT)", "x'ff'"], ids=["text", "bytes"])
def test_a_writer_whose_name_is_no_text_is_read_to_its_end(
    audit: Audit, store: Store, name: str
) -> None:
    store(WRITER, "request", "response")
    tamper(audit.path, f"UPDATE cancel_audit SET writer_id = {name}")
    with queries.reading(audit.url) as connection:
        read_any_text(connection)
        (stretch,) = stretches.plan(connection)
        assert len(list(Reader(connection).rows(stretch))) == 2


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_full_piece_whose_last_number_is_none_is_the_last(
    audit: Audit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(WRITER, "request", "response")
    tamper(audit.path, "UPDATE cancel_audit SET seq = 'x' WHERE seq = 2")
    monkeypatch.setattr(stretches, "PIECE", 2)
    with queries.reading(audit.url) as connection:
        (stretch,) = stretches.plan(connection)
        assert len(list(Reader(connection).rows(stretch))) == 2
        assert Reader(connection).before(Stretch(WRITER, "x", "x", 1)) is None


@pytest.mark.parametrize("events", [4, 5])
def test_a_stretch_of_several_pieces_is_read_to_its_end(
    audit: Audit, store: Store, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    store(WRITER, *["request"] * events)
    monkeypatch.setattr(stretches, "PIECE", 2)
    with queries.reading(audit.url) as connection:
        rows = Reader(connection, columns.CHAIN).rows(Stretch(WRITER, 1, events, events))
        assert [values[1] for values in rows] == list(range(1, events + 1))


def test_a_stretch_is_read_in_its_order_and_what_is_before_it(audit: Audit, store: Store) -> None:
    made = store(WRITER, "request", "response", "request")
    with queries.reading(audit.url) as connection:
        assert stretches.plan(connection) == [Stretch(WRITER, 1, 3, 3)]
        reader = Reader(connection, columns.CHAIN)
        later = Stretch(WRITER, 2, 3, 2)
        assert [values[-1] for values in reader.rows(later)] == [each.hash for each in made[1:]]
        before = reader.before(later)
    assert before is not None
    assert before[-1] == made[0].hash


def test_since_a_time_begins_with_what_happened_just_then(audit: Audit, store: Store) -> None:
    seconds = 1_000_000_000
    store(WRITER, "request", "response", at=seconds * 1_000_000_000 - 1)
    store("b" * 36, "request", at=seconds)
    when = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    with queries.reading(audit.url) as connection:
        assert stretches.plan(connection, when) == [Stretch(WRITER, 1, 2, 2)]
        assert stretches.plan(connection, when + timedelta(microseconds=1)) == []


@pytest.fixture
def damaged(audit: Audit, store: Store) -> Audit:
    """A record with a text in it that is none."""
    store(WRITER, "request")
    tamper(audit.path, "UPDATE cancel_audit SET bot = CAST(x'ff' AS TEXT)")
    return audit


@pytest.mark.parametrize("backend", ["sqlite"])
def test_text_is_read_as_usual_behind_a_row_with_text_that_is_none(damaged: Audit) -> None:
    with queries.reading(damaged.url) as connection:
        (row,) = Reader(connection).rows(Stretch(WRITER, 1, 1, 1))
        assert "\udcff" in row
        assert connection.connection.driver_connection.text_factory is str


@pytest.mark.parametrize("backend", ["sqlite"])
def test_whoever_interrupts_the_reading_ends_it(audit: Audit, store: Store) -> None:
    store(WRITER, "request")
    interrupts = iter([True])
    with queries.reading(audit.url) as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(lambda: next(interrupts, False), 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            list(Reader(connection).rows(Stretch(WRITER, 1, 1, 1)))


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.server)])
def test_between_two_pieces_no_transaction_is_open(audit: Audit, store: Store) -> None:
    store(WRITER, "request")
    with queries.reading(audit.url) as connection:
        driver = connection.connection.driver_connection
        assert list(Reader(connection).rows(Stretch(WRITER, 1, 1, 1)))
        assert driver.info.transaction_status.name == "IDLE"
