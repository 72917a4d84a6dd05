"""Archived events as Parquet beside their bundle, as `audit export --what events` has them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mexc_plugin.audit.events import COLUMNS, Event, project
from mexc_plugin.cli.exporting.encoders import Parquet
from mexc_plugin.evidence.archiving import archive_files
from mexc_plugin.evidence.checking import decode
from mexc_plugin.evidence.offline.bundle_reading import Bundle
from mexc_plugin.store.schema.tables import cancel_audit

_ROWS = 2_000


def write_parquet(bundle: Path) -> None:
    """A new file, whole or none. Raises OSError, Problem."""
    with archive_files.writing(bundle.parent) as (put, publish), bundle.open("rb") as file:
        encoder = Parquet(put, cancel_audit, COLUMNS)
        try:
            events = _rows(Bundle(file))
            while rows := list(islice(events, _ROWS)):
                encoder.write(rows)
        except BaseException:
            encoder.abandon()
            raise
        encoder.close()
        publish(bundle.with_suffix(".parquet"))


def _rows(bundle: Bundle) -> Iterator[tuple[Any, ...]]:
    for writer_id in bundle.writers:
        for line in bundle.events(writer_id):
            seq = decode(line.payload)["seq"]
            row = project(Event(writer_id, seq, line.payload, line.prev_hash, line.hash))
            row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
            yield tuple(map(row.__getitem__, COLUMNS))
