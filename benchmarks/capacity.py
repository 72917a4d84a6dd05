"""What an event costs on each database, and from that what a fleet needs: tables of docs/performance.md.

    python -m benchmarks.capacity [--events N] [--no-rates]

Starts servers of its own in temporary folders, with their usual settings, PostgreSQL's log at wal_level replica; a MariaDB that
is not installed is left out. On two cores the bots' side has its share of them: rates are those of such a machine.
"""

import argparse
import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.durable import sealed
from benchmarks.report import table
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.open_database import Database
from tests.cluster import pgbouncer
from tests.cluster.postgresql import Cluster, eventually
from tests.cluster.postgresql import cluster as running_cluster
from tests.torture import servers
from tests.torture.processes import together

WRITERS = (1, 2, 4, 8)
BOTS = (10, 100, 1000)
CANCELS = (0.1, 1.0, 20.0)
DAY_S = 86_400
# A partition that can still be copied, checked and put away in an hour or so.
PARTITION_BYTES = 200e9
PERIODS = {"month": 30, "week": 7, "day": 1}

_POSTGRESQL_BYTES = """
    SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)), pg_current_wal_lsn() - '0/0'
    FROM pg_class c WHERE relname IN ('cancel_audit', 'cancel_audit_order', 'cancel_history')"""
_MARIADB_BYTES = """
    SELECT sum(data_length), sum(index_length), (SELECT variable_value FROM information_schema.global_status
        WHERE variable_name = 'Innodb_os_log_written')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"""


@dataclass(frozen=True)
class Cost:
    """Of one event: bytes of tables, indexes and the log that is written ahead; CPU of the server and of the bot, µs."""

    table: float
    index: float
    log: float
    server_us: float
    bot_us: float

    @property
    def stored(self) -> float:
        return self.table + self.index


def measure(
    url: str, events: int, sizes: Callable[[], list[float]], pids: Callable[[], list[int]]
) -> Cost:
    """Store so many events, each with a commit of its own. sizes: bytes so far; pids: the server's processes."""
    database = Database(url, 5_000)
    database.open()
    records = sealed(events)
    before, server, bot = sizes(), _cpu_s(pids()), time.process_time()
    for event in records:
        database.insert([event])
    bot, server = time.process_time() - bot, _cpu_s(pids()) - server
    database.close()
    size = [(after - was) / events for after, was in zip(sizes(), before, strict=True)]
    return Cost(*size, server_us=server / events * 1e6, bot_us=bot / events * 1e6)


def _cpu_s(pids: list[int]) -> float:
    """Seconds of all of them, and of their children that have ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def of_sqlite(events: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.db"
        made = engines.create(f"sqlite:///{path}")
        migrate.ensure(made)
        made.dispose()

        def sizes() -> list[float]:
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (all_,) = connection.execute("SELECT sum(pgsize) FROM dbstat").fetchone()
                (tables,) = connection.execute(
                    "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE type = 'table')"
                ).fetchone()
            return [tables, all_ - tables, _written()]

        return measure(f"sqlite:///{path}", events, sizes, list)


def _written() -> float:
    """Bytes that this process has written, the WAL and the file it is brought into."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return float(dict(line.split(": ") for line in lines)["wchar"])


def of_server(server: servers.Server, query: str, events: int) -> Cost:
    url = server.fresh()
    made = engines.create(url)
    migrate.ensure(made)

    def sizes() -> list[float]:
        with made.connect() as connection:
            if made.dialect.name == "mariadb":
                names = sa.inspect(connection).get_table_names()
                connection.exec_driver_sql(f"ANALYZE TABLE {', '.join(names)}").fetchall()
            return [float(value) for value in connection.exec_driver_sql(query).one()]

    found = measure(url, events, sizes, server.pids)
    made.dispose()
    return found


def costs(events: int) -> dict[str, Cost]:
    found = {"SQLite": of_sqlite(events)}
    with servers.postgresql() as server:
        found["PostgreSQL"] = of_server(server, _POSTGRESQL_BYTES, events)
    if shutil.which("mariadbd", path=servers.search_path()):
        with servers.mariadb() as server:
            found["MariaDB"] = of_server(server, _MARIADB_BYTES, events)
    return found


def flat_out(url: str, events: int, start_at: float) -> tuple[float, float, list[float]]:
    """What one writer does as fast as it can: when it began and ended, and the seconds of each event."""
    database = Database(url, 30_000)
    database.open()
    records, took = sealed(events), []
    time.sleep(max(0.0, start_at - time.time()))
    began = time.time()
    for event in records:
        since = time.monotonic()
        database.insert([event])
        took.append(time.monotonic() - since)
    ended = time.time()
    database.close()
    return began, ended, took


def rate(url: str, writers: int, events: int) -> str:
    """Events a second of so many processes, and the slowest hundredth's milliseconds."""
    made = engines.create(url)
    migrate.ensure(made)
    made.dispose()
    found = together(
        flat_out, [(url, events // writers, time.time() + 1 + 0.2 * writers)] * writers, 600
    )
    seconds = max(ended for _, ended, _ in found) - min(began for began, _, _ in found)
    took = sorted(each for _, _, times in found for each in times)
    return (
        f"{events // writers * writers / seconds:,.0f} ({took[int(len(took) * 0.99)] * 1000:.1f})"
    )


def rates(events: int) -> list[list[str]]:
    """Rows of a table: by what the writers go through."""
    rows = []
    with servers.postgresql() as server:
        url = server.fresh()
        rows.append(["PostgreSQL", *(rate(url, writers, events) for writers in WRITERS)])
        plain = server.fresh().replace("+psycopg", "")
        with pgbouncer.pooled(plain, "transaction", 4) as near:
            found = (rate(near, writers, events) for writers in WRITERS)
            rows.append(["through PgBouncer, 4 connections", *found])
    with on_disk(), running_cluster() as cluster:
        for count in (1, 2):
            with waiting_for(cluster, count):
                url = cluster.url(cluster.fresh())
                words = f"{count} synchronous standby{'s' * (count > 1)}"
                rows.append([words, *(rate(url, writers, events) for writers in WRITERS)])
    return rows


@contextlib.contextmanager
def on_disk() -> Iterator[None]:
    """The nodes' files where others' are: in memory they would look too fast."""
    from tests.cluster import postgresql

    usual, postgresql.in_memory = postgresql.in_memory, lambda: None
    try:
        yield
    finally:
        postgresql.in_memory = usual


@contextlib.contextmanager
def waiting_for(cluster: Cluster, count: int) -> Iterator[None]:
    cluster.primary.query(f"ALTER SYSTEM SET synchronous_standby_names = 'ANY {count} (*)'")
    cluster.primary.query("SELECT pg_reload_conf()")
    eventually(
        lambda: f"ANY {count}" in cluster.primary.query("SHOW synchronous_standby_names")[0][0],
        "it",
    )
    yield


def needs(cost: Cost) -> list[list[str]]:
    """What fleets need of a database with these costs. A cancel is two events."""
    return [
        [
            f"{bots:,}", f"{cancels:g}", f"{events:,.0f}", _bytes(events * DAY_S * cost.stored),
            f"{_bytes(events * DAY_S * cost.log)}", f"{_bytes(events * cost.log)}/s",
            f"{events * cost.server_us / 1e6:.2g}", partition(events * DAY_S * cost.stored), f"{bots:,}",
        ]
        for bots in BOTS
        for cancels in CANCELS
        if (events := 2 * bots * cancels)
    ]  # fmt: skip


def partition(bytes_a_day: float) -> str:
    """The longest period whose partition stays below PARTITION_BYTES; days, where none does."""
    fitting = (name for name, days in PERIODS.items() if bytes_a_day * days < PARTITION_BYTES)
    return next(fitting, "day")


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


# By table, what stands above its columns.
HEADS = {
    "costs": ["", "tables", "indexes", "written ahead", "server's CPU", "bot's CPU"],
    "rates": ["", *map(str, WRITERS)],
    "needs": ["bots", "cancels/s each", "events/s", "a day", "WAL a day", "WAL", "cores", "partition", "connections"],
}  # fmt: skip


def measure_all(
    events: int, *, with_rates: bool = True
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The head and the rows of each table. Raises SystemExit where a row of the rates could not be measured."""
    if with_rates and not shutil.which("pgbouncer", path=servers.search_path()):
        raise SystemExit(f"the rates want PgBouncer, which is not here; run: {pgbouncer.INSTALL}")
    found = costs(events)
    rows = {
        "costs": [_row(name, cost) for name, cost in found.items()],
        "needs": needs(found["PostgreSQL"]),
        "rates": rates(events) if with_rates else [],
    }
    return {name: (HEADS[name], some) for name, some in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--no-rates", action="store_true")
    given = parser.parse_args()
    for name, rows in measure_all(given.events, with_rates=not given.no_rates).items():
        print(f"\n{name}\n\n{table(*rows)}")


def _row(name: str, cost: Cost) -> list[str]:
    server = f"{cost.server_us:.0f} µs" if cost.server_us else "–"
    sizes: list[Any] = [f"{size:,.0f} B" for size in (cost.table, cost.index, cost.log)]
    return [name, *sizes, server, f"{cost.bot_us:.0f} µs"]


if __name__ == "__main__":
    main()
