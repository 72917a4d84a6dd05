"""What is on record of a database: its rows, its spool files, and whether all of it is whole."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mexc_plugin.audit.events import Event
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import record
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_folder, spool_replay
from tests.store import whole

# What names a cancel both on the wire and in its signed URL.
NAMES = ("symbol", "orderId", "origClientOrderId", "timestamp")
Key = tuple[str, ...]


def key_of_arrival(params: dict[str, object]) -> Key:
    """A cancel as the venue saw it."""
    return tuple(str(params.get(name, "")) for name in NAMES)


def key_of_payload(payload: str) -> Key | None:
    """The same of an event; None for anything but a request."""
    document = json.loads(payload)
    if document["kind"] != "request":
        return None
    query = parse_qs(urlsplit(document["request"]["url"]).query)
    return tuple(query.get(name, [""])[0] for name in NAMES)


def arrived(log: Path, skip: int = 0) -> list[Key]:
    """The cancels in a venue's own log, from its line `skip` on."""
    if not log.exists():
        return []
    lines = log.read_text().splitlines()[skip:]
    return [key_of_arrival(json.loads(line)["params"]) for line in lines]


def spooled(url: str) -> list[Event]:
    """Every event in a spool file of that database."""
    return [event for path in spool_folder.files(url) for event in spool_replay.read(path).events]


def requests_of(payloads: list[str]) -> Counter[Key]:
    """How often each cancel is on record."""
    return Counter(key for key in map(key_of_payload, payloads) if key is not None)


def answers_of(payloads: list[str]) -> Counter[str]:
    """How many responses each order has on record."""
    documents = map(json.loads, payloads)
    return Counter(d.get("order_id") for d in documents if d["kind"] == "response")


def replay(url: str) -> int:
    """What `audit recover` does; returns how many events were stored."""
    database = Database(url, 5_000)
    try:
        return sum(stored for _path, stored, _torn in spool_replay.replay(url, database))
    finally:
        database.close()


def findings(url: str, writer_ids: set[str] | None = None) -> list[record.Finding]:
    """Everything that verify finds, about some writers or about all."""
    with queries.reading(url) as connection:
        rows = whole.read_chained(connection)
        if writer_ids is not None:
            rows = (row for row in rows if row["writer_id"] in writer_ids)
        return list(whole.verify(rows, record.Verifier()))


def events(url: str, kind: str) -> int:
    """How many events of a kind the database holds."""
    with queries.reading(url) as connection:
        statement = f"SELECT count(*) FROM cancel_audit WHERE kind = '{kind}'"
        return int(connection.exec_driver_sql(statement).scalar() or 0)


def doubled(url: str) -> int:
    """How many requests of one cancel and attempt the database holds more than once."""
    with queries.reading(url) as connection:
        statement = (
            "SELECT count(*) FROM (SELECT cancel_id, attempt FROM cancel_audit "
            "WHERE kind = 'request' GROUP BY cancel_id, attempt HAVING count(*) > 1) AS twice"
        )
        return int(connection.exec_driver_sql(statement).scalar() or 0)


def is_intact(path: Path) -> bool:
    """SQLite's own word on its file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def is_sqlite(url: str) -> bool:
    return engine.sqlite_path(url) is not None
