"""What a monitor asks of the record again and again, at a cost that does not grow with the record.

Newest and oldest come from the ends of indexes, what is unresolved from the part of one that holds it. What is counted
is counted since midnight UTC, over the index of times. Losses are looked for in the newest events of each writer of late.
Why a day and not everything: decision 0042.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import events, naive_utc
from mexc_plugin.audit.outcome import UNRESOLVED, Outcome
from mexc_plugin.store.connect.rows import Row, stream
from mexc_plugin.store.read import follow
from mexc_plugin.store.schema import tables

# Upper ends of the histogram's buckets, in microseconds; what is slower is in one more.
BUCKETS_US = (10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
              10_000_000, 30_000_000)  # fmt: skip
# No answer takes longer: what was asked for before midnight may be answered after it.
LONGEST = timedelta(hours=1)
# Where losses are looked for: in so many of the newest events of so many writers that wrote within a day.
LATE = timedelta(days=1)
WRITERS = 50
NEWEST = 1_000

_SEALED = ("writer_id", "seq", "payload", "prev_hash", "hash")

kept = tables.cancel_history.c


@dataclass(frozen=True, slots=True)
class Answered:
    """Attempts that were answered, or given up, since midnight UTC.

    outcomes: how many, by the outcome of the answer; latencies: how many in each bucket, none in two, the last the slowest.
    """

    outcomes: Mapping[str, int]
    latencies: tuple[int, ...]
    latency_sum_us: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """Times are naive UTC. open: unresolved attempts, by their outcome; oldest: when the first of them was asked for.

    newest: when the last attempt of each final outcome was asked for; last_event_ns: nanoseconds since the epoch.
    """

    answered: Answered
    open: Mapping[str, int]
    oldest: datetime | None
    newest: Mapping[str, datetime]
    last_event_ns: int | None
    lost: int


def read(connection: Connection, now: datetime) -> Gauges:
    """All of it. now: naive UTC."""
    counted, oldest = read_open(connection)
    last_event_ns, lost = read_ends(connection, now)
    return Gauges(
        _read_answered(connection, now.replace(hour=0, minute=0, second=0, microsecond=0)),
        counted,
        oldest,
        _read_newest(connection),
        last_event_ns,
        lost,
    )


def read_open(connection: Connection) -> tuple[dict[str, int], datetime | None]:
    """How many attempts of each unresolved outcome there are, and when the oldest was asked for."""
    outcomes = sorted(UNRESOLVED)
    query = (
        sa.select(kept.final_outcome, sa.func.count(), sa.func.min(kept.requested_at))
        .where(kept.final_outcome.in_(outcomes), kept.requested_at.is_not(None))
        .group_by(kept.final_outcome)
    )
    found = [(str(row[0]), int(row[1]), row[2]) for row in connection.execute(query)]
    counted = dict.fromkeys(outcomes, 0) | {outcome: number for outcome, number, _ in found}
    return counted, min((oldest for _, _, oldest in found), default=None)


def read_ends(connection: Connection, now: datetime) -> tuple[int | None, int]:
    """The time of the newest event in nanoseconds, and how many events writers of late say that they lost."""
    writers = follow.last_written(connection)
    since = naive_utc.to_ns(now - LATE)
    late = [(writer, seq) for writer, seq, at in writers[:WRITERS] if at >= since]
    lost = sum(_read_lost(connection, writer, seq) for writer, seq in late)
    return (writers[0][2] if writers else None), lost


def _read_lost(connection: Connection, writer_id: str, newest: int) -> int:
    column = tables.cancel_audit.c
    query = sa.select(tables.cancel_audit).where(
        column.writer_id == writer_id,
        column.seq > newest - NEWEST,
        # A quotation mark of somebody else's text is escaped, and does not match.
        column.payload.contains('"lost":', autoescape=True),
    )
    return sum(_losses(row) for row in stream(connection, query))


def _losses(row: Row) -> int:
    try:
        return events.losses(events.Event(*(row[name] for name in _SEALED)))
    except (ValueError, TypeError):
        return 0  # no event of a writer's: `audit verify` says what it is


def _read_newest(connection: Connection) -> dict[str, datetime]:
    parts = [
        sa.select(sa.literal(outcome.value).label("outcome"), sa.func.max(kept.requested_at))
        .where(kept.final_outcome == outcome.value)
        for outcome in Outcome
    ]  # fmt: skip
    found = connection.execute(sa.union_all(*parts))
    return {str(outcome): newest for outcome, newest in found if newest is not None}


def _read_answered(connection: Connection, midnight: datetime) -> Answered:
    bucket: Any = sa.case(
        *((kept.latency_us <= end, number) for number, end in enumerate(BUCKETS_US)),
        (kept.latency_us.is_not(None), len(BUCKETS_US)),
    )
    answered = (
        sa.select(kept.outcome, bucket.label("bucket"), kept.latency_us)
        .where(kept.requested_at >= midnight - LONGEST, kept.responded_at >= midnight)
        .subquery()
        .c
    )
    keys = answered.outcome, answered.bucket
    query = sa.select(*keys, sa.func.count(), sa.func.sum(answered.latency_us)).group_by(*keys)
    outcomes, latencies, total = Counter[str](), Counter[int](), 0
    for outcome, number, count, latency_us in connection.execute(query):
        outcomes[str(outcome)] += int(count)
        if number is not None:
            latencies[int(number)] += int(count)
            total += int(latency_us)
    ends = range(len(BUCKETS_US) + 1)
    return Answered(outcomes, tuple(latencies[number] for number in ends), total)
