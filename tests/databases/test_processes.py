"""Several processes on one database."""

import subprocess
import sys

from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import record
from tests.conftest import Audit
from tests.test_store import assert_chain_holds

PROGRAM = """
import sys, time
import alembic.command, sqlalchemy
from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.connect import engine; from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.writer import Writer
url, count = sys.argv[1], int(sys.argv[2])
engine.validate(url)
print("ready", flush=True)
sys.stdin.readline()
writer = Writer(url)
writer.prepare()
for n in range(count):
    receipt = writer.submit({"kind": "request", "occurred_ns": time.time_ns(), "attempt": 1,
                             "cancel_id": f"00000000-0000-7000-8000-{n:012d}"}, 60)
    assert receipt.wait(60), "not in time"
    assert receipt.place is Place.DATABASE, receipt.place
writer.close()
"""


def at_once(processes: int, url: str, count: int) -> list[str]:
    """Start the processes, let them go when all are ready; return what they said on stderr."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-W", "error", "-c", PROGRAM, url, str(count)]
    children = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(processes)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0] * processes, said
    return said


def whole(url: str) -> bool:
    with queries.reading(url) as connection, queries.reading(url) as second:
        orders = record.OrderRows(second)
        found = list(record.verify(record.chained(connection), record.Verifier(), orders))
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
