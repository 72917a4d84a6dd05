"""How far a target is behind a source."""

import time
from dataclasses import dataclass

from mexc_plugin.errors import StoreMissing
from mexc_plugin.store.read import places, queries
from mexc_plugin.store.read.follow import heads


@dataclass(frozen=True, slots=True)
class Lag:
    """events: that are newer than the newest which the target has of their writer; 0 where it has all.

    seconds: how long ago the oldest of these happened; writers: whose they are.
    """

    events: int
    seconds: float
    writers: int


def measure_lag(source: str, target: str) -> Lag:
    """Quick on any size: a few steps in the primary keys for each writer of the source.

    Late events, which fill a gap in front of others that are copied, are not in it until the next look of
    the shipper, which finds them. Raises ConfigError and StoreError.
    """
    with queries.reading(source) as here:
        newest = heads(here)
        there = _newest_there(target, list(newest))
        late = {
            writer_id: there.get(writer_id, 0)
            for writer_id, last in newest.items()
            if last > there.get(writer_id, 0)
        }
        oldest = places.oldest_behind(here, late)
    events = sum(newest[writer_id] - last for writer_id, last in late.items())
    seconds = 0.0 if oldest is None else max(0.0, time.time() - oldest / 1e9)
    return Lag(events, seconds, len(late))


def _newest_there(target: str, writer_ids: list[str]) -> dict[str, int]:
    try:
        with queries.reading(target) as connection:
            return places.newest(connection, writer_ids)
    except StoreMissing:
        return {}
