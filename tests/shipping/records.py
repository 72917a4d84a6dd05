"""Sources to ship from: real events of several bots, in a file of their own, and what a database holds."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.history import sealed
from benchmarks.traffic import Traffic
from mexc_plugin.audit.events import Event
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.store.write.spool.spool_file import Spool
from tests.store.audits import TABLES, Audit

ORDER = {"cancel_audit": "writer_id, seq", "cancel_audit_order": "writer_id, seq, position"}


def made(count: int, seed: int = 1) -> list[Event]:
    """Events of many writers, in the order in which they happened."""
    # A writer is one life of a bot: in so few events of half a year, hardly any would have a second one.
    drafts = Traffic(count, seed).drafts()
    return list(itertools.islice(sealed(drafts, seed), count))


def store(url: str, events: Sequence[Event]) -> None:
    database = Database(url, 5_000)
    try:
        for start in range(0, len(events), 500):
            database.insert(events[start : start + 500])
    finally:
        database.close()


def source(path: Path, events: Sequence[Event]) -> Audit:
    found = Audit(path)
    store(found.url, events)
    return found


def spooled(url: str, events: Sequence[Event]) -> None:
    """Leave events in spools, as writers do that died while their database was out of reach."""
    for writer_id, some in itertools.groupby(sorted(events, key=_writer), key=_writer):
        spool = Spool(url, writer_id)
        spool.append(list(some))
        spool.close()
    assert spool_folder.files(url)


def rows(audit: Audit) -> dict[str, list[dict[str, object]]]:
    """All that a record holds, tables and history."""
    found = {
        table: audit.query(f"SELECT * FROM {table} ORDER BY {ORDER[table]}") for table in TABLES
    }
    return found | {"cancel_history": audit.history()}


def longest(events: Sequence[Event]) -> list[Event]:
    """Those of the writer that has most."""
    by_writer = sorted(events, key=lambda event: (event.writer_id, event.seq))
    groups = [list(some) for _, some in itertools.groupby(by_writer, key=_writer)]
    return max(groups, key=len)


def _writer(event: Event) -> str:
    return event.writer_id


def environment() -> dict[str, str]:
    """For the program in a process of its own."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
