"""What the review index costs a writer, against the narrow index that it took the place of.

    python -m benchmarks.index_cost

Two copies of one record, one with each index, take turns: an event that is made durable alone, and a
hundred in one transaction. Wall clock and CPU, medians, and the wide index as multiples of the narrow.
"""

import argparse
import itertools
import shutil
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks import history
from benchmarks.traffic import Traffic
from mexc_plugin.store.database import Database

NARROW = (
    "DROP INDEX ix_cancel_audit_review",
    "CREATE INDEX ix_cancel_audit_occurred_at ON cancel_audit (kind, occurred_at)",
)
SIZES = (1, 100)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.index_cost", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.db" for name in ("narrow", "wide")}
        history.make(paths["wide"], given.events, seed=1)
        shutil.copy(paths["wide"], paths["narrow"])
        with closing(sqlite3.connect(paths["narrow"])) as connection:
            for statement in NARROW:
                connection.execute(statement)
        stores = {name: Database(f"sqlite:///{path}", 10_000) for name, path in paths.items()}
        for size in SIZES:
            show(size, measured(stores, size, given.rounds))
        for store in stores.values():
            store.close()


def measured(
    stores: dict[str, Database], size: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of wall clock and CPU of each insert."""
    events = history.sealed(Traffic(1_000_000, size + 1).drafts(), size + 1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
    names = list(stores)
    for number in range(rounds):
        batch = list(itertools.islice(events, size))
        for name in names if number % 2 else names[::-1]:
            began, cpu = time.perf_counter(), time.process_time()
            stores[name].insert(batch)
            found[name].append((time.perf_counter() - began, time.process_time() - cpu))
    return found


def show(size: int, found: dict[str, list[tuple[float, float]]]) -> None:
    for n, clock in enumerate(("wall", "CPU")):
        p50 = {name: statistics.median(times[n] for times in each) for name, each in found.items()}
        ratio = p50["wide"] / p50["narrow"]
        times = ", ".join(f"{name} {seconds * 1e6 / size:.0f} us" for name, seconds in p50.items())
        print(f"{size:4} in a transaction, {clock:>4}: {times} an event, {ratio:.3f} x")


if __name__ == "__main__":
    main()
