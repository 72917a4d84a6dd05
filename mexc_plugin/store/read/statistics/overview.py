"""Everything that a reviewer is told about the attempts that the filters want, of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.statistics import counts, highlights
from mexc_plugin.store.read.statistics.counts import By, Groups
from mexc_plugin.store.read.statistics.highlights import Open, Reason, Repetitions
from mexc_plugin.store.read.statistics.tallies import Tally

MOST_BURSTS = 5
MOST_REPEATED = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """bursts: the busiest seconds, UTC, and how many attempts began in each; groups: as asked for."""

    total: Tally
    reasons: list[Reason]
    bursts: list[tuple[str, int]]
    repetitions: Repetitions
    open: Open
    groups: list[Groups]


def read(
    connection: Connection, filters: Filters, now: datetime, kinds: Sequence[By] = (By.OUTCOME,)
) -> Overview:
    """now: naive UTC, for the age of what is unresolved; kinds: at least one."""
    groups = counts.by(connection, filters, *kinds)
    return Overview(
        Tally.together(tally for _, tally in groups[0]),
        highlights.reasons(connection, filters),
        highlights.bursts(connection, filters, MOST_BURSTS),
        highlights.repetitions(connection, filters, MOST_REPEATED),
        highlights.count_unresolved(connection, filters, now),
        groups,
    )
