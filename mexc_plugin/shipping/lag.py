"""How far a target is behind a source."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from mexc_plugin.errors import MexcPluginError, StoreError, StoreMissing
from mexc_plugin.hosting.checks import Finding, alarm
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import name_of
from mexc_plugin.store.read import places, queries
from mexc_plugin.store.read.follow import heads, last_written
from mexc_plugin.store.schema import archives

# Events that wait for longer wait for somebody.
LATE_S = 300.0
# Whoever scrapes waits no longer.
SCRAPE_MS = 4_000


@dataclass(frozen=True, slots=True)
class Lag:
    """events: that are newer than the newest which the target has of their writer; 0 where it has all.

    oldest_ns: when the oldest of these happened, None where there is none; writers: whose they are.
    """

    events: int
    oldest_ns: int | None
    writers: int

    @property
    def seconds(self) -> float:
        """How long ago the oldest of these happened."""
        return 0.0 if self.oldest_ns is None else max(0.0, time.time() - self.oldest_ns / 1e9)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a monitor is told of a target. lag: None where it, or the source, cannot be read."""

    lag: Lag | None


def look(source: str, target: str) -> Shipped:
    """For a monitor: raises nothing but ConfigError, and takes seconds at most."""
    try:
        return Shipped(measure_lag(source, target, SCRAPE_MS))
    except StoreError:
        return Shipped(None)


def findings(source: str, target: str | None) -> Iterator[Finding]:
    """What `doctor` says: how new the record is, on either side, and how far the target is, where one is named."""
    try:
        with queries.reading(source) as connection:
            written = last_written(connection)
    except MexcPluginError:
        return  # said already
    if written:
        age = timedelta(seconds=max(0, round(time.time() - written[0][2] / 1e9)))
        yield Finding(f"record: its newest event is {age} old")
    if target is None:
        return
    name = name_of(target)
    try:
        lag = measure_lag(source, target)
    except MexcPluginError as error:
        yield alarm(f"shipping: {error}")
        return
    if not lag.events:
        yield Finding(f"shipping: {name} has all events")
        return
    is_late = lag.seconds > LATE_S
    yield Finding(
        f"shipping: {name} lacks {lag.events:,} event(s) of {lag.writers:,} writer(s), the oldest "
        f"{timedelta(seconds=round(lag.seconds))} old"
        + ("; see that this runs: mexc-plugin audit ship --follow" * is_late),
        needs_attention=is_late,
    )


def measure_lag(source: str, target: str, answer_ms: int = engines.ANSWER_TIMEOUT_MS) -> Lag:
    """Quick on any size: a few steps in the primary keys for each writer of the source.

    answer_ms: how long a server may say nothing.

    Late events, which fill a gap in front of others that are copied, are not in it until the next look of
    the shipper, which finds them. Raises ConfigError and StoreError.
    """
    with queries.reading(source, answer_ms) as here:
        newest = heads(here)
        there = _newest_there(target, list(newest), answer_ms)
        late = {
            writer_id: there.get(writer_id, 0)
            for writer_id, last in newest.items()
            if isinstance(last, int) and last > there.get(writer_id, 0)
        }
        oldest = places.oldest_behind(here, late)
    events = sum(newest[writer_id] - last for writer_id, last in late.items())
    return Lag(events, oldest, len(late))


def _newest_there(target: str, writer_ids: list[str], answer_ms: int) -> dict[str, int]:
    try:
        with queries.reading(target, answer_ms) as connection:
            found = places.newest(connection, writer_ids)
            for left in archives.read_left(connection):  # what it had is not missing
                found[left.writer_id] = max(left.last, found.get(left.writer_id, 0))
            return found
    except StoreMissing:
        return {}
