"""Revision 0005 fills `cancel_history` from the events that are there, while bots go on."""

import random
from typing import Any

import pytest

from mexc_plugin.audit.events import Event
from mexc_plugin.evidence.checking import check_history, divide_history
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.verify.record import check_guards
from mexc_plugin.store.write import open_database as opening
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit
from tests.store.schema import oracle
from tests.store.schema.test_kept_history import draft, sealed


@pytest.fixture
def old(database: Audit, monkeypatch) -> Database:
    """What a bot of the version before has open."""
    made = engine.create(database.url)
    migrate.upgrade(made, "0004")
    made.dispose()
    with monkeypatch.context() as patch:
        patch.setattr(opening, "HEAD", "0004")
        store = Database(database.url, 20_000)
        store.open()
    yield store
    store.close()


def some_events(seed: int, count: int) -> list[Event]:
    """Attempts with more or less of everything, in a random order."""
    rng = random.Random(seed)
    found: list[Event] = []
    for n in range(count):
        kinds = rng.choices(
            ["request", "response", "reconciliation"], [4, 4, 1], k=rng.randint(1, 4)
        )
        wanted: list[dict[str, Any]] = [
            draft(kind, attempt=rng.randint(1, 2), occurred_ns=10**18 + n * 10**9 + rng.randint(0, 3),
                  outcome=rng.choice([None, "canceled", "unknown"]), order_id=rng.choice([None, "1"]),
                  bot=rng.choice([None, "a"]))
            for kind in kinds
        ]  # fmt: skip
        found += sealed(wanted)
    rng.shuffle(found)
    return found


def everything(audit: Audit) -> list[dict[str, Any]]:
    return audit.query("SELECT * FROM cancel_history ORDER BY cancel_id, attempt")


def assert_whole(audit: Audit) -> None:
    with queries.reading(audit.url) as connection:
        assert check_guards(connection) == []
    assert list(check_history(audit.url, divide_history(audit.url))) == []


def test_the_rows_are_those_of_the_events_and_a_way_back_is_there(
    database: Audit, old: Database, monkeypatch
) -> None:
    monkeypatch.setattr(migrate.revision_module("0005"), "BATCH", 7)
    events = some_events(1, 60)
    old.insert(events)
    made = engine.create(database.url)
    told: list[tuple[int, int]] = []
    migrate.upgrade(made, tell=lambda done, total: told.append((done, total)))
    assert everything(database) == oracle.rows(events)
    assert_whole(database)
    assert len(told) > 5
    assert {total for _, total in told} == {len(events)}
    migrate.downgrade(made, "0004")
    assert "cancel_history" in database.tables()
    asked = {row["cancel_id"] for row in oracle.rows(events) if row["requested_ns"] is not None}
    assert {row["cancel_id"] for row in database.history()} == asked
    migrate.upgrade(made)
    assert everything(database) == oracle.rows(events)
    assert_whole(database)
    made.dispose()


def test_a_fill_that_was_ended_goes_on_and_bots_record_meanwhile(
    database: Audit, old: Database, monkeypatch
) -> None:
    monkeypatch.setattr(migrate.revision_module("0005"), "BATCH", 5)
    events = some_events(2, 60)
    before, meanwhile, after = events[:70], events[70:90], events[90:]
    old.insert(before)
    made = engine.create(database.url)
    steps: list[int] = []

    def tell(done: int, _total: int) -> None:
        steps.append(done)
        if len(steps) == 2:
            old.insert(meanwhile)  # by a bot that knows nothing of it
        if len(steps) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(made, tell=tell)
    with made.connect() as connection:
        assert migrate.state(connection) is migrate.State.OUTDATED
    old.insert(after)
    again: list[int] = []
    migrate.upgrade(made, tell=lambda done, _total: again.append(done))
    made.dispose()
    assert everything(database) == oracle.rows(events)
    assert "cancel_history_fill" not in database.tables()
    assert "cancel_history_new" not in database.tables()
    assert_whole(database)
    late = sealed([draft("request")])
    old.insert(late)  # it is still connected
    assert len(everything(database)) == len(oracle.rows([*events, *late]))


def test_alembic_alone_fills_it_too(database: Audit, old: Database, monkeypatch) -> None:
    """Without what comes before: in the revision's own transaction."""
    monkeypatch.setattr(migrate, "_prepare", lambda *_: None)
    events = some_events(3, 30)
    old.insert(events)
    made = engine.create(database.url)
    migrate.upgrade(made)
    made.dispose()
    assert everything(database) == oracle.rows(events)
    assert_whole(database)
