"""What keeping `cancel_history` costs a writer, against the record as it was before.

    python -m benchmarks.history_cost

The same events go, in turns, to two databases of each kind: one at revision 0004, where reviewing has its
indexes on the events, and one as it now is. An event that is made durable alone, and a hundred in one
transaction: medians, the new as multiples of the old, and bytes an event.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

from benchmarks import history
from benchmarks.databases import NAMES, databases
from benchmarks.traffic import Traffic
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, tables
from mexc_plugin.store.write import open_database as opening
from mexc_plugin.store.write.open_database import Database

BEFORE, NOW = "before", "now"
SIZES = (1, 100)
BYTES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT SUM(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relkind = 'r' AND relname LIKE 'cancel%'",
    "mysql": "SELECT SUM(data_length + index_length) FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name LIKE 'cancel%'",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history_cost", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder, ExitStack() as stack:
        old, new = Path(folder, BEFORE), Path(folder, NOW)
        for path in (old, new):
            path.mkdir()
        urls = {
            BEFORE: stack.enter_context(databases(old)),
            NOW: stack.enter_context(databases(new)),
        }
        for kind in urls[NOW]:
            measure(NAMES[kind], {when: urls[when][kind] for when in urls}, given)


def measure(kind: str, urls: dict[str, str], given: argparse.Namespace) -> None:
    stores = {when: opened(url, when) for when, url in urls.items()}
    events = history.sealed(Traffic(10_000_000, 7).drafts(), 7)
    empty = {when: size(url) for when, url in urls.items()}
    for _ in range(given.events // 1_000):
        batch = list(itertools.islice(events, 1_000))
        for store in stores.values():
            store.insert(batch)
    grown = {when: (size(url) - empty[when]) / given.events for when, url in urls.items()}
    print(f"{kind}: {says(grown, 'bytes')} an event")
    for number in SIZES:
        found: dict[str, list[float]] = {when: [] for when in stores}
        for turn in range(given.rounds):
            batch = list(itertools.islice(events, number))
            for when in list(stores) if turn % 2 else list(stores)[::-1]:
                began = time.perf_counter()
                stores[when].insert(batch)
                found[when].append(time.perf_counter() - began)
        taken = {when: statistics.median(each) * 1e6 / number for when, each in found.items()}
        print(f"{kind}, {number} in a transaction: {says(taken, 'us')} an event", flush=True)
    for store in stores.values():
        store.close()


def opened(url: str, when: str) -> Database:
    made = engine.create(url)
    migrate.upgrade(made)
    if when == BEFORE:
        migrate.downgrade(made, "0004")
    made.dispose()
    store = Database(url, 20_000)
    opening.HEAD = "0004" if when == BEFORE else tables.HEAD  # type: ignore[misc]
    store.open()
    return store


def size(url: str) -> float:
    made = engine.create(url)
    with made.connect() as connection:
        kind = "mysql" if made.dialect.name == "mariadb" else made.dialect.name
        if kind == "mysql":
            for table in ("cancel_audit", "cancel_audit_order", "cancel_history"):
                connection.execute(sa.text(f"ANALYZE TABLE {table}")).close()
        found = float(connection.scalar(sa.text(BYTES[kind])) or 0)
    made.dispose()
    return found


def says(found: dict[str, float], unit: str) -> str:
    each = ", ".join(f"{when} {value:.0f} {unit}" for when, value in found.items())
    return f"{each}, {found[NOW] / found[BEFORE]:.3f} x"


if __name__ == "__main__":
    main()
