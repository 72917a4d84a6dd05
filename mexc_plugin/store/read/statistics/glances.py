"""What somebody sees who looks at the record every few seconds. Its cost is that of `gauges`, and of the last hour."""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED
from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.follow import Follower
from mexc_plugin.store.read.history import history
from mexc_plugin.store.read.statistics import counts, gauges
from mexc_plugin.store.read.statistics.counts import By
from mexc_plugin.store.read.statistics.tallies import Tally

COUNTED = timedelta(hours=1)
FAILING = timedelta(days=1)
ROWS = 30
MOST_UNRESOLVED = 100


@dataclass(frozen=True, slots=True)
class Glance:
    """Rows are those of `cancel_history`, times naive UTC.

    changed: what was added to since the glance before, oldest first; newest, failing: newest first; unresolved: the oldest
    of `open` attempts, oldest first; hour: the attempts of the last hour; last_event_ns: nanoseconds since the epoch.
    """

    at: datetime
    changed: tuple[Row, ...]
    newest: tuple[Row, ...]
    failing: tuple[Row, ...]
    unresolved: tuple[Row, ...]
    open: int
    hour: Tally
    last_event_ns: int | None
    lost: int

    def ids(self) -> set[str]:
        """Of the cancels that there is room for."""
        rows = (*self.newest, *self.failing, *self.unresolved[:ROWS])
        return {str(row["cancel_id"]) for row in rows}


def read(connection: Connection, follower: Follower, now: datetime) -> Glance:
    """now: naive UTC. The follower knows what the glance before has seen."""
    failing = Filters(since=now - FAILING, outcomes=tuple(sorted(FAILED)))
    unresolved = Filters(outcomes=tuple(sorted(UNRESOLVED)))
    (hour,) = counts.by(connection, Filters(since=now - COUNTED), By.OUTCOME)
    counted, _ = gauges.read_open(connection)
    last_event_ns, lost = gauges.read_ends(connection, now)
    return Glance(
        at=now,
        newest=_rows(connection, Filters(), ROWS),
        failing=_rows(connection, failing, ROWS),
        unresolved=_rows(connection, unresolved, MOST_UNRESOLVED, oldest_first=True),
        open=sum(counted.values()),
        hour=Tally.together(tally for _, tally in hour),
        last_event_ns=last_event_ns,
        lost=lost,
        # Last: what it has handed out it does not hand out again.
        changed=tuple(follower.read_changed(connection, Filters())),
    )


def _rows(
    connection: Connection, filters: Filters, most: int, *, oldest_first: bool = False
) -> tuple[Row, ...]:
    with closing(history(connection, filters, most, oldest_first=oldest_first)) as rows:
        return tuple(rows)
