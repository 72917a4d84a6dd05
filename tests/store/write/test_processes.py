"""Several processes on one database."""

import multiprocessing
import time
import warnings
from multiprocessing.synchronize import Barrier

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import record
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit
from tests.store.whole import read_chained, verify
from tests.store.write.test_store import assert_chain_holds
from tests.torture.processes import Child


def write(ready: Barrier, url: str, count: int) -> None:
    """What each process does."""
    warnings.simplefilter("error")
    engine.validate(url)
    ready.wait(60)
    writer = Writer(url)
    writer.prepare()
    for n in range(count):
        draft = {
            "kind": "request",
            "occurred_ns": time.time_ns(),
            "attempt": 1,
            "cancel_id": f"00000000-0000-7000-8000-{n:012d}",
        }
        receipt = writer.submit(draft, 60)
        assert receipt.wait(60), "not in time"
        assert receipt.place is Place.DATABASE, receipt.place
    writer.close()


def at_once(processes: int, url: str, count: int) -> list[str]:
    """Start the processes, which wait for each other; return what they said on stderr."""
    ready = multiprocessing.get_context("forkserver").Barrier(processes)
    children = [Child(write, ready, url, count) for _ in range(processes)]
    for child in children:
        child.result(120)
    return [child.said() for child in children]


def whole(url: str) -> bool:
    with queries.reading(url) as connection, queries.reading(url) as second:
        orders = record.OrderRows(second)
        found = list(verify(read_chained(connection), record.Verifier(), orders))
        return found + record.check_guards(second) == []


def test_eight_processes_that_find_an_empty_database_make_it_once(database: Audit) -> None:
    assert at_once(8, database.url, 1) == [""] * 8
    assert database.query(f"SELECT version_num FROM {tables.VERSION_TABLE}") == [
        {"version_num": tables.HEAD}
    ]
    assert len({row["writer_id"] for row in database.events()}) == 8
    assert len(database.events()) == 8 * 3
    assert whole(database.url)


def test_four_processes_that_write_at_once_leave_no_gap_and_no_fork(audit: Audit) -> None:
    assert at_once(4, audit.url, 150) == [""] * 4
    assert len(audit.events("request")) == 4 * 150
    assert_chain_holds(audit)
    assert whole(audit.url)
