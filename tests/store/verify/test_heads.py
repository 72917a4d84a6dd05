"""How far each writer is, on every database."""

from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import heads
from tests.conftest import Audit

from .conftest import Store

WRITERS = ["a" * 36, "b" * 36, "c" * 36]


def test_the_last_event_of_each_writer_is_found_with_its_hash(audit: Audit, store: Store) -> None:
    store(WRITERS[0])  # none yet
    with queries.reading(audit.url) as connection:
        assert (heads.last_events(connection), heads.count(connection)) == ([], 0)
    made = [store(writer, *["request"] * n) for n, writer in enumerate(WRITERS, 1)]
    with queries.reading(audit.url) as connection:
        assert sorted(heads.last_events(connection)) == [
            (chain[-1].writer_id, len(chain), chain[-1].hash) for chain in made
        ]
        assert heads.count(connection) == 6
        assert [heads.last_seq(connection, w) for w in (*WRITERS, "d")] == [1, 2, 3, None]


def test_hashes_are_read_of_as_many_places_as_there_are(audit: Audit, store: Store) -> None:
    made = store(WRITERS[0], *["request"] * (heads.AT_ONCE + 1))
    places = [(WRITERS[0], seq) for seq in range(1, len(made) + 2)]  # one is not there
    with queries.reading(audit.url) as connection:
        assert heads.read_at(connection, places) == {
            (event.writer_id, event.seq): event.hash for event in made
        }
        assert heads.read_at(connection, places[1:2], "kind") == {places[1]: "request"}


def test_there_is_a_way_to_the_last_events_for_each_kind_of_database() -> None:
    assert set(heads._LAST_EVENTS) == set(engine.DRIVERS)
