"""A large audit to review: a SQLite file that `audit verify` accepts, from seeded traffic.

    python -m benchmarks.history --events 1000000 --out big.db

Every event is sealed and projected by the project's own functions. Only durability is given up
while it is made, and the guards stand aside: they are put back word for word.
"""

import argparse
import itertools
import json
import random
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

from benchmarks.traffic import Draft, Traffic
from mexc_plugin.audit import chain
from mexc_plugin.audit.events import FORMAT, Event, project_orders, timestamp_text
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.schema.tables import cancel_audit, cancel_audit_order

BATCH = 5_000
COLUMNS = {table: tuple(table.columns.keys()) for table in (cancel_audit, cancel_audit_order)}
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def sealed(drafts: Iterator[tuple[int, Draft]], seed: int) -> Iterator[Event]:
    """Each writer's drafts, chained."""
    rng = random.Random(seed + 1)
    writers: dict[int, tuple[str, int, str]] = {}
    for number, draft in drafts:
        if number not in writers:
            writers[number] = str(uuid.UUID(int=rng.getrandbits(128), version=4)), 0, chain.GENESIS
        writer, seq, last = writers[number]
        event = quickly_sealed(draft, writer, seq + 1, last)
        writers[number] = writer, seq + 1, event.hash
        yield event


def quickly_sealed(draft: Draft, writer: str, seq: int, last: str) -> Event:
    """As audit.events.seal, for drafts known to hold no float: a test compares the two."""
    document = {key: value for key, value in draft.items() if value is not None}
    document |= {"v": FORMAT, "writer_id": writer, "seq": seq}
    payload = _ENCODE(document)
    return Event(writer, seq, payload, last, chain.link(last, payload), document)


def quickly_projected(event: Event) -> list[object]:
    """As audit.events.project, for texts known to fit their columns: the same test compares."""
    document = cast("dict[str, Any]", event.document)
    own = {
        "occurred_at": timestamp_text(document["occurred_ns"]),
        "payload": event.payload,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
    return list(map((document | own).get, COLUMNS[cancel_audit]))


def make(path: Path, events: int, seed: int) -> None:
    """Write the file. Raises FileExistsError rather than adding to one."""
    if path.exists():
        raise FileExistsError(path)
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    stream = sealed(itertools.islice(Traffic(events, seed).drafts(), events), seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
            connection.execute(f"PRAGMA {pragma}")
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(name, '_no_')"
        guards = connection.execute(query).fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        fill(connection, stream, events)
        for _, definition in guards:
            connection.execute(definition)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")


def fill(connection: sqlite3.Connection, stream: Iterator[Event], events: int) -> None:
    began, done = time.monotonic(), 0
    inserts = {
        table: (
            f"INSERT INTO {table.name} ({', '.join(COLUMNS[table])}) "
            f"VALUES ({', '.join('?' * len(COLUMNS[table]))})"
        )
        for table in (cancel_audit, cancel_audit_order)
    }
    connection.execute("BEGIN")
    while batch := list(itertools.islice(stream, BATCH)):
        connection.executemany(inserts[cancel_audit], map(quickly_projected, batch))
        orders = (row for event in batch for row in project_orders(event))
        values = map(itemgetter(*COLUMNS[cancel_audit_order]), orders)
        connection.executemany(inserts[cancel_audit_order], values)
        done += len(batch)
        if done % (20 * BATCH) == 0:
            rate = done / (time.monotonic() - began)
            print(f"{done:,} of {events:,}, {rate:,.0f}/s", file=sys.stderr)
    connection.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    make(given.out, given.events, given.seed)


if __name__ == "__main__":
    main()
