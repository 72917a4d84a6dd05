"""Records that are made event by event."""

from collections.abc import Callable

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit

Store = Callable[..., list[Event]]


@pytest.fixture
def store(audit: Audit) -> Store:
    """Stores a writer's events, each with a time of its own, and returns them."""

    def store(writer_id: str, *kinds: str, at: int = 0, **common: object) -> list[Event]:
        made: list[Event] = []
        for seq, kind in enumerate(kinds, 1):
            draft = {"kind": kind, "occurred_ns": at + seq, **common}
            last = made[-1].hash if made else chain.GENESIS
            made.append(events.seal(draft, writer_id, seq, last))
        database = Database(audit.url, 20_000)
        database.insert(made)
        database.close()
        return made

    return store
