"""The made-up history that speed is measured on is one that a bot could have written."""

import itertools
from pathlib import Path

from benchmarks import history
from benchmarks.traffic import Traffic
from mexc_plugin.audit import events
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import record
from tests.store import whole

EVENTS = 3_000


def made(seed: int) -> list[events.Event]:
    drafts = itertools.islice(Traffic(EVENTS, seed).drafts(), EVENTS)
    return list(history.sealed(drafts, seed))


def test_a_seed_makes_the_same_history_again() -> None:
    assert made(7) == made(7) != made(8)


def test_the_short_ways_to_seal_and_to_project_are_the_writer_s() -> None:
    for event in made(1):
        assert event.document is not None
        again = events.seal(event.document, event.writer_id, event.seq, event.prev_hash)
        row = events.project(again)
        names = history.COLUMNS[tables.cancel_audit]
        assert event == again
        assert [row[name] for name in names] == history.quickly_projected(event)


def test_a_made_up_history_is_whole_and_has_every_outcome(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history.make(path, EVENTS * 4, seed=1)
    with (
        queries.reading(f"sqlite:///{path}") as connection,
        queries.reading(f"sqlite:///{path}") as second,
    ):
        found = list(whole.verify(whole.read_chained(connection), record.Verifier()))
        found += record.check_guards(second)
        outcomes = {row["final_outcome"] for row in queries.history(second, queries.Filters())}
    assert found == []
    assert set(Outcome) == outcomes
