"""Verifying takes long, and bots record meanwhile: what is asked later sees what has come since."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection

from mexc_plugin.audit import chain, events
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import anchors, attempts, heads, stretches
from mexc_plugin.store.verify.columns import CHAIN, OrderRows
from mexc_plugin.store.verify.stretches import Reader
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit

from .conftest import Store

WRITER, CANCEL = "a" * 36, "00000000-0000-7000-8000-00000000000c"
READERS: dict[str, Callable[[Connection], Any]] = {
    "plan": stretches.plan,
    "archives": anchors.read,
    "events of an attempt": lambda connection: attempts.events_of(connection, CANCEL, 1),
    "doubles": lambda connection: list(attempts.find_doubles(connection)),
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_leaves_an_old_moment_to_the_next(audit: Audit, store: Store, name: str) -> None:
    with queries.reading(audit.url) as connection:
        assert heads.count(connection) == 0
        READERS[name](connection)
        store(WRITER, "request")
        assert heads.count(connection) == 1


def test_a_moment_that_is_frozen_is_a_new_one_and_lasts(audit: Audit, store: Store) -> None:
    with queries.reading(audit.url) as connection:
        assert heads.count(connection) == 0
        store(WRITER, "request")
        heads.freeze(connection)
        assert heads.count(connection) == 1
        store("b" * 36, "request")
        assert heads.count(connection) == 1


@pytest.mark.parametrize(
    ("comes", "read"), [(1, [1, 2, 3]), (2, [1, 2, 3]), (3, [1, 3])], ids=["soon", "late", "never"]
)
def test_what_is_missing_is_waited_for_twice(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, comes: int, read: list[int]
) -> None:
    made, last = [], chain.GENESIS
    for seq in range(1, 4):
        made.append(events.seal({"kind": "request", "occurred_ns": seq}, WRITER, seq, last))
        last = made[-1].hash
    database = Database(audit.url, 20_000)
    database.insert([made[0], made[2]])
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == comes:
            database.insert([made[1]])

    monkeypatch.setattr(stretches, "time", SimpleNamespace(sleep=pause))
    with queries.reading(audit.url) as connection:
        (stretch,) = stretches.plan(connection)
        rows = list(Reader(connection, CHAIN).rows(stretch))
    database.close()
    assert ([values[1] for values in rows], len(pauses)) == (read, min(comes, 2))


def test_order_rows_of_what_came_after_they_were_counted_are_seen(
    audit: Audit, store: Store
) -> None:
    with queries.reading(audit.url) as connection:
        orders = OrderRows(connection)
        orders.begin()
        (event,) = store(WRITER, "request", cancel_id=CANCEL, order_ids=["7"])
        assert list(orders.check(events.project(event))) == []
