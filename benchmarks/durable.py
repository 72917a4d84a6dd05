"""One durable event on each database, against one append + fdatasync of the same bytes.

python -m benchmarks.durable [--rounds N]
"""

import argparse
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.databases import NAMES, databases
from benchmarks.figures import WARM_UP, Subjects, show, summary, take_turns
from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.write.open_database import Database

FLOOR = "append + fdatasync"


def sealed(count: int) -> list[Event]:
    """Requests and responses of one writer, of the size that real ones have."""
    writer, last, cancel, found = str(uuid.uuid4()), chain.GENESIS, "", []
    for seq in range(1, count + 1):
        cancel = uuid7() if seq % 2 else cancel
        draft: dict[str, Any] = {
            "kind": "request" if seq % 2 else "response",
            "occurred_ns": time.time_ns(),
            "cancel_id": cancel,
            "attempt": 1,
            "account": "0123456789abcdef",
            "bot": "grid-7",
            "host": "host-1",
            "market_type": "spot",
            "symbol": "LTC/BTC",
            "native_symbol": "LTCBTC",
            "order_id": f"{10**17 + seq // 2}",
            "method": "DELETE",
            "path": "/api/v3/order",
            "request": {"url": "x" * 600},
        }
        if seq % 2 == 0:
            draft |= {"outcome": "canceled", "latency_us": 50_000, "http_status": 200}
        found.append(events.seal(draft, writer, seq, last))
        last = found[-1].hash
    return found


def appender(path: Path, records: list[Event]) -> Callable[[int], None]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(n: int) -> None:
        os.write(fd, records[n + WARM_UP].payload.encode())
        os.fdatasync(fd)

    return append


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """By database, as multiples of the floor's."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        urls = stack.enter_context(databases(folder))
        subjects: Subjects = {FLOOR: appender(folder / "floor", sealed(rounds + WARM_UP))}
        for kind, url in urls.items():
            database = Database(url, 5_000)
            database.open()
            stack.callback(database.close)
            records: Iterator[Event] = iter(sealed(rounds + WARM_UP))
            subjects[NAMES[kind]] = lambda _n, d=database, r=records: d.insert([next(r)])
        times = take_turns(subjects, rounds)
    return summary(times, FLOOR)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2000)
    given = parser.parse_args()
    show(f"one durable event, {given.rounds} rounds", measure(given.rounds))


if __name__ == "__main__":
    main()
